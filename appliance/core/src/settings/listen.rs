//! Where a listener binds.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::de::DeValue;

use super::value::{Kind, SettingValue, quoted, text};

/// The address of a listener: `IP:PORT`, or `*:PORT` for every address of the machine. Port 0 picks a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenAddr {
    /// Every address: IPv6 and IPv4 on one socket where the machine has IPv6, else IPv4.
    Every(u16),
    /// This address only.
    At(SocketAddr),
}

impl ListenAddr {
    /// The port; 0 means any free one.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Every(port) => port,
            Self::At(addr) => addr.port(),
        }
    }

    /// Whether two sockets of one kind could not both be bound.
    #[must_use]
    pub fn collides(self, other: Self) -> bool {
        if self.port() == 0 || self.port() != other.port() {
            return false;
        }
        match (self.ip(), other.ip()) {
            (Some(a), Some(b)) => a == b || a.is_unspecified() || b.is_unspecified(),
            (None, _) | (_, None) => true,
        }
    }

    fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Every(_) => None,
            Self::At(addr) => Some(addr.ip()),
        }
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(port) => write!(f, "*:{port}"),
            Self::At(addr) => addr.fmt(f),
        }
    }
}

/// The text is no listener address. The message says what one looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be IP:PORT such as \"192.168.1.20:8443\" or \"[::1]:8443\", or \"*:8443\" for every address, but it is {0:?}"
)]
pub struct BadListenAddr(String);

impl FromStr for ListenAddr {
    type Err = BadListenAddr;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.strip_prefix("*:") {
            // `parse` alone would take "+1" for a port.
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().ok().map(Self::Every),
            Some(_) => None,
            None => text.parse().ok().map(Self::At),
        };
        parsed.ok_or_else(|| BadListenAddr(text.chars().take(80).collect()))
    }
}

impl SettingValue for ListenAddr {
    const KIND: Kind = Kind::Text;

    fn from_toml(value: &DeValue<'_>, _range: Option<&RangeInclusive<u32>>) -> Result<Self, String> {
        text(value)?.parse().map_err(|error: BadListenAddr| error.to_string())
    }

    fn to_toml(&self) -> String {
        quoted(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_alike() {
        for text in ["*:8443", "*:0", "127.0.0.1:80", "[::1]:8443", "[::]:0"] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "8443",
            "*",
            "*:",
            "*:+1",
            "*:65536",
            "127.0.0.1",
            "localhost:80",
            "::1:80",
            "127.0.0.1:99999",
        ] {
            assert!(text.parse::<ListenAddr>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_the_same_fixed_port_collides() {
        let at = |text: &str| text.parse::<ListenAddr>().unwrap();
        assert!(at("*:8443").collides(at("127.0.0.1:8443")));
        assert!(at("0.0.0.0:1").collides(at("10.0.0.1:1")));
        assert!(at("10.0.0.1:1").collides(at("10.0.0.1:1")));
        assert!(!at("10.0.0.1:1").collides(at("10.0.0.2:1")));
        assert!(!at("*:0").collides(at("*:0")));
        assert!(!at("*:1").collides(at("*:2")));
    }
}
