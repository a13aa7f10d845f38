//! A phone as the box sees one: TLS with the box's own CA as its only trust, HTTP/1.1 and Socket.IO.

#[path = "../../src/signaling/tests/client.rs"]
#[allow(dead_code, reason = "shared with the unit tests of signaling, which use more of it")]
mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const DEADLINE: Duration = Duration::from_secs(20);

/// What an HTTP answer came to.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }
}

/// A phone that may be signed in.
#[derive(Clone)]
pub(crate) struct Phone {
    https: SocketAddr,
    tls: TlsConnector,
    pub(crate) token: String,
}

impl Phone {
    /// Trusts the CA that the plain port hands out.
    pub(crate) async fn trusting(https: SocketAddr, http: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(http).await.unwrap();
        let pem = exchange(&mut stream, &head("GET", "/ca.pem", "", 0)).await;
        assert_eq!(pem.status, 200);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.text.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { https, tls: Arc::new(config).into(), token: String::new() }
    }

    async fn dial(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.https).await.unwrap();
        self.tls.connect(ServerName::from(self.https.ip()), stream).await.unwrap()
    }

    /// One request on its own connection.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = head(method, path, &self.token, body.len());
        request.push_str(&body);
        exchange(&mut self.dial().await, &request).await
    }

    /// A request that must succeed.
    pub(crate) async fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.ask(method, path, Some(body)).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    /// The same phone with another access token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The same phone after signing in.
    pub(crate) async fn signed_in(&self, username: &str, password: &str) -> Self {
        let body = json!({"username": username, "password": password, "device": {"name": "Marker Phone", "platform": "test"}});
        let answer = self.must("POST", "/api/auth/login", body).await;
        self.with_token(answer["accessToken"].as_str().unwrap())
    }

    /// A socket that got its `session`.
    pub(crate) async fn socket(&self) -> Socket {
        let auth = json!({"token": self.token}).to_string();
        let client = client::Client::over(self.dial().await).await.join("", &auth).await.unwrap();
        let mut socket = Socket { client, next_ack: 0 };
        socket.until("session").await;
        socket
    }

    /// The code of a refused handshake.
    pub(crate) async fn refused_socket(&self) -> String {
        let auth = json!({"token": self.token}).to_string();
        let client = client::Client::over(self.dial().await).await.join("", &auth).await;
        client.err().expect("not refused")
    }
}

/// A connected Socket.IO client.
pub(crate) struct Socket {
    client: client::Client<TlsStream<TcpStream>>,
    next_ack: u64,
}

impl Socket {
    /// Says something without waiting for its ack.
    pub(crate) async fn say(&mut self, event: &str, payload: Value) {
        self.next_ack += 1;
        let packet = format!("42{}{}", self.next_ack, json!([event, payload]));
        self.client.send(&packet).await;
    }

    /// The payload of the next event with this name; acks on the way are skipped, rings are acknowledged.
    pub(crate) async fn until(&mut self, event: &str) -> Value {
        loop {
            let text = self.client.text().await;
            let Some(rest) = text.strip_prefix("42") else { continue };
            let (ack, body) = rest.split_at(rest.find('[').unwrap());
            if !ack.is_empty() {
                self.client.send(&format!("43{ack}[]")).await;
            }
            let body: Value = serde_json::from_str(body).unwrap();
            if body[0] == event {
                return body[1].clone();
            }
        }
    }
}

fn head(method: &str, path: &str, token: &str, length: usize) -> String {
    let authorization =
        if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{authorization}content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

async fn exchange(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A server may close without saying goodbye on the TLS layer; what it said is there all the same.
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("no answer");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, text: body.to_owned() }
}
