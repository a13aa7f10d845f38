//! The composition root: every part is built here, in order, and stopped in reverse. Nothing is decided here.
//!
//! ```text
//! keys -> mailbox -> store -> exchange in its driver -> REST + Socket.IO -> https, http -> "ready"
//! ```

mod announce;
mod clock;
mod parts;
mod process;
mod reset_password;
mod setup_code;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use callbox_core::access::SetupCode;
use callbox_core::exchange::{Exchange, Options, Ticket};
use callbox_core::id::CallId;
use callbox_core::journal::Body;
use callbox_core::settings::{ListenAddr, SettingError, Settings};
use callbox_core::unit::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::Layer;

use crate::api::Gate;
use crate::driver::{Driver, Journal, NotTaken};
use crate::mailbox::Mailbox;
use crate::metrics::Exposition;
use crate::net::clock::Clock as LastingClock;
use crate::net::listener::{ConnectionLimits, serve_https};
use crate::net::plain::PlainSite;
use crate::net::upkeep::{self, Upkeep, tls_dir};
use crate::net::{bind, identity, tls};
use crate::signaling::{self, Sockets};
use crate::store::{Errand, Opened, Store, StoreOptions};
use crate::supervisor::{EXCHANGE, Fallen, Parts, Supervisor};
use crate::systemd;

pub use process::{admin, check_config, openapi, serve};

/// How long each step of a clean stop may take; together well within the 10 s that are promised.
const CALLS_END: Duration = Duration::from_secs(4);
const SOCKETS_CLOSE: Duration = Duration::from_secs(1);
const LISTENERS_DRAIN: Duration = Duration::from_secs(2);
const STORE_CLOSES: Duration = Duration::from_secs(2);

impl Journal for Store {
    fn commit(&self, ticket: Ticket, at: Timestamp, events: Vec<Body>) -> Result<(), NotTaken> {
        Self::commit(self, ticket, at, events).map_err(|_| NotTaken)
    }

    fn released(&self, call: CallId) {
        self.errand_done(Errand::PipelineRelease { call });
    }
}

/// A box that serves.
pub struct Running {
    /// Where https is bound.
    pub https: SocketAddr,
    /// Where the plain port is bound.
    pub http: SocketAddr,
    /// To be used once; `None` when the box is set up.
    pub setup_code: Option<SetupCode>,
    parts: Parts,
    supervisor: Supervisor,
    mailbox: Mailbox,
    sockets: Sockets,
    store: Store,
    stop: watch::Sender<bool>,
}

