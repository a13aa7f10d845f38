//! Calls over REST, with a scripted exchange and a real store.

use callbox_core::exchange::Ticket;
use callbox_core::id::{DeviceId, RoomId};
use callbox_core::journal::Body as Event;
use callbox_core::wire::{EndReason, Media, MediaState, Party};

use super::*;

const MEDIA: Media = Media { audio: true, video: false };

fn live(call: CallId, caller: UserId, callee: UserId) -> CallView {
    let party = |id| Party { id, display_name: "N".into(), extension: None };
    CallView {
        call_id: call,
        room_id: RoomId::from_random([8; 16]),
        state: CallState::InCall,
        error: None,
        caller: party(caller),
        callee: party(callee),
        media: MEDIA,
        media_state: MediaState::Connected,
        created_at: Timestamp::from_millis(START),
        answered_at: None,
        ended_at: None,
        end_reason: None,
        duration_ms: 0,
        recording: false,
        e2ee: false,
        quality: None,
        direction: None,
        outcome: None,
    }
}

/// Stores events as the driver would, and waits until they can be read.
async fn store_events(this: &TestBox, call: CallId, events: Vec<Event>, ended: bool) {
    this.store.commit(Ticket(1), Timestamp::from_millis(START + 1000), events).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let row = this.store.read().unwrap().call(call).unwrap();
        if row.is_some_and(|row| row.ended_at.is_some() == ended) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "not stored");
        tokio::task::yield_now().await;
    }
}

fn initiated(call: CallId, caller: UserId, callee: UserId) -> Event {
    Event::CallInitiated {
        call,
        room: RoomId::from_random([8; 16]),
        caller,
        caller_device: DeviceId::from_random([7; 16]),
        callee,
        media: MEDIA,
        e2ee: false,
    }
}

fn timed_out(call: CallId) -> Event {
    Event::CallEnded {
        call,
        state: CallState::Timeout,
        error: None,
        reason: EndReason::Timeout,
        duration_ms: 0,
        by: None,
    }
}

