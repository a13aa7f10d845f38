//! What every answer carries: what a browser may do with it, and that nobody keeps it unless it says so. Requests
//! are counted here, by route and never by address.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use callbox_core::wire::Code;
use http::{HeaderName, HeaderValue, header};

use super::problem::Problem;

/// Nothing from elsewhere, nothing inline; blobs for pictures and recordings that the page itself made.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; font-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(self), geolocation=()"),
];

pub(super) async fn finish(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let route = route.map_or_else(|| "other".to_owned(), |route| route.as_str().to_owned());
    let status = response.status().as_u16().to_string();
    metrics::counter!("callbox_api_requests_total", "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("callbox_api_request_seconds", "route" => route)
        .record(start.elapsed().as_secs_f64());
    response
}

/// A panic in a handler ends that request, not the connection. Its text stays in the log of the panic hook.
pub(super) fn panicked(_: Box<dyn std::any::Any + Send>) -> http::Response<Body> {
    tracing::error!("a request handler panicked");
    Problem::new(Code::Internal).into_response()
}
