//! The directory: everybody reads it, admins write it, one row version at a time.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbox_core::access::{AuthzContext, DisplayName, Extension, FieldCode, Password, Username};
use callbox_core::id::UserId;
use callbox_core::journal::{Actor, Role};
use callbox_core::wire::{Code, Presence, Reject};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::body::{Faults, Json, nullable};
use super::cache::{Conditional, IfMatch};
use super::caller::{Admin, Named, SignedIn};
use super::page::{Page, PageQuery};
use super::problem::Problem;
use super::state::{AccountsArea, CallsArea};
use crate::accounts::random;
use crate::store::{CreateUserError, DeleteUserError, NewUser, PatchUserError, UserPatch, UserRow};

/// Somebody who can be called.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = User)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserView {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    username: String,
    display_name: String,
    /// The number to dial, if there is one.
    #[schema(required = true)]
    extension: Option<String>,
    role: Role,
    presence: Presence,
    do_not_disturb: bool,
    call_waiting: bool,
    /// For admins: the account may not sign in and cannot be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    disabled: Option<bool>,
    /// Rises with every change; to be sent back as `If-Match`.
    #[schema(minimum = 1)]
    version: u64,
}

impl UserView {
    pub(super) fn new(row: UserRow, presence: Presence, viewer: &AuthzContext) -> Self {
        Self {
            id: row.id,
            username: row.username,
            display_name: row.display_name,
            extension: row.extension,
            role: row.role,
            presence,
            do_not_disturb: row.do_not_disturb,
            call_waiting: row.call_waiting,
            disabled: viewer.is_admin().then_some(row.disabled),
            version: row.version,
        }
    }

    /// The version, and the presence, which changes without it.
    fn etag(&self) -> String {
        let presence = match self.presence {
            Presence::Offline => "offline",
            Presence::Online => "online",
            Presence::Busy => "busy",
            Presence::InCall => "in_call",
        };
        format!("\"v{}-{presence}\"", self.version)
    }

    /// After a change: with its tag, not to be kept.
    pub(super) fn changed(self, status: StatusCode) -> Response {
        let etag = HeaderValue::from_str(&self.etag()).ok();
        let mut response = (status, axum::Json(self)).into_response();
        if let Some(etag) = etag {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }

    pub(super) fn read(&self, conditional: &Conditional) -> Response {
        conditional.answer_as(&self.etag(), self)
    }
}

/// Everybody's presence by user; who is missing is offline.
async fn presences(calls: &CallsArea) -> Result<BTreeMap<UserId, Presence>, Problem> {
    let views = calls.mailbox.presence().await?;
    Ok(views.into_iter().map(|view| (view.user_id, view.presence)).collect())
}

pub(super) async fn view(
    calls: &CallsArea,
    row: UserRow,
    viewer: &AuthzContext,
) -> Result<UserView, Problem> {
    let presence = presences(calls).await?.get(&row.id).copied().unwrap_or(Presence::Offline);
    Ok(UserView::new(row, presence, viewer))
}

/// The directory, by user name.
#[utoipa::path(get, path = "/api/users", operation_id = "listUsers", tag = "users", security(("bearer" = [])),
    params(("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
           ("cursor" = Option<String>, Query, description = "As in `nextCursor`.", pattern = "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$")),
    responses((status = 200, description = "A page of users.", body = Page<UserView>), (status = 304, description = "Not changed.")))]
pub(super) async fn list_users(
    State(accounts): State<AccountsArea>,
    State(calls): State<CallsArea>,
    SignedIn(caller): SignedIn,
    query: PageQuery<String>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    let presences = presences(&calls).await?;
    let rows = accounts.store.read()?.users(query.after.as_deref(), query.fetch())?;
    let page: Page<UserView> = query.page(
        rows,
        |row| row.username.clone(),
        |row| {
            let presence = presences.get(&row.id).copied().unwrap_or(Presence::Offline);
            UserView::new(row, presence, &caller)
        },
    );
    Ok(conditional.answer(&page))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = CreateUser)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewUserBody {
    #[schema(value_type = String, required = true, min_length = 1, max_length = 64, pattern = r"^[0-9A-Za-z._@+'\u00a1-\u00ac\u00ae-\u167f\u1681-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ufefe\uff00-\uffff-]+$")]
    username: Option<String>,
    #[schema(value_type = String, required = true, min_length = 8, max_length = 256)]
    password: Option<String>,
    #[schema(value_type = String, required = true, min_length = 1, max_length = 128, pattern = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*[^\s\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069][^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$")]
    display_name: Option<String>,
    /// Left out, the next free number from 101.
    #[schema(pattern = "^[0-9]{2,6}$", min_length = 2, max_length = 6)]
    extension: Option<String>,
    /// Left out: `user`.
    role: Option<Role>,
}

