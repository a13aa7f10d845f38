//! Router-level tests: requests in, answers out, on a real store in a folder of its own, with a scripted exchange.
//! No sockets.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a script answers what it names and leaves the rest alone"
)]

mod accounts;
mod calls;
mod document;
mod faults;
mod sign_in;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use callbox_core::access::SetupCode;
use callbox_core::exchange::{Answer, Caller, Initiate, Initiated, Input};
use callbox_core::id::{CallId, UserId};
use callbox_core::unit::{Instant, Now, Timestamp};
use callbox_core::wire::{CallState, CallView, Code, Presence, PresenceView, Reject};
use ed25519_dalek::SigningKey;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::*;
use crate::accounts::{Authenticator, Clock, Passwords, TokenDesk};
use crate::mailbox::{Mailbox, Message, Query};
use crate::net::PeerAddr;
use crate::store::{Store, StoreOptions};

const ADMIN_PASSWORD: &str = "correct horse battery";
const SETUP_CODE: &str = "ABCD-2345";
/// 2027-01-15T08:00:00Z.
const START: i64 = 1_800_000_000_000;

/// A box with its HTTP side only. The clock stands still until a test moves it.
struct TestBox {
    router: Router,
    store: Store,
    tokens: Arc<TokenDesk>,
    millis: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
}

