//! Real connections on loopback against a stub in the driver's place.

mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use callbox_core::exchange::{Answer, CloseReason, Input};
use callbox_core::id::{CallId, DeviceId, SessionId, SocketId, UserId};
use callbox_core::unit::Timestamp;
use callbox_core::wire::{
    CallState, CallStateChange, ClientEvent, Code, Description, IceRelay, IncomingCall, Media, Party,
    SdpType, ServerEvent,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tower::Layer;

use super::*;
use crate::mailbox::{Closing, Message, Opened};
use client::Client;

const CALL: CallId = CallId::from_bytes([7; 16]);
const DEADLINE: Duration = Duration::from_secs(10);

fn caller() -> Caller {
    Caller {
        session: SessionId::from_random([1; 16]),
        device: DeviceId::from_random([2; 16]),
        user: UserId::from_random([3; 16]),
    }
}

struct Server {
    addr: SocketAddr,
    inbox: mpsc::Receiver<Message>,
    sockets: Sockets,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let (mailbox, inbox) = Mailbox::new();
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let authenticate: Arc<Authenticate> = Arc::new(move |token| match token {
            "good" => Ok(caller()),
            // A session that ends right after its token was looked at.
            "brief" if asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => Ok(caller()),
            "brief" => Err(Code::SessionRevoked),
            "old" => Err(Code::TokenExpired),
            "gone" => Err(Code::SessionRevoked),
            _ => Err(Code::Unauthorized),
        });
        let (layer, sockets) =
            layer(mailbox, authenticate, limits, Door { admits: Arc::new(|_| true), refused: "/" });
        let rest = axum::Router::new().route("/rest", axum::routing::get(async || "rest"));
        let service = layer.layer(rest);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // As the box's listener does: a peer that takes nothing loses its connection.
                setsockopt(&stream, sockopt::TcpUserTimeout, &1000).unwrap();
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { addr, inbox, sockets }
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(DEADLINE, self.inbox.recv())
            .await
            .expect("nothing arrived")
            .expect("inbox closed")
    }

    async fn opened(&mut self) -> Box<Opened> {
        let message = self.next().await;
        let Message::Opened(opened) = message else { panic!("{message:?}") };
        opened
    }

    async fn connected(&mut self) -> (Client, Box<Opened>) {
        let client = Client::connect(self.addr, r#"{"token":"good"}"#).await.unwrap();
        let opened = self.opened().await;
        (client, opened)
    }

    async fn closed(&mut self) -> SocketId {
        let message = self.next().await;
        let Message::Input { input: Input::SocketClosed { socket }, reply: None } = message else {
            panic!("{message:?}")
        };
        socket
    }
}

fn candidate(index: usize) -> String {
    format!(r#"["ice-candidate",{{"callId":"{CALL}","candidate":{{"candidate":"c{index}"}}}}]"#)
}

fn state_event() -> Arc<ServerEvent> {
    Arc::new(ServerEvent::CallState(CallStateChange { call_id: CALL, state: CallState::InCall, error: None }))
}

fn ring() -> Arc<ServerEvent> {
    let id = UserId::from_random([9; 16]);
    Arc::new(ServerEvent::IncomingCall(IncomingCall {
        call_id: CALL,
        room_id: callbox_core::id::RoomId::from_random([8; 16]),
        caller_id: id,
        caller: Party { id, display_name: "x".to_owned(), extension: None },
        media: Media { audio: true, video: false },
        offer: Description { kind: SdpType::Offer, sdp: "v=0".to_owned() },
        expires_at: Timestamp::from_millis(0),
    }))
}

impl Client {
    /// The Engine.IO connection, without a Socket.IO handshake.
    async fn open(addr: SocketAddr) -> Self {
        Self::over(tokio::net::TcpStream::connect(addr).await.unwrap()).await
    }

    async fn connect(addr: SocketAddr, auth: &str) -> Result<Self, String> {
        Self::connect_to(addr, "", auth).await
    }

    async fn connect_to(addr: SocketAddr, namespace: &str, auth: &str) -> Result<Self, String> {
        Self::open(addr).await.join(namespace, auth).await
    }
}

/// One HTTP request on its own connection; gives the whole answer as text.
async fn http(addr: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: box\r\nconnection: close\r\ncookie: secret\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    answer
}

#[tokio::test]
async fn the_handshake_lets_in_or_names_the_code() {
    let mut server = Server::start(Limits::default()).await;
    let resume = r#"{"token":"good","resume":{"epoch":"e","seq":7}}"#;
    let _client = Client::connect(server.addr, resume).await.unwrap();
    let opened = server.opened().await;
    assert_eq!(opened.caller, caller());
    assert_eq!(opened.resume.as_ref().map(|resume| resume.seq), Some(7));
    for (auth, code) in [
        (r#"{"token":"old"}"#, "token_expired"),
        (r#"{"token":"gone"}"#, "session_revoked"),
        (r#"{"token":"forged"}"#, "unauthorized"),
        (r#"{"token":7}"#, "unauthorized"),
        (r#"{}"#, "unauthorized"),
        ("", "unauthorized"),
    ] {
        let refused = Client::connect(server.addr, auth).await.err().unwrap();
        assert_eq!(refused, format!(r#"{{"message":"{code}"}}"#), "{auth}");
    }
    let elsewhere = Client::connect_to(server.addr, "/admin,", r#"{"token":"good"}"#).await.err().unwrap();
    assert_eq!(elsewhere, r#"{"message":"Invalid namespace"}"#);
    assert!(server.inbox.try_recv().is_err(), "nobody else reached the driver");
}

#[tokio::test]
async fn a_session_that_ends_during_the_handshake_keeps_no_socket() {
    let mut server = Server::start(Limits::default()).await;
    let mut client = Client::connect(server.addr, r#"{"token":"brief"}"#).await.unwrap();
    let opened = server.opened().await;
    assert_eq!(server.closed().await, opened.socket);
    assert_eq!(client.text().await, "41", "the box says goodbye");
}

// With several threads, tasks per event would overtake each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_candidates_arrive_in_order() {
    let mut server = Server::start(Limits::default()).await;
    // The other side of the relay, in the stub's hands.
    let (mut to, to_opened) = server.connected().await;
    let (mut from, _) = server.connected().await;
    let mut relayed = Vec::new();
    for index in 0..200 {
        from.send(&format!("42{index}{}", candidate(index))).await;
    }
    for _ in 0..200 {
        let Message::Input { input: Input::Client { event, .. }, reply: Some((_, replier)) } =
            server.next().await
        else {
            panic!("not an event")
        };
        let ClientEvent::IceCandidate(report) = event else { panic!("{event:?}") };
        let relay = IceRelay { call_id: CALL, from_user_id: caller().user, candidate: report.candidate };
        // Drained as it goes: the queue of 128 is not what is tested here.
        to_opened.line.emit(1, &Arc::new(ServerEvent::IceCandidate(relay)), false).unwrap();
        replier.answer(Ok(Answer::Done));
        let got = to.event().await;
        assert_eq!(got[0], "ice-candidate");
        relayed.push(got[1]["candidate"]["candidate"].as_str().unwrap().to_owned());
    }
    assert_eq!(relayed, (0..200).map(|index| format!("c{index}")).collect::<Vec<_>>());
    for index in 0..200 {
        assert_eq!(from.ack().await, (index, serde_json::json!([{"ok": true}])));
    }
}

#[tokio::test]
async fn what_is_wrong_is_answered_by_an_ack() {
    let mut server = Server::start(Limits::default()).await;
    let (mut client, _) = server.connected().await;
    let oversize =
        format!(r#"42["end-call",{{"callId":"{}"}}]"#, "x".repeat(MAX_MESSAGE_BYTES)).replace("42[", "423[");
    let huge_sdp = format!(
        r#"425["accept-call",{{"callId":"{CALL}","answer":{{"type":"answer","sdp":"v=0{}"}}}}]"#,
        "x".repeat(64 * 1024)
    );
    let long_name = format!(r#"427["{}",{{}}]"#, "n".repeat(10_000));
    for (text, id, code) in [
        (r#"421["nonsense",{}]"#, 1, "unknown_event"),
        (r#"422["end-call",{"callId":7}]"#, 2, "invalid_input"),
        (oversize.as_str(), 3, "payload_too_large"),
        (r#"424["end-call"]"#, 4, "invalid_input"),
        (huge_sdp.as_str(), 5, "payload_too_large"),
        (r#"426["end-call",{"callId":"x"}] trailing"#, 6, "malformed_json"),
        (long_name.as_str(), 7, "unknown_event"),
    ] {
        client.send(text).await;
        let (got, body) = client.ack().await;
        assert_eq!((got, body[0]["ok"].as_bool()), (id, Some(false)), "{code}");
        assert_eq!(body[0]["error"]["code"], code);
        assert!(body[0]["error"]["detail"].as_str().is_some_and(|detail| detail.len() > 10));
    }
    client.send(r#"451-8["end-call",{"_placeholder":true,"num":0}]"#).await;
    client.send_binary(b"xx").await;
    assert_eq!(client.ack().await.1[0]["error"]["code"], "invalid_input");
    assert!(server.inbox.try_recv().is_err(), "nothing of it reached the driver");
    client.send(&format!(r#"429["end-call",{{"callId":"{CALL}"}}]"#)).await;
    assert!(
        matches!(server.next().await, Message::Input { input: Input::Client { .. }, .. }),
        "still connected"
    );
}

#[tokio::test]
async fn broken_json_closes_only_its_own_connection() {
    let mut server = Server::start(Limits::default()).await;
    let (mut good, good_opened) = server.connected().await;
    let (mut bad, bad_opened) = server.connected().await;
    bad.send(r#"421["end-call",{"callId":"#).await;
    assert_eq!(server.closed().await, bad_opened.socket);
    bad.until_closed().await;
    good_opened.line.emit(1, &state_event(), false).unwrap();
    assert_eq!(good.event().await[0], "call-state");
}

#[tokio::test]
async fn a_flood_is_refused_and_the_pace_comes_back() {
    let limits = Limits { pace: Pace { per_second: 50, burst: 5 }, ..Limits::default() };
    let mut server = Server::start(limits).await;
    let (mut client, _) = server.connected().await;
    for id in 0..50 {
        client.send(&format!(r#"42{id}["app-state",{{"state":"background"}}]"#)).await;
    }
    let mut refused = 0;
    let mut taken = 0;
    while refused + taken < 50 {
        tokio::select! {
            message = server.next() => {
                let Message::Input { reply: Some((_, replier)), .. } = message else { panic!("{message:?}") };
                replier.answer(Ok(Answer::Done));
            }
            (_, body) = client.ack() => match body[0]["error"]["code"].as_str() {
                None => taken += 1,
                code => {
                    assert_eq!(code, Some("rate_limited"));
                    refused += 1;
                }
            }
        }
    }
    assert!(taken >= 5 && refused > 0, "taken {taken}, refused {refused}");
}

#[tokio::test]
async fn a_ring_reports_its_ack_and_a_missing_ack_is_silent() {
    let limits = Limits { ring_ack_timeout: Duration::from_millis(50), ..Limits::default() };
    let mut server = Server::start(limits).await;
    let (mut client, opened) = server.connected().await;
    for empty in ["[]", "[{\"ok\":true}]"] {
        opened.line.emit(1, &ring(), true).unwrap();
        let (id, event) = client.event_with_ack().await;
        assert_eq!(event[0], "incoming-call");
        assert_eq!(event[1]["seq"], 1);
        client.send(&format!("43{id}{empty}")).await;
        let message = server.next().await;
        let Message::Input { input: Input::RingAcked { socket, call }, .. } = message else {
            panic!("{message:?}")
        };
        assert_eq!((socket, call), (opened.socket, CALL));
    }
    opened.line.emit(3, &ring(), true).unwrap();
    client.event_with_ack().await;
    let silence = tokio::time::timeout(Duration::from_millis(200), server.inbox.recv()).await;
    assert!(silence.is_err(), "no ack, no report");
}

#[tokio::test]
async fn the_driver_can_close_a_socket_and_the_client_is_told() {
    let mut server = Server::start(Limits::default()).await;
    let (mut client, opened) = server.connected().await;
    opened.line.close(Closing::Asked(CloseReason::SessionGone));
    assert_eq!(client.text().await, "41", "a Socket.IO disconnect packet");
    assert_eq!(server.closed().await, opened.socket);
    assert!(opened.line.emit(1, &state_event(), false).is_err());
}

#[tokio::test]
async fn a_client_that_leaves_is_reported_once() {
    let mut server = Server::start(Limits::default()).await;
    let (client, opened) = server.connected().await;
    drop(client);
    assert_eq!(server.closed().await, opened.socket);
    let (mut client, opened) = server.connected().await;
    client.send("41").await;
    assert_eq!(server.closed().await, opened.socket);
    drop(client);
    let again = tokio::time::timeout(Duration::from_millis(100), server.inbox.recv()).await;
    assert!(again.is_err());
}

#[tokio::test]
async fn a_client_that_never_reads_is_dropped() {
    let limits = Limits {
        ping_interval: Duration::from_millis(200),
        ping_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut server = Server::start(limits).await;
    let (client, opened) = server.connected().await;
    let sdp = format!("v=0{}", "x".repeat(60_000));
    let mut event = (*ring()).clone();
    if let ServerEvent::IncomingCall(ring) = &mut event {
        ring.offer.sdp = sdp;
    }
    let event = Arc::new(event);
    let mut queued = 0;
    let full = async {
        // The kernel takes some megabytes before the queue of the socket fills.
        while opened.line.emit(queued, &event, false).is_ok() {
            queued += 1;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, full).await.expect("the queue has no end");
    opened.line.close(Closing::TooSlow);
    // Still connected and still not reading, and yet the socket goes.
    assert_eq!(server.closed().await, opened.socket);
    let weak = Arc::downgrade(&event);
    drop((opened, event));
    assert!(weak.upgrade().is_none());
    drop(client);
}

#[tokio::test]
async fn polling_works_and_a_silent_connection_without_handshake_ends() {
    let limits = Limits { connect_timeout: Duration::from_millis(200), ..Limits::default() };
    let mut server = Server::start(limits).await;
    let mut idle = Client::open(server.addr).await;
    idle.until_closed().await;
    let open = http(server.addr, "GET", "/socket.io/?EIO=4&transport=polling", "").await;
    let sid = open.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(open.contains(&format!(r#""maxPayload":{}"#, 256 * 1024)), "{open}");
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert!(http(server.addr, "POST", &path, r#"40{"token":"good"}"#).await.ends_with("ok"));
    let opened = server.opened().await;
    opened.line.emit(1, &state_event(), false).unwrap();
    let mut polled = String::new();
    while !polled.contains("call-state") {
        polled += &http(server.addr, "GET", &path, "").await;
    }
    assert!(polled.contains(r#"40{"sid":""#), "{polled}");
    assert!(http(server.addr, "GET", "/rest", "").await.ends_with("rest"), "other paths are not ours");
}

#[tokio::test]
async fn closing_all_sockets_ends_every_connection() {
    let mut server = Server::start(Limits::default()).await;
    let (mut one, _) = server.connected().await;
    let (mut two, _) = server.connected().await;
    server.sockets.close(DEADLINE).await;
    one.until_closed().await;
    two.until_closed().await;
}
