//! Signing in and staying signed in: login, refresh, logout, enrolment of a phone (F2).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callbox_core::access::{ACCESS_LIFETIME, DeviceName, FieldCode, Platform, RefreshToken, Username};
use callbox_core::id::{DeviceId, SessionId, UserId};
use callbox_core::journal::{Actor, EndedSession, Role, SignIn};
use callbox_core::wire::{Code, Reject};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::body::{Faults, Json, OptionalJson};
use super::caller::SignedIn;
use super::peer::Sender;
use super::problem::Problem;
use super::refresh_cookie::{CLEARED, RefreshCookie, cookie};
use super::state::AccountsArea;
use crate::accounts::{Verdict, random};
use crate::store::{
    EndSessionError, NewSession, OpenSessionError, RotateError, SessionRow, UseEnrolmentError, UserRow,
};

/// The longest password that is looked at, in characters.
const MAX_PASSWORD_CHARS: usize = callbox_core::access::MAX_PASSWORD_CHARS;

/// What a device says of itself.
#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = DeviceDescription)]
pub(super) struct Device {
    /// What a person calls it.
    #[serde(default)]
    #[schema(max_length = 64, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    name: Option<String>,
    /// `web` gets its refresh token as a cookie.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 32, pattern = r"^[a-z0-9._-]+$")]
    platform: Option<String>,
}

/// A checked [`Device`].
pub(super) struct DeviceFields {
    name: String,
    platform: String,
    web: bool,
}

impl DeviceFields {
    pub(super) fn check(device: Option<&Device>, faults: &mut Faults) -> Self {
        let name = device.and_then(|device| device.name.as_deref());
        let name = faults.optional("device.name", name, DeviceName::parse);
        let platform = device.and_then(|device| device.platform.as_deref());
        let platform = faults.optional("device.platform", platform, Platform::parse);
        Self {
            web: platform.as_ref().is_some_and(Platform::is_web),
            name: name.map(DeviceName::into_string).unwrap_or_default(),
            platform: platform.map_or_else(|| "unknown".to_owned(), Platform::into_string),
        }
    }

    pub(super) fn session(self, area: &AccountsArea, sign_in: SignIn) -> Result<NewSession, Problem> {
        Ok(NewSession {
            session: SessionId::from_random(random()?),
            device: DeviceId::from_random(random()?),
            device_name: self.name,
            platform: self.platform,
            web: self.web,
            sign_in,
            at: area.authenticator.clock().wall(),
            max_sessions: area.door.max_sessions,
        })
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = LoginRequest)]
pub(super) struct LoginBody {
    /// In any case.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 64, pattern = r"^[0-9A-Za-z._@+'\u00a1-\u00ac\u00ae-\u167f\u1681-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ufefe\uff00-\uffff-]+$")]
    username: Option<String>,
    #[schema(value_type = String, required = true, min_length = 1, max_length = 256)]
    password: Option<String>,
    device: Option<Device>,
}

#[derive(Deserialize, Default, utoipa::ToSchema)]
#[schema(as = RefreshRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefreshBody {
    /// A browser leaves it out: its token is in a cookie.
    refresh_token: Option<String>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = EnrolRequest)]
pub(super) struct EnrolBody {
    /// The one-time token of the QR code.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 128)]
    token: Option<String>,
    device: Option<Device>,
}

/// A signed-in device.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = LoginResponse)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedInAnswer {
    access_token: String,
    /// Missing for a browser, which has it as a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    refresh_token: Option<String>,
    #[schema(pattern = "^Bearer$")]
    token_type: &'static str,
    /// Seconds that the access token is good for from its making.
    expires_in: u64,
    user: Profile,
    device: DeviceView,
}

/// Who signed in.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Account)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    username: String,
    display_name: String,
    #[schema(required = true)]
    extension: Option<String>,
    role: Role,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Device)]
pub(super) struct DeviceView {
    #[schema(value_type = String, format = "uuid")]
    id: DeviceId,
    name: String,
}

