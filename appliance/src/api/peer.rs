//! Where a request comes from, as the listener saw it.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use callbox_core::access::Source;
use http::request::Parts;
use http::{Extensions, HeaderMap, header};

use crate::net::{LocalAddr, PeerAddr};

/// The address to blame. Requests without one (there are none behind a listener) share an allowance.
pub(super) fn source_of(extensions: &Extensions) -> Source {
    Source::from(extensions.get::<PeerAddr>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip()))
}

/// The sender of this request.
pub(super) struct Sender {
    /// What to blame.
    pub(super) source: Source,
    /// On this machine.
    pub(super) is_loopback: bool,
}

impl<S: Sync> FromRequestParts<S> for Sender {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<PeerAddr>();
        let is_loopback = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
        Ok(Self { source: source_of(&parts.extensions), is_loopback })
    }
}

/// The name and port by which the client reached the box: `192.168.1.20:8443`.
pub(super) struct Origin(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let named = authority(parts.uri.authority().map(http::uri::Authority::as_str), &parts.headers);
        let reached = || parts.extensions.get::<LocalAddr>().map(|local| local.0.to_string());
        Ok(Self(named.or_else(reached).unwrap_or_else(|| "localhost".to_owned())))
    }
}

/// HTTP/2 names it in the request line, HTTP/1.1 in a header (RFC 9110 §7.2).
fn authority(line: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let text = line.or_else(|| headers.get(header::HOST)?.to_str().ok())?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    let fits = (1..=255).contains(&text.len()) && text.bytes().all(plain);
    fits.then(|| text.to_owned())
}
