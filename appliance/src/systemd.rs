//! What a box tells systemd: ready, stopping, alive; and the journal with its fields. Without the feature
//! `systemd`, and where no systemd asked for it, every call does nothing.
//!
//! Not here: the decision that the box is alive. That is the supervisor's, from the answers of every part.

use std::time::Duration;

/// Tells that every listener is bound (`READY=1`, sd_notify(3)).
pub fn ready() {
    notify("READY", "1");
}

/// Tells that a clean stop has begun (`STOPPING=1`).
pub fn stopping() {
    notify("STOPPING", "1");
}

/// Tells that the box is alive (`WATCHDOG=1`).
pub fn alive() {
    notify("WATCHDOG", "1");
}

/// How often [`alive`] must be told, or none if nobody watches. Half of what the unit allows, so that one late
/// turn is no restart (sd_watchdog_enabled(3)).
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    #[cfg(feature = "systemd")]
    let micros = systemd::daemon::watchdog_enabled().unwrap_or(0);
    #[cfg(not(feature = "systemd"))]
    let micros = 0;
    (micros > 0).then(|| Duration::from_micros(micros / 2))
}

#[cfg(feature = "systemd")]
fn notify(variable: &str, value: &str) {
    if let Err(error) = systemd::daemon::notify([(variable, value)].iter()) {
        tracing::debug!(%error, variable, "systemd could not be told");
    }
}

#[cfg(not(feature = "systemd"))]
fn notify(_variable: &str, _value: &str) {}

#[cfg(feature = "systemd")]
pub use journal::JournalLayer;

#[cfg(feature = "systemd")]
mod journal {
    use std::fmt::{self, Write as _};

    use tracing::field::{Field, Visit};
    use tracing::{Event, Level, Subscriber};
    use tracing_subscriber::layer::{Context, Layer};

    /// Writes each event to the journal, its fields as journal fields with the prefix `CALLBOX_`.
    #[derive(Debug, Clone, Copy)]
    pub struct JournalLayer;

    impl<S: Subscriber> Layer<S> for JournalLayer {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            let mut entry = Entry { message: "MESSAGE=".to_owned(), fields: Vec::new() };
            event.record(&mut entry);
            let meta = event.metadata();
            let fixed = [
                entry.message,
                format!("PRIORITY={}", priority(*meta.level())),
                format!("TARGET={}", meta.target()),
            ];
            let all: Vec<&str> = fixed.iter().chain(&entry.fields).map(String::as_str).collect();
            // There is nobody to tell that telling failed.
            let _ = systemd::journal::send(&all);
        }
    }

    /// Severity as in syslog(3).
    fn priority(level: Level) -> u8 {
        match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        }
    }

    struct Entry {
        message: String,
        fields: Vec<String>,
    }

    impl Visit for Entry {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                // Writing into a String cannot fail.
                let _ = write!(self.message, "{value:?}");
            } else {
                let name: String = field
                    .name()
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
                    .collect();
                self.fields.push(format!("CALLBOX_{name}={value:?}"));
            }
        }
    }
}
