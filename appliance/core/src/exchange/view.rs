//! What the exchange shows without changing: live calls, presence, counts.

use crate::call::{Call, Side};
use crate::id::{CallId, UserId};
use crate::unit::Now;
use crate::wire::{CallView, Direction, Party, PresenceView, QualityView};

use super::{Counts, Exchange};

impl Exchange {
    /// A live call, for one of its two users, or for an admin with `viewer: None`.
    #[must_use]
    pub fn call_view(&self, id: CallId, viewer: Option<UserId>, now: Now) -> Option<CallView> {
        let call = self.calls.get(id)?;
        match viewer {
            Some(user) => Some(self.view(id, call, Some(call.side_of(user)?), now)),
            None => Some(self.view(id, call, None, now)),
        }
    }

    /// A user's live calls.
    #[must_use]
    pub fn calls_of(&self, user: UserId, now: Now) -> Vec<CallView> {
        let calls = self.calls.of(user).into_iter();
        let calls = calls.filter_map(|(id, side)| Some((id, side, self.calls.get(id)?)));
        let live = calls.filter(|(_, _, call)| call.state().is_live());
        live.map(|(id, side, call)| self.view(id, call, Some(side), now)).collect()
    }

    /// Everybody's presence as it was told; a change that waits its turn follows as an event.
    #[must_use]
    pub fn presence(&self) -> Vec<PresenceView> {
        self.directory.values().map(|entry| self.board.told(entry.user, entry.do_not_disturb)).collect()
    }

    /// How busy the exchange is.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let online = self.directory.keys().filter(|user| self.registrar.reachable(**user).next().is_some());
        Counts {
            sockets: self.registrar.sockets(),
            calls: self.calls.len(),
            users_online: online.count(),
            unsaved: !self.ledger.is_empty(),
        }
    }

    fn view(&self, id: CallId, call: &Call, side: Option<Side>, now: Now) -> CallView {
        let (state, error) = call.state().on_wire();
        let end = call.end_facts();
        let lasted = call.answered().map(|answered| now.instant.since(answered.instant)).unwrap_or_default();
        let level = |side| {
            call.bound(side)
                .and_then(|device| self.ladders.get(&(id, device)))
                .and_then(|ladder| ladder.level())
        };
        let quality = QualityView { caller: level(Side::Caller), callee: level(Side::Callee) };
        CallView {
            call_id: id,
            room_id: call.room(),
            state,
            error,
            caller: self.party(call.user(Side::Caller)),
            callee: self.party(call.user(Side::Callee)),
            media: call.media(),
            media_state: call.media_state(),
            created_at: call.created().wall,
            answered_at: call.answered().map(|at| at.wall),
            ended_at: end.map(|(at, _, _)| at.wall),
            end_reason: end.map(|(_, reason, _)| reason),
            duration_ms: end
                .map_or_else(|| u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX), |(_, _, ms)| ms),
            recording: false,
            e2ee: call.e2ee(),
            quality: (quality.caller.is_some() || quality.callee.is_some()).then_some(quality),
            direction: side.map(|side| match side {
                Side::Caller => Direction::Outgoing,
                Side::Callee => Direction::Incoming,
            }),
            outcome: None,
        }
    }

    fn party(&self, user: UserId) -> Party {
        match self.directory.get(&user) {
            Some(entry) => Party {
                id: user,
                display_name: entry.display_name.clone(),
                extension: entry.extension.clone(),
            },
            None => Party { id: user, display_name: String::new(), extension: None },
        }
    }
}
