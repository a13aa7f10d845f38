//! The refresh token's form: `base64url(session 16 B || generation 4 B || MAC 32 B)`, 70 characters.
//!
//! It is computed, not stored: a retry with the token that was just replaced gets the very same answer, and a
//! forged one is refused before the store is asked. The MAC is the caller's (HMAC-SHA256 over the first 20 bytes).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::SessionId;

const NAMED: usize = 20;
const LENGTH: usize = NAMED + 32;
/// Characters of the text form.
const TEXT: usize = 70;

/// Not a refresh token of this box: wrong length, wrong alphabet or a MAC that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token of this box")]
pub struct MalformedRefresh;

/// What a refresh token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// The family: one session.
    pub session: SessionId,
    /// Rises by one with every rotation.
    pub generation: u32,
}

impl RefreshToken {
    /// The text that a client keeps.
    #[must_use]
    pub fn seal(&self, mac: impl Fn(&[u8]) -> [u8; 32]) -> String {
        let mut bytes = [0_u8; LENGTH];
        bytes[..16].copy_from_slice(self.session.as_bytes());
        bytes[16..NAMED].copy_from_slice(&self.generation.to_be_bytes());
        let seal = mac(&bytes[..NAMED]);
        bytes[NAMED..].copy_from_slice(&seal);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text and checks its MAC in constant time.
    ///
    /// # Errors
    /// [`MalformedRefresh`]
    pub fn open(text: &str, mac: impl Fn(&[u8]) -> [u8; 32]) -> Result<Self, MalformedRefresh> {
        if text.len() != TEXT {
            return Err(MalformedRefresh);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedRefresh)?;
        let (named, seal) = bytes.split_at_checked(NAMED).ok_or(MalformedRefresh)?;
        if !super::setup_code::same_bytes(seal, &mac(named)) {
            return Err(MalformedRefresh);
        }
        let (session, generation) = named.split_at(16);
        let session = <[u8; 16]>::try_from(session).map_err(|_| MalformedRefresh)?;
        let generation = <[u8; 4]>::try_from(generation).map_err(|_| MalformedRefresh)?;
        Ok(Self { session: SessionId::from_bytes(session), generation: u32::from_be_bytes(generation) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Not a real MAC: depends on every byte, which is what the form needs.
    fn mac(bytes: &[u8]) -> [u8; 32] {
        let mut out = [7_u8; 32];
        for (n, byte) in bytes.iter().enumerate() {
            for (at, cell) in out.iter_mut().enumerate() {
                *cell = cell.wrapping_mul(31).wrapping_add(*byte ^ u8::try_from((n * 7 + at) % 251).unwrap());
            }
        }
        out
    }

    #[test]
    fn another_key_opens_nothing() {
        let token = RefreshToken { session: SessionId::from_random([3; 16]), generation: 9 };
        let text = token.seal(mac);
        assert_eq!(text.len(), TEXT);
        assert_eq!(RefreshToken::open(&text, mac), Ok(token));
        assert_eq!(RefreshToken::open(&text, |_| [0; 32]), Err(MalformedRefresh));
    }

    proptest! {
        #[test]
        fn sealed_and_opened(session: [u8; 16], generation: u32) {
            let token = RefreshToken { session: SessionId::from_random(session), generation };
            prop_assert_eq!(RefreshToken::open(&token.seal(mac), mac), Ok(token));
        }

        #[test]
        fn one_changed_character_is_noticed(session: [u8; 16], at in 0..TEXT, new in "[A-Za-z0-9_-]") {
            let text = RefreshToken { session: SessionId::from_random(session), generation: 1 }.seal(mac);
            let mut changed = text.clone();
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(RefreshToken::open(&changed, mac).is_ok(), changed == text);
        }

        #[test]
        fn nonsense_is_refused(text in ".{0,100}") {
            prop_assert_eq!(RefreshToken::open(&text, mac), Err(MalformedRefresh));
        }
    }
}
