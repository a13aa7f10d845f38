//! The proof that the tables follow from the journal: rebuild, then compare row by row.

use callbox_core::id::{SessionId, UserId};
use callbox_core::journal::{CallRow, State, codec};
use redb::{ReadableTable, ReadableTableMetadata};

use super::errors::Fault;
use super::stored::{Account, Login, Row};
use super::tables as t;
use super::{Snapshot, StoreError};

/// Why journal and tables do not agree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// An event cannot follow the ones before it.
    #[error("event {seq} does not fit: {why}")]
    Event {
        /// Its sequence number.
        seq: u64,
        /// Why not.
        why: callbox_core::journal::Misfit,
    },
    /// A table says something else than the journal.
    #[error("table `{0}` does not follow from the journal")]
    Table(&'static str),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}

/// Lets `?` work on redb's many error types.
fn disk<T, E>(result: Result<T, E>) -> Result<T, VerifyError>
where
    Fault: From<E>,
{
    result.map_err(|error| Fault::from(error).into())
}

impl Snapshot {
    /// What the journal alone adds up to. Reads all of it: for tests and the console.
    ///
    /// # Errors
    /// [`VerifyError`]
    pub fn rebuild(&self) -> Result<State, VerifyError> {
        let mut state = State::default();
        let journal = disk(self.txn.open_table(t::JOURNAL))?;
        for found in disk(journal.iter())? {
            let (seq, bytes) = disk(found)?;
            let event = disk(codec::decode(bytes.value()))?;
            state.apply(seq.value(), &event).map_err(|why| VerifyError::Event { seq: seq.value(), why })?;
        }
        Ok(state)
    }

    /// Rebuilds everything from the journal and compares it with the tables.
    ///
    /// # Errors
    /// [`VerifyError`]: the first difference.
    pub fn verify(&self) -> Result<(), VerifyError> {
        let state = self.rebuild()?;
        same(self.calls_follow(&state), "calls")?;
        same(self.call_indexes_follow(&state), "call_ids, calls_by_user, live_calls")?;
        same(self.users_follow(&state), "users")?;
        same(self.sessions_follow(&state), "sessions")?;
        same(self.names_agree(), "usernames, extensions, credentials, device_names")
    }

    fn calls_follow(&self, state: &State) -> Result<bool, Fault> {
        let stored = self.txn.open_table(t::CALLS)?;
        let mut rows = Vec::new();
        for found in stored.iter()? {
            let (seq, bytes) = found?;
            rows.push((seq.value(), CallRow::decode(bytes.value())?));
        }
        Ok(rows.iter().map(|(seq, row)| (seq, row)).eq(&state.calls))
    }

    fn call_indexes_follow(&self, state: &State) -> Result<bool, Fault> {
        let (mut ids, mut by_user, mut live) = (Vec::new(), Vec::new(), Vec::new());
        for found in self.txn.open_table(t::CALL_IDS)?.iter()? {
            let (id, seq) = found?;
            ids.push((id.value(), seq.value()));
        }
        for found in self.txn.open_table(t::CALLS_BY_USER)?.iter()? {
            by_user.push(found?.0.value());
        }
        for found in self.txn.open_table(t::LIVE_CALLS)?.iter()? {
            live.push(found?.0.value());
        }
        let wanted_ids = state.call_ids.iter().map(|(call, seq)| (*call.as_bytes(), *seq));
        let parties = |row: &CallRow| [(*row.caller.as_bytes(), row.seq), (*row.callee.as_bytes(), row.seq)];
        let mut wanted: Vec<_> = state.calls.values().flat_map(parties).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let wanted_live = state.calls.values().filter(|row| row.is_live()).map(|row| row.seq);
        Ok(wanted_ids.eq(ids) && wanted == by_user && wanted_live.eq(live))
    }

    fn users_follow(&self, state: &State) -> Result<bool, Fault> {
        let mut users = Vec::new();
        for found in self.txn.open_table(t::USERS)?.iter()? {
            let (id, bytes) = found?;
            let Account { role, disabled, deleted, created_at, version: _ } = Account::decode(bytes.value())?;
            users.push((UserId::from_bytes(id.value()), (role, disabled, deleted, created_at)));
        }
        let wanted = state
            .users
            .iter()
            .map(|(id, user)| (*id, (user.role, user.disabled, user.deleted, user.created_at)));
        let is_set_up = self.txn.open_table(t::META)?.get(t::BOX_NAME)?.is_some();
        Ok(wanted.eq(users) && is_set_up == state.set_up)
    }

    fn sessions_follow(&self, state: &State) -> Result<bool, Fault> {
        let (mut sessions, mut by_user) = (Vec::new(), Vec::new());
        for found in self.txn.open_table(t::SESSIONS)?.iter()? {
            let (id, bytes) = found?;
            let login = Login::decode(bytes.value())?;
            let id = SessionId::from_bytes(id.value());
            sessions.push((id, (login.user, login.device, login.created_at)));
        }
        for found in self.txn.open_table(t::SESSIONS_BY_USER)?.iter()? {
            by_user.push(found?.0.value());
        }
        let wanted =
            state.sessions.iter().map(|(id, login)| (*id, (login.user, login.device, login.created_at)));
        let mut wanted_by_user: Vec<_> =
            state.sessions.iter().map(|(id, login)| (*login.user.as_bytes(), *id.as_bytes())).collect();
        wanted_by_user.sort_unstable();
        Ok(wanted.eq(sessions) && wanted_by_user == by_user)
    }

    /// The erasable tables cannot be rebuilt, but they must agree with one another.
    fn names_agree(&self) -> Result<bool, Fault> {
        let (mut names, mut extensions, mut users) = (Vec::new(), Vec::new(), 0);
        for found in self.txn.open_table(t::PROFILES)?.iter()? {
            let (id, bytes) = found?;
            let profile = super::stored::Profile::decode(bytes.value())?;
            names.push((profile.username, id.value()));
            extensions.extend(profile.extension.map(|extension| (extension, id.value())));
            users += 1;
        }
        names.sort_unstable();
        extensions.sort_unstable();
        let (mut stored_names, mut stored_extensions) = (Vec::new(), Vec::new());
        for found in self.txn.open_table(t::USERNAMES)?.iter()? {
            let (name, id) = found?;
            stored_names.push((name.value().to_owned(), id.value()));
        }
        for found in self.txn.open_table(t::EXTENSIONS)?.iter()? {
            let (extension, id) = found?;
            stored_extensions.push((extension.value().to_owned(), id.value()));
        }
        Ok(names == stored_names
            && extensions == stored_extensions
            && self.txn.open_table(t::CREDENTIALS)?.len()? == users
            && self.txn.open_table(t::DEVICE_NAMES)?.len()? == self.txn.open_table(t::SESSIONS)?.len()?
            && self.txn.open_table(t::ENROLMENTS)?.len()?
                == self.txn.open_table(t::ENROLMENTS_BY_USER)?.len()?)
    }
}

fn same(result: Result<bool, Fault>, table: &'static str) -> Result<(), VerifyError> {
    if result? { Ok(()) } else { Err(VerifyError::Table(table)) }
}