/// Makes an account.
#[utoipa::path(post, path = "/api/users", operation_id = "createUser", tag = "users", security(("bearer" = [])),
    request_body = NewUserBody,
    responses((status = 201, description = "The account.", body = UserView), (status = 403, description = "`forbidden`")))]
pub(super) async fn create_user(
    State(accounts): State<AccountsArea>,
    State(calls): State<CallsArea>,
    Admin(caller): Admin,
    Json(body): Json<NewUserBody>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let username = faults.required("username", body.username.as_deref(), Username::parse);
    let password = faults.required("password", body.password.as_deref(), Password::parse);
    let display_name = faults.required("displayName", body.display_name.as_deref(), DisplayName::parse);
    let extension = faults.optional("extension", body.extension.as_deref(), Extension::parse);
    let ((username, password), display_name) = faults.finish(username.zip(password).zip(display_name))?;

    let new = NewUser {
        id: UserId::from_random(random()?),
        username: username.into_string(),
        display_name: display_name.into_string(),
        extension: extension.map(Extension::into_string),
        role: body.role.unwrap_or(Role::User),
        password_hash: accounts.passwords.hash(password.as_str()).await?,
        by: Actor::User(caller.user),
        at: accounts.authenticator.clock().wall(),
    };
    let row = accounts.store.create_user(new).await.map_err(|error| match error {
        CreateUserError::UsernameTaken => Problem::field("username", FieldCode::AlreadyTaken),
        CreateUserError::ExtensionTaken => Problem::field("extension", FieldCode::AlreadyTaken),
        CreateUserError::NoExtensionLeft => Problem::field("extension", FieldCode::OutOfRange),
        CreateUserError::Store(error) => error.into(),
    })?;
    let place = HeaderValue::from_str(&format!("/api/users/{}", row.id)).ok();
    let mut response = view(&calls, row, &caller).await?.changed(StatusCode::CREATED);
    if let Some(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// One user.
#[utoipa::path(get, path = "/api/users/{id}", operation_id = "getUser", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, format = "uuid")),
    responses((status = 200, description = "The user.", body = UserView), (status = 304, description = "Not changed.")))]
pub(super) async fn get_user(
    State(accounts): State<AccountsArea>,
    State(calls): State<CallsArea>,
    SignedIn(caller): SignedIn,
    Named(user): Named<UserId>,
    conditional: Conditional,
) -> Result<Response, Problem> {
    let row = accounts.store.read()?.user(user)?.ok_or(Code::NotFound)?;
    Ok(view(&calls, row, &caller).await?.read(&conditional))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = PatchUser)]
#[serde(rename_all = "camelCase")]
pub(super) struct PatchUserBody {
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[0-9A-Za-z._@+'\u00a1-\u00ac\u00ae-\u167f\u1681-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ufefe\uff00-\uffff-]+$"
    )]
    username: Option<String>,
    /// Ends the user's sessions.
    #[schema(min_length = 8, max_length = 256)]
    password: Option<String>,
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*[^\s\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069][^\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$"
    )]
    display_name: Option<String>,
    /// `null` takes the number away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, pattern = "^[0-9]{2,6}$", min_length = 2, max_length = 6)]
    extension: Option<Option<String>>,
    role: Option<Role>,
    /// `true` ends the user's sessions.
    disabled: Option<bool>,
    do_not_disturb: Option<bool>,
    call_waiting: Option<bool>,
}

