//! A Socket.IO 5 client on Engine.IO 4 over one WebSocket (namespace `/`, text only): connect, emit with ack, answer
//! acks and pings. It keeps no state of calls and does not reconnect.
//!
//! Packets: `0{…}` open, `40{"token":…}` connect, `40{"sid":…}` connected, `44{…}` refused, `42<id>["name",{…}]`
//! event, `43<id>[…]` ack, `2` ping, `3` pong, `1` close.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::tls::Target;

const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// One connected socket.
pub(crate) struct Socket {
    stream: WebSocketStream<TlsStream<TcpStream>>,
    next_ack: u64,
    /// Pings of the server answered so far; shared, because the reader is inside [`Self::next_text`] while it is asked.
    pings: Arc<AtomicU64>,
}

/// What the server sent, pings and the handshake left out.
#[derive(Debug)]
pub(crate) enum Packet<'a> {
    /// The answer to the event sent with this id.
    Ack { id: u64, body: AckBody<'a> },
    /// An event; with an id if the server wants an ack.
    Event { ack: Option<u64>, name: Cow<'a, str>, body: EventBody<'a> },
}

/// `{ok:true}` or `{ok:false, error:{code}}`.
#[derive(Debug, Deserialize)]
pub(crate) struct AckBody<'a> {
    pub(crate) ok: bool,
    #[serde(borrow)]
    pub(crate) error: Option<AckError<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AckError<'a> {
    #[serde(borrow)]
    pub(crate) code: Cow<'a, str>,
}

/// The fields of any event that a call script looks at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventBody<'a> {
    #[serde(borrow)]
    pub(crate) call_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) from_user_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) state: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) offer: Option<Description<'a>>,
    #[serde(borrow)]
    pub(crate) answer: Option<Description<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Description<'a> {
    #[serde(borrow)]
    pub(crate) sdp: Cow<'a, str>,
}

/// A string that borrows where it can; inside an `Option` a bare `Cow` would always copy.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl Socket {
    /// Opens the WebSocket and joins the namespace with `token`, within 20 s. `read_buffer` is in bytes.
    pub(crate) async fn connect(target: &Target, token: &str, read_buffer: usize) -> Result<Self> {
        let connected = timeout(CONNECT_WITHIN, Self::handshake(target, token, read_buffer)).await;
        connected.with_context(|| format!("not connected within {CONNECT_WITHIN:?}"))?
    }

    async fn handshake(target: &Target, token: &str, read_buffer: usize) -> Result<Self> {
        let url = format!("wss://{}/socket.io/?EIO=4&transport=websocket", target.https);
        let config = WebSocketConfig::default().read_buffer_size(read_buffer).write_buffer_size(0);
        let tls = target.connect().await?;
        let (stream, _) =
            client_async_with_config(url, tls, Some(config)).await.context("WebSocket handshake")?;
        let mut socket = Self { stream, next_ack: 0, pings: Arc::default() };
        let open = socket.next_text().await?;
        anyhow::ensure!(open.starts_with('0'), "no Engine.IO open packet");
        socket.send(format!("40{{\"token\":\"{token}\"}}")).await?;
        let joined = socket.next_text().await?;
        anyhow::ensure!(joined.starts_with("40"), "the server refused the socket: {}", joined.as_str());
        Ok(socket)
    }

    /// The counter of pings answered.
    pub(crate) fn pings(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.pings)
    }

    /// Sends an event that wants an ack; returns the id the ack will carry. `json` is the payload.
    pub(crate) async fn emit(&mut self, name: &str, json: &str) -> Result<u64> {
        let id = self.next_ack;
        self.next_ack += 1;
        self.send(format!("42{id}[\"{name}\",{json}]")).await?;
        Ok(id)
    }

    /// Acknowledges an event of the server.
    pub(crate) async fn ack(&mut self, id: u64) -> Result<()> {
        self.send(format!("43{id}[]")).await
    }

    async fn send(&mut self, text: String) -> Result<()> {
        self.stream.send(Message::text(text)).await.context("sending")
    }

    /// The next packet's text. Pings are answered on the way. May be cancelled and called again.
    pub(crate) async fn next_text(&mut self) -> Result<Utf8Bytes> {
        loop {
            let message = self.stream.next().await.context("the server closed the socket")??;
            let Message::Text(text) = message else {
                if message.is_close() {
                    bail!("the server closed the socket");
                }
                continue;
            };
            match text.as_bytes().first() {
                Some(b'2') => {
                    self.send("3".to_owned()).await?;
                    self.pings.fetch_add(1, Ordering::Relaxed);
                }
                Some(b'1') => bail!("the server closed the Engine.IO session"),
                _ => return Ok(text),
            }
        }
    }
}

/// Reads an event or an ack.
pub(crate) fn parse(text: &str) -> Result<Packet<'_>> {
    let parsed = match text.get(..2) {
        Some("42") => parse_event(&text[2..]),
        Some("43") => parse_ack(&text[2..]),
        _ => None,
    };
    parsed.with_context(|| format!("packet not understood: {:.200}", text))
}

fn parse_event(text: &str) -> Option<Packet<'_>> {
    let (id, json) = split_id(text)?;
    let ack = if id.is_empty() { None } else { Some(id.parse().ok()?) };
    let (Text(name), body) = serde_json::from_str::<(Text<'_>, EventBody<'_>)>(json).ok()?;
    Some(Packet::Event { ack, name, body })
}

fn parse_ack(text: &str) -> Option<Packet<'_>> {
    let (id, json) = split_id(text)?;
    let (body,) = serde_json::from_str::<(AckBody<'_>,)>(json).ok()?;
    Some(Packet::Ack { id: id.parse().ok()?, body })
}

fn split_id(text: &str) -> Option<(&str, &str)> {
    text.find('[').map(|at| text.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_wants_an_ack() {
        let text =
            r#"4217["incoming-call",{"callId":"c","offer":{"type":"offer","sdp":"v=0\r\n"},"new":[1]}]"#;
        let Packet::Event { ack, name, body } = parse(text).unwrap() else { panic!("no event") };
        assert_eq!((ack, name.as_ref()), (Some(17), "incoming-call"));
        assert_eq!(body.call_id.unwrap().0, "c");
        assert_eq!(body.offer.unwrap().sdp, "v=0\r\n");
    }

    #[test]
    fn acks_good_and_bad() {
        let Packet::Ack { id, body } = parse(r#"433[{"ok":true,"more":1}]"#).unwrap() else {
            panic!("no ack")
        };
        assert!(id == 3 && body.ok && body.error.is_none());
        let text = r#"434[{"ok":false,"error":{"code":"not_found","detail":"x"}}]"#;
        let Packet::Ack { body, .. } = parse(text).unwrap() else { panic!("no ack") };
        assert_eq!(body.error.unwrap().code, "not_found");
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in ["", "4", "42", "42[", "42x[\"a\",{}]", "43[{}]", "41", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
