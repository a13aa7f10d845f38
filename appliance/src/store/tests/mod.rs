//! Tests of the store as a whole, on a disk in memory that can be filled, broken and cut.

mod accounts;
mod calls;
mod crash;
mod disk;
mod faults;
mod files;
mod privacy;
mod random;
mod sessions;

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use callbox_core::exchange::Ticket;
use callbox_core::id::{CallId, DeviceId, EnrolmentId, RoomId, SessionId, UserId};
use callbox_core::journal::{Actor, Body, Refusal, Role, SignIn};
use callbox_core::unit::Timestamp;
use callbox_core::wire::{CallState, EndReason, Media};
use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, Value};

use super::*;
use disk::MemoryDisk;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A store on a disk in memory, with what it told the exchange.
struct Bench {
    store: Store,
    opened: Opened,
    disk: MemoryDisk,
    notices: Receiver<Notice>,
}

fn options() -> StoreOptions {
    StoreOptions {
        pace: Duration::ZERO,
        reserve_bytes: 1 << 20,
        low_water_bytes: 2 << 20,
        ..StoreOptions::default()
    }
}

impl Bench {
    fn new() -> Self {
        Self::on(&MemoryDisk::default())
    }

    fn on(disk: &MemoryDisk) -> Self {
        let (tell, notices) = channel();
        let notify = Box::new(move |notice| drop(tell.send(notice)));
        let (store, opened) = Store::open_on(Box::new(disk.clone()), &options(), notify).unwrap();
        Self { store, opened, disk: disk.clone(), notices }
    }

    /// Closes cleanly and opens again.
    fn reopened(self) -> Self {
        self.store.close();
        Self::on(&self.disk)
    }

    fn snapshot(&self) -> Snapshot {
        self.store.read().unwrap()
    }

    fn notice(&self) -> Notice {
        self.notices.recv_timeout(PATIENCE).expect("a notice")
    }

    /// Commits a call's events and waits; whether they were taken.
    fn call(&self, at: i64, events: Vec<Body>) -> bool {
        let ticket = Ticket(u64::try_from(at).unwrap());
        self.store.commit(ticket, time(at), events).unwrap();
        loop {
            match self.notice() {
                Notice::Committed(found) if found == ticket => return true,
                Notice::Refused(found) if found == ticket => return false,
                Notice::Committed(_) | Notice::Refused(_) | Notice::Directory(_) => {}
            }
        }
    }

    /// What the exchange was told about accounts and sessions since the last look.
    fn changes(&self) -> Vec<DirectoryChange> {
        let only = |notice| if let Notice::Directory(change) = notice { Some(change) } else { None };
        self.notices.try_iter().filter_map(only).collect()
    }

    async fn set_up(&self) -> UserRow {
        let new = SetUp {
            id: user(1),
            username: "Anna".into(),
            display_name: "Anna Admin".into(),
            password_hash: "$argon2id$anna".into(),
            box_name: "Test box".into(),
            at: time(1),
        };
        self.store.set_up(new).await.unwrap()
    }

    async fn user(&self, n: u8) -> UserRow {
        self.store.create_user(new_user(n)).await.unwrap()
    }

    async fn session(&self, of: u8, n: u8, at: i64) -> SessionRow {
        self.store.open_session(user(of), new_session(n, at)).await.unwrap()
    }
}

use callbox_core::exchange::DirectoryChange;

fn time(at: i64) -> Timestamp {
    Timestamp::from_millis(at)
}

fn user(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

fn session(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

fn call(n: u8) -> CallId {
    CallId::from_bytes([n; 16])
}

fn new_user(n: u8) -> NewUser {
    NewUser {
        id: user(n),
        username: format!("user{n}"),
        display_name: format!("User {n}"),
        extension: None,
        role: Role::User,
        password_hash: format!("$argon2id$user{n}"),
        by: Actor::User(user(1)),
        at: time(i64::from(n)),
    }
}

fn new_session(n: u8, at: i64) -> NewSession {
    NewSession {
        session: session(n),
        device: DeviceId::from_bytes([n; 16]),
        device_name: format!("Phone {n}"),
        platform: "web".into(),
        web: true,
        sign_in: SignIn::Password,
        at: time(at),
        max_sessions: 4,
    }
}

fn new_enrolment(n: u8, of: u8, at: i64, expires: i64) -> NewEnrolment {
    NewEnrolment {
        enrolment: EnrolmentId::from_bytes([n; 16]),
        user: user(of),
        token_sha256: [n; 32],
        expires: time(expires),
        by: Actor::User(user(1)),
        at: time(at),
    }
}

fn initiated(n: u8, caller: u8, callee: u8) -> Body {
    Body::CallInitiated {
        call: call(n),
        room: RoomId::from_bytes([n; 16]),
        caller: user(caller),
        caller_device: DeviceId::from_bytes([caller; 16]),
        callee: user(callee),
        media: Media { audio: true, video: false },
        e2ee: false,
    }
}

fn answered(n: u8) -> Body {
    Body::CallAnswered { call: call(n), callee_device: DeviceId::from_bytes([n; 16]) }
}

fn ended(n: u8, reason: EndReason) -> Body {
    Body::CallEnded { call: call(n), state: CallState::Ended, error: None, reason, duration_ms: 5, by: None }
}

fn refused(n: u8, caller: u8, callee: u8) -> Body {
    Body::CallRefused {
        call: call(n),
        room: RoomId::from_bytes([n; 16]),
        caller: user(caller),
        callee: user(callee),
        media: Media { audio: true, video: false },
        why: Refusal::Busy,
    }
}

/// Every byte of every table, in order: two equal dumps are equal databases.
type Dump = Vec<(&'static str, Entries)>;
type Entries = Vec<(Vec<u8>, Vec<u8>)>;

fn dump(txn: &ReadTransaction) -> Dump {
    fn table<K: Key + 'static, V: Value + 'static>(
        txn: &ReadTransaction,
        name: &'static str,
        definition: TableDefinition<'static, K, V>,
    ) -> (&'static str, Entries) {
        let opened = txn.open_table(definition).unwrap();
        let entries = opened.iter().unwrap().map(|entry| {
            let (key, value) = entry.unwrap();
            let key = K::as_bytes(&key.value()).as_ref().to_vec();
            (key, V::as_bytes(&value.value()).as_ref().to_vec())
        });
        (name, entries.collect())
    }
    use super::tables as t;
    let dump = vec![
        table(txn, "meta", t::META),
        table(txn, "journal", t::JOURNAL),
        table(txn, "calls", t::CALLS),
        table(txn, "call_ids", t::CALL_IDS),
        table(txn, "calls_by_user", t::CALLS_BY_USER),
        table(txn, "live_calls", t::LIVE_CALLS),
        table(txn, "users", t::USERS),
        table(txn, "profiles", t::PROFILES),
        table(txn, "usernames", t::USERNAMES),
        table(txn, "extensions", t::EXTENSIONS),
        table(txn, "credentials", t::CREDENTIALS),
        table(txn, "sessions", t::SESSIONS),
        table(txn, "sessions_by_user", t::SESSIONS_BY_USER),
        table(txn, "device_names", t::DEVICE_NAMES),
        table(txn, "enrolments", t::ENROLMENTS),
        table(txn, "enrolments_by_user", t::ENROLMENTS_BY_USER),
        table(txn, "outbox", t::OUTBOX),
    ];
    assert_eq!(dump.len(), txn.list_tables().unwrap().count(), "a table is missing here");
    dump
}
