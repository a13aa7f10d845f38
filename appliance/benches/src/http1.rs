//! A small HTTP/1.1 client on one kept connection: one request, one answer, the next. Enough for the REST calls of a
//! benchmark against two known servers; not a general client (no redirects, no pipelining, no compression).

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::tls::Target;

const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// An answer: its status and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as `T`, if the status is the expected one.
    pub(crate) fn json<T: DeserializeOwned>(&self, expected: u16) -> Result<T> {
        ensure!(self.status == expected, "status {} instead of {expected}: {}", self.status, self.text());
        serde_json::from_slice(&self.body).with_context(|| format!("answer not understood: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(300).collect()
    }
}

/// One kept connection. After an error it is of no more use.
pub(crate) struct Http1<S> {
    stream: S,
    host: String,
    /// Bytes read and not yet used.
    buffer: Vec<u8>,
}

impl Http1<TlsStream<TcpStream>> {
    pub(crate) async fn connect(target: &Target) -> Result<Self> {
        Ok(Self::new(target.connect().await?, target.https))
    }
}

impl Http1<TcpStream> {
    pub(crate) async fn connect_plain(address: SocketAddr) -> Result<Self> {
        Ok(Self::new(TcpStream::connect(address).await.context("connecting")?, address))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http1<S> {
    pub(crate) fn new(stream: S, address: SocketAddr) -> Self {
        Self { stream, host: address.to_string(), buffer: Vec::with_capacity(4096) }
    }

    pub(crate) async fn get(&mut self, path: &str, token: Option<&str>) -> Result<Answer> {
        self.request("GET", path, token, None).await.with_context(|| format!("GET {path}"))
    }

    pub(crate) async fn post(&mut self, path: &str, token: Option<&str>, json: &str) -> Result<Answer> {
        self.request("POST", path, token, Some(json)).await.with_context(|| format!("POST {path}"))
    }

    async fn request(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        json: Option<&str>,
    ) -> Result<Answer> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\n", self.host);
        if let Some(token) = token {
            head.push_str("authorization: Bearer ");
            head.push_str(token);
            head.push_str("\r\n");
        }
        if let Some(json) = json {
            head.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                json.len()
            ));
            head.push_str(json);
        } else {
            head.push_str("\r\n");
        }
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.flush().await?;
        self.read_answer().await
    }

    async fn read_answer(&mut self) -> Result<Answer> {
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(self.buffer.len() < MAX_HEAD_BYTES, "the answer's head is too long");
            self.fill().await?;
        };
        let head = Head::parse(&self.buffer[..head_end])?;
        self.buffer.drain(..head_end);
        let body = match head.length {
            BodyLength::Known(length) => self.take(length).await?,
            BodyLength::Chunked => self.take_chunks().await?,
        };
        Ok(Answer { status: head.status, body })
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        ensure!(length <= MAX_BODY_BYTES, "the answer is too long");
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// RFC 9112 section 7.1; trailers are not expected.
    async fn take_chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break at;
                }
                ensure!(self.buffer.len() < MAX_HEAD_BYTES, "a chunk's head is too long");
                self.fill().await?;
            };
            let line = str::from_utf8(&self.buffer[..line_end])?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).context("a chunk without a size")?;
            self.buffer.drain(..line_end + 2);
            let chunk = self.take(size).await?;
            ensure!(self.take(2).await? == b"\r\n", "a chunk without an end");
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk);
            ensure!(body.len() <= MAX_BODY_BYTES, "the answer is too long");
        }
    }

    async fn fill(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the connection was closed");
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum BodyLength {
    Chunked,
    Known(usize),
}

#[derive(Debug, PartialEq)]
struct Head {
    status: u16,
    length: BodyLength,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let text = str::from_utf8(bytes).context("the answer's head is no text")?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status =
            first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).context("no HTTP/1.1 answer")?;
        let mut head = Self { status: status.parse()?, length: BodyLength::Known(0) };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                head.length = BodyLength::Known(value.trim().parse()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                match value.trim() {
                    "chunked" => head.length = BodyLength::Chunked,
                    other => bail!("transfer coding {other} is not known"),
                }
            }
        }
        Ok(head)
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answers(bytes: &[u8], count: usize) -> Result<Vec<Answer>> {
        let mut client = Http1::new(tokio::io::join(bytes, tokio::io::sink()), "127.0.0.1:1".parse()?);
        let mut answers = Vec::new();
        for _ in 0..count {
            answers.push(client.get("/", None).await?);
        }
        Ok(answers)
    }

    #[tokio::test]
    async fn two_answers_on_one_connection() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\n\r\n";
        let answers = answers(bytes, 2).await.unwrap();
        assert_eq!((answers[0].status, answers[0].body.as_slice()), (201, b"abc".as_slice()));
        assert_eq!((answers[1].status, answers[1].body.as_slice()), (200, b"def".as_slice()));
    }

    #[tokio::test]
    async fn a_cut_or_foreign_answer_is_an_error() {
        assert!(answers(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc", 1).await.is_err());
        assert!(answers(b"SSH-2.0-x\r\n\r\n", 1).await.is_err());
    }
}
