//! The end of a call (F5): state, record and release at once, then `call-ended`, then Idle.

use crate::id::UserId;
use crate::journal::Body;
use crate::unit::{Instant, Now};
use crate::wire::{CallEnded, EndReason, ErrorKind, MediaState, ServerEvent};

use super::{Call, END_TIME, Edge, Output, Side, Speaker, State};

/// A call that is over, until everybody was told.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) at: Now,
    pub(super) reason: EndReason,
    pub(super) duration_ms: u64,
    /// The record is stored.
    pub(super) saved: bool,
    /// The media server let go, or never had it.
    pub(super) released: bool,
    /// When `call-ended` goes out anyway.
    pub(super) due: Instant,
}

impl Call {
    /// `end-call`: cancel, reject or hang-up, by who says it and when. Never refused.
    pub(super) fn end(&mut self, from: Speaker, now: Now) {
        match (self.state, from.side) {
            (State::Connecting, Side::Caller) => {
                self.finish(Edge::EndCall, EndReason::Cancelled, Some(self.user(from.side)), now);
            }
            (State::Connecting, Side::Callee) => self.rejected("rejected".to_owned(), now),
            // A device that lost the race rejects a call that is no longer its own.
            (state, _) if state.is_live() && !self.lost.contains(&from.device) => {
                self.finish(Edge::EndCall, EndReason::Hangup, Some(self.user(from.side)), now);
            }
            _ => {}
        }
    }

    /// Ends whatever goes on.
    pub(super) fn stop(&mut self, reason: EndReason, by: Option<UserId>, now: Now) {
        if self.state.is_live() {
            self.finish(Edge::EndCall, reason, by, now);
        }
    }

    /// Ends in Error, along the edges that F6 has.
    pub(super) fn fail(&mut self, kind: ErrorKind, now: Now) {
        let edge = match self.state {
            State::Connecting => Edge::SetUpFailed(kind),
            State::Connected => Edge::ConnectionFailed(kind),
            State::InCall => {
                self.take(Edge::ConnectionLost);
                Edge::ReconnectFailed(kind)
            }
            State::Reconnecting => Edge::ReconnectFailed(kind),
            State::Idle | State::Error(_) | State::Timeout | State::Ended => return,
        };
        self.finish(edge, EndReason::Error, None, now);
    }

    pub(super) fn finish(&mut self, edge: Edge, reason: EndReason, by: Option<UserId>, now: Now) {
        let duration = self.answered.map(|answered| now.instant.since(answered.instant)).unwrap_or_default();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        if self.answered.is_none() {
            self.stop_waking();
        }
        self.take(edge);
        let (state, error) = self.state.on_wire();
        let record = Body::CallEnded { call: self.id, state, error, reason, duration_ms, by };
        // The two branches of F5 run side by side; neither waits for the other.
        if self.pipeline {
            self.outputs.push_back(Output::ReleasePipeline);
        }
        self.outputs.push_back(Output::Record(record));
        self.ending = Some(Ending {
            at: now,
            reason,
            duration_ms,
            saved: false,
            released: !self.pipeline,
            due: now.instant + END_TIME,
        });
    }

    /// One branch of the end is done.
    pub(super) fn ended(&mut self, branch: impl FnOnce(&mut Ending)) {
        if let Some(ending) = &mut self.ending {
            branch(ending);
            if ending.saved && ending.released {
                self.close();
            }
        }
    }

    /// Tells everybody and goes to Idle. What is not saved or released by now is finished without the call.
    pub(super) fn close(&mut self) {
        let (Some(ending), Some(edge)) = (&self.ending, self.state.closing()) else { return };
        let event = CallEnded {
            call_id: self.id,
            room_id: self.room,
            reason: ending.reason,
            duration_ms: ending.duration_ms,
        };
        self.tell_all(&ServerEvent::CallEnded(event));
        debug_assert_eq!(self.media_state(), MediaState::NoMedia, "a call that is over has no media");
        self.take(edge);
        self.outputs.push_back(Output::Over);
    }
}
