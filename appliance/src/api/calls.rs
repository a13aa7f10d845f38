//! Calls over REST. Live ones are asked of the exchange; the store keeps the records of all.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbox_core::access::FieldCode;
use callbox_core::exchange::{Answer, Initiate};
use callbox_core::id::{CallId, RoomId, UserId};
use callbox_core::unit::Timestamp;
use callbox_core::wire::{CallState, CallView, Code, Media};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, SchemaType, Type};

use super::body::{Faults, Json};
use super::cache::Conditional;
use super::call_record::{Names, from_record, seen_by};
use super::caller::{Named, SignedIn, to_exchange};
use super::page::{Page, PageQuery};
use super::problem::Problem;
use super::state::CallsArea;
use crate::accounts::random;

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = InitiateCall)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitiateBody {
    /// Whom to call.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    target_user_id: Option<String>,
    /// Left out: sound only.
    #[schema(schema_with = wanted_media)]
    media: Option<Media>,
    /// End-to-end encrypted; such a call cannot be recorded.
    e2ee: Option<bool>,
}

/// [`Media`] with the rule that a call carries something; sound is on when it is left out.
fn wanted_media() -> Schema {
    let flag = |values: &[bool]| {
        ObjectBuilder::new().schema_type(SchemaType::new(Type::Boolean)).enum_values(Some(values.to_vec()))
    };
    let heard = ObjectBuilder::new().property("audio", flag(&[true])).property("video", flag(&[false, true]));
    let seen = ObjectBuilder::new()
        .property("audio", flag(&[false, true]))
        .property("video", flag(&[true]))
        .required("video");
    let nothing = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
    AnyOfBuilder::new().item(heard).item(seen).item(nothing).build().into()
}

/// A TURN server and how to use it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct IceServer {
    urls: Vec<String>,
    username: String,
    credential: String,
}

/// A call that begins.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = InitiatedCall)]
#[serde(rename_all = "camelCase")]
pub(super) struct InitiatedView {
    #[schema(value_type = String, format = "uuid")]
    call_id: CallId,
    #[schema(value_type = String, format = "uuid")]
    room_id: RoomId,
    state: CallState,
    callee_status: CalleeStatus,
    ice_servers: Vec<IceServer>,
    /// When ringing stops.
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CalleeStatus {
    /// No device is reachable now; it is being woken.
    Offline,
    /// A device rings as soon as it has the offer.
    Online,
}

/// Begins a call (F3). Answered when the record is stored.
#[utoipa::path(post, path = "/api/calls/initiate", operation_id = "initiateCall", tag = "calls",
    security(("bearer" = [])), request_body = InitiateBody,
    responses((status = 201, description = "The call exists.", body = InitiatedView),
              (status = 404, description = "`not_found`: nobody has that id"),
              (status = 409, description = "`callee_busy`, `caller_busy`, `do_not_disturb`, `glare` (with `callId`)")))]
