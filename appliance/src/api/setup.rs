//! The first start: what the box is, and the wizard's one request.

use axum::extract::{FromRef, FromRequestParts, State};
use axum::response::Response;
use callbox_core::access::{DisplayName, FieldCode, Password, Username};
use callbox_core::id::UserId;
use callbox_core::journal::SignIn;
use callbox_core::wire::Code;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::body::{Faults, Json};
use super::cache::Conditional;
use super::peer::Sender;
use super::problem::Problem;
use super::sign_in::{Device, DeviceFields, SignedInAnswer, open, welcome};
use super::state::{AccountsArea, OperationsArea};
use crate::accounts::random;
use crate::store::{SetUp, SetUpError};

/// What a box that has no name yet is called.
const UNNAMED: &str = "Callbox";

/// What anybody may know of the box.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Box)]
#[serde(rename_all = "camelCase")]
pub(super) struct BoxView {
    name: String,
    /// The hash of its public key, as people read it.
    box_id: String,
    version: &'static str,
    /// Whether the wizard has been through.
    set_up: bool,
    features: Vec<&'static str>,
}

/// What the box is, without signing in.
#[utoipa::path(get, path = "/api/box", operation_id = "box", tag = "box",
    responses((status = 200, description = "The box.", body = BoxView), (status = 304, description = "Not changed.")))]
pub(super) async fn get_box(
    State(area): State<OperationsArea>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    let snapshot = area.store.read()?;
    let view = BoxView {
        name: snapshot.box_name()?.unwrap_or_else(|| UNNAMED.to_owned()),
        box_id: area.identity.box_id.clone(),
        version: area.identity.version,
        set_up: snapshot.is_set_up()?,
        features: area.identity.features.clone(),
    };
    Ok(conditional.answer(&view))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = SetupRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetupBody {
    /// As printed by the box: `XXXX-XXXX`.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 32)]
    code: Option<String>,
    #[schema(value_type = String, required = true, min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*[^\s\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069][^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$")]
    box_name: Option<String>,
    #[schema(value_type = SetupAdmin, required = true)]
    admin: Option<SetupAdmin>,
    device: Option<Device>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SetupAdmin {
    #[schema(value_type = String, required = true, min_length = 1, max_length = 64, pattern = r"^[0-9A-Za-z._@+'\u00a1-\u00ac\u00ae-\u167f\u1681-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ufefe\uff00-\uffff-]+$")]
    username: Option<String>,
    #[schema(value_type = String, required = true, min_length = 8, max_length = 256)]
    password: Option<String>,
    #[schema(value_type = String, required = true, min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*[^\s\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069][^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$")]
    display_name: Option<String>,
}

/// Lets a request through only before the wizard has been through; asked before the body is looked at.
pub(super) struct NotSetUp;

impl<S> FromRequestParts<S> for NotSetUp
where
    S: Send + Sync,
    AccountsArea: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Problem> {
        let set_up = AccountsArea::from_ref(state).store.read()?.is_set_up()?;
        if set_up { Err(Code::AlreadySetUp.into()) } else { Ok(Self) }
    }
}

struct Wizard {
    code: String,
    box_name: DisplayName,
    username: Username,
    password: Password,
    display_name: DisplayName,
}

fn check(body: &SetupBody, faults: &mut Faults) -> Option<Wizard> {
    let code = faults.required("code", body.code.as_deref(), |text| {
        if text.chars().take(33).count() > 32 { Err(FieldCode::TooLong) } else { Ok(text.to_owned()) }
    });
    let box_name = faults.required("boxName", body.box_name.as_deref(), DisplayName::parse);
    let admin = body.admin.as_ref();
    let username = admin.and_then(|admin| admin.username.as_deref());
    let username = faults.required("admin.username", username, Username::parse);
    let password = admin.and_then(|admin| admin.password.as_deref());
    let password = faults.required("admin.password", password, Password::parse);
    let display_name = admin.and_then(|admin| admin.display_name.as_deref());
    let display_name = faults.required("admin.displayName", display_name, DisplayName::parse);
    Some(Wizard {
        code: code?,
        box_name: box_name?,
        username: username?,
        password: password?,
        display_name: display_name?,
    })
}

/// Names the box and makes its first admin. Once only.
#[utoipa::path(post, path = "/api/setup", operation_id = "setup", tag = "box", request_body = SetupBody,
    responses((status = 201, description = "The box is set up and the admin signed in.", body = SignedInAnswer),
              (status = 403, description = "`invalid_setup_code`"), (status = 409, description = "`already_set_up`")))]
pub(super) async fn setup(
    _first: NotSetUp,
    State(area): State<AccountsArea>,
    sender: Sender,
    Json(body): Json<SetupBody>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let wizard = check(&body, &mut faults);
    let device = DeviceFields::check(body.device.as_ref(), &mut faults);
    let wizard = faults.finish(wizard)?;

    let now = area.authenticator.clock().now();
    area.door.check(None, sender.source, now.instant)?;
    if !area.door.setup_code_matches(&wizard.code) {
        area.door.failed(None, sender.source, now.instant)?;
        return Err(Code::InvalidSetupCode.into());
    }
    let password_hash = area.passwords.hash(wizard.password.as_str()).await?;
    let new = SetUp {
        id: UserId::from_random(random()?),
        username: wizard.username.into_string(),
        display_name: wizard.display_name.into_string(),
        password_hash,
        box_name: wizard.box_name.into_string(),
        at: now.wall,
    };
    let user = area.store.set_up(new).await.map_err(|error| match error {
        SetUpError::AlreadySetUp => Code::AlreadySetUp.into(),
        SetUpError::Store(error) => Problem::from(error),
    })?;
    area.door.set_up();
    let session = open(&area, user.id, device.session(&area, SignIn::Setup)?).await?;
    Ok(welcome(&area, StatusCode::CREATED, &session, user))
}
