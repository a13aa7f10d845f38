//! From the answer to the end: what the bound devices report, renegotiation, consent to recording.

use crate::unit::Now;
use crate::wire::{
    Code, Description, ErrorKind, MediaNotice, MediaReport, RecordingRequest, Reject, RenegotiateRelay,
    ServerEvent,
};

use super::leg::LegMedia;
use super::{Call, Edge, Side, Speaker, State};

impl Call {
    pub(super) fn media_report(
        &mut self,
        from: Speaker,
        report: MediaReport,
        error: Option<ErrorKind>,
        now: Now,
    ) -> Result<(), Reject> {
        let kind = error.unwrap_or(ErrorKind::MediaError);
        let failed_before_offer = self.caller_leg.is_none()
            && from.device == self.initiated_by
            && from.side == Side::Caller
            && report == MediaReport::Failed;
        if failed_before_offer {
            // The microphone was refused before there could be an offer: nobody is bound yet.
            self.fail(kind, now);
            return Ok(());
        }
        let state = self.state;
        self.after_offer(from)?;
        let leg = self.leg_mut(from).ok_or(Code::Forbidden)?;
        if report == MediaReport::Failed {
            self.relay_report(from, report);
            self.fail(kind, now);
            return Ok(());
        }
        if leg.last == Some(report) {
            return Ok(());
        }
        let media = match (report, leg.media) {
            (MediaReport::Connected, LegMedia::Waiting | LegMedia::Flowing)
            | (MediaReport::Reconnected, LegMedia::Lost) => LegMedia::Flowing,
            (MediaReport::Lost, LegMedia::Flowing) => LegMedia::Lost,
            _ => return Err(Code::InvalidState.into()),
        };
        if !state.is_answered() {
            return Err(Reject::because(Code::InvalidState, "The call is not answered yet."));
        }
        leg.media = media;
        leg.last = Some(report);
        self.relay_report(from, report);
        self.follow_legs(now);
        Ok(())
    }

    /// The initiating device is no other device: before its offer it is early, not forbidden (rule 3).
    fn after_offer(&self, from: Speaker) -> Result<(), Reject> {
        let early =
            self.caller_leg.is_none() && from.side == Side::Caller && from.device == self.initiated_by;
        if early { Err(Reject::because(Code::InvalidState, "The offer comes first.")) } else { Ok(()) }
    }

    /// Takes the edge that the legs' media makes possible.
    fn follow_legs(&mut self, now: Now) {
        let all = |wanted: LegMedia| {
            [&self.caller_leg, &self.callee_leg]
                .into_iter()
                .all(|leg| leg.as_ref().is_some_and(|leg| leg.media == wanted))
        };
        let flowing = all(LegMedia::Flowing);
        if self.state == State::Connected && flowing {
            self.take(Edge::MediaConnected);
        } else if self.state == State::Reconnecting && flowing {
            self.reconnecting_since = None;
            self.take(Edge::Reconnected);
        } else if self.state == State::InCall && !flowing {
            self.reconnecting_since = Some(now.instant);
            self.take(Edge::ConnectionLost);
        }
    }

    fn relay_report(&mut self, from: Speaker, report: MediaReport) {
        let Some(to) = self.leg(from.side.other()).map(|leg| leg.device) else { return };
        let notice = MediaNotice {
            call_id: self.id,
            from_user_id: Some(self.user(from.side)),
            state: report.as_str(),
        };
        self.tell(to, ServerEvent::MediaState(notice));
    }

    pub(super) fn renegotiate(&mut self, from: Speaker, description: Description) -> Result<(), Reject> {
        self.after_offer(from)?;
        self.leg_mut(from).ok_or(Code::Forbidden)?;
        let Some(to) = self.leg(from.side.other()).map(|leg| leg.device) else {
            return Err(Reject::because(Code::InvalidState, "The call is not answered yet."));
        };
        let event = RenegotiateRelay { call_id: self.id, from_user_id: self.user(from.side), description };
        self.tell(to, ServerEvent::Renegotiate(event));
        Ok(())
    }

    /// Nobody is recorded without having agreed. Without a media server nothing records at all, and that is said.
    pub(super) fn record(&mut self, from: Speaker, start: bool) -> Result<(), Reject> {
        if !start {
            self.consents.clear();
            return Ok(());
        }
        if self.e2ee {
            return Err(Code::E2ee.into());
        }
        if self.state != State::InCall {
            return Err(Reject::because(
                Code::InvalidState,
                "Only a call whose media flows can be recorded.",
            ));
        }
        self.consents.insert(from.side);
        let other = from.side.other();
        if self.consents.contains(&other) {
            return Err(Reject::because(
                Code::InvalidState,
                "Everybody agreed, but this box has no recorder.",
            ));
        }
        if let Some(to) = self.leg(other).map(|leg| leg.device) {
            let event = RecordingRequest { call_id: self.id, by_user_id: self.user(from.side) };
            self.tell(to, ServerEvent::RecordingRequest(event));
        }
        Err(Code::ConsentRequired.into())
    }

    pub(super) fn consent(&mut self, from: Speaker, agree: bool) -> Result<(), Reject> {
        self.leg_mut(from).ok_or(Code::Forbidden)?;
        if agree {
            self.consents.insert(from.side);
        } else {
            self.consents.clear();
        }
        Ok(())
    }
}
