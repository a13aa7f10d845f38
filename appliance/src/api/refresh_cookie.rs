//! A browser's refresh token: a cookie that scripts cannot read and other sites cannot send (RFC 6265bis).

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;

/// Takes the cookie away.
pub(super) const CLEARED: &str =
    "callbox_refresh=; Path=/api/auth; Max-Age=0; HttpOnly; Secure; SameSite=Strict";

/// 400 days, the longest that browsers keep one; a session itself does not end by time.
pub(super) fn cookie(token: &str) -> String {
    format!("callbox_refresh={token}; Path=/api/auth; Max-Age=34560000; HttpOnly; Secure; SameSite=Strict")
}

/// The refresh token that a browser sent along, if it sent it from our own pages.
pub(super) struct RefreshCookie(pub(super) Option<String>);

impl<S: Sync> FromRequestParts<S> for RefreshCookie {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // SameSite=Strict keeps other sites out; this also keeps other ports of the same name out.
        let site = parts.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return Ok(Self(None));
        }
        let token = parts
            .headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .find_map(|pair| pair.trim().strip_prefix("callbox_refresh="))
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        Ok(Self(token))
    }
}
