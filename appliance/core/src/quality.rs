//! The ladder of F8: from what a phone reports to what it sends.
//!
//! | network | High | Medium | Low |
//! |---|---|---|---|
//! | Wi-Fi, by signal | over -50 dBm | -70 to -50 | under -70 |
//! | 4G, 5G, and whatever is not known better, by bandwidth | over 5 Mbit/s | 2 to 5 | under 2 |
//! | 3G | | | always |
//!
//! The sender's own estimate weighs in: the lower level wins. A level falls after two bad samples in a row and
//! rises after ten good seconds; the first sample acts at once.

use std::time::Duration;

use crate::unit::{Instant, Kbps};
use crate::wire::{Level, NetworkQuality, NetworkType, Settings};

/// Bad samples in a row before the level falls.
const BAD_SAMPLES: u8 = 2;
/// How long samples must be better before the level rises.
const GOOD_TIME: Duration = Duration::from_secs(10);

/// What one report comes to by itself.
#[must_use]
pub fn judge(report: &NetworkQuality) -> Level {
    let estimate = report.available_outgoing_kbps.map(|kbps| kbps / 1000.0);
    let by_kind = match (report.kind, report.rssi_dbm) {
        (NetworkType::ThreeG, _) => Some(Level::Low),
        (NetworkType::Wifi, Some(dbm)) => Some(by_signal(dbm)),
        (
            NetworkType::Wifi
            | NetworkType::FourG
            | NetworkType::FiveG
            | NetworkType::Ethernet
            | NetworkType::Unknown,
            _,
        ) => report.downlink_mbps.map(by_bandwidth),
    };
    match (by_kind, estimate.map(by_bandwidth)) {
        (Some(one), Some(other)) => one.min(other),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => Level::Medium,
    }
}

fn by_signal(dbm: f64) -> Level {
    if dbm > -50.0 {
        Level::High
    } else if dbm >= -70.0 {
        Level::Medium
    } else {
        Level::Low
    }
}

fn by_bandwidth(mbps: f64) -> Level {
    if mbps > 5.0 {
        Level::High
    } else if mbps >= 2.0 {
        Level::Medium
    } else {
        Level::Low
    }
}

/// What a level asks of a sender.
#[must_use]
pub const fn settings(level: Level) -> Settings {
    match level {
        Level::High => Settings { width: 1920, height: 1080, frame_rate: 30, max_kbps: Kbps(2_500) },
        Level::Medium => Settings { width: 1280, height: 720, frame_rate: 24, max_kbps: Kbps(1_200) },
        Level::Low => Settings { width: 854, height: 480, frame_rate: 15, max_kbps: Kbps(400) },
    }
}

/// One sender's level over time.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    level: Option<Level>,
    bad: u8,
    /// Since when every sample was better than the level, and the lowest of them.
    better: Option<(Instant, Level)>,
}

impl Ladder {
    /// The level in force, once there was a sample.
    #[must_use]
    pub const fn level(&self) -> Option<Level> {
        self.level
    }

    /// Takes a sample; gives the level when it is a new one.
    pub fn sample(&mut self, report: &NetworkQuality, now: Instant) -> Option<Level> {
        let sample = judge(report);
        let Some(level) = self.level else {
            self.level = Some(sample);
            return self.level;
        };
        let next = match sample.cmp(&level) {
            std::cmp::Ordering::Equal => {
                self.settle();
                None
            }
            std::cmp::Ordering::Less => {
                self.better = None;
                self.bad += 1;
                (self.bad >= BAD_SAMPLES).then_some(sample)
            }
            std::cmp::Ordering::Greater => {
                self.bad = 0;
                let (since, lowest) =
                    self.better.map_or((now, sample), |(since, low)| (since, low.min(sample)));
                self.better = Some((since, lowest));
                (now.since(since) >= GOOD_TIME).then_some(lowest)
            }
        };
        if let Some(next) = next {
            self.level = Some(next);
            self.settle();
        }
        next
    }

    const fn settle(&mut self) {
        self.bad = 0;
        self.better = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: NetworkType, rssi: Option<f64>, mbps: Option<f64>, kbps: Option<f64>) -> NetworkQuality {
        NetworkQuality {
            call_id: None,
            kind,
            rssi_dbm: rssi,
            downlink_mbps: mbps,
            available_outgoing_kbps: kbps,
        }
    }

    #[test]
    fn the_bounds_of_f8() {
        use NetworkType::{Ethernet, FiveG, FourG, ThreeG, Unknown, Wifi};
        let table = [
            (report(Wifi, Some(-49.9), None, None), Level::High),
            (report(Wifi, Some(-50.0), None, None), Level::Medium),
            (report(Wifi, Some(-70.0), Some(99.0), None), Level::Medium),
            (report(Wifi, Some(-70.1), None, None), Level::Low),
            (report(Wifi, None, Some(6.0), None), Level::High),
            (report(FourG, None, Some(5.1), None), Level::High),
            (report(FourG, None, Some(5.0), None), Level::Medium),
            (report(FiveG, Some(-90.0), Some(2.0), None), Level::Medium),
            (report(FiveG, None, Some(1.9), None), Level::Low),
            (report(ThreeG, None, Some(50.0), None), Level::Low),
            (report(Ethernet, None, None, None), Level::Medium),
            (report(Unknown, None, None, None), Level::Medium),
            (report(Unknown, None, None, Some(6_000.0)), Level::High),
            (report(Wifi, Some(-40.0), None, Some(1_000.0)), Level::Low),
        ];
        for (report, wanted) in table {
            assert_eq!(judge(&report), wanted, "{report:?}");
        }
    }

    #[test]
    fn falls_after_two_and_rises_after_ten_seconds() {
        let mut ladder = Ladder::default();
        let good = report(NetworkType::FourG, None, Some(9.0), None);
        let fair = report(NetworkType::FourG, None, Some(3.0), None);
        let bad = report(NetworkType::FourG, None, Some(1.0), None);
        let at = |secs| Instant::ZERO + Duration::from_secs(secs);
        assert_eq!(ladder.sample(&good, at(0)), Some(Level::High));
        assert_eq!(ladder.sample(&bad, at(1)), None);
        assert_eq!(ladder.sample(&good, at(2)), None, "one bad sample is forgiven");
        assert_eq!(ladder.sample(&bad, at(3)), None);
        assert_eq!(ladder.sample(&bad, at(4)), Some(Level::Low));
        assert_eq!(ladder.sample(&good, at(5)), None);
        assert_eq!(ladder.sample(&fair, at(10)), None);
        assert_eq!(ladder.sample(&good, at(14)), None);
        assert_eq!(ladder.sample(&good, at(15)), Some(Level::Medium), "no better than its worst sample");
        assert_eq!(ladder.sample(&good, at(16)), None);
        assert_eq!(ladder.sample(&fair, at(20)), None, "an equal sample starts the ten seconds anew");
        assert_eq!(ladder.sample(&good, at(25)), None);
        assert_eq!(ladder.sample(&good, at(35)), Some(Level::High));
    }
}
