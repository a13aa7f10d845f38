//! Access tokens: JWT (RFC 7519) signed with EdDSA over Ed25519 (RFC 8037). One algorithm, keys known by `kid`.
//! A token proves which session it belongs to; whether that session still lives, and its role, the store says.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, SessionId, UserId};
use crate::journal::Role;
use crate::unit::Timestamp;
use crate::wire::Code;

/// How long a token is good for.
pub const ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How far in the future `iat` may lie: a clock that was set back a little ends nothing.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Ours are about 450 characters.
const MAX_CHARS: usize = 1024;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The box.
    pub iss: String,
    /// The user.
    pub sub: UserId,
    /// The session.
    pub sid: SessionId,
    /// The device.
    pub did: DeviceId,
    /// For the client's information; the box reads the account row.
    pub role: Role,
    /// Seconds since 1970.
    pub iat: i64,
    /// Seconds since 1970.
    pub exp: i64,
    /// Names this token within its session.
    pub jti: String,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Genuine, but over its time, or from a time that this clock has not reached: the client refreshes.
    #[error("the token is not of this time")]
    Expired,
    /// Not made by this box.
    #[error("the token is forged")]
    Forged,
}

impl From<TokenFault> for Code {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Expired => Self::TokenExpired,
            TokenFault::Forged => Self::Unauthorized,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    /// Extensions that must be understood (RFC 7515 §4.1.11); none is.
    #[serde(default, skip_serializing)]
    crit: Option<serde::de::IgnoredAny>,
}

/// Signs. The same claims and key give the same text: Ed25519 is deterministic.
#[must_use]
pub fn issue(claims: &Claims, kid: &str, key: &SigningKey) -> String {
    let header =
        Header { alg: "EdDSA".to_owned(), kid: kid.to_owned(), typ: Some("JWT".to_owned()), crit: None };
    // Structs of strings and numbers always serialise.
    let encode = |json: Result<Vec<u8>, _>| URL_SAFE_NO_PAD.encode(json.unwrap_or_default());
    let mut token = format!("{}.{}", encode(serde_json::to_vec(&header)), encode(serde_json::to_vec(claims)));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature.to_bytes()));
    token
}

/// Checks form, algorithm, key, signature, issuer and times, in this order. `key` finds the key of a `kid`: the
/// present one, and the one before it while its tokens live.
///
/// # Errors
/// [`TokenFault`]; `Expired` only for a token with a good signature.
pub fn verify(
    token: &str,
    issuer: &str,
    key: impl Fn(&str) -> Option<VerifyingKey>,
    now: Timestamp,
) -> Result<Claims, TokenFault> {
    let claims = genuine(token, issuer, key).ok_or(TokenFault::Forged)?;
    in_time(&claims, now)?;
    Ok(claims)
}

/// Whether the claims of a genuine token hold now.
///
/// # Errors
/// [`TokenFault::Expired`]
pub fn in_time(claims: &Claims, now: Timestamp) -> Result<(), TokenFault> {
    let seconds = now.as_secs();
    let skew = i64::try_from(CLOCK_SKEW.as_secs()).unwrap_or_default();
    if seconds >= claims.exp || claims.iat > seconds.saturating_add(skew) {
        return Err(TokenFault::Expired);
    }
    Ok(())
}

fn genuine(token: &str, issuer: &str, key: impl Fn(&str) -> Option<VerifyingKey>) -> Option<Claims> {
    if token.len() > MAX_CHARS {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header.alg != "EdDSA" || header.crit.is_some() {
        return None;
    }
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    key(&header.kid)?.verify_strict(signed.as_bytes(), &signature).ok()?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims.iss == issuer).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn claims() -> Claims {
        Claims {
            iss: "box".to_owned(),
            sub: UserId::from_random([1; 16]),
            sid: SessionId::from_random([2; 16]),
            did: DeviceId::from_random([3; 16]),
            role: Role::User,
            iat: NOW.as_secs(),
            exp: NOW.as_secs() + 900,
            jti: "0".to_owned(),
        }
    }

    fn check(token: &str, now: Timestamp) -> Result<Claims, TokenFault> {
        verify(token, "box", |kid| (kid == "k1").then(|| key().verifying_key()), now)
    }

    /// A token with any header and claims, rightly signed.
    fn signed(header: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(key().sign(text.as_bytes()).to_bytes());
        format!("{text}.{signature}")
    }

    #[test]
    fn issued_and_verified() {
        let token = issue(&claims(), "k1", &key());
        assert_eq!(token, issue(&claims(), "k1", &key()), "the same text every time");
        assert_eq!(check(&token, NOW), Ok(claims()));
        assert!(token.len() < MAX_CHARS / 2 + 64, "{}", token.len());
    }

    #[test]
    fn times() {
        let token = issue(&claims(), "k1", &key());
        assert!(check(&token, NOW + Duration::from_secs(899)).is_ok());
        assert_eq!(check(&token, NOW + Duration::from_secs(900)), Err(TokenFault::Expired));
        let back = |seconds: i64| Timestamp::from_millis(NOW.as_millis() - seconds * 1000);
        assert!(check(&token, back(60)).is_ok());
        assert_eq!(check(&token, back(61)), Err(TokenFault::Expired), "a refresh mends it");
    }

    #[test]
    fn foreign_algorithms_keys_issuers_and_extensions_are_forgeries() {
        let body = serde_json::to_string(&claims()).unwrap();
        assert!(check(&signed(r#"{"alg":"EdDSA","kid":"k1"}"#, &body), NOW).is_ok());
        for header in [
            r#"{"alg":"none","kid":"k1"}"#,
            r#"{"alg":"HS256","kid":"k1"}"#,
            r#"{"alg":"eddsa","kid":"k1"}"#,
            r#"{"alg":"EdDSA","kid":"k2"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","kid":"k1","crit":["b64"]}"#,
            r#"{"alg":"EdDSA","kid":"k1","alg":"none"}"#,
            "[]",
            "",
        ] {
            assert_eq!(check(&signed(header, &body), NOW), Err(TokenFault::Forged), "{header}");
        }
        let other = serde_json::to_string(&Claims { iss: "other".to_owned(), ..claims() }).unwrap();
        assert_eq!(check(&signed(r#"{"alg":"EdDSA","kid":"k1"}"#, &other), NOW), Err(TokenFault::Forged));
        let stranger = issue(&claims(), "k1", &SigningKey::from_bytes(&[6; 32]));
        assert_eq!(check(&stranger, NOW), Err(TokenFault::Forged));
    }

    #[test]
    fn an_expired_forgery_is_a_forgery() {
        let old = Claims { exp: 1, ..claims() };
        assert_eq!(check(&issue(&old, "k1", &key()), NOW), Err(TokenFault::Expired));
        assert_eq!(
            check(&issue(&old, "k1", &SigningKey::from_bytes(&[6; 32])), NOW),
            Err(TokenFault::Forged)
        );
    }

    proptest! {
        #[test]
        fn a_changed_character_is_noticed(at in 0_usize..600, new in "[A-Za-z0-9_.-]") {
            let token = issue(&claims(), "k1", &key());
            let at = at % token.len();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(check(&changed, NOW).is_ok(), changed == token);
        }

        #[test]
        fn nonsense_is_refused(text in ".{0,200}") {
            prop_assert_eq!(check(&text, NOW), Err(TokenFault::Forged));
        }
    }
}
