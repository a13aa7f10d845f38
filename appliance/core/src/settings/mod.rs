//! The configuration: text in, [`Settings`] or every error with its line out. No file is read here and nothing
//! is bound; secrets are not settings.
//!
//! To add a setting, add one entry to `definition.rs`, then write the example file anew:
//! `cargo run -p callbox-core --example config_example > appliance/config.example.toml`.

mod definition;
mod example;
mod listen;
mod own_name;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

pub use definition::{
    AccountsSection, BoxSection, LimitsSection, ListenSection, LogSection, SectionDoc, SettingDoc, Settings,
    StoreSection,
};
pub use listen::{BadListenAddr, ListenAddr};
pub use own_name::{BadOwnName, OwnName, OwnNames, PERMITTED_SUFFIXES};
pub use value::{Count, Directory, Kind, LogFilter, LogTarget, Mebibytes, Millis, PerSecond, SettingValue};

use toml::de::DeTable;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingError {
    /// The line in the file, from 1; none for the command line and for what no single line is to blame for.
    pub line: Option<usize>,
    /// The setting as `section.key`, or the option as `--option`; empty for a syntax error.
    pub key: String,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl Settings {
    /// Reads a configuration file. What it does not mention has its default.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of lines: broken syntax, unknown sections and settings, wrong types,
    /// values out of range, listeners in each other's way.
    pub fn parse(text: &str) -> Result<Self, Vec<SettingError>> {
        let (settings, errors) = Self::parse_all(text);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// As [`Self::parse`], for a caller with checks of its own: gives everything that is wrong, and what could be
    /// read beside it.
    #[must_use]
    pub fn parse_all(text: &str) -> (Self, Vec<SettingError>) {
        let lines = Lines(text);
        let (root, syntax) = DeTable::parse_recoverable(text);
        let mut errors: Vec<SettingError> = syntax
            .iter()
            .map(|error| SettingError {
                line: Some(lines.of(error.span().map_or(0, |span| span.start))),
                key: String::new(),
                message: error.message().replace('\n', "; "),
            })
            .collect();
        let mut wrong = Vec::new();
        let settings = Self::read(root.get_ref(), &lines, &mut wrong);
        // What the parser made of a broken line is a guess; do not blame the writer for the guess as well.
        wrong.retain(|error| !errors.iter().any(|syntax| syntax.line == error.line));
        errors.append(&mut wrong);
        errors.sort_by_key(|error| error.line);
        if errors.is_empty() {
            errors = settings.conflicts();
        }
        (settings, errors)
    }

    /// Listeners that could not all be bound. To be asked again when options of the command line have been put in.
    #[must_use]
    pub fn conflicts(&self) -> Vec<SettingError> {
        let listen = &self.listen;
        let tcp = [("https", listen.https), ("http", listen.http), ("turn", listen.turn)];
        let udp = [("media", listen.media), ("turn", listen.turn), ("federation", listen.federation)];
        let mut errors = Vec::new();
        for group in [tcp, udp] {
            for (n, (name, addr)) in group.iter().enumerate() {
                for (other_name, other) in group.iter().skip(n + 1) {
                    if addr.collides(*other) {
                        errors.push(SettingError {
                            line: None,
                            key: format!("listen.{other_name}"),
                            message: format!("{other} is already taken by listen.{name}"),
                        });
                    }
                }
            }
        }
        errors
    }
}

/// Finds the line of a byte offset.
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn of(&self, offset: usize) -> usize {
        let before = self.0.as_bytes().get(..offset).unwrap_or(self.0.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

/// "is no known setting", with the known ones, the most similar first.
fn nearest(what: &str, unknown: &str, known: &[&str]) -> String {
    let mut sorted: Vec<&str> = known.to_vec();
    sorted.sort_by_key(|candidate| distance(unknown, candidate));
    match sorted.first() {
        Some(best) if distance(unknown, best) <= 3 => format!("is no known {what}; did you mean {best}?"),
        _ => format!("is no known {what}; known are {}", known.join(", ")),
    }
}

/// How many single-character edits lie between two keys (Levenshtein), over at most 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let here = (diagonal + usize::from(ca != *cb)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = here;
            left = here;
        }
    }
    row.last().copied().unwrap_or(0)
}
