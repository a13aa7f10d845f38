//! One's own account: settings that everybody may change, and the password.

use axum::extract::State;
use axum::response::Response;
use callbox_core::access::{FieldCode, Password};
use callbox_core::wire::Code;
use http::StatusCode;
use serde::Deserialize;

use super::body::{Faults, Json};
use super::cache::{Conditional, IfMatch};
use super::caller::SignedIn;
use super::peer::Sender;
use super::problem::Problem;
use super::sign_in::{authenticate, typed_password};
use super::state::{AccountsArea, CallsArea};
use super::users::{UserView, apply, view};
use crate::store::UserPatch;

/// Oneself.
#[utoipa::path(get, path = "/api/users/me", operation_id = "me", tag = "users", security(("bearer" = [])),
    responses((status = 200, description = "The caller.", body = UserView), (status = 304, description = "Not changed.")))]
pub(super) async fn me(
    State(accounts): State<AccountsArea>,
    State(calls): State<CallsArea>,
    SignedIn(caller): SignedIn,
    conditional: Conditional,
) -> Result<Response, Problem> {
    let row = accounts.store.read()?.user(caller.user)?.ok_or(Code::SessionRevoked)?;
    Ok(view(&calls, row, &caller).await?.read(&conditional))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PatchMe)]
#[serde(rename_all = "camelCase")]
pub(super) struct PatchMeBody {
    do_not_disturb: Option<bool>,
    call_waiting: Option<bool>,
    /// A new password; ends all other sessions. Needs `currentPassword`.
    #[schema(min_length = 8, max_length = 256)]
    password: Option<String>,
    #[schema(min_length = 1, max_length = 256)]
    current_password: Option<String>,
}

/// Changes one's own settings or password.
#[utoipa::path(patch, path = "/api/users/me", operation_id = "patchMe", tag = "users", security(("bearer" = [])),
    params(("If-Match" = Option<String>, Header, description = "The version that was seen.")), request_body = PatchMeBody,
    responses((status = 200, description = "The caller.", body = UserView),
              (status = 401, description = "`invalid_credentials`: the current password is wrong; or as everywhere"),
              (status = 412, description = "`version_conflict`")))]
pub(super) async fn patch_me(
    State(accounts): State<AccountsArea>,
    State(calls): State<CallsArea>,
    SignedIn(caller): SignedIn,
    sender: Sender,
    IfMatch(expected): IfMatch,
    Json(body): Json<PatchMeBody>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let password = faults.optional("password", body.password.as_deref(), Password::parse);
    let mut current = faults.optional("currentPassword", body.current_password.as_deref(), typed_password);
    if body.password.is_some() && body.current_password.is_none() {
        current = faults.checked("currentPassword", Err(FieldCode::Required));
    }
    faults.finish(Some(()))?;

    let mut patch = UserPatch {
        do_not_disturb: body.do_not_disturb,
        call_waiting: body.call_waiting,
        keep_session: Some(caller.session),
        ..UserPatch::default()
    };
    if let (Some(password), Some(current)) = (password, current) {
        let row = accounts.store.read()?.user(caller.user)?.ok_or(Code::SessionRevoked)?;
        authenticate(&accounts, &sender, &row.username, &current).await?;
        patch.password_hash = Some(accounts.passwords.hash(password.as_str()).await?);
    }
    let row = apply(&accounts, &caller, caller.user, patch, expected).await?;
    Ok(view(&calls, row, &caller).await?.changed(StatusCode::OK))
}
