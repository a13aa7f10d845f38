//! Sessions per device: listed, and ended one by one, by their user and by an admin.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbox_core::id::{DeviceId, SessionId, UserId};
use callbox_core::journal::{Actor, EndedSession};
use callbox_core::unit::Timestamp;
use callbox_core::wire::Code;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::cache::Conditional;
use super::caller::{Named, SignedIn};
use super::page::{Page, PageQuery};
use super::problem::Problem;
use super::refresh_cookie::CLEARED;
use super::state::AccountsArea;
use crate::store::{EndSessionError, SessionRow};

/// One login of one device.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Session)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionView {
    #[schema(value_type = String, format = "uuid")]
    id: SessionId,
    device: SessionDevice,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    last_seen_at: Timestamp,
    /// The one that asks.
    current: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SessionDevice {
    #[schema(value_type = String, format = "uuid")]
    id: DeviceId,
    name: String,
    platform: String,
}

fn list(
    area: &AccountsArea,
    user: UserId,
    current: SessionId,
    query: &PageQuery<u64>,
) -> Result<Page<SessionView>, Problem> {
    let rows = area.store.read()?.sessions_of(user)?;
    let first = query.after.map_or(0, |place| usize::try_from(place).unwrap_or(usize::MAX));
    let rows: Vec<(u64, SessionRow)> = (1..).zip(rows).skip(first).take(query.fetch()).collect();
    Ok(query.page(
        rows,
        |(place, _)| *place,
        |(_, row)| SessionView {
            current: row.id == current,
            id: row.id,
            device: SessionDevice { id: row.device, name: row.device_name, platform: row.platform },
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
        },
    ))
}

/// The caller's own sessions, oldest first.
#[utoipa::path(get, path = "/api/auth/sessions", operation_id = "listSessions", tag = "auth",
    security(("bearer" = [])),
    params(("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
           ("cursor" = Option<String>, Query, description = "As in `nextCursor`.", pattern = "^([A-Za-z0-9_-]{10}[AEIMQUYcgkosw048])?$")),
    responses((status = 200, description = "A page of sessions.", body = Page<SessionView>), (status = 304, description = "Not changed.")))]
pub(super) async fn list_sessions(
    State(area): State<AccountsArea>,
    SignedIn(caller): SignedIn,
    query: PageQuery<u64>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    Ok(conditional.answer(&list(&area, caller.user, caller.session, &query)?))
}

/// A user's sessions, for the admin and for that user.
#[utoipa::path(get, path = "/api/users/{id}/sessions", operation_id = "listUserSessions", tag = "users",
    security(("bearer" = [])),
    params(("id" = String, Path, format = "uuid"), ("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
           ("cursor" = Option<String>, Query, description = "As in `nextCursor`.", pattern = "^([A-Za-z0-9_-]{10}[AEIMQUYcgkosw048])?$")),
    responses((status = 200, description = "A page of sessions.", body = Page<SessionView>), (status = 304, description = "Not changed."),
              (status = 403, description = "`forbidden`")))]
pub(super) async fn list_user_sessions(
    State(area): State<AccountsArea>,
    SignedIn(caller): SignedIn,
    Named(user): Named<UserId>,
    query: PageQuery<u64>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    caller.require_self_or_admin(user)?;
    area.store.read()?.user(user)?.ok_or(Code::NotFound)?;
    Ok(conditional.answer(&list(&area, user, caller.session, &query)?))
}

/// Ends one session: one's own, or as an admin anybody's.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", operation_id = "revokeSession", tag = "auth",
    security(("bearer" = [])), params(("id" = String, Path, format = "uuid")),
    responses((status = 204, description = "It is gone, and its sockets are closed.")))]
pub(super) async fn revoke_session(
    State(area): State<AccountsArea>,
    SignedIn(caller): SignedIn,
    Named(session): Named<SessionId>,
) -> Result<Response, Problem> {
    let at = area.authenticator.clock().wall();
    let by = Actor::User(caller.user);
    area.store.end_session(session, caller.viewer(), EndedSession::Revoked, by, at).await.map_err(
        |error| match error {
            EndSessionError::NotFound => Code::NotFound.into(),
            EndSessionError::Store(error) => Problem::from(error),
        },
    )?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if session == caller.session {
        response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_static(CLEARED));
    }
    Ok(response)
}
