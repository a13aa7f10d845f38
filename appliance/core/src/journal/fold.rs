//! What the events add up to: the same few functions make the stored tables and rebuild them.
//!
//! It is not a query layer and knows nothing personal: names and numbers are not in the events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Body, Event, Refusal, Role};
use crate::id::{CallId, DeviceId, RoomId, SessionId, UserId};
use crate::unit::Timestamp;
use crate::wire::{CallState, EndReason, ErrorKind, Media, Outcome};

/// Why an event cannot follow the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The identifier was used before.
    #[error("the identifier is in use")]
    Duplicate,
    /// It changes something that does not exist.
    #[error("there is nothing to change")]
    Unknown,
    /// The call is over, or was answered before.
    #[error("it is over, or was answered before")]
    TooLate,
    /// It is not about calls, or about another call.
    #[error("the event is not about this call")]
    NotACall,
}

/// The record of one call, from its initiation on.
///
/// ```text
/// CallInitiated -> live -> CallAnswered -> live, answered -> CallEnded -> over
///                    |                                         ^
///                    +-----------------------------------------+
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
    /// The record that an event begins, for `CallInitiated` and `CallRefused`.
    #[must_use]
    pub fn begun_by(seq: u64, event: &Event) -> Option<Self> {
        let (call, room, caller, callee, media, e2ee, refusal) = match event.body {
            Body::CallInitiated { call, room, caller, callee, media, e2ee, caller_device: _ } => {
                (call, room, caller, callee, media, e2ee, None)
            }
            Body::CallRefused { call, room, caller, callee, media, why } => {
                (call, room, caller, callee, media, false, Some(why))
            }
            Body::BoxSetUp { .. }
            | Body::UserCreated { .. }
            | Body::UserChanged { .. }
            | Body::UserDeleted { .. }
            | Body::PasswordChanged { .. }
            | Body::SessionOpened { .. }
            | Body::SessionEnded { .. }
            | Body::EnrolmentIssued { .. }
            | Body::EnrolmentUsed { .. }
            | Body::CallAnswered { .. }
            | Body::CallEnded { .. }
            | Body::SettingChanged { .. } => return None,
        };
        Some(Self {
            seq,
            call,
            room,
            caller,
            callee,
            media,
            e2ee,
            state: if refusal.is_some() { CallState::Ended } else { CallState::Connecting },
            error: None,
            created_at: event.at,
            answered_at: None,
            ended_at: refusal.map(|_| event.at),
            end_reason: None,
            duration_ms: 0,
            refusal,
        })
    }

    /// Takes the answer or the end of this call in.
    ///
    /// # Errors
    /// [`Misfit`]; the record is as before.
    pub fn follow(&mut self, event: &Event) -> Result<(), Misfit> {
        if event.body.call() != Some(self.call) {
            return Err(Misfit::NotACall);
        }
        match event.body {
            Body::CallAnswered { .. } => {
                if !self.is_live() || self.answered_at.is_some() {
                    return Err(Misfit::TooLate);
                }
                self.answered_at = Some(event.at);
                self.state = CallState::Connected;
                Ok(())
            }
            Body::CallEnded { state, error, reason, duration_ms, call: _, by: _ } => {
                if !self.is_live() {
                    return Err(Misfit::TooLate);
                }
                self.ended_at = Some(event.at);
                self.state = state;
                self.error = error;
                self.end_reason = Some(reason);
                self.duration_ms = duration_ms;
                Ok(())
            }
            Body::CallInitiated { .. } | Body::CallRefused { .. } => Err(Misfit::Duplicate),
            Body::BoxSetUp { .. }
            | Body::UserCreated { .. }
            | Body::UserChanged { .. }
            | Body::UserDeleted { .. }
            | Body::PasswordChanged { .. }
            | Body::SessionOpened { .. }
            | Body::SessionEnded { .. }
            | Body::EnrolmentIssued { .. }
            | Body::EnrolmentUsed { .. }
            | Body::SettingChanged { .. } => Err(Misfit::NotACall),
        }
    }

    /// Whether the journal holds no end of it.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.ended_at.is_none()
    }

    /// What became of the call as `user` sees it (rule 9); `None` while it lives and for anybody else.
    #[must_use]
    pub fn outcome_for(&self, user: UserId) -> Option<Outcome> {
        let is_caller = user == self.caller;
        if self.is_live() || !(is_caller || user == self.callee) {
            return None;
        }
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
}

