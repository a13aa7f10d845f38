//! What was handed to the store and not confirmed yet, and what has to be handed to it again.
//!
//! ```text
//!  commit --> sent --Committed--> done
//!              |
//!              +--CommitRefused--> an initiation: refused to the caller, nothing remains
//!                                  anything later in a call: waits, and is sent again every second
//! ```
//!
//! While anything waits, later events queue behind it (their order is the call's history) and new initiations are
//! refused, so that what waits is bounded by the calls that are live.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::id::CallId;
use crate::journal::Body;
use crate::unit::Instant;
use crate::wire::Reject;

use super::io::{Answer, Initiated, ReplyId, Ticket};

/// Between two attempts to store what waits.
const RETRY: Duration = Duration::from_secs(1);

/// What happens once the events are stored.
#[derive(Debug, Clone)]
pub(super) enum Purpose {
    /// The caller is told that the call exists.
    Initiated { call: CallId, reply: ReplyId, initiated: Initiated },
    /// The caller is told that it does not.
    Refused { reply: ReplyId, reject: Reject },
    /// The call's end is recorded.
    Ended(CallId),
    /// Nothing.
    Noted,
}

/// What became of a commit at once.
#[derive(Debug)]
pub(super) enum Outcome {
    /// To be handed to the store.
    Sent { ticket: Ticket, events: Vec<Body> },
    /// Queued behind what waits.
    Waits,
    /// Not taken: the store is not keeping up.
    Refused(Purpose),
}

/// The ack of an event that changed the record of a call.
pub(super) type Ack = (ReplyId, Result<Answer, Reject>);

#[derive(Debug, Default)]
pub(super) struct Ledger {
    next: u64,
    /// Acks that promise what this ticket stores; at most one for each ticket that is on its way.
    acks: BTreeMap<Ticket, Ack>,
    sent: BTreeMap<Ticket, Vec<(Purpose, Body)>>,
    waiting: VecDeque<(Purpose, Body)>,
    retry_at: Option<Instant>,
}

impl Ledger {
    pub(super) fn commit(&mut self, purpose: Purpose, body: Body, now: Instant) -> Outcome {
        if self.retry_at.is_none() && self.waiting.is_empty() {
            let ticket = self.ticket();
            self.sent.insert(ticket, vec![(purpose, body)]);
            return Outcome::Sent { ticket, events: vec![body] };
        }
        match purpose {
            Purpose::Initiated { .. } | Purpose::Refused { .. } => Outcome::Refused(purpose),
            Purpose::Ended(_) | Purpose::Noted => {
                self.waiting.push_back((purpose, body));
                self.retry_at.get_or_insert(now + RETRY);
                Outcome::Waits
            }
        }
    }

    /// The newest ticket; compare with [`Self::hold`].
    pub(super) const fn newest(&self) -> Ticket {
        Ticket(self.next)
    }

    /// Keeps an ack until what was handed to the store after `since` is stored or refused. Gives it back when
    /// nothing was: the event changed no record, or the store is in trouble and nobody can wait for it.
    pub(super) fn hold(&mut self, since: Ticket, ack: Ack) -> Option<Ack> {
        let newest = self.newest();
        if newest == since || !self.sent.contains_key(&newest) {
            return Some(ack);
        }
        self.acks.insert(newest, ack)
    }

    /// The ack that waited for this ticket. It goes out even when the store refused: the event took effect, and its
    /// record is tried again until it is stored.
    pub(super) fn ack(&mut self, ticket: Ticket) -> Option<Ack> {
        self.acks.remove(&ticket)
    }

    fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    /// Stored; gives what to do.
    pub(super) fn committed(&mut self, ticket: Ticket) -> Vec<Purpose> {
        let stored = self.sent.remove(&ticket).unwrap_or_default();
        stored.into_iter().map(|(purpose, _)| purpose).collect()
    }

    /// Not stored; gives what has to be taken back. The rest waits.
    pub(super) fn refused(&mut self, ticket: Ticket, now: Instant) -> Vec<Purpose> {
        let mut back = Vec::new();
        let mut keep = VecDeque::new();
        for (purpose, body) in self.sent.remove(&ticket).unwrap_or_default() {
            match purpose {
                Purpose::Initiated { .. } | Purpose::Refused { .. } => back.push(purpose),
                Purpose::Ended(_) | Purpose::Noted => keep.push_back((purpose, body)),
            }
        }
        if !keep.is_empty() {
            // What was sent earlier is older than what waits.
            keep.append(&mut self.waiting);
            self.waiting = keep;
            self.retry_at.get_or_insert(now + RETRY);
        }
        back
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Sends what waits, in one piece, when it is time.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<(Ticket, Vec<Body>)> {
        if self.retry_at.is_none_or(|at| at > now) {
            return None;
        }
        self.retry_at = None;
        let again: Vec<_> = std::mem::take(&mut self.waiting).into();
        let events = again.iter().map(|(_, body)| *body).collect();
        let ticket = self.ticket();
        self.sent.insert(ticket, again);
        Some((ticket, events))
    }

    /// Nothing is on its way to the store and nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.waiting.is_empty()
    }
}
