//! Makes and reads the texts of access and refresh tokens with the box's keys. Both are computed from the session's
//! row alone, so asking twice about the same row gives the same texts.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use callbox_core::access::{
    ACCESS_LIFETIME, Claims, MalformedRefresh, RefreshToken, TokenFault, in_time, issue, verify,
};
use callbox_core::journal::Role;
use callbox_core::unit::Timestamp;
use ed25519_dalek::{SigningKey, VerifyingKey};
use ring::{digest, hmac};

use crate::store::SessionRow;

/// Tokens whose signature was found good, and that need no second check of it: a phone sends the same one for a
/// quarter of an hour, and the signature is half the work of a request. Filled up, it begins anew.
const KNOWN: usize = 4096;

/// The keys of tokens and what is done with them.
pub struct TokenDesk {
    issuer: String,
    kid: String,
    signing: SigningKey,
    verifying: VerifyingKey,
    refresh: hmac::Key,
    /// By SHA-256 of the text. A lock, because every request looks here and a message to an owner would cost more
    /// than the check that it saves; it is held for one look-up.
    known: Mutex<HashMap<[u8; 32], Claims>>,
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
        let refresh = hmac::Key::new(hmac::HMAC_SHA256, refresh_secret);
        Self { issuer, kid, signing, verifying, refresh, known: Mutex::default() }
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
        let name = fingerprint(token);
        let known = self.known().get(&name).cloned();
        if let Some(claims) = known {
            in_time(&claims, now)?;
            return Ok(claims);
        }
        let claims = verify(token, &self.issuer, |kid| (kid == self.kid).then_some(self.verifying), now)?;
        let mut known = self.known();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(name, claims.clone());
        Ok(claims)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Claims>> {
        // A map is whole between two calls, whatever happened to who held it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.refresh, bytes);
        let mut out = [0; 32];
        out.copy_from_slice(tag.as_ref());
        out
    }
}

fn fingerprint(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use callbox_core::id::{DeviceId, SessionId, UserId};

    #[test]
    fn a_token_that_is_known_still_expires_and_its_forgery_is_not_known() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let desk = TokenDesk::new("box".to_owned(), "k".to_owned(), key.clone(), &[1; 32]);
        let claims = Claims {
            iss: "box".to_owned(),
            sub: UserId::from_random([1; 16]),
            sid: SessionId::from_random([2; 16]),
            did: DeviceId::from_random([3; 16]),
            role: Role::User,
            iat: 1_000,
            exp: 1_900,
            jti: "1".to_owned(),
        };
        let token = issue(&claims, "k", &key);
        let at = |secs: i64| Timestamp::from_millis(secs * 1000);
        assert!(desk.verify(&token, at(1_000)).is_ok());
        assert!(desk.verify(&token, at(1_899)).is_ok());
        assert_eq!(desk.verify(&token, at(1_900)).err(), Some(TokenFault::Expired));
        let forged = format!("{}A", &token[..token.len() - 1]);
        if forged != token {
            assert_eq!(desk.verify(&forged, at(1_000)).err(), Some(TokenFault::Forged));
        }
        assert_eq!(desk.known().len(), 1);
    }
}
