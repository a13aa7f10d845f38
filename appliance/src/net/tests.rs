//! Certificates as a client sees them: real handshakes on loopback against rustls' own verifier.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rcgen::SanType;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::clock::{Clock, DAY, UnixSeconds, build_time};
use super::leaf::{Due, Leaf};
use super::local_ca::{LocalCa, parse};
use super::own_name::{CertName, names_of_box, permitted};
use super::served::Served;
use super::tls::server_config;
use super::upkeep::{EVERY, Upkeep};

fn now() -> UnixSeconds {
    let dir = tempfile::tempdir().unwrap();
    Clock::open(dir.path()).now()
}

fn names(list: &[&str]) -> BTreeSet<CertName> {
    list.iter().map(|name| permitted(name).unwrap()).collect()
}

pub(super) fn client(ca: &LocalCa) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// One handshake with a client that trusts `ca` and asks for `name`.
async fn handshake(ca: &LocalCa, served: Arc<Served>, name: &str) -> Result<(), rustls::Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(server_config(served).unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // The client's answer is what counts; a refused certificate ends this side with an alert.
        let _ = acceptor.accept(stream).await;
    });
    let stream = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let result = TlsConnector::from(client(ca)).connect(name, stream).await;
    server.await.unwrap();
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(error.get_ref().unwrap().downcast_ref::<rustls::Error>().unwrap().clone()),
    }
}

