//! Presence (F15): what it is, and when everybody hears of it.
//!
//! A change is told at once while telling is cheap. A change costs one message per open socket; past a budget of
//! [`BURST`] messages (refilled at [`PER_SECOND`]) changes are gathered and only the newest of each user goes out,
//! at the latest a second later. A small office never meets the budget; a thousand phones never drown in it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::UserId;
use crate::unit::Instant;
use crate::wire::{Presence, PresenceView};

/// Messages that may go out at once.
pub const BURST: u64 = 2_000;
/// Messages per second after that.
pub const PER_SECOND: u64 = 500;
/// The longest a change waits.
pub const GATHER: Duration = Duration::from_secs(1);

/// What decides a user's presence.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// Has an open socket.
    pub reachable: bool,
    /// Is caller or rung callee of a call that is not answered.
    pub ringing: bool,
    /// Is in an answered call.
    pub in_call: bool,
}

impl Facts {
    /// The presence that these facts make.
    #[must_use]
    pub const fn presence(self) -> Presence {
        match self {
            Self { in_call: true, .. } => Presence::InCall,
            Self { ringing: true, .. } => Presence::Busy,
            Self { reachable: true, .. } => Presence::Online,
            Self { .. } => Presence::Offline,
        }
    }
}

/// What everybody was told last, and what they have yet to be told.
#[derive(Debug, Default)]
pub struct Board {
    told: BTreeMap<UserId, (Presence, bool)>,
    untold: BTreeMap<UserId, (Presence, bool)>,
    budget: Budget,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Budget {
    left: u64,
    at: Instant,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: BURST, at: Instant::ZERO }
    }
}

impl Budget {
    fn spend(&mut self, messages: u64, now: Instant) -> bool {
        let earned = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX) * PER_SECOND / 1000;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.at = now;
        }
        let enough = self.left >= messages.min(BURST);
        if enough {
            self.left -= messages.min(BURST);
        }
        enough
    }
}

impl Board {
    /// A user whom everybody knows to be offline.
    pub fn seed(&mut self, user: UserId, do_not_disturb: bool) {
        self.told.insert(user, (Presence::Offline, do_not_disturb));
    }

    /// A user's presence may have changed; `audience` sockets would hear of it. Gives what to tell them now.
    #[must_use]
    pub fn changed(
        &mut self,
        user: UserId,
        presence: Presence,
        do_not_disturb: bool,
        audience: usize,
        now: Instant,
    ) -> Option<PresenceView> {
        let value = (presence, do_not_disturb);
        if self.told.get(&user) == Some(&value) {
            self.untold.remove(&user);
            return None;
        }
        if self.due.is_none() && self.budget.spend(u64::try_from(audience).unwrap_or(u64::MAX), now) {
            self.told.insert(user, value);
            return Some(view(user, value));
        }
        self.untold.insert(user, value);
        self.due.get_or_insert(now + GATHER);
        None
    }

    /// Forgets a user who is gone; the others are told that he is offline.
    pub fn forget(&mut self, user: UserId) {
        self.told.remove(&user);
        self.untold.remove(&user);
    }

    /// When gathered changes are due.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Gives the gathered changes when they are due.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<PresenceView> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.due = None;
        let untold = std::mem::take(&mut self.untold);
        self.told.extend(&untold);
        untold.into_iter().map(|(user, value)| view(user, value)).collect()
    }
}

const fn view(user_id: UserId, (presence, do_not_disturb): (Presence, bool)) -> PresenceView {
    PresenceView { user_id, presence, do_not_disturb }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u8) -> UserId {
        UserId::from_random([n; 16])
    }

    #[test]
    fn the_stronger_fact_wins() {
        assert_eq!(Facts::default().presence(), Presence::Offline);
        assert_eq!(Facts { reachable: true, ..Facts::default() }.presence(), Presence::Online);
        assert_eq!(Facts { reachable: true, ringing: true, in_call: false }.presence(), Presence::Busy);
        assert_eq!(Facts { reachable: false, ringing: true, in_call: true }.presence(), Presence::InCall);
    }

    #[test]
    fn a_small_office_hears_at_once_and_only_of_changes() {
        let mut board = Board::default();
        let told = board.changed(user(1), Presence::Online, false, 30, Instant::ZERO);
        assert_eq!(told.map(|view| view.presence), Some(Presence::Online));
        assert_eq!(board.changed(user(1), Presence::Online, false, 30, Instant::ZERO), None);
        assert_eq!(board.poll_timeout(), None);
    }

    #[test]
    fn past_the_budget_only_the_newest_goes_out() {
        let mut board = Board::default();
        let now = Instant::ZERO;
        assert!(board.changed(user(1), Presence::Online, false, 2_000, now).is_some());
        assert!(board.changed(user(2), Presence::Online, false, 2_000, now).is_none());
        assert!(board.changed(user(2), Presence::Busy, false, 2_000, now).is_none());
        // back to what was told: nothing to tell
        assert!(board.changed(user(1), Presence::Busy, false, 2_000, now).is_none());
        assert!(board.changed(user(1), Presence::Online, false, 2_000, now).is_none());
        let due = board.poll_timeout().unwrap();
        assert!(board.handle_timeout(due - Duration::from_millis(1)).is_empty());
        let told = board.handle_timeout(due);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].user_id, told[0].presence), (user(2), Presence::Busy));
        assert_eq!(board.poll_timeout(), None);
    }
}
