//! An event as bytes and back: `version byte, postcard`. `appliance/docs/journal.md` has the byte tables.

use super::{Body, Event};
use crate::unit::Timestamp;

/// The envelope's version byte.
pub const VERSION: u8 = 1;

/// How many variants this release knows; numbers below are valid.
pub const VARIANTS: u32 = 14;

/// Why stored bytes are not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No byte at all.
    #[error("no bytes")]
    Empty,
    /// A later release wrote it.
    #[error("version {0} is not known to this release")]
    UnknownVersion(u8),
    /// A later release wrote it.
    #[error("event number {0} is not known to this release")]
    UnknownVariant(u32),
    /// Anything else in the body cannot be read.
    #[error("the body cannot be read: {0}")]
    Body(#[from] postcard::Error),
    /// Bytes are left over after the body.
    #[error("{0} bytes too many")]
    Trailing(usize),
}

impl Body {
    /// The number of the variant in the stored bytes.
    #[must_use]
    pub const fn number(&self) -> u32 {
        match self {
            Self::BoxSetUp { .. } => 0,
            Self::UserCreated { .. } => 1,
            Self::UserChanged { .. } => 2,
            Self::UserDeleted { .. } => 3,
            Self::PasswordChanged { .. } => 4,
            Self::SessionOpened { .. } => 5,
            Self::SessionEnded { .. } => 6,
            Self::EnrolmentIssued { .. } => 7,
            Self::EnrolmentUsed { .. } => 8,
            Self::CallInitiated { .. } => 9,
            Self::CallRefused { .. } => 10,
            Self::CallAnswered { .. } => 11,
            Self::CallEnded { .. } => 12,
            Self::SettingChanged { .. } => 13,
        }
    }
}

/// The stored form of an event.
#[must_use]
pub fn encode(event: &Event) -> Vec<u8> {
    // The largest event, `CallInitiated`, has 95 bytes.
    let mut bytes = Vec::with_capacity(96);
    bytes.push(VERSION);
    #[expect(
        clippy::expect_used,
        reason = "a vector takes any bytes, and an event has no field that refuses"
    )]
    postcard::to_extend(event, bytes).expect("an event is always encodable")
}

