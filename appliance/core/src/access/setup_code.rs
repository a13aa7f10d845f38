//! The code that the box prints at its first start: whoever can read the box's output may set it up.

use std::fmt;

/// 32 signs without 0, 1, I and O, which are read as one another.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Eight signs, shown as `XXXX-XXXX`: 40 random bits, and a throttle in front of them.
#[derive(Clone, PartialEq, Eq)]
pub struct SetupCode([u8; 8]);

impl SetupCode {
    /// Makes a code of 8 random bytes, of which 5 bits each are used.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(bytes.map(|byte| ALPHABET[usize::from(byte & 31)]))
    }

    /// Reads a code that was stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        fold(text).map(Self)
    }

    /// Whether a person typed this code; capitals, blanks and dashes do not matter. The time does not depend on
    /// how many signs are right.
    #[must_use]
    pub fn matches(&self, typed: &str) -> bool {
        fold(typed).is_some_and(|typed| same_bytes(&typed, &self.0))
    }
}

impl fmt::Display for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::str::from_utf8(&self.0).unwrap_or_default();
        let (first, second) = text.split_at_checked(4).unwrap_or((text, ""));
        write!(f, "{first}-{second}")
    }
}

impl fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetupCode(..)")
    }
}

fn fold(text: &str) -> Option<[u8; 8]> {
    let mut code = [0_u8; 8];
    let mut count = 0;
    for byte in text.bytes().take(32).filter(|byte| !matches!(byte, b'-' | b' ')) {
        let byte = byte.to_ascii_uppercase();
        *code.get_mut(count).filter(|_| ALPHABET.contains(&byte))? = byte;
        count += 1;
    }
    (count == code.len() && text.len() <= 32).then_some(code)
}

/// Compares without stopping at the first difference.
pub(super) fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0_u8, |found, (a, b)| found | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_may_type_it_as_they_like() {
        let code = SetupCode::parse("ABCD-2345").unwrap();
        assert_eq!(code.to_string(), "ABCD-2345");
        for typed in ["ABCD-2345", "abcd2345", " abcd 2345 ", "ABCD--2345"] {
            assert!(code.matches(typed), "{typed}");
        }
        for typed in
            ["", "ABCD-2346", "ABCD-234", "ABCD-23455", "ABCD-2340", "ABCD\u{2013}2345", &"A".repeat(10_000)]
        {
            assert!(!code.matches(typed), "{typed}");
        }
        assert_eq!(format!("{code:?}"), "SetupCode(..)");
    }

    proptest! {
        #[test]
        fn written_and_read_back(bytes: [u8; 8]) {
            let code = SetupCode::from_random(bytes);
            let text = code.to_string();
            prop_assert_eq!(text.len(), 9);
            prop_assert!(code.matches(&text.to_lowercase()));
            prop_assert_eq!(SetupCode::parse(&text), Some(code));
        }
    }
}
