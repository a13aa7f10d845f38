//! The box's own certificate authority: what a phone installs once so that it trusts the box. Name-constrained to
//! what a box on a private network can be called, so that a stolen box cannot pose as a bank.
//!
//! Made once, at the first start, and never again by itself: a new CA would mean a walk to every phone.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
};
use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use callbox_core::settings::PERMITTED_SUFFIXES;

use super::box_id::sha256;
use super::clock::{DAY, UnixSeconds};
use super::own_name::PERMITTED_NETWORKS;

/// Ten years, without leap days.
const LIFETIME: std::time::Duration = std::time::Duration::from_secs(3650 * DAY.as_secs());

/// Why a certificate authority could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The stored key and certificate are no CA of ours.
    #[error("{0}")]
    Damaged(&'static str),
    /// The machine has no random numbers.
    #[error("no random numbers from the system")]
    NoRandomness,
    /// A certificate could not be built.
    #[error("cannot build a certificate: {0}")]
    Build(#[from] rcgen::Error),
}

/// The CA's key and certificate.
pub struct LocalCa {
    key: KeyPair,
    name: String,
    der: CertificateDer<'static>,
    not_before: UnixSeconds,
    not_after: UnixSeconds,
}

impl fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCa").field("name", &self.name).finish_non_exhaustive()
    }
}

impl LocalCa {
    /// Makes the CA of the box with this short id. Valid from the day before `now`, because a phone's clock may be
    /// a little behind, for ten years.
    ///
    /// # Errors
    /// No random numbers.
    pub fn create(short_id: &str, now: UnixSeconds) -> Result<Self, CaError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let name = format!("Callbox {short_id} local CA");
        let not_before = now.minus(DAY);
        let not_after = not_before.plus(LIFETIME);
        let mut params = params(&name);
        set_validity(&mut params, not_before, not_after);
        params.serial_number = Some(random_serial()?);
        params.name_constraints = Some(constraints());
        let der = params.self_signed(&key)?.der().clone();
        Ok(Self { key, name, der, not_before, not_after })
    }

    /// Reads back what [`Self::to_bundle`] wrote.
    ///
    /// # Errors
    /// The text is damaged, or key and certificate are not of one CA.
    pub fn from_bundle(pem: &[u8]) -> Result<Self, CaError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem)
            .map_err(|_| CaError::Damaged("it holds no readable private key"))?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| CaError::Damaged("its private key is damaged"))?;
        let der = CertificateDer::from_pem_slice(pem)
            .map_err(|_| CaError::Damaged("it holds no readable certificate"))?;
        let (name, not_before, not_after) = {
            let certificate = parse(&der).ok_or(CaError::Damaged("its certificate is damaged"))?;
            if certificate.public_key().raw != key.subject_public_key_info() {
                return Err(CaError::Damaged("its private key belongs to another certificate"));
            }
            if !signed_by(&certificate, &key) {
                return Err(CaError::Damaged("its certificate is damaged: the signature does not fit"));
            }
            let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
            let name = name.ok_or(CaError::Damaged("its certificate has no name"))?.to_owned();
            let (not_before, not_after) = validity(&certificate);
            (name, not_before, not_after)
        };
        Ok(Self { key, name, der: der.into_owned(), not_before, not_after })
    }

    /// Private key and certificate as PEM. Secret.
    #[must_use]
    pub fn to_bundle(&self) -> String {
        self.key.serialize_pem() + &self.pem()
    }

    /// The certificate, to be installed on phones.
    #[must_use]
    pub const fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// The common name, such as `Callbox 7f3a local CA`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the certificate as `AA:BB:…`, as phones and browsers show it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hex: Vec<String> = sha256(&self.der).iter().map(|byte| format!("{byte:02X}")).collect();
        hex.join(":")
    }

    /// SHA-256 of the public key as SubjectPublicKeyInfo: what a native app pins.
    #[must_use]
    pub fn pin(&self) -> [u8; 32] {
        sha256(&self.key.subject_public_key_info())
    }

    /// From when and until when the certificate is valid.
    #[must_use]
    pub const fn validity(&self) -> (UnixSeconds, UnixSeconds) {
        (self.not_before, self.not_after)
    }

    /// Signs a certificate for `subject_key`. Issuer and key identifier are filled in; names are not checked here.
    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        subject_key: &KeyPair,
    ) -> Result<CertificateDer<'static>, CaError> {
        let issuer_params = self::params(&self.name);
        let issuer = Issuer::from_params(&issuer_params, &self.key);
        Ok(params.signed_by(subject_key, &issuer)?.der().clone())
    }

    /// Whether this CA signed the certificate.
    pub(super) fn has_signed(&self, certificate: &X509Certificate<'_>) -> bool {
        signed_by(certificate, &self.key)
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn constraints() -> NameConstraints {
    let names = PERMITTED_SUFFIXES.iter().map(|suffix| GeneralSubtree::DnsName((*suffix).to_owned()));
    let networks = PERMITTED_NETWORKS
        .iter()
        .map(|(network, prefix)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*network, *prefix)));
    NameConstraints { permitted_subtrees: names.chain(networks).collect(), excluded_subtrees: Vec::new() }
}

/// Sets both dates. rcgen's time type cannot be named without its crate, so it is counted on from 1970.
pub(super) fn set_validity(params: &mut CertificateParams, not_before: UnixSeconds, not_after: UnixSeconds) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since = |at: UnixSeconds| std::time::Duration::from_secs(u64::try_from(at.0).unwrap_or(0));
    params.not_before = epoch + since(not_before);
    params.not_after = epoch + since(not_after);
}

/// A positive serial number of 127 random bits (RFC 5280 section 4.1.2.2).
pub(super) fn random_serial() -> Result<SerialNumber, CaError> {
    let mut serial = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut serial).map_err(|_| CaError::NoRandomness)?;
    serial[0] = (serial[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&serial))
}

pub(super) fn parse<'d>(der: &'d CertificateDer<'_>) -> Option<X509Certificate<'d>> {
    X509Certificate::from_der(der).ok().and_then(|(rest, certificate)| rest.is_empty().then_some(certificate))
}

pub(super) fn validity(certificate: &X509Certificate<'_>) -> (UnixSeconds, UnixSeconds) {
    let validity = certificate.validity();
    (UnixSeconds(validity.not_before.timestamp()), UnixSeconds(validity.not_after.timestamp()))
}

fn signed_by(certificate: &X509Certificate<'_>, key: &KeyPair) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key_raw())
        .verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
        .is_ok()
}

/// RFC 7468: base64 in lines of 64.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().copied().map(char::from));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}
