//! The server certificate: every name and address that the box has now, for at most 90 days, signed by the local CA.
//! It is kept on disk so that a restart is not a new certificate, and it can be lost: the next one is made at once.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::clock::{DAY, UnixSeconds};
use super::local_ca::{CaError, LocalCa, parse, pem, random_serial, set_validity, validity};
use super::own_name::{CertName, permitted_ip};

/// Well below what any client allows.
const LIFETIME: Duration = Duration::from_secs(90 * DAY.as_secs());

/// A server certificate with its key.
#[derive(Clone)]
pub struct Leaf {
    certified: Arc<CertifiedKey>,
    names: BTreeSet<CertName>,
    not_before: UnixSeconds,
    not_after: UnixSeconds,
    bundle: String,
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("names", &self.names.len()).finish_non_exhaustive()
    }
}

/// Why a new certificate is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The names or addresses of the box have changed.
    Names,
    /// Two thirds of its life are over.
    Age,
    /// It is not valid yet: the clock went back since it was made.
    Clock,
}

impl Leaf {
    /// Makes a certificate for exactly these names.
    ///
    /// # Errors
    /// No random numbers, or the key was refused.
    pub fn issue(ca: &LocalCa, names: BTreeSet<CertName>, now: UnixSeconds) -> Result<Self, CaError> {
        let sans: Result<Vec<SanType>, rcgen::Error> = names
            .iter()
            .map(|name| match name {
                CertName::Dns(name) => Ok(SanType::DnsName(name.as_str().try_into()?)),
                CertName::Ip(ip) => Ok(SanType::IpAddress(*ip)),
            })
            .collect();
        Self::issue_unfiltered(ca, sans?, names, now)
    }

    /// As [`Self::issue`], with alternative names that no filter has seen.
    pub(super) fn issue_unfiltered(
        ca: &LocalCa,
        sans: Vec<SanType>,
        names: BTreeSet<CertName>,
        now: UnixSeconds,
    ) -> Result<Self, CaError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (ca_from, ca_until) = ca.validity();
        // A day back for clients whose clock is behind; never outside the CA's own time.
        let not_before = now.minus(DAY).max(ca_from);
        let not_after = not_before.plus(LIFETIME).min(ca_until);
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, "Callbox");
        params.distinguished_name = subject;
        params.subject_alt_names = sans;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(random_serial()?);
        set_validity(&mut params, not_before, not_after);
        let der = ca.sign(&params, &key)?;
        let bundle = key.serialize_pem() + &pem("CERTIFICATE", &der);
        let certified = certified(ca, der, key.serialize_der().into())?;
        Ok(Self { certified, names, not_before, not_after, bundle })
    }

    /// Reads back what [`Self::to_bundle`] wrote; none if it is damaged or not of this CA.
    #[must_use]
    pub fn from_bundle(ca: &LocalCa, bundle: &[u8]) -> Option<Self> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(bundle).ok()?;
        let der = CertificateDer::from_pem_slice(bundle).ok()?.into_owned();
        let (names, not_before, not_after) = {
            let certificate = parse(&der)?;
            if !ca.has_signed(&certificate) {
                return None;
            }
            let (not_before, not_after) = validity(&certificate);
            (names(&certificate)?, not_before, not_after)
        };
        let certified = certified(ca, der, key.clone_key()).ok()?;
        // `CertifiedKey` knows whether the key is the certificate's.
        certified.keys_match().ok()?;
        let bundle = String::from_utf8(bundle.to_vec()).ok()?;
        Some(Self { certified, names, not_before, not_after, bundle })
    }

    /// Private key and certificate as PEM. Secret.
    #[must_use]
    pub fn to_bundle(&self) -> &str {
        &self.bundle
    }

    /// What rustls serves: the certificate, and the CA's for apps that pin its key.
    #[must_use]
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// The names it holds.
    #[must_use]
    pub const fn names(&self) -> &BTreeSet<CertName> {
        &self.names
    }

    /// From when and until when it is valid.
    #[must_use]
    pub const fn validity(&self) -> (UnixSeconds, UnixSeconds) {
        (self.not_before, self.not_after)
    }

    /// Whether, and why, it must be replaced by one for `wanted`.
    #[must_use]
    pub fn due(&self, wanted: &BTreeSet<CertName>, now: UnixSeconds) -> Option<Due> {
        let two_thirds = self.not_before.0 + (self.not_after.0 - self.not_before.0) / 3 * 2;
        if now < self.not_before {
            Some(Due::Clock)
        } else if now.0 >= two_thirds {
            Some(Due::Age)
        } else {
            (self.names != *wanted).then_some(Due::Names)
        }
    }
}

fn certified(
    ca: &LocalCa,
    der: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
) -> Result<Arc<CertifiedKey>, CaError> {
    let key = rustls::crypto::ring::sign::any_ecdsa_type(&PrivateKeyDer::Pkcs8(key))
        .map_err(|_| CaError::Damaged("its private key is damaged"))?;
    Ok(Arc::new(CertifiedKey::new(vec![der, ca.der().clone()], key)))
}

fn names(certificate: &X509Certificate<'_>) -> Option<BTreeSet<CertName>> {
    let sans = certificate.subject_alternative_name().ok()??;
    let name = |san: &GeneralName<'_>| {
        if let GeneralName::DNSName(name) = san {
            name.parse().ok().map(CertName::Dns)
        } else if let GeneralName::IPAddress(bytes) = san {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().and_then(permitted_ip)
        } else {
            None
        }
    };
    sans.value.general_names.iter().map(name).collect()
}