/// One answer.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    #[track_caller]
    fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// The answer is this problem, in every detail that all problems share.
    #[track_caller]
    fn problem(self, code: Code) -> Value {
        let body = self.json();
        assert_eq!(body["code"], code.as_str(), "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.status.as_u16(), code.status());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(body["status"], code.status());
        for field in ["type", "title", "detail"] {
            assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
        }
        assert_eq!(body.get("errors").is_some(), code == Code::InvalidInput);
        assert_eq!(self.headers.contains_key("retry-after"), matches!(self.status.as_u16(), 429 | 503));
        body
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

struct TestProbe {
    panics: bool,
}

impl Probe for TestProbe {
    fn ready(&self) -> bool {
        assert!(!self.panics, "secret detail");
        true
    }

    fn health(&self) -> HealthReport {
        let part = PartHealth { name: "store".into(), state: "up".into(), detail: Some("roomy".into()) };
        HealthReport { state: HealthState::Normal, substate: None, parts: vec![part] }
    }

    fn metrics(&self) -> String {
        "callbox_up 1\n".into()
    }
}

impl TestBox {
    /// Before the wizard, with generous rate limits.
    fn fresh() -> Self {
        Self::with(Gate::new(1_000_000, 1_000_000), |_| None)
    }

    /// `script` answers what the exchange is asked; `None` leaves it to the usual answers.
    fn with(gate: Gate, script: impl Fn(&Message) -> Option<Scripted> + Send + 'static) -> Self {
        Self::built(gate, script, TestProbe { panics: false })
    }

    fn built(
        gate: Gate,
        script: impl Fn(&Message) -> Option<Scripted> + Send + 'static,
        probe: TestProbe,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), StoreOptions::default(), Box::new(|_| {})).unwrap();
        let millis = Arc::new(AtomicI64::new(START));
        let clock = {
            let millis = Arc::clone(&millis);
            Clock::new(move || {
                let now = millis.load(Ordering::Relaxed);
                let since = Duration::from_millis(u64::try_from(now - START).unwrap());
                Now { instant: Instant::from_start(since), wall: Timestamp::from_millis(now) }
            })
        };
        let signing = SigningKey::from_bytes(&[4; 32]);
        let tokens = Arc::new(TokenDesk::new("testbox".into(), "k1".into(), signing, &[9; 32]));
        let authenticator = Authenticator::new(store.clone(), Arc::clone(&tokens), clock);
        let (mailbox, inbox) = Mailbox::new();
        tokio::spawn(drive(inbox, script));
        let identity = BoxIdentity { box_id: "testbox".into(), version: "0.0.0", features: vec!["calls"] };
        let state = ApiState {
            accounts: AccountsArea {
                store: store.clone(),
                authenticator,
                passwords: Passwords::feeble(),
                door: Arc::new(Door::new(32, SetupCode::parse(SETUP_CODE), || {})),
            },
            calls: CallsArea { store: store.clone(), mailbox },
            operations: OperationsArea {
                store: store.clone(),
                identity: Arc::new(identity),
                probe: Arc::new(probe),
            },
            gate,
        };
        Self { router: router(state), store, tokens, millis, _dir: dir }
    }

    /// Set up, with the admin's access token.
    async fn set_up() -> (Self, String) {
        let this = Self::fresh();
        let token = this.wizard().await;
        (this, token)
    }

    async fn wizard(&self) -> String {
        let answer = self.post("/api/setup", None, setup_body()).await.ok(201);
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    /// Makes a user and signs in: id and access token.
    async fn user(&self, admin: &str, name: &str) -> (String, String) {
        let body = json!({"username": name, "password": "password of a user", "displayName": name});
        let id = self.post("/api/users", Some(admin), body).await.ok(201)["id"].as_str().unwrap().to_owned();
        let answer = self.login(name, "password of a user").await.ok(200);
        (id, answer["accessToken"].as_str().unwrap().to_owned())
    }

    async fn login(&self, username: &str, password: &str) -> Reply {
        self.post("/api/auth/login", None, json!({"username": username, "password": password})).await
    }

    fn advance(&self, seconds: i64) {
        self.millis.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.send(request(Method::GET, path, token).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Reply {
        self.json(Method::POST, path, token, body).await
    }

    async fn json(&self, method: Method, path: &str, token: Option<&str>, body: Value) -> Reply {
        let request = request(method, path, token).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn send(&self, mut request: Request<Body>) -> Reply {
        if request.extensions().get::<PeerAddr>().is_none() {
            request.extensions_mut().insert(PeerAddr(SocketAddr::from(([192, 0, 2, 7], 4000))));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        for name in ["content-security-policy", "x-content-type-options", "cache-control"] {
            assert!(parts.headers.contains_key(name), "{name}");
        }
        Reply { status: parts.status, headers: parts.headers, bytes }
    }
}

fn request(method: Method, path: &str, token: Option<&str>) -> http::request::Builder {
    let builder = Request::builder().method(method).uri(path).header("host", "box.local:8443");
    match token {
        Some(token) => builder.header("authorization", format!("Bearer {token}")),
        None => builder,
    }
}

fn setup_body() -> Value {
    json!({"code": SETUP_CODE, "boxName": "Office", "admin":
        {"username": "Admin", "password": ADMIN_PASSWORD, "displayName": "The Admin"}})
}

/// What a test lets the exchange say.
enum Scripted {
    Answer(Result<Answer, Reject>),
    Call(Option<Box<CallView>>),
    Calls(Vec<CallView>),
    Presence(Vec<PresenceView>),
}

/// Stands for the driver: answers from the script, otherwise as an idle exchange does.
async fn drive(mut inbox: mpsc::Receiver<Message>, script: impl Fn(&Message) -> Option<Scripted>) {
    while let Some(message) = inbox.recv().await {
        let scripted = script(&message);
        match message {
            Message::Opened(_) => {}
            Message::Input { input, reply } => {
                let Some((_, reply)) = reply else { continue };
                let answer = match scripted {
                    Some(Scripted::Answer(answer)) => answer,
                    _ => usual(&input),
                };
                reply.answer(answer);
            }
            Message::Query(Query::Call { reply, .. }) => {
                let _ = reply.send(if let Some(Scripted::Call(call)) = scripted { call } else { None });
            }
            Message::Query(Query::CallsOf { reply, .. }) => {
                let _ =
                    reply.send(if let Some(Scripted::Calls(calls)) = scripted { calls } else { Vec::new() });
            }
            Message::Query(Query::Presence { reply }) => {
                let views = if let Some(Scripted::Presence(views)) = scripted { views } else { Vec::new() };
                let _ = reply.send(views);
            }
            Message::Query(Query::Quiet { reply }) => {
                let _ = reply.send(());
            }
            Message::Query(Query::Counts { reply }) => {
                let _ = reply.send(Default::default());
            }
        }
    }
}

fn usual(input: &Input) -> Result<Answer, Reject> {
    match input {
        Input::Initiate { request: Initiate { target, call, room, .. }, .. }
            if *target != UserId::UNKNOWN =>
        {
            Ok(Answer::Initiated(Initiated {
                call: *call,
                room: *room,
                state: CallState::Connecting,
                callee_online: false,
                expires_at: Timestamp::from_millis(START + 30_000),
            }))
        }
        _ => Err(Code::NotFound.into()),
    }
}

fn caller_of(store: &Store, name: &str) -> UserId {
    store.read().unwrap().user_by_username(name).unwrap().unwrap().id
}
