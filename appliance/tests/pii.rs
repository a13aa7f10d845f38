//! No name, number, address, password or token reaches the log, not even at the most talkative level.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends by panicking")]

#[allow(dead_code, reason = "shared by the tests, each of which uses a part")]
mod phone;

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callbox::app;
use callbox::metrics::Exposition;
use callbox_core::settings::{Directory, Settings};
use phone::Phone;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Personal data that the script uses. None of them may be a part of an honest log line.
const MARKERS: [&str; 12] = [
    "marker-admin",
    "marker-ada",
    "marker-ben",
    "Ada Marker",
    "Ben Marker",
    "Marker Phone",
    "Marker Office",
    "marker-secret",
    "473829",
    "203.0.113.77",
    "198.51.100.23",
    "127.0.0.1",
];

/// Everything that was logged under the box's own targets.
#[derive(Clone, Default)]
struct Caught(Arc<Mutex<String>>);

impl<S: Subscriber> Layer<S> for Caught {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("callbox") {
            event.record(&mut Line(&mut self.0.lock().unwrap()));
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().target().starts_with("callbox") {
            attributes.record(&mut Line(&mut self.0.lock().unwrap()));
        }
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0, "{}={value:?}", field.name()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_and_a_call_leave_no_personal_data_in_the_log() {
    let caught = Caught::default();
    tracing_subscriber::registry().with(caught.clone()).init();
    let dir = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.this_box.data_dir = Directory(dir.path().join("data"));
    settings.listen.https = "127.0.0.1:0".parse().unwrap();
    settings.listen.http = "127.0.0.1:0".parse().unwrap();
    let running = app::start(&settings, Exposition::install().unwrap()).await.unwrap();
    let code = running.setup_code.as_ref().unwrap().to_string();
    let visitor = Phone::trusting(running.https, running.http).await;
    let tokens = script(&visitor, &code).await;
    assert!(
        tokio::time::timeout(Duration::from_secs(10), running.stop()).await.is_ok(),
        "a stop within 10 s"
    );

    let log = caught.0.lock().unwrap().clone();
    // The net works: what the box says of itself was caught.
    assert!(log.contains("measured password hashing"), "{log}");
    for marker in MARKERS.into_iter().chain([code.as_str()]).chain(tokens.iter().map(String::as_str)) {
        assert!(!log.contains(marker), "{marker} reached the log:\n{log}");
    }
}

/// Every kind of personal data passes through the box once. Answers the tokens that were given out.
async fn script(visitor: &Phone, code: &str) -> Vec<String> {
    let setup = json!({"code": code, "boxName": "Marker Office",
        "admin": {"username": "marker-admin", "password": "marker-secret-0", "displayName": "Admin Marker"}});
    visitor.must("POST", "/api/setup", setup).await;
    let admin = visitor.signed_in("marker-admin", "marker-secret-0").await;
    for (username, name, extension) in
        [("marker-ada", "Ada Marker", "473829"), ("marker-ben", "Ben Marker", "473828")]
    {
        let user = json!({"username": username, "password": "marker-secret-1", "displayName": name, "extension": extension});
        admin.must("POST", "/api/users", user).await;
    }
    let wrong = json!({"username": "marker-ada", "password": "marker-secret-wrong"});
    assert_eq!(visitor.ask("POST", "/api/auth/login", Some(wrong)).await.status, 401);
    let ada = visitor.signed_in("marker-ada", "marker-secret-1").await;
    let ben = visitor.signed_in("marker-ben", "marker-secret-1").await;
    let forged = visitor.with_token("marker-secret-token");
    assert_eq!(forged.refused_socket().await, r#"{"message":"unauthorized"}"#);

    call(&ada, &ben).await;
    assert_eq!(ada.ask("GET", "/api/calls", None).await.status, 200);
    assert_eq!(ada.ask("POST", "/api/auth/logout", None).await.status, 204);
    [admin, ada, ben].map(|phone| phone.token).into()
}

/// A call with everything that carries addresses, and events that are wrong.
async fn call(ada: &Phone, ben: &Phone) {
    let (mut from, mut to) = (ada.socket().await, ben.socket().await);
    let me = ben.ask("GET", "/api/users/me", None).await.json();
    let call = json!({"targetUserId": me["id"], "media": {"audio": true, "video": true}});
    let call = ada.must("POST", "/api/calls/initiate", call).await["callId"].clone();
    let sdp = |kind: &str| json!({"type": kind, "sdp": "v=0\r\nc=IN IP4 198.51.100.23\r\n"});
    from.say("call-user", json!({"callId": call, "targetUserId": me["id"], "offer": sdp("offer")})).await;
    to.until("incoming-call").await;
    to.say("accept-call", json!({"callId": call, "answer": sdp("answer")})).await;
    from.until("call-accepted").await;
    let candidate = json!({"candidate": "candidate:1 1 udp 1 203.0.113.77 9 typ host", "sdpMid": "0"});
    from.say("ice-candidate", json!({"callId": call, "candidate": candidate})).await;
    to.until("ice-candidate").await;
    from.say("nonsense", json!({"name": "Ada Marker"})).await;
    from.say("call-user", json!({"callId": "Ada Marker", "targetUserId": "473829"})).await;
    for socket in [&mut from, &mut to] {
        socket.say("media-state", json!({"callId": call, "state": "connected"})).await;
    }
    from.say("end-call", json!({"callId": call})).await;
    to.until("call-ended").await;
}
