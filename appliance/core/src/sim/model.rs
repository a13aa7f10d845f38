//! The reference: the rules of a call, said a second time and as plainly as possible.
//!
//! It keeps no timers, no queues and no outputs. Time passes in whole seconds, the store answers at once. What it
//! says must be what the exchange does: the same answer to every event, the same state of every call.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::State;
use crate::wire::{Code, ErrorKind, MediaReport};

/// Users in the model.
pub const USERS: u64 = 3;
/// Devices of each.
pub const DEVICES: u64 = 2;

/// A user's device.
pub type Device = (u64, u64);

/// One step of a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the events of PROTOCOL.md")]
pub enum Step {
    Connect(Device),
    Disconnect(Device),
    Flags { user: u64, do_not_disturb: bool, call_waiting: bool },
    Initiate(Device, u64),
    CallUser(Device, usize),
    Accept(Device, usize),
    Reject(Device, usize),
    Candidate(Device, usize),
    End(Device, usize),
    Media(Device, usize, MediaReport),
    Renegotiate(Device, usize),
    Pass { seconds: u64 },
}

impl Step {
    /// Reads a story from bytes, three to a step; any bytes are a story.
    #[must_use]
    pub fn story(bytes: &[u8]) -> Vec<Self> {
        bytes.chunks_exact(3).map(|three| Self::read(three[0], three[1], three[2])).collect()
    }

    /// A random story in which most steps are such as get an ok: such a story goes deep.
    #[must_use]
    pub fn deep_story(seed: u64, steps: usize) -> Vec<Self> {
        let mut dice = super::Dice::new(seed);
        let mut model = Model::default();
        let devices = (0..USERS).flat_map(|user| (0..DEVICES).map(move |device| (user, device)));
        let mut story: Vec<_> = devices.map(Self::Connect).collect();
        for step in &story {
            let _ = model.step(*step);
        }
        while story.len() < steps {
            let mut step = Self::roll(&mut dice);
            for _ in 0..60 {
                if !(step.is_idle() && dice.chance(93)) && model.clone().step(step).is_ok() {
                    break;
                }
                step = Self::roll(&mut dice);
            }
            let _ = model.step(step);
            story.push(step);
        }
        story
    }

    fn roll(dice: &mut super::Dice) -> Self {
        let mut byte = || u8::try_from(dice.below(256)).unwrap_or_default();
        Self::read(byte(), byte(), byte())
    }

    /// Gets an ok without taking a call further.
    const fn is_idle(self) -> bool {
        !matches!(self, Self::Initiate(..) | Self::CallUser(..) | Self::Accept(..) | Self::Media(..))
    }

    fn read(what: u8, who: u8, which: u8) -> Self {
        let device = (u64::from(who) % USERS, u64::from(who / 8) % DEVICES);
        // Mostly the newest calls: index 0 is the newest.
        let call = usize::from(which % 4);
        match what % 20 {
            0 | 1 => Self::Connect(device),
            2 => Self::Disconnect(device),
            3 => Self::Flags { user: device.0, do_not_disturb: which & 1 == 1, call_waiting: which & 2 == 2 },
            4..=6 => Self::Initiate(device, u64::from(which) % USERS),
            7..=9 => Self::CallUser(device, call),
            10 | 11 => Self::Accept(device, call),
            12 => Self::Reject(device, call),
            13 => Self::Candidate(device, call),
            14 => Self::End(device, call),
            15..=17 => {
                let report = match which / 4 % 8 {
                    0..=2 => MediaReport::Connected,
                    3 | 4 => MediaReport::Lost,
                    5 | 6 => MediaReport::Reconnected,
                    _ => MediaReport::Failed,
                };
                Self::Media(device, call, report)
            }
            18 => Self::Renegotiate(device, call),
            _ => Self::Pass { seconds: [1, 2, 5, 9, 10, 15, 29, 31][usize::from(which % 8)] },
        }
    }
}