#[tokio::test]
async fn a_client_that_trusts_the_ca_reaches_the_box_under_all_its_names() {
    let ca = LocalCa::create("7f3a", now()).unwrap();
    let addresses: [IpAddr; 3] = ["192.168.1.20", "fd00::5", "8.8.8.8"].map(|ip| ip.parse().unwrap());
    let names = names_of_box("7f3a", Some("office"), &[], &addresses);
    let served = Arc::new(Served::new(Leaf::issue(&ca, names, now()).unwrap()));
    for name in [
        "127.0.0.1",
        "localhost",
        "::1",
        "box-7f3a.local",
        "box-7f3a.home.arpa",
        "office.local",
        "192.168.1.20",
        "fd00::5",
    ] {
        handshake(&ca, Arc::clone(&served), name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in ["8.8.8.8", "example.com", "box-aaaa.local"] {
        let error = handshake(&ca, Arc::clone(&served), name).await.unwrap_err();
        assert!(
            matches!(
                error,
                rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
            ),
            "{name}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_ca_is_not_fooled() {
    let ca = LocalCa::create("7f3a", now()).unwrap();
    let other = LocalCa::create("7f3a", now()).unwrap();
    let served = Arc::new(Served::new(Leaf::issue(&ca, names(&["localhost"]), now()).unwrap()));
    assert!(matches!(
        handshake(&other, served, "localhost").await,
        Err(rustls::Error::InvalidCertificate(_))
    ));
}

#[tokio::test]
async fn one_name_outside_the_constraints_spoils_every_name() {
    let ca = LocalCa::create("7f3a", now()).unwrap();
    let localhost = SanType::DnsName("localhost".try_into().unwrap());
    for forbidden in [
        SanType::DnsName("example.com".try_into().unwrap()),
        SanType::IpAddress(Ipv4Addr::new(8, 8, 8, 8).into()),
    ] {
        let asked =
            if let SanType::IpAddress(ip) = &forbidden { ip.to_string() } else { "example.com".to_owned() };
        let leaf =
            Leaf::issue_unfiltered(&ca, vec![localhost.clone(), forbidden], BTreeSet::new(), now()).unwrap();
        let served = Arc::new(Served::new(leaf));
        for name in [asked.as_str(), "localhost"] {
            let error = handshake(&ca, Arc::clone(&served), name).await.unwrap_err();
            assert!(format!("{error:?}").contains("NameConstraintViolation"), "{name}: {error:?}");
        }
    }
    let leaf = Leaf::issue_unfiltered(&ca, vec![localhost], BTreeSet::new(), now()).unwrap();
    handshake(&ca, Arc::new(Served::new(leaf)), "localhost").await.unwrap();
}

#[test]
fn the_ca_is_what_it_says() {
    let ca = LocalCa::create("7f3a", UnixSeconds(1_800_000_000)).unwrap();
    assert_eq!(
        ca.validity(),
        (UnixSeconds(1_800_000_000 - 86_400), UnixSeconds(1_800_000_000 - 86_400 + 3650 * 86_400))
    );
    let certificate = parse(ca.der()).unwrap();
    let basic = certificate.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca);
    assert_eq!(basic.value.path_len_constraint, Some(0));
    let usage = certificate.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
    let constraints = certificate.name_constraints().unwrap().unwrap();
    assert!(constraints.critical);
    assert_eq!(constraints.value.permitted_subtrees.as_ref().map(Vec::len), Some(12));
    assert_eq!(certificate.subject().to_string(), "CN=Callbox 7f3a local CA");
    assert_eq!(ca.fingerprint().len(), 95);
    let again = LocalCa::from_bundle(ca.to_bundle().as_bytes()).unwrap();
    assert_eq!(
        (again.der(), again.validity(), again.name(), again.pin()),
        (ca.der(), ca.validity(), ca.name(), ca.pin())
    );
}

#[test]
fn the_leaf_is_short_and_can_be_kept() {
    let start = UnixSeconds(1_800_000_000);
    let ca = LocalCa::create("7f3a", start).unwrap();
    let wanted = names(&["localhost", "127.0.0.1", "::1", "192.168.1.20"]);
    let leaf = Leaf::issue(&ca, wanted.clone(), start).unwrap();
    let (from, until) = leaf.validity();
    assert_eq!((from, until.0 - from.0), (start.minus(DAY), 90 * 86_400));
    let kept = Leaf::from_bundle(&ca, leaf.to_bundle().as_bytes()).unwrap();
    assert_eq!((kept.names(), kept.validity()), (&wanted, leaf.validity()));
    let der = leaf.certified().cert[0].clone();
    let certificate = parse(&der).unwrap();
    assert!(certificate.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(
        certificate.iter_extensions().any(
            |extension| extension.oid == x509_parser::oid_registry::OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER
        )
    );

    let other = LocalCa::create("7f3a", start).unwrap();
    assert!(Leaf::from_bundle(&other, leaf.to_bundle().as_bytes()).is_none(), "a leaf of another CA");
    let another = Leaf::issue(&ca, wanted, start).unwrap();
    let (key, _) = leaf.to_bundle().split_once("-----BEGIN CERTIFICATE").unwrap();
    let (_, certificate) = another.to_bundle().split_once("-----BEGIN CERTIFICATE").unwrap();
    assert!(
        Leaf::from_bundle(&ca, format!("{key}-----BEGIN CERTIFICATE{certificate}").as_bytes()).is_none(),
        "a key of another leaf"
    );
    for damaged in ["", "-----BEGIN", &leaf.to_bundle()[..300]] {
        assert!(Leaf::from_bundle(&ca, damaged.as_bytes()).is_none());
    }
}

#[test]
fn a_leaf_is_due_for_names_age_and_clock() {
    let start = UnixSeconds(1_800_000_000);
    let ca = LocalCa::create("7f3a", start).unwrap();
    let wanted = names(&["localhost"]);
    let leaf = Leaf::issue(&ca, wanted.clone(), start).unwrap();
    let days = |n: u32| start.plus(DAY * n);
    assert_eq!(leaf.due(&wanted, start), None);
    assert_eq!(leaf.due(&wanted, days(58)), None);
    assert_eq!(leaf.due(&wanted, days(59)), Some(Due::Age));
    assert_eq!(leaf.due(&wanted, days(2000)), Some(Due::Age));
    assert_eq!(leaf.due(&wanted, start.minus(DAY * 2)), Some(Due::Clock));
    assert_eq!(leaf.due(&names(&["localhost", "10.0.0.1"]), start), Some(Due::Names));
}

#[test]
fn a_box_that_wakes_up_in_1970_dates_certificates_sanely() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::with(dir.path(), build_time(), || UnixSeconds(12));
    let keys = super::identity::open(dir.path(), &clock).unwrap();
    let ca = Arc::new(keys.ca);
    assert!(ca.validity().0 >= build_time().minus(DAY));
    let upkeep = Upkeep::new(dir.path(), "7f3a".to_owned(), vec![], Arc::clone(&ca), Arc::new(clock));
    let served = upkeep.first().unwrap();
    let (from, until) = served.leaf().validity();
    assert!(
        from >= ca.validity().0 && from >= build_time().minus(DAY) && until <= build_time().plus(DAY * 90),
        "{from:?}"
    );

    // The network tells the time two years later: the certificate is replaced without a restart.
    let set = Clock::with(dir.path(), build_time(), || build_time().plus(DAY * 730));
    let upkeep = Upkeep::new(dir.path(), "7f3a".to_owned(), vec![], ca, Arc::new(set));
    assert_eq!(upkeep.look(&served).unwrap(), Some(Due::Age));
    assert!(served.leaf().validity().1 > build_time().plus(DAY * 800));
    assert_eq!(upkeep.look(&served).unwrap(), None);
}

#[tokio::test]
async fn a_new_address_gets_a_new_certificate_without_restart() {
    static MOVED: AtomicBool = AtomicBool::new(false);
    static CLOCK: OnceLock<Arc<Clock>> = OnceLock::new();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::clone(CLOCK.get_or_init(|| Arc::new(Clock::open(dir.path()))));
    let ca = Arc::new(LocalCa::create("7f3a", clock.now()).unwrap());
    let upkeep = || {
        Upkeep::new(dir.path(), "7f3a".to_owned(), vec![], Arc::clone(&ca), Arc::clone(&clock))
            .with_addresses(Box::new(|| {
                let ip = if MOVED.load(Ordering::SeqCst) { [10, 0, 0, 9] } else { [192, 168, 1, 20] };
                Ok(vec![ip.into()])
            }))
    };
    let served = Arc::new(upkeep().first().unwrap());
    let first = served.leaf().to_bundle().to_owned();
    assert_eq!(upkeep().first().unwrap().leaf().to_bundle(), first, "a restart keeps the certificate");
    handshake(&ca, Arc::clone(&served), "192.168.1.20").await.unwrap();

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let task = tokio::spawn(upkeep().run(Arc::clone(&served), Duration::from_millis(5), stopped));
    MOVED.store(true, Ordering::SeqCst);
    let moved = permitted("10.0.0.9").unwrap();
    let wait = async {
        while !served.names().contains(&moved) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(EVERY, wait).await.expect("no new certificate");
    stop.send(()).unwrap();
    task.await.unwrap();
    handshake(&ca, Arc::clone(&served), "10.0.0.9").await.unwrap();
    assert!(handshake(&ca, Arc::clone(&served), "192.168.1.20").await.is_err());
    assert_eq!(
        upkeep().first().unwrap().leaf().to_bundle(),
        served.leaf().to_bundle(),
        "the new one is kept"
    );
}

#[test]
fn tls_keeps_nothing_per_client_and_offers_both_protocols() {
    let ca = LocalCa::create("7f3a", now()).unwrap();
    let served = Arc::new(Served::new(Leaf::issue(&ca, names(&["localhost"]), now()).unwrap()));
    let config = server_config(served).unwrap();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert!(config.ticketer.enabled());
    assert!(!config.session_storage.can_cache());
    assert_eq!(config.max_early_data_size, 0, "0-RTT can be replayed");
}

pub(super) fn loopback_box() -> (Arc<LocalCa>, Arc<Served>) {
    let ca = Arc::new(LocalCa::create("7f3a", now()).unwrap());
    let served = Arc::new(Served::new(Leaf::issue(&ca, names(&["localhost", "127.0.0.1"]), now()).unwrap()));
    (ca, served)
}

pub(super) fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}
