//! The box's memory: one redb file, one writer thread, snapshot readers.
//!
//! What it is: the place where a promise becomes durable. Every command is one atomic unit (events in the journal,
//! table rows, errands in the outbox), and several units share one write transaction and one fsync. Answers and
//! notices leave after the commit, never before. `appliance/docs/journal.md` describes the bytes.
//!
//! What it is not: it decides nothing about calls and knows no tokens, only hashes.

mod accounts;
mod calls;
mod deferred;
mod disk;
mod errors;
mod rows;
mod schema;
mod sessions;
mod snapshot;
mod space;
mod stored;
mod tables;
#[cfg(test)]
mod tests;
mod unit;
mod verify;
mod writer;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use callbox_core::exchange::{DirectoryEntry, Ticket};
use callbox_core::id::{CallId, SessionId, UserId};
use callbox_core::journal::{Actor, Body, EndedSession};
use callbox_core::unit::Timestamp;
use redb::{Database, ReadableDatabase};
use tokio::sync::{oneshot, watch};

pub use disk::Disk;
pub use errors::{
    CreateUserError, DeleteUserError, EndSessionError, IssueEnrolmentError, OpenError, OpenSessionError,
    PatchUserError, QueueFull, ReplaceHashError, RotateError, SetUpError, StoreError, UseEnrolmentError,
};
pub use rows::{
    NewEnrolment, NewSession, NewUser, Rotated, SessionRow, SetUp, StoreCounts, UserPatch, UserRow,
};
pub use schema::SCHEMA_VERSION;
pub use snapshot::{JournalEntry, Snapshot};
pub use verify::VerifyError;

use crate::mailbox::Notice;
use deferred::Deferred;
use errors::Fault;
use space::Bounds;
use unit::{Operation, Pending, Unit};
use writer::Writer;

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
    /// How often an idle writer looks at the free space, so that the status stays true.
    pub look_every: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            reserve_bytes: 16 << 20,
            low_water_bytes: 64 << 20,
            cache_bytes: 8 << 20,
            queue: 1024,
            pace: Duration::from_millis(10),
            look_every: Duration::from_secs(5),
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
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

/// What the writer and the handles share.
struct Shared {
    // A lock and not a message: readers begin their snapshots here, on their own threads. The writer takes it for
    // writing only to open the file again after an I/O error.
    database: RwLock<Option<Database>>,
    deferred: Deferred,
}

/// The handle: cheap to clone. When the last one is gone, or after [`Store::close`], the writer ends.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    // Overflow: the work is refused with `busy`.
    queue: SyncSender<Unit>,
    status: watch::Receiver<StoreStatus>,
    thread: Arc<WriterThread>,
}

