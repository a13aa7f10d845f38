//! A server under measurement: started with its output read, stopped or killed by its own process id, and never left
//! behind (dropping it kills it).

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const START_WITHIN: Duration = Duration::from_secs(30);
/// A box has 10 s for a clean stop.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct StartCommand {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Where its stderr goes.
    pub(crate) log: PathBuf,
}

/// A server that has said `ready`.
pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) pid: u32,
    /// Of the TLS listener.
    pub(crate) https: SocketAddr,
    /// Of the plain listener, where there is one.
    pub(crate) http: Option<SocketAddr>,
    /// Printed by a box that has no admin yet.
    pub(crate) setup_code: Option<String>,
    /// From the start to `ready`.
    pub(crate) ready_after: Duration,
}

impl StartCommand {
    /// Starts the server and waits until it is ready, at most 30 s.
    pub(crate) async fn start(&self) -> Result<ServerProcess> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("opening {}", self.log.display()))?;
        let started = Instant::now();
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let pid = child.id().context("the server ended at once")?;
        let stdout = child.stdout.take().context("the server has no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let read = timeout(START_WITHIN, read_until_ready(&mut lines)).await;
        let announced = match read {
            Ok(Ok(announced)) => announced,
            Ok(Err(error)) => return Err(error.context(self.log_tail())),
            Err(_) => bail!("not ready within {START_WITHIN:?}\n{}", self.log_tail()),
        };
        let ready_after = started.elapsed();
        // A server that prints more must not block on a full pipe. Ends with the server.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(ServerProcess {
            child,
            pid,
            https: announced.https.context("the server named no https address")?,
            http: announced.http,
            setup_code: announced.setup_code,
            ready_after,
        })
    }

    /// The end of the server's log, for an error message.
    pub(crate) fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(20)..];
        format!("{} said last:\n{}", self.program.display(), tail.join("\n"))
    }
}

#[derive(Default)]
struct Announced {
    https: Option<SocketAddr>,
    http: Option<SocketAddr>,
    setup_code: Option<String>,
}

async fn read_until_ready(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<Announced> {
    let mut announced = Announced::default();
    while let Some(line) = lines.next_line().await? {
        if line == "ready" {
            return Ok(announced);
        }
        announced.read_line(&line)?;
    }
    bail!("the server ended before it was ready")
}

impl Announced {
    /// A listener may have several addresses; the first of a kind is taken.
    fn read_line(&mut self, line: &str) -> Result<()> {
        if let Some(address) = line.strip_prefix("listening https https://") {
            self.https.get_or_insert(address_of(address)?);
        } else if let Some(address) = line.strip_prefix("listening http http://") {
            self.http.get_or_insert(address_of(address)?);
        } else if let Some(code) = line.strip_prefix("setup code: ") {
            self.setup_code = Some(code.trim().to_owned());
        }
        Ok(())
    }
}

fn address_of(text: &str) -> Result<SocketAddr> {
    let text = text.trim().trim_end_matches('/');
    text.parse().with_context(|| format!("{text} is no address"))
}

impl ServerProcess {
    /// Asks the server to stop and waits for a clean end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.pid).context("process id out of range")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("SIGTERM")?;
        let status = timeout(STOP_WITHIN, self.child.wait()).await;
        let status = status.with_context(|| format!("no clean stop within {STOP_WITHIN:?}"))??;
        ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }

    /// Takes the server away without a word, as a power cut would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("SIGKILL")
    }

    /// Fails when the server is gone.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the server ended with {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_of_a_box_are_understood() {
        let mut announced = Announced::default();
        for line in [
            "listening https https://127.0.0.1:8443",
            "listening https https://[::1]:8443",
            "listening http http://127.0.0.1:8080/",
            "listening media udp://127.0.0.1:5000",
            "setup code: ABCD-EFGH",
        ] {
            announced.read_line(line).unwrap();
        }
        assert_eq!(announced.https, Some("127.0.0.1:8443".parse().unwrap()));
        assert_eq!(announced.http, Some("127.0.0.1:8080".parse().unwrap()));
        assert_eq!(announced.setup_code.as_deref(), Some("ABCD-EFGH"));
        assert!(announced.read_line("listening https https://nowhere").is_err());
    }
}
