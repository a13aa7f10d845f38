//! Plays a story to the exchange and to the model, and compares them after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::exchange::{Answer, DirectoryChange, Exchange, Initiate, Input, Options, Output, ReplyId};
use crate::id::{CallId, SocketId};
use crate::journal::Body;
use crate::unit::{Instant, Now, Timestamp};
use crate::wire::{
    AcceptCall, CallState, CallUser, ClientEvent, Code, EndCall, ErrorKind, IceCandidateReport, LegReport,
    Media, RejectCall, Renegotiate, SdpType, ServerEvent,
};

use super::model::{DEVICES, Device, Model, Step, USERS};

/// A state as the wire spells it.
type WireState = (CallState, Option<ErrorKind>);

/// From which state to which.
pub type SeenEdge = (WireState, WireState);

struct Replay {
    exchange: Exchange,
    model: Model,
    now: Now,
    sockets: BTreeMap<Device, SocketId>,
    next: u64,
    versions: u64,
    ids: Vec<CallId>,
    answer: Option<Result<Answer, Code>>,
    edges: BTreeSet<(WireState, WireState)>,
    told: BTreeMap<CallId, WireState>,
    /// Calls of which somebody was away for a while, so that nobody need have heard of every state.
    unheard: BTreeSet<CallId>,
    seqs: BTreeMap<SocketId, u64>,
    records: BTreeMap<CallId, Vec<Body>>,
}

/// Plays the story; gives the edges of F6 that were seen.
///
/// # Panics
/// When the exchange and the model disagree, or an invariant is broken.
#[must_use]
pub fn replay(story: &[Step]) -> BTreeSet<SeenEdge> {
    let directory = (0..USERS).map(|user| super::entry(user, 1, false, false)).collect();
    let mut replay = Replay {
        exchange: Exchange::new(Options { max_calls: 1000 }, directory),
        model: Model::default(),
        now: Now { instant: Instant::ZERO, wall: Timestamp::from_millis(1_700_000_000_000) },
        sockets: BTreeMap::new(),
        next: 0,
        versions: 1,
        ids: Vec::new(),
        answer: None,
        edges: BTreeSet::new(),
        told: BTreeMap::new(),
        unheard: BTreeSet::new(),
        seqs: BTreeMap::new(),
        records: BTreeMap::new(),
    };
    for step in story {
        replay.step(*step);
    }
    replay.finish();
    replay.edges
}

impl Replay {
    fn step(&mut self, step: Step) {
        self.answer = None;
        let id = self.meant(step);
        let known = self.model.calls.len();
        let wanted = self.model.step(step);
        self.play(step, id);
        let got = match self.answer.take() {
            Some(Ok(_)) | None => Ok(()),
            Some(Err(code)) => Err(code),
        };
        assert_eq!(got, wanted, "the answer to {step:?}");
        if self.model.calls.len() > known {
            self.ids.push(super::call_ids(self.next).0);
        }
        for (index, id) in self.ids.iter().enumerate() {
            let wanted = self.model.calls[index].state;
            let found = self.exchange.call_view(*id, None, self.now).map(|view| (view.state, view.error));
            let expected = wanted.is_live().then(|| wanted.on_wire());
            assert_eq!(found, expected, "call {index} after {step:?}");
        }
    }

    fn meant(&self, step: Step) -> CallId {
        let which = match step {
            Step::CallUser(_, which)
            | Step::Accept(_, which)
            | Step::Reject(_, which)
            | Step::Candidate(_, which)
            | Step::End(_, which)
            | Step::Media(_, which, _)
            | Step::Renegotiate(_, which) => which,
            Step::Connect(_)
            | Step::Disconnect(_)
            | Step::Flags { .. }
            | Step::Initiate(..)
            | Step::Pass { .. } => return CallId::UNKNOWN,
        };
        self.model.pick(which).map_or(CallId::UNKNOWN, |index| self.ids[index])
    }

