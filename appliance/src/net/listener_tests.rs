//! The accept loops with real sockets on loopback and short limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::listener::{ConnectionLimits, serve_http, serve_https};
use super::local_ca::LocalCa;
use super::tests::{client, loopback, loopback_box};
use super::tls::server_config;
use super::{LocalAddr, PeerAddr};

/// No test waits longer than this for what must happen.
const DEADLINE: Duration = Duration::from_secs(10);

struct Running {
    addr: std::net::SocketAddr,
    ca: Arc<LocalCa>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    asked: Arc<AtomicUsize>,
}

fn limits() -> ConnectionLimits {
    ConnectionLimits { connections: 8, ..ConnectionLimits::default() }
}

/// Answers with the addresses; `/wait` waits for ever; `/flood` sends much.
async fn answer(
    request: Request<Incoming>,
    asked: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    asked.fetch_add(1, Ordering::SeqCst);
    match request.uri().path() {
        "/wait" => std::future::pending().await,
        "/flood" => Ok(Response::new(Full::new(vec![b'x'; 64 * 1024 * 1024].into()))),
        _ => {
            let peer = request.extensions().get::<PeerAddr>().unwrap().0;
            let local = request.extensions().get::<LocalAddr>().unwrap().0;
            Ok(Response::new(Full::new(format!("{peer} {local}").into())))
        }
    }
}

async fn start(limits: ConnectionLimits, tls: bool) -> Running {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let service = tower::service_fn(move |request| answer(request, Arc::clone(&counter)));
    let (ca, served) = loopback_box();
    let task = if tls {
        tokio::spawn(serve_https(listener, server_config(served).unwrap(), service, limits, shutdown))
    } else {
        tokio::spawn(serve_http(listener, service, limits, shutdown))
    };
    Running { addr, ca, stop, task, asked }
}

async fn tls(running: &Running, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut config = (*client(&running.ca)).clone();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(running.addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Whether the box hangs up, whatever it says first.
async fn hangs_up(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut rest = Vec::new();
    // A reset is a way of hanging up too.
    let _ =
        tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("the box did not hang up");
}

async fn read_until(stream: &mut (impl AsyncReadExt + Unpin), end: &str) -> String {
    let mut text = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&text).contains(end) {
            assert_ne!(
                stream.read_buf(&mut text).await.unwrap(),
                0,
                "closed after {:?}",
                String::from_utf8_lossy(&text)
            );
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("no answer");
    String::from_utf8(text).unwrap()
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("it did not happen");
}

#[tokio::test]
async fn requests_are_answered_and_know_their_addresses() {
    let running = start(limits(), true).await;
    let mut stream = tls(&running, b"http/1.1").await;
    let own = stream.get_ref().0.local_addr().unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let text = read_until(&mut stream, &format!("{own} {}", running.addr)).await;
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
    drop(stream);
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
}

#[tokio::test]
async fn http2_is_spoken_when_agreed() {
    let running = start(limits(), true).await;
    let mut stream = tls(&running, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(head[3], 4, "the first frame is SETTINGS (RFC 9113 section 3.4)");
}

#[tokio::test]
async fn a_client_that_only_knows_tls_1_2_is_refused() {
    let running = start(limits(), true).await;
    let mut stream = TcpStream::connect(running.addr).await.unwrap();
    // RFC 5246 section 7.4.1.2: version, random, no session, ECDHE-ECDSA-AES128-GCM-SHA256, no compression; then the
    // groups x25519 and P-256, and the signature ECDSA P-256 with SHA-256. Nothing of RFC 8446.
    let extensions = [0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17, 0, 13, 0, 4, 0, 2, 4, 3];
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, extensions.len() as u8]);
    hello.extend(extensions);
    let mut record = vec![0x16, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    stream.write_all(&record).await.unwrap();
    let mut alert = [0; 7];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut alert)).await.unwrap().unwrap();
    // Alert, fatal, protocol_version (RFC 8446 section 6).
    assert_eq!((alert[0], alert[5], alert[6]), (0x15, 2, 70), "{alert:?}");
}

