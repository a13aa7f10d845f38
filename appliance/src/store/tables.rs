//! The tables, and the two sets of them that a write transaction opens: calls always, accounts when wanted.

use std::borrow::Borrow;

use callbox_core::id::{CallId, SessionId, UserId};
use callbox_core::journal::{Body, CallRow, Event, codec};
use callbox_core::unit::Timestamp;
use redb::{Key, ReadableTable, ReadableTableMetadata, Table, TableDefinition, TableError, WriteTransaction};

use super::deferred::Deferred;
use super::errors::Fault;
use super::stored::{Account, Device, Login, Profile, Row};
use super::{Errand, SessionRow, UserRow};

/// An identifier as a key.
pub(super) type Id = [u8; 16];
/// A row's bytes.
pub(super) type Bytes = &'static [u8];

pub(super) const META: TableDefinition<'static, &'static str, Bytes> = TableDefinition::new("meta");
pub(super) const JOURNAL: TableDefinition<'static, u64, Bytes> = TableDefinition::new("journal");
pub(super) const CALLS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("calls");
pub(super) const CALL_IDS: TableDefinition<'static, Id, u64> = TableDefinition::new("call_ids");
pub(super) const CALLS_BY_USER: TableDefinition<'static, (Id, u64), ()> =
    TableDefinition::new("calls_by_user");
pub(super) const LIVE_CALLS: TableDefinition<'static, u64, ()> = TableDefinition::new("live_calls");
pub(super) const USERS: TableDefinition<'static, Id, Bytes> = TableDefinition::new("users");
pub(super) const PROFILES: TableDefinition<'static, Id, Bytes> = TableDefinition::new("profiles");
pub(super) const USERNAMES: TableDefinition<'static, &'static str, Id> = TableDefinition::new("usernames");
pub(super) const EXTENSIONS: TableDefinition<'static, &'static str, Id> = TableDefinition::new("extensions");
pub(super) const CREDENTIALS: TableDefinition<'static, Id, Bytes> = TableDefinition::new("credentials");
pub(super) const SESSIONS: TableDefinition<'static, Id, Bytes> = TableDefinition::new("sessions");
pub(super) const SESSIONS_BY_USER: TableDefinition<'static, (Id, Id), ()> =
    TableDefinition::new("sessions_by_user");
pub(super) const DEVICE_NAMES: TableDefinition<'static, Id, Bytes> = TableDefinition::new("device_names");
pub(super) const ENROLMENTS: TableDefinition<'static, [u8; 32], Bytes> = TableDefinition::new("enrolments");
pub(super) const ENROLMENTS_BY_USER: TableDefinition<'static, (Id, u64), [u8; 32]> =
    TableDefinition::new("enrolments_by_user");
pub(super) const OUTBOX: TableDefinition<'static, (u64, u8), Bytes> = TableDefinition::new("outbox");

/// `meta`: the form of the tables, `u32` little-endian.
pub(super) const SCHEMA: &str = "schema";
/// `meta`: 8 random bytes of this database.
pub(super) const EPOCH: &str = "epoch";
/// `meta`: what the box is called.
pub(super) const BOX_NAME: &str = "box_name";
/// `meta`: counts the groups that left the journal as it was, `u64` little-endian.
pub(super) const STAMP: &str = "stamp";
/// `meta`: what the reserve should hold, in bytes, `u64` little-endian.
pub(super) const RESERVE: &str = "reserve";

/// Errands that may wait; the oldest makes room.
const MAX_ERRANDS: u64 = 1000;

/// Reads a row of any table, in a write or a read transaction.
pub(super) fn get<'k, K: Key + 'static, R: Row>(
    table: &impl ReadableTable<K, Bytes>,
    key: impl Borrow<K::SelfType<'k>>,
) -> Result<Option<R>, Fault> {
    match table.get(key)? {
        Some(found) => Ok(Some(R::decode(found.value())?)),
        None => Ok(None),
    }
}

/// The journal and what follows every call: opened by every group.
pub(super) struct Tables<'t> {
    txn: &'t WriteTransaction,
    journal: Table<'t, u64, Bytes>,
    calls: Table<'t, u64, Bytes>,
    call_ids: Table<'t, Id, u64>,
    calls_by_user: Table<'t, (Id, u64), ()>,
    live_calls: Table<'t, u64, ()>,
    outbox: Table<'t, (u64, u8), Bytes>,
    accounts: Option<Box<Accounts<'t>>>,
    deferred: &'t Deferred,
    next_seq: u64,
    events: u64,
    writes: u64,
}

