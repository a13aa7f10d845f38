//! What a client says: text to [`ClientEvent`], and an ack for whatever goes wrong on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callbox_core::exchange::Caller;
use callbox_core::id::SocketId;
use callbox_core::wire::{ClientEvent, Code, Reject, Resume};
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, MessageHandler, Value};
use socketioxide::socket::Socket;

use super::Shared;
use super::ack::AckBody;
use super::lane::{Lane, LaneFull};
use super::outbound::say_goodbye;
use crate::mailbox::{Message, Replier};

/// One connected client.
pub(super) struct Peer {
    pub(super) socket: SocketId,
    pub(super) caller: Caller,
    pub(super) resume: Option<Resume>,
    pub(super) lane: Arc<Lane>,
    pub(super) shared: Arc<Shared>,
    /// The socket is being closed because an ack was lost. An atomic: set once, from whichever task finds out.
    pub(super) leaving: AtomicBool,
}

/// The one handler of all events of a socket. It holds no socket, or the socket would hold itself.
#[derive(Clone)]
pub(super) struct Inbound(pub(super) Arc<Peer>);

/// Marks [`Inbound`] as a handler that takes the text itself.
pub(super) struct ByText;

impl MessageHandler<LocalAdapter, ByText> for Inbound {
    /// Runs inside the transport's reader, so the order of events is the order of calls.
    fn call(&self, socket: Arc<Socket>, mut value: Value, ack_id: Option<i64>) {
        let Ok(ack) = AckSender::from_message_parts(&socket, &mut value, &ack_id);
        let peer = &self.0;
        peer.shared.events.increment(1);
        match peer.read(&value) {
            Ok(event) => peer.forward(event, ack_id.map(|_| (ack, socket))),
            Err(reject) => {
                peer.shared.refused.increment(1);
                peer.send((ack, socket), &AckBody::refusal(&reject));
            }
        }
    }
}

impl Peer {
    fn read(&self, value: &Value) -> Result<ClientEvent, Reject> {
        if !self.lane.pace(self.shared.limits.pace) {
            return Err(Code::RateLimited.into());
        }
        match value {
            Value::Str(text, None) => ClientEvent::parse(text),
            Value::Str(_, Some(_)) | Value::Bytes(_) => {
                Err(Reject::because(Code::InvalidInput, "Events of this box carry no attachments."))
            }
        }
    }

    fn forward(self: &Arc<Self>, event: ClientEvent, ack: Option<(AckSender, Arc<Socket>)>) {
        let peer = Arc::clone(self);
        let replier = Replier::new(move |answer| {
            if let Some(ack) = ack {
                peer.send(ack, &AckBody::new(&answer));
            }
        });
        let message = self.shared.mailbox.client(self.socket, event, replier);
        if let Err(LaneFull(message)) = self.lane.post(message)
            && let Message::Input { reply: Some((_, replier)), .. } = *message
        {
            self.shared.refused.increment(1);
            replier.answer(Err(Code::Busy.into()));
        }
    }

    /// An ack that finds the queue full ends the socket: the client does not read, and one that lost an ack would
    /// wait for it. It resumes.
    fn send(&self, (ack, socket): (AckSender, Arc<Socket>), body: &AckBody<'_>) {
        let lost = ack.send(body).is_err();
        if lost && socket.connected() && !self.leaving.swap(true, Ordering::Relaxed) {
            tokio::spawn(say_goodbye(move || Arc::clone(&socket).disconnect()));
        }
    }
}
