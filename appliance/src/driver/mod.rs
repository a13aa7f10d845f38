//! The one task that owns the exchange: a message or a timeout in, then everything the exchange wants out, then
//! the next. It decides nothing, and it waits for nothing but its inbox and its timer: not for a socket, not for
//! the disk.
//!
//! ```text
//! inbox --+--> handle ----> poll_output until None --+--> lines (events), repliers (answers)
//! timer --+--> handle_timeout                        +--> journal (Committed comes back through the inbox)
//! ```
//!
//! A panic in here ends the process on purpose: what was promised is in the journal.

mod tally;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use callbox_core::exchange::{Answer, Exchange, Input, Output, ReplyId, Ticket};
use callbox_core::id::{CallId, SocketId};
use callbox_core::journal::Body;
use callbox_core::unit::{Now, Timestamp};
use callbox_core::wire::{CallView, Reject};
use tokio::sync::{mpsc, oneshot};

use crate::mailbox::{Closing, Line, Message, Opened, Query, Replier};
use tally::Tally;

/// Messages taken from the inbox at once.
const BATCH: usize = 64;

/// The journal did not take the events, and no notice will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal did not take the events")]
pub struct NotTaken;

/// Where events become durable. A trait because the driver must be testable with a disk that is full.
pub trait Journal: Send + 'static {
    /// Hands events over without waiting; the outcome comes back as [`Input::Committed`] or
    /// [`Input::CommitRefused`].
    ///
    /// # Errors
    /// [`NotTaken`]
    fn commit(&self, ticket: Ticket, at: Timestamp, events: Vec<Body>) -> Result<(), NotTaken>;

    /// The media server holds nothing of this call, whose end is stored (F5). Never waits.
    fn released(&self, call: CallId);
}

/// Owns the exchange.
pub struct Driver<J> {
    exchange: Exchange,
    inbox: mpsc::Receiver<Message>,
    clock: Box<dyn Fn() -> Now + Send>,
    journal: J,
    lines: HashMap<SocketId, Box<dyn Line>>,
    repliers: HashMap<ReplyId, Replier>,
    /// What the driver itself found out while carrying outputs out.
    own: VecDeque<Input>,
    /// Who waits until every call is over and stored.
    quiet: Vec<oneshot::Sender<()>>,
    tally: Tally,
}

impl<J: Journal> Driver<J> {
    /// A driver of this exchange.
    pub fn new(
        exchange: Exchange,
        inbox: mpsc::Receiver<Message>,
        clock: impl Fn() -> Now + Send + 'static,
        journal: J,
    ) -> Self {
        Self {
            exchange,
            inbox,
            clock: Box::new(clock),
            journal,
            lines: HashMap::new(),
            repliers: HashMap::new(),
            own: VecDeque::new(),
            quiet: Vec::new(),
            tally: Tally::new(),
        }
    }

    /// Runs until every mailbox is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let wait = self.until_due();
            let taken = tokio::select! {
                // First the inbox: with messages there, no timer is armed.
                biased;
                taken = self.inbox.recv_many(&mut batch, BATCH) => taken,
                () = pause(wait) => usize::MAX,
            };
            if taken == 0 {
                return;
            }
            for message in batch.drain(..) {
                let now = (self.clock)();
                self.take(message, now);
            }
            if self.until_due() == Some(Duration::ZERO) {
                let now = (self.clock)();
                self.exchange.handle_timeout(now);
                self.carry_out(now);
            }
            self.answer_quiet();
            if !self.inbox.is_empty() {
                // On one thread nobody else could empty the queues that a full inbox fills.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Time until the exchange wants to be woken; zero when it is late.
    fn until_due(&self) -> Option<Duration> {
        let (at, _why) = self.exchange.poll_timeout()?;
        Some(at.since((self.clock)().instant))
    }

    fn take(&mut self, message: Message, now: Now) {
        match message {
            Message::Opened(opened) => {
                let Opened { socket, line, caller, resume, epoch } = *opened;
                self.lines.insert(socket, line);
                self.handle(Input::SocketOpened { socket, caller, resume, epoch }, now);
            }
            Message::Input { input, reply } => {
                if let Some((id, replier)) = reply {
                    self.repliers.insert(id, replier);
                }
                if let Input::SocketClosed { socket } = &input {
                    self.lines.remove(socket);
                }
                self.handle(input, now);
            }
            Message::Query(query) => self.answer_query(query, now),
        }
    }

    fn handle(&mut self, input: Input, now: Now) {
        self.feed(input, now);
        self.carry_out(now);
    }

    fn feed(&mut self, input: Input, now: Now) {
        for call in self.tally.outcome(&input) {
            // There is no media server yet, so nothing is held.
            self.journal.released(call);
        }
        self.exchange.handle(input, now);
    }

    /// Carries out what the exchange wants, and feeds back what comes of it, until nothing is left.
    fn carry_out(&mut self, now: Now) {
        loop {
            while let Some(output) = self.exchange.poll_output() {
                self.dispatch(output, now);
            }
            let Some(input) = self.own.pop_front() else { return };
            self.feed(input, now);
        }
    }

    fn dispatch(&mut self, output: Output, now: Now) {
        match output {
            Output::Emit { socket, seq, event, wants_ack } => {
                let Some(line) = self.lines.get(&socket) else { return };
                if line.emit(seq, &event, wants_ack).is_err() {
                    self.tally.slow();
                    self.hang_up(socket, Closing::TooSlow);
                    self.own.push_back(Input::SocketClosed { socket });
                }
            }
            Output::Reply { reply, answer } => self.reply(reply, answer),
            Output::Commit { ticket, events } => {
                self.tally.sent(ticket, &events);
                if self.journal.commit(ticket, now.wall, events).is_err() {
                    self.own.push_back(Input::CommitRefused { ticket });
                }
            }
            Output::Close { socket, reason } => self.hang_up(socket, Closing::Asked(reason)),
            // Nobody carries a push yet; the pending ring itself is the exchange's.
            Output::Wake { .. } => self.tally.wake(),
            Output::StopWaking { .. } => {}
            Output::ReleasePipeline { call } => self.own.push_back(Input::PipelineReleased { call }),
        }
    }

    fn hang_up(&mut self, socket: SocketId, why: Closing) {
        if let Some(line) = self.lines.remove(&socket) {
            line.close(why);
        }
    }

    fn reply(&mut self, id: ReplyId, answer: Result<Answer, Reject>) {
        if let Some(replier) = self.repliers.remove(&id) {
            replier.answer(answer);
        }
    }

    /// Whoever asked may have gone; then the answer is dropped.
    fn answer_query(&mut self, query: Query, now: Now) {
        match query {
            Query::Call { call, viewer, reply } => {
                let view: Option<CallView> = self.exchange.call_view(call, viewer, now);
                drop(reply.send(view.map(Box::new)));
            }
            Query::CallsOf { user, reply } => drop(reply.send(self.exchange.calls_of(user, now))),
            Query::Presence { reply } => drop(reply.send(self.exchange.presence())),
            Query::Counts { reply } => drop(reply.send(self.exchange.counts())),
            Query::Quiet { reply } => self.quiet.push(reply),
        }
    }

    fn answer_quiet(&mut self) {
        if self.quiet.is_empty() {
            return;
        }
        let counts = self.exchange.counts();
        if counts.calls == 0 && !counts.unsaved {
            for waiting in self.quiet.drain(..) {
                let _ = waiting.send(());
            }
        }
    }
}

async fn pause(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