/// The answer to everything that signs a device in.
pub(super) fn welcome(
    area: &AccountsArea,
    status: StatusCode,
    session: &SessionRow,
    user: UserRow,
) -> Response {
    let tokens = area.authenticator.tokens();
    let refresh = tokens.refresh(session);
    let (refresh_token, set_cookie) = if session.web {
        (None, HeaderValue::from_str(&cookie(&refresh)).ok())
    } else {
        (Some(refresh), None)
    };
    let answer = SignedInAnswer {
        access_token: tokens.access(session, user.role),
        refresh_token,
        token_type: "Bearer",
        expires_in: ACCESS_LIFETIME.as_secs(),
        user: Profile {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            extension: user.extension,
            role: user.role,
        },
        device: DeviceView { id: session.device, name: session.device_name.clone() },
    };
    let mut response = (status, axum::Json(answer)).into_response();
    if let Some(cookie) = set_cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Signs in with a user name and a password.
///
/// A wrong password and an unknown user are one and the same answer.
#[utoipa::path(post, path = "/api/auth/login", operation_id = "login", tag = "auth", request_body = LoginBody,
    responses((status = 200, description = "Signed in.", body = SignedInAnswer),
              (status = 401, description = "`invalid_credentials`")))]
pub(super) async fn login(
    State(area): State<AccountsArea>,
    sender: Sender,
    Json(body): Json<LoginBody>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let username = faults.required("username", body.username.as_deref(), Username::parse);
    let password = faults.required("password", body.password.as_deref(), typed_password);
    let device = DeviceFields::check(body.device.as_ref(), &mut faults);
    let (username, password) = faults.finish(username.zip(password))?;

    let user = authenticate(&area, &sender, username.as_str(), &password).await?;
    let new = device.session(&area, SignIn::Password)?;
    let session = open(&area, user.id, new).await?;
    Ok(welcome(&area, StatusCode::OK, &session, user))
}

/// A password as typed: too short is merely wrong.
pub(super) fn typed_password(text: &str) -> Result<String, FieldCode> {
    match text.len() {
        0 => Err(FieldCode::Required),
        bytes if bytes > MAX_PASSWORD_CHARS * 4 || text.chars().count() > MAX_PASSWORD_CHARS => {
            Err(FieldCode::TooLong)
        }
        _ => Ok(text.to_owned()),
    }
}

/// Checks a password behind the throttle. Unknown, disabled and wrong are alike, in words and in time.
pub(super) async fn authenticate(
    area: &AccountsArea,
    sender: &Sender,
    username: &str,
    password: &str,
) -> Result<UserRow, Problem> {
    let clock = area.authenticator.clock();
    area.door.check(Some(username), sender.source, clock.now().instant)?;
    let (user, stored) = {
        let snapshot = area.store.read()?;
        let user = snapshot.user_by_username(username)?;
        let stored = user.as_ref().map(|user| snapshot.credential(user.id)).transpose()?.flatten();
        (user, stored)
    };
    let verdict = area.passwords.verify(password, stored.as_deref()).await?;
    let now = clock.now().instant;
    let Some(user) = user.filter(|user| verdict != Verdict::Wrong && !user.disabled) else {
        area.door.failed(Some(username), sender.source, now)?;
        return Err(Code::InvalidCredentials.into());
    };
    // Asked again: attempts that began together must not learn more than the throttle allows.
    area.door.check(Some(username), sender.source, now)?;
    if verdict == Verdict::RightButDated {
        rehash(area.clone(), user.id, password.to_owned());
    }
    Ok(user)
}

/// In the background: whoever signs in does not wait for it, and at the next time it is tried again.
fn rehash(area: AccountsArea, user: UserId, password: String) {
    tokio::spawn(async move {
        let Ok(phc) = area.passwords.hash(&password).await else { return };
        if let Err(error) = area.store.replace_password_hash(user, phc).await {
            tracing::debug!(%error, "a dated password hash stays");
        }
    });
}

pub(super) async fn open(area: &AccountsArea, user: UserId, new: NewSession) -> Result<SessionRow, Problem> {
    area.store.open_session(user, new).await.map_err(|error| match error {
        OpenSessionError::UserGone => Code::InvalidCredentials.into(),
        OpenSessionError::Store(error) => error.into(),
    })
}

/// Replaces a refresh token.
///
/// A retry within 30 s gets the same answer; an older token ends the session. A browser sends its cookie and no body.
#[utoipa::path(post, path = "/api/auth/refresh", operation_id = "refresh", tag = "auth",
    request_body = Option<RefreshBody>,
    responses((status = 200, description = "The next pair of tokens.", body = SignedInAnswer),
              (status = 401, description = "`unauthorized`, `session_revoked`")))]
