//! What goes into the exchange and what comes out of it.

use std::sync::Arc;

use crate::id::{CallId, DeviceId, RoomId, SessionId, SocketId, UserId};
use crate::journal::{Body, Role};
use crate::unit::Timestamp;
use crate::wire::{CallState, ClientEvent, Level, Media, Reject, Resume, ServerEvent, Settings};

/// Names the place where a shell waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyId(pub u64);

/// Names a set of events handed to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Who speaks: the session behind a socket or a REST request, already authenticated by a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The login.
    pub session: SessionId,
    /// The device of that login.
    pub device: DeviceId,
    /// The user.
    pub user: UserId,
}

/// What the exchange knows of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Who.
    pub user: UserId,
    /// Rises with every change; an older entry never replaces a newer one.
    pub version: u64,
    /// May do what.
    pub role: Role,
    /// Shown to the people called.
    pub display_name: String,
    /// The number to dial.
    pub extension: Option<String>,
    /// Refuses calls.
    pub do_not_disturb: bool,
    /// Takes a second call while in one.
    pub call_waiting: bool,
}

impl std::fmt::Debug for DirectoryEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryEntry").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What the store committed that the exchange must know, in commit order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryChange {
    /// An account is there, or is different now.
    Put(DirectoryEntry),
    /// An account is gone: its calls end, its sockets close.
    Gone(UserId),
    /// A session is gone: its socket closes.
    SessionGone(SessionId),
}

/// `POST /api/calls/initiate`, checked by the shell for form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initiate {
    /// Whom to call.
    pub target: UserId,
    /// To carry what.
    pub media: Media,
    /// End-to-end encrypted.
    pub e2ee: bool,
    /// A fresh random identifier.
    pub call: CallId,
    /// A fresh random identifier.
    pub room: RoomId,
}

/// Everything that can happen to the exchange.
#[derive(Debug, Clone)]
pub enum Input {
    /// An authenticated socket opened; `epoch` is 64 fresh random bits.
    SocketOpened { socket: SocketId, caller: Caller, resume: Option<Resume>, epoch: u64 },
    /// A socket closed, clean or not.
    SocketClosed { socket: SocketId },
    /// A client said something; the answer is its ack.
    Client { socket: SocketId, event: ClientEvent, reply: ReplyId },
    /// A client acknowledged `incoming-call`.
    RingAcked { socket: SocketId, call: CallId },
    /// A call is wanted.
    Initiate { caller: Caller, request: Initiate, reply: ReplyId },
    /// Recording is wanted or not wanted any more.
    Record { caller: Caller, call: CallId, start: bool, reply: ReplyId },
    /// The store committed an account change.
    Directory(DirectoryChange),
    /// The store committed what [`Output::Commit`] asked for.
    Committed { ticket: Ticket },
    /// The store refused it (disk full, queue full); nothing of it is stored.
    CommitRefused { ticket: Ticket },
    /// The media server works for this call from now on (F3: pipeline created and joined).
    PipelineJoined { call: CallId },
    /// The media server let go of the call (F5).
    PipelineReleased { call: CallId },
    /// The box stops: no new calls, running calls are told.
    ShutDown,
}

/// What a client or a REST request gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Done.
    Done,
    /// The call exists and is stored.
    Initiated(Initiated),
    /// What `network-quality` came to.
    Quality { level: Level, settings: Settings },
    /// Whether the call is being recorded now.
    Recording { recording: bool },
}

/// The answer to `POST /api/calls/initiate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initiated {
    /// The call.
    pub call: CallId,
    /// Its room.
    pub room: RoomId,
    /// `Connecting`.
    pub state: CallState,
    /// Whether a device of the callee is reachable now.
    pub callee_online: bool,
    /// When ringing stops.
    pub expires_at: Timestamp,
}

/// Why the exchange wants a socket closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// A newer socket of the same session took over.
    Replaced,
    /// The session was ended.
    SessionGone,
    /// The account was deleted.
    AccountGone,
}

/// Everything the exchange wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Send an event; when the socket's queue is full, close it (the client resumes).
    Emit { socket: SocketId, seq: u64, event: Arc<ServerEvent>, wants_ack: bool },
    /// Answer whoever waits.
    Reply { reply: ReplyId, answer: Result<Answer, Reject> },
    /// Store these events in one transaction, then say [`Input::Committed`] or [`Input::CommitRefused`].
    Commit { ticket: Ticket, events: Vec<Body> },
    /// Close a socket.
    Close { socket: SocketId, reason: CloseReason },
    /// Nobody is reachable: wake the callee's devices (F7).
    Wake { call: CallId, user: UserId, expires_at: Timestamp },
    /// The call no longer rings: stop waking.
    StopWaking { call: CallId, user: UserId },
    /// Stop recording and take the media server's side of the call down (F5), then say
    /// [`Input::PipelineReleased`].
    ReleasePipeline { call: CallId },
}

/// What the settings say about calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Calls that may be live at once; one more is `box_full`.
    pub max_calls: usize,
}

/// How busy the exchange is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Open sockets.
    pub sockets: usize,
    /// Calls that are not over, and those whose end is not told yet.
    pub calls: usize,
    /// Users with at least one socket.
    pub users_online: usize,
    /// Events that are not stored yet.
    pub unsaved: bool,
}
