//! The client's side of TLS 1.3, and the certificate that the peer is given. One cipher suite and one key exchange
//! are offered, so that both servers do the same cryptography; no resumption, so that every handshake is a full one.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where a side listens and whom the client trusts there.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) https: SocketAddr,
    connector: TlsConnector,
}

impl Target {
    /// Trusts the one certificate authority in `ca_pem`.
    pub(crate) fn new(https: SocketAddr, ca_pem: &[u8]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem).context("the CA is no PEM certificate")?)?;
        let provider = CryptoProvider {
            cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![ring::kx_group::X25519],
            ..ring::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { https, connector: TlsConnector::from(Arc::new(config)) })
    }

    /// The same trust at another address: a restarted server has another port.
    pub(crate) fn at(&self, https: SocketAddr) -> Self {
        Self { https, connector: self.connector.clone() }
    }

    /// One TLS connection.
    pub(crate) async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.https).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.https.ip().into());
        self.connector.connect(name, stream).await.context("TLS handshake")
    }
}

/// What the peer needs to speak TLS, of the same kind as the box's: a P-256 leaf below a P-256 authority.
pub(crate) struct PeerCertificate {
    pub(crate) key: PathBuf,
    pub(crate) chain: PathBuf,
    pub(crate) ca_pem: String,
}

impl PeerCertificate {
    /// Makes the key pairs and writes the leaf's key and chain into `dir`.
    pub(crate) fn make(dir: &Path) -> Result<Self> {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
        let leaf_key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&leaf_key, &issuer)?;
        let made = Self { key: dir.join("peer.key"), chain: dir.join("peer.pem"), ca_pem: issuer.pem() };
        fs::write(&made.key, leaf_key.serialize_pem()).context("writing the peer's key")?;
        fs::write(&made.chain, leaf.pem()).context("writing the peer's certificate")?;
        Ok(made)
    }
}