/// Changes an account.
#[utoipa::path(patch, path = "/api/users/{id}", operation_id = "patchUser", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, format = "uuid"), ("If-Match" = Option<String>, Header, description = "The version that was seen.")),
    request_body = PatchUserBody,
    responses((status = 200, description = "The user.", body = UserView), (status = 403, description = "`forbidden`"),
              (status = 409, description = "`invalid_state`: the last admin stays one"), (status = 412, description = "`version_conflict`")))]
pub(super) async fn patch_user(
    State(accounts): State<AccountsArea>,
    State(calls): State<CallsArea>,
    Admin(caller): Admin,
    Named(user): Named<UserId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<PatchUserBody>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let username = faults.optional("username", body.username.as_deref(), Username::parse);
    let password = faults.optional("password", body.password.as_deref(), Password::parse);
    let display_name = faults.optional("displayName", body.display_name.as_deref(), DisplayName::parse);
    let extension = match &body.extension {
        Some(Some(text)) => {
            faults.checked("extension", Extension::parse(text)).map(|found| Some(found.into_string()))
        }
        Some(None) => Some(None),
        None => None,
    };
    faults.finish(Some(()))?;
    // Before a hash is spent on it.
    accounts.store.read()?.user(user)?.ok_or(Code::NotFound)?;

    let password_hash = match password {
        Some(password) => Some(accounts.passwords.hash(password.as_str()).await?),
        None => None,
    };
    let patch = UserPatch {
        username: username.map(Username::into_string),
        display_name: display_name.map(DisplayName::into_string),
        extension,
        role: body.role,
        disabled: body.disabled,
        password_hash,
        do_not_disturb: body.do_not_disturb,
        call_waiting: body.call_waiting,
        keep_session: (caller.user == user).then_some(caller.session),
    };
    let row = apply(&accounts, &caller, user, patch, expected).await?;
    Ok(view(&calls, row, &caller).await?.changed(StatusCode::OK))
}

/// Writes a change and says in words why it was not written.
pub(super) async fn apply(
    accounts: &AccountsArea,
    caller: &AuthzContext,
    user: UserId,
    patch: UserPatch,
    expected: Option<u64>,
) -> Result<UserRow, Problem> {
    let at = accounts.authenticator.clock().wall();
    let by = Actor::User(caller.user);
    accounts.store.patch_user(user, patch, expected, by, at).await.map_err(|error| match error {
        PatchUserError::NotFound => Code::NotFound.into(),
        PatchUserError::VersionConflict => Code::VersionConflict.into(),
        PatchUserError::UsernameTaken => Problem::field("username", FieldCode::AlreadyTaken),
        PatchUserError::ExtensionTaken => Problem::field("extension", FieldCode::AlreadyTaken),
        PatchUserError::LastAdmin => last_admin(),
        PatchUserError::Store(error) => error.into(),
    })
}

fn last_admin() -> Problem {
    Reject::because(Code::InvalidState, "This is the only admin of the box. Make another one first.").into()
}

/// Deletes an account and erases the person; the history keeps an opaque identifier.
#[utoipa::path(delete, path = "/api/users/{id}", operation_id = "deleteUser", tag = "users", security(("bearer" = [])),
    params(("id" = String, Path, format = "uuid"), ("If-Match" = Option<String>, Header, description = "The version that was seen.")),
    responses((status = 204, description = "It is gone."), (status = 403, description = "`forbidden`"),
              (status = 409, description = "`invalid_state`: the last admin stays"), (status = 412, description = "`version_conflict`")))]
pub(super) async fn delete_user(
    State(accounts): State<AccountsArea>,
    Admin(caller): Admin,
    Named(user): Named<UserId>,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    let at = accounts.authenticator.clock().wall();
    let deleted = accounts.store.delete_user(user, expected, Actor::User(caller.user), at).await;
    deleted.map(|()| StatusCode::NO_CONTENT).map_err(|error| match error {
        DeleteUserError::NotFound => Code::NotFound.into(),
        DeleteUserError::VersionConflict => Code::VersionConflict.into(),
        DeleteUserError::LastAdmin => last_admin(),
        DeleteUserError::Store(error) => error.into(),
    })
}
