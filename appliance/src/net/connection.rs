//! One accepted connection: who may hold it, how long it may be silent, and what hyper drives on it.
//!
//! ```text
//! accepted -> waiting for a request head -> in flight <-> idle -> closed
//!                  | request_head             | stalled_write   | idle
//!                  v                          v                 v
//!                dropped                    dropped           said goodbye
//! ```
//!
//! hyper's own header timer also runs between two requests and would close idle connections as early as slow ones,
//! and HTTP/2 has none; so the times are kept here, for both. After an upgrade (WebSocket) the connection belongs to
//! signaling, which has its own heartbeat; only its slot stays counted here.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tower::ServiceExt;

use super::listener::ConnectionLimits;
use super::{LocalAddr, PeerAddr};

/// The largest request head and the most that HTTP/1.1 reads ahead, in bytes.
const HTTP1_BUFFER: usize = 32 * 1024;
/// Streams of one HTTP/2 connection at the same time: a page with all its files, and a few calls to the API.
const HTTP2_STREAMS: u32 = 64;
/// Bytes that a peer may send on one HTTP/2 stream, and on all of a connection, before they are read.
const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 256 * 1024;
/// The largest request head on HTTP/2, in bytes.
const HTTP2_HEAD: u32 = 16 * 1024;
/// How often a silent HTTP/2 peer is asked whether it lives, and how long it may take to answer.
const HTTP2_PING: Duration = Duration::from_secs(20);
/// How long an idle peer may take to hang up after it was told to.
const GOODBYE: Duration = Duration::from_secs(1);

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// Which protocol the peer and the box agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Why the box ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Nothing for so long; tell it and hang up.
    Idle,
    /// It began a request head and did not end it in time.
    SlowHead,
    /// It reads too slowly or not at all.
    SlowReader,
}

/// What happens on a connection, in milliseconds since it was accepted, plus one (0 means not now).
/// Atomics, because hyper owns the socket and the requests while the watcher only looks.
#[derive(Debug)]
struct Activity {
    accepted: Instant,
    in_flight: AtomicUsize,
    idle_since: AtomicU64,
    head_since: AtomicU64,
    write_since: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            accepted: Instant::now(),
            in_flight: AtomicUsize::new(0),
            idle_since: AtomicU64::new(1),
            // The first request is awaited from the start.
            head_since: AtomicU64::new(1),
            write_since: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn longer_than(&self, since: &AtomicU64, limit: Duration) -> bool {
        let since = since.load(Ordering::Relaxed);
        since != 0 && Duration::from_millis(self.now().saturating_sub(since)) >= limit
    }

    fn verdict(&self, protocol: Protocol, limits: &ConnectionLimits) -> Option<Verdict> {
        if self.longer_than(&self.write_since, limits.stalled_write) {
            return Some(Verdict::SlowReader);
        }
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return None;
        }
        // On HTTP/2 bytes between requests may be pings and window updates, so only idleness counts there.
        if protocol == Protocol::Http1 && self.longer_than(&self.head_since, limits.request_head) {
            return Some(Verdict::SlowHead);
        }
        self.longer_than(&self.idle_since, limits.idle).then_some(Verdict::Idle)
    }

    fn read_some(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 {
            // Only the first byte of a head starts its time, or one byte a second would hold it for ever.
            let _ = self.head_since.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn write_polled(&self, pending: bool) {
        if pending {
            let _ = self.write_since.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed);
        } else {
            self.write_since.store(0, Ordering::Relaxed);
        }
    }
}

/// A request from its head to the end of its response's body.
struct InFlight(Arc<Activity>);

impl InFlight {
    fn begin(activity: &Arc<Activity>) -> Self {
        activity.in_flight.fetch_add(1, Ordering::Relaxed);
        activity.head_since.store(0, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among the listener's connections. It is given back when the socket is gone, also after an upgrade.
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    listener: &'static str,
}

impl Slot {
    pub(super) fn new(permit: OwnedSemaphorePermit, listener: &'static str) -> Self {
        metrics::gauge!("callbox_net_connections", "listener" => listener).increment(1);
        Self { _permit: permit, listener }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        metrics::gauge!("callbox_net_connections", "listener" => self.listener).decrement(1);
    }
}

/// The socket with its place and its activity.
struct WatchedIo<T> {
    inner: T,
    activity: Arc<Activity>,
    _slot: Slot,
}

impl<T: AsyncRead + Unpin> AsyncRead for WatchedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.read_some();
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WatchedIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.activity.write_polled(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.activity.write_polled(polled.is_pending());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.activity.write_polled(polled.is_pending());
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A response body that keeps its request in flight until it is sent or given up.
pub(super) struct WatchedBody<B> {
    inner: B,
    _in_flight: InFlight,
}

impl<B: Body + Unpin> Body for WatchedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The service of one connection: adds the addresses to each request and keeps count.
struct PerConnection<S> {
    service: S,
    peer: PeerAddr,
    local: LocalAddr,
    activity: Arc<Activity>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for PerConnection<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    type Response = Response<WatchedBody<B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = InFlight::begin(&self.activity);
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(self.local);
        let service = self.service.clone();
        Box::pin(async move {
            let response = service.oneshot(request).await.map_err(Into::into)?;
            Ok(response.map(|inner| WatchedBody { inner, _in_flight: in_flight }))
        })
    }
}

/// The two ends of an accepted socket.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

/// Serves one connection until it ends, is upgraded, breaks a limit, or `stop` turns true and its last response is out.
pub(super) async fn serve<T, S, B>(
    io: T,
    protocol: Protocol,
    ends: Ends,
    service: S,
    slot: Slot,
    limits: Arc<ConnectionLimits>,
    mut stop: watch::Receiver<bool>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: tower::Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let activity = Arc::new(Activity::new());
    let io = TokioIo::new(WatchedIo { inner: io, activity: Arc::clone(&activity), _slot: slot });
    let service = PerConnection {
        service,
        peer: PeerAddr(ends.peer),
        local: LocalAddr(ends.local),
        activity: Arc::clone(&activity),
    };
    let builder = builder(protocol);
    let connection = builder.serve_connection_with_upgrades(io, service);
    tokio::pin!(connection);
    // A look as often as the shortest limit: a peer is dropped after one to two times its limit.
    let mut looks = tokio::time::interval(limits.request_head.min(limits.idle).min(limits.stalled_write));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = told(&mut stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = looks.tick() => match activity.verdict(protocol, &limits) {
                None => {}
                Some(Verdict::Idle) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(GOODBYE, connection).await;
                    return;
                }
                Some(why) => {
                    metrics::counter!("callbox_net_dropped_peers_total").increment(1);
                    tracing::debug!(?why, "dropped a slow peer");
                    return;
                }
            }
        }
    }
}

/// Waits until the listener stops; one that is gone has stopped.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn builder(protocol: Protocol) -> auto::Builder<TokioExecutor> {
    let builder = auto::Builder::new(TokioExecutor::new());
    // ALPN has already decided; guessing again would cost a buffer.
    let mut builder = match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_only(),
    };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .max_header_list_size(HTTP2_HEAD)
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    builder
}
