//! The box's two clocks as one function: monotonic since the start, and a wall clock that never falls behind what
//! is already written down.

use std::sync::Arc;
use std::time::{Instant as Started, SystemTime, UNIX_EPOCH};

use callbox_core::unit::{Instant, Now, Timestamp};

use crate::accounts::Clock;
use crate::net::clock::Clock as LastingClock;

/// `newest` is the time of the journal's last event.
pub(super) fn of_box(lasting: Arc<LastingClock>, newest: Timestamp) -> Clock {
    let started = Started::now();
    Clock::new(move || {
        let elapsed = started.elapsed();
        let system = if lasting.is_set() {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
        } else {
            u128::try_from(lasting.now().0).unwrap_or_default() * 1000
        };
        let system = Timestamp::from_millis(i64::try_from(system).unwrap_or(i64::MAX));
        // Dates of calls never run backwards; a clock that is behind goes on from the last event.
        Now { instant: Instant::from_start(elapsed), wall: system.max(newest + elapsed) }
    })
}
