//! An office at work: people call each other, answer, ignore, reject, hang up; sockets are cut in the middle of a
//! word and come back with `resume`; the store is slow and sometimes full. An hour passes in a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::exchange::{Answer, Caller, Exchange, Initiate, Input, Options, Output, ReplyId, Ticket};
use crate::id::{CallId, SocketId};
use crate::journal::Body;
use crate::unit::{Instant, Now, Timestamp};
use crate::wire::{
    AcceptCall, CallState, CallUser, ClientEvent, Code, EndCall, IceCandidateReport, LegReport, Media,
    MediaReport, RejectCall, Resume, SdpType, ServerEvent,
};

use super::Dice;

/// What the day is like.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// The same seed, the same day.
    pub seed: u64,
    /// People.
    pub users: u64,
    /// Phones of each.
    pub devices: u64,
    /// Of a hundred messages, how many are lost with their socket.
    pub cuts_percent: u64,
    /// Of a hundred commits, how many the store refuses.
    pub refusals_percent: u64,
    /// How long people go on starting calls.
    pub length: Duration,
}

/// What the day came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diary {
    /// Calls that the box accepted and recorded.
    pub initiated: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Sockets that were cut.
    pub cuts: u64,
    /// Times a phone resumed its stream.
    pub resumed: u64,
    /// Commits that the store refused.
    pub refused: u64,
}

#[derive(Debug)]
enum Happening {
    Arrives { phone: usize, socket: SocketId, event: ClientEvent },
    Acked { phone: usize, socket: SocketId, call: CallId },
    Heard { phone: usize, socket: SocketId, seq: u64, event: std::sync::Arc<ServerEvent> },
    Stored { ticket: Ticket, well: bool },
    Wants { phone: usize },
    Does { phone: usize, call: CallId, deed: Deed },
    Returns { phone: usize },
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Accept,
    Reject,
    Report(MediaReport),
    HangUp,
}

#[derive(Debug)]
struct Phone {
    who: Caller,
    user: u64,
    socket: Option<SocketId>,
    resume: Option<Resume>,
    /// When the newest message on its way arrives, each way: messages never overtake.
    up: Instant,
    down: Instant,
    /// Calls it believes in.
    calls: BTreeMap<CallId, CallState>,
}

struct Office {
    weather: Weather,
    dice: Dice,
    exchange: Exchange,
    now: Now,
    phones: Vec<Phone>,
    agenda: BTreeMap<(Instant, u64), Happening>,
    next: u64,
    waiting: BTreeMap<ReplyId, (usize, u64, CallId)>,
    records: BTreeMap<CallId, Vec<Body>>,
    sent: BTreeMap<Ticket, Vec<Body>>,
    diary: Diary,
    open: bool,
}

/// Plays a day and checks it.
///
/// # Panics
/// When a call has not exactly one record, a phone believes in a call that is over, or `seq` does not rise.
#[must_use]
pub fn day(weather: Weather) -> Diary {
    let directory = (0..weather.users).map(|user| super::entry(user, 1, false, user % 5 == 0)).collect();
    let people = (0..weather.users).flat_map(|user| (0..weather.devices).map(move |device| (user, device)));
    let phones = people.map(|(user, device)| Phone {
        who: super::caller(user, device),
        user,
        socket: None,
        resume: None,
        up: Instant::ZERO,
        down: Instant::ZERO,
        calls: BTreeMap::new(),
    });
    let mut office = Office {
        weather,
        dice: Dice::new(weather.seed),
        exchange: Exchange::new(Options { max_calls: 50 }, directory),
        now: Now { instant: Instant::ZERO, wall: Timestamp::from_millis(1_700_000_000_000) },
        phones: phones.collect(),
        agenda: BTreeMap::new(),
        next: 0,
        waiting: BTreeMap::new(),
        records: BTreeMap::new(),
        sent: BTreeMap::new(),
        diary: Diary::default(),
        open: true,
    };
    for phone in 0..office.phones.len() {
        office.plan(Duration::ZERO, Happening::Returns { phone });
        office.plan_wish(phone);
    }
    office.run(weather.length);
    office.open = false;
    office.run(Duration::from_secs(600));
    office.check();
    office.diary
}

