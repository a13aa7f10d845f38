//! The live calls, found by identifier, room, user and deadline; and the calls that ended a moment ago.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::call::{Call, Side};
use crate::id::{CallId, RoomId, UserId};
use crate::unit::Instant;

/// Ended calls that are remembered, so that a late event gets `call_ended` and not `not_found`.
const REMEMBERED: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Calls {
    live: BTreeMap<CallId, Live>,
    rooms: BTreeMap<RoomId, CallId>,
    of_user: BTreeMap<UserId, BTreeSet<CallId>>,
    timers: BTreeSet<(Instant, CallId)>,
    ended: BTreeMap<CallId, [UserId; 2]>,
    /// The order in which ended calls are forgotten.
    ended_order: VecDeque<CallId>,
}

#[derive(Debug)]
struct Live {
    call: Call,
    armed: Option<Instant>,
}

impl Calls {
    pub(super) fn insert(&mut self, id: CallId, call: Call) {
        self.rooms.insert(call.room(), id);
        for side in [Side::Caller, Side::Callee] {
            self.of_user.entry(call.user(side)).or_default().insert(id);
        }
        self.live.insert(id, Live { call, armed: None });
        self.rearm(id);
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Call> {
        self.live.get(&id).map(|live| &live.call)
    }

    pub(super) fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.live.get_mut(&id).map(|live| &mut live.call)
    }

    pub(super) fn in_room(&self, room: RoomId) -> Option<CallId> {
        self.rooms.get(&room).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn ids(&self) -> Vec<CallId> {
        self.live.keys().copied().collect()
    }

    /// A user's calls and his side in each.
    pub(super) fn of(&self, user: UserId) -> Vec<(CallId, Side)> {
        let ids = self.of_user.get(&user).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.get(*id)?.side_of(user)?))).collect()
    }

    /// Whether a user took part in a call that ended a moment ago.
    pub(super) fn ended_with(&self, id: CallId, user: UserId) -> bool {
        self.ended.get(&id).is_some_and(|users| users.contains(&user))
    }

    /// Sets the call's timer to what it wants now.
    pub(super) fn rearm(&mut self, id: CallId) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let wanted = live.call.poll_timeout().map(|(at, _)| at);
        if wanted == live.armed {
            return;
        }
        if let Some(at) = std::mem::replace(&mut live.armed, wanted) {
            self.timers.remove(&(at, id));
        }
        if let Some(at) = wanted {
            self.timers.insert((at, id));
        }
    }

    /// A call whose timer is due.
    pub(super) fn due(&self, now: Instant) -> Option<CallId> {
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let (at, id) = self.timers.first()?;
        let reason = self.get(*id).and_then(Call::poll_timeout).map_or("call", |(_, reason)| reason);
        Some((*at, reason))
    }

    pub(super) fn remove(&mut self, id: CallId) {
        let Some(Live { call, armed }) = self.live.remove(&id) else { return };
        if let Some(at) = armed {
            self.timers.remove(&(at, id));
        }
        self.rooms.remove(&call.room());
        let users = [call.user(Side::Caller), call.user(Side::Callee)];
        for user in users {
            if let Some(ids) = self.of_user.get_mut(&user) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.of_user.remove(&user);
                }
            }
        }
        self.ended.insert(id, users);
        self.ended_order.push_back(id);
        if self.ended_order.len() > REMEMBERED
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }
}
