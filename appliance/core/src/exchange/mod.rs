//! The switchboard: owns the registrar, presence and every live call, and routes between them. It has no rules of
//! its own: would an `if` here belong to a machine, it goes there.
//!
//! [`Exchange::handle`] takes one input; then [`Exchange::poll_output`] is drained to `None`; then the next.
//! An answer that promises something (a call exists, was refused, was answered, is over) is held back until the
//! [`ledger`] hears that its events are stored. What promises nothing (ringing, candidates, the events that tell
//! the other side) leaves at once.

mod calls;
mod io;
mod ledger;
mod route;
mod view;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use io::{
    Answer, Caller, CloseReason, Counts, DirectoryChange, DirectoryEntry, Initiate, Initiated, Input,
    Options, Output, ReplyId, Ticket,
};

use crate::call::{self, Call, Side, Speaker};
use crate::id::{CallId, DeviceId, SocketId, UserId};
use crate::journal::Body;
use crate::presence;
use crate::quality::Ladder;
use crate::registrar::{Owner, Registrar};
use crate::unit::{Instant, Now};
use crate::wire::{
    Closing, ClosingReason, Code, Presence, PresenceView, Reject, Resume, ServerEvent, Session,
};

use calls::Calls;
use ledger::{Ledger, Purpose};

/// The switchboard.
#[derive(Debug)]
pub struct Exchange {
    options: Options,
    directory: BTreeMap<UserId, DirectoryEntry>,
    registrar: Registrar,
    board: presence::Board,
    calls: Calls,
    ladders: BTreeMap<(CallId, DeviceId), Ladder>,
    ledger: Ledger,
    stopping: bool,
    outputs: VecDeque<Output>,
}