/// Back from the stored form.
///
/// # Errors
/// [`DecodeError`]; never a guess.
pub fn decode(bytes: &[u8]) -> Result<Event, DecodeError> {
    let (&version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if version != VERSION {
        return Err(DecodeError::UnknownVersion(version));
    }
    let (_, from_number) = postcard::take_from_bytes::<Timestamp>(body)?;
    let (number, _) = postcard::take_from_bytes::<u32>(from_number)?;
    if number >= VARIANTS {
        return Err(DecodeError::UnknownVariant(number));
    }
    let (event, rest) = postcard::take_from_bytes::<Event>(body)?;
    if rest.is_empty() { Ok(event) } else { Err(DecodeError::Trailing(rest.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CallId, DeviceId, EnrolmentId, RoomId, SessionId, UserId};
    use crate::journal::{Actor, EndedSession, Refusal, Role, SignIn};
    use crate::wire::{CallState, EndReason, ErrorKind, Media};

    const AT: Timestamp = Timestamp::from_millis(1_700_000_000_123);
    /// Envelope version 1, then 1,700,000,000,123 as a zigzag varint: what every stored event of the table
    /// begins with.
    const HEAD: &str = "01f6a1abfef962";

    const fn user(byte: u8) -> UserId {
        UserId::from_bytes([byte; 16])
    }

    fn hex16(byte: u8) -> String {
        format!("{byte:02x}").repeat(16)
    }

    /// One line per variant, and per way its optional fields can be: the bytes after [`HEAD`]; `{xx}` stands for
    /// sixteen bytes `xx`. These lines never change; a new variant adds some.
    fn golden() -> Vec<(Body, &'static str)> {
        let mut table = golden_accounts();
        table.extend(golden_calls());
        table.push((Body::SettingChanged { key: 300, by: Actor::Box }, "0dac0200"));
        table
    }

    fn golden_accounts() -> Vec<(Body, &'static str)> {
        let (session, device) = (SessionId::from_bytes([0x5e; 16]), DeviceId::from_bytes([0xde; 16]));
        let enrolment = EnrolmentId::from_bytes([0xe0; 16]);
        vec![
            (Body::BoxSetUp { admin: user(0xa1) }, "00{a1}"),
            (Body::UserCreated { user: user(0xa2), role: Role::Device, by: Actor::Console }, "01{a2}0301"),
            (
                Body::UserChanged {
                    user: user(0xa2),
                    role: Role::Admin,
                    disabled: true,
                    by: Actor::User(user(0xa1)),
                },
                "02{a2}000102{a1}",
            ),
            (Body::UserDeleted { user: user(0xa2), by: Actor::Box }, "03{a2}00"),
            (Body::PasswordChanged { user: user(0xa2), by: Actor::Console }, "04{a2}01"),
            (
                Body::SessionOpened { session, device, user: user(0xa2), sign_in: SignIn::Setup },
                "05{5e}{de}{a2}02",
            ),
            (
                Body::SessionEnded {
                    session,
                    user: user(0xa2),
                    why: EndedSession::Displaced,
                    by: Actor::Box,
                },
                "06{5e}{a2}0400",
            ),
            (
                Body::EnrolmentIssued { enrolment, user: user(0xa2), expires: AT, by: Actor::Box },
                "07{e0}{a2}f6a1abfef96200",
            ),
            (Body::EnrolmentUsed { enrolment, session }, "08{e0}{5e}"),
        ]
    }

    fn golden_calls() -> Vec<(Body, &'static str)> {
        let (call, room) = (CallId::from_bytes([0xca; 16]), RoomId::from_bytes([0xb0; 16]));
        let device = DeviceId::from_bytes([0xde; 16]);
        let media = Media { audio: true, video: false };
        vec![
            (
                Body::CallInitiated {
                    call,
                    room,
                    caller: user(0xa1),
                    caller_device: device,
                    callee: user(0xa2),
                    media,
                    e2ee: true,
                },
                "09{ca}{b0}{a1}{de}{a2}010001",
            ),
            (
                Body::CallRefused {
                    call,
                    room,
                    caller: user(0xa1),
                    callee: user(0xa2),
                    media,
                    why: Refusal::DoNotDisturb,
                },
                "0a{ca}{b0}{a1}{a2}010001",
            ),
            (Body::CallAnswered { call, callee_device: device }, "0b{ca}{de}"),
            (
                Body::CallEnded {
                    call,
                    state: CallState::Ended,
                    error: None,
                    reason: EndReason::BoxShutdown,
                    duration_ms: 300,
                    by: Some(user(0xa1)),
                },
                "0c{ca}070006ac0201{a1}",
            ),
            (
                Body::CallEnded {
                    call,
                    state: CallState::Error,
                    error: Some(ErrorKind::MediaError),
                    reason: EndReason::Error,
                    duration_ms: 0,
                    by: None,
                },
                "0c{ca}050103050000",
            ),
        ]
    }

    fn bytes_of(golden: &str) -> Vec<u8> {
        let mut text = String::from(HEAD);
        let mut rest = golden;
        while let Some((before, after)) = rest.split_once('{') {
            let (byte, after) = after.split_once('}').unwrap();
            text.push_str(before);
            text.push_str(&hex16(u8::from_str_radix(byte, 16).unwrap()));
            rest = after;
        }
        text.push_str(rest);
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn every_variant_has_the_bytes_it_always_had() {
        for (body, golden) in golden() {
            let event = Event { at: AT, body };
            assert_eq!(encode(&event), bytes_of(golden), "{body:?}");
            assert_eq!(decode(&bytes_of(golden)), Ok(event), "{body:?}");
        }
    }

    #[test]
    fn every_variant_is_in_the_golden_table() {
        let mut numbers: Vec<u32> = golden().iter().map(|(body, _)| body.number()).collect();
        numbers.dedup();
        assert_eq!(numbers, (0..VARIANTS).collect::<Vec<_>>());
        for (body, golden) in golden() {
            assert_eq!(u32::from_str_radix(&golden[..2], 16).unwrap(), body.number());
        }
    }

    #[test]
    fn what_is_not_known_is_named_and_never_guessed() {
        let good = bytes_of("0dac0200");
        assert_eq!(decode(&[]), Err(DecodeError::Empty));
        assert_eq!(decode(&[&[2], &good[1..]].concat()), Err(DecodeError::UnknownVersion(2)));
        assert_eq!(decode(&bytes_of("0e00")), Err(DecodeError::UnknownVariant(14)));
        assert_eq!(decode(&bytes_of("ff7f00")), Err(DecodeError::UnknownVariant(16_383)));
        assert_eq!(decode(&[good.as_slice(), &[0]].concat()), Err(DecodeError::Trailing(1)));
        for end in 1..good.len() {
            assert!(matches!(decode(&good[..end]), Err(DecodeError::Body(_))), "cut at {end}");
        }
        let unknown_actor = bytes_of("0dac0203");
        assert!(matches!(decode(&unknown_actor), Err(DecodeError::Body(_))));
    }
}
