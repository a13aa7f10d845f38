//! The one thread that writes. It takes what waits in the queue, works on each unit in turn, commits once, then
//! sends the notices in order and the answers.
//!
//! ```text
//!            unit                        commit
//!  waiting ---------> gathering (pace) ---------> answering -> waiting
//!                         |  I/O error: open again, look, once more
//!                         +----------------------------------------> refused, failed; next unit tries again
//! ```

use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use redb::WriteTransaction;
use tokio::sync::{oneshot, watch};

use super::calls::Recover;
use super::disk::Disk;
use super::errors::Fault;
use super::schema::{self, Mark};
use super::space::Bounds;
use super::stored::{Login, Row};
use super::tables::{STAMP, Tables, get};
use super::unit::{Pending, Unit};
use super::{Errand, OpenError, Shared, StoreError, StoreOptions, StoreStatus};
use crate::mailbox::Notice;
use callbox_core::id::SessionId;
use callbox_core::unit::Timestamp;

/// Units that may share a transaction.
const MAX_GROUP: usize = 256;
/// How often a session's last use is written.
const SEEN_EVERY: Duration = Duration::from_secs(600);
/// How often an idle writer looks at the free space, so that the status stays true.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Writer {
    disk: Box<dyn Disk>,
    shared: Arc<Shared>,
    notify: Box<dyn Fn(Notice) + Send>,
    status: watch::Sender<StoreStatus>,
    bounds: Bounds,
    cache_bytes: usize,
    pace: Duration,
    /// How far the file is.
    mark: Mark,
    /// Bytes of the reserve.
    held: u64,
    /// Free bytes, while they are few.
    low: Option<u64>,
    /// Why the last write failed.
    failure: Option<String>,
    last_commit: Option<Instant>,
    last_seen: Instant,
    /// The last write: nothing may be put off any more.
    is_closing: bool,
    commits: metrics::Counter,
    units: metrics::Counter,
}

/// What a group came to, before or after its commit.
#[derive(Default)]
pub(super) struct Staged {
    notices: Vec<Notice>,
    outcomes: Vec<Result<(), StoreError>>,
    seen: Vec<(SessionId, Timestamp)>,
    done: Vec<Errand>,
    /// `None` when nothing was written.
    mark: Option<Mark>,
}

/// A group that could not be committed; `staged` when only the commit itself failed, so that it may yet be in the
/// file.
struct Failed {
    fault: Fault,
    staged: Option<Box<Staged>>,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self { fault, staged: None }
    }
}

impl Writer {
    pub(super) fn new(
        disk: Box<dyn Disk>,
        shared: Arc<Shared>,
        notify: Box<dyn Fn(Notice) + Send>,
        status: watch::Sender<StoreStatus>,
        bounds: Bounds,
        mark: Mark,
        options: &StoreOptions,
    ) -> Self {
        Self {
            held: disk.reserved().unwrap_or(0),
            disk,
            shared,
            notify,
            status,
            bounds,
            cache_bytes: options.cache_bytes,
            pace: options.pace,
            mark,
            low: None,
            failure: None,
            last_commit: None,
            last_seen: Instant::now(),
            is_closing: false,
            commits: metrics::counter!("callbox_store_commits_total"),
            units: metrics::counter!("callbox_store_units_total"),
        }
    }

    /// Ends the calls that a crash left without an end; says how many.
    pub(super) fn recover(&mut self) -> Result<usize, OpenError> {
        self.mind_space();
        let (reply, mut answer) = oneshot::channel();
        let pending = Pending { operation: Recover, reply, result: None };
        let mut units = [Unit::Command(Box::new(pending))];
        let staged =
            self.write(&mut units).map_err(|error| OpenError::Directory(std::io::Error::other(error)))?;
        self.say_status();
        for (unit, outcome) in units.into_iter().zip(staged.outcomes) {
            unit.answer(outcome);
        }
        match answer.try_recv() {
            Ok(Ok(calls)) => Ok(calls),
            Ok(Err(error)) => Err(OpenError::Damaged(error.to_string())),
            Err(_) => Err(OpenError::Damaged("calls without an end cannot be ended".to_owned())),
        }
    }

