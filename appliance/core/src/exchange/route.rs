//! Which call an event of a client is for, and what the exchange adds to it.

use crate::call::admission::{Facts, admit};
use crate::call::{self, Call, RING_TIME, Side, Speaker};
use crate::id::{CallId, UserId};
use crate::journal::{Body, Refusal};
use crate::quality;
use crate::registrar::Owner;
use crate::unit::Now;
use crate::wire::{
    CallState, ClientEvent, Code, EndCall, NetworkQuality, Party, QualityNotice, Reject, ServerEvent,
};

use super::Exchange;
use super::io::{Answer, Caller, Initiate, Initiated, ReplyId};
use super::ledger::Purpose;

impl Exchange {
    pub(super) fn route(&mut self, owner: Owner, event: ClientEvent, now: Now) -> Result<Answer, Reject> {
        let (call, input) = match event {
            ClientEvent::AppState(report) => {
                self.registrar.app_state(owner.device, report.state);
                return Ok(Answer::Done);
            }
            ClientEvent::EndCall(event) => return self.end_call(owner, event, now),
            ClientEvent::NetworkQuality(report) => return self.quality(owner, &report, now),
            ClientEvent::CallUser(event) => {
                let from = self.speaker(owner, event.call_id)?;
                let callee = self.calls.get(event.call_id).map(|call| call.user(Side::Callee));
                let rings = callee.into_iter().flat_map(|callee| self.registrar.reachable(callee)).collect();
                let callee_free = callee.is_some_and(|callee| self.is_free_for(callee, event.call_id));
                let input = call::Input::CallUser {
                    from,
                    target: event.target_user_id,
                    offer: event.offer,
                    rings,
                    callee_free,
                };
                (event.call_id, input)
            }
            ClientEvent::AcceptCall(event) => {
                let from = self.speaker(owner, event.call_id)?;
                (event.call_id, call::Input::Accept { from, answer: event.answer })
            }
            ClientEvent::RejectCall(event) => {
                let from = self.speaker(owner, event.call_id)?;
                (event.call_id, call::Input::Reject { from, reason: event.reason })
            }
            ClientEvent::IceCandidate(event) => {
                let from = self.speaker(owner, event.call_id)?;
                (event.call_id, call::Input::Candidate { from, candidate: event.candidate })
            }
            ClientEvent::MediaState(event) => {
                let from = self.speaker(owner, event.call_id)?;
                (event.call_id, call::Input::Media { from, report: event.state, error: event.error })
            }
            ClientEvent::Renegotiate(event) => {
                let from = self.speaker(owner, event.call_id)?;
                (event.call_id, call::Input::Renegotiate { from, description: event.description })
            }
            ClientEvent::RecordingConsent(event) => {
                let from = self.speaker(owner, event.call_id)?;
                (event.call_id, call::Input::Consent { from, agree: event.agree })
            }
        };
        self.tell_call(call, input, now)?;
        Ok(Answer::Done)
    }

    /// The speaker's place in a live call; strangers hear that there is no such call.
    fn speaker(&self, owner: Owner, call: CallId) -> Result<Speaker, Reject> {
        match self.calls.get(call) {
            Some(found) => {
                let side = found.side_of(owner.user).ok_or(Code::NotFound)?;
                Ok(Speaker { side, device: owner.device })
            }
            None if self.calls.ended_with(call, owner.user) => Err(Code::CallEnded.into()),
            None => Err(Code::NotFound.into()),
        }
    }

    /// Rule 6: an ended or unknown call ends well.
    fn end_call(&mut self, owner: Owner, event: EndCall, now: Now) -> Result<Answer, Reject> {
        let named = event.call_id.or_else(|| event.room_id.and_then(|room| self.calls.in_room(room)));
        let Some(call) = named.filter(|call| self.calls.get(*call).is_some()) else {
            return Ok(Answer::Done);
        };
        let from = self.speaker(owner, call)?;
        self.tell_call(call, call::Input::End { from }, now)?;
        Ok(Answer::Done)
    }

    pub(super) fn record(
        &mut self,
        caller: Caller,
        call: CallId,
        start: bool,
        now: Now,
    ) -> Result<Answer, Reject> {
        let owner = Owner { session: caller.session, device: caller.device, user: caller.user };
        let from = self.speaker(owner, call)?;
        self.tell_call(call, call::Input::Record { from, start }, now)?;
        Ok(Answer::Recording { recording: start })
    }

