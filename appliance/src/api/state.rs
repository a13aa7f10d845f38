//! What handlers can reach, by area. A handler asks for its area only.

use std::sync::Arc;

use axum::extract::FromRef;
use callbox_core::access::{SetupCode, Source, Throttle, Throttled};
use callbox_core::unit::Instant;

use super::health::HealthReport;
use super::limits::Gate;
use crate::accounts::{Authenticator, Passwords};
use crate::mailbox::Mailbox;
use crate::store::Store;

/// Everything REST needs. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// Accounts and sign-in.
    pub accounts: AccountsArea,
    /// Calls and presence.
    pub calls: CallsArea,
    /// Health, metrics, what the box is.
    pub operations: OperationsArea,
    /// Rate limits.
    pub gate: Gate,
}

macro_rules! areas {
    ($($field:ident: $area:ty),+) => {
        $(impl FromRef<ApiState> for $area {
            fn from_ref(state: &ApiState) -> Self {
                state.$field.clone()
            }
        })+
    };
}
areas!(accounts: AccountsArea, calls: CallsArea, operations: OperationsArea, gate: Gate);

/// What accounts need.
#[derive(Clone)]
pub struct AccountsArea {
    /// Rows.
    pub store: Store,
    /// Tokens.
    pub authenticator: Authenticator,
    /// Hashes.
    pub passwords: Passwords,
    /// Rules of signing in.
    pub door: Arc<Door>,
}

/// What calls need.
#[derive(Clone)]
pub struct CallsArea {
    /// Finished calls and names.
    pub store: Store,
    /// Live calls.
    pub mailbox: Mailbox,
}

/// What operations need.
#[derive(Clone)]
pub struct OperationsArea {
    /// Audit and the box's name.
    pub store: Store,
    /// The box's id and version.
    pub identity: Arc<BoxIdentity>,
    /// How the box is.
    pub probe: Arc<dyn Probe>,
}

/// What the box says of itself before anybody signs in.
#[derive(Debug, Clone)]
pub struct BoxIdentity {
    /// Its id as people read it.
    pub box_id: String,
    /// Its release.
    pub version: &'static str,
    /// What it can do, as words for clients.
    pub features: Vec<&'static str>,
}

/// How the box is; implemented by whoever supervises its parts. A trait because `api` stands below that.
pub trait Probe: Send + Sync {
    /// Whether requests and calls are served now.
    fn ready(&self) -> bool;
    /// The state machine of F12 and its parts.
    fn health(&self) -> HealthReport;
    /// All metrics in Prometheus' text format.
    fn metrics(&self) -> String;
}

/// The rules of signing in that outlive a request.
pub struct Door {
    // A lock, because an attempt must see the failure that was counted a moment before, and a message to a task
    // would need an answer and thus a queue. Held for microseconds, never across an await.
    throttle: std::sync::Mutex<Throttle>,
    /// Sessions that a user may have.
    pub max_sessions: usize,
    setup_code: Option<SetupCode>,
    on_set_up: Box<dyn Fn() + Send + Sync>,
}

impl Door {
    /// `setup_code` is `None` once the box is set up; `on_set_up` removes its file.
    #[must_use]
    pub fn new(
        max_sessions: usize,
        setup_code: Option<SetupCode>,
        on_set_up: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { throttle: Default::default(), max_sessions, setup_code, on_set_up: Box::new(on_set_up) }
    }

    pub(super) fn check(&self, account: Option<&str>, source: Source, now: Instant) -> Result<(), Throttled> {
        self.throttle().check(account, source, now)
    }

    pub(super) fn failed(
        &self,
        account: Option<&str>,
        source: Source,
        now: Instant,
    ) -> Result<(), Throttled> {
        self.throttle().failed(account, source, now)
    }

    pub(super) fn setup_code_matches(&self, typed: &str) -> bool {
        self.setup_code.as_ref().is_some_and(|code| code.matches(typed))
    }

    pub(super) fn set_up(&self) {
        (self.on_set_up)();
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        // A panic while counting leaves whole maps: go on with them.
        self.throttle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