/// What the model knows of a call.
#[derive(Debug, Clone)]
pub struct ModelCall {
    /// F6.
    pub state: State,
    caller: u64,
    callee: u64,
    initiator: Device,
    born: u64,
    answered: u64,
    broken: Option<u64>,
    /// The bound device of each side, what its media does, since when its socket is gone.
    legs: [Option<ModelLeg>; 2],
    rung: BTreeSet<Device>,
    losers: BTreeSet<Device>,
    kept: BTreeMap<Device, u32>,
}

#[derive(Debug, Clone)]
struct ModelLeg {
    device: Device,
    flows: Option<bool>,
    last: Option<MediaReport>,
    gone: Option<u64>,
}

/// The whole office.
#[derive(Debug, Clone, Default)]
pub struct Model {
    now: u64,
    online: BTreeSet<Device>,
    flags: BTreeMap<u64, (bool, bool)>,
    /// Oldest first.
    pub calls: Vec<ModelCall>,
}

type Verdict = Result<(), Code>;

impl Model {
    /// The call that a step means: 0 is the newest.
    #[must_use]
    pub fn pick(&self, which: usize) -> Option<usize> {
        self.calls.len().checked_sub(1 + which)
    }

    /// What the step must be answered with.
    pub fn step(&mut self, step: Step) -> Verdict {
        match step {
            Step::Connect(device) => self.connect(device),
            Step::Disconnect(device) => self.disconnect(device),
            Step::Flags { user, do_not_disturb, call_waiting } => {
                self.flags.insert(user, (do_not_disturb, call_waiting));
            }
            Step::Initiate(device, target) => return self.initiate(device, target),
            Step::Pass { seconds } => (0..seconds).for_each(|_| self.second()),
            Step::CallUser(device, which)
            | Step::Accept(device, which)
            | Step::Reject(device, which)
            | Step::Candidate(device, which)
            | Step::End(device, which)
            | Step::Media(device, which, _)
            | Step::Renegotiate(device, which) => return self.speak(step, device, which),
        }
        Ok(())
    }

    fn speak(&mut self, step: Step, device: Device, which: usize) -> Verdict {
        if !self.online.contains(&device) {
            return Err(Code::SessionRevoked);
        }
        let ends = matches!(step, Step::End(..));
        let unknown = if ends { Ok(()) } else { Err(Code::NotFound) };
        let Some(index) = self.pick(which) else { return unknown };
        let call = &self.calls[index];
        let party = device.0 == call.caller || device.0 == call.callee;
        match (call.state.is_live(), party) {
            (false, _) if ends => return Ok(()),
            (_, false) => return Err(Code::NotFound),
            (false, true) => return Err(Code::CallEnded),
            (true, true) => {}
        }
        match step {
            Step::CallUser(..) => self.call_user(index, device),
            Step::Accept(..) => self.accept(index, device),
            Step::Reject(..) => self.calls[index].reject(device),
            Step::Candidate(..) => self.calls[index].candidate(device),
            Step::End(..) => {
                self.calls[index].end(device);
                Ok(())
            }
            Step::Media(_, _, report) => self.calls[index].media(device, report, self.now),
            Step::Renegotiate(..) => self.calls[index].renegotiate(device),
            Step::Connect(_)
            | Step::Disconnect(_)
            | Step::Flags { .. }
            | Step::Initiate(..)
            | Step::Pass { .. } => Ok(()),
        }
    }

    fn flag(&self, user: u64) -> (bool, bool) {
        self.flags.get(&user).copied().unwrap_or_default()
    }

    fn engaged(&self, user: u64, besides: Option<usize>) -> bool {
        self.calls.iter().enumerate().any(|(index, call)| {
            let part = call.caller == user || call.callee == user;
            let rings = call.state != State::Connecting || call.caller == user || !call.rung.is_empty();
            Some(index) != besides && part && call.state.is_live() && rings
        })
    }

