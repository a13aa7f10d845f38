//! What the box prints to standard output: lines for programs, one fact each, in a fixed order. Everything else for
//! people goes to standard error.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use callbox_core::access::SetupCode;

use crate::net::addresses;

/// Prints the lines of PROTOCOL.md ("Starting and stopping"). A reader that is gone is no reason not to serve.
pub(super) fn ready(setup_code: Option<&SetupCode>, https: SocketAddr, http: SocketAddr) {
    let mut lines = String::new();
    if let Some(code) = setup_code {
        lines.push_str(&format!("setup code: {code}\n"));
    }
    lines.push_str(&format!("listening https https://{}\n", reachable(https)));
    lines.push_str(&format!("listening http http://{}\n", reachable(http)));
    lines.push_str("ready\n");
    let mut stdout = io::stdout().lock();
    drop(stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush()));
}

/// Tells a person at the terminal where phones find the box.
pub(super) fn help(https: SocketAddr, http: SocketAddr) {
    let mut stderr = io::stderr().lock();
    for ip in phone_addresses(https.ip()) {
        let https = SocketAddr::new(ip, https.port());
        let http = SocketAddr::new(ip, http.port());
        drop(writeln!(stderr, "phones: trust the box at http://{http}/ and then open https://{https}/phone"));
    }
}

/// An address that a program on this machine can use: the loopback for "every address".
fn reachable(bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), bound.port())
    } else {
        bound
    }
}

fn phone_addresses(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let all = addresses::of_machine().unwrap_or_default();
    all.into_iter().filter(|ip| !ip.is_loopback() && !link_local(ip)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_shown_as_one_that_can_be_used() {
        assert_eq!(reachable("[::]:8443".parse().unwrap()).to_string(), "127.0.0.1:8443");
        assert_eq!(reachable("0.0.0.0:1".parse().unwrap()).to_string(), "127.0.0.1:1");
        assert_eq!(reachable("[::1]:2".parse().unwrap()).to_string(), "[::1]:2");
    }
}
