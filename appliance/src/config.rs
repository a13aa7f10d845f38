//! Joins the configuration file and the command line into [`Settings`]. All checks happen here, before any port is
//! bound; nothing outside this module and `telemetry` looks at files of settings or at the environment.

use std::num::NonZeroUsize;
use std::path::Path;

use callbox_core::settings::{Directory, ListenAddr, LogTarget, SettingError, Settings};
use tracing_subscriber::EnvFilter;

use crate::cli::ServeOptions;

/// The largest file that is read: a configuration is a few kilobytes.
const MAX_FILE: u64 = 1024 * 1024;

/// What serving starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file with the command line's options put in.
    pub settings: Settings,
    /// Threads of the runtime; 1 when not given.
    pub workers: Option<NonZeroUsize>,
}

/// The variables that count, as they are set.
#[derive(Debug, Clone, Copy, Default)]
pub struct Environment<'a> {
    /// `CALLBOX_WORKERS`
    pub workers: Option<&'a str>,
    /// `CALLBOX_LOG`
    pub log: Option<&'a str>,
}

/// Reads the file that the options name, if any, puts the options in and checks all of it.
///
/// # Errors
/// Everything that is wrong in the file, in the options and in the environment.
pub fn load(options: &ServeOptions, environment: Environment<'_>) -> Result<Config, Vec<SettingError>> {
    let mut errors = Vec::new();
    let mut settings = match options.config.as_deref().map(check_file) {
        None => Settings::default(),
        Some(Ok(settings)) => settings,
        Some(Err(found)) => {
            errors = found;
            Settings::default()
        }
    };
    if let Some(dir) = &options.data_dir {
        if dir.as_os_str().is_empty() {
            errors.push(option_error("--data-dir", "must be the path of a directory".to_owned()));
        }
        settings.this_box.data_dir = Directory(dir.clone());
    }
    let listen = &mut settings.listen;
    for (option, text, setting) in [
        ("--https", &options.https, &mut listen.https),
        ("--http", &options.http, &mut listen.http),
        ("--media", &options.media, &mut listen.media),
        ("--turn", &options.turn, &mut listen.turn),
        ("--federation", &options.federation, &mut listen.federation),
    ] {
        match text.as_deref().map(str::parse::<ListenAddr>) {
            None => {}
            Some(Ok(addr)) => *setting = addr,
            Some(Err(error)) => errors.push(option_error(option, error.to_string())),
        }
    }
    if let Some(Err(error)) = environment.log.map(EnvFilter::try_new) {
        errors.push(option_error("CALLBOX_LOG", format!("is no log filter: {error}")));
    }
    let workers = environment.workers.map(parse_workers).transpose().unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    if errors.is_empty() {
        errors = settings.conflicts();
    }
    if errors.is_empty() { Ok(Config { settings, workers }) } else { Err(errors) }
}

