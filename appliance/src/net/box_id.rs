//! The name that a box cannot lose: the SHA-256 of its ed25519 public key, and how people read it aloud.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use ring::digest::{SHA256, digest};

/// RFC 4648 section 6, lower case: no 0, 1, 8 and 9 that are heard or read as letters.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 256 bits in groups of five.
const ID_CHARS: usize = 52;
/// 20 bits that catch a typing error.
const CHECK_CHARS: usize = 4;
/// Characters between two hyphens.
const GROUP: usize = 7;
/// What stands before the 32 key bytes in the SubjectPublicKeyInfo of an ed25519 key (RFC 8410 section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// SHA-256 of the box's public key as SubjectPublicKeyInfo. Shown as 8 groups of 7 base32 characters, of which the
/// last 4 check the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoxId(pub [u8; 32]);

impl BoxId {
    /// The id of the box that has this key.
    #[must_use]
    pub fn of(key: &VerifyingKey) -> Self {
        Self(sha256(&spki(key)))
    }

    /// Four characters for host names and the name of the CA: enough to tell the boxes of one office apart,
    /// not enough to prove anything.
    #[must_use]
    pub fn short(&self) -> String {
        base32(&self.0).take(4).collect()
    }
}

/// The public key as SubjectPublicKeyInfo, 44 bytes (RFC 8410).
#[must_use]
pub fn spki(key: &VerifyingKey) -> [u8; 44] {
    let mut out = [0; 44];
    out[..12].copy_from_slice(&SPKI_PREFIX);
    out[12..].copy_from_slice(key.as_bytes());
    out
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// Five bits at a time, the last group filled with zeros, no padding characters.
fn base32(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    (0..(bytes.len() * 8).div_ceil(5)).map(|n| {
        let value = (0..5).fold(0, |value, bit| {
            let at = n * 5 + bit;
            let byte = bytes.get(at / 8).copied().unwrap_or(0);
            (value << 1) | usize::from((byte >> (7 - at % 8)) & 1)
        });
        char::from(ALPHABET[value])
    })
}

impl fmt::Display for BoxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = sha256(&self.0);
        for (n, c) in base32(&self.0).chain(base32(&check).take(CHECK_CHARS)).enumerate() {
            if n > 0 && n % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for BoxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoxId({})", self.short())
    }
}

/// Why a text is no box id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBoxId {
    /// Too many, too few or foreign characters.
    #[error("a box id has 56 letters a-z and digits 2-7")]
    Shape,
    /// A character was mistyped.
    #[error("the check characters do not fit: one character is wrong")]
    Check,
}

impl FromStr for BoxId {
    type Err = BadBoxId;

    /// Hyphens, blanks and capitals are as people type them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0u8; 32];
        let mut count = 0;
        let typed = text.bytes().filter(|b| !matches!(b, b'-' | b' ')).map(|b| b.to_ascii_lowercase());
        for b in typed {
            let value = ALPHABET.iter().position(|c| *c == b).ok_or(BadBoxId::Shape)?;
            if count < ID_CHARS {
                for bit in 0..5 {
                    let at = count * 5 + bit;
                    if let Some(byte) = id.get_mut(at / 8) {
                        *byte |= u8::from((value >> (4 - bit)) & 1 == 1) << (7 - at % 8);
                    }
                }
            }
            count += 1;
            if count > ID_CHARS + CHECK_CHARS {
                return Err(BadBoxId::Shape);
            }
        }
        if count != ID_CHARS + CHECK_CHARS {
            return Err(BadBoxId::Shape);
        }
        let id = Self(id);
        // Writing it again checks the check characters and the four filling bits at once.
        let same = text.bytes().filter(|b| !matches!(b, b'-' | b' ')).map(|b| b.to_ascii_lowercase());
        if same.eq(id.to_string().bytes().filter(|b| *b != b'-')) { Ok(id) } else { Err(BadBoxId::Check) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    #[test]
    fn base32_is_that_of_the_rfc() {
        // RFC 4648 section 10.
        for (bytes, text) in [("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")] {
            assert_eq!(base32(bytes.as_bytes()).collect::<String>(), text);
        }
    }

    #[test]
    fn an_id_is_written_and_read_back() {
        let id = BoxId::of(&SigningKey::from_bytes(&[7; 32]).verifying_key());
        let text = id.to_string();
        assert_eq!(text.len(), 56 + 7);
        assert!(text.split('-').all(|group| group.len() == 7));
        assert!(text.starts_with(&id.short()));
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().replace('-', " ").parse(), Ok(id));
    }

    #[test]
    fn every_single_mistyped_character_is_caught() {
        let text = BoxId([0x5a; 32]).to_string();
        for (at, old) in text.char_indices().filter(|(_, c)| *c != '-') {
            for new in "a2q7".chars().filter(|new| *new != old) {
                let mut typed = text.clone();
                typed.replace_range(at..=at, &new.to_string());
                assert_eq!(typed.parse::<BoxId>(), Err(BadBoxId::Check), "{at}");
            }
        }
        for text in ["", "abc", &text[1..], &format!("{text}a"), &text.replace('-', "1")] {
            assert_eq!(text.parse::<BoxId>(), Err(BadBoxId::Shape), "{text}");
        }
    }

    #[test]
    fn debug_output_is_short() {
        assert_eq!(format!("{:?}", BoxId([0; 32])), "BoxId(aaaa)");
    }
}