    fn initiate(&mut self, device: Device, target: u64) -> Verdict {
        let caller = device.0;
        if caller == target {
            return Err(Code::InvalidInput);
        }
        let back = self
            .calls
            .iter()
            .any(|call| call.state == State::Connecting && call.caller == target && call.callee == caller);
        let (_, caller_waiting) = self.flag(caller);
        let (refuses, callee_waiting) = self.flag(target);
        if back {
            return Err(Code::Glare);
        }
        if self.engaged(target, None) && !callee_waiting {
            return Err(Code::CalleeBusy);
        }
        if refuses {
            return Err(Code::DoNotDisturb);
        }
        if self.engaged(caller, None) && !caller_waiting {
            return Err(Code::CallerBusy);
        }
        self.calls.push(ModelCall {
            state: State::Connecting,
            caller,
            callee: target,
            initiator: device,
            born: self.now,
            answered: 0,
            broken: None,
            legs: [None, None],
            rung: BTreeSet::new(),
            losers: BTreeSet::new(),
            kept: BTreeMap::new(),
        });
        Ok(())
    }

    fn call_user(&mut self, index: usize, device: Device) -> Verdict {
        let callee = self.calls[index].callee;
        let free = self.flag(callee).1 || !self.engaged(callee, Some(index));
        let reachable: BTreeSet<_> = self.online.iter().filter(|found| found.0 == callee).copied().collect();
        let call = &mut self.calls[index];
        match &call.legs[0] {
            _ if device.0 != call.caller => Err(Code::Forbidden),
            Some(leg) if leg.device == device => Ok(()),
            Some(_) => Err(Code::Forbidden),
            None => {
                call.legs[0] = Some(ModelLeg::new(device));
                if free {
                    call.rung = reachable;
                    Ok(())
                } else {
                    call.state = State::Ended;
                    Err(Code::CalleeBusy)
                }
            }
        }
    }

    fn accept(&mut self, index: usize, device: Device) -> Verdict {
        let now = self.now;
        let call = &mut self.calls[index];
        match &call.legs[1] {
            _ if device.0 != call.callee => Err(Code::Forbidden),
            Some(leg) if leg.device == device => Ok(()),
            Some(_) => Err(Code::AlreadyAnswered),
            None if call.legs[0].is_none() => Err(Code::InvalidState),
            None => {
                call.legs[1] = Some(ModelLeg::new(device));
                call.losers = std::mem::take(&mut call.rung);
                call.losers.remove(&device);
                call.state = State::Connected;
                call.answered = now;
                Ok(())
            }
        }
    }

    fn connect(&mut self, device: Device) {
        self.online.insert(device);
        for call in self.calls.iter_mut().filter(|call| call.state.is_live()) {
            if let Some(leg) = call.legs.iter_mut().flatten().find(|leg| leg.device == device) {
                leg.gone = None;
            } else if call.state == State::Connecting && call.callee == device.0 && call.legs[0].is_some() {
                call.rung.insert(device);
            }
        }
    }

    fn disconnect(&mut self, device: Device) {
        if !self.online.remove(&device) {
            return;
        }
        let now = self.now;
        for call in self.calls.iter_mut().filter(|call| call.state.is_live()) {
            if let Some(leg) = call.legs.iter_mut().flatten().find(|leg| leg.device == device) {
                leg.gone = Some(now);
            }
        }
    }

    fn second(&mut self) {
        self.now += 1;
        let now = self.now;
        for call in &mut self.calls {
            let waited = |since: u64, limit: u64| now >= since + limit;
            let gone = call.legs.iter().flatten().filter_map(|leg| leg.gone).any(|since| waited(since, 30));
            call.state = match call.state {
                State::Connecting if call.legs[0].is_none() && waited(call.born, 10) => {
                    State::Error(ErrorKind::ServerError)
                }
                State::Connecting if waited(call.born, 30) => State::Timeout,
                State::Connected if waited(call.answered, 30) || gone => {
                    State::Error(ErrorKind::NetworkError)
                }
                State::InCall if gone => State::Error(ErrorKind::NetworkError),
                State::Reconnecting if gone || call.broken.is_some_and(|since| waited(since, 30)) => {
                    State::Error(ErrorKind::NetworkError)
                }
                state => state,
            };
        }
    }
}