pub(super) async fn refresh(
    State(area): State<AccountsArea>,
    sender: Sender,
    from_cookie: RefreshCookie,
    OptionalJson(body): OptionalJson<Option<RefreshBody>>,
) -> Result<Response, Problem> {
    let in_body = body.and_then(|body| body.refresh_token);
    let by_cookie = in_body.is_none();
    let presented = in_body.or(from_cookie.0).ok_or(Code::Unauthorized)?;
    match rotate(&area, &sender, &presented).await {
        Ok((session, user)) => Ok(welcome(&area, StatusCode::OK, &session, user)),
        Err(problem) if by_cookie && problem.code.status() == 401 => {
            let mut response = problem.into_response();
            response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_static(CLEARED));
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

async fn rotate(area: &AccountsArea, sender: &Sender, text: &str) -> Result<(SessionRow, UserRow), Problem> {
    let now = area.authenticator.clock().now();
    area.door.check(None, sender.source, now.instant)?;
    let Ok(RefreshToken { session, generation }) = area.authenticator.tokens().open_refresh(text) else {
        area.door.failed(None, sender.source, now.instant)?;
        return Err(Code::Unauthorized.into());
    };
    let rotated =
        area.store.rotate_refresh(session, generation, now.wall).await.map_err(|error| match error {
            RotateError::SessionGone | RotateError::Reused => Code::SessionRevoked.into(),
            RotateError::Store(error) => Problem::from(error),
        })?;
    let user = area.store.read()?.user(rotated.row.user)?.filter(|user| !user.disabled);
    let row = SessionRow { generation: rotated.generation, rotated_at: rotated.rotated_at, ..rotated.row };
    user.map(|user| (row, user)).ok_or_else(|| Code::SessionRevoked.into())
}

/// Ends this session.
#[utoipa::path(post, path = "/api/auth/logout", operation_id = "logout", tag = "auth", security(("bearer" = [])),
    responses((status = 204, description = "The session is gone.")))]
pub(super) async fn logout(
    State(area): State<AccountsArea>,
    SignedIn(caller): SignedIn,
) -> Result<Response, Problem> {
    let at = area.authenticator.clock().wall();
    let by = Actor::User(caller.user);
    match area.store.end_session(caller.session, Some(caller.user), EndedSession::Logout, by, at).await {
        // Somebody ended it a moment before: it is gone, as wanted.
        Ok(()) | Err(EndSessionError::NotFound) => {}
        Err(EndSessionError::Store(error)) => return Err(error.into()),
    }
    let cleared = [(header::SET_COOKIE, HeaderValue::from_static(CLEARED))];
    Ok((StatusCode::NO_CONTENT, cleared).into_response())
}

/// Signs a phone in with the one-time token of a QR code.
#[utoipa::path(post, path = "/api/auth/enrol", operation_id = "enrol", tag = "auth", request_body = EnrolBody,
    responses((status = 200, description = "Signed in.", body = SignedInAnswer),
              (status = 401, description = "`unauthorized`: unknown, used or expired")))]
pub(super) async fn enrol(
    State(area): State<AccountsArea>,
    sender: Sender,
    Json(body): Json<EnrolBody>,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let token = faults.required("token", body.token.as_deref(), enrolment_token);
    let device = DeviceFields::check(body.device.as_ref(), &mut faults);
    let token = faults.finish(token)?;

    let now = area.authenticator.clock().now().instant;
    area.door.check(None, sender.source, now)?;
    let new = device.session(&area, SignIn::Enrolment)?;
    let session = match area.store.use_enrolment(super::enrolment::sha256(token.as_bytes()), new).await {
        Ok(session) => session,
        Err(UseEnrolmentError::Store(error)) => return Err(error.into()),
        Err(UseEnrolmentError::Invalid) => {
            area.door.failed(None, sender.source, now)?;
            let detail = "This enrolment code was used or is too old. Ask for a new one.";
            return Err(Reject::because(Code::Unauthorized, detail).into());
        }
    };
    let user = area.store.read()?.user(session.user)?.ok_or(Code::SessionRevoked)?;
    Ok(welcome(&area, StatusCode::OK, &session, user))
}

fn enrolment_token(text: &str) -> Result<String, FieldCode> {
    match text.chars().take(129).count() {
        0 => Err(FieldCode::Required),
        1..=128 => Ok(text.to_owned()),
        _ => Err(FieldCode::TooLong),
    }
}
