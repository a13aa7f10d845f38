//! Newtypes for every identifier. Their `Debug` is redacted; `.loggable()` gives the four characters that may
//! stand in a log, enough to follow one call through a file and not enough to look anybody up.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Why a text is not an identifier of any kind: empty, longer than 64 characters, or with characters outside
/// `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed identifier")]
pub struct MalformedId;

/// 128 random bits in the text form of a UUID (RFC 9562 §4), made by a shell and never reused.
macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The well-formed identifier that no box ever gives out. A client that sends an identifier in
            /// some other system's form means this one: it is unknown, not malformed.
            pub const UNKNOWN: Self = Self([0; 16]);

            /// Makes an identifier of 16 random bytes; sets the version and variant bits of a UUID v4.
            #[must_use]
            pub const fn from_random(mut bytes: [u8; 16]) -> Self {
                bytes[6] = (bytes[6] & 0x0f) | 0x40;
                bytes[8] = (bytes[8] & 0x3f) | 0x80;
                Self(bytes)
            }

            /// The stored form.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Back from the stored form.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Reads the text form. A well-formed text that is not ours becomes [`Self::UNKNOWN`].
            ///
            /// # Errors
            /// [`MalformedId`] when no system would call the text an identifier.
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                parse_uuid(text).map(|found| found.map_or(Self::UNKNOWN, Self))
            }

            /// What may stand in a log.
            #[must_use]
            pub fn loggable(&self) -> Loggable {
                Loggable([self.0[0], self.0[1]])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&uuid_text(&self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.loggable())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    let text = uuid_text(&self.0);
                    serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an identifier")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Text)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

opaque_id!(
    /// A person or a thing that can be called.
    UserId
);
opaque_id!(
    /// One enrolled phone or browser: made at login, gone with its session.
    DeviceId
);
opaque_id!(
    /// One login of one device; what a token belongs to and what a revocation ends.
    SessionId
);
opaque_id!(
    /// One call, from its initiation to its record.
    CallId
);
opaque_id!(
    /// Where the media of a call meets, once it is not peer to peer.
    RoomId
);
opaque_id!(
    /// One enrolment token, as the journal may name it.
    EnrolmentId
);

/// One Socket.IO connection, numbered by the shell that accepted it. Never leaves the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// The first characters of an identifier, for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loggable([u8; 2]);

impl fmt::Display for Loggable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}", self.0[0], self.0[1])
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn uuid_text(bytes: &[u8; 16]) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 0x0f)];
        at += 2;
    }
    text
}

fn parse_uuid(text: &str) -> Result<Option<[u8; 16]>, MalformedId> {
    let raw = text.as_bytes();
    let well_formed = (1..=64).contains(&raw.len())
        && raw.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !well_formed {
        return Err(MalformedId);
    }
    if raw.len() != 36 || [8, 13, 18, 23].iter().any(|&dash| raw[dash] != b'-') {
        return Ok(None);
    }
    let mut bytes = [0_u8; 16];
    let mut digits = raw.iter().filter(|b| **b != b'-').map(|b| char::from(*b).to_digit(16));
    for byte in &mut bytes {
        let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
            return Ok(None);
        };
        *byte = u8::try_from(high << 4 | low).unwrap_or_default();
    }
    Ok(digits.next().is_none().then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = CallId::from_random([7; 16]);
        assert_eq!(id.to_string(), "07070707-0707-4707-8707-070707070707");
        assert_eq!(CallId::parse(&id.to_string()), Ok(id));
        assert_eq!(CallId::parse(&id.to_string().to_uppercase()), Ok(id));
    }

    #[test]
    fn foreign_forms_are_unknown_and_nonsense_is_malformed() {
        for foreign in ["x", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "07070707-0707-4707-8707-07070707070g", "-----"] {
            assert_eq!(CallId::parse(foreign), Ok(CallId::UNKNOWN), "{foreign}");
        }
        for malformed in ["", "a b", "ü", "a/b", &"a".repeat(65)] {
            assert_eq!(CallId::parse(malformed), Err(MalformedId), "{malformed}");
        }
        let dashes_inside = "0707-0707-0707-4707-8707-070707070707";
        assert_eq!(CallId::parse(dashes_inside), Ok(CallId::UNKNOWN));
    }

    #[test]
    fn stored_form_is_sixteen_bytes_and_logs_show_four_digits() {
        let id = UserId::from_random([0xab; 16]);
        let stored = postcard::to_stdvec(&id).unwrap();
        assert_eq!(stored.len(), 16);
        assert_eq!(postcard::from_bytes::<UserId>(&stored).unwrap(), id);
        assert_eq!(format!("{id:?}"), "UserId(abab)");
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    }
}
