//! How fast one socket may speak: the generic cell rate algorithm (ITU-T I.371 annex A), which needs one number
//! per socket.

use std::time::{Duration, Instant};

/// A rate, with room for a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Events per second for long.
    pub per_second: u32,
    /// Events at once after a quiet time.
    pub burst: u32,
}

/// Where one socket stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meter {
    /// When everything taken so far would have been taken at the steady rate.
    even: Option<Instant>,
}

impl Meter {
    /// Takes one event, or says that it comes too fast. What is refused does not count.
    pub(super) fn take(&mut self, pace: Pace, now: Instant) -> bool {
        let each = Duration::from_secs(1) / pace.per_second.max(1);
        let even = self.even.map_or(now, |even| even.max(now)) + each;
        if even.saturating_duration_since(now) > each * pace.burst.max(1) {
            return false;
        }
        self.even = Some(even);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_steady_rate() {
        let pace = Pace { per_second: 10, burst: 5 };
        let (mut meter, start) = (Meter::default(), Instant::now());
        assert_eq!((0..20).filter(|_| meter.take(pace, start)).count(), 5);
        let later = start + Duration::from_millis(100);
        assert!(meter.take(pace, later));
        assert!(!meter.take(pace, later));
        let quiet = start + Duration::from_secs(60);
        assert_eq!((0..20).filter(|_| meter.take(pace, quiet)).count(), 5);
    }
}
