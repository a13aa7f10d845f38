//! The box's memory: one redb file, one writer thread, snapshot readers.
//!
//! What it is: the place where a promise becomes durable. Every command is one atomic unit (events in the journal,
//! table rows, errands in the outbox), and several units share one write transaction and one fsync. Answers and
//! notices leave after the commit, never before. `appliance/docs/journal.md` describes the bytes.
//!
//! What it is not: it decides nothing about calls and knows no tokens, only hashes.

mod errors;
mod rows;
mod snapshot;

use std::path::Path;
use std::time::Duration;

use callbox_core::exchange::{DirectoryEntry, Ticket};
use callbox_core::id::{CallId, SessionId, UserId};
use callbox_core::journal::{Actor, Body, EndedSession};
use callbox_core::unit::Timestamp;

pub use errors::{
    CreateUserError, DeleteUserError, EndSessionError, IssueEnrolmentError, OpenError, OpenSessionError,
    PatchUserError, QueueFull, ReplaceHashError, RotateError, SetUpError, StoreError, UseEnrolmentError,
};
pub use rows::{
    NewEnrolment, NewSession, NewUser, Rotated, SessionRow, SetUp, StoreCounts, UserPatch, UserRow,
};
pub use snapshot::{JournalEntry, Snapshot};

use crate::mailbox::Notice;

/// The knobs of the store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Bytes kept aside for calls on a full disk; at first start at most a tenth of the free space.
    pub reserve_bytes: u64,
    /// Below this much free space (the reserve not counted), account changes are refused.
    pub low_water_bytes: u64,
    /// redb's page cache, in bytes.
    pub cache_bytes: usize,
    /// Work that may wait for the writer.
    pub queue: usize,
    /// Under load, the shortest time from one commit to the next: fewer fsyncs, less flash wear. A unit that
    /// comes after a pause is committed at once.
    pub pace: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            reserve_bytes: 32 << 20,
            low_water_bytes: 64 << 20,
            cache_bytes: 8 << 20,
            queue: 1024,
            pace: Duration::from_millis(10),
        }
    }
}

/// What was found when the store was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Calls that a crash had left without an end; they were ended now.
    pub recovered_calls: usize,
    /// The time of the last event; the wall clock must not fall behind it. The epoch for a new database.
    pub newest: Timestamp,
    /// Every account that can be called.
    pub directory: Vec<DirectoryEntry>,
    /// What was promised and not finished before the last stop, oldest first.
    pub errands: Vec<Errand>,
}

/// Something that must happen after a commit, even across a crash; until it was done it stays in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Errand {
    /// Let go of the call's media, and of its recording first (F5).
    PipelineRelease {
        /// The call that ended.
        call: CallId,
    },
    /// Tell the user's devices about a missed call.
    MissedCall {
        /// The call that was missed.
        call: CallId,
        /// Who missed it.
        user: UserId,
    },
}

/// How the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreStatus {
    /// Everything can be stored.
    Healthy,
    /// Calls are stored, account changes are refused.
    LowSpace {
        /// Free bytes on the file system.
        free_bytes: u64,
        /// The reserve is still there; `false` once calls live on it.
        reserve_held: bool,
    },
    /// Nothing can be stored; every command tries again. A sentence for the admin.
    Failed(String),
}

