//! Engine.IO keeps the head of a connection's first request as long as the connection lives. Cookies, user agents
//! and `Authorization` would stay in memory with every idle phone, so they are taken off first.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Request};
use socketioxide::layer::SocketIoLayer;
use socketioxide::service::SocketIoService;
use tower::{Layer, Service};

/// Where Socket.IO lives.
const PATH: &str = "/socket.io";
/// What the transports look at.
const KEPT: [HeaderName; 6] =
    [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE];

/// Puts Socket.IO around the inner service.
#[derive(Clone)]
pub struct LeanRequestLayer {
    socket_io: SocketIoLayer,
    door: Door,
}

/// Who may open another transport, and where the others are sent.
#[derive(Clone)]
pub struct Door {
    /// Asked once for every new Engine.IO session, with what the listener knows of the connection.
    pub admits: Arc<dyn Fn(&http::Extensions) -> bool + Send + Sync>,
    /// A path of the inner service that answers 429.
    pub refused: &'static str,
}

impl LeanRequestLayer {
    pub(super) const fn new(socket_io: SocketIoLayer, door: Door) -> Self {
        Self { socket_io, door }
    }
}

impl<S: Clone> Layer<S> for LeanRequestLayer {
    type Service = LeanRequest<SocketIoService<S>>;
    fn layer(&self, inner: S) -> Self::Service {
        LeanRequest { inner: self.socket_io.layer(inner), door: self.door.clone() }
    }
}

/// Takes the headers off that Socket.IO does not need, only on its own path.
#[derive(Clone)]
pub struct LeanRequest<S> {
    inner: S,
    door: Door,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for LeanRequest<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if request.uri().path().starts_with(PATH) {
            let all = std::mem::take(request.headers_mut());
            *request.headers_mut() = lean(all);
            // A session costs memory before anybody has signed in.
            let is_new = !request.uri().query().unwrap_or_default().contains("sid=");
            if is_new && !(self.door.admits)(request.extensions()) {
                *request.uri_mut() = http::Uri::from_static(self.door.refused);
            }
        }
        self.inner.call(request)
    }
}

fn lean(mut all: HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(KEPT.len());
    for name in KEPT {
        if let Some(value) = all.remove(&name) {
            kept.insert(name, value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_transport_needs_is_kept() {
        let mut all = HeaderMap::new();
        for name in ["cookie", "authorization", "user-agent", "upgrade", "sec-websocket-key"] {
            all.insert(name, http::HeaderValue::from_static("x"));
        }
        let kept = lean(all);
        let mut names: Vec<_> = kept.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["sec-websocket-key", "upgrade"]);
    }
}