impl Body {
    /// The call that the event is about.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::CallInitiated { call, .. }
            | Self::CallRefused { call, .. }
            | Self::CallAnswered { call, .. }
            | Self::CallEnded { call, .. } => Some(*call),
            Self::BoxSetUp { .. }
            | Self::UserCreated { .. }
            | Self::UserChanged { .. }
            | Self::UserDeleted { .. }
            | Self::PasswordChanged { .. }
            | Self::SessionOpened { .. }
            | Self::SessionEnded { .. }
            | Self::EnrolmentIssued { .. }
            | Self::EnrolmentUsed { .. }
            | Self::SettingChanged { .. } => None,
        }
    }
}

/// What the journal says about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserState {
    /// May do what.
    pub role: Role,
    /// May not sign in and cannot be called.
    pub disabled: bool,
    /// Gone for good; the identifier is never given out again.
    pub deleted: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// What the journal says about a session that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// Whose.
    pub user: UserId,
    /// Of which device.
    pub device: DeviceId,
    /// When it began.
    pub created_at: Timestamp,
}

/// Everything that follows from the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The first-run wizard has been through.
    pub set_up: bool,
    /// Accounts, the deleted ones too.
    pub users: BTreeMap<UserId, UserState>,
    /// Sessions that are not over.
    pub sessions: BTreeMap<SessionId, SessionState>,
    /// Call records by their sequence number.
    pub calls: BTreeMap<u64, CallRow>,
    /// Where a call's record is.
    pub call_ids: BTreeMap<CallId, u64>,
}

impl State {
    /// Takes the next event in.
    ///
    /// # Errors
    /// [`Misfit`]; the state is as before.
    pub fn apply(&mut self, seq: u64, event: &Event) -> Result<(), Misfit> {
        match event.body {
            Body::BoxSetUp { .. } if self.set_up => Err(Misfit::Duplicate),
            Body::BoxSetUp { .. } => {
                self.set_up = true;
                Ok(())
            }
            Body::UserCreated { user, role, .. } => {
                let made = UserState { role, disabled: false, deleted: false, created_at: event.at };
                match self.users.insert(user, made) {
                    None => Ok(()),
                    Some(before) => {
                        self.users.insert(user, before);
                        Err(Misfit::Duplicate)
                    }
                }
            }
            Body::UserChanged { user, role, disabled, .. } => {
                let found = self.user(user)?;
                (found.role, found.disabled) = (role, disabled);
                Ok(())
            }
            Body::UserDeleted { user, .. } => {
                self.user(user)?.deleted = true;
                Ok(())
            }
            Body::PasswordChanged { user, .. } | Body::EnrolmentIssued { user, .. } => {
                self.user(user).map(|_| ())
            }
            Body::SessionOpened { session, device, user, .. } => {
                self.user(user)?;
                if self.sessions.contains_key(&session) {
                    return Err(Misfit::Duplicate);
                }
                self.sessions.insert(session, SessionState { user, device, created_at: event.at });
                Ok(())
            }
            Body::SessionEnded { session, .. } => {
                self.sessions.remove(&session).map(|_| ()).ok_or(Misfit::Unknown)
            }
            Body::EnrolmentUsed { .. } | Body::SettingChanged { .. } => Ok(()),
            Body::CallInitiated { call, .. }
            | Body::CallRefused { call, .. }
            | Body::CallAnswered { call, .. }
            | Body::CallEnded { call, .. } => self.apply_call(seq, call, event),
        }
    }

    fn apply_call(&mut self, seq: u64, call: CallId, event: &Event) -> Result<(), Misfit> {
        let known = self.call_ids.get(&call).copied();
        match (known, CallRow::begun_by(seq, event)) {
            (Some(_), Some(_)) => Err(Misfit::Duplicate),
            (None, Some(row)) => {
                self.call_ids.insert(call, seq);
                self.calls.insert(seq, row);
                Ok(())
            }
            (Some(first), None) => self.calls.get_mut(&first).ok_or(Misfit::Unknown)?.follow(event),
            (None, None) => Err(Misfit::Unknown),
        }
    }

    fn user(&mut self, user: UserId) -> Result<&mut UserState, Misfit> {
        self.users.get_mut(&user).filter(|found| !found.deleted).ok_or(Misfit::Unknown)
    }
}

#[cfg(test)]
mod tests;
