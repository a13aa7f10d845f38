//! Reads: a consistent view of what was committed when it was taken.
//!
//! A point read takes microseconds and is allowed on an async thread; lists are bounded by their limit.

use std::ops::Bound;
use std::sync::Arc;

use callbox_core::exchange::DirectoryEntry;
use callbox_core::id::{CallId, SessionId, UserId};
use callbox_core::journal::{CallRow, Event, codec};
use callbox_core::unit::Timestamp;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::errors::Fault;
use super::stored::{Account, Credential, Device, Login, Profile, Row};
use super::tables::{self as t, get};
use super::{Errand, SessionRow, Shared, StoreCounts, StoreError, UserRow, schema};

/// One event with its place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalEntry {
    /// Orders all events; the cursor of [`Snapshot::audit`].
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

/// A consistent view. Keep it short: pages that it sees cannot be used again.
pub struct Snapshot {
    pub(super) txn: ReadTransaction,
    pub(super) shared: Arc<Shared>,
}

impl Snapshot {
    /// An account that is not deleted.
    ///
    /// # Errors
    /// [`StoreError`], as for every method here.
    pub fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok(self.find_user(user)?)
    }

    fn find_user(&self, user: UserId) -> Result<Option<UserRow>, Fault> {
        let account: Option<Account> = get(&self.txn.open_table(t::USERS)?, user.as_bytes())?;
        let Some(account) = account.filter(|account| !account.deleted) else {
            return Ok(None);
        };
        let profile: Option<Profile> = get(&self.txn.open_table(t::PROFILES)?, user.as_bytes())?;
        let profile = profile.ok_or(Fault::Row("an account has no profile"))?;
        Ok(Some(profile.into_user(user, &account)))
    }

    /// An account by its user name, in whatever case.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn user_by_username(&self, username: &str) -> Result<Option<UserRow>, StoreError> {
        let find = || {
            let names = self.txn.open_table(t::USERNAMES)?;
            let id = names.get(username.to_lowercase().as_str())?.map(|id| UserId::from_bytes(id.value()));
            id.map_or(Ok(None), |id| self.find_user(id))
        };
        Ok(find()?)
    }

    /// The PHC string of a user's password.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn credential(&self, user: UserId) -> Result<Option<String>, StoreError> {
        let find = || get(&self.txn.open_table(t::CREDENTIALS)?, user.as_bytes());
        let found: Result<Option<Credential>, Fault> = find();
        Ok(found?.map(|credential| credential.phc))
    }

    /// Accounts ordered by user name; `after` is the last user name of the page before.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn users(&self, after: Option<&str>, limit: usize) -> Result<Vec<UserRow>, StoreError> {
        let find = || {
            let names = self.txn.open_table(t::USERNAMES)?;
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut rows = Vec::new();
            for found in names.range::<&str>((from, Bound::Unbounded))?.take(limit) {
                let user = UserId::from_bytes(found?.1.value());
                rows.push(self.find_user(user)?.ok_or(Fault::Row("a user name points to no account"))?);
            }
            Ok::<_, Fault>(rows)
        };
        Ok(find()?)
    }

    /// A session that is not over.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn session(&self, session: SessionId) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.find_session(session)?)
    }

    fn find_session(&self, session: SessionId) -> Result<Option<SessionRow>, Fault> {
        let login: Option<Login> = get(&self.txn.open_table(t::SESSIONS)?, session.as_bytes())?;
        let Some(login) = login else {
            return Ok(None);
        };
        let device: Option<Device> = get(&self.txn.open_table(t::DEVICE_NAMES)?, login.device.as_bytes())?;
        let last_seen_at = self.shared.deferred.last_seen(session, login.last_seen_at);
        Ok(Some(Login { last_seen_at, ..login }.into_session(session, device)))
    }

    /// All sessions of a user, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
        let find = || {
            let index = self.txn.open_table(t::SESSIONS_BY_USER)?;
            let mut rows = Vec::new();
            for found in index.range((*user.as_bytes(), [0; 16])..=(*user.as_bytes(), [0xff; 16]))? {
                let session = SessionId::from_bytes(found?.0.value().1);
                let row = self.find_session(session)?;
                rows.push(row.ok_or(Fault::Row("a session's index points to no session"))?);
            }
            rows.sort_by_key(|row| (row.created_at, row.id));
            Ok::<_, Fault>(rows)
        };
        Ok(find()?)
    }

    /// Whether the first-run wizard has been through.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn is_set_up(&self) -> Result<bool, StoreError> {
        Ok(self.box_name()?.is_some())
    }

    /// What the box is called.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn box_name(&self) -> Result<Option<String>, StoreError> {
        let find = || {
            let meta = self.txn.open_table(t::META)?;
            let found = meta.get(t::BOX_NAME)?;
            Ok::<_, Fault>(found.map(|name| String::from_utf8_lossy(name.value()).into_owned()))
        };
        Ok(find()?)
    }

    /// 8 random bytes of this database: a restored or fresh one has others.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn epoch(&self) -> Result<[u8; 8], StoreError> {
        let find = || {
            let meta = self.txn.open_table(t::META)?;
            let found = meta.get(t::EPOCH)?.and_then(|found| found.value().try_into().ok());
            found.ok_or(Fault::Row("the epoch is missing"))
        };
        Ok(find()?)
    }

    /// The record of a call, live or over.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn call(&self, call: CallId) -> Result<Option<CallRow>, StoreError> {
        let find = || {
            let seq = self.txn.open_table(t::CALL_IDS)?.get(call.as_bytes())?.map(|seq| seq.value());
            seq.map_or(Ok(None), |seq| get(&self.txn.open_table(t::CALLS)?, seq))
        };
        let found: Result<_, Fault> = find();
        Ok(found?)
    }

    /// A user's calls, newest first; `before` is [`CallRow::seq`] of the last one of the page before.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn calls_of(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError> {
        let find = || {
            let index = self.txn.open_table(t::CALLS_BY_USER)?;
            let calls = self.txn.open_table(t::CALLS)?;
            let (first, end) = ((*user.as_bytes(), 0), (*user.as_bytes(), before.unwrap_or(u64::MAX)));
            let mut rows = Vec::new();
            for found in index.range(first..end)?.rev().take(limit) {
                let row = get(&calls, found?.0.value().1)?;
                rows.push(row.ok_or(Fault::Row("a user's index points to no call"))?);
            }
            Ok::<_, Fault>(rows)
        };
        Ok(find()?)
    }

    /// Everybody's calls, newest first; `before` as in [`Self::calls_of`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn all_calls(&self, before: Option<u64>, limit: usize) -> Result<Vec<CallRow>, StoreError> {
        let find = || {
            let calls = self.txn.open_table(t::CALLS)?;
            let mut rows = Vec::new();
            for found in calls.range(..before.unwrap_or(u64::MAX))?.rev().take(limit) {
                rows.push(CallRow::decode(found?.1.value())?);
            }
            Ok::<_, Fault>(rows)
        };
        Ok(find()?)
    }

    /// The journal, newest first; `before` is [`JournalEntry::seq`] of the last one of the page before.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<JournalEntry>, StoreError> {
        let find = || {
            let journal = self.txn.open_table(t::JOURNAL)?;
            let mut entries = Vec::new();
            for found in journal.range(..before.unwrap_or(u64::MAX))?.rev().take(limit) {
                let (seq, bytes) = found?;
                entries.push(JournalEntry { seq: seq.value(), event: codec::decode(bytes.value())? });
            }
            Ok::<_, Fault>(entries)
        };
        Ok(find()?)
    }

    /// How much is stored.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn counts(&self) -> Result<StoreCounts, StoreError> {
        let find = || {
            Ok::<_, Fault>(StoreCounts {
                users: self.txn.open_table(t::PROFILES)?.len()?,
                sessions: self.txn.open_table(t::SESSIONS)?.len()?,
                calls: self.txn.open_table(t::CALLS)?.len()?,
                live_calls: self.txn.open_table(t::LIVE_CALLS)?.len()?,
                events: self.txn.open_table(t::JOURNAL)?.len()?,
                errands: self.txn.open_table(t::OUTBOX)?.len()?,
            })
        };
        Ok(find()?)
    }

    /// The time of the last event; the epoch of 1970 in a new database.
    pub(super) fn newest(&self) -> Result<Timestamp, Fault> {
        Ok(schema::newest(&self.txn)?.map(|event| event.at).unwrap_or_default())
    }

    /// Every account that can be called.
    pub(super) fn directory(&self) -> Result<Vec<DirectoryEntry>, Fault> {
        let mut entries = Vec::new();
        for found in self.txn.open_table(t::PROFILES)?.iter()? {
            let user = UserId::from_bytes(found?.0.value());
            let row = self.find_user(user)?.filter(|row| !row.disabled);
            entries.extend(row.map(|row| row.directory_entry()));
        }
        Ok(entries)
    }

    /// What waits in the outbox.
    pub(super) fn errands(&self) -> Result<Vec<Errand>, Fault> {
        let mut errands = Vec::new();
        for found in self.txn.open_table(t::OUTBOX)?.iter()? {
            errands.push(Errand::decode(found?.1.value())?);
        }
        Ok(errands)
    }
}
