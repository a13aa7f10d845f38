//! Makes a fixture database of the present schema, for the tests of later releases:
//!
//! ```text
//! cargo run -p callbox --example store_fixture -- appliance/tests/fixtures/store-v1.redb
//! ```
//!
//! A fixture that was released is never made anew; a release with a new schema adds one.

use std::path::PathBuf;
use std::sync::mpsc::channel;

use anyhow::{Context, bail};
use callbox::mailbox::Notice;
use callbox::store::{NewEnrolment, NewSession, NewUser, SetUp, Store, StoreOptions, UserPatch};
use callbox_core::exchange::Ticket;
use callbox_core::id::{CallId, DeviceId, EnrolmentId, RoomId, SessionId, UserId};
use callbox_core::journal::{Actor, Body, Refusal, Role, SignIn};
use callbox_core::unit::Timestamp;
use callbox_core::wire::{CallState, EndReason, Media};

fn main() -> anyhow::Result<()> {
    let target: PathBuf = std::env::args_os().nth(1).context("where to? give a path")?.into();
    if target.exists() {
        bail!("{} is there already, and a fixture is never made anew", target.display());
    }
    let dir = std::env::temp_dir().join(format!("callbox-fixture-{}", std::process::id()));
    let options = StoreOptions { reserve_bytes: 1 << 20, ..StoreOptions::default() };
    let (tell, notices) = channel();
    let notify = Box::new(move |notice| drop(tell.send(notice)));
    let (store, _) = Store::open(&dir, options, notify)?;
    tokio::runtime::Builder::new_current_thread().build()?.block_on(accounts(&store))?;
    for (number, events) in (1..).zip(calls()) {
        store.commit(Ticket(number), at(60), events)?;
    }
    // The last ticket's notice says that all are committed.
    while !matches!(notices.recv()?, Notice::Committed(Ticket(3))) {}
    store.close();
    let path = dir.join("callbox.redb");
    let mut database = redb::Database::open(&path)?;
    while database.compact()? {}
    drop(database);
    std::fs::copy(&path, &target)?;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Seconds after 2026-01-02T03:04:00Z.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_323_040_000 + seconds * 1_000)
}

const fn user(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

async fn accounts(store: &Store) -> anyhow::Result<()> {
    let admin = SetUp {
        id: user(1),
        username: "admin".into(),
        display_name: "Fixture admin".into(),
        password_hash: "$argon2id$admin".into(),
        box_name: "Fixture box".into(),
        at: at(0),
    };
    store.set_up(admin).await?;
    for n in [2, 3] {
        let new = NewUser {
            id: user(n),
            username: format!("user{n}"),
            display_name: "김 Fixture".into(),
            extension: None,
            role: Role::User,
            password_hash: "$argon2id$fixture".into(),
            by: Actor::User(user(1)),
            at: at(1),
        };
        store.create_user(new).await?;
    }
    let quiet = UserPatch { do_not_disturb: Some(true), ..UserPatch::default() };
    store.patch_user(user(2), quiet, None, Actor::User(user(2)), at(2)).await?;
    let phone = |n: u8| NewSession {
        session: SessionId::from_bytes([n; 16]),
        device: DeviceId::from_bytes([n; 16]),
        device_name: "Fixture phone".into(),
        platform: "android".into(),
        web: false,
        sign_in: SignIn::Password,
        at: at(3),
        max_sessions: 9,
    };
    store.open_session(user(2), phone(20)).await?;
    store.rotate_refresh(SessionId::from_bytes([20; 16]), 0, at(4)).await?;
    for n in [1, 2] {
        let token = NewEnrolment {
            enrolment: EnrolmentId::from_bytes([n; 16]),
            user: user(1),
            token_sha256: [n; 32],
            expires: at(1_000_000),
            by: Actor::Console,
            at: at(5),
        };
        store.issue_enrolment(token).await?;
    }
    store.use_enrolment([1; 32], phone(21)).await?;
    store.delete_user(user(3), None, Actor::User(user(1)), at(6)).await?;
    Ok(())
}

/// An answered call, a refused one, and one that the box's end cut.
fn calls() -> [Vec<Body>; 3] {
    let media = Media { audio: true, video: true };
    let initiated = |n: u8| Body::CallInitiated {
        call: CallId::from_bytes([n; 16]),
        room: RoomId::from_bytes([n; 16]),
        caller: user(1),
        caller_device: DeviceId::from_bytes([21; 16]),
        callee: user(2),
        media,
        e2ee: true,
    };
    let answered = Body::CallAnswered {
        call: CallId::from_bytes([1; 16]),
        callee_device: DeviceId::from_bytes([20; 16]),
    };
    let ended = Body::CallEnded {
        call: CallId::from_bytes([1; 16]),
        state: CallState::Ended,
        error: None,
        reason: EndReason::Hangup,
        duration_ms: 12_345,
        by: Some(user(1)),
    };
    let refused = Body::CallRefused {
        call: CallId::from_bytes([2; 16]),
        room: RoomId::from_bytes([2; 16]),
        caller: user(1),
        callee: user(2),
        media,
        why: Refusal::DoNotDisturb,
    };
    [vec![initiated(1), answered, ended], vec![refused], vec![initiated(3)]]
}
