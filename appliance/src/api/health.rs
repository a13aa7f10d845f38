//! What the box says of its own health (F12): to machines, to people who signed in, to admins.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbox_core::wire::Code;
use http::{HeaderValue, header};
use serde::Serialize;

use super::caller::{Admin, SignedIn};
use super::peer::Sender;
use super::problem::Problem;
use super::state::OperationsArea;

/// The state machine of F12 and the parts behind it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Health)]
pub struct HealthReport {
    /// The state.
    pub state: HealthState,
    /// The state within the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub substate: Option<String>,
    /// Every supervised part.
    pub parts: Vec<PartHealth>,
}

/// The states of F12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub enum HealthState {
    /// Several parts fail.
    Critical,
    /// A part fails, the rest works.
    Degraded,
    /// Somebody must come.
    Emergency,
    /// Planned; no new calls.
    Maintenance,
    /// All is well.
    Normal,
    /// Being repaired.
    Recovery,
    /// Not yet ready.
    Start,
}

/// One supervised part.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = HealthPart)]
pub struct PartHealth {
    /// Its name, such as `store`.
    pub name: String,
    /// `up`, or a word for what it lacks.
    pub state: String,
    /// For admins: a sentence with a remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub detail: Option<String>,
}

/// How the box is; details for admins.
#[utoipa::path(get, path = "/api/health", operation_id = "health", tag = "operations", security(("bearer" = [])),
    responses((status = 200, description = "The state and its parts.", body = HealthReport)))]
pub(super) async fn health(
    State(area): State<OperationsArea>,
    SignedIn(caller): SignedIn,
) -> axum::Json<HealthReport> {
    let mut report = area.probe.health();
    if !caller.is_admin() {
        for part in &mut report.parts {
            part.detail = None;
        }
    }
    axum::Json(report)
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Alive {
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "operations",
    responses((status = 200, description = "Alive.", body = Alive)))]
pub(super) async fn healthz() -> axum::Json<Alive> {
    axum::Json(Alive { status: "ok" })
}

/// Requests and calls are served.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "operations",
    responses((status = 200, description = "Serving.", body = Alive)))]
pub(super) async fn readyz(State(area): State<OperationsArea>) -> Result<axum::Json<Alive>, Problem> {
    if area.probe.ready() { Ok(axum::Json(Alive { status: "ok" })) } else { Err(Code::Busy.into()) }
}

/// All metrics, for a program on the box itself or an admin.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operations",
    security((), ("bearer" = [])),
    responses((status = 200, description = "Prometheus' text format.", body = String, content_type = "text/plain"),
              (status = 401, description = "`unauthorized`: not on the box itself"), (status = 403, description = "`forbidden`")))]
pub(super) async fn metrics(
    State(area): State<OperationsArea>,
    sender: Sender,
    admin: Result<Admin, Problem>,
) -> Result<Response, Problem> {
    if !sender.is_loopback {
        admin?;
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], area.probe.metrics()).into_response())
}
