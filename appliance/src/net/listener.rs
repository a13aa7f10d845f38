//! The accept loops of https and of the plain port: a bounded number of connections, each with its limits.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use nix::sys::socket::{setsockopt, sockopt};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::canonical;
use super::connection::{self, BoxError, Ends, Protocol, Slot};
use super::tls::BUFFER_LIMIT;

/// How long to wait when the machine has no file or memory for one more connection.
const BACK_OFF: Duration = Duration::from_millis(200);

/// What one listener and each of its connections may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at the same time; one more is closed at once.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the head of an HTTP/1.1 request, from its first byte; of the first request, from the handshake.
    pub request_head: Duration,
    /// Without a request.
    pub idle: Duration,
    /// Without the peer taking a byte that waits for it.
    pub stalled_write: Duration,
    /// For running requests when the box stops.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            handshake: Duration::from_secs(10),
            request_head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stalled_write: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// Serves https on `listener` until `shutdown`, then lets running requests end within `limits.drain`.
///
/// `service` finds [`super::PeerAddr`] and [`super::LocalAddr`] in the extensions of each request. An upgraded connection
/// (WebSocket) is the service's own to close; its place stays taken until then.
pub async fn serve_https<S, B>(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    service: S,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) where
    S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let acceptor = TlsAcceptor::from(tls);
    let limits = Arc::new(limits);
    let each = |stream: TcpStream, ends, slot, stop| {
        let (acceptor, service, limits) = (acceptor.clone(), service.clone(), Arc::clone(&limits));
        async move {
            let handshake = acceptor.accept_with(stream, |tls| tls.set_buffer_limit(Some(BUFFER_LIMIT)));
            match tokio::time::timeout(limits.handshake, handshake).await {
                Ok(Ok(stream)) => {
                    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let protocol = if h2 { Protocol::Http2 } else { Protocol::Http1 };
                    connection::serve(stream, protocol, ends, service, slot, limits, stop).await;
                }
                Ok(Err(error)) => {
                    metrics::counter!("callbox_net_failed_handshakes_total").increment(1);
                    tracing::debug!(%error, "a TLS handshake failed");
                }
                Err(_) => {
                    metrics::counter!("callbox_net_dropped_peers_total").increment(1);
                    tracing::debug!("dropped a peer that did not finish its TLS handshake");
                }
            }
        }
    };
    accept_loop(listener, "https", &limits, shutdown, each).await;
}

/// Serves plain HTTP/1.1 in the same way.
pub async fn serve_http<S, B>(
    listener: TcpListener,
    service: S,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) where
    S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let limits = Arc::new(limits);
    let each = |stream, ends, slot, stop| {
        connection::serve(stream, Protocol::Http1, ends, service.clone(), slot, Arc::clone(&limits), stop)
    };
    accept_loop(listener, "http", &limits, shutdown, each).await;
}

async fn accept_loop<F>(
    listener: TcpListener,
    name: &'static str,
    limits: &ConnectionLimits,
    shutdown: impl Future<Output = ()>,
    each: impl Fn(TcpStream, Ends, Slot, watch::Receiver<bool>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let (stop, stopped) = watch::channel(false);
    // Bounded by the places above.
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!(listener = name, "a connection panicked");
                }
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_about_one_peer(&error) => continue,
            Err(error) => {
                tracing::warn!(listener = name, %error, "cannot accept connections for a moment");
                tokio::select! {
                    () = &mut shutdown => break,
                    () = tokio::time::sleep(BACK_OFF) => continue,
                }
            }
        };
        let Ok(permit) = Arc::clone(&places).try_acquire_owned() else {
            metrics::counter!("callbox_net_refused_connections_total", "listener" => name).increment(1);
            continue;
        };
        // A socket whose own address is already gone is gone.
        let Ok(local) = stream.local_addr() else { continue };
        prepare(&stream, limits);
        let ends = Ends { peer: canonical(peer), local: canonical(local) };
        connections.spawn(each(stream, ends, Slot::new(permit, name), stopped.clone()));
    }
    drop(listener);
    stop.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, all).await.is_err() {
        tracing::info!(listener = name, "connections were still open at the end of the stop and are cut");
    }
    connections.shutdown().await;
}

fn prepare(stream: &TcpStream, limits: &ConnectionLimits) {
    // Without these the connection is slower, not wrong.
    let _ = stream.set_nodelay(true);
    // The kernel drops a peer that takes nothing, also after an upgrade, when nobody here looks any more.
    let millis = u32::try_from(limits.stalled_write.as_millis()).unwrap_or(u32::MAX);
    let _ = setsockopt(stream, sockopt::TcpUserTimeout, &millis);
}

/// The peer gave up before it was accepted (accept(2), "Error handling").
fn is_about_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
