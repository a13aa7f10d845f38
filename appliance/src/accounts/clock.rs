//! Both clocks of the box as one value that is handed down, so that tests and boxes without a clock battery can
//! have their own.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use callbox_core::unit::{Instant, Now, Timestamp};

/// Reads both clocks. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl Clock {
    /// A clock made of a function.
    #[must_use]
    pub fn new(read: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The system's clocks as they are; the monotonic one starts now.
    #[must_use]
    pub fn system() -> Self {
        let start = std::time::Instant::now();
        Self::new(move || {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Now {
                instant: Instant::from_start(start.elapsed()),
                wall: Timestamp::from_millis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)),
            }
        })
    }

    /// Both clocks now.
    #[must_use]
    pub fn now(&self) -> Now {
        (self.0)()
    }

    /// What people call now.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        self.now().wall
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
