//! TLS of the listeners: version 1.3 only, ring only, and small: memory per idle connection is a published figure.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};

/// HTTP/2 before HTTP/1.1 (RFC 7301).
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// Bytes of a connection that rustls holds back for a slow reader. A quarter of its default; more waits in the
/// kernel or in the sender.
pub(super) const BUFFER_LIMIT: usize = 16 * 1024;

/// The server side of https.
///
/// Versions are set here and not by features of a crate: another crate may switch TLS 1.2 on for everybody.
///
/// # Errors
/// The provider cannot do TLS 1.3, or the system has no random numbers.
pub fn server_config(certificate: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    // Resumption state travels with the client in a sealed ticket; the box keeps nothing per client. The sealing
    // key lives in memory and changes every few hours.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}
