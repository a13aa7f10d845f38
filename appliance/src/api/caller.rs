//! Extractors that a handler takes to say who may use it. A handler cannot forget the check: without it, it has no
//! [`AuthzContext`] to act for.

use axum::extract::{FromRef, FromRequestParts, Path};
use callbox_core::access::AuthzContext;
use callbox_core::exchange::Caller;
use callbox_core::wire::Code;
use http::header;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::limits::Gate;
use super::problem::Problem;
use super::state::AccountsArea;

/// Anybody who is signed in.
pub(super) struct SignedIn(pub(super) AuthzContext);

/// An admin who is signed in.
pub(super) struct Admin(pub(super) AuthzContext);

impl<S> FromRequestParts<S> for SignedIn
where
    S: Send + Sync,
    AccountsArea: FromRef<S>,
    Gate: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = bearer(parts).ok_or(Code::Unauthorized)?;
        let caller = AccountsArea::from_ref(state).authenticator.authenticate(token)?;
        Gate::from_ref(state).user(caller.user)?;
        Ok(Self(caller))
    }
}

impl<S> FromRequestParts<S> for Admin
where
    S: Send + Sync,
    AccountsArea: FromRef<S>,
    Gate: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let SignedIn(caller) = SignedIn::from_request_parts(parts, state).await?;
        caller.require_admin()?;
        Ok(Self(caller))
    }
}

/// `Authorization: Bearer …` (RFC 6750 §2.1). Given twice, it is none.
fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The identifier in the path. What is no identifier names nothing: `not_found`.
pub(super) struct Named<T>(pub(super) T);

impl<S, T> FromRequestParts<S> for Named<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Code::NotFound.into()),
        }
    }
}

/// As the exchange knows a caller.
pub(super) const fn to_exchange(caller: &AuthzContext) -> Caller {
    Caller { session: caller.session, device: caller.device, user: caller.user }
}
