//! How the parts of REST are put together, and what the supervisor asks of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use callbox_core::access::{AuthzContext, SetupCode};
use callbox_core::exchange::Caller;
use callbox_core::settings::{LimitsSection, Settings};
use tokio::sync::watch;

use super::setup_code;
use crate::accounts::{self, Authenticator, Clock, Passwords, TokenDesk};
use crate::api::{
    self, AccountsArea, ApiState, BoxIdentity, CallsArea, Door, Gate, HealthReport, HealthState,
    OperationsArea, PartHealth, Probe, SOCKET_REFUSED,
};
use crate::mailbox::Mailbox;
use crate::metrics::Exposition;
use crate::net::clock::Clock as LastingClock;
use crate::net::identity::{Identity, TokenKeys};
use crate::net::served::Served;
use crate::signaling::{Door as SocketDoor, Limits, Pace};
use crate::store::{Store, StoreStatus};
use crate::supervisor::{self, Condition, Health, Overall};

/// What this release can do, as words for clients.
const FEATURES: [&str; 1] = ["calls"];

pub(super) fn caller(of: &AuthzContext) -> Caller {
    Caller { session: of.session, device: of.device, user: of.user }
}

pub(super) fn authenticator(
    store: &Store,
    clock: &Clock,
    identity: &Identity,
    keys: TokenKeys,
) -> Authenticator {
    let desk = TokenDesk::new(identity.box_id.to_string(), keys.kid, keys.signing, &keys.refresh_secret);
    Authenticator::new(store.clone(), Arc::new(desk), clock.clone())
}

/// What the supervisor asks besides the exchange.
pub(super) fn probes(
    store: &Store,
    served: Arc<Served>,
    clock: Arc<LastingClock>,
) -> Vec<(&'static str, supervisor::Probe)> {
    let store = store.clone();
    let store: supervisor::Probe = Box::new(move || condition(store.status()));
    let certificate: supervisor::Probe = Box::new(move || certificate(&served, &clock));
    vec![("store", store), ("certificate", certificate)]
}

/// One that is due is replaced within seconds; if it stays due, something is wrong.
fn certificate(served: &Served, clock: &LastingClock) -> Condition {
    match served.leaf().due(&served.names(), clock.now()) {
        None => Condition::Works,
        Some(_) => {
            Condition::Impaired("the certificate is due and was not replaced yet: see the log".to_owned())
        }
    }
}

fn condition(status: StoreStatus) -> Condition {
    match status {
        StoreStatus::Healthy => Condition::Works,
        StoreStatus::LowSpace { free_bytes, reserve_held } => {
            let free = free_bytes >> 20;
            let reserve = if reserve_held { "" } else { "; calls already use the reserve" };
            Condition::Impaired(format!(
                "the disk has {free} MiB left{reserve}: free some space; calls go on, other changes are refused"
            ))
        }
        StoreStatus::Failed(why) => Condition::Failed(why),
    }
}

/// Rounds of the supervisor between two times of forgetting quiet senders: about a minute.
const PRUNE_EVERY: u32 = 30;

/// What is due after the supervisor's rounds.
pub(super) fn tidy(exposition: Exposition, gate: Gate) -> impl Fn() + Send + Sync + 'static {
    let rounds = AtomicU32::new(0);
    move || {
        exposition.tidy();
        if rounds.fetch_add(1, Ordering::Relaxed).is_multiple_of(PRUNE_EVERY) {
            gate.prune();
        }
    }
}

/// How fast phones may speak, and how often an address may open a Socket.IO connection.
pub(super) fn socket_limits(limits: &LimitsSection, handshakes: Gate) -> (Limits, SocketDoor) {
    let pace = Pace { per_second: limits.events_per_second.0, burst: limits.event_burst.0 };
    let admits = Arc::new(move |request: &http::Extensions| handshakes.socket(request));
    (Limits { pace, ..Limits::default() }, SocketDoor { admits, refused: SOCKET_REFUSED })
}

/// Everything that REST is made of.
pub(super) struct Rest<'a> {
    pub(super) settings: &'a Settings,
    pub(super) store: Store,
    pub(super) mailbox: Mailbox,
    pub(super) authenticator: Authenticator,
    pub(super) identity: &'a Identity,
    pub(super) gate: Gate,
    pub(super) setup_code: Option<SetupCode>,
    pub(super) setup_file: PathBuf,
    pub(super) probe: Arc<dyn Probe>,
}

impl Rest<'_> {
    pub(super) fn router(self) -> anyhow::Result<axum::Router> {
        let wanted = &self.settings.accounts;
        let present = self.present_hash()?;
        let passwords = Passwords::calibrate(wanted.hash_target_ms.duration(), present.as_deref())?;
        tokio::spawn(accounts::settle());
        let file = self.setup_file;
        let door = Door::new(wanted.max_sessions_per_user.get(), self.setup_code, move || {
            setup_code::remove(&file);
        });
        let identity = BoxIdentity {
            box_id: self.identity.box_id.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            features: FEATURES.to_vec(),
        };
        let state = ApiState {
            accounts: AccountsArea {
                store: self.store.clone(),
                authenticator: self.authenticator,
                passwords,
                door: Arc::new(door),
            },
            calls: CallsArea { store: self.store.clone(), mailbox: self.mailbox },
            operations: OperationsArea { store: self.store, identity: Arc::new(identity), probe: self.probe },
            gate: self.gate,
        };
        Ok(api::router(state))
    }

    /// Any password hash in use, so that its parameters are kept.
    fn present_hash(&self) -> anyhow::Result<Option<String>> {
        let snapshot = self.store.read()?;
        match snapshot.users(None, 1)?.first() {
            Some(user) => Ok(snapshot.credential(user.id)?),
            None => Ok(None),
        }
    }
}

/// Shows REST how the box is.
pub(super) struct OperationsProbe {
    health: watch::Receiver<Health>,
    exposition: Exposition,
}

impl OperationsProbe {
    pub(super) const fn new(health: watch::Receiver<Health>, exposition: Exposition) -> Self {
        Self { health, exposition }
    }
}

impl Probe for OperationsProbe {
    fn ready(&self) -> bool {
        self.health.borrow().is_ready()
    }

    fn health(&self) -> HealthReport {
        report(&self.health.borrow())
    }

    fn metrics(&self) -> String {
        self.exposition.text()
    }
}

fn report(health: &Health) -> HealthReport {
    let state = match health.overall() {
        Overall::Starting => HealthState::Start,
        Overall::Normal => HealthState::Normal,
        Overall::Degraded => HealthState::Degraded,
        Overall::Critical => HealthState::Critical,
    };
    let part = |(name, condition): (&&str, &Condition)| {
        let (state, detail) = match condition {
            Condition::Works => ("up", None),
            Condition::Impaired(why) => ("impaired", Some(why.clone())),
            Condition::Failed(why) => ("failed", Some(why.clone())),
        };
        PartHealth { name: (*name).to_owned(), state: state.to_owned(), detail }
    };
    HealthReport { state, substate: None, parts: health.parts.iter().map(part).collect() }
}