#[tokio::test]
async fn initiate() {
    let (this, admin) = TestBox::set_up().await;
    let (anna_id, _) = this.user(&admin, "anna").await;
    let path = "/api/calls/initiate";
    let reply = this.post(path, Some(&admin), json!({"targetUserId": anna_id})).await;
    let place = reply.header("location").to_owned();
    let call = reply.ok(201);
    assert_eq!(place, format!("/api/calls/{}", call["callId"].as_str().unwrap()));
    assert_eq!(
        (call["state"].as_str(), call["calleeStatus"].as_str()),
        (Some("Connecting"), Some("offline"))
    );
    assert_eq!(call["iceServers"], json!([]));
    assert_eq!(call["expiresAt"], "2027-01-15T08:00:30.000Z");
    assert!(call["roomId"].is_string());
    let body = json!({"targetUserId": anna_id, "media": {"audio": true, "video": true}, "e2ee": true});
    this.post(path, Some(&admin), body).await.ok(201);

    this.post(path, Some(&admin), json!({"targetUserId": "nobody-we-know"})).await.problem(Code::NotFound);
    let me = caller_of(&this.store, "admin").to_string();
    for (body, field) in [
        (json!({}), "targetUserId"),
        (json!({"targetUserId": me}), "targetUserId"),
        (json!({"targetUserId": "a b"}), "targetUserId"),
        (json!({"targetUserId": 5}), "targetUserId"),
        (json!({"targetUserId": anna_id, "media": {"audio": false, "video": false}}), "media"),
        (json!({"targetUserId": anna_id, "media": {"audio": "yes"}}), "media.audio"),
        (json!({"targetUserId": anna_id, "e2ee": 1}), "e2ee"),
    ] {
        let problem = this.post(path, Some(&admin), body).await.problem(Code::InvalidInput);
        assert_eq!(problem["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn what_the_exchange_refuses_is_said_in_its_words() {
    let other = CallId::from_random([5; 16]);
    for code in
        [Code::CalleeBusy, Code::CallerBusy, Code::DoNotDisturb, Code::Glare, Code::BoxFull, Code::Busy]
    {
        let reject = Reject { call: (code == Code::Glare).then_some(other), ..Reject::new(code) };
        let this = TestBox::with(Gate::new(1_000_000, 1_000_000), move |message| match message {
            Message::Input { input: Input::Initiate { .. }, .. } => {
                Some(Scripted::Answer(Err(reject.clone())))
            }
            _ => None,
        });
        let admin = this.wizard().await;
        let body = json!({"targetUserId": UserId::from_random([6; 16]).to_string()});
        let problem = this.post("/api/calls/initiate", Some(&admin), body).await.problem(code);
        assert_eq!(
            problem.get("callId").and_then(Value::as_str),
            (code == Code::Glare).then(|| other.to_string()).as_deref()
        );
    }
}

#[tokio::test]
async fn the_caller_of_the_exchange_is_the_session() {
    let (sender, mut callers) = mpsc::channel::<Caller>(4);
    let this = TestBox::with(Gate::new(1_000_000, 1_000_000), move |message| {
        if let Message::Input { input: Input::Initiate { caller, .. }, .. } = message {
            sender.try_send(*caller).unwrap();
        }
        None
    });
    let admin = this.wizard().await;
    let body = json!({"targetUserId": UserId::from_random([6; 16]).to_string()});
    this.post("/api/calls/initiate", Some(&admin), body).await.ok(201);
    let caller = callers.recv().await.unwrap();
    let session = this.store.read().unwrap().session(caller.session).unwrap().unwrap();
    assert_eq!((session.user, session.device), (caller.user, caller.device));
}

#[tokio::test]
async fn history_has_direction_and_outcome_for_each_side() {
    let (this, admin) = TestBox::set_up().await;
    let (anna_id, anna) = this.user(&admin, "anna").await;
    let (_, stranger) = this.user(&admin, "carl").await;
    let (caller, callee) = (caller_of(&this.store, "admin"), caller_of(&this.store, "anna"));
    let call = CallId::from_random([1; 16]);
    store_events(&this, call, vec![initiated(call, caller, callee)], false).await;
    store_events(&this, call, vec![timed_out(call)], true).await;

    let mine = this.get("/api/calls", Some(&admin)).await.ok(200);
    let row = &mine["items"][0];
    assert_eq!(row["callId"], call.to_string());
    assert_eq!((row["direction"].as_str(), row["outcome"].as_str()), (Some("outgoing"), Some("missed")));
    assert_eq!((row["state"].as_str(), row["endReason"].as_str()), (Some("Timeout"), Some("timeout")));
    assert_eq!(row["callee"]["displayName"], "anna");
    assert_eq!((row["durationMs"].as_u64(), row["recording"].as_bool()), (Some(0), Some(false)));
    assert_eq!(row["mediaState"], "NoMedia");
    let theirs = this.get("/api/calls", Some(&anna)).await.ok(200);
    assert_eq!(theirs["items"][0]["direction"], "incoming");

    let path = format!("/api/calls/{call}");
    assert_eq!(this.get(&path, Some(&anna)).await.ok(200)["caller"]["displayName"], "The Admin");
    this.get(&path, Some(&stranger)).await.problem(Code::NotFound);
    assert_eq!(this.get("/api/calls", Some(&stranger)).await.ok(200)["items"], json!([]));

    let delete = request(Method::DELETE, &format!("/api/users/{anna_id}"), Some(&admin));
    assert_eq!(this.send(delete.body(Body::empty()).unwrap()).await.status, 204);
    let erased = this.get(&path, Some(&admin)).await.ok(200);
    assert_eq!(erased["callee"], json!({"id": anna_id, "displayName": "", "extension": null}));
}

#[tokio::test]
async fn newest_first_in_pages_and_live_ones_as_they_are() {
    let running = CallId::from_random([3; 16]);
    let people = Arc::new(std::sync::OnceLock::<(UserId, UserId)>::new());
    let known = Arc::clone(&people);
    let this = TestBox::with(Gate::new(1_000_000, 1_000_000), move |message| {
        let (caller, callee) = *known.get()?;
        match message {
            Message::Query(Query::CallsOf { .. }) => {
                Some(Scripted::Calls(vec![live(running, caller, callee)]))
            }
            Message::Query(Query::Call { call, viewer, .. }) if *call == running => {
                let may = viewer.is_none_or(|viewer| viewer == caller || viewer == callee);
                Some(Scripted::Call(may.then(|| Box::new(live(running, caller, callee)))))
            }
            _ => None,
        }
    });
    let admin = this.wizard().await;
    let (_, anna) = this.user(&admin, "anna").await;
    let (_, carl) = this.user(&admin, "carl").await;
    let (caller, callee) = (caller_of(&this.store, "admin"), caller_of(&this.store, "anna"));
    for n in 1..=3 {
        let call = CallId::from_random([n; 16]);
        store_events(&this, call, vec![initiated(call, caller, callee)], false).await;
        if call != running {
            store_events(&this, call, vec![timed_out(call)], true).await;
        }
    }
    people.set((caller, callee)).unwrap();

    let first = this.get("/api/calls?limit=2", Some(&anna)).await.ok(200);
    assert_eq!(first["items"][0]["callId"], running.to_string());
    assert_eq!(
        (first["items"][0]["state"].as_str(), first["items"][0].get("outcome")),
        (Some("InCall"), None)
    );
    assert_eq!(first["items"][0]["direction"], "incoming");
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = this.get(&format!("/api/calls?limit=2&cursor={cursor}"), Some(&anna)).await.ok(200);
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["items"][0]["callId"], CallId::from_random([1; 16]).to_string());
    assert!(second["nextCursor"].is_null());

    let active = this.get("/api/calls/active", Some(&anna)).await.ok(200);
    assert_eq!(active["items"].as_array().unwrap().len(), 1);
    let path = format!("/api/calls/{running}");
    assert_eq!(this.get(&path, Some(&anna)).await.ok(200)["state"], "InCall");
    assert_eq!(this.get(&path, Some(&admin)).await.ok(200)["direction"], "outgoing");
    this.get(&path, Some(&carl)).await.problem(Code::NotFound);
}

#[tokio::test]
async fn recording() {
    let this = TestBox::with(Gate::new(1_000_000, 1_000_000), |message| match message {
        Message::Input { input: Input::Record { start: true, .. }, .. } => {
            Some(Scripted::Answer(Err(Code::ConsentRequired.into())))
        }
        Message::Input { input: Input::Record { start: false, .. }, .. } => {
            Some(Scripted::Answer(Ok(Answer::Recording { recording: false })))
        }
        _ => None,
    });
    let admin = this.wizard().await;
    let path = format!("/api/calls/{}/recording", CallId::from_random([1; 16]));
    this.post(&path, Some(&admin), json!({"action": "start"})).await.problem(Code::ConsentRequired);
    assert_eq!(this.post(&path, Some(&admin), json!({"action": "stop"})).await.ok(200)["recording"], false);
    this.post(&path, Some(&admin), json!({"action": "pause"})).await.problem(Code::InvalidInput);
    this.post(&path, Some(&admin), json!({})).await.problem(Code::InvalidInput);
    assert_eq!(this.get("/api/ice-servers", Some(&admin)).await.ok(200), json!({"iceServers": []}));
}