/// Reads and checks one configuration file.
///
/// # Errors
/// Everything that is wrong in it, or that it cannot be read.
pub fn check_file(path: &Path) -> Result<Settings, Vec<SettingError>> {
    let unreadable =
        |why: String| vec![option_error("--config", format!("cannot read {}: {why}", path.display()))];
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_FILE {
        return Err(unreadable(format!("it is larger than {MAX_FILE} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            let message = "is not UTF-8 text".to_owned();
            return Err(vec![SettingError { line: Some(line), key: String::new(), message }]);
        }
    };
    let (settings, mut errors) = Settings::parse_all(text);
    errors.append(&mut beyond_text(&settings));
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

/// What the settings alone cannot know: the language of log filters, and what this build can do.
fn beyond_text(settings: &Settings) -> Vec<SettingError> {
    let mut errors = Vec::new();
    if let Err(error) = EnvFilter::try_new(&settings.log.filter.0) {
        let message = format!("is no log filter: {error}");
        errors.push(SettingError { line: None, key: "log.filter".to_owned(), message });
    }
    if settings.log.target == LogTarget::Journal && !cfg!(feature = "systemd") {
        let message =
            "this build has no journal; use \"stderr\", which a systemd unit sends to the journal too"
                .to_owned();
        errors.push(SettingError { line: None, key: "log.target".to_owned(), message });
    }
    errors
}

fn parse_workers(text: &str) -> Result<NonZeroUsize, SettingError> {
    text.parse().ok().filter(|workers: &NonZeroUsize| workers.get() <= 256).ok_or_else(|| {
        option_error("CALLBOX_WORKERS", format!("must be a whole number from 1 to 256, but it is {text:?}"))
    })
}

fn option_error(key: &str, message: String) -> SettingError {
    SettingError { line: None, key: key.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn keys(errors: &[SettingError]) -> Vec<&str> {
        errors.iter().map(|error| error.key.as_str()).collect()
    }

    #[test]
    fn nothing_given_is_the_default() {
        let config = load(&ServeOptions::default(), Environment::default()).unwrap();
        assert_eq!(config, Config { settings: Settings::default(), workers: None });
        assert_eq!(config.settings.this_box.data_dir.path(), Path::new("callbox-data"));
    }

    #[test]
    fn options_go_before_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        fs::write(&file, "[listen]\nhttps = \"*:1\"\nhttp = \"*:2\"\n[box]\ndata_dir = \"x\"\n").unwrap();
        let options = ServeOptions {
            config: Some(file),
            data_dir: Some("y".into()),
            https: Some("127.0.0.1:0".to_owned()),
            ..ServeOptions::default()
        };
        let config = load(&options, Environment { workers: Some("1"), log: None }).unwrap();
        assert_eq!(config.settings.listen.https.to_string(), "127.0.0.1:0");
        assert_eq!(config.settings.listen.http.to_string(), "*:2");
        assert_eq!(config.settings.this_box.data_dir.path(), Path::new("y"));
        assert_eq!(config.workers, NonZeroUsize::new(1));
    }

    #[test]
    fn every_error_of_file_options_and_environment_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        fs::write(&file, "[listen]\nhttps = 1\nnope = 2\n[log]\nfilter = \"callbox=shout\"\n").unwrap();
        let options = ServeOptions {
            config: Some(file),
            http: Some("localhost:80".to_owned()),
            turn: Some("*".to_owned()),
            ..ServeOptions::default()
        };
        let errors = load(&options, Environment { workers: Some("0"), log: Some("a=b=c") }).unwrap_err();
        assert_eq!(
            keys(&errors),
            [
                "listen.https",
                "listen.nope",
                "log.filter",
                "--http",
                "--turn",
                "CALLBOX_LOG",
                "CALLBOX_WORKERS"
            ]
        );
        assert_eq!(errors[0].line, Some(2));
    }

    #[test]
    fn options_can_collide_too() {
        let options = ServeOptions { http: Some("127.0.0.1:8443".to_owned()), ..ServeOptions::default() };
        assert_eq!(keys(&load(&options, Environment::default()).unwrap_err()), ["listen.http"]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(keys(&check_file(&dir.path().join("none")).unwrap_err()), ["--config"]);
        assert_eq!(keys(&check_file(dir.path()).unwrap_err()), ["--config"]);
        let file = dir.path().join("c.toml");
        fs::write(&file, b"[box]\n# \xff\n").unwrap();
        assert_eq!(check_file(&file).unwrap_err()[0].line, Some(2));
        fs::write(&file, "[log]\nfilter = \"callbox=shout\"\n").unwrap();
        assert_eq!(keys(&check_file(&file).unwrap_err()), ["log.filter"]);
    }

    #[test]
    fn the_example_file_is_what_the_settings_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            found,
            Settings::example(),
            "config.example.toml is old: cargo run -p callbox-core --example config_example > appliance/config.example.toml"
        );
    }
}