    /// Works until the last handle is gone or [`Unit::Close`] was met and the queue is empty. `closing` ends a
    /// wait early.
    pub(super) fn run(mut self, queue: &Receiver<Unit>, closing: &Receiver<()>) {
        let mut group = Vec::with_capacity(MAX_GROUP);
        loop {
            match queue.recv_timeout(LOOK_EVERY) {
                Ok(unit) => group.push(unit),
                Err(RecvTimeoutError::Timeout) => {
                    self.look_around();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.keep_pace(closing);
            group.extend(queue.try_iter().take(MAX_GROUP - 1));
            let is_closing = group.iter().any(|unit| matches!(unit, Unit::Close));
            self.work_off(std::mem::take(&mut group));
            if is_closing {
                for unit in queue.try_iter() {
                    self.work_off(vec![unit]);
                }
                break;
            }
        }
        self.close();
    }

    /// Under load, waits until the pace allows the next commit; what arrives meanwhile joins the group.
    fn keep_pace(&self, closing: &Receiver<()>) {
        if let Some(left) = self.last_commit.and_then(|last| self.pace.checked_sub(last.elapsed())) {
            // Either way the wait is over: by time, by the wish to close, or because all handles are gone.
            let _ = closing.recv_timeout(left);
        }
    }

    /// Space may come and go, and a failed disk may come back, while nobody writes.
    fn look_around(&mut self) {
        self.mind_space();
        // For the readers' sake; the failure itself is over only when a write succeeds.
        let _ = self.open_again_if_closed();
        self.say_status();
    }

    /// One last write of what was deferred, then the file is closed.
    fn close(&mut self) {
        self.is_closing = true;
        let has_deferred = !self.shared.deferred.is_empty();
        if has_deferred && let Err(error) = self.write(&mut [Unit::Close]) {
            tracing::warn!(%error, "what could wait was not written at the end");
        }
        // Dropping it closes the file cleanly, so that the next open needs no repair.
        *self.shared.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn work_off(&mut self, mut units: Vec<Unit>) {
        let is_low = self.mind_space();
        self.say_status();
        if is_low {
            for unit in units.extract_if(.., |unit| !unit.is_urgent()) {
                unit.answer(Err(StoreError::LowSpace));
            }
        }
        if units.iter().all(|unit| matches!(unit, Unit::Close)) {
            return;
        }
        match self.write(&mut units) {
            Ok(staged) => {
                self.units.increment(units.len() as u64);
                self.say_status();
                staged.notices.into_iter().for_each(&self.notify);
                for (unit, outcome) in units.into_iter().zip(staged.outcomes) {
                    unit.answer(outcome);
                }
            }
            Err(error) => {
                self.say_status();
                units.iter().filter_map(Unit::refusal).for_each(&self.notify);
                for unit in units {
                    unit.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Commits a group, with one more try on a freshly opened file when the disk is to blame.
    pub(super) fn write(&mut self, units: &mut [Unit]) -> Result<Staged, StoreError> {
        self.open_again_if_closed()?;
        let mut failed = match self.attempt(units) {
            Ok(staged) => return Ok(self.committed(staged)),
            Err(failed) => failed,
        };
        for is_retry in [true, false] {
            tracing::error!(error = %failed.fault, "a commit failed; opening the database again");
            self.relieve(&failed.fault);
            if let Err(error) = self.reopen() {
                return Err(self.fail(error));
            }
            // The commit had reached the disk after all: it must not be done twice.
            if let Some(staged) = failed.staged.take()
                && staged.mark == Some(self.mark)
            {
                return Ok(self.committed(*staged));
            }
            if is_retry {
                match self.attempt(units) {
                    Ok(staged) => return Ok(self.committed(staged)),
                    Err(again) => failed = again,
                }
            }
        }
        Err(self.fail(failed.fault.into()))
    }

    fn committed(&mut self, staged: Staged) -> Staged {
        self.failure = None;
        if let Some(mark) = staged.mark {
            self.mark = mark;
            self.last_commit = Some(Instant::now());
            self.commits.increment(1);
            if !staged.seen.is_empty() {
                self.last_seen = Instant::now();
            }
            self.shared.deferred.written(&staged.seen, &staged.done);
        }
        staged
    }

    fn fail(&mut self, error: StoreError) -> StoreError {
        self.failure = Some(format!("{error}; the box tries again with every change"));
        error
    }

    fn attempt(&self, units: &mut [Unit]) -> Result<Staged, Failed> {
        let txn = {
            let slot = self.shared.database.read().unwrap_or_else(PoisonError::into_inner);
            slot.as_ref().ok_or(Fault::Closed)?.begin_write().map_err(Fault::from)?
        };
        let staged = self.stage(&txn, units)?;
        if staged.mark.is_none() {
            txn.abort().map_err(Fault::from)?;
            return Ok(staged);
        }
        match txn.commit() {
            Ok(()) => Ok(staged),
            Err(error) => Err(Failed { fault: error.into(), staged: Some(Box::new(staged)) }),
        }
    }

    fn open_again_if_closed(&mut self) -> Result<(), StoreError> {
        let is_open = self.shared.database.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if is_open {
            return Ok(());
        }
        self.reopen().map_err(|error| self.fail(error))
    }

    /// Closes the file, which redb refuses to touch after an I/O error, and opens it again.
    fn reopen(&mut self) -> Result<(), StoreError> {
        let mut slot = self.shared.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old one first: it holds the lock on the file.
        *slot = None;
        let opened = schema::open_file(&*self.disk, self.cache_bytes)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        self.mark = schema::mark(&opened)?;
        *slot = Some(opened);
        Ok(())
    }

    fn stage(&self, txn: &WriteTransaction, units: &mut [Unit]) -> Result<Staged, Fault> {
        let mut tables = Tables::open(txn, &self.shared.deferred)?;
        let mut staged = Staged::default();
        for unit in units.iter_mut() {
            let writes = tables.writes();
            let outcome = match unit.apply(&mut tables, &mut staged.notices) {
                Ok(()) => Ok(()),
                Err(fault @ Fault::Disk(_)) => return Err(fault),
                // Only what was checked and not yet written can be refused by itself.
                Err(fault) if tables.writes() != writes => return Err(fault),
                Err(fault) => {
                    tracing::error!(error = %fault, "a unit does not fit what is stored");
                    staged.notices.extend(unit.refusal());
                    Err(fault.into())
                }
            };
            staged.outcomes.push(outcome);
        }
        if tables.writes() > 0 || self.is_closing {
            self.stage_deferred(&mut tables, &mut staged)?;
        }
        if tables.writes() > 0 {
            let mut stamp = self.mark.stamp;
            if tables.events() == 0 {
                stamp += 1;
                tables.change()?.meta.insert(STAMP, stamp.to_le_bytes().as_slice())?;
            }
            staged.mark = Some(Mark { next_seq: tables.next_seq(), stamp });
        }
        Ok(staged)
    }

    fn stage_deferred(&self, tables: &mut Tables<'_>, staged: &mut Staged) -> Result<(), Fault> {
        staged.done = self.shared.deferred.all_done();
        for errand in &staged.done {
            tables.remove_errand(*errand)?;
        }
        if self.last_seen.elapsed() < SEEN_EVERY && !self.is_closing {
            return Ok(());
        }
        staged.seen = self.shared.deferred.all_seen();
        for (session, at) in &staged.seen {
            let login: Option<Login> = get(&tables.accounts()?.sessions, session.as_bytes())?;
            if let Some(login) = login {
                let login = Login { last_seen_at: *at, ..login };
                tables.change()?.sessions.insert(session.as_bytes(), login.encode().as_slice())?;
            }
        }
        Ok(())
    }

    /// Gives the reserve back when the disk is full; the next attempt lives on it.
    fn relieve(&mut self, fault: &Fault) {
        let is_full =
            matches!(fault, Fault::Disk(redb::Error::Io(error)) if error.kind() == ErrorKind::StorageFull);
        let is_critical = self.disk.free().is_ok_and(|free| free < self.bounds.critical);
        if self.held > 0 && (is_full || is_critical) {
            self.hold(0);
        }
    }

    /// Looks at the free space and keeps the reserve in line; says whether only urgent units may go on.
    fn mind_space(&mut self) -> bool {
        let free = match self.disk.free() {
            Ok(free) => free,
            Err(error) => {
                tracing::warn!(%error, "the free space cannot be read");
                return false;
            }
        };
        let verdict = self.bounds.judge(free, self.held);
        if let Some(bytes) = verdict.reserve {
            self.hold(bytes);
        }
        self.low = verdict.is_low.then_some(free);
        verdict.is_low
    }

    fn say_status(&self) {
        let now = match (&self.failure, self.low) {
            (Some(why), _) => StoreStatus::Failed(why.clone()),
            (None, Some(free_bytes)) => StoreStatus::LowSpace { free_bytes, reserve_held: self.held > 0 },
            (None, None) => StoreStatus::Healthy,
        };
        self.status.send_if_modified(|status| {
            let is_new = *status != now;
            if is_new {
                *status = now;
            }
            is_new
        });
    }

    fn hold(&mut self, bytes: u64) {
        match self.disk.reserve(bytes) {
            Ok(()) => tracing::warn!(bytes, "the reserve for calls was resized"),
            Err(error) => tracing::warn!(%error, bytes, "the reserve for calls cannot be resized"),
        }
        self.held = self.disk.reserved().unwrap_or(0);
    }
}
