//! ETag and If-Match (RFC 9110 §8.8, §13.1). Answers are private to their user and checked again at every use;
//! nothing is ever shared between users.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callbox_core::wire::Code;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::problem::Problem;

/// The version that a client has seen, from `If-Match`; `None` without the header and for `*`.
pub(super) struct IfMatch(pub(super) Option<u64>);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        // A tag that this box never gave out matches no version, and versions begin with 1. Whether the body is
        // sound is said first.
        Ok(Self(Some(version(text).unwrap_or(0))))
    }
}

/// `"v3"`, `"3"`, `3`, `W/"v3"`, and our own `"v3-online"`.
fn version(text: &str) -> Option<u64> {
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let text = text.strip_prefix('v').unwrap_or(text);
    text.split_once('-').map_or(text, |(version, _)| version).parse().ok()
}

/// Whether the client has this very answer already.
fn has_it(headers: &HeaderMap, etag: &str) -> bool {
    let weak = |tag: &str| tag.trim().strip_prefix("W/").unwrap_or(tag.trim()).to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || weak(tag) == weak(etag))
}

/// What a conditional GET carries.
pub(super) struct Conditional(HeaderMap);

impl<S: Sync> FromRequestParts<S> for Conditional {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut headers = HeaderMap::new();
        for value in parts.headers.get_all(header::IF_NONE_MATCH) {
            headers.append(header::IF_NONE_MATCH, value.clone());
        }
        Ok(Self(headers))
    }
}

impl Conditional {
    /// 200 with a tag made of the answer's bytes, or 304.
    pub(super) fn answer<T: Serialize>(&self, value: &T) -> Response {
        let Ok(body) = serde_json::to_vec(value) else { return Problem::new(Code::Internal).into_response() };
        let hash = ring::digest::digest(&ring::digest::SHA256, &body);
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.as_ref().get(..12).unwrap_or_default()));
        self.tagged(&tag, body)
    }

    /// 200 with this tag, or 304.
    pub(super) fn answer_as<T: Serialize>(&self, tag: &str, value: &T) -> Response {
        let Ok(body) = serde_json::to_vec(value) else { return Problem::new(Code::Internal).into_response() };
        self.tagged(tag, body)
    }

    fn tagged(&self, tag: &str, body: Vec<u8>) -> Response {
        let mut response = if has_it(&self.0, tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("authorization"));
        if let Ok(tag) = HeaderValue::from_str(tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_version() {
        for text in ["\"v3\"", "\"3\"", "3", "W/\"v3\"", "\"v3-in_call\""] {
            assert_eq!(version(text), Some(3), "{text}");
        }
        for text in ["", "\"\"", "x", "v", "\"v-3\"", "3.0", "99999999999999999999"] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[test]
    fn weak_comparison_for_reading() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"a\", W/\"b\""));
        assert!(has_it(&headers, "\"a\"") && has_it(&headers, "\"b\"") && !has_it(&headers, "\"c\""));
    }
}
