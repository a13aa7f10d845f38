//! What may wait for the next commit: when sessions were last seen, and which errands are done. Losing it in a
//! crash does no harm, and writing it by itself would only wear the flash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use callbox_core::id::SessionId;
use callbox_core::unit::Timestamp;

use super::Errand;

/// Sessions that may wait to be noted; more are not noted until the next write.
const MAX_SEEN: usize = 10_000;
/// Errands that may wait to be removed; more come again at the next open. The outbox itself holds 1,000.
const MAX_DONE: usize = 2_000;

#[derive(Debug, Default)]
pub(super) struct Deferred {
    // A lock and not a message: every request touches its session, and a message each would wake the writer for
    // nothing and fill its queue. It is held for one map access.
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    seen: BTreeMap<SessionId, Timestamp>,
    done: BTreeSet<Errand>,
}

impl Deferred {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Both collections are sound after a panic at any point.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn see(&self, session: SessionId, at: Timestamp) {
        let mut waiting = self.waiting();
        if let Some(seen) = waiting.seen.get_mut(&session) {
            *seen = at;
        } else if waiting.seen.len() < MAX_SEEN {
            waiting.seen.insert(session, at);
        }
    }

    /// When the session was last seen, if memory knows better than the row.
    pub(super) fn last_seen(&self, session: SessionId, stored: Timestamp) -> Timestamp {
        self.waiting().seen.get(&session).copied().unwrap_or(stored)
    }

    pub(super) fn done(&self, errand: Errand) {
        let mut waiting = self.waiting();
        if waiting.done.len() < MAX_DONE {
            waiting.done.insert(errand);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.waiting();
        waiting.seen.is_empty() && waiting.done.is_empty()
    }

    pub(super) fn all_seen(&self) -> Vec<(SessionId, Timestamp)> {
        self.waiting().seen.iter().map(|(session, at)| (*session, *at)).collect()
    }

    pub(super) fn all_done(&self) -> Vec<Errand> {
        self.waiting().done.iter().copied().collect()
    }

    /// Forgets what was written, unless it changed meanwhile.
    pub(super) fn written(&self, seen: &[(SessionId, Timestamp)], done: &[Errand]) {
        let mut waiting = self.waiting();
        for (session, at) in seen {
            if waiting.seen.get(session) == Some(at) {
                waiting.seen.remove(session);
            }
        }
        for errand in done {
            waiting.done.remove(errand);
        }
    }
}