impl<'t> Tables<'t> {
    pub(super) fn open(txn: &'t WriteTransaction, deferred: &'t Deferred) -> Result<Self, Fault> {
        let journal = txn.open_table(JOURNAL)?;
        let next_seq = journal.last()?.map_or(1, |(seq, _)| seq.value() + 1);
        Ok(Self {
            txn,
            journal,
            calls: txn.open_table(CALLS)?,
            call_ids: txn.open_table(CALL_IDS)?,
            calls_by_user: txn.open_table(CALLS_BY_USER)?,
            live_calls: txn.open_table(LIVE_CALLS)?,
            outbox: txn.open_table(OUTBOX)?,
            accounts: None,
            deferred,
            next_seq,
            events: 0,
            writes: 0,
        })
    }

    /// The sequence number that the next event gets.
    pub(super) const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Events of this transaction.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Writes of this transaction: a refused unit must not have raised it.
    pub(super) const fn writes(&self) -> u64 {
        self.writes
    }

    /// Counts a write and hands out the account tables to do it.
    pub(super) fn change(&mut self) -> Result<&mut Accounts<'t>, Fault> {
        self.writes += 1;
        self.accounts()
    }

    /// The account tables, to look something up.
    pub(super) fn accounts(&mut self) -> Result<&mut Accounts<'t>, Fault> {
        match &mut self.accounts {
            Some(accounts) => Ok(accounts),
            none => Ok(none.insert(Box::new(Accounts::open(self.txn, self.deferred)?))),
        }
    }

    /// Writes an event down.
    pub(super) fn append(&mut self, at: Timestamp, body: Body) -> Result<u64, Fault> {
        let seq = self.next_seq;
        self.journal.insert(seq, codec::encode(&Event { at, body }).as_slice())?;
        self.next_seq += 1;
        self.events += 1;
        self.writes += 1;
        Ok(seq)
    }

    /// The time of the last event; the epoch in an empty journal.
    pub(super) fn newest(&self) -> Result<Timestamp, Fault> {
        match self.journal.last()? {
            Some((_, bytes)) => Ok(codec::decode(bytes.value())?.at),
            None => Ok(Timestamp::default()),
        }
    }

    pub(super) fn call(&self, call: CallId) -> Result<Option<CallRow>, Fault> {
        let Some(seq) = self.call_ids.get(call.as_bytes())?.map(|found| found.value()) else {
            return Ok(None);
        };
        get(&self.calls, seq)?.map(Some).ok_or(Fault::Row("a call's index points to no record"))
    }

    /// Calls without an end.
    pub(super) fn live_calls(&self) -> Result<Vec<CallRow>, Fault> {
        let mut rows = Vec::new();
        for found in self.live_calls.iter()? {
            let row = get(&self.calls, found?.0.value())?;
            rows.push(row.ok_or(Fault::Row("a live call has no record"))?);
        }
        Ok(rows)
    }

    /// Writes a record and its indexes; `is_new` when its first event is of this unit.
    pub(super) fn put_call(&mut self, row: &CallRow, is_new: bool) -> Result<(), Fault> {
        self.writes += 1;
        self.calls.insert(row.seq, row.encode().as_slice())?;
        if is_new {
            self.call_ids.insert(row.call.as_bytes(), row.seq)?;
            self.calls_by_user.insert((*row.caller.as_bytes(), row.seq), ())?;
            self.calls_by_user.insert((*row.callee.as_bytes(), row.seq), ())?;
        }
        match (row.is_live(), is_new) {
            (true, true) => drop(self.live_calls.insert(row.seq, ())?),
            (false, false) => drop(self.live_calls.remove(row.seq)?),
            (true, false) | (false, true) => {}
        }
        Ok(())
    }

    pub(super) fn put_errand(&mut self, seq: u64, errand: Errand) -> Result<(), Fault> {
        self.writes += 1;
        while self.outbox.len()? >= MAX_ERRANDS {
            self.outbox.pop_first()?;
        }
        self.outbox.insert((seq, errand.kind()), errand.encode().as_slice())?;
        Ok(())
    }

    /// Removes an errand that was done; one that is not there was done before.
    pub(super) fn remove_errand(&mut self, errand: Errand) -> Result<(), Fault> {
        let seq = self.call_ids.get(errand.call().as_bytes())?.map(|found| found.value());
        if let Some(seq) = seq
            && self.outbox.remove((seq, errand.kind()))?.is_some()
        {
            self.writes += 1;
        }
        Ok(())
    }
}

