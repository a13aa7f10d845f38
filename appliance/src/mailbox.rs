//! The typed handle on the exchange's inbox: what shells hold instead of the exchange.
//!
//! The inbox is bounded. When it is full the sender waits: sockets stop reading, requests wait, the store's writer
//! waits. The driver never waits for any of them, so the wait always ends.

use callbox_core::exchange::{
    Answer, Caller, CloseReason, Counts, DirectoryChange, Initiate, Input, ReplyId, Ticket,
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

/// Why a line is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The exchange wants it.
    Asked(CloseReason),
    /// The client reads too slowly: its queue was full.
    TooSlow,
}

/// One client's socket as the driver sees it. A trait because the driver must not know the transport.
pub trait Line: Send {
    /// Queues an event without waiting; with `wants_ack`, the line reports the ack as
    /// [`Input::RingAcked`].
    ///
    /// # Errors
    /// [`LineFull`]: the driver closes the line, and the client resumes.
    fn emit(&self, seq: u64, event: &Arc<ServerEvent>, wants_ack: bool) -> Result<(), LineFull>;

    /// Closes the socket.
    fn close(&self, why: Closing);
}

/// Takes the answer to one request. Called by the driver, so it must not wait.
pub struct Replier(Box<dyn FnOnce(Result<Answer, Reject>) + Send>);

impl Replier {
    /// Hands the answer to `take`.
    #[must_use]
    pub fn new(take: impl FnOnce(Result<Answer, Reject>) + Send + 'static) -> Self {
        Self(Box::new(take))
    }

    /// A replier, and the place where its answer arrives.
    fn waiting() -> (Self, oneshot::Receiver<Result<Answer, Reject>>) {
        let (sender, receiver) = oneshot::channel();
        // Whoever waited may have gone; the answer then has no reader, which is no fault.
        (Self::new(move |answer| drop(sender.send(answer))), receiver)
    }

    /// Answers.
    pub fn answer(self, answer: Result<Answer, Reject>) {
        (self.0)(answer);
    }
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
    /// Answered once no call lives and nothing waits for the journal.
    Quiet { reply: oneshot::Sender<()> },
}

/// A socket that opened.
pub struct Opened {
    /// Its number.
    pub socket: SocketId,
    /// The way back to the client.
    pub line: Box<dyn Line>,
    /// Who connected.
    pub caller: Caller,
    /// What the client has got already.
    pub resume: Option<Resume>,
    /// 64 fresh random bits.
    pub epoch: u64,
}

/// What reaches the driver.
pub enum Message {
    /// A socket opened.
    Opened(Box<Opened>),
    /// Something happened; whoever waits gets the answer.
    Input { input: Input, reply: Option<(ReplyId, Replier)> },
    /// Somebody asks.
    Query(Query),
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opened(opened) => write!(f, "Opened({})", opened.socket.0),
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

    /// Puts a message into the inbox; waits while the inbox is full.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn post(&self, message: Message) -> Result<(), Stopped> {
        self.inbox.send(message).await.map_err(|_| Stopped)
    }

    /// Puts a message into the inbox if there is room.
    ///
    /// # Errors
    /// The message comes back when the inbox is full. A stopped driver takes everything and does nothing.
    pub fn try_post(&self, message: Message) -> Result<(), Box<Message>> {
        match self.inbox.try_send(message) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(message)) => Err(Box::new(message)),
        }
    }

    /// The message for what a client said; `replier` gets the ack.
    #[must_use]
    pub fn client(&self, socket: SocketId, event: ClientEvent, replier: Replier) -> Message {
        let reply = self.reply_id();
        Message::Input { input: Input::Client { socket, event, reply }, reply: Some((reply, replier)) }
    }

    fn reply_id(&self) -> ReplyId {
        ReplyId(self.next_reply.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }

    async fn request(&self, make: impl FnOnce(ReplyId) -> Input) -> Result<Result<Answer, Reject>, Stopped> {
        let id = self.reply_id();
        let (replier, receiver) = Replier::waiting();
        self.post(Message::Input { input: make(id), reply: Some((id, replier)) }).await?;
        receiver.await.map_err(|_| Stopped)
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

    /// The box stops: no new calls, and the running ones are told. Comes back when they are over and stored;
    /// whoever calls sets the deadline.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn shut_down(&self) -> Result<(), Stopped> {
        self.post(Message::Input { input: Input::ShutDown, reply: None }).await?;
        let (reply, receiver) = oneshot::channel();
        self.post(Message::Query(Query::Quiet { reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// A live call, for one of its users, or for an admin with `viewer: None`.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn call(&self, call: CallId, viewer: Option<UserId>) -> Result<Option<Box<CallView>>, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.post(Message::Query(Query::Call { call, viewer, reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// A user's live calls.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn calls_of(&self, user: UserId) -> Result<Vec<CallView>, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.post(Message::Query(Query::CallsOf { user, reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// Everybody's presence.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn presence(&self) -> Result<Vec<PresenceView>, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.post(Message::Query(Query::Presence { reply })).await?;
        receiver.await.map_err(|_| Stopped)
    }

    /// How busy the exchange is.
    ///
    /// # Errors
    /// [`Stopped`]
    pub async fn counts(&self) -> Result<Counts, Stopped> {
        let (reply, receiver) = oneshot::channel();
        self.post(Message::Query(Query::Counts { reply })).await?;
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
