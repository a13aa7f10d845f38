//! One call set-up as two phones live it, from `initiate` to the last `call-state`. The script is the same for both
//! servers; it fails on the first thing that is not as the protocol says.
//!
//! ```text
//! caller: POST initiate -> call-user ---------------> call-accepted -> 6 candidates, null -> media-state -> end-call
//! callee:                             incoming-call -> ack, accept-call, 6 candidates, null -> media-state
//! both:   call-state InCall … call-ended, call-state Idle
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::time::timeout;

use crate::http1::Http1;
use crate::sdp::{self, CANDIDATES, Sdp};
use crate::socketio::{EventBody, Packet, Socket, parse};
use crate::tls::Target;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A call that takes longer fails the benchmark.
const CALL_WITHIN: Duration = Duration::from_secs(20);
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// How often each event was received.
pub(crate) type EventCounts = BTreeMap<String, u64>;

/// One signed-in device of a user.
#[derive(Clone, Debug)]
pub(crate) struct Station {
    pub(crate) user_id: String,
    pub(crate) token: String,
}

/// What the phones say; made once for all pairs.
pub(crate) struct Script {
    offer: Sdp,
    answer: Sdp,
    /// JSON of every candidate, the end-of-candidates mark last.
    candidates: Vec<String>,
}

impl Script {
    pub(crate) fn new() -> Self {
        let mut candidates: Vec<String> = (0..CANDIDATES).map(sdp::candidate).collect();
        candidates.push("null".to_owned());
        Self { offer: sdp::offer(), answer: sdp::answer(), candidates }
    }
}

/// Two phones of which the first calls the second, again and again.
pub(crate) struct Pair {
    script: Arc<Script>,
    caller: Leg,
    callee: Leg,
    http: Http1<TlsStream<TcpStream>>,
    caller_token: String,
    initiate: String,
    /// Events received by both phones since they connected.
    pub(crate) events: EventCounts,
}

/// One phone's socket and the acks it still waits for.
struct Leg {
    socket: Socket,
    pending: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Callee,
    Caller,
}

/// How far a call has come. Its `Debug` form is what a failed run prints.
#[derive(Debug)]
struct Progress {
    call_id: String,
    called_at: Instant,
    ring: Option<Duration>,
    ending: bool,
    caller: LegProgress,
    callee: LegProgress,
}

#[derive(Debug, Default)]
struct LegProgress {
    /// Has the other side's description.
    described: bool,
    candidates: usize,
    media_reported: bool,
    media_of_other: bool,
    in_call: bool,
    ended: bool,
    idle: bool,
}

impl Progress {
    fn leg(&mut self, role: Role) -> &mut LegProgress {
        match role {
            Role::Callee => &mut self.callee,
            Role::Caller => &mut self.caller,
        }
    }
}

impl LegProgress {
    fn over(&self) -> bool {
        self.media_of_other && self.ended && self.idle
    }
}

impl Leg {
    async fn emit(&mut self, name: &str, json: &str) -> Result<()> {
        let id = self.socket.emit(name, json).await?;
        self.pending.push(id);
        Ok(())
    }

