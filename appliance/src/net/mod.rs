//! The network front of the box: who it is (identity, local CA, server certificate), where it listens, and how
//! long a peer may take. Not here: what is answered on https; that is `api` and `signaling`.

pub mod addresses;
pub mod bind;
pub mod box_id;
pub mod clock;
mod connection;
pub mod identity;
mod install_page;
pub mod leaf;
pub mod listener;
#[cfg(test)]
mod listener_tests;
pub mod local_ca;
pub mod own_name;
pub mod plain;
mod private_file;
pub mod served;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod upkeep;

use std::net::SocketAddr;

/// The address of the peer, in every request's extensions. An IPv4 peer of a dual-stack socket is shown as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The address at which the box was reached, in every request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAddr(pub SocketAddr);

/// `::ffff:192.0.2.1` of a dual-stack socket as `192.0.2.1` (RFC 4291 section 2.5.5.2).
fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}