    /// F8: judges a report, and tells both sides of each call that it bears on when the level is a new one.
    fn quality(&mut self, owner: Owner, report: &NetworkQuality, now: Now) -> Result<Answer, Reject> {
        let calls = match report.call_id {
            Some(call) => {
                let speaker = self.speaker(owner, call)?;
                let bound = self.calls.get(call).and_then(|found| found.bound(speaker.side));
                if bound != Some(owner.device) {
                    return Err(Code::Forbidden.into());
                }
                vec![(call, speaker.side)]
            }
            None => self.calls.of(owner.user),
        };
        let mut level = quality::judge(report);
        for (id, side) in calls {
            let Some(call) = self.calls.get(id) else { continue };
            if call.bound(side) != Some(owner.device) || !call.state().is_live() {
                continue;
            }
            let other = call.bound(if side == Side::Caller { Side::Callee } else { Side::Caller });
            let ladder = self.ladders.entry((id, owner.device)).or_default();
            let changed = ladder.sample(report, now.instant);
            level = ladder.level().unwrap_or(level);
            if changed.is_some() {
                let settings = quality::settings(level);
                let notice = QualityNotice { call_id: id, from_user_id: None, level, settings };
                self.send(owner.device, ServerEvent::Quality(notice), now.instant);
                if let Some(other) = other {
                    let notice = QualityNotice { from_user_id: Some(owner.user), ..notice };
                    self.send(other, ServerEvent::Quality(notice), now.instant);
                }
            }
        }
        Ok(Answer::Quality { level, settings: quality::settings(level) })
    }

    /// Whether a user may be rung for this call: not engaged in another, or takes a second one.
    fn is_free_for(&self, user: UserId, call: CallId) -> bool {
        let waiting = self.directory.get(&user).is_some_and(|entry| entry.call_waiting);
        waiting || !self.engaged(user, Some(call))
    }

    fn engaged(&self, user: UserId, besides: Option<CallId>) -> bool {
        let others = self.calls.of(user).into_iter().filter(|(id, _)| Some(*id) != besides);
        others
            .filter_map(|(id, side)| Some((self.calls.get(id)?, side)))
            .any(|(call, side)| call.engages(side))
    }

    pub(super) fn initiate(&mut self, caller: Caller, request: &Initiate, reply: ReplyId, now: Now) {
        if let Err(reject) = self.try_initiate(caller, request, reply, now) {
            self.outputs.push_back(super::Output::Reply { reply, answer: Err(reject) });
        }
    }

    fn try_initiate(
        &mut self,
        who: Caller,
        request: &Initiate,
        reply: ReplyId,
        now: Now,
    ) -> Result<(), Reject> {
        if request.target == who.user {
            return Err(Reject::field("targetUserId", "Nobody can call himself."));
        }
        let callee = self.directory.get(&request.target).ok_or(Code::NotFound)?;
        let caller = self.directory.get(&who.user).ok_or(Code::SessionRevoked)?;
        let party = Party {
            id: who.user,
            display_name: caller.display_name.clone(),
            extension: caller.extension.clone(),
        };
        let facts = Facts {
            call_back: self.call_back(request.target, who.user),
            callee_busy: self.engaged(request.target, None),
            callee_call_waiting: callee.call_waiting,
            callee_do_not_disturb: callee.do_not_disturb,
            caller_busy: self.engaged(who.user, None),
            caller_call_waiting: caller.call_waiting,
            room: !self.stopping && self.calls.len() < self.options.max_calls,
        };
        if let Err((code, call)) = admit(&facts) {
            let reject = Reject { call, ..Reject::new(code) };
            let Some(why) = refusal(code) else { return Err(reject) };
            let body = Body::CallRefused {
                call: request.call,
                room: request.room,
                caller: who.user,
                callee: request.target,
                media: request.media,
                why,
            };
            self.commit(Purpose::Refused { reply, reject }, body, now.instant);
            return Ok(());
        }
        let setup = call::Setup {
            id: request.call,
            room: request.room,
            caller: party,
            caller_device: who.device,
            callee: request.target,
            callee_online: self.registrar.reachable(request.target).next().is_some(),
            media: request.media,
            e2ee: request.e2ee,
        };
        self.begin(setup, reply, now);
        Ok(())
    }

    fn begin(&mut self, setup: call::Setup, reply: ReplyId, now: Now) {
        let initiated = Initiated {
            call: setup.id,
            room: setup.room,
            state: CallState::Connecting,
            callee_online: setup.callee_online,
            expires_at: now.wall + RING_TIME,
        };
        let id = setup.id;
        let mut call = Call::initiate(setup, now);
        let record = call.poll_output();
        self.calls.insert(id, call);
        if let Some(call::Output::Record(body)) = record {
            self.commit(Purpose::Initiated { call: id, reply, initiated }, body, now.instant);
        }
        self.drain(id, None, now);
    }

    /// A call of `from` to `to` that still rings.
    fn call_back(&self, from: UserId, to: UserId) -> Option<CallId> {
        let calls = self.calls.of(from).into_iter().filter(|(_, side)| *side == Side::Caller);
        let mut towards = calls.filter(|(id, _)| {
            self.calls
                .get(*id)
                .is_some_and(|call| call.user(Side::Callee) == to && call.state() == call::State::Connecting)
        });
        towards.next().map(|(id, _)| id)
    }
}

/// Which refusals leave a record (rule 8).
#[expect(clippy::wildcard_enum_match_arm, reason = "two codes of many")]
const fn refusal(code: Code) -> Option<Refusal> {
    match code {
        Code::CalleeBusy => Some(Refusal::Busy),
        Code::DoNotDisturb => Some(Refusal::DoNotDisturb),
        _ => None,
    }
}
