//! Turns an access token into a caller. The one place where that is decided, for REST and for Socket.IO.

use std::sync::Arc;

use callbox_core::access::AuthzContext;
use callbox_core::wire::Code;

use super::{Clock, TokenDesk};
use crate::store::Store;

/// Checks tokens against keys, sessions and accounts. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    store: Store,
    tokens: Arc<TokenDesk>,
    clock: Clock,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Checks with these.
    #[must_use]
    pub const fn new(store: Store, tokens: Arc<TokenDesk>, clock: Clock) -> Self {
        Self { store, tokens, clock }
    }

    /// Who holds this access token. Two point reads of microseconds; notes that the session was used.
    ///
    /// # Errors
    /// `unauthorized` for no token of ours, `token_expired`, `session_revoked` when the session is gone or its
    /// account is gone or disabled, `busy` or `internal` when the store cannot be read.
    pub fn authenticate(&self, token: &str) -> Result<AuthzContext, Code> {
        let now = self.clock.wall();
        let claims = self.tokens.verify(token, now)?;
        let snapshot = self.store.read().map_err(|error| error.code())?;
        let session = snapshot.session(claims.sid).map_err(|error| error.code())?;
        let session = session.filter(|row| row.user == claims.sub).ok_or(Code::SessionRevoked)?;
        let user = snapshot.user(session.user).map_err(|error| error.code())?;
        let user = user.filter(|row| !row.disabled).ok_or(Code::SessionRevoked)?;
        self.store.touch_session(session.id, now);
        Ok(AuthzContext { user: user.id, session: session.id, device: session.device, role: user.role })
    }

    /// The keys it checks with.
    #[must_use]
    pub fn tokens(&self) -> &TokenDesk {
        &self.tokens
    }

    /// The clock it checks by.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }
}
