//! What the events add up to: the same few functions make the stored tables and rebuild them.
//!
//! It is not a query layer and knows nothing personal: names and numbers are not in the events.

use serde::{Deserialize, Serialize};

use super::Refusal;
use crate::id::{CallId, RoomId, UserId};
use crate::unit::Timestamp;
use crate::wire::{CallState, EndReason, ErrorKind, Media, Outcome};

/// The record of one call, from its initiation on.
///
/// ```text
/// CallInitiated -> live -> CallAnswered -> live, answered -> CallEnded -> over
///                    \_____________________________________/
/// CallRefused -> over
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// Sequence number of the event that made the record; orders calls and is the cursor of every list.
    pub seq: u64,
    /// The call.
    pub call: CallId,
    /// Its room.
    pub room: RoomId,
    /// Who called.
    pub caller: UserId,
    /// Who was called.
    pub callee: UserId,
    /// What it was meant to carry.
    pub media: Media,
    /// End-to-end encrypted by the caller's choice.
    pub e2ee: bool,
    /// While it lives `Connecting` or `Connected`, as far as the journal knows; afterwards the last state before
    /// `Idle`.
    pub state: CallState,
    /// With [`CallState::Error`].
    pub error: Option<ErrorKind>,
    /// When it was initiated or refused.
    pub created_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended; `None` while it lives.
    pub ended_at: Option<Timestamp>,
    /// Why it ended; `None` while it lives and for a refused call.
    pub end_reason: Option<EndReason>,
    /// Milliseconds from the answer to the end on the monotonic clock; 0 when never answered.
    pub duration_ms: u64,
    /// Why no call came about (rule 8).
    pub refusal: Option<Refusal>,
}

impl CallRow {
    /// What became of the call as `user` sees it (rule 9); `None` while it lives and for anybody else.
    #[must_use]
    pub fn outcome_for(&self, user: UserId) -> Option<Outcome> {
        let is_caller = user == self.caller;
        if !is_caller && user != self.callee {
            return None;
        }
        self.ended_at?;
        let (caller, callee) = if self.refusal.is_some() {
            (Outcome::Busy, Outcome::Missed)
        } else if self.answered_at.is_some() {
            (Outcome::Answered, Outcome::Answered)
        } else {
            match self.end_reason {
                Some(EndReason::Timeout) => (Outcome::Missed, Outcome::Missed),
                Some(EndReason::Cancelled) => (Outcome::Cancelled, Outcome::Missed),
                Some(EndReason::Rejected) => (Outcome::Rejected, Outcome::Rejected),
                Some(
                    EndReason::Hangup
                    | EndReason::AnsweredElsewhere
                    | EndReason::Error
                    | EndReason::BoxShutdown,
                )
                | None => (Outcome::Failed, Outcome::Missed),
            }
        };
        Some(if is_caller { caller } else { callee })
    }

    /// Whether the journal holds no end of it.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }
}

/// Why an event cannot follow the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The identifier was used before.
    #[error("the identifier is in use")]
    Duplicate,
    /// There is no such call, user or session.
    #[error("there is nothing to change")]
    Unknown,
    /// The call is over, or was answered before.
    #[error("it is over, or was answered before")]
    TooLate,
}
