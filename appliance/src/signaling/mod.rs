//! Engine.IO 4 and Socket.IO 5 on the box's own listener: text in, [`ClientEvent`] to the mailbox, events out.
//! What an event means is decided by the exchange; nothing is decided here but form, size and rate.
//!
//! ```text
//! request -> lean_request -> socketioxide -+-> (path is not /socket.io/) the REST router
//!                                          +-> gate: token -> Caller, or connect_error
//!                                          +-> inbound: text -> ClientEvent -> lane -> mailbox -> driver
//! driver -> Line (outbound) -> the socket's queue of 512 packets -> client
//! ```
//!
//! socketioxide starts a task per event, and tasks may overtake each other. Here every event is read and put into
//! the socket's [`lane`] before the transport reads the next one, so a socket's events keep their order.
//!
//! [`ClientEvent`]: callbox_core::wire::ClientEvent

mod ack;
mod gate;
mod inbound;
mod lane;
mod lean_request;
mod outbound;
mod pace;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use callbox_core::exchange::Caller;
use callbox_core::wire::{Code, MAX_MESSAGE_BYTES};
use metrics::{Counter, Gauge, counter, gauge};
use socketioxide::extract::SocketRef;
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo};

use crate::mailbox::Mailbox;

pub use lean_request::{Door, LeanRequest, LeanRequestLayer};
pub use pace::Pace;

/// Checks an access token. Called on the runtime's threads: it may read the store's memory, but must not wait.
pub type Authenticate = dyn Fn(&str) -> Result<Caller, Code> + Send + Sync;

/// A message this large still reaches the handler, which refuses it with `payload_too_large`. Beyond it the
/// transport closes.
const TRANSPORT_BYTES: usize = 2 * MAX_MESSAGE_BYTES;
/// Packets that may wait for a client: what a resumption can bring at once (256 events) and as much again, so that a
/// client that reads is never closed. Overflow: the socket is closed and the client resumes.
const QUEUE: usize = 512;
/// Read buffer of a WebSocket; candidates fit in one read, descriptions take a few. It is there for every idle
/// phone, so it is small.
const READ_BUFFER: usize = 2048;

/// What one socket may do, and how long it may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How often a socket may send an event.
    pub pace: Pace,
    /// Time between two pings of the box.
    pub ping_interval: Duration,
    /// How long a pong may take.
    pub ping_timeout: Duration,
    /// How long a connection may stay without a valid handshake.
    pub connect_timeout: Duration,
    /// How long an ack of `incoming-call` is waited for. A little more than the exchange's own 5 s.
    pub ring_ack_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pace: Pace { per_second: 100, burst: 400 },
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            ring_ack_timeout: Duration::from_millis(5500),
        }
    }
}

/// What all sockets share.
struct Shared {
    mailbox: Mailbox,
    authenticate: Arc<Authenticate>,
    limits: Limits,
    /// Numbers the sockets. An atomic: a counter needs no owner.
    next_socket: AtomicU64,
    random: ring::rand::SystemRandom,
    events: Counter,
    refused: Counter,
    sockets: Gauge,
}

/// All Socket.IO connections.
#[derive(Clone)]
pub struct Sockets(SocketIo);

impl Sockets {
    /// Closes them all and waits until the transports are gone, at most `patience`. A client that reads nothing
    /// can hold its transport longer; its connection ends with the listener. The driver is not told: this is for
    /// the end of the process.
    pub async fn close(&self, patience: Duration) {
        if tokio::time::timeout(patience, self.0.close()).await.is_err() {
            tracing::debug!("some sockets did not close in time");
        }
    }
}

/// Makes the layer that takes `/socket.io/` off the way to the REST router. Put it around the finished router once:
/// every use of the layer is a Socket.IO server of its own.
#[must_use]
pub fn layer(
    mailbox: Mailbox,
    authenticate: Arc<Authenticate>,
    limits: Limits,
    door: Door,
) -> (LeanRequestLayer, Sockets) {
    let shared = Arc::new(Shared {
        mailbox,
        authenticate,
        limits,
        next_socket: AtomicU64::new(1),
        random: ring::rand::SystemRandom::new(),
        events: counter!("callbox_signaling_events_total"),
        refused: counter!("callbox_signaling_events_refused_total"),
        sockets: gauge!("callbox_signaling_sockets"),
    });
    // No event of the protocol carries attachments; a few small ones are taken in so that they can be refused by
    // an ack instead of a closed connection.
    let parser = ParserConfig::common()
        .max_incoming_binaries(4)
        .max_incoming_binary_buf_size(MAX_MESSAGE_BYTES)
        .packet_completion_timeout(limits.connect_timeout);
    let (layer, io) = SocketIo::builder()
        .max_payload(TRANSPORT_BYTES as u64)
        .ws_max_message_size(TRANSPORT_BYTES)
        .ws_max_frame_size(TRANSPORT_BYTES)
        .ws_read_buffer_size(READ_BUFFER)
        .max_buffer_size(QUEUE)
        .ping_interval(limits.ping_interval)
        .ping_timeout(limits.ping_timeout)
        .connect_timeout(limits.connect_timeout)
        .ack_timeout(limits.ring_ack_timeout)
        .with_parser(parser)
        .build_layer();
    let welcome = {
        let shared = Arc::clone(&shared);
        move |socket: SocketRef| gate::welcome(Arc::clone(&shared), socket)
    };
    io.ns("/", welcome.with(gate::check(shared)));
    (LeanRequestLayer::new(layer, door), Sockets(io))
}