    fn play(&mut self, step: Step, call_id: CallId) {
        match step {
            Step::Connect(device) => {
                self.next += 1;
                let socket = SocketId(self.next);
                self.sockets.insert(device, socket);
                let caller = super::caller(device.0, device.1);
                self.handle(Input::SocketOpened { socket, caller, resume: None, epoch: self.next });
            }
            Step::Disconnect(device) => {
                if let Some(socket) = self.sockets.remove(&device) {
                    let calls = self.exchange.calls_of(super::user(device.0), self.now);
                    self.unheard.extend(calls.iter().map(|call| call.call_id));
                    self.handle(Input::SocketClosed { socket });
                }
            }
            Step::Flags { user, do_not_disturb, call_waiting } => {
                self.versions += 1;
                let entry = super::entry(user, self.versions, do_not_disturb, call_waiting);
                self.handle(Input::Directory(DirectoryChange::Put(entry)));
            }
            Step::Initiate(device, target) => {
                self.next += 1;
                let (call, room) = super::call_ids(self.next);
                let media = Media { audio: true, video: false };
                if !self.sockets.contains_key(&device) {
                    self.unheard.insert(call);
                }
                let request = Initiate { target: super::user(target), media, e2ee: false, call, room };
                let caller = super::caller(device.0, device.1);
                self.handle(Input::Initiate { caller, request, reply: ReplyId(0) });
            }
            Step::CallUser(device, which) => {
                let callee = self.model_callee(which);
                let offer = super::description(SdpType::Offer);
                self.say(device, ClientEvent::CallUser(CallUser { call_id, target_user_id: callee, offer }));
            }
            Step::Accept(device, _) => {
                let answer = super::description(SdpType::Answer);
                self.say(device, ClientEvent::AcceptCall(AcceptCall { call_id, answer }));
            }
            Step::Reject(device, _) => {
                self.say(device, ClientEvent::RejectCall(RejectCall { call_id, reason: None }));
            }
            Step::Candidate(device, _) => {
                self.say(device, ClientEvent::IceCandidate(IceCandidateReport { call_id, candidate: None }));
            }
            Step::End(device, _) => {
                self.say(device, ClientEvent::EndCall(EndCall { call_id: Some(call_id), room_id: None }));
            }
            Step::Media(device, _, state) => {
                self.say(device, ClientEvent::MediaState(LegReport { call_id, state, error: None }));
            }
            Step::Renegotiate(device, _) => {
                let description = super::description(SdpType::Offer);
                self.say(device, ClientEvent::Renegotiate(Renegotiate { call_id, description }));
            }
            Step::Pass { seconds } => self.pass(Duration::from_secs(seconds)),
        }
    }

    fn model_callee(&self, which: usize) -> crate::id::UserId {
        let found = self.model.pick(which).and_then(|index| {
            let view = self.exchange.call_view(self.ids[index], None, self.now)?;
            Some(view.callee.id)
        });
        found.unwrap_or(crate::id::UserId::UNKNOWN)
    }

    fn say(&mut self, device: Device, event: ClientEvent) {
        // A socket that is not there says nothing; the model calls that a revoked session.
        match self.sockets.get(&device) {
            Some(socket) => self.handle(Input::Client { socket: *socket, event, reply: ReplyId(0) }),
            None => self.answer = Some(Err(Code::SessionRevoked)),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some((at, _)) = self.exchange.poll_timeout().filter(|(at, _)| *at <= end) {
            assert!(at >= self.now.instant, "time goes forward");
            self.advance(at);
            self.exchange.handle_timeout(self.now);
            self.drain();
        }
        self.advance(end);
    }

    fn advance(&mut self, to: Instant) {
        self.now.wall = self.now.wall + to.since(self.now.instant);
        self.now.instant = to;
    }

    fn handle(&mut self, input: Input) {
        self.exchange.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.exchange.poll_output() {
            match output {
                Output::Emit { socket, seq, event, .. } => {
                    let before = self.seqs.insert(socket, seq);
                    assert!(before.is_none_or(|before| before < seq), "seq rises");
                    let first = before.is_none();
                    assert_eq!(first, matches!(*event, ServerEvent::Session(_)), "session comes first, once");
                    self.note(&event);
                }
                Output::Reply { answer, .. } => self.answer = Some(answer.map_err(|reject| reject.code)),
                Output::Commit { ticket, events } => {
                    for body in events {
                        self.book(body);
                    }
                    self.exchange.handle(Input::Committed { ticket }, self.now);
                }
                Output::ReleasePipeline { call } => {
                    self.exchange.handle(Input::PipelineReleased { call }, self.now);
                }
                Output::Close { .. } | Output::Wake { .. } | Output::StopWaking { .. } => {}
            }
        }
    }

    /// Every transition that anybody is told must follow from the one told before.
    fn note(&mut self, event: &ServerEvent) {
        let ServerEvent::CallState(change) = event else { return };
        let state = (change.state, change.error);
        let before = self.told.insert(change.call_id, state).unwrap_or((CallState::Idle, None));
        if before != state && !self.unheard.contains(&change.call_id) {
            self.edges.insert((before, state));
        }
    }

    fn book(&mut self, body: Body) {
        let (Body::CallInitiated { call, .. }
        | Body::CallRefused { call, .. }
        | Body::CallAnswered { call, .. }
        | Body::CallEnded { call, .. }) = body
        else {
            return;
        };
        self.records.entry(call).or_default().push(body);
    }

    /// After a minute nobody speaks any more but those whose media flows; hang up, then every call has one record.
    fn finish(&mut self) {
        self.step(Step::Pass { seconds: 61 });
        for device in (0..USERS).flat_map(|user| (0..DEVICES).map(move |device| (user, device))) {
            self.step(Step::Connect(device));
        }
        for which in 0..self.ids.len() {
            for user in 0..USERS {
                for device in 0..DEVICES {
                    self.step(Step::End((user, device), which));
                }
            }
        }
        assert_eq!(self.exchange.counts().calls, 0, "every call is over");
        assert!(!self.exchange.counts().unsaved, "nothing waits for the store");
        for bodies in self.records.values() {
            let refused = matches!(bodies[..], [Body::CallRefused { .. }]);
            let ended = matches!(
                bodies[..],
                [Body::CallInitiated { .. }, Body::CallEnded { .. }]
                    | [Body::CallInitiated { .. }, Body::CallAnswered { .. }, Body::CallEnded { .. }]
            );
            assert!(refused || ended, "exactly one record: {bodies:?}");
        }
    }
}