impl ModelLeg {
    const fn new(device: Device) -> Self {
        Self { device, flows: None, last: None, gone: None }
    }
}

impl ModelCall {
    fn bound(&self, device: Device) -> Option<usize> {
        (0..2).find(|side| self.legs[*side].as_ref().is_some_and(|leg| leg.device == device))
    }

    fn reject(&mut self, device: Device) -> Verdict {
        match &self.legs[1] {
            _ if device.0 != self.callee => Err(Code::Forbidden),
            Some(leg) if leg.device == device => Err(Code::InvalidState),
            Some(_) => Err(Code::AlreadyAnswered),
            None => {
                self.state = State::Ended;
                Ok(())
            }
        }
    }

    fn end(&mut self, device: Device) {
        if !self.losers.contains(&device) {
            self.state = State::Ended;
        }
    }

    fn candidate(&mut self, device: Device) -> Verdict {
        let answered = self.legs[1].is_some();
        let keeps = match self.bound(device) {
            Some(_) if answered => return Ok(()),
            Some(_) => true,
            None if device.0 == self.callee && !answered && self.rung.contains(&device) => true,
            None if self.legs[usize::from(device.0 == self.callee)].is_some() => return Err(Code::Forbidden),
            None if device.0 == self.caller && device != self.initiator => return Err(Code::Forbidden),
            None => return Err(Code::InvalidState),
        };
        let kept = self.kept.entry(device).or_default();
        *kept += u32::from(keeps);
        if *kept > 64 { Err(Code::RateLimited) } else { Ok(()) }
    }

    fn is_early(&self, device: Device) -> bool {
        self.legs[0].is_none() && device == self.initiator
    }

    fn renegotiate(&self, device: Device) -> Verdict {
        match self.bound(device) {
            None if self.is_early(device) => Err(Code::InvalidState),
            None => Err(Code::Forbidden),
            Some(_) if self.legs[1].is_none() => Err(Code::InvalidState),
            Some(_) => Ok(()),
        }
    }

    fn media(&mut self, device: Device, report: MediaReport, now: u64) -> Verdict {
        let failed = report == MediaReport::Failed;
        if failed && self.legs[0].is_none() && device == self.initiator {
            self.state = State::Error(ErrorKind::MediaError);
            return Ok(());
        }
        let answered = self.legs[1].is_some();
        let early = self.is_early(device);
        let Some(leg) = self.legs.iter_mut().flatten().find(|leg| leg.device == device) else {
            return Err(if early { Code::InvalidState } else { Code::Forbidden });
        };
        if failed {
            self.state = State::Error(ErrorKind::MediaError);
            return Ok(());
        }
        if leg.last == Some(report) {
            return Ok(());
        }
        let flows = match (report, leg.flows) {
            (MediaReport::Connected, None | Some(true)) | (MediaReport::Reconnected, Some(false)) => true,
            (MediaReport::Lost, Some(true)) => false,
            _ => return Err(Code::InvalidState),
        };
        if !answered {
            return Err(Code::InvalidState);
        }
        leg.flows = Some(flows);
        leg.last = Some(report);
        let all = self.legs.iter().flatten().all(|leg| leg.flows == Some(true));
        match self.state {
            State::Connected | State::Reconnecting if all => {
                self.state = State::InCall;
                self.broken = None;
            }
            State::InCall if !all => {
                self.state = State::Reconnecting;
                self.broken = Some(now);
            }
            _ => {}
        }
        Ok(())
    }
}