/// The account tables: opened by a group with an account command in it.
pub(super) struct Accounts<'t> {
    pub(super) meta: Table<'t, &'static str, Bytes>,
    pub(super) users: Table<'t, Id, Bytes>,
    pub(super) profiles: Table<'t, Id, Bytes>,
    pub(super) usernames: Table<'t, &'static str, Id>,
    pub(super) extensions: Table<'t, &'static str, Id>,
    pub(super) credentials: Table<'t, Id, Bytes>,
    pub(super) sessions: Table<'t, Id, Bytes>,
    pub(super) sessions_by_user: Table<'t, (Id, Id), ()>,
    pub(super) device_names: Table<'t, Id, Bytes>,
    pub(super) enrolments: Table<'t, [u8; 32], Bytes>,
    pub(super) enrolments_by_user: Table<'t, (Id, u64), [u8; 32]>,
    deferred: &'t Deferred,
}

impl<'t> Accounts<'t> {
    fn open(txn: &'t WriteTransaction, deferred: &'t Deferred) -> Result<Self, TableError> {
        Ok(Self {
            meta: txn.open_table(META)?,
            users: txn.open_table(USERS)?,
            profiles: txn.open_table(PROFILES)?,
            usernames: txn.open_table(USERNAMES)?,
            extensions: txn.open_table(EXTENSIONS)?,
            credentials: txn.open_table(CREDENTIALS)?,
            sessions: txn.open_table(SESSIONS)?,
            sessions_by_user: txn.open_table(SESSIONS_BY_USER)?,
            device_names: txn.open_table(DEVICE_NAMES)?,
            enrolments: txn.open_table(ENROLMENTS)?,
            enrolments_by_user: txn.open_table(ENROLMENTS_BY_USER)?,
            deferred,
        })
    }

    /// An account that is not deleted, with its profile.
    pub(super) fn user(&self, user: UserId) -> Result<Option<(Account, Profile)>, Fault> {
        let account: Option<Account> = get(&self.users, user.as_bytes())?;
        let Some(account) = account.filter(|account| !account.deleted) else {
            return Ok(None);
        };
        let profile = get(&self.profiles, user.as_bytes())?.ok_or(Fault::Row("an account has no profile"))?;
        Ok(Some((account, profile)))
    }

    /// Whether the account exists and is neither deleted nor disabled.
    pub(super) fn may_sign_in(&self, user: UserId) -> Result<bool, Fault> {
        let account: Option<Account> = get(&self.users, user.as_bytes())?;
        Ok(account.is_some_and(|account| account.may_sign_in()))
    }

    /// Writes account and profile; the name and number indexes are the caller's.
    pub(super) fn put_user(
        &mut self,
        user: UserId,
        account: &Account,
        profile: Profile,
    ) -> Result<UserRow, Fault> {
        self.users.insert(user.as_bytes(), account.encode().as_slice())?;
        self.profiles.insert(user.as_bytes(), profile.encode().as_slice())?;
        Ok(profile.into_user(user, account))
    }

    pub(super) fn login(&self, session: SessionId) -> Result<Option<Login>, Fault> {
        let login: Option<Login> = get(&self.sessions, session.as_bytes())?;
        Ok(login.map(|login| Login {
            last_seen_at: self.deferred.last_seen(session, login.last_seen_at),
            ..login
        }))
    }

    /// A user's sessions in the order of their keys.
    pub(super) fn logins_of(&self, user: UserId) -> Result<Vec<(SessionId, Login)>, Fault> {
        let (first, last) = ((*user.as_bytes(), [0; 16]), (*user.as_bytes(), [0xff; 16]));
        let mut logins = Vec::new();
        for found in self.sessions_by_user.range(first..=last)? {
            let session = SessionId::from_bytes(found?.0.value().1);
            let login = self.login(session)?.ok_or(Fault::Row("a session's index points to no session"))?;
            logins.push((session, login));
        }
        Ok(logins)
    }

    pub(super) fn session_row(&self, session: SessionId, login: Login) -> Result<SessionRow, Fault> {
        let device: Option<Device> = get(&self.device_names, login.device.as_bytes())?;
        Ok(login.into_session(session, device))
    }

    pub(super) fn remove_login(&mut self, session: SessionId, login: &Login) -> Result<(), Fault> {
        self.sessions.remove(session.as_bytes())?;
        self.sessions_by_user.remove((*login.user.as_bytes(), *session.as_bytes()))?;
        self.device_names.remove(login.device.as_bytes())?;
        Ok(())
    }
}
