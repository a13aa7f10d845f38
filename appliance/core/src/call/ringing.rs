//! From initiate to the answer: binding the caller, ringing every device, waking, accept and reject.

use crate::id::{DeviceId, UserId};
use crate::journal::Body;
use crate::unit::Now;
use crate::wire::{
    CallAccepted, CallEnded, CallRejected, Code, Description, EndReason, IceCandidate, IceRelay,
    IncomingCall, MediaState, Reject, ServerEvent, UserComingOnline,
};

use super::leg::{Leg, Ringing};
use super::{ACK_TIME, Call, Edge, Output, RING_TIME, Side, Speaker, State, Waking};

impl Call {
    /// The initiation is stored: the caller's device hears of the state, and an offline callee is woken.
    pub(super) fn stored(&mut self) {
        if self.state != State::Connecting {
            return;
        }
        let (state, error) = self.state.on_wire();
        let change = crate::wire::CallStateChange { call_id: self.id, state, error };
        self.tell_all(&ServerEvent::CallState(change));
        self.tell_media(MediaState::Connecting);
        if self.waking == Waking::Asked {
            self.outputs.push_back(Output::Wake);
        }
    }

    pub(super) fn call_user(
        &mut self,
        from: Speaker,
        target: UserId,
        offer: Description,
        (rings, callee_free): (&[DeviceId], bool),
        now: Now,
    ) -> Result<(), Reject> {
        if from.side == Side::Callee {
            return Err(Code::Forbidden.into());
        }
        if target != self.callee {
            return Err(Reject::field("targetUserId", "The call was initiated towards somebody else."));
        }
        match &self.caller_leg {
            Some(leg) if leg.device == from.device => return Ok(()),
            Some(_) => return Err(Code::Forbidden.into()),
            None => {}
        }
        self.caller_leg = Some(Leg::new(from.device));
        if !callee_free {
            // Somebody else rang him between initiate and now; nobody of the callee is to blame.
            self.tell_rejected("busy".to_owned());
            self.finish(Edge::EndCall, EndReason::Rejected, None, now);
            return Err(Code::CalleeBusy.into());
        }
        self.offer = Some(offer);
        for device in rings {
            self.ring(*device, now);
        }
        Ok(())
    }

    fn ring(&mut self, device: DeviceId, now: Now) {
        let Some(offer) = &self.offer else { return };
        let event = IncomingCall {
            call_id: self.id,
            room_id: self.room,
            caller_id: self.caller.id,
            caller: self.caller.clone(),
            media: self.media,
            offer: offer.clone(),
            expires_at: self.created.wall + RING_TIME,
        };
        let ringing = self.ringing.entry(device).or_insert_with(|| Ringing {
            ack_due: None,
            reached: false,
            candidates: super::leg::KeptCandidates::default(),
        });
        ringing.ack_due = Some(now.instant + ACK_TIME);
        self.tell(device, ServerEvent::IncomingCall(event));
    }

    pub(super) fn ring_acked(&mut self, device: DeviceId) {
        if let Some(ringing) = self.ringing.get_mut(&device) {
            ringing.ack_due = None;
            ringing.reached = true;
        }
    }

    pub(super) fn ring_unacked(&mut self, device: DeviceId) {
        if let Some(ringing) = self.ringing.get_mut(&device) {
            ringing.ack_due = None;
        }
        self.wake_if_unreachable();
    }

    /// Wakes once when no device of the callee is known to have got the ring, or may still.
    fn wake_if_unreachable(&mut self) {
        let hopeless = self.ringing.values().all(|ringing| !ringing.reached && ringing.ack_due.is_none());
        if self.state == State::Connecting && self.offer.is_some() && hopeless && self.waking == Waking::Not {
            self.waking = Waking::Asked;
            self.outputs.push_back(Output::Wake);
        }
    }

    pub(super) fn device_online(&mut self, from: Speaker, fresh: bool, now: Now) {
        if let Some(leg) = self.leg_mut(from) {
            leg.gone_since = None;
            return;
        }
        if self.state != State::Connecting || from.side == Side::Caller {
            return;
        }
        if self.waking == Waking::Asked {
            self.waking = Waking::Came;
            let event = UserComingOnline { call_id: self.id, user_id: self.callee };
            self.tell(self.caller_device(), ServerEvent::UserComingOnline(event));
        }
        match self.ringing.get_mut(&from.device) {
            // It kept the ring, or gets it among what it missed.
            Some(ringing) if !fresh => ringing.reached = true,
            _ => self.ring(from.device, now),
        }
    }

