//! What the box says to one client: the driver's [`Line`] over a Socket.IO socket.

use std::sync::Arc;
use std::time::Duration;

use callbox_core::exchange::Input;
use callbox_core::wire::{Sequenced, ServerEvent};
use serde::de::IgnoredAny;
use socketioxide::extract::SocketRef;
use socketioxide::{AckError, SocketError};

use super::inbound::Peer;
use crate::mailbox::{Closing, Line, LineFull, Message};

/// Time between two attempts to say goodbye to a client whose queue is full, and how many there are. By then a
/// ping has failed, which closes the transport.
const GOODBYE_EVERY: Duration = Duration::from_secs(1);
const GOODBYES: u32 = 40;

pub(super) struct SocketLine {
    socket: SocketRef,
    peer: Arc<Peer>,
}

impl SocketLine {
    pub(super) fn new(socket: SocketRef, peer: Arc<Peer>) -> Self {
        Self { socket, peer }
    }

    fn emit_ring(&self, payload: &Sequenced<'_>) -> Result<(), LineFull> {
        let Some(call) = payload.event.call() else {
            return self.socket.emit(payload.event.name(), payload).map_err(|_| LineFull);
        };
        let timeout = self.peer.shared.limits.ring_ack_timeout;
        let socket = self.socket.timeout(timeout);
        let ack =
            socket.emit_with_ack::<_, IgnoredAny>(payload.event.name(), payload).map_err(|_| LineFull)?;
        let peer = Arc::clone(&self.peer);
        // Ends with the ack or its timeout.
        tokio::spawn(async move {
            // What the ack says does not matter, that it came does.
            if matches!(ack.await, Ok(_) | Err(AckError::Decode(_))) {
                let input = Input::RingAcked { socket: peer.socket, call };
                // A lane that is full belongs to a client in trouble; then it counts as not acked.
                drop(peer.lane.post(Message::Input { input, reply: None }));
            }
        });
        Ok(())
    }
}

impl Line for SocketLine {
    fn emit(&self, seq: u64, event: &Arc<ServerEvent>, wants_ack: bool) -> Result<(), LineFull> {
        let payload = Sequenced { seq, event };
        if wants_ack {
            return self.emit_ring(&payload);
        }
        self.socket.emit(event.name(), &payload).map_err(|_| LineFull)
    }

    fn close(&self, _why: Closing) {
        if let Err(SocketError::InternalChannelFull) = self.socket.clone().disconnect() {
            let socket = self.socket.clone();
            tokio::spawn(say_goodbye(move || socket.clone().disconnect()));
        }
    }
}

/// The packet that says goodbye needs room in the queue. A client that reads again gets it; one that does not
/// fails its next ping.
pub(super) async fn say_goodbye(disconnect: impl Fn() -> Result<(), SocketError> + Send) {
    for _ in 0..GOODBYES {
        match disconnect() {
            Err(SocketError::InternalChannelFull) => tokio::time::sleep(GOODBYE_EVERY).await,
            Ok(()) | Err(SocketError::Closed) => return,
        }
    }
}
