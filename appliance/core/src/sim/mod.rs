//! A box without hardware: the exchange on a virtual clock, with scripted phones, a network that cuts sockets and a
//! store that takes its time. For tests and fuzzing only.
//!
//! [`office`] plays an office for hours; [`model`] says, independently of the code, what each event must be
//! answered with, and is compared with the exchange step by step.

#![expect(clippy::wildcard_enum_match_arm, reason = "scripts and checks look at a few of many events")]

pub mod model;
pub mod office;
mod replay;

pub use replay::{SeenEdge, replay};

use crate::exchange::{Caller, DirectoryEntry};
use crate::id::{CallId, DeviceId, RoomId, SessionId, UserId};
use crate::journal::Role;
use crate::wire::{Description, SdpType};

/// A small, fast, seeded generator (xorshift64*): the same seed, the same story.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A generator; a seed of zero is as good as any.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next 64 bits.
    pub const fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `sides`.
    pub const fn below(&mut self, sides: u64) -> u64 {
        (self.roll() >> 11) % sides
    }

    /// True `percent` times of a hundred.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Sixteen bytes that name the `n`th thing of a kind.
fn numbered(n: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    bytes[15] = 1;
    bytes
}

fn user(n: u64) -> UserId {
    UserId::from_random(numbered(n))
}

fn call_ids(n: u64) -> (CallId, RoomId) {
    (CallId::from_random(numbered(n)), RoomId::from_random(numbered(n)))
}

/// The `device`th device of the `n`th user.
fn caller(n: u64, device: u64) -> Caller {
    let which = n * 100 + device;
    Caller {
        session: SessionId::from_random(numbered(which)),
        device: DeviceId::from_random(numbered(which)),
        user: user(n),
    }
}

fn entry(n: u64, version: u64, do_not_disturb: bool, call_waiting: bool) -> DirectoryEntry {
    DirectoryEntry {
        user: user(n),
        version,
        role: Role::User,
        display_name: format!("User {n}"),
        extension: Some(format!("{}", 100 + n)),
        do_not_disturb,
        call_waiting,
    }
}

fn description(kind: SdpType) -> Description {
    Description { kind, sdp: "v=0".to_owned() }
}

#[cfg(test)]
mod tests;
