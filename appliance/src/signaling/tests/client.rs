//! The smallest Socket.IO client: packets as text over one WebSocket, and plain HTTP for polling.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct Client<S = TcpStream> {
    ws: WebSocketStream<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The Engine.IO connection over a stream that is open already.
    pub(super) async fn over(stream: S) -> Self {
        let url = "ws://box/socket.io/?EIO=4&transport=websocket";
        let (ws, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let mut client = Self { ws };
        assert!(client.text().await.starts_with("0{"));
        client
    }

    /// The Socket.IO handshake. The error is the payload of `connect_error`.
    pub(super) async fn join(self, namespace: &str, auth: &str) -> Result<Self, String> {
        let mut client = self;
        client.send(&format!("40{namespace}{auth}")).await;
        let answer = client.text().await;
        match answer.strip_prefix("44") {
            None => {
                assert!(answer.starts_with("40"), "{answer}");
                Ok(client)
            }
            Some(refused) => Err(refused.strip_prefix(namespace).unwrap_or(refused).to_owned()),
        }
    }

    pub(super) async fn send(&mut self, packet: &str) {
        self.ws.send(Message::text(packet)).await.unwrap();
    }

    pub(super) async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.ws.send(Message::binary(bytes)).await.unwrap();
    }

    /// The next packet; pings are answered.
    pub(super) async fn text(&mut self) -> String {
        loop {
            match tokio::time::timeout(DEADLINE, self.ws.next()).await.expect("nothing arrived") {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await,
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(super) async fn event(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(text.strip_prefix("42").unwrap_or_else(|| panic!("{text}"))).unwrap()
    }

    pub(super) async fn event_with_ack(&mut self) -> (u64, Value) {
        self.numbered("42").await
    }

    pub(super) async fn ack(&mut self) -> (u64, Value) {
        self.numbered("43").await
    }

    async fn numbered(&mut self, kind: &str) -> (u64, Value) {
        let text = self.text().await;
        let rest = text.strip_prefix(kind).unwrap_or_else(|| panic!("{text}"));
        let (id, body) = rest.split_at(rest.find('[').unwrap());
        (id.parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    pub(super) async fn until_closed(&mut self) {
        let end = async {
            while let Some(Ok(message)) = self.ws.next().await {
                if matches!(message, Message::Close(_)) {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, end).await.expect("still open");
    }
}