/// Builds a box and starts to serve. Blocks for disk access and for the measurement of password hashing.
///
/// # Errors
/// What stands in the way, with a remedy where there is one.
pub async fn start(settings: &Settings, exposition: Exposition) -> anyhow::Result<Running> {
    let data_dir = settings.this_box.data_dir.path();
    let lasting = Arc::new(LastingClock::open(&tls_dir(data_dir)));
    let keys = identity::open(data_dir, &lasting)?;
    let (mailbox, inbox) = Mailbox::new();
    let (store, opened) = open_store(settings, data_dir, &mailbox)?;
    let clock = clock::of_box(Arc::clone(&lasting), opened.newest);
    if opened.recovered_calls > 0 {
        tracing::warn!(calls = opened.recovered_calls, "ended calls that were cut by the last stop");
    }
    for errand in opened.errands.iter().filter(|errand| matches!(errand, Errand::PipelineRelease { .. })) {
        // Whatever held media of that call went with the last process.
        store.errand_done(*errand);
    }

    let mut tasks = Parts::default();
    let options = Options { max_calls: settings.limits.live_calls.get() };
    let exchange = Exchange::new(options, opened.directory);
    let now = clock.clone();
    tasks.spawn(EXCHANGE, Driver::new(exchange, inbox, move || now.now(), store.clone()).run());

    // Bound before anything is printed, so that what is printed is true.
    let (https, https_addr) = listen("https", settings.listen.https)?;
    let (http, http_addr) = listen("http", settings.listen.http)?;

    let is_set_up = store.read()?.is_set_up()?;
    let setup_code = setup_code::keep(data_dir, is_set_up)?;
    let ca = Arc::new(keys.ca);
    let names = settings.this_box.names.0.clone();
    let short_id = keys.identity.box_id.short();
    let upkeep = Upkeep::new(data_dir, short_id, names, Arc::clone(&ca), Arc::clone(&lasting));
    let served = Arc::new(upkeep.first()?);

    let gate = Gate::new(settings.limits.requests_per_second.0, settings.limits.request_burst.0);
    let handshakes = gate.clone();
    let supervisor = Supervisor::new(
        mailbox.clone(),
        parts::probes(&store, Arc::clone(&served), lasting),
        parts::tidy(exposition.clone(), gate.clone()),
    );
    let authenticator = parts::authenticator(&store, &clock, &keys.identity, keys.tokens);
    let probe = parts::OperationsProbe::new(supervisor.health(), exposition);
    let rest = parts::Rest {
        settings,
        store: store.clone(),
        mailbox: mailbox.clone(),
        authenticator: authenticator.clone(),
        identity: &keys.identity,
        gate,
        setup_code: setup_code.clone(),
        setup_file: setup_code::path(data_dir),
        probe: Arc::new(probe),
    };
    let router = rest.router()?;
    let authenticate: Arc<signaling::Authenticate> = Arc::new(move |token| {
        let caller = authenticator.authenticate(token)?;
        Ok(parts::caller(&caller))
    });
    let (limits, door) = parts::socket_limits(&settings.limits, handshakes);
    let (socket_io, sockets) = signaling::layer(mailbox.clone(), authenticate, limits, door);
    let service = socket_io.layer(router);

    let (stop, stopped) = watch::channel(false);
    let limits = ConnectionLimits {
        connections: settings.limits.connections.get(),
        drain: LISTENERS_DRAIN,
        ..ConnectionLimits::default()
    };
    let config = tls::server_config(Arc::clone(&served) as _)?;
    tasks.spawn("https", serve_https(https, config, service, limits.clone(), told(&stopped)));
    let site = PlainSite::new(&ca, Arc::clone(&served), https_addr.port());
    tasks.spawn("http", site.serve(http, limits, told(&stopped)));
    tasks.spawn("certificate", upkeep.run(served, upkeep::EVERY, told(&stopped)));
    supervisor.round(&tasks).await;
    Ok(Running {
        https: https_addr,
        http: http_addr,
        setup_code,
        parts: tasks,
        supervisor,
        mailbox,
        sockets,
        store,
        stop,
    })
}

impl Running {
    /// Watches over the parts until one ends that must not.
    pub async fn until_fallen(&mut self) -> Fallen {
        self.supervisor.watch(&mut self.parts).await
    }

    /// Stops in reverse order: no new calls and the running ones told, sockets, listeners, store.
    pub async fn stop(mut self) {
        systemd::stopping();
        self.supervisor.stopping();
        if tokio::time::timeout(CALLS_END, self.mailbox.shut_down()).await.is_err() {
            tracing::warn!("some calls were not stored in time; they end at the next start");
        }
        self.sockets.close(SOCKETS_CLOSE).await;
        self.stop.send_replace(true);
        // The driver stays until the store is closed: its writer still tells it what was committed.
        if !self.parts.drained(1, LISTENERS_DRAIN + Duration::from_millis(500)).await {
            tracing::warn!("some connections did not end in time");
        }
        let store = self.store;
        let closed = tokio::task::spawn_blocking(move || store.close());
        if tokio::time::timeout(STORE_CLOSES, closed).await.is_err() {
            tracing::warn!("the store did not close in time; nothing that was confirmed is lost");
        }
    }
}

fn open_store(settings: &Settings, data_dir: &Path, mailbox: &Mailbox) -> anyhow::Result<(Store, Opened)> {
    let options =
        StoreOptions { reserve_bytes: settings.store.reserve_mib.bytes(), ..StoreOptions::default() };
    let notices = mailbox.clone();
    let notify = Box::new(move |notice| notices.committed(notice));
    Store::open(data_dir, options, notify).context("cannot open the database")
}

fn listen(name: &'static str, addr: ListenAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = bind::tcp(name, addr)?;
    let bound = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, bound))
}

/// Comes when the box stops.
fn told(stopped: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut stopped = stopped.clone();
    async move {
        // A sender that is gone has stopped too.
        drop(stopped.wait_for(|stop| *stop).await);
    }
}

fn all_errors(errors: Vec<SettingError>) -> anyhow::Error {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    anyhow::anyhow!(lines.join("\n"))
}
