//! Binds the listeners. `*:PORT` is one socket for IPv6 and IPv4 where the machine has IPv6.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use callbox_core::settings::ListenAddr;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use std::os::fd::AsRawFd;

/// Connections that the kernel holds before they are accepted; more are for a burst after a power cut, when every
/// phone comes back at once.
const BACKLOG: i32 = 1024;

/// A listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for {name} on {addr}: {source}{}", remedy(.source))]
pub struct BindError {
    /// The setting in `[listen]`.
    pub name: &'static str,
    /// What was asked for.
    pub addr: ListenAddr,
    /// What the kernel said.
    pub source: io::Error,
}

fn remedy(error: &io::Error) -> &'static str {
    let remedies = [
        (io::ErrorKind::AddrInUse, "; another program, perhaps another box, has it: choose another port"),
        (io::ErrorKind::PermissionDenied, "; ports below 1024 need a privilege: choose a higher one"),
        (io::ErrorKind::AddrNotAvailable, "; this machine does not have that address"),
    ];
    remedies.iter().find(|(kind, _)| *kind == error.kind()).map_or("", |(_, remedy)| remedy)
}

/// Binds a TCP listener, ready for tokio (not blocking).
///
/// # Errors
/// The address is taken, not ours, or needs a privilege. The message names the remedy.
pub fn tcp(name: &'static str, addr: ListenAddr) -> Result<TcpListener, BindError> {
    let open = |at| {
        let fd = open(SockType::Stream, at)?;
        listen(&fd, Backlog::new(BACKLOG)?)?;
        Ok(fd)
    };
    every_or_one(addr, open).map(TcpListener::from).map_err(|source| BindError { name, addr, source })
}

/// Binds a UDP socket, ready for tokio (not blocking).
///
/// # Errors
/// As [`tcp`].
pub fn udp(name: &'static str, addr: ListenAddr) -> Result<UdpSocket, BindError> {
    let open = |at| open(SockType::Datagram, at);
    every_or_one(addr, open).map(UdpSocket::from).map_err(|source| BindError { name, addr, source })
}

fn every_or_one(addr: ListenAddr, open: impl Fn(SocketAddr) -> nix::Result<OwnedFd>) -> io::Result<OwnedFd> {
    match addr {
        ListenAddr::At(at) => Ok(open(at)?),
        ListenAddr::Every(port) => match open((Ipv6Addr::UNSPECIFIED, port).into()) {
            // No IPv6 in this kernel, or switched off.
            Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => {
                Ok(open((Ipv4Addr::UNSPECIFIED, port).into())?)
            }
            other => Ok(other?),
        },
    }
}

fn open(kind: SockType, at: SocketAddr) -> nix::Result<OwnedFd> {
    let family = if at.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    if kind == SockType::Stream {
        // A restart must not wait for the last connections' TIME_WAIT.
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    }
    if at.is_ipv6() {
        // `[::]` means IPv4 too, whatever the machine's default is.
        setsockopt(&fd, sockopt::Ipv6V6Only, &false)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(at))?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn every_address_takes_ipv4() {
        let listener = tcp("https", ListenAddr::Every(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_ne!(port, 0);
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        if listener.local_addr().unwrap().is_ipv6() {
            TcpStream::connect(("::1", port)).unwrap();
        }
        assert_ne!(udp("media", ListenAddr::Every(0)).unwrap().local_addr().unwrap().port(), 0);
    }

    #[test]
    fn a_taken_port_is_an_error_with_a_remedy() {
        let first = tcp("https", "127.0.0.1:0".parse().unwrap()).unwrap();
        let again = ListenAddr::At(first.local_addr().unwrap());
        let error = tcp("http", again).unwrap_err();
        assert!(
            error.to_string().contains("for http") && error.to_string().contains("choose another port"),
            "{error}"
        );
        let error = tcp("http", "192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("does not have that address"), "{error}");
    }
}
