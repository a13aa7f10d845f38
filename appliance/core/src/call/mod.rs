//! One call: its states, its clocks, its devices (F3, F5, F6 and the eleven rules of PROTOCOL.md).
//!
//! A call knows devices, not sockets, and users only as its two sides. What it needs from elsewhere (which devices
//! can ring, whether the callee is free) arrives as an input. Start at [`state`] for the states, then `ringing`,
//! `media`, `ending`.

pub mod admission;
mod ending;
mod leg;
mod media;
mod ringing;
mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub use state::{Edge, State};

use crate::id::{CallId, DeviceId, RoomId, UserId};
use crate::journal::Body;
use crate::unit::{Instant, Now};
use crate::wire::{
    CallStateChange, Code, Description, EndReason, ErrorKind, IceCandidate, Media, MediaNotice, MediaReport,
    MediaState, Party, Reject, ServerEvent,
};

use ending::Ending;
use leg::{KeptCandidates, Leg, Ringing};

/// From initiate to Timeout (rule 5).
pub const RING_TIME: Duration = Duration::from_secs(30);
/// From initiate to `call-user` (rule 5).
pub const OFFER_TIME: Duration = Duration::from_secs(10);
/// How long Connected, Reconnecting, or a leg without a socket may last (rule 2).
pub const HOLD_TIME: Duration = Duration::from_secs(30);
/// How long `incoming-call` may stay without an ack (rule 4).
pub const ACK_TIME: Duration = Duration::from_secs(5);
/// How long `call-ended` waits for the record and the media server (F5).
pub const END_TIME: Duration = Duration::from_secs(2);

/// Which of the two users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Who called.
    Caller,
    /// Who was called.
    Callee,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// A device of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaker {
    /// Whose.
    pub side: Side,
    /// Which.
    pub device: DeviceId,
}

/// What a call begins with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its identifier.
    pub id: CallId,
    /// Its room.
    pub room: RoomId,
    /// Who calls, as the callee will see him.
    pub caller: Party,
    /// The device that initiated.
    pub caller_device: DeviceId,
    /// Who is called.
    pub callee: UserId,
    /// Whether a device of the callee is reachable.
    pub callee_online: bool,
    /// What it is meant to carry.
    pub media: Media,
    /// End-to-end encrypted.
    pub e2ee: bool,
}

/// Everything that can happen to a call.
#[derive(Debug, Clone)]
pub enum Input {
    /// The record of the initiation is stored.
    Stored,
    /// The record of the end is stored.
    Saved,
    /// The media server works for the call.
    PipelineJoined,
    /// The media server let go of it.
    PipelineReleased,
    /// `call-user`; `rings` are the reachable devices of the callee, who may take a call if `callee_free`.
    CallUser { from: Speaker, target: UserId, offer: Description, rings: Vec<DeviceId>, callee_free: bool },
    /// `accept-call`
    Accept { from: Speaker, answer: Description },
    /// `reject-call`
    Reject { from: Speaker, reason: Option<String> },
    /// `ice-candidate`
    Candidate { from: Speaker, candidate: Option<IceCandidate> },
    /// `end-call`
    End { from: Speaker },
    /// `media-state`
    Media { from: Speaker, report: MediaReport, error: Option<ErrorKind> },
    /// `renegotiate`
    Renegotiate { from: Speaker, description: Description },
    /// Recording is wanted, or not any more.
    Record { from: Speaker, start: bool },
    /// `recording-consent`
    Consent { from: Speaker, agree: bool },
    /// The ack of `incoming-call`.
    RingAcked { device: DeviceId },
    /// A device has a socket (again); `fresh` when it remembers nothing.
    DeviceOnline { from: Speaker, fresh: bool },
    /// A device's socket closed.
    DeviceGone { from: Speaker },
    /// One side's account is gone.
    PartyGone { side: Side },
    /// The box stops.
    ShutDown,
}

/// Everything a call wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Tell one device.
    Send { to: DeviceId, event: ServerEvent },
    /// Write this down.
    Record(Body),
    /// Wake the callee's devices.
    Wake,
    /// Stop waking them.
    StopWaking,
    /// Take the media server's side down.
    ReleasePipeline,
    /// Everybody was told; the call can be forgotten.
    Over,
}

/// How far the waking of an unreachable callee got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waking {
    /// Reachable so far.
    Not,
    /// Asked for.
    Asked,
    /// A device came online, and the caller was told.
    Came,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    id: CallId,
    room: RoomId,
    caller: Party,
    callee: UserId,
    media: Media,
    e2ee: bool,
    initiated_by: DeviceId,
    created: Now,
    state: State,
    offer: Option<Description>,
    caller_leg: Option<Leg>,
    callee_leg: Option<Leg>,
    caller_candidates: KeptCandidates,
    ringing: BTreeMap<DeviceId, Ringing>,
    lost: BTreeSet<DeviceId>,
    waking: Waking,
    answered: Option<Now>,
    reconnecting_since: Option<Instant>,
    pipeline: bool,
    consents: BTreeSet<Side>,
    ending: Option<Ending>,
    outputs: VecDeque<Output>,
}

