//! Wall-clock time for dates that last: certificates. A box without a clock battery wakes up in 1970 until the
//! network tells it the time; what it signs then must still be dated sanely.
//!
//! ```text
//! system clock later than the build  -> believed
//! system clock before the build      -> the newest time ever seen (at least the build), running on from the start
//! ```
//!
//! A believed clock may still go backwards: if it was wrong into the future once, the newest time seen must not
//! keep the box there. So the newest time only counts while the system clock is plainly not set.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::private_file;

/// Seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// Later by this much.
    #[must_use]
    pub const fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_secs() as i64))
    }

    /// Earlier by this much.
    #[must_use]
    pub const fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by.as_secs() as i64))
    }

    fn system() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64))
    }
}

/// One day.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The time of the build, or of its sources (`SOURCE_DATE_EPOCH`).
#[must_use]
pub fn build_time() -> UnixSeconds {
    UnixSeconds(env!("CALLBOX_BUILD_TIME").parse().unwrap_or(0))
}

/// The clock for dates that last.
#[derive(Debug)]
pub struct Clock {
    build: UnixSeconds,
    /// Where the newest time is kept, and what it was at the start.
    file: PathBuf,
    at_start: UnixSeconds,
    started: Instant,
    /// The newest time on disk. An atomic, because it only saves writes: two that cross write the same day twice.
    written: AtomicI64,
    system: fn() -> UnixSeconds,
}

impl Clock {
    /// Opens the clock whose newest time is kept in `dir`. A missing or unreadable file is no error: the build
    /// time is always known.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        Self::with(dir, build_time(), UnixSeconds::system)
    }

    /// A clock over another system clock and build time.
    #[must_use]
    pub fn with(dir: &Path, build: UnixSeconds, system: fn() -> UnixSeconds) -> Self {
        let file = dir.join("newest-time");
        let seen = private_file::read(&file).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let seen = seen.and_then(|text| text.trim().parse().ok()).map_or(build, UnixSeconds);
        Self {
            build,
            file,
            at_start: seen.max(build),
            started: Instant::now(),
            written: AtomicI64::new(seen.0),
            system,
        }
    }

    /// The time now, never before the build.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        let system = (self.system)();
        if self.is_set() { system } else { self.at_start.plus(self.started.elapsed()) }
    }

    /// Whether the system clock can be right.
    #[must_use]
    pub fn is_set(&self) -> bool {
        (self.system)() >= self.build
    }

    /// Keeps the time for the next start. Writes at most once a day of time, because flash wears out.
    ///
    /// # Errors
    /// The file could not be written; the clock goes on without.
    pub fn remember(&self) -> std::io::Result<()> {
        let now = self.now();
        let written = self.written.load(Ordering::Relaxed);
        if self.file.exists() && now.0.abs_diff(written) < DAY.as_secs() {
            return Ok(());
        }
        private_file::replace(&self.file, format!("{}\n", now.0).as_bytes())?;
        self.written.store(now.0, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: UnixSeconds = UnixSeconds(1_800_000_000);
    const UNSET: fn() -> UnixSeconds = || UnixSeconds(5);

    #[test]
    fn a_set_clock_is_believed_also_when_it_went_back() {
        let dir = tempfile::tempdir().unwrap();
        let future = Clock::with(dir.path(), BUILD, || UnixSeconds(3_900_000_000));
        assert_eq!(future.now(), UnixSeconds(3_900_000_000));
        future.remember().unwrap();
        let corrected = Clock::with(dir.path(), BUILD, || UnixSeconds(1_900_000_000));
        assert_eq!(corrected.now(), UnixSeconds(1_900_000_000));
        corrected.remember().unwrap();
        let unset = Clock::with(dir.path(), BUILD, UNSET);
        assert!((1_900_000_000..1_900_000_100).contains(&unset.now().0));
    }

    #[test]
    fn an_unset_clock_is_the_build_or_the_newest_time_seen() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::with(dir.path(), BUILD, UNSET);
        assert!(!clock.is_set());
        assert!((BUILD.0..BUILD.0 + 100).contains(&clock.now().0));
        let later = Clock::with(dir.path(), BUILD, || BUILD.plus(DAY));
        later.remember().unwrap();
        assert!(Clock::with(dir.path(), BUILD, UNSET).now() >= BUILD.plus(DAY));
    }

    #[test]
    fn a_damaged_file_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        for text in [b"".as_slice(), b"tomorrow", b"\xff", b"-99999999999999", b"99999999999999999999999"] {
            std::fs::write(dir.path().join("newest-time"), text).unwrap();
            let now = Clock::with(dir.path(), BUILD, UNSET).now();
            assert!((BUILD.0..BUILD.0 + 100).contains(&now.0), "{text:?}");
        }
    }

    #[test]
    fn it_writes_once_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::with(dir.path(), BUILD, || BUILD.plus(DAY));
        clock.remember().unwrap();
        let file = dir.path().join("newest-time");
        std::fs::write(&file, "untouched").unwrap();
        clock.remember().unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"untouched");
    }

    #[test]
    fn the_build_time_is_real() {
        assert!(build_time() > UnixSeconds(1_700_000_000));
    }
}
