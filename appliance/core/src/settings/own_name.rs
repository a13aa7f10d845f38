//! The host names that a box may have on its own network. The local CA may certify nothing else, so a name
//! that would spoil the certificate is refused when it is configured and not when phones stop connecting.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::de::DeValue;

use super::value::{Kind, SettingValue, named_type, quoted};

/// The DNS subtrees of the local CA's name constraints: mDNS (RFC 6762), home networks (RFC 8375), loopback.
pub const PERMITTED_SUFFIXES: [&str; 3] = ["local", "home.arpa", "localhost"];

/// The longest DNS name in text form without the final dot (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;
/// The longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// A lower-case host name inside one of [`PERMITTED_SUFFIXES`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnName(String);

impl OwnName {
    /// The name without a final dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no name of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadOwnName {
    /// Not letters, digits and hyphens in labels of at most 63 characters (RFC 1123 section 2.1).
    #[error("must be a host name of letters, digits and hyphens")]
    NotAHostName,
    /// Outside what the local CA may certify.
    #[error("must end in .local, .home.arpa or .localhost: the box's own CA may certify no other name")]
    NotPermitted,
}

impl FromStr for OwnName {
    type Err = BadOwnName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.len() > MAX_NAME || !name.split('.').all(is_label) {
            return Err(BadOwnName::NotAHostName);
        }
        // `local` and `home.arpa` themselves belong to everybody on the network; only `localhost` is a host.
        let permitted = PERMITTED_SUFFIXES.iter().any(|suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|rest| rest.ends_with('.') || (rest.is_empty() && *suffix == "localhost"))
        });
        if permitted { Ok(Self(name)) } else { Err(BadOwnName::NotPermitted) }
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// A list of further names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnNames(pub Vec<OwnName>);

/// More names than this are a mistake, and each makes every handshake longer.
const MAX_NAMES: usize = 16;

impl SettingValue for OwnNames {
    const KIND: Kind = Kind::TextList;

    fn from_toml(value: &DeValue<'_>, _range: Option<&RangeInclusive<u32>>) -> Result<Self, String> {
        let Some(list) = value.as_array() else {
            return Err(format!("must be a list of host names, but it is {}", named_type(value)));
        };
        if list.len() > MAX_NAMES {
            return Err(format!("must have at most {MAX_NAMES} names"));
        }
        let read = |value: &DeValue<'_>| match value.as_str() {
            Some(text) => text.parse().map_err(|error: BadOwnName| format!("{}: {error}", quoted(text))),
            None => Err(format!("must be a list of host names, but holds {}", named_type(value))),
        };
        list.iter().map(|value| read(value.get_ref())).collect::<Result<Vec<_>, _>>().map(Self)
    }

    fn to_toml(&self) -> String {
        let names: Vec<String> = self.0.iter().map(|name| quoted(name.as_str())).collect();
        format!("[{}]", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_own_network_are_taken() {
        for (text, name) in [
            ("localhost", "localhost"),
            ("Box-7F3A.local", "box-7f3a.local"),
            ("phones.home.arpa.", "phones.home.arpa"),
            ("a.b.localhost", "a.b.localhost"),
        ] {
            assert_eq!(text.parse::<OwnName>().map(|n| n.0), Ok(name.to_owned()));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = format!("{}.local", "a".repeat(64));
        for text in [
            "",
            ".",
            ".local",
            "a..local",
            "-a.local",
            "a-.local",
            "a_b.local",
            "ü.local",
            "*.local",
            long.as_str(),
        ] {
            assert_eq!(text.parse::<OwnName>(), Err(BadOwnName::NotAHostName), "{text:?}");
        }
        for text in [
            "local",
            "home.arpa",
            "arpa",
            "example.com",
            "evillocal",
            "a.localhost.com",
            "xhome.arpa",
            "127.0.0.1",
        ] {
            assert_eq!(text.parse::<OwnName>(), Err(BadOwnName::NotPermitted), "{text:?}");
        }
    }
}