#[tokio::test]
async fn a_silent_peer_is_dropped_before_during_and_after_the_handshake() {
    let short = Duration::from_millis(100);
    let running = start(ConnectionLimits { handshake: short, request_head: short, ..limits() }, true).await;
    let mut silent = TcpStream::connect(running.addr).await.unwrap();
    hangs_up(&mut silent).await;
    let mut half = TcpStream::connect(running.addr).await.unwrap();
    half.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    hangs_up(&mut half).await;
    hangs_up(&mut tls(&running, b"http/1.1").await).await;
    let mut slow = tls(&running, b"http/1.1").await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    hangs_up(&mut slow).await;
    assert_eq!(running.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_peer_that_drips_its_head_is_dropped() {
    let running =
        start(ConnectionLimits { request_head: Duration::from_millis(200), ..limits() }, false).await;
    let (mut read, mut write) = TcpStream::connect(running.addr).await.unwrap().into_split();
    let drip = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while write.write_all(b"G").await.is_ok() {
            ticks.tick().await;
        }
    });
    hangs_up(&mut read).await;
    drip.abort();
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_one_that_waits_for_its_answer() {
    let idle = Duration::from_millis(100);
    let running = start(ConnectionLimits { idle, ..limits() }, true).await;
    let mut waiting = tls(&running, b"http/1.1").await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    until(|| running.asked.load(Ordering::SeqCst) == 1).await;

    let mut used = tls(&running, b"http/1.1").await;
    used.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut used, "127.0.0.1").await;
    hangs_up(&mut used).await;
    hangs_up(&mut tls(&running, b"h2").await).await;

    // Both were closed for idleness after it, so the waiting one has outlived the limit.
    let mut byte = [0];
    let still = tokio::time::timeout(idle, waiting.read(&mut byte)).await;
    assert!(still.is_err(), "a waiting request was cut: {still:?}");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped() {
    let running = start(
        ConnectionLimits { stalled_write: Duration::from_millis(200), connections: 1, ..limits() },
        false,
    )
    .await;
    let mut deaf = TcpStream::connect(running.addr).await.unwrap();
    deaf.write_all(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    until(|| running.asked.load(Ordering::SeqCst) == 1).await;
    // Its place becomes free although it never hangs up itself.
    let wait = async {
        loop {
            let mut next = TcpStream::connect(running.addr).await.unwrap();
            let _ = next.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
            let mut text = String::new();
            if next.read_to_string(&mut text).await.is_ok() && text.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the place is still taken");
    drop(deaf);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_a_free_place_is_used_again() {
    let running = start(ConnectionLimits { connections: 2, ..limits() }, false).await;
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(running.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        read_until(&mut stream, "127.0.0.1").await;
        held.push(stream);
    }
    let mut third = TcpStream::connect(running.addr).await.unwrap();
    hangs_up(&mut third).await;
    assert_eq!(running.asked.load(Ordering::SeqCst), 2);

    drop(held.pop());
    let wait = async {
        loop {
            let mut next = TcpStream::connect(running.addr).await.unwrap();
            let mut byte = [0];
            if next.write_all(request).await.is_ok() && next.read(&mut byte).await.is_ok_and(|read| read == 1)
            {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the free place was not used");
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_cuts_what_does_not_end() {
    let running = start(ConnectionLimits { drain: Duration::from_millis(200), ..limits() }, true).await;
    let mut idle = tls(&running, b"http/1.1").await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut idle, "127.0.0.1").await;
    let mut waiting = tls(&running, b"http/1.1").await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    until(|| running.asked.load(Ordering::SeqCst) == 2).await;
    running.stop.send(()).unwrap();
    tokio::time::timeout(DEADLINE, running.task).await.expect("no stop").unwrap();
    hangs_up(&mut idle).await;
    hangs_up(&mut waiting).await;
    assert!(TcpStream::connect(running.addr).await.is_err(), "the port is still open");
}

#[tokio::test]
async fn a_head_too_large_is_refused() {
    let running = start(limits(), false).await;
    let mut stream = TcpStream::connect(running.addr).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    let _ = stream.write_all(head.as_bytes()).await;
    hangs_up(&mut stream).await;
    assert_eq!(running.asked.load(Ordering::SeqCst), 0);
}
