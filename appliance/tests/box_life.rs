//! The program as somebody starts it: lines, signals, exit status.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends by panicking")]

#[allow(dead_code, reason = "shared by the tests, each of which uses a part")]
mod phone;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use phone::Phone;
use serde_json::json;

const DEADLINE: Duration = Duration::from_secs(30);

/// A box that runs, ended with the test.
struct Started {
    child: Child,
    lines: Vec<String>,
}

impl Started {
    fn new(data_dir: &Path) -> Self {
        Self::with_workers(data_dir, "2")
    }

    fn with_workers(data_dir: &Path, workers: &str) -> Self {
        let mut child = callbox(&["serve", "--https", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env("CALLBOX_WORKERS", workers)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = until_ready(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn after(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(prefix))
    }

    fn addr(&self, prefix: &str) -> SocketAddr {
        self.after(prefix).unwrap_or_else(|| panic!("{:?}", self.lines)).parse().unwrap()
    }

    async fn phone(&self) -> Phone {
        Phone::trusting(self.addr("listening https https://"), self.addr("listening http http://")).await
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The exit status, and how long it took.
    fn wait(mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        let (done, ended) = mpsc::channel();
        let pid = self.child.id();
        std::thread::spawn(move || done.send(self.child.wait().unwrap()).unwrap());
        let status = ended.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL).unwrap();
            panic!("it did not end")
        });
        (status.code(), start.elapsed())
    }
}

fn callbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    command.args(args).stderr(Stdio::null()).env_remove("CALLBOX_LOG").env_remove("CALLBOX_WORKERS");
    command
}

fn until_ready(stdout: ChildStdout) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut lines = Vec::new();
    loop {
        let line = receiver.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("not ready: {lines:?}"));
        if line == "ready" {
            return lines;
        }
        lines.push(line);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_setup_code_is_printed_until_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let first = Started::new(dir.path());
    let code = first.after("setup code: ").unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(dir.path().join("setup-code")).unwrap().trim(), code);
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait().0, Some(0));

    let second = Started::new(dir.path());
    assert_eq!(second.after("setup code: "), Some(code.as_str()), "the same after a restart");
    let phone = second.phone().await;
    assert_eq!(phone.ask("GET", "/readyz", None).await.status, 200);
    let setup = json!({"code": code, "boxName": "Office",
        "admin": {"username": "admin", "password": "correct horse", "displayName": "Admin"}});
    phone.must("POST", "/api/setup", setup).await;
    assert!(!dir.path().join("setup-code").exists(), "removed after use");
    second.signal(Signal::SIGINT);
    assert_eq!(second.wait().0, Some(0));

    let third = Started::new(dir.path());
    assert_eq!(third.after("setup code: "), None);
    third.signal(Signal::SIGTERM);
    assert_eq!(third.wait().0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_tells_running_calls_and_stores_their_end() {
    let dir = tempfile::tempdir().unwrap();
    // The single-threaded runtime, where anything that blocks would block everything.
    let first = Started::with_workers(dir.path(), "1");
    let code = first.after("setup code: ").unwrap().to_owned();
    let phone = first.phone().await;
    let setup = json!({"code": code, "boxName": "Office",
        "admin": {"username": "admin", "password": "correct horse", "displayName": "Admin"}});
    phone.must("POST", "/api/setup", setup).await;
    let admin = phone.signed_in("admin", "correct horse").await;
    let user = json!({"username": "ben", "password": "battery staple", "displayName": "Ben"});
    let ben_id = admin.must("POST", "/api/users", user).await["id"].clone();
    let ben = phone.signed_in("ben", "battery staple").await;
    let (mut from, mut to) = (admin.socket().await, ben.socket().await);
    let call = json!({"targetUserId": ben_id, "media": {"audio": true, "video": false}});
    let call = admin.must("POST", "/api/calls/initiate", call).await["callId"].clone();
    let offer = json!({"type": "offer", "sdp": "v=0"});
    from.say("call-user", json!({"callId": call, "targetUserId": ben_id, "offer": offer})).await;
    to.until("incoming-call").await;
    first.signal(Signal::SIGTERM);
    assert_eq!(to.until("call-ended").await["reason"], "box_shutdown");
    let (status, took) = first.wait();
    assert_eq!(status, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");

    let second = Started::new(dir.path());
    let admin = second.phone().await.signed_in("admin", "correct horse").await;
    let path = format!("/api/calls/{}", call.as_str().unwrap());
    let record = admin.ask("GET", &path, None).await.json();
    assert_eq!(record["endReason"], "box_shutdown", "{record}");
    second.signal(Signal::SIGKILL);
    second.wait();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_admin_password_is_not_a_lost_box() {
    let dir = tempfile::tempdir().unwrap();
    let first = Started::new(dir.path());
    let code = first.after("setup code: ").unwrap().to_owned();
    let phone = first.phone().await;
    let setup = json!({"code": code, "boxName": "Office",
        "admin": {"username": "admin", "password": "forgotten words", "displayName": "Admin"}});
    phone.must("POST", "/api/setup", setup).await;
    let before = phone.signed_in("admin", "forgotten words").await;
    let reset = || {
        let mut command = callbox(&["admin", "reset-password", "--data-dir"]);
        command.arg(dir.path()).stdin(Stdio::null()).output().unwrap()
    };
    assert!(!reset().status.success(), "not while the box runs");
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait().0, Some(0));

    let done = reset();
    assert!(done.status.success());
    let text = String::from_utf8(done.stdout).unwrap();
    let password = text.lines().find_map(|line| line.strip_prefix("new password: ")).unwrap().to_owned();
    let second = Started::new(dir.path());
    let phone = second.phone().await;
    phone.signed_in("admin", &password).await;
    let before = phone.with_token(&before.token);
    assert_eq!(before.ask("GET", "/api/users/me", None).await.status, 401, "signed out everywhere");
    second.signal(Signal::SIGKILL);
    second.wait();
}

#[test]
fn bad_configuration_is_64_with_every_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("box.toml");
    std::fs::write(&file, "[listen]\nhttps = 7\nnonsense = 1\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_callbox")).arg("check-config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("listen.https") && text.contains("listen.nonsense"), "{text}");
    let output = callbox(&["serve", "--https", "nowhere", "--http", "nothing"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
}
