//! Log output. Lines go to standard error; stdout belongs to the listener lines and the setup code.
//! Which lines: `CALLBOX_LOG`, else the setting `log.filter`. No line holds a name, a number, an address or a token.

use std::io::{self, IsTerminal};

use callbox_core::settings::{LogSection, LogTarget};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `CALLBOX_LOG` or `log.filter` is not in the language of filters.
    #[error("{origin} is no log filter: {message}")]
    Filter {
        /// Which of the two.
        origin: &'static str,
        /// What the parser said.
        message: String,
    },
    /// Logging was set up before.
    #[error("logging is already set up")]
    Twice(#[from] TryInitError),
}

/// Starts logging for the life of the process. `env_filter` is the value of `CALLBOX_LOG`, if it is set.
///
/// # Errors
/// A filter that cannot be read, or a second call.
pub fn start(section: &LogSection, env_filter: Option<&str>) -> Result<(), TelemetryError> {
    let filter = filter(section, env_filter)?;
    match section.target {
        #[cfg(feature = "systemd")]
        LogTarget::Journal => {
            tracing_subscriber::registry().with(filter).with(crate::systemd::JournalLayer).try_init()?;
        }
        // `config` has refused the journal for builds without it.
        #[cfg(not(feature = "systemd"))]
        LogTarget::Journal => start_stderr(filter)?,
        LogTarget::Stderr => start_stderr(filter)?,
    }
    Ok(())
}

fn start_stderr(filter: EnvFilter) -> Result<(), TryInitError> {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        // Colour codes in a file or in the journal are noise.
        .with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(lines).try_init()
}

fn filter(section: &LogSection, env_filter: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    let (origin, text) = match env_filter {
        // An empty variable is as good as none, or `CALLBOX_LOG= callbox` would silence everything.
        Some(text) if !text.trim().is_empty() => ("CALLBOX_LOG", text),
        Some(_) | None => ("log.filter", section.filter.0.as_str()),
    };
    EnvFilter::try_new(text).map_err(|error| TelemetryError::Filter { origin, message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_before_the_setting() {
        let section = LogSection::default();
        let shown = |text: Option<&str>| filter(&section, text).unwrap().to_string();
        assert_eq!(shown(None), "info");
        assert_eq!(shown(Some(" ")), "info");
        assert_eq!(shown(Some("callbox=debug")), "callbox=debug");
    }

    #[test]
    fn a_bad_filter_is_named() {
        let error = filter(&LogSection::default(), Some("callbox=shout")).unwrap_err();
        assert!(error.to_string().starts_with("CALLBOX_LOG is no log filter"), "{error}");
    }
}