struct WriterThread {
    closing: Sender<()>,
    // A lock because any clone of the handle may be the one that closes and joins; taken once.
    join: Mutex<Option<JoinHandle<()>>>,
}

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
        let disk = disk::DataDirectory::new(dir).map_err(OpenError::Directory)?;
        Self::open_on(Box::new(disk), &options, notify)
    }

    /// [`Store::open`] on any disk.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open_on(
        disk: Box<dyn Disk>,
        options: &StoreOptions,
        notify: Box<dyn Fn(Notice) + Send>,
    ) -> Result<(Self, Opened), OpenError> {
        let database = schema::open_file(&*disk, options.cache_bytes)?;
        let first = || disk.free().map(|free| Bounds::first_reserve(options.reserve_bytes, free));
        let bounds = Bounds::new(schema::prepare(&database, first)?, options.low_water_bytes);
        let mark = schema::mark(&database)?;
        let shared =
            Arc::new(Shared { database: RwLock::new(Some(database)), deferred: Deferred::default() });
        let (say, status) = watch::channel(StoreStatus::Healthy);
        let mut writer = Writer::new(disk, Arc::clone(&shared), notify, say, bounds, mark, options);
        let recovered_calls = writer.recover()?;

        let snapshot = snapshot_of(&shared)?;
        let opened = Opened {
            recovered_calls,
            newest: snapshot.newest()?,
            directory: snapshot.directory()?,
            errands: snapshot.errands()?,
        };
        drop(snapshot);
        let (queue, work) = sync_channel(options.queue);
        let (closing, close): (_, Receiver<()>) = channel();
        let join = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&work, &close))
            .map_err(OpenError::Thread)?;
        let thread = Arc::new(WriterThread { closing, join: Mutex::new(Some(join)) });
        Ok((Self { shared, queue, status, thread }, opened))
    }

    /// Hands over a call's events; never waits. The outcome comes as [`Notice::Committed`] or
    /// [`Notice::Refused`]. Goes on out of the reserve when the disk is full.
    ///
    /// # Errors
    /// [`QueueFull`]: nothing was taken, and no notice will come.
    pub fn commit(&self, ticket: Ticket, at: Timestamp, events: Vec<Body>) -> Result<(), QueueFull> {
        self.queue.try_send(Unit::Call { ticket, at, events }).map_err(|_| QueueFull)
    }

    /// Takes an errand out of the outbox, together with the next commit. Never waits; an errand whose removal is
    /// lost in a crash comes again at the next open.
    pub fn errand_done(&self, errand: Errand) {
        self.shared.deferred.done(errand);
    }

    /// How the store is, for health, console and metrics.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        // The sender lives in the writer's thread: without it nothing will ever be stored again.
        if self.status.has_changed().is_err() {
            return StoreStatus::Failed("the store has stopped; restart the box".to_owned());
        }
        self.status.borrow().clone()
    }

    /// Works off the queue, closes the file and joins the writer. Blocks.
    pub fn close(self) {
        // A full queue makes this wait until the writer has taken something: it is not stuck, it writes.
        let _ = self.queue.send(Unit::Close);
        let _ = self.thread.closing.send(());
        let join = self.thread.join.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(join) = join
            && join.join().is_err()
        {
            tracing::error!("the store's thread panicked");
        }
    }

    /// A consistent view of everything committed so far.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while the disk does not work.
    pub fn read(&self) -> Result<Snapshot, StoreError> {
        Ok(snapshot_of(&self.shared)?)
    }

    /// Makes the first admin and names the box; once only.
    ///
    /// # Errors
    /// [`SetUpError`]
    pub async fn set_up(&self, new: SetUp) -> Result<UserRow, SetUpError> {
        self.run(new).await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`CreateUserError`]
    pub async fn create_user(&self, new: NewUser) -> Result<UserRow, CreateUserError> {
        self.run(new).await
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
        self.run(accounts::PatchUser { id, patch, expected, by, at }).await
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
        self.run(accounts::DeleteUser { id, expected, by, at }).await
    }

    /// Opens a session of `user`.
    ///
    /// # Errors
    /// [`OpenSessionError`]
    pub async fn open_session(&self, user: UserId, new: NewSession) -> Result<SessionRow, OpenSessionError> {
        self.run(sessions::OpenSession { user, new }).await
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
        self.run(sessions::Rotate { session, presented: presented_generation, at }).await
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
        self.run(sessions::EndSession { session, owner, why, by, at }).await
    }

    /// Notes that a session was used. Never waits: kept in memory and written at most every 10 minutes, together
    /// with another commit.
    pub fn touch_session(&self, session: SessionId, at: Timestamp) {
        self.shared.deferred.see(session, at);
    }

    /// Makes an enrolment token known. A user has at most 8 live ones; the oldest makes room.
    ///
    /// # Errors
    /// [`IssueEnrolmentError`]
    pub async fn issue_enrolment(&self, new: NewEnrolment) -> Result<(), IssueEnrolmentError> {
        self.run(new).await
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
        self.run(sessions::UseEnrolment { token_sha256, new }).await
    }

    /// Replaces a hash by a stronger one of the same password: no event, no new version.
    ///
    /// # Errors
    /// [`ReplaceHashError`]
    pub async fn replace_password_hash(&self, user: UserId, phc: String) -> Result<(), ReplaceHashError> {
        self.run(accounts::ReplaceHash { user, phc }).await
    }

    /// Queues a command and waits for its answer, which comes after the commit.
    async fn run<O: Operation>(&self, operation: O) -> Result<O::Done, O::Refused> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { operation, reply, result: None };
        let closed = || StoreError::Unavailable("the store is closed".to_owned());
        match self.queue.try_send(Unit::Command(Box::new(pending))) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(closed().into())),
            Err(TrySendError::Full(_)) => Err(StoreError::QueueFull.into()),
            Err(TrySendError::Disconnected(_)) => Err(closed().into()),
        }
    }
}

fn snapshot_of(shared: &Arc<Shared>) -> Result<Snapshot, Fault> {
    let slot = shared.database.read().unwrap_or_else(PoisonError::into_inner);
    let database = slot.as_ref().ok_or(Fault::Closed)?;
    Ok(Snapshot { txn: database.begin_read()?, shared: Arc::clone(shared) })
}
