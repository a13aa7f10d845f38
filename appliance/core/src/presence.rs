//! Presence (F15): what it is, and when everybody hears of it.
//!
//! A change is told at once while telling is cheap. It costs one message per open socket; past a budget of
//! [`BURST`] messages (refilled at [`PER_SECOND`]) changes wait their turn, and only the newest of each user goes
//! out. A small office never meets the budget; a thousand phones never drown in it, and no phone gets a flood.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::id::UserId;
use crate::unit::Instant;
use crate::wire::{Presence, PresenceView};

/// Messages that may go out at once.
pub const BURST: u64 = 4_000;
/// Messages per second after that.
pub const PER_SECOND: u64 = 2_000;

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
    /// Who has something untold, in the order of the first change.
    turn: VecDeque<UserId>,
    budget: Budget,
    due: Option<Instant>,
}

/// A bucket of messages.
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
    /// Takes the messages of one change, or says when they can be had.
    fn spend(&mut self, messages: u64, now: Instant) -> Result<(), Instant> {
        let messages = messages.min(BURST);
        let earned =
            u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX).saturating_mul(PER_SECOND)
                / 1000;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.at = now;
        }
        match self.left.checked_sub(messages) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            // One more: milliseconds are rounded down both ways.
            None => Err(now + Duration::from_millis((messages - self.left) * 1000 / PER_SECOND + 1)),
        }
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
            // What waits is the newest; when its turn comes there is nothing to tell.
            if let Some(waiting) = self.untold.get_mut(&user) {
                *waiting = value;
            }
            return None;
        }
        if self.due.is_none() {
            match self.budget.spend(cost(audience), now) {
                Ok(()) => {
                    self.told.insert(user, value);
                    return Some(view(user, value));
                }
                Err(at) => self.due = Some(at),
            }
        }
        if self.untold.insert(user, value).is_none() {
            self.turn.push_back(user);
        }
        None
    }

    /// What everybody was told of a user last. Snapshots show this and not the newest: a change that is taken back
    /// before its turn is never told, so whoever saw it would keep it.
    #[must_use]
    pub fn told(&self, user: UserId, do_not_disturb: bool) -> PresenceView {
        view(user, self.told.get(&user).copied().unwrap_or((Presence::Offline, do_not_disturb)))
    }

    /// Forgets a user who is gone; the others are told that he is offline.
    pub fn forget(&mut self, user: UserId) {
        self.told.remove(&user);
        self.untold.remove(&user);
    }

    /// When the next change that waits can be told.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Gives the changes whose turn has come.
    pub fn handle_timeout(&mut self, audience: usize, now: Instant) -> Vec<PresenceView> {
        let mut views = Vec::new();
        if self.due.is_none_or(|due| due > now) {
            return views;
        }
        self.due = None;
        while let Some(user) = self.turn.front().copied() {
            let known = self.told.get(&user).copied();
            if let Some(value) = self.untold.get(&user).copied().filter(|value| Some(*value) != known) {
                if let Err(at) = self.budget.spend(cost(audience), now) {
                    self.due = Some(at);
                    break;
                }
                self.told.insert(user, value);
                views.push(view(user, value));
            }
            self.untold.remove(&user);
            self.turn.pop_front();
        }
        views
    }
}

/// Messages that one change costs.
fn cost(audience: usize) -> u64 {
    u64::try_from(audience).unwrap_or(u64::MAX)
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
        let audience = usize::try_from(BURST).unwrap();
        assert!(board.changed(user(1), Presence::Online, false, audience, now).is_some());
        assert!(board.changed(user(3), Presence::Online, false, audience, now).is_none());
        assert!(board.changed(user(2), Presence::Online, false, audience, now).is_none());
        assert!(board.changed(user(2), Presence::Busy, false, audience, now).is_none());
        assert_eq!(board.told(user(2), false).presence, Presence::Offline, "a snapshot shows what was told");
        // back to what was told: nothing to tell
        assert!(board.changed(user(1), Presence::Busy, false, audience, now).is_none());
        assert!(board.changed(user(1), Presence::Online, false, audience, now).is_none());
        let mut told = Vec::new();
        let mut times = Vec::new();
        while let Some(due) = board.poll_timeout() {
            assert!(board.handle_timeout(audience, due - Duration::from_millis(1)).is_empty());
            told.extend(board.handle_timeout(audience, due));
            times.push(due.since(now).as_secs());
        }
        let told: Vec<_> = told.iter().map(|view| (view.user_id, view.presence)).collect();
        assert_eq!(
            told,
            [(user(3), Presence::Online), (user(2), Presence::Busy)],
            "in the order of the changes"
        );
        assert_eq!(times, [2, 4], "4,000 messages at 2,000 a second");
    }

    #[test]
    fn whoever_waits_is_told_in_the_end_and_once() {
        let mut board = Board::default();
        let mut now = Instant::ZERO;
        let mut told = 0;
        for round in 0..50 {
            for n in 0..100 {
                let presence = if round % 2 == 0 { Presence::Busy } else { Presence::Online };
                told += usize::from(board.changed(user(n), presence, false, 100, now).is_some());
            }
            now = now + Duration::from_millis(20);
            told += board.handle_timeout(100, now).len();
        }
        assert!((40..=60).contains(&told), "4,000 at once and 2,000 in a second, by 100: {told}");
        while let Some(due) = board.poll_timeout() {
            let _ = board.handle_timeout(100, due);
        }
        assert!(board.untold.is_empty() && board.turn.is_empty());
        assert!(board.told.values().all(|value| *value == (Presence::Online, false)), "the newest is known");
    }
}
