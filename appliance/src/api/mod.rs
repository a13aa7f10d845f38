//! REST and the web pages: HTTP in, one question to the store or the exchange, HTTP out. Every route declares
//! itself for the OpenAPI document where it is written. Not here: Socket.IO (`signaling`), TLS (`net`), decisions
//! (`core`).

mod audit;
mod body;
mod cache;
mod call_record;
mod caller;
mod calls;
mod enrolment;
mod headers;
mod health;
mod limits;
mod me;
mod openapi;
mod page;
mod pages;
mod peer;
mod problem;
mod refresh_cookie;
mod sessions;
mod setup;
mod sign_in;
mod state;
#[cfg(test)]
mod tests;
mod users;

use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use callbox_core::wire::Code;
use http::{HeaderValue, header};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use health::{HealthReport, HealthState, PartHealth};
pub use limits::{Gate, SOCKET_REFUSED};
pub use state::{AccountsArea, ApiState, BoxIdentity, CallsArea, Door, OperationsArea, Probe};

use problem::Problem;

/// The OpenAPI document, as `callbox openapi` prints it and `/api/openapi.json` serves it.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = documented().into_openapi();
    openapi::complete(&mut document);
    document
}

/// The document's text, and the one place where it is made.
#[must_use]
pub fn openapi_json() -> String {
    // A document of strings and numbers always serialises.
    openapi().to_pretty_json().unwrap_or_default()
}

/// Everything that the https listener answers, except `/socket.io/`.
pub fn router(state: ApiState) -> Router {
    let (routes, _) = documented().split_for_parts();
    let document: axum::body::Bytes = openapi_json().into();
    routes
        .route(
            "/api/openapi.json",
            axum::routing::get(move || std::future::ready(described(document.clone()))),
        )
        .fallback(pages::serve)
        .method_not_allowed_fallback(|| std::future::ready(Problem::new(Code::MethodNotAllowed)))
        .layer(middleware::from_fn_with_state(state.gate.clone(), limits::limit))
        .layer(CatchPanicLayer::custom(headers::panicked))
        .layer(middleware::from_fn(headers::finish))
        .with_state(state)
}

fn described(document: axum::body::Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], document).into_response()
}

fn documented() -> OpenApiRouter<ApiState> {
    let mut head = openapi::head(env!("CARGO_PKG_VERSION"));
    let components = head.components.get_or_insert_with(Default::default);
    components.schemas.extend(problem_schemas());
    OpenApiRouter::with_openapi(head).merge(account_routes()).merge(call_routes()).merge(operation_routes())
}

fn account_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(setup::get_box))
        .routes(routes!(setup::setup))
        .routes(routes!(sign_in::login))
        .routes(routes!(sign_in::refresh))
        .routes(routes!(sign_in::logout))
        .routes(routes!(sign_in::enrol))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::revoke_session))
        .routes(routes!(users::list_users, users::create_user))
        .routes(routes!(me::me, me::patch_me))
        .routes(routes!(users::get_user, users::patch_user, users::delete_user))
        .routes(routes!(sessions::list_user_sessions))
        .routes(routes!(enrolment::issue_enrolment))
}

fn call_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(calls::list_calls))
        .routes(routes!(calls::initiate_call))
        .routes(routes!(calls::active_calls))
        .routes(routes!(calls::get_call))
        .routes(routes!(calls::set_recording))
        .routes(routes!(calls::ice_servers))
}

fn operation_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(audit::list_audit))
        .routes(routes!(health::health))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// No handler names the error's schema, because every handler has it.
fn problem_schemas() -> Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)> {
    use utoipa::{PartialSchema, ToSchema};
    let mut schemas = vec![(problem::ProblemBody::name().into_owned(), problem::ProblemBody::schema())];
    problem::ProblemBody::schemas(&mut schemas);
    schemas
}