impl Call {
    /// Begins a call: Idle -initiateCall-> Connecting. Its first output is the record.
    #[must_use]
    pub fn initiate(setup: Setup, now: Now) -> Self {
        let record = Body::CallInitiated {
            call: setup.id,
            room: setup.room,
            caller: setup.caller.id,
            caller_device: setup.caller_device,
            callee: setup.callee,
            media: setup.media,
            e2ee: setup.e2ee,
        };
        Self {
            id: setup.id,
            room: setup.room,
            caller: setup.caller,
            callee: setup.callee,
            media: setup.media,
            e2ee: setup.e2ee,
            initiated_by: setup.caller_device,
            created: now,
            state: State::Idle.after(Edge::InitiateCall).unwrap_or(State::Connecting),
            offer: None,
            caller_leg: None,
            callee_leg: None,
            caller_candidates: KeptCandidates::default(),
            ringing: BTreeMap::new(),
            lost: BTreeSet::new(),
            waking: if setup.callee_online { Waking::Not } else { Waking::Asked },
            answered: None,
            reconnecting_since: None,
            pipeline: false,
            consents: BTreeSet::new(),
            ending: None,
            outputs: VecDeque::from([Output::Record(record)]),
        }
    }

    /// Takes one input.
    ///
    /// # Errors
    /// [`Reject`] when a device did what it may not do now; the call is as it was.
    pub fn handle(&mut self, input: Input, now: Now) -> Result<(), Reject> {
        match input {
            Input::Stored => self.stored(),
            Input::Saved => self.ended(|ending| ending.saved = true),
            Input::PipelineJoined => self.pipeline = self.state.is_live(),
            Input::PipelineReleased => self.ended(|ending| ending.released = true),
            Input::RingAcked { device } => self.ring_acked(device),
            Input::DeviceOnline { from, fresh } => self.device_online(from, fresh, now),
            Input::DeviceGone { from } => self.device_gone(from, now),
            Input::PartyGone { side } => self.stop(EndReason::Hangup, Some(self.user(side)), now),
            Input::ShutDown => self.stop(EndReason::BoxShutdown, None, now),
            Input::End { from } => self.end(from, now),
            _ if !self.state.is_live() => return Err(Code::CallEnded.into()),
            Input::CallUser { from, target, offer, rings, callee_free } => {
                return self.call_user(from, target, offer, (&rings, callee_free), now);
            }
            Input::Accept { from, answer } => return self.accept(from, answer, now),
            Input::Reject { from, reason } => return self.reject(from, reason, now),
            Input::Candidate { from, candidate } => return self.candidate(from, candidate),
            Input::Media { from, report, error } => return self.media_report(from, report, error, now),
            Input::Renegotiate { from, description } => return self.renegotiate(from, description),
            Input::Record { from, start } => return self.record(from, start),
            Input::Consent { from, agree } => return self.consent(from, agree),
        }
        Ok(())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((_, timer)) = self.due().filter(|(at, _)| *at <= now.instant) {
            match timer {
                Timer::Ack(device) => self.ring_unacked(device),
                Timer::End => self.close(),
                Timer::Hold => self.fail(ErrorKind::NetworkError, now),
                Timer::Offer => self.fail(ErrorKind::ServerError, now),
                Timer::Ring => self.finish(Edge::RingTimeout, EndReason::Timeout, None, now),
            }
        }
    }

