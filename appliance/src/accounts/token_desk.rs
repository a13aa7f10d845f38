//! Makes and reads the texts of access and refresh tokens with the box's keys. Both are computed from the session's
//! row alone, so asking twice about the same row gives the same texts.

use callbox_core::access::{
    ACCESS_LIFETIME, Claims, MalformedRefresh, RefreshToken, TokenFault, issue, verify,
};
use callbox_core::journal::Role;
use callbox_core::unit::Timestamp;
use ed25519_dalek::{SigningKey, VerifyingKey};
use ring::hmac;

use crate::store::SessionRow;

/// The keys of tokens and what is done with them.
pub struct TokenDesk {
    issuer: String,
    kid: String,
    signing: SigningKey,
    verifying: VerifyingKey,
    refresh: hmac::Key,
}

impl std::fmt::Debug for TokenDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenDesk").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl TokenDesk {
    /// `issuer` is the box's id; `kid` names the signing key; `refresh_secret` seals refresh tokens.
    #[must_use]
    pub fn new(issuer: String, kid: String, signing: SigningKey, refresh_secret: &[u8; 32]) -> Self {
        let verifying = signing.verifying_key();
        Self { issuer, kid, signing, verifying, refresh: hmac::Key::new(hmac::HMAC_SHA256, refresh_secret) }
    }

    /// The access token of a session's present generation.
    #[must_use]
    pub fn access(&self, session: &SessionRow, role: Role) -> String {
        let iat = session.rotated_at.as_secs();
        let lifetime = i64::try_from(ACCESS_LIFETIME.as_secs()).unwrap_or_default();
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: session.user,
            sid: session.id,
            did: session.device,
            role,
            iat,
            exp: iat.saturating_add(lifetime),
            jti: format!("{}.{}", session.id, session.generation),
        };
        issue(&claims, &self.kid, &self.signing)
    }

    /// The refresh token of a session's present generation.
    #[must_use]
    pub fn refresh(&self, session: &SessionRow) -> String {
        RefreshToken { session: session.id, generation: session.generation }.seal(|bytes| self.mac(bytes))
    }

    /// Reads a refresh token.
    ///
    /// # Errors
    /// [`MalformedRefresh`]
    pub fn open_refresh(&self, text: &str) -> Result<RefreshToken, MalformedRefresh> {
        RefreshToken::open(text, |bytes| self.mac(bytes))
    }

    /// Reads an access token.
    ///
    /// # Errors
    /// [`TokenFault`]
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenFault> {
        verify(token, &self.issuer, |kid| (kid == self.kid).then_some(self.verifying), now)
    }

    fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.refresh, bytes);
        let mut out = [0; 32];
        out.copy_from_slice(tag.as_ref());
        out
    }
}
