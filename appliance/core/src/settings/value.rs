//! How one value of the configuration file is read and shown, and the types with units that a setting has.
//! A bare integer never leaves this module: a number without its unit is how milliseconds become seconds.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

/// Which TOML type a setting has; the example file and a form are made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number with a range.
    Integer,
    /// A text in quotes.
    Text,
    /// A list of texts.
    TextList,
}

/// A type that a setting can have.
pub trait SettingValue: Sized {
    /// Its TOML type.
    const KIND: Kind;

    /// Reads the value.
    ///
    /// # Errors
    /// A sentence for the person who wrote the file: what was expected.
    fn from_toml(value: &DeValue<'_>, range: Option<&RangeInclusive<u32>>) -> Result<Self, String>;

    /// The value as it stands in the file.
    fn to_toml(&self) -> String;
}

/// A duration in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u32);

impl Millis {
    /// The same as a standard duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

/// An amount of 1,048,576 bytes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mebibytes(pub u32);

impl Mebibytes {
    /// The same in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0 as u64 * 1024 * 1024
    }
}

/// A rate: how many in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerSecond(pub u32);

/// How many of something may exist at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u32);

impl Count {
    /// The same as the size of a collection.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

macro_rules! whole_number {
    ($($unit:ident),*) => {$(
        impl SettingValue for $unit {
            const KIND: Kind = Kind::Integer;

            fn from_toml(value: &DeValue<'_>, range: Option<&RangeInclusive<u32>>) -> Result<Self, String> {
                whole_number(value, range).map(Self)
            }

            fn to_toml(&self) -> String {
                self.0.to_string()
            }
        }
    )*};
}

whole_number!(Millis, Mebibytes, PerSecond, Count);

fn whole_number(value: &DeValue<'_>, range: Option<&RangeInclusive<u32>>) -> Result<u32, String> {
    let wanted = range.map_or_else(
        || "a whole number".to_owned(),
        |range| format!("a whole number from {} to {}", range.start(), range.end()),
    );
    let Some(number) = value.as_integer() else {
        return Err(format!("must be {wanted}, but it is {}", named_type(value)));
    };
    // The parser has already taken the underscores out.
    u32::from_str_radix(number.as_str(), number.radix())
        .ok()
        .filter(|number| range.is_none_or(|range| range.contains(number)))
        .ok_or_else(|| format!("must be {wanted}, but it is {}", number.as_str()))
}

/// A directory; a relative one is relative to where the program was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory(pub PathBuf);

impl Directory {
    /// The path itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl SettingValue for Directory {
    const KIND: Kind = Kind::Text;

    fn from_toml(value: &DeValue<'_>, _range: Option<&RangeInclusive<u32>>) -> Result<Self, String> {
        let text = text(value)?;
        if text.is_empty() || text.contains('\0') {
            return Err("must be the path of a directory".to_owned());
        }
        Ok(Self(PathBuf::from(text)))
    }

    fn to_toml(&self) -> String {
        quoted(&self.0.to_string_lossy())
    }
}

/// Which log lines are written, in the language of tracing's filters (`info`, `callbox=debug,warn`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub String);

impl SettingValue for LogFilter {
    const KIND: Kind = Kind::Text;

    fn from_toml(value: &DeValue<'_>, _range: Option<&RangeInclusive<u32>>) -> Result<Self, String> {
        text(value).map(|text| Self(text.to_owned()))
    }

    fn to_toml(&self) -> String {
        quoted(&self.0)
    }
}

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard error, one line each.
    Stderr,
    /// The system journal, with fields. Only builds with the feature `systemd` have it.
    Journal,
}

impl SettingValue for LogTarget {
    const KIND: Kind = Kind::Text;

    fn from_toml(value: &DeValue<'_>, _range: Option<&RangeInclusive<u32>>) -> Result<Self, String> {
        match text(value)? {
            "stderr" => Ok(Self::Stderr),
            "journal" => Ok(Self::Journal),
            other => Err(format!("must be \"stderr\" or \"journal\", but it is {}", quoted(other))),
        }
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string())
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stderr => "stderr",
            Self::Journal => "journal",
        })
    }
}

/// The text of a value, or what to say when it is none.
pub(super) fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("must be a text in quotes, but it is {}", named_type(value)))
}

/// A value's type as the file's writer would call it.
pub(super) fn named_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A TOML basic string (TOML 1.0, section String).
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