impl Office {
    fn plan(&mut self, after: Duration, happening: Happening) {
        self.next += 1;
        self.agenda.insert((self.now.instant + after, self.next), happening);
    }

    fn plan_wish(&mut self, phone: usize) {
        let pause = Duration::from_millis(self.dice.below(120_000) + 1_000);
        self.plan(pause, Happening::Wants { phone });
    }

    fn run(&mut self, length: Duration) {
        let end = self.now.instant + length;
        loop {
            let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let timer = self.exchange.poll_timeout().map(|(at, _)| at);
            let Some(at) = planned.into_iter().chain(timer).min().filter(|at| *at <= end) else { break };
            self.now.wall = self.now.wall + at.since(self.now.instant);
            self.now.instant = at.max(self.now.instant);
            if timer.is_some_and(|timer| timer <= at) {
                self.exchange.handle_timeout(self.now);
                self.drain();
            } else if let Some((_, happening)) = self.agenda.pop_first() {
                self.happens(happening);
            }
        }
        self.now.wall = self.now.wall + end.since(self.now.instant);
        self.now.instant = end;
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { phone, socket, event } => {
                if self.phones[phone].socket == Some(socket) {
                    self.next += 1;
                    self.handle(Input::Client { socket, event, reply: ReplyId(self.next) });
                }
            }
            Happening::Acked { phone, socket, call } => {
                if self.phones[phone].socket == Some(socket) {
                    self.handle(Input::RingAcked { socket, call });
                }
            }
            Happening::Heard { phone, socket, seq, event } => {
                if self.phones[phone].socket == Some(socket) {
                    self.hears(phone, seq, &event);
                }
            }
            Happening::Stored { ticket, well: true } => {
                for body in self.sent.remove(&ticket).unwrap_or_default() {
                    self.book(body);
                }
                self.handle(Input::Committed { ticket });
            }
            Happening::Stored { ticket, well: false } => {
                self.sent.remove(&ticket);
                self.diary.refused += 1;
                self.handle(Input::CommitRefused { ticket });
            }
            Happening::Wants { phone } => self.wants(phone),
            Happening::Does { phone, call, deed } => self.does(phone, call, deed),
            Happening::Returns { phone } => self.returns(phone),
        }
    }

    fn wants(&mut self, phone: usize) {
        if !self.open {
            return;
        }
        self.plan_wish(phone);
        let target = self.dice.below(self.weather.users);
        if target == self.phones[phone].user {
            return;
        }
        self.next += 1;
        let reply = ReplyId(self.next);
        let (call, room) = super::call_ids(self.next);
        let media = Media { audio: true, video: true };
        let request = Initiate { target: super::user(target), media, e2ee: false, call, room };
        self.waiting.insert(reply, (phone, target, call));
        self.handle(Input::Initiate { caller: self.phones[phone].who, request, reply });
    }

    fn does(&mut self, phone: usize, call_id: CallId, deed: Deed) {
        if !self.phones[phone].calls.contains_key(&call_id) {
            return;
        }
        let event = match deed {
            Deed::Accept => {
                let answer = super::description(SdpType::Answer);
                ClientEvent::AcceptCall(AcceptCall { call_id, answer })
            }
            Deed::Reject => ClientEvent::RejectCall(RejectCall { call_id, reason: None }),
            Deed::Report(state) => ClientEvent::MediaState(LegReport { call_id, state, error: None }),
            Deed::HangUp => ClientEvent::EndCall(EndCall { call_id: Some(call_id), room_id: None }),
        };
        self.says(phone, event);
        if matches!(deed, Deed::HangUp) {
            // Until it is heard: a socket may be cut just now.
            self.plan(Duration::from_secs(5), Happening::Does { phone, call: call_id, deed });
        }
    }

    fn says(&mut self, phone: usize, event: ClientEvent) {
        let Some(socket) = self.phones[phone].socket else { return };
        if self.cut(phone) {
            return;
        }
        let latency = Duration::from_millis(self.dice.below(200));
        let at = (self.now.instant + latency).max(self.phones[phone].up);
        self.phones[phone].up = at;
        self.plan(at.since(self.now.instant), Happening::Arrives { phone, socket, event });
    }

    /// Perhaps the socket breaks now, and everything under way on it is lost.
    fn cut(&mut self, phone: usize) -> bool {
        let breaks = self.open && self.dice.chance(self.weather.cuts_percent);
        if breaks && let Some(socket) = self.phones[phone].socket.take() {
            self.diary.cuts += 1;
            self.handle(Input::SocketClosed { socket });
            let away = Duration::from_millis(self.dice.below(8_000));
            self.plan(away, Happening::Returns { phone });
        }
        breaks
    }

    fn returns(&mut self, phone: usize) {
        if self.phones[phone].socket.is_some() {
            return;
        }
        self.next += 1;
        let socket = SocketId(self.next);
        let found = &mut self.phones[phone];
        found.socket = Some(socket);
        (found.up, found.down) = (self.now.instant, self.now.instant);
        let (caller, resume) = (found.who, found.resume.clone());
        self.handle(Input::SocketOpened { socket, caller, resume, epoch: self.next });
    }

    fn handle(&mut self, input: Input) {
        self.exchange.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.exchange.poll_output() {
            match output {
                Output::Emit { socket, seq, event, wants_ack } => {
                    let Some(phone) = self.phones.iter().position(|phone| phone.socket == Some(socket))
                    else {
                        continue;
                    };
                    let latency = Duration::from_millis(self.dice.below(200));
                    let at = (self.now.instant + latency).max(self.phones[phone].down);
                    self.phones[phone].down = at;
                    let after = at.since(self.now.instant);
                    if wants_ack && let Some(call) = event.call() {
                        self.plan(after * 2, Happening::Acked { phone, socket, call });
                    }
                    self.plan(after, Happening::Heard { phone, socket, seq, event });
                }
                Output::Commit { ticket, events } => {
                    self.sent.insert(ticket, events);
                    let most = if self.dice.chance(1) { 5_000 } else { 50 };
                    let slow = Duration::from_millis(self.dice.below(most));
                    let well = !self.dice.chance(self.weather.refusals_percent);
                    // The store answers in order.
                    let newest =
                        self.agenda.iter().rev().find(|(_, h)| matches!(h, Happening::Stored { .. }));
                    let at = newest.map_or(self.now.instant, |((at, _), _)| *at).max(self.now.instant + slow);
                    self.plan(at.since(self.now.instant), Happening::Stored { ticket, well });
                }
                Output::Reply { reply, answer } => {
                    if let Some((phone, target, call)) = self.waiting.remove(&reply) {
                        self.answered(phone, target, call, answer.map_err(|reject| reject.code));
                    }
                }
                Output::Close { .. }
                | Output::Wake { .. }
                | Output::StopWaking { .. }
                | Output::ReleasePipeline { .. } => {}
            }
        }
    }

    fn answered(&mut self, phone: usize, target: u64, call_id: CallId, answer: Result<Answer, Code>) {
        match answer {
            Ok(_) => {
                self.diary.initiated += 1;
                self.phones[phone].calls.insert(call_id, CallState::Connecting);
                let offer = super::description(SdpType::Offer);
                let target_user_id = super::user(target);
                self.says(phone, ClientEvent::CallUser(CallUser { call_id, target_user_id, offer }));
                for _ in 0..4 {
                    self.says(
                        phone,
                        ClientEvent::IceCandidate(IceCandidateReport { call_id, candidate: None }),
                    );
                }
                if self.dice.chance(15) {
                    let patience = Duration::from_millis(self.dice.below(15_000));
                    self.plan(patience, Happening::Does { phone, call: call_id, deed: Deed::HangUp });
                }
            }
            Err(code) => {
                let usual = [Code::Glare, Code::CalleeBusy, Code::CallerBusy, Code::Busy, Code::BoxFull];
                assert!(usual.contains(&code), "an unusual answer: {code:?}");
            }
        }
    }

    fn hears(&mut self, phone: usize, seq: u64, event: &ServerEvent) {
        if let ServerEvent::Session(session) = event {
            let older = self.phones[phone].resume.take();
            let rises = older.is_none_or(|older| !session.resumed || older.seq < seq);
            assert!(rises, "seq rises over a resumption");
            self.diary.resumed += u64::from(session.resumed);
            self.phones[phone].resume = Some(Resume { epoch: session.epoch.clone(), seq });
            if !session.resumed {
                let live: BTreeSet<_> = session.calls.iter().map(|call| call.call_id).collect();
                self.phones[phone].calls.retain(|call, _| live.contains(call));
            }
            return;
        }
        if let Some(resume) = &mut self.phones[phone].resume {
            assert_eq!(resume.seq + 1, seq, "nothing is missed");
            resume.seq = seq;
        }
        self.reacts(phone, event);
    }

    fn reacts(&mut self, phone: usize, event: &ServerEvent) {
        match event {
            ServerEvent::IncomingCall(ring) => {
                self.phones[phone].calls.insert(ring.call_id, CallState::Connecting);
                let deed = match self.dice.below(100) {
                    0..=69 => Deed::Accept,
                    70..=79 => Deed::Reject,
                    _ => return,
                };
                let thinking = Duration::from_millis(self.dice.below(20_000));
                self.plan(thinking, Happening::Does { phone, call: ring.call_id, deed });
            }
            ServerEvent::CallState(change) => {
                if change.state == CallState::Idle {
                    self.phones[phone].calls.remove(&change.call_id);
                } else if let Some(state) = self.phones[phone].calls.get_mut(&change.call_id) {
                    *state = change.state;
                }
                match change.state {
                    CallState::Connected => self.talks(phone, change.call_id),
                    CallState::InCall if self.dice.chance(20) => self.stumbles(phone, change.call_id),
                    _ => {}
                }
            }
            ServerEvent::CallEnded(ended) => {
                self.phones[phone].calls.remove(&ended.call_id);
            }
            _ => {}
        }
    }

    fn talks(&mut self, phone: usize, call: CallId) {
        let deed = Deed::Report(MediaReport::Connected);
        for again in 1..5 {
            self.plan(Duration::from_secs(again), Happening::Does { phone, call, deed });
        }
        let talk = Duration::from_millis(self.dice.below(90_000) + 8_000);
        self.plan(talk, Happening::Does { phone, call, deed: Deed::HangUp });
    }

    fn stumbles(&mut self, phone: usize, call: CallId) {
        let lost = Duration::from_millis(self.dice.below(20_000) + 1);
        let back = lost + Duration::from_millis(self.dice.below(35_000) + 1);
        self.plan(lost, Happening::Does { phone, call, deed: Deed::Report(MediaReport::Lost) });
        self.plan(back, Happening::Does { phone, call, deed: Deed::Report(MediaReport::Reconnected) });
    }

    fn book(&mut self, body: Body) {
        let call = match body {
            Body::CallAnswered { call, .. } => {
                self.diary.answered += 1;
                call
            }
            Body::CallInitiated { call, .. }
            | Body::CallRefused { call, .. }
            | Body::CallEnded { call, .. } => call,
            _ => return,
        };
        self.records.entry(call).or_default().push(body);
    }

    fn check(&self) {
        let counts = self.exchange.counts();
        assert_eq!(counts.calls, 0, "every call is over");
        assert!(!counts.unsaved, "everything is stored");
        for phone in &self.phones {
            assert!(phone.calls.is_empty(), "a phone believes in a call that is over: {:?}", phone.calls);
        }
        for bodies in self.records.values() {
            let begun = bodies.iter().filter(|body| matches!(body, Body::CallInitiated { .. })).count();
            let refused = bodies.iter().filter(|body| matches!(body, Body::CallRefused { .. })).count();
            let ended = bodies.iter().filter(|body| matches!(body, Body::CallEnded { .. })).count();
            assert!(begun + refused == 1 && ended == begun, "exactly one record: {bodies:?}");
            assert!(
                !matches!(bodies[0], Body::CallAnswered { .. } | Body::CallEnded { .. }),
                "in order: {bodies:?}"
            );
            if begun == 1 {
                assert!(
                    matches!(bodies[bodies.len() - 1], Body::CallEnded { .. }),
                    "the end is last: {bodies:?}"
                );
            }
        }
    }
}