impl Exchange {
    /// A switchboard that knows these accounts and no calls.
    #[must_use]
    pub fn new(options: Options, directory: Vec<DirectoryEntry>) -> Self {
        let mut board = presence::Board::default();
        for entry in &directory {
            board.seed(entry.user, entry.do_not_disturb);
        }
        Self {
            options,
            directory: directory.into_iter().map(|entry| (entry.user, entry)).collect(),
            registrar: Registrar::default(),
            board,
            calls: Calls::default(),
            ladders: BTreeMap::new(),
            ledger: Ledger::default(),
            stopping: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. What is wrong with it goes back as a [`Output::Reply`].
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::SocketOpened { socket, caller, resume, epoch } => {
                self.socket_opened(socket, caller, resume.as_ref(), epoch, now);
            }
            Input::SocketClosed { socket } => {
                if let Some(owner) = self.registrar.close(socket, now.instant) {
                    self.device_gone(owner, now);
                }
            }
            Input::Client { socket, event, reply } => {
                let before = self.ledger.newest();
                let answer = match self.registrar.owner(socket) {
                    Some(owner) => self.route(owner, event, now),
                    None => Err(Code::SessionRevoked.into()),
                };
                let ack = self.ledger.hold(before, (reply, answer));
                self.acknowledge(ack);
            }
            Input::RingAcked { socket, call } => {
                if let Some(owner) = self.registrar.owner(socket) {
                    let _ = self.tell_call(call, call::Input::RingAcked { device: owner.device }, now);
                }
            }
            Input::Initiate { caller, request, reply } => self.initiate(caller, &request, reply, now),
            Input::Record { caller, call, start, reply } => {
                let answer = self.record(caller, call, start, now);
                self.outputs.push_back(Output::Reply { reply, answer });
            }
            Input::Directory(change) => self.directory_changed(change, now),
            Input::Committed { ticket } => {
                let ack = self.ledger.ack(ticket);
                self.acknowledge(ack);
                for purpose in self.ledger.committed(ticket) {
                    self.stored(purpose, now);
                }
            }
            Input::CommitRefused { ticket } => {
                let ack = self.ledger.ack(ticket);
                self.acknowledge(ack);
                for purpose in self.ledger.refused(ticket, now.instant) {
                    self.not_stored(purpose, now.instant);
                }
            }
            Input::PipelineJoined { call } => drop(self.tell_call(call, call::Input::PipelineJoined, now)),
            Input::PipelineReleased { call } => {
                drop(self.tell_call(call, call::Input::PipelineReleased, now))
            }
            Input::ShutDown => {
                self.stopping = true;
                let devices: Vec<_> = self.registrar.all_reachable().collect();
                for device in devices {
                    self.say_closing(device, ClosingReason::BoxShutdown, now.instant);
                }
                for call in self.calls.ids() {
                    let _ = self.tell_call(call, call::Input::ShutDown, now);
                }
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(id) = self.calls.due(now.instant) {
            let before = self.standing(id);
            if let Some(call) = self.calls.get_mut(id) {
                call.handle_timeout(now);
            }
            self.drain(id, before, now);
        }
        self.registrar.handle_timeout(now.instant);
        for view in self.board.handle_timeout(self.registrar.sockets(), now.instant) {
            self.broadcast(view, now.instant);
        }
        if let Some((ticket, events)) = self.ledger.handle_timeout(now.instant) {
            self.outputs.push_back(Output::Commit { ticket, events });
        }
    }

    /// What is wanted, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` is wanted, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        [
            self.calls.poll_timeout(),
            self.registrar.poll_timeout().map(|at| (at, "stream without a socket")),
            self.board.poll_timeout().map(|at| (at, "presence that waits")),
            self.ledger.poll_timeout().map(|at| (at, "events not stored yet")),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn socket_opened(
        &mut self,
        socket: SocketId,
        caller: Caller,
        resume: Option<&Resume>,
        epoch: u64,
        now: Now,
    ) {
        let owner = Owner { session: caller.session, device: caller.device, user: caller.user };
        self.say_closing(caller.device, ClosingReason::Replaced, now.instant);
        let opened = self.registrar.open(socket, owner, resume, epoch, now.instant);
        if let Some(socket) = opened.replaced {
            self.outputs.push_back(Output::Close { socket, reason: CloseReason::Replaced });
        }
        let resumed = opened.missed.is_some();
        // Of himself he knows better than everybody does yet: they are told below, after `session`.
        let own = self.facts(caller.user).presence();
        let mut presence = self.presence();
        for view in presence.iter_mut().filter(|view| view.user_id == caller.user) {
            view.presence = own;
        }
        let session = Session {
            epoch: format!("{:016x}", opened.epoch),
            resumed,
            presence,
            calls: self.calls_of(caller.user, now),
        };
        self.send(caller.device, ServerEvent::Session(session), now.instant);
        for event in opened.missed.into_iter().flatten() {
            self.send_shared(caller.device, &event, now.instant);
        }
        for (call, side) in self.calls.of(caller.user) {
            let from = Speaker { side, device: caller.device };
            let _ = self.tell_call(call, call::Input::DeviceOnline { from, fresh: !resumed }, now);
        }
        self.refresh(caller.user, now.instant);
    }

    fn device_gone(&mut self, owner: Owner, now: Now) {
        for (call, side) in self.calls.of(owner.user) {
            let from = Speaker { side, device: owner.device };
            let _ = self.tell_call(call, call::Input::DeviceGone { from }, now);
        }
        self.refresh(owner.user, now.instant);
    }

    fn directory_changed(&mut self, change: DirectoryChange, now: Now) {
        match change {
            DirectoryChange::Put(entry) => {
                let user = entry.user;
                let newer = self.directory.get(&user).is_none_or(|known| known.version < entry.version);
                if newer {
                    self.directory.insert(user, entry);
                    self.refresh(user, now.instant);
                }
            }
            DirectoryChange::Gone(user) => {
                for (call, side) in self.calls.of(user) {
                    let _ = self.tell_call(call, call::Input::PartyGone { side }, now);
                }
                let devices: Vec<_> = self.registrar.reachable(user).collect();
                for device in devices {
                    self.say_closing(device, ClosingReason::SessionRevoked, now.instant);
                }
                for session in self.registrar.sessions_of(user) {
                    if let Some((_, Some(socket))) = self.registrar.forget(session) {
                        self.outputs.push_back(Output::Close { socket, reason: CloseReason::AccountGone });
                    }
                }
                self.directory.remove(&user);
                self.board.forget(user);
                let view = PresenceView { user_id: user, presence: Presence::Offline, do_not_disturb: false };
                self.broadcast(view, now.instant);
            }
            DirectoryChange::SessionGone(session) => {
                if let Some(device) = self.registrar.device_of(session) {
                    self.say_closing(device, ClosingReason::SessionRevoked, now.instant);
                }
                if let Some((owner, socket)) = self.registrar.forget(session) {
                    if let Some(socket) = socket {
                        self.outputs.push_back(Output::Close { socket, reason: CloseReason::SessionGone });
                    }
                    self.device_gone(owner, now);
                }
            }
        }
    }

    /// Hands one input to one call and carries out what it wants.
    fn tell_call(&mut self, id: CallId, input: call::Input, now: Now) -> Result<(), Reject> {
        let before = self.standing(id);
        let Some(call) = self.calls.get_mut(id) else { return Err(Code::NotFound.into()) };
        let result = call.handle(input, now);
        self.drain(id, before, now);
        result
    }

    /// What of a call bears on the presence of its users.
    fn standing(&self, id: CallId) -> Option<(bool, bool, bool)> {
        let call = self.calls.get(id)?;
        Some((call.engages(Side::Caller), call.engages(Side::Callee), call.state().is_answered()))
    }

    fn drain(&mut self, id: CallId, before: Option<(bool, bool, bool)>, now: Now) {
        let mut over = false;
        while let Some(output) = self.calls.get_mut(id).and_then(Call::poll_output) {
            match output {
                call::Output::Send { to, event } => self.send(to, event, now.instant),
                call::Output::Record(body) => {
                    let purpose = if matches!(body, Body::CallEnded { .. }) {
                        Purpose::Ended(id)
                    } else {
                        Purpose::Noted
                    };
                    self.commit(purpose, body, now.instant);
                }
                call::Output::Wake => self.wake(id),
                call::Output::StopWaking => {
                    if let Some(call) = self.calls.get(id) {
                        let user = call.user(Side::Callee);
                        self.outputs.push_back(Output::StopWaking { call: id, user });
                    }
                }
                call::Output::ReleasePipeline => self.outputs.push_back(Output::ReleasePipeline { call: id }),
                call::Output::Over => over = true,
            }
        }
        let Some(call) = self.calls.get(id) else { return };
        let users = [call.user(Side::Caller), call.user(Side::Callee)];
        let changed = self.standing(id) != before;
        if over {
            self.forget_call(id);
        } else {
            self.calls.rearm(id);
        }
        // Most events of a call are candidates, which change nobody's presence.
        if changed {
            for user in users {
                self.refresh(user, now.instant);
            }
        }
    }

    fn forget_call(&mut self, id: CallId) {
        self.calls.remove(id);
        let devices: Vec<_> = self.ladders.range((id, DeviceId::UNKNOWN)..).map(|(key, _)| *key).collect();
        for key in devices.into_iter().take_while(|(call, _)| *call == id) {
            self.ladders.remove(&key);
        }
    }

    fn wake(&mut self, id: CallId) {
        if let Some(call) = self.calls.get(id) {
            let user = call.user(Side::Callee);
            let expires_at = call.created().wall + call::RING_TIME;
            self.outputs.push_back(Output::Wake { call: id, user, expires_at });
        }
    }

    fn commit(&mut self, purpose: Purpose, body: Body, now: Instant) {
        match self.ledger.commit(purpose, body, now) {
            ledger::Outcome::Sent { ticket, events } => {
                self.outputs.push_back(Output::Commit { ticket, events });
            }
            ledger::Outcome::Waits => {}
            ledger::Outcome::Refused(purpose) => self.not_stored(purpose, now),
        }
    }

    fn acknowledge(&mut self, ack: Option<ledger::Ack>) {
        if let Some((reply, answer)) = ack {
            self.outputs.push_back(Output::Reply { reply, answer });
        }
    }

    fn stored(&mut self, purpose: Purpose, now: Now) {
        match purpose {
            Purpose::Initiated { call, reply, initiated } => {
                self.outputs.push_back(Output::Reply { reply, answer: Ok(Answer::Initiated(initiated)) });
                let _ = self.tell_call(call, call::Input::Stored, now);
            }
            Purpose::Refused { reply, reject } => {
                self.outputs.push_back(Output::Reply { reply, answer: Err(reject) });
            }
            Purpose::Ended(call) => drop(self.tell_call(call, call::Input::Saved, now)),
            Purpose::Noted => {}
        }
    }

    /// Nothing of it is stored, so nothing of it was promised: the call never was.
    fn not_stored(&mut self, purpose: Purpose, now: Instant) {
        let (Purpose::Initiated { reply, .. } | Purpose::Refused { reply, .. }) = &purpose else { return };
        let answer = Err(Code::Busy.into());
        self.outputs.push_back(Output::Reply { reply: *reply, answer });
        if let Purpose::Initiated { call, .. } = purpose {
            let caller = self.calls.get(call).map(|found| found.user(Side::Caller));
            self.forget_call(call);
            if let Some(caller) = caller {
                self.refresh(caller, now);
            }
        }
    }

    fn send(&mut self, to: DeviceId, event: ServerEvent, now: Instant) {
        self.send_shared(to, &Arc::new(event), now);
    }

    fn send_shared(&mut self, to: DeviceId, event: &Arc<ServerEvent>, now: Instant) {
        if let Some((socket, seq)) = self.registrar.push(to, event, now) {
            let wants_ack = matches!(**event, ServerEvent::IncomingCall(_));
            self.outputs.push_back(Output::Emit { socket, seq, event: Arc::clone(event), wants_ack });
        }
    }

    /// The last word to a device whose socket is about to be closed, while the event stream is still its own.
    fn say_closing(&mut self, to: DeviceId, reason: ClosingReason, now: Instant) {
        if self.registrar.is_reachable(to) {
            self.send(to, ServerEvent::Closing(Closing { reason }), now);
        }
    }

    /// Works out a user's presence anew and tells everybody when it changed.
    fn refresh(&mut self, user: UserId, now: Instant) {
        let Some(entry) = self.directory.get(&user) else { return };
        let presence = self.facts(user).presence();
        let audience = self.registrar.sockets();
        if let Some(view) = self.board.changed(user, presence, entry.do_not_disturb, audience, now) {
            self.broadcast(view, now);
        }
    }

    fn broadcast(&mut self, view: PresenceView, now: Instant) {
        let event = Arc::new(ServerEvent::Presence(view));
        let devices: Vec<_> = self.registrar.all_reachable().collect();
        for device in devices {
            self.send_shared(device, &event, now);
        }
    }

    fn facts(&self, user: UserId) -> presence::Facts {
        let mut facts = presence::Facts {
            reachable: self.registrar.reachable(user).next().is_some(),
            ..Default::default()
        };
        for (id, side) in self.calls.of(user) {
            let Some(call) = self.calls.get(id) else { continue };
            facts.in_call |= call.state().is_answered();
            facts.ringing |= call.engages(side);
        }
        facts
    }
}

#[cfg(test)]
mod tests;
