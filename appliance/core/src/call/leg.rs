//! One bound device of a call, and one device that rings.

use crate::id::DeviceId;
use crate::unit::Instant;
use crate::wire::{IceCandidate, MediaReport};

/// What a leg's media does, as its device reports it.
///
/// ```text
///  Waiting --connected--> Flowing --lost--> Lost --reconnected--> Flowing
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LegMedia {
    /// Not there yet.
    Waiting,
    /// There.
    Flowing,
    /// Was there.
    Lost,
}

/// A bound device.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    pub(super) device: DeviceId,
    pub(super) media: LegMedia,
    /// The newest report, so that a repeated one is told from an impossible one.
    pub(super) last: Option<MediaReport>,
    /// Since when its socket is gone.
    pub(super) gone_since: Option<Instant>,
}

impl Leg {
    pub(super) const fn new(device: DeviceId) -> Self {
        Self { device, media: LegMedia::Waiting, last: None, gone_since: None }
    }
}

/// Candidates kept for somebody who cannot take them yet.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptCandidates(Vec<Option<IceCandidate>>);

impl KeptCandidates {
    /// Chromium gathers under 20 on a machine with several interfaces.
    pub(super) const MOST: usize = 64;

    /// Keeps one more; false when there is no room.
    pub(super) fn keep(&mut self, candidate: Option<IceCandidate>) -> bool {
        let room = self.0.len() < Self::MOST;
        if room {
            self.0.push(candidate);
        }
        room
    }

    pub(super) fn take(&mut self) -> Vec<Option<IceCandidate>> {
        std::mem::take(&mut self.0)
    }
}

/// A device of the callee that was told of the call.
#[derive(Debug, Clone)]
pub(super) struct Ringing {
    /// When it counts as offline unless it acknowledged; `None` once it did, or once it counts so.
    pub(super) ack_due: Option<Instant>,
    /// Acknowledged, or said anything about the call.
    pub(super) reached: bool,
    /// Kept until it accepts (rule 3).
    pub(super) candidates: KeptCandidates,
}