    /// Takes an ack off the list of those awaited.
    fn settle(&mut self, id: u64) -> Result<()> {
        let at = self.pending.iter().position(|pending| *pending == id).context("an ack nobody waits for")?;
        self.pending.swap_remove(at);
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initiated {
    call_id: String,
    callee_status: String,
}

impl Pair {
    pub(crate) async fn connect(
        target: &Target,
        caller: &Station,
        callee: &Station,
        script: Arc<Script>,
    ) -> Result<Self> {
        let leg = async |station: &Station| -> Result<Leg> {
            let socket = Socket::connect(target, &station.token, READ_BUFFER_BYTES).await?;
            Ok(Leg { socket, pending: Vec::with_capacity(16) })
        };
        Ok(Self {
            script,
            caller: leg(caller).await?,
            callee: leg(callee).await?,
            http: Http1::connect(target).await?,
            caller_token: caller.token.clone(),
            initiate: format!(
                r#"{{"targetUserId":"{}","media":{{"audio":true,"video":true}}}}"#,
                callee.user_id
            ),
            events: EventCounts::new(),
        })
    }

    /// One call from begin to end. Returns the time from sending `call-user` to having `incoming-call`.
    pub(crate) async fn call(&mut self) -> Result<Duration> {
        let initiated: Initiated = self
            .http
            .post("/api/calls/initiate", Some(&self.caller_token), &self.initiate)
            .await?
            .json(201)?;
        ensure!(initiated.callee_status == "online", "the callee is {}", initiated.callee_status);
        let mut progress = Progress {
            call_id: initiated.call_id,
            called_at: Instant::now(),
            ring: None,
            ending: false,
            caller: LegProgress::default(),
            callee: LegProgress::default(),
        };
        match timeout(CALL_WITHIN, self.run(&mut progress)).await {
            Ok(result) => result.with_context(|| format!("{progress:?}"))?,
            Err(_) => bail!(
                "no end within {CALL_WITHIN:?}; acks awaited {}, {}: {progress:?}",
                self.caller.pending.len(),
                self.callee.pending.len()
            ),
        }
        progress.ring.context("a call without a ring")
    }

    /// Reads what arrives between two calls until `deadline`.
    pub(crate) async fn rest_until(&mut self, deadline: tokio::time::Instant) -> Result<()> {
        let sleep = tokio::time::sleep_until(deadline);
        tokio::pin!(sleep);
        loop {
            let text = tokio::select! {
                text = self.caller.socket.next_text() => text?,
                text = self.callee.socket.next_text() => text?,
                () = &mut sleep => return Ok(()),
            };
            if let Packet::Event { name, .. } = parse(&text)? {
                count(&mut self.events, &name);
            }
        }
    }

    async fn run(&mut self, progress: &mut Progress) -> Result<()> {
        let call_user = format!(
            r#"{{"callId":"{}","targetUserId":{},"offer":{{"type":"offer","sdp":{}}}}}"#,
            progress.call_id,
            self.target_user(),
            self.script.offer.json
        );
        progress.called_at = Instant::now();
        self.caller.emit("call-user", &call_user).await?;
        while !self.over(progress) {
            let (role, text) = tokio::select! {
                text = self.caller.socket.next_text() => (Role::Caller, text?),
                text = self.callee.socket.next_text() => (Role::Callee, text?),
            };
            self.on_packet(progress, role, parse(&text)?).await?;
        }
        Ok(())
    }

    /// The callee's id as JSON, as it stands in the body of `initiate`.
    fn target_user(&self) -> &str {
        let rest = self.initiate.strip_prefix(r#"{"targetUserId":"#).unwrap_or_default();
        rest.split(',').next().unwrap_or_default()
    }

    fn over(&self, progress: &Progress) -> bool {
        let acked = self.caller.pending.is_empty() && self.callee.pending.is_empty();
        acked && progress.caller.over() && progress.callee.over()
    }

    async fn on_packet(&mut self, progress: &mut Progress, role: Role, packet: Packet<'_>) -> Result<()> {
        match packet {
            Packet::Ack { id, body } => {
                ensure!(body.ok, "{role:?} was refused: {:?}", body.error.map(|error| error.code));
                self.leg(role).settle(id)
            }
            Packet::Event { ack, name, body } => {
                count(&mut self.events, &name);
                if let Some(id) = ack {
                    self.leg(role).socket.ack(id).await?;
                }
                // What comes late from the call before is not of this one.
                if body.call_id.as_ref().is_none_or(|id| id.0 != progress.call_id) {
                    return Ok(());
                }
                self.on_event(progress, role, &name, &body).await
            }
        }
    }

    async fn on_event(
        &mut self,
        progress: &mut Progress,
        role: Role,
        name: &str,
        body: &EventBody<'_>,
    ) -> Result<()> {
        match name {
            "incoming-call" => {
                ensure!(role == Role::Callee && progress.ring.is_none(), "a ring too many");
                progress.ring = Some(progress.called_at.elapsed());
                let offer = body.offer.as_ref().context("a ring without an offer")?;
                ensure!(offer.sdp == self.script.offer.text, "the offer was changed on its way");
                progress.callee.described = true;
                self.accept(&progress.call_id).await?;
            }
            "call-accepted" => {
                ensure!(role == Role::Caller, "the callee was told that it accepted");
                let answer = body.answer.as_ref().context("accepted without an answer")?;
                ensure!(answer.sdp == self.script.answer.text, "the answer was changed on its way");
                progress.caller.described = true;
                self.send_candidates(&progress.call_id, Role::Caller).await?;
            }
            "ice-candidate" => progress.leg(role).candidates += 1,
            // Without a sender it is the box's own media state.
            "media-state" if body.from_user_id.is_some() => progress.leg(role).media_of_other = true,
            "call-state" => self.on_state(progress, role, body).await?,
            "call-ended" => {
                let reason = body.reason.as_ref().map(|reason| reason.0.as_ref());
                ensure!(progress.ending && reason == Some("hangup"), "ended by {reason:?}");
                progress.leg(role).ended = true;
            }
            _ => {}
        }
        self.report_media(progress, role).await
    }

    async fn on_state(&mut self, progress: &mut Progress, role: Role, body: &EventBody<'_>) -> Result<()> {
        match body.state.as_ref().context("a call-state without a state")?.0.as_ref() {
            "InCall" => progress.leg(role).in_call = true,
            "Idle" => progress.leg(role).idle = true,
            "Connecting" | "Connected" | "Ended" => {}
            state => bail!("the call went to {state}"),
        }
        if progress.caller.in_call && progress.callee.in_call && !progress.ending {
            progress.ending = true;
            let end = format!(r#"{{"callId":"{}"}}"#, progress.call_id);
            self.caller.emit("end-call", &end).await?;
        }
        Ok(())
    }

    async fn accept(&mut self, call_id: &str) -> Result<()> {
        let sdp = &self.script.answer.json;
        let accept = format!(r#"{{"callId":"{call_id}","answer":{{"type":"answer","sdp":{sdp}}}}}"#);
        self.callee.emit("accept-call", &accept).await?;
        self.send_candidates(call_id, Role::Callee).await
    }

    async fn send_candidates(&mut self, call_id: &str, role: Role) -> Result<()> {
        let script = Arc::clone(&self.script);
        for candidate in &script.candidates {
            let json = format!(r#"{{"callId":"{call_id}","candidate":{candidate}}}"#);
            self.leg(role).emit("ice-candidate", &json).await?;
        }
        Ok(())
    }

    /// A phone is connected when it has the other's description and all its candidates.
    async fn report_media(&mut self, progress: &mut Progress, role: Role) -> Result<()> {
        let all = self.script.candidates.len();
        let leg = progress.leg(role);
        if leg.media_reported || !leg.described || leg.candidates < all {
            return Ok(());
        }
        leg.media_reported = true;
        let json = format!(r#"{{"callId":"{}","state":"connected"}}"#, progress.call_id);
        self.leg(role).emit("media-state", &json).await
    }

    fn leg(&mut self, role: Role) -> &mut Leg {
        match role {
            Role::Callee => &mut self.callee,
            Role::Caller => &mut self.caller,
        }
    }
}

fn count(events: &mut EventCounts, name: &str) {
    if let Some(count) = events.get_mut(name) {
        *count += 1;
    } else {
        events.insert(name.to_owned(), 1);
    }
}
