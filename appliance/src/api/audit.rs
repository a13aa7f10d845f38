//! The journal as an admin reads it: what happened, to whom, by whom, in opaque identifiers.

use axum::extract::State;
use axum::response::Response;
use callbox_core::journal::{Actor, Body};
use callbox_core::unit::Timestamp;
use serde::Serialize;

use super::cache::Conditional;
use super::caller::Admin;
use super::page::{Page, PageQuery};
use super::problem::Problem;
use super::state::OperationsArea;
use crate::store::JournalEntry;

/// One line of the journal.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditEntry {
    /// Orders everything that happened.
    seq: u64,
    /// For people; a clock may have been wrong.
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `box`, `console`, or the id of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    by: Option<String>,
    /// Whom it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = "uuid")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = "uuid")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = "uuid")]
    call_id: Option<String>,
}

impl AuditEntry {
    fn new(entry: &JournalEntry) -> Self {
        let body = &entry.event.body;
        let mut line = Self {
            seq: entry.seq,
            at: entry.event.at,
            kind: kind(body),
            by: None,
            user_id: None,
            session_id: None,
            call_id: None,
        };
        match body {
            Body::BoxSetUp { admin } => line.user_id = Some(admin.to_string()),
            Body::UserCreated { user, by, .. }
            | Body::UserChanged { user, by, .. }
            | Body::UserDeleted { user, by }
            | Body::PasswordChanged { user, by }
            | Body::EnrolmentIssued { user, by, .. } => {
                line.user_id = Some(user.to_string());
                line.by = Some(actor(by));
            }
            Body::SessionOpened { session, user, .. } => {
                line.user_id = Some(user.to_string());
                line.session_id = Some(session.to_string());
            }
            Body::SessionEnded { session, user, by, .. } => {
                line.user_id = Some(user.to_string());
                line.session_id = Some(session.to_string());
                line.by = Some(actor(by));
            }
            Body::EnrolmentUsed { session, .. } => line.session_id = Some(session.to_string()),
            Body::CallInitiated { call, caller, callee, .. }
            | Body::CallRefused { call, caller, callee, .. } => {
                line.call_id = Some(call.to_string());
                line.by = Some(caller.to_string());
                line.user_id = Some(callee.to_string());
            }
            Body::CallAnswered { call, .. } => line.call_id = Some(call.to_string()),
            Body::CallEnded { call, by, .. } => {
                line.call_id = Some(call.to_string());
                line.by = by.map(|user| user.to_string());
            }
            Body::SettingChanged { by, .. } => line.by = Some(actor(by)),
        }
        line
    }
}

const fn kind(body: &Body) -> &'static str {
    match body {
        Body::BoxSetUp { .. } => "box_set_up",
        Body::UserCreated { .. } => "user_created",
        Body::UserChanged { .. } => "user_changed",
        Body::UserDeleted { .. } => "user_deleted",
        Body::PasswordChanged { .. } => "password_changed",
        Body::SessionOpened { .. } => "session_opened",
        Body::SessionEnded { .. } => "session_ended",
        Body::EnrolmentIssued { .. } => "enrolment_issued",
        Body::EnrolmentUsed { .. } => "enrolment_used",
        Body::CallInitiated { .. } => "call_initiated",
        Body::CallRefused { .. } => "call_refused",
        Body::CallAnswered { .. } => "call_answered",
        Body::CallEnded { .. } => "call_ended",
        Body::SettingChanged { .. } => "setting_changed",
    }
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Box => "box".to_owned(),
        Actor::Console => "console".to_owned(),
        Actor::User(user) => user.to_string(),
    }
}

/// What happened on this box, newest first.
#[utoipa::path(get, path = "/api/audit", operation_id = "listAudit", tag = "operations", security(("bearer" = [])),
    params(("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
           ("cursor" = Option<String>, Query, description = "As in `nextCursor`.", pattern = "^([A-Za-z0-9_-]{10}[AEIMQUYcgkosw048])?$")),
    responses((status = 200, description = "A page of the journal.", body = Page<AuditEntry>), (status = 304, description = "Not changed."),
              (status = 403, description = "`forbidden`")))]
pub(super) async fn list_audit(
    State(area): State<OperationsArea>,
    Admin(_caller): Admin,
    query: PageQuery<u64>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    let entries = area.store.read()?.audit(query.after, query.fetch())?;
    let page: Page<AuditEntry> = query.page(entries, |entry| entry.seq, |entry| AuditEntry::new(&entry));
    Ok(conditional.answer(&page))
}
