//! The typed handle on the exchange's inbox: what shells hold instead of the exchange.
//!
//! The inbox is bounded. When it is full the sender waits: sockets stop reading, requests wait, the store's writer
//! waits. The driver never waits for any of them, so the wait always ends.

use callbox_core::exchange::{
    Answer, Caller, CloseReason, DirectoryChange, Initiate, Input, ReplyId, Ticket,
};
use callbox_core::id::{CallId, SocketId, UserId};
use callbox_core::wire::{CallView, ClientEvent, PresenceView, Reject, Resume, ServerEvent};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait for the driver.
pub const INBOX: usize = 1024;

/// The driver is gone: the box is stopping, or has to be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the exchange has stopped")]
pub struct Stopped;

/// Why an event could not be put into a socket's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the socket's queue is full or closed")]
pub struct LineFull;

/// One client's socket as the driver sees it. A trait because the driver must not know the transport.
pub trait Line: Send {
    /// Queues an event without waiting; with `wants_ack`, the line reports the ack with
    /// [`Mailbox::ring_acked`].
    ///
    /// # Errors
    /// [`LineFull`]: the driver closes the line, and the client resumes.
    fn emit(&self, seq: u64, event: &Arc<ServerEvent>, wants_ack: bool) -> Result<(), LineFull>;

    /// Closes the socket.
    fn close(&self, reason: CloseReason);
}

/// A question that changes nothing.
#[derive(Debug)]
pub enum Query {
    /// A live call, for one of its users or for an admin (`None`).
    Call { call: CallId, viewer: Option<UserId>, reply: oneshot::Sender<Option<Box<CallView>>> },
    /// A user's live calls.
    CallsOf { user: UserId, reply: oneshot::Sender<Vec<CallView>> },
    /// Everybody's presence.
    Presence { reply: oneshot::Sender<Vec<PresenceView>> },
    /// Counts for metrics and the console.
    Counts { reply: oneshot::Sender<Counts> },
}

/// How busy the exchange is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sockets that are open.
    pub sockets: usize,
    /// Calls that are not over.
    pub calls: usize,
    /// Users with at least one socket.
    pub users_online: usize,
}

/// What reaches the driver.
pub enum Message {
    /// A socket opened; comes before its [`Input::SocketOpened`].
    Line { socket: SocketId, line: Box<dyn Line> },
    /// Something happened; whoever waits gets the answer.
    Input { input: Input, reply: Option<(ReplyId, oneshot::Sender<Result<Answer, Reject>>)> },
    /// Somebody asks.
    Query(Query),
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line { socket, .. } => write!(f, "Line({})", socket.0),
            Self::Input { .. } => f.write_str("Input"),
            Self::Query(_) => f.write_str("Query"),
        }
    }
}

/// A shell's way to the exchange. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailbox {
    inbox: mpsc::Sender<Message>,
    next_reply: Arc<std::sync::atomic::AtomicU64>,
}

impl Mailbox {
    /// Makes the inbox; the driver keeps the receiver.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Message>) {
        // Overflow: the sender waits (see the module header).
        let (inbox, receiver) = mpsc::channel(INBOX);
        (Self { inbox, next_reply: Arc::default() }, receiver)
    }

    async fn send(&self, message: Message) -> Result<(), Stopped> {
        self.inbox.send(message).await.map_err(|_| Stopped)
    }

    async fn input(&self, input: Input) -> Result<(), Stopped> {
        self.send(Message::Input { input, reply: None }).await
    }

    async fn request(&self, make: impl FnOnce(ReplyId) -> Input) -> Result<Result<Answer, Reject>, Stopped> {
        let id = ReplyId(self.next_reply.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        self.send(Message::Input { input: make(id), reply: Some((id, sender)) }).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// An authenticated socket opened. `epoch` is 64 fresh random bits.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn socket_opened(
        &self,
        socket: SocketId,
        line: Box<dyn Line>,
        caller: Caller,
        resume: Option<Resume>,
        epoch: u64,
    ) -> Result<(), Stopped> {
        self.send(Message::Line { socket, line }).await?;
        self.input(Input::SocketOpened { socket, caller, resume, epoch }).await
    }

    /// A socket closed.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn socket_closed(&self, socket: SocketId) -> Result<(), Stopped> {
        self.input(Input::SocketClosed { socket }).await
    }

    /// A client said something; the answer is its ack.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn client(
        &self,
        socket: SocketId,
        event: ClientEvent,
    ) -> Result<Result<Answer, Reject>, Stopped> {
        self.request(|reply| Input::Client { socket, event, reply }).await
    }

    /// A client acknowledged `incoming-call`.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn ring_acked(&self, socket: SocketId, call: CallId) -> Result<(), Stopped> {
        self.input(Input::RingAcked { socket, call }).await
    }

    /// A call is wanted; answered after it is stored.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn initiate(
        &self,
        caller: Caller,
        request: Initiate,
    ) -> Result<Result<Answer, Reject>, Stopped> {
        self.request(|reply| Input::Initiate { caller, request, reply }).await
    }

    /// Recording is wanted or not wanted any more.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn record(
        &self,
        caller: Caller,
        call: CallId,
        start: bool,
    ) -> Result<Result<Answer, Reject>, Stopped> {
        self.request(|reply| Input::Record { caller, call, start, reply }).await
    }

    /// The box stops.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn shut_down(&self) -> Result<(), Stopped> {
        self.input(Input::ShutDown).await
    }

    /// A live call, for one of its users, or for an admin with `viewer: None`.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn call(&self, call: CallId, viewer: Option<UserId>) -> Result<Option<Box<CallView>>, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.send(Message::Query(Query::Call { call, viewer, reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// A user's live calls.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn calls_of(&self, user: UserId) -> Result<Vec<CallView>, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.send(Message::Query(Query::CallsOf { user, reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// Everybody's presence.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn presence(&self) -> Result<Vec<PresenceView>, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.send(Message::Query(Query::Presence { reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// How busy the exchange is.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn counts(&self) -> Result<Counts, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.send(Message::Query(Query::Counts { reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// From the store's writer thread, in commit order. Blocks while the inbox is full; a stopped driver is no
    /// error there, because what was committed stays committed.
    pub fn committed(&self, notice: Notice) {
        let input = match notice {
            Notice::Directory(change) => Input::Directory(change),
            Notice::Committed(ticket) => Input::Committed { ticket },
            Notice::Refused(ticket) => Input::CommitRefused { ticket },
        };
        let _ = self.inbox.blocking_send(Message::Input { input, reply: None });
    }
}

/// What the store's writer tells the exchange.
#[derive(Debug, Clone)]
pub enum Notice {
    /// An account or session change was committed.
    Directory(DirectoryChange),
    /// The exchange's events were committed.
    Committed(Ticket),
    /// They were not, and will not be.
    Refused(Ticket),
}
