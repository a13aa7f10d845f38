//! The handshake: `auth: {token, resume?}` to a [`Caller`], or a `connect_error` whose message is a code.
//!
//! [`Caller`]: callbox_core::exchange::Caller

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callbox_core::exchange::Input;
use callbox_core::id::SocketId;
use callbox_core::wire::{Code, SocketAuth};
use ring::rand::SecureRandom;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::SocketRef;
use socketioxide::handler::{FromConnectParts, Value};
use socketioxide::socket::Socket;

use super::Shared;
use super::inbound::{Inbound, Peer};
use super::lane::Lane;
use super::outbound::SocketLine;
use crate::mailbox::{Message, Opened};

/// The handshake's `auth`, or nothing when it is not what it should be.
#[derive(Clone)]
pub(super) struct Handshake(Option<SocketAuth>);

impl FromConnectParts<LocalAdapter> for Handshake {
    type Error = Infallible;
    fn from_connect_parts(_: &Arc<Socket>, auth: &Option<Value>) -> Result<Self, Infallible> {
        Ok(Self(match auth {
            Some(Value::Str(text, _)) => serde_json::from_str(text).ok(),
            Some(Value::Bytes(_)) | None => None,
        }))
    }
}

/// Shown to the client as the whole message of `connect_error`.
#[derive(Clone, Copy)]
pub(super) struct Refused(Code);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// A socket whose token was good, until the driver knows it.
#[derive(Clone)]
struct Admitted {
    peer: Arc<Peer>,
    token: String,
}

/// Decides who comes in. Handlers are set here and not after the client was told that it is connected, or its
/// first event could find none.
pub(super) fn check(
    shared: Arc<Shared>,
) -> impl Fn(SocketRef, Handshake) -> Ready<Result<(), Refused>> + Clone + Send + Sync + 'static {
    move |socket, Handshake(auth)| ready(admit(&shared, &socket, auth))
}

fn admit(shared: &Arc<Shared>, socket: &Socket, auth: Option<SocketAuth>) -> Result<(), Refused> {
    let SocketAuth { token, resume } = auth.ok_or(Refused(Code::Unauthorized))?;
    let caller = (shared.authenticate)(&token).map_err(Refused)?;
    let peer = Arc::new(Peer {
        socket: SocketId(shared.next_socket.fetch_add(1, Ordering::Relaxed)),
        caller,
        resume,
        lane: Arc::new(Lane::new(shared.mailbox.clone())),
        shared: Arc::clone(shared),
        leaving: AtomicBool::new(false),
    });
    socket.on_fallback(Inbound(Arc::clone(&peer)));
    socket.on_disconnect({
        let peer = Arc::clone(&peer);
        move || {
            peer.shared.sockets.decrement(1);
            let input = Input::SocketClosed { socket: peer.socket };
            peer.lane.close(Message::Input { input, reply: None });
            ready(())
        }
    });
    socket.extensions.insert(Admitted { peer, token });
    Ok(())
}

/// Makes an admitted socket known to the driver, and looks once more whether its session still is: one that ended
/// between the check and now was told to a driver that knew no socket of it. One that ends later finds the socket.
pub(super) async fn welcome(shared: Arc<Shared>, socket: SocketRef) {
    let Some(Admitted { peer, token }) = socket.extensions.remove() else { return };
    shared.sockets.increment(1);
    let opened = Opened {
        socket: peer.socket,
        caller: peer.caller,
        resume: peer.resume.clone(),
        epoch: random_epoch(&shared.random),
        line: Box::new(SocketLine::new(socket.clone(), Arc::clone(&peer))),
    };
    peer.lane.open(Message::Opened(Box::new(opened))).await;
    if (shared.authenticate)(&token) == Err(Code::SessionRevoked) {
        // Its end reaches the driver as of any socket. An error means that it has ended already.
        drop(socket.disconnect());
    }
}

fn random_epoch(random: &ring::rand::SystemRandom) -> u64 {
    let mut bytes = [0; 8];
    if random.fill(&mut bytes).is_err() {
        // An epoch only has to differ from the one before, and is no secret.
        tracing::warn!("the system has no random numbers");
    }
    u64::from_le_bytes(bytes)
}
