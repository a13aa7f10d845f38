//! One-time enrolment tokens: a QR code that signs one phone in, within ten minutes.

use std::time::Duration;

use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callbox_core::id::{EnrolmentId, UserId};
use callbox_core::journal::Actor;
use callbox_core::unit::Timestamp;
use callbox_core::wire::Code;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Serialize;

use super::caller::{Named, SignedIn};
use super::peer::Origin;
use super::problem::Problem;
use super::state::AccountsArea;
use crate::accounts::random;
use crate::store::{IssueEnrolmentError, NewEnrolment};

/// How long a token may be used.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A way for one phone to sign in.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Enrolment)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnrolmentView {
    token: String,
    /// Opens the web phone; the token stands behind `#` and thus in no log of any server.
    url: String,
    /// The URL as a QR code.
    qr_svg: String,
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
}

/// What the store knows of a token.
pub(super) fn sha256(token: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, token).as_ref());
    hash
}

/// Makes an enrolment token, for oneself or as an admin for anybody.
#[utoipa::path(post, path = "/api/users/{id}/enrolment", operation_id = "issueEnrolment", tag = "users",
    security(("bearer" = [])), params(("id" = String, Path, format = "uuid")),
    responses((status = 200, description = "The token and its QR code.", body = EnrolmentView),
              (status = 403, description = "`forbidden`")))]
pub(super) async fn issue_enrolment(
    State(area): State<AccountsArea>,
    SignedIn(caller): SignedIn,
    Named(user): Named<UserId>,
    Origin(origin): Origin,
) -> Result<axum::Json<EnrolmentView>, Problem> {
    caller.require_self_or_admin(user)?;
    let token = URL_SAFE_NO_PAD.encode(random::<32>()?);
    let url = format!("https://{origin}/phone/enrol#token={token}");
    let at = area.authenticator.clock().wall();
    let expires = at + LIFETIME;
    let new = NewEnrolment {
        enrolment: EnrolmentId::from_random(random()?),
        user,
        token_sha256: sha256(token.as_bytes()),
        expires,
        by: Actor::User(caller.user),
        at,
    };
    area.store.issue_enrolment(new).await.map_err(|error| match error {
        IssueEnrolmentError::UserGone => Code::NotFound.into(),
        IssueEnrolmentError::Store(error) => Problem::from(error),
    })?;
    // A URL of at most 350 bytes always fits a QR code, which holds 2,953.
    let code = QrCode::new(url.as_bytes()).map_err(|_| Problem::new(Code::Internal))?;
    let qr_svg = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(axum::Json(EnrolmentView { token, url, qr_svg, expires_at: expires }))
}
