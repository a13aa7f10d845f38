//! The one filter through which every name of a certificate goes. The local CA is constrained to what a box on a
//! private network can be called; one name outside spoils the whole certificate for every client (RFC 5280
//! section 4.2.1.10), so a name passes here or is left out.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use callbox_core::settings::OwnName;

/// Networks that the local CA may certify, with the length of their prefix: loopback, private (RFC 1918),
/// link-local (RFC 3927, RFC 4291), shared by a provider (RFC 6598), unique-local (RFC 4193).
pub const PERMITTED_NETWORKS: [(IpAddr, u8); 9] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

/// More names than this make every handshake slow; a machine with so many addresses is no office box.
const MAX_NAMES: usize = 64;

/// A name or address that a certificate of the local CA may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertName {
    /// A host name.
    Dns(OwnName),
    /// An address.
    Ip(IpAddr),
}

impl fmt::Display for CertName {
    /// As in a URL: IPv6 in brackets (RFC 3986 section 3.2.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// The certificate name for a host name or an address with or without a zone (`fe80::1%eth0`); none if the CA may
/// not certify it.
#[must_use]
pub fn permitted(name: &str) -> Option<CertName> {
    let address = match name.split_once('%') {
        // A zone is a matter of one machine and means nothing in a certificate (RFC 4007 section 11).
        Some((address, _zone)) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    };
    match address {
        Some(ip) => permitted_ip(ip),
        None => name.parse().ok().map(CertName::Dns),
    }
}

/// The certificate name for an address; none if the CA may not certify it.
#[must_use]
pub fn permitted_ip(ip: IpAddr) -> Option<CertName> {
    let ip = ip.to_canonical();
    PERMITTED_NETWORKS.iter().any(|network| is_in(ip, *network)).then_some(CertName::Ip(ip))
}

fn is_in(ip: IpAddr, (network, prefix): (IpAddr, u8)) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            (ip.to_bits() ^ network.to_bits()).leading_zeros() >= prefix.into()
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            (ip.to_bits() ^ network.to_bits()).leading_zeros() >= prefix.into()
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Every name of this box: loopback, its own names, the configured ones, and what of its addresses is permitted.
/// At most 64; addresses that are too many are left out.
#[must_use]
pub fn names_of_box(
    short_id: &str,
    hostname: Option<&str>,
    configured: &[OwnName],
    addresses: &[IpAddr],
) -> BTreeSet<CertName> {
    let host = hostname.and_then(|name| name.split('.').next()).map(|label| format!("{label}.local"));
    let fixed = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]
        .into_iter()
        .chain([format!("box-{short_id}.local"), format!("box-{short_id}.home.arpa")])
        .chain(host);
    let mut names: BTreeSet<CertName> = fixed.filter_map(|name| permitted(&name)).collect();
    names.extend(configured.iter().cloned().map(CertName::Dns));
    for name in addresses.iter().filter_map(|ip| permitted_ip(*ip)) {
        if names.len() >= MAX_NAMES {
            break;
        }
        names.insert(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_box_can_be_called_passes() {
        for (name, shown) in [
            ("localhost", "localhost"),
            ("box-7f3a.local", "box-7f3a.local"),
            ("box-7f3a.home.arpa", "box-7f3a.home.arpa"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.255.255.255", "127.255.255.255"),
            ("::1", "[::1]"),
            ("10.0.0.1", "10.0.0.1"),
            ("172.16.0.1", "172.16.0.1"),
            ("172.31.255.255", "172.31.255.255"),
            ("192.168.1.20", "192.168.1.20"),
            ("169.254.9.9", "169.254.9.9"),
            ("100.64.0.1", "100.64.0.1"),
            ("100.127.255.255", "100.127.255.255"),
            ("fc00::1", "[fc00::1]"),
            ("fdff::1", "[fdff::1]"),
            ("fe80::1", "[fe80::1]"),
            ("febf::1", "[febf::1]"),
            ("fe80::1%eth0", "[fe80::1]"),
            ("::ffff:192.168.1.20", "192.168.1.20"),
        ] {
            assert_eq!(permitted(name).map(|name| name.to_string()), Some(shown.to_owned()), "{name}");
        }
    }

    #[test]
    fn everything_else_is_left_out() {
        for name in [
            "8.8.8.8",
            "126.255.255.255",
            "128.0.0.1",
            "11.0.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "169.253.255.255",
            "100.63.255.255",
            "100.128.0.0",
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "::2",
            "2001:db8::1",
            "2a00:1450::1",
            "fbff::1",
            "fe00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:8.8.8.8",
            "2001:db8::1%eth0",
            "10.0.0.1%eth0",
            "example.com",
            "local",
            "",
            "a b.local",
            "[::1]",
            "10.0.0.1:80",
        ] {
            assert_eq!(permitted(name), None, "{name}");
        }
    }

    #[test]
    fn a_box_has_its_names_and_its_permitted_addresses() {
        let addresses = ["192.168.1.20", "8.8.8.8", "2001:db8::1", "fd00::5"].map(|ip| ip.parse().unwrap());
        let configured = ["phones.home.arpa".parse().unwrap()];
        let names = names_of_box("7f3a", Some("Office.example.com"), &configured, &addresses);
        let shown: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
        let expected = [
            "localhost",
            "127.0.0.1",
            "[::1]",
            "box-7f3a.local",
            "box-7f3a.home.arpa",
            "office.local",
            "phones.home.arpa",
            "192.168.1.20",
            "[fd00::5]",
        ];
        assert_eq!(shown, expected.into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn a_host_name_that_is_none_and_too_many_addresses_do_no_harm() {
        let addresses: Vec<IpAddr> =
            (0..1000u32).map(|n| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))).collect();
        let names = names_of_box("7f3a", Some("bad_name"), &[], &addresses);
        assert_eq!(names.len(), MAX_NAMES);
        assert!(names.contains(&permitted("localhost").unwrap()));
        assert!(!names.iter().any(|name| name.to_string().contains("bad")));
    }
}