/// The handle: cheap to clone. When the last one is gone, or after [`Store::close`], the writer ends.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens or makes the database in `dir` (made with mode 0700 when missing) and ends the calls that a crash
    /// left without an end. `notify` is called on the writer's thread in commit order, before the requester's
    /// answer. Blocks for disk access.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(
        dir: &Path,
        options: StoreOptions,
        notify: Box<dyn Fn(Notice) + Send>,
    ) -> Result<(Self, Opened), OpenError> {
        let _ = (dir, options, notify);
        todo!()
    }

    /// Hands over a call's events; never waits. The outcome comes as [`Notice::Committed`] or
    /// [`Notice::Refused`]. Goes on out of the reserve when the disk is full.
    ///
    /// # Errors
    /// [`QueueFull`]: nothing was taken, and no notice will come.
    pub fn commit(&self, ticket: Ticket, at: Timestamp, events: Vec<Body>) -> Result<(), QueueFull> {
        let _ = (ticket, at, events);
        todo!()
    }

    /// Takes an errand out of the outbox, together with the next commit. Never waits; an errand whose removal is
    /// lost in a crash comes again at the next open.
    pub fn errand_done(&self, errand: Errand) {
        let _ = errand;
        todo!()
    }

    /// How the store is, for health, console and metrics.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        todo!()
    }

    /// Works off the queue, closes the file and joins the writer. Blocks.
    pub fn close(self) {
        todo!()
    }

    /// A consistent view of everything committed so far.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while the disk does not work.
    pub fn read(&self) -> Result<Snapshot, StoreError> {
        todo!()
    }

    /// Makes the first admin and names the box; once only.
    ///
    /// # Errors
    /// [`SetUpError`]
    pub async fn set_up(&self, new: SetUp) -> Result<UserRow, SetUpError> {
        let _ = new;
        todo!()
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`CreateUserError`]
    pub async fn create_user(&self, new: NewUser) -> Result<UserRow, CreateUserError> {
        let _ = new;
        todo!()
    }

    /// Changes an account. `expected` is the version that the caller saw; `None` overwrites. A patch that changes
    /// nothing leaves the version as it is. A new password or `disabled` ends the user's sessions.
    ///
    /// # Errors
    /// [`PatchUserError`]
    pub async fn patch_user(
        &self,
        id: UserId,
        patch: UserPatch,
        expected: Option<u64>,
        by: Actor,
        at: Timestamp,
    ) -> Result<UserRow, PatchUserError> {
        let _ = (id, patch, expected, by, at);
        todo!()
    }

    /// Deletes an account: profile, password hash, device names and enrolments are erased, sessions end, and the
    /// history keeps the opaque identifier.
    ///
    /// # Errors
    /// [`DeleteUserError`]
    pub async fn delete_user(
        &self,
        id: UserId,
        expected: Option<u64>,
        by: Actor,
        at: Timestamp,
    ) -> Result<(), DeleteUserError> {
        let _ = (id, expected, by, at);
        todo!()
    }

    /// Opens a session of `user`.
    ///
    /// # Errors
    /// [`OpenSessionError`]
    pub async fn open_session(&self, user: UserId, new: NewSession) -> Result<SessionRow, OpenSessionError> {
        let _ = (user, new);
        todo!()
    }

    /// Replaces a refresh token. The just-replaced one gets the same answer for 30 s; anything older ends the
    /// session. Goes on out of the reserve when the disk is full: without it nobody could call for longer than an
    /// access token lives.
    ///
    /// # Errors
    /// [`RotateError`]
    pub async fn rotate_refresh(
        &self,
        session: SessionId,
        presented_generation: u32,
        at: Timestamp,
    ) -> Result<Rotated, RotateError> {
        let _ = (session, presented_generation, at);
        todo!()
    }

    /// Ends a session; with `owner`, only if it is that user's. Goes on out of the reserve when the disk is full.
    ///
    /// # Errors
    /// [`EndSessionError`]
    pub async fn end_session(
        &self,
        session: SessionId,
        owner: Option<UserId>,
        why: EndedSession,
        by: Actor,
        at: Timestamp,
    ) -> Result<(), EndSessionError> {
        let _ = (session, owner, why, by, at);
        todo!()
    }

    /// Notes that a session was used. Never waits: kept in memory and written at most every 10 minutes, together
    /// with another commit.
    pub fn touch_session(&self, session: SessionId, at: Timestamp) {
        let _ = (session, at);
        todo!()
    }

    /// Makes an enrolment token known. A user has at most 8 live ones; the oldest makes room.
    ///
    /// # Errors
    /// [`IssueEnrolmentError`]
    pub async fn issue_enrolment(&self, new: NewEnrolment) -> Result<(), IssueEnrolmentError> {
        let _ = new;
        todo!()
    }

    /// Uses an enrolment token up and opens a session of its user, both or none. `new.sign_in` is ignored: it is
    /// an enrolment.
    ///
    /// # Errors
    /// [`UseEnrolmentError`]
    pub async fn use_enrolment(
        &self,
        token_sha256: [u8; 32],
        new: NewSession,
    ) -> Result<SessionRow, UseEnrolmentError> {
        let _ = (token_sha256, new);
        todo!()
    }

    /// Replaces a hash by a stronger one of the same password: no event, no new version.
    ///
    /// # Errors
    /// [`ReplaceHashError`]
    pub async fn replace_password_hash(&self, user: UserId, phc: String) -> Result<(), ReplaceHashError> {
        let _ = (user, phc);
        todo!()
    }
}