    pub(super) fn device_gone(&mut self, from: Speaker, now: Now) {
        if let Some(leg) = self.leg_mut(from) {
            leg.gone_since = Some(now.instant);
            return;
        }
        if let Some(ringing) = self.ringing.get_mut(&from.device) {
            ringing.reached = false;
            ringing.ack_due = None;
            self.wake_if_unreachable();
        }
    }

    pub(super) fn accept(&mut self, from: Speaker, answer: Description, now: Now) -> Result<(), Reject> {
        if from.side == Side::Caller {
            return Err(Code::Forbidden.into());
        }
        if let Some(winner) = &self.callee_leg {
            let repeated = winner.device == from.device;
            return if repeated { Ok(()) } else { Err(Code::AlreadyAnswered.into()) };
        }
        if self.offer.is_none() {
            return Err(Reject::because(Code::InvalidState, "The caller has not sent the offer yet."));
        }
        let mut losers = std::mem::take(&mut self.ringing);
        let kept =
            losers.remove(&from.device).map(|mut ringing| ringing.candidates.take()).unwrap_or_default();
        self.callee_leg = Some(Leg::new(from.device));
        self.answered = Some(now);
        self.outputs
            .push_back(Output::Record(Body::CallAnswered { call: self.id, callee_device: from.device }));
        self.stop_waking();

        let caller = self.caller_device();
        self.tell(
            caller,
            ServerEvent::CallAccepted(CallAccepted { call_id: self.id, callee_id: self.callee, answer }),
        );
        self.take(Edge::Answered);
        for candidate in kept {
            self.relay_candidate(caller, self.callee, candidate);
        }
        for candidate in self.caller_candidates.take() {
            self.relay_candidate(from.device, self.caller.id, candidate);
        }
        for loser in losers.into_keys() {
            let ended = CallEnded {
                call_id: self.id,
                room_id: self.room,
                reason: EndReason::AnsweredElsewhere,
                duration_ms: 0,
            };
            self.tell(loser, ServerEvent::CallEnded(ended));
            self.lost.insert(loser);
        }
        Ok(())
    }

    pub(super) fn reject(&mut self, from: Speaker, reason: Option<String>, now: Now) -> Result<(), Reject> {
        if from.side == Side::Caller {
            return Err(Reject::because(Code::Forbidden, "A caller ends a call with end-call."));
        }
        match &self.callee_leg {
            Some(winner) if winner.device == from.device => Err(Code::InvalidState.into()),
            Some(_) => Err(Code::AlreadyAnswered.into()),
            None => {
                self.rejected(reason.unwrap_or_else(|| "rejected".to_owned()), now);
                Ok(())
            }
        }
    }

    /// One reject ends ringing everywhere (rule 4).
    pub(super) fn rejected(&mut self, reason: String, now: Now) {
        self.tell_rejected(reason);
        self.finish(Edge::EndCall, EndReason::Rejected, Some(self.callee), now);
    }

    fn tell_rejected(&mut self, reason: String) {
        let event = CallRejected { call_id: self.id, callee_id: self.callee, reason };
        self.tell(self.caller_device(), ServerEvent::CallRejected(event));
    }

    pub(super) fn candidate(&mut self, from: Speaker, candidate: Option<IceCandidate>) -> Result<(), Reject> {
        let other = self.leg(from.side.other()).map(|leg| leg.device);
        let kept = match (self.leg(from.side), other) {
            (Some(leg), _) if leg.device != from.device => return Err(Code::Forbidden.into()),
            (Some(_), Some(to)) => {
                self.relay_candidate(to, self.user(from.side), candidate);
                true
            }
            (Some(_), None) => self.caller_candidates.keep(candidate),
            (None, _) => match self.ringing.get_mut(&from.device) {
                Some(ringing) if from.side == Side::Callee => ringing.candidates.keep(candidate),
                _ if from.side == Side::Caller && from.device != self.initiated_by => {
                    return Err(Code::Forbidden.into());
                }
                _ => {
                    return Err(Reject::because(
                        Code::InvalidState,
                        "The offer comes before its candidates.",
                    ));
                }
            },
        };
        if kept {
            Ok(())
        } else {
            Err(Reject::because(Code::RateLimited, "Too many candidates before the answer."))
        }
    }

    fn relay_candidate(&mut self, to: DeviceId, from_user_id: UserId, candidate: Option<IceCandidate>) {
        self.tell(to, ServerEvent::IceCandidate(IceRelay { call_id: self.id, from_user_id, candidate }));
    }

    pub(super) fn stop_waking(&mut self) {
        if self.waking != Waking::Not {
            self.outputs.push_back(Output::StopWaking);
        }
    }
}