pub(super) async fn initiate_call(
    State(area): State<CallsArea>,
    SignedIn(caller): SignedIn,
    Json(body): Json<InitiateBody>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let target =
        faults.required("targetUserId", body.target_user_id.as_deref(), |text| match UserId::parse(text) {
            Ok(user) if user == caller.user => Err(FieldCode::Mismatch),
            Ok(user) => Ok(user),
            Err(_) if text.is_empty() => Err(FieldCode::Required),
            Err(_) => Err(FieldCode::Invalid),
        });
    let media = body.media.unwrap_or(Media { audio: true, video: false });
    let media = faults
        .checked("media", if media.audio || media.video { Ok(media) } else { Err(FieldCode::Required) });
    let (target, media) = faults.finish(target.zip(media))?;

    let request = Initiate {
        target,
        media,
        e2ee: body.e2ee.unwrap_or(false),
        call: CallId::from_random(random()?),
        room: RoomId::from_random(random()?),
    };
    let Answer::Initiated(begun) = area.mailbox.initiate(to_exchange(&caller), request).await?? else {
        return Err(Code::Internal.into());
    };
    let view = InitiatedView {
        call_id: begun.call,
        room_id: begun.room,
        state: begun.state,
        callee_status: if begun.callee_online { CalleeStatus::Online } else { CalleeStatus::Offline },
        ice_servers: ice(),
        expires_at: begun.expires_at,
    };
    let mut response = (StatusCode::CREATED, axum::Json(view)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/api/calls/{}", begun.call)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// No relay runs yet: phones of one network reach each other without.
const fn ice() -> Vec<IceServer> {
    Vec::new()
}

/// One call. Others than its two parties and admins get `not_found`.
#[utoipa::path(get, path = "/api/calls/{id}", operation_id = "getCall", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, description = "The call.", body = CallView), (status = 304, description = "Not changed.")))]
pub(super) async fn get_call(
    State(area): State<CallsArea>,
    SignedIn(caller): SignedIn,
    Named(call): Named<CallId>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    if let Some(view) = area.mailbox.call(call, caller.viewer()).await? {
        return Ok(conditional.answer(&seen_by(*view, caller.user)));
    }
    let snapshot = area.store.read()?;
    let row = snapshot.call(call)?.filter(|row| caller.may_see_call(row.caller, row.callee));
    let row = row.ok_or(Code::NotFound)?;
    let view = from_record(&row, caller.user, &mut Names::new(&snapshot))?;
    Ok(conditional.answer(&view))
}

/// One's own calls, newest first. A live one has no outcome yet.
#[utoipa::path(get, path = "/api/calls", operation_id = "listCalls", tag = "calls", security(("bearer" = [])),
    params(("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
           ("cursor" = Option<String>, Query, description = "As in `nextCursor`.", pattern = "^([A-Za-z0-9_-]{10}[AEIMQUYcgkosw048])?$")),
    responses((status = 200, description = "A page of calls.", body = Page<CallView>), (status = 304, description = "Not changed.")))]
pub(super) async fn list_calls(
    State(area): State<CallsArea>,
    SignedIn(caller): SignedIn,
    query: PageQuery<u64>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    // The exchange first: a call that ends in between is then found in the store with its end.
    let live = area.mailbox.calls_of(caller.user).await?;
    let snapshot = area.store.read()?;
    let mut names = Names::new(&snapshot);
    let mut views = Vec::new();
    for row in snapshot.calls_of(caller.user, query.after, query.fetch())? {
        let running = live.iter().find(|view| row.is_live() && view.call_id == row.call);
        let view = match running {
            Some(view) => seen_by(view.clone(), caller.user),
            None => from_record(&row, caller.user, &mut names)?,
        };
        views.push((row.seq, view));
    }
    Ok(conditional.answer(&query.page(views, |(seq, _)| *seq, |(_, view)| view)))
}

/// One's own live calls.
#[utoipa::path(get, path = "/api/calls/active", operation_id = "activeCalls", tag = "calls", security(("bearer" = [])),
    responses((status = 200, description = "The live calls, in one page.", body = Page<CallView>), (status = 304, description = "Not changed.")))]
pub(super) async fn active_calls(
    State(area): State<CallsArea>,
    SignedIn(caller): SignedIn,
    conditional: Conditional,
) -> Result<Response, Problem> {
    let live = area.mailbox.calls_of(caller.user).await?;
    let items = live.into_iter().map(|view| seen_by(view, caller.user)).collect();
    Ok(conditional.answer(&Page { items, next_cursor: None }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SetRecording)]
pub(super) struct RecordingBody {
    #[schema(value_type = RecordingAction, required = true)]
    action: Option<RecordingAction>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RecordingAction {
    Start,
    Stop,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Recording)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordingView {
    #[schema(value_type = String, format = "uuid")]
    call_id: CallId,
    /// Whether the call is being recorded now.
    recording: bool,
}

/// Starts or stops recording; both parties must agree.
#[utoipa::path(post, path = "/api/calls/{id}/recording", operation_id = "setRecording", tag = "calls",
    security(("bearer" = [])), params(("id" = String, Path, format = "uuid")), request_body = RecordingBody,
    responses((status = 200, description = "As wanted.", body = RecordingView), (status = 403, description = "`forbidden`"),
              (status = 409, description = "`consent_required`, `e2ee`, `call_ended`, `invalid_state`")))]
pub(super) async fn set_recording(
    State(area): State<CallsArea>,
    SignedIn(caller): SignedIn,
    Named(call): Named<CallId>,
    Json(body): Json<RecordingBody>,
) -> Result<axum::Json<RecordingView>, Problem> {
    let action = body.action.ok_or_else(|| Problem::field("action", FieldCode::Required))?;
    let start = action == RecordingAction::Start;
    let recording = match area.mailbox.record(to_exchange(&caller), call, start).await?? {
        Answer::Recording { recording } => recording,
        Answer::Done | Answer::Initiated(_) | Answer::Quality { .. } => start,
    };
    Ok(axum::Json(RecordingView { call_id: call, recording }))
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = IceServers)]
#[serde(rename_all = "camelCase")]
pub(super) struct IceServersView {
    ice_servers: Vec<IceServer>,
}

/// Short-lived credentials of the box's relay; empty while no relay runs.
#[utoipa::path(get, path = "/api/ice-servers", operation_id = "iceServers", tag = "calls", security(("bearer" = [])),
    responses((status = 200, description = "The servers.", body = IceServersView)))]
pub(super) async fn ice_servers(SignedIn(_caller): SignedIn) -> axum::Json<IceServersView> {
    axum::Json(IceServersView { ice_servers: ice() })
}