    /// What the call wants done, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` is wanted, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        self.due().map(|(at, timer)| (at, timer.reason()))
    }

    /// The earliest timer. No timer is stored: each follows from what the call is.
    fn due(&self) -> Option<(Instant, Timer)> {
        let mut due: Option<(Instant, Timer)> = None;
        let mut consider = |at: Instant, timer: Timer| {
            if due.is_none_or(|(earliest, _)| at < earliest) {
                due = Some((at, timer));
            }
        };
        match self.state {
            State::Connecting => {
                consider(self.created.instant + RING_TIME, Timer::Ring);
                if self.offer.is_none() {
                    consider(self.created.instant + OFFER_TIME, Timer::Offer);
                }
                for (device, ringing) in &self.ringing {
                    if let Some(at) = ringing.ack_due {
                        consider(at, Timer::Ack(*device));
                    }
                }
            }
            State::Connected | State::InCall | State::Reconnecting => {
                let answered = self.answered.map(|at| at.instant).filter(|_| self.state == State::Connected);
                let legs = [&self.caller_leg, &self.callee_leg].into_iter().flatten();
                let starts =
                    legs.filter_map(|leg| leg.gone_since).chain(answered).chain(self.reconnecting_since);
                for since in starts {
                    consider(since + HOLD_TIME, Timer::Hold);
                }
            }
            State::Error(_) | State::Timeout | State::Ended => {
                if let Some(ending) = &self.ending {
                    consider(ending.due, Timer::End);
                }
            }
            State::Idle => {}
        }
        due
    }

    /// Goes along one edge of F6 and tells everybody. An edge that does not exist is our own mistake: it changes
    /// nothing, and a debug build stops.
    fn take(&mut self, edge: Edge) {
        let Some(next) = self.state.after(edge) else {
            debug_assert!(false, "no edge {edge:?} from {:?}", self.state);
            return;
        };
        let media_before = self.media_state();
        self.state = next;
        let (state, error) = next.on_wire();
        self.tell_all(&ServerEvent::CallState(CallStateChange { call_id: self.id, state, error }));
        let media = self.media_state();
        if media != media_before {
            self.tell_media(media);
        }
    }

    fn tell_media(&mut self, media: MediaState) {
        let state = match media {
            MediaState::NoMedia => "NoMedia",
            MediaState::Connecting => "Connecting",
            MediaState::Connected => "Connected",
            MediaState::Recording => "Recording",
        };
        self.tell_all(&ServerEvent::MediaState(MediaNotice { call_id: self.id, from_user_id: None, state }));
    }

    fn tell(&mut self, to: DeviceId, event: ServerEvent) {
        self.outputs.push_back(Output::Send { to, event });
    }

    fn tell_all(&mut self, event: &ServerEvent) {
        for to in self.audience() {
            self.tell(to, event.clone());
        }
    }

    /// Who hears of the call now: the caller's device, and the callee's bound device or all that ring.
    fn audience(&self) -> Vec<DeviceId> {
        let caller = self.caller_device();
        match &self.callee_leg {
            Some(leg) => vec![caller, leg.device],
            None => std::iter::once(caller).chain(self.ringing.keys().copied()).collect(),
        }
    }

    fn caller_device(&self) -> DeviceId {
        self.caller_leg.as_ref().map_or(self.initiated_by, |leg| leg.device)
    }

    fn leg(&self, side: Side) -> Option<&Leg> {
        match side {
            Side::Caller => self.caller_leg.as_ref(),
            Side::Callee => self.callee_leg.as_ref(),
        }
    }

    fn leg_mut(&mut self, from: Speaker) -> Option<&mut Leg> {
        let leg = match from.side {
            Side::Caller => &mut self.caller_leg,
            Side::Callee => &mut self.callee_leg,
        };
        leg.as_mut().filter(|leg| leg.device == from.device)
    }
}

/// The call's clocks.
#[derive(Debug, Clone, Copy)]
enum Timer {
    /// [`ACK_TIME`] after `incoming-call` to this device.
    Ack(DeviceId),
    /// [`END_TIME`] after the end.
    End,
    /// [`HOLD_TIME`] in Connected, in Reconnecting, or without a socket.
    Hold,
    /// [`OFFER_TIME`] after initiate.
    Offer,
    /// [`RING_TIME`] after initiate.
    Ring,
}

impl Timer {
    const fn reason(self) -> &'static str {
        match self {
            Self::Ack(_) => "incoming-call without ack",
            Self::End => "call-ended without record",
            Self::Hold => "leg without media or socket",
            Self::Offer => "initiate without call-user",
            Self::Ring => "ringing without answer",
        }
    }
}

/// What the exchange reads of a call.
impl Call {
    /// Its room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// F6.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// F15.
    #[must_use]
    pub const fn media_state(&self) -> MediaState {
        match self.state {
            State::Connecting | State::Connected => MediaState::Connecting,
            State::InCall | State::Reconnecting => MediaState::Connected,
            State::Idle | State::Error(_) | State::Timeout | State::Ended => MediaState::NoMedia,
        }
    }

    /// What it is meant to carry.
    #[must_use]
    pub const fn media(&self) -> Media {
        self.media
    }

    /// End-to-end encrypted.
    #[must_use]
    pub const fn e2ee(&self) -> bool {
        self.e2ee
    }

    /// When it was initiated.
    #[must_use]
    pub const fn created(&self) -> Now {
        self.created
    }

    /// When it was answered.
    #[must_use]
    pub const fn answered(&self) -> Option<Now> {
        self.answered
    }

    /// When and why it ended, and its milliseconds since the answer.
    #[must_use]
    pub fn end_facts(&self) -> Option<(Now, EndReason, u64)> {
        self.ending.as_ref().map(|ending| (ending.at, ending.reason, ending.duration_ms))
    }

    /// The user of a side.
    #[must_use]
    pub const fn user(&self, side: Side) -> UserId {
        match side {
            Side::Caller => self.caller.id,
            Side::Callee => self.callee,
        }
    }

    /// The side of a user; `None` for a stranger.
    #[must_use]
    pub fn side_of(&self, user: UserId) -> Option<Side> {
        [Side::Caller, Side::Callee].into_iter().find(|side| self.user(*side) == user)
    }

    /// Whether a side is kept busy: the caller from initiate, the callee from the first ring.
    #[must_use]
    pub fn engages(&self, side: Side) -> bool {
        if self.state == State::Connecting {
            return side == Side::Caller || !self.ringing.is_empty();
        }
        self.state.is_live()
    }

    /// The device bound on a side (rule 3).
    #[must_use]
    pub fn bound(&self, side: Side) -> Option<DeviceId> {
        self.leg(side).map(|leg| leg.device)
    }
}
