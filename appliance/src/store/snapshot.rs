//! Reads: a consistent view of what was committed when it was taken.
//!
//! A point read takes microseconds and is allowed on an async thread; lists are bounded by their limit.

use callbox_core::id::{CallId, SessionId, UserId};
use callbox_core::journal::{CallRow, Event};

use super::{SessionRow, StoreCounts, StoreError, UserRow};

/// One event with its place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalEntry {
    /// Orders all events; the cursor of [`Snapshot::audit`].
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

/// A consistent view. Keep it short: pages that it sees cannot be reused.
pub struct Snapshot {}

impl Snapshot {
    /// An account that is not deleted.
    ///
    /// # Errors
    /// [`StoreError`], as for every method here.
    pub fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError> {
        let _ = user;
        todo!()
    }

    /// An account by its user name, in whatever case.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn user_by_username(&self, username: &str) -> Result<Option<UserRow>, StoreError> {
        let _ = username;
        todo!()
    }

    /// The PHC string of a user's password.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn credential(&self, user: UserId) -> Result<Option<String>, StoreError> {
        let _ = user;
        todo!()
    }

    /// Accounts ordered by user name; `after` is the last user name of the page before.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn users(&self, after: Option<&str>, limit: usize) -> Result<Vec<UserRow>, StoreError> {
        let _ = (after, limit);
        todo!()
    }

    /// A session that is not over.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn session(&self, session: SessionId) -> Result<Option<SessionRow>, StoreError> {
        let _ = session;
        todo!()
    }

    /// All sessions of a user, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
        let _ = user;
        todo!()
    }

    /// Whether the first-run wizard has been through.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn is_set_up(&self) -> Result<bool, StoreError> {
        todo!()
    }

    /// What the box is called.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn box_name(&self) -> Result<Option<String>, StoreError> {
        todo!()
    }

    /// The record of a call, live or over.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn call(&self, call: CallId) -> Result<Option<CallRow>, StoreError> {
        let _ = call;
        todo!()
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
        let _ = (user, before, limit);
        todo!()
    }

    /// Everybody's calls, newest first; `before` as in [`Self::calls_of`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn all_calls(&self, before: Option<u64>, limit: usize) -> Result<Vec<CallRow>, StoreError> {
        let _ = (before, limit);
        todo!()
    }

    /// The journal, newest first; `before` is [`JournalEntry::seq`] of the last one of the page before.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<JournalEntry>, StoreError> {
        let _ = (before, limit);
        todo!()
    }

    /// How much is stored.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn counts(&self) -> Result<StoreCounts, StoreError> {
        todo!()
    }
}
