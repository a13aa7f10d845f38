//! One socket's way into the mailbox, in order and without waiting. The transport hands over one event after the
//! other and cannot wait; when the driver's inbox is full, a socket's events wait here.
//!
//! ```text
//! Unopened -open-> Draining -empty-> Through -inbox full-> Draining
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::pace::{Meter, Pace};
use crate::mailbox::{Mailbox, Message};

/// Messages of one socket that may wait for the driver. Overflow: refused with `busy`.
const WAITING: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// The driver does not know the socket yet; what comes early waits.
    Unopened,
    /// A task carries what waits to the driver.
    Draining,
    /// Nothing waits.
    Through,
}

struct State {
    gate: Gate,
    waiting: VecDeque<Message>,
    meter: Meter,
}

/// See the module.
pub(super) struct Lane {
    mailbox: Mailbox,
    /// A lock, because order is decided by who comes first, before anything is sent; it is held for a few
    /// instructions and only ever contended by polling clients that post twice at a time.
    state: Mutex<State>,
}

/// Too much waits already; the message was not taken.
#[derive(Debug)]
pub(super) struct LaneFull(pub(super) Box<Message>);

impl Lane {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        let state = State { gate: Gate::Unopened, waiting: VecDeque::new(), meter: Meter::default() };
        Self { mailbox, state: Mutex::new(state) }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // No code under the lock can leave the state half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one event of the socket's pace.
    pub(super) fn pace(&self, pace: Pace) -> bool {
        self.state().meter.take(pace, Instant::now())
    }

    /// The first message: makes the socket known to the driver, and returns when it is in the driver's inbox. What
    /// came early follows it.
    pub(super) async fn open(self: &Arc<Self>, opened: Message) {
        // An error means that the box stops; then the rest goes nowhere either.
        let _ = self.mailbox.post(opened).await;
        self.drain_now(&mut self.state());
    }

    /// Hands a message on, after all before it.
    pub(super) fn post(self: &Arc<Self>, message: Message) -> Result<(), LaneFull> {
        let mut state = self.state();
        if state.gate == Gate::Through {
            if let Err(message) = self.mailbox.try_post(message) {
                state.waiting.push_back(*message);
                self.start_draining(&mut state);
            }
        } else if state.waiting.len() < WAITING {
            state.waiting.push_back(message);
        } else {
            return Err(LaneFull(Box::new(message)));
        }
        Ok(())
    }

    /// The last message: always taken.
    pub(super) fn close(self: &Arc<Self>, closed: Message) {
        if let Err(LaneFull(message)) = self.post(closed) {
            self.state().waiting.push_back(*message);
        }
    }

    fn drain_now(self: &Arc<Self>, state: &mut State) {
        while let Some(message) = state.waiting.pop_front() {
            if let Err(message) = self.mailbox.try_post(message) {
                state.waiting.push_front(*message);
                self.start_draining(state);
                return;
            }
        }
        state.gate = Gate::Through;
        state.waiting.shrink_to_fit();
    }

    fn start_draining(self: &Arc<Self>, state: &mut State) {
        state.gate = Gate::Draining;
        let lane = Arc::clone(self);
        // Ends as soon as nothing waits, or the driver is gone.
        tokio::spawn(async move { while lane.carry_one().await {} });
    }

    async fn carry_one(&self) -> bool {
        let message = {
            let mut state = self.state();
            let Some(message) = state.waiting.pop_front() else {
                state.gate = Gate::Through;
                state.waiting.shrink_to_fit();
                return false;
            };
            message
        };
        self.mailbox.post(message).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::INBOX;
    use callbox_core::exchange::Input;
    use callbox_core::id::SocketId;

    fn numbered(number: u64) -> Message {
        Message::Input { input: Input::SocketClosed { socket: SocketId(number) }, reply: None }
    }

    fn number(message: &Message) -> u64 {
        let Message::Input { input: Input::SocketClosed { socket }, .. } = message else {
            panic!("{message:?}")
        };
        socket.0
    }

    #[tokio::test]
    async fn order_is_kept_before_opening_and_through_a_full_inbox() {
        let (mailbox, mut inbox) = Mailbox::new();
        let lane = Arc::new(Lane::new(mailbox.clone()));
        lane.post(numbered(1)).unwrap();
        lane.post(numbered(2)).unwrap();
        assert!(inbox.try_recv().is_err(), "nothing goes out before the socket is opened");
        lane.open(numbered(0)).await;
        for _ in 3..INBOX {
            mailbox.try_post(numbered(u64::MAX)).unwrap();
        }
        for at in 3..3 + WAITING as u64 {
            lane.post(numbered(at)).unwrap();
        }
        assert!(lane.post(numbered(u64::MAX)).is_err(), "a lane has an end");
        lane.close(numbered(3 + WAITING as u64));
        let mut seen = Vec::new();
        while seen.len() < 4 + WAITING {
            let found = number(&inbox.recv().await.unwrap());
            if found != u64::MAX {
                seen.push(found);
            }
        }
        assert_eq!(seen, (0..4 + WAITING as u64).collect::<Vec<_>>());
        // The lane is open again: the next message goes straight through.
        while lane.state().gate != Gate::Through {
            tokio::task::yield_now().await;
        }
        lane.post(numbered(7)).unwrap();
        assert_eq!(number(&inbox.try_recv().unwrap()), 7);
    }
}
