//! How much room there is, and what that allows. Decides only; the writer acts.
//!
//! ```text
//!            spare < low water                free < critical
//!  Ample  <------------------->  Low        ------------------> Low, reserve given back
//!            spare >= low water  (calls only)
//! ```
//! `spare` is the free space less the part of the reserve that is not held, so giving the reserve back does not
//! look like room, and taking it again does not look like a loss.

/// The bounds, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// What the reserve should hold.
    pub(super) reserve: u64,
    /// Below this much spare space only calls are written.
    pub(super) low_water: u64,
    /// Below this much free space the reserve is given back.
    pub(super) critical: u64,
}

impl Bounds {
    /// The size of the reserve at first start: what is wished, at most a tenth of what is free.
    pub(super) fn first_reserve(wished: u64, free: u64) -> u64 {
        wished.min(free / 10)
    }

    /// The bounds that go with a reserve; a small file system gets small ones.
    pub(super) fn new(reserve: u64, low_water: u64) -> Self {
        const LEAST: u64 = 512 << 10;
        Self {
            reserve,
            low_water: low_water.min((reserve * 2).max(LEAST)),
            critical: (reserve / 4).max(LEAST / 2),
        }
    }

    /// What to do with so much free space and so much of the reserve held.
    pub(super) const fn judge(&self, free: u64, held: u64) -> Verdict {
        let missing = self.reserve.saturating_sub(held);
        let is_low = free.saturating_sub(missing) < self.low_water;
        if is_low && free < self.critical && held > 0 {
            Verdict { is_low, reserve: Some(0) }
        } else if !is_low && missing > 0 {
            Verdict { is_low, reserve: Some(self.reserve) }
        } else {
            Verdict { is_low, reserve: None }
        }
    }
}

/// What the space allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Only what calls need may be written.
    pub(super) is_low: bool,
    /// Make the reserve this large.
    pub(super) reserve: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_filling_disk_loses_account_changes_first_and_the_reserve_last() {
        let bounds = Bounds::new(32 * MIB, 64 * MIB);
        let verdict = |free, held| bounds.judge(free * MIB, held * MIB);
        assert_eq!(verdict(1000, 32), Verdict { is_low: false, reserve: None });
        assert_eq!(verdict(63, 32), Verdict { is_low: true, reserve: None });
        assert_eq!(verdict(7, 32), Verdict { is_low: true, reserve: Some(0) });
        // The given-back reserve is no room for promises, and does not come back by itself.
        assert_eq!(verdict(39, 0), Verdict { is_low: true, reserve: None });
        assert_eq!(verdict(0, 0), Verdict { is_low: true, reserve: None });
        assert_eq!(verdict(95, 0), Verdict { is_low: true, reserve: None });
        assert_eq!(verdict(96, 0), Verdict { is_low: false, reserve: Some(32 * MIB) });
        assert_eq!(verdict(64, 32), Verdict { is_low: false, reserve: None });
    }

    #[test]
    fn a_small_file_system_gets_small_bounds() {
        let reserve = Bounds::first_reserve(32 * MIB, 30 * MIB);
        assert_eq!(reserve, 3 * MIB);
        let bounds = Bounds::new(reserve, 64 * MIB);
        assert_eq!(bounds.low_water, 6 * MIB);
        assert!(!bounds.judge(27 * MIB, reserve).is_low);
        assert!(bounds.critical < reserve);
    }
}
