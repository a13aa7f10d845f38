//! What a client says: text to [`ClientEvent`], and an ack for whatever goes wrong on the way.

use std::sync::Arc;

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
use crate::mailbox::{Message, Replier};

/// One connected client.
pub(super) struct Peer {
    pub(super) socket: SocketId,
    pub(super) caller: Caller,
    pub(super) resume: Option<Resume>,
    pub(super) lane: Arc<Lane>,
    pub(super) shared: Arc<Shared>,
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
            Ok(event) => peer.forward(event, ack_id.map(|_| ack)),
            Err(reject) => {
                peer.shared.refused.increment(1);
                send(ack, &AckBody::refusal(&reject));
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

    fn forward(&self, event: ClientEvent, ack: Option<AckSender>) {
        let replier = Replier::new(move |answer| {
            if let Some(ack) = ack {
                send(ack, &AckBody::new(&answer));
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
}

fn send(ack: AckSender, body: &AckBody<'_>) {
    // A socket that is gone needs no ack. One whose queue is full is closed at the next event or ping.
    drop(ack.send(body));
}
