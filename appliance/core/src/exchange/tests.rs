//! What each device hears, and in which order: the rules of a call as scenes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::*;
use crate::id::{RoomId, SessionId};
use crate::unit::Timestamp;
use crate::wire::{
    AcceptCall, CallUser, ClientEvent, Description, EndCall, IceCandidate, IceCandidateReport, LegReport,
    Media, MediaReport, NetworkQuality, NetworkType, RejectCall, SdpType,
};

/// Three people with two phones each: Ann (0), Bob (1), Eve (2).
struct Desk {
    exchange: Exchange,
    now: Now,
    heard: BTreeMap<(u8, u8), Vec<String>>,
    sockets: BTreeMap<SocketId, (u8, u8)>,
    next: u64,
    held: Option<VecDeque<Ticket>>,
    answer: Option<Result<Answer, Reject>>,
    other: Vec<String>,
}

const CALL: CallId = CallId::from_random([9; 16]);
const ROOM: RoomId = RoomId::from_random([8; 16]);

fn user(n: u8) -> UserId {
    UserId::from_random([n + 1; 16])
}

fn who(phone: (u8, u8)) -> Caller {
    let id = [10 * (phone.0 + 1) + phone.1; 16];
    Caller { session: SessionId::from_random(id), device: DeviceId::from_random(id), user: user(phone.0) }
}

fn entry(n: u8) -> DirectoryEntry {
    DirectoryEntry {
        user: user(n),
        version: 1,
        role: crate::journal::Role::User,
        display_name: format!("Person {n}"),
        extension: None,
        do_not_disturb: false,
        call_waiting: false,
    }
}

fn sdp(kind: SdpType) -> Description {
    Description { kind, sdp: "v=0".to_owned() }
}

fn candidate(text: &str) -> Option<IceCandidate> {
    Some(IceCandidate {
        candidate: text.to_owned(),
        sdp_mid: None,
        sdp_m_line_index: Some(Some(0)),
        username_fragment: None,
    })
}

impl Desk {
    fn new() -> Self {
        Self {
            exchange: Exchange::new(Options { max_calls: 2 }, (0..3).map(entry).collect()),
            now: Now { instant: Instant::ZERO, wall: Timestamp::from_millis(0) },
            heard: BTreeMap::new(),
            sockets: BTreeMap::new(),
            next: 0,
            held: None,
            answer: None,
            other: Vec::new(),
        }
    }

    fn with(phones: &[(u8, u8)]) -> Self {
        let mut desk = Self::new();
        for phone in phones {
            desk.open(*phone, None);
        }
        desk.heard.clear();
        desk
    }

    fn handle(&mut self, input: Input) {
        self.exchange.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.exchange.poll_output() {
            match output {
                Output::Emit { socket, event, .. } => {
                    if let Some(phone) = self.sockets.get(&socket) {
                        self.heard.entry(*phone).or_default().push(spell(&event));
                    }
                }
                Output::Reply { answer, .. } => self.answer = Some(answer),
                Output::Commit { ticket, .. } => match &mut self.held {
                    Some(held) => held.push_back(ticket),
                    None => self.exchange.handle(Input::Committed { ticket }, self.now),
                },
                Output::Close { socket, reason } => {
                    self.sockets.remove(&socket);
                    self.other.push(format!("close {reason:?}"));
                }
                Output::Wake { .. } => self.other.push("wake".to_owned()),
                Output::StopWaking { .. } => self.other.push("stop waking".to_owned()),
                Output::ReleasePipeline { .. } => self.other.push("release".to_owned()),
            }
        }
    }

    fn open(&mut self, phone: (u8, u8), resume: Option<Resume>) {
        self.next += 1;
        let socket = SocketId(self.next);
        self.sockets.insert(socket, phone);
        self.handle(Input::SocketOpened { socket, caller: who(phone), resume, epoch: 5 });
    }

    fn socket(&self, phone: (u8, u8)) -> SocketId {
        *self.sockets.iter().rev().find(|(_, owner)| **owner == phone).expect("an open socket").0
    }

    fn close(&mut self, phone: (u8, u8)) {
        let socket = self.socket(phone);
        self.sockets.remove(&socket);
        self.handle(Input::SocketClosed { socket });
    }

    fn says(&mut self, phone: (u8, u8), event: ClientEvent) -> Result<Answer, Reject> {
        self.sends(phone, event);
        self.answer.take().expect("every event is answered")
    }

    /// Without looking at the ack, which may have to wait.
    fn sends(&mut self, phone: (u8, u8), event: ClientEvent) {
        let socket = self.socket(phone);
        self.answer = None;
        self.handle(Input::Client { socket, event, reply: ReplyId(1) });
    }

    fn initiate(&mut self, phone: (u8, u8), target: u8, call: CallId) -> Option<Result<Answer, Reject>> {
        let media = Media { audio: true, video: true };
        let request = Initiate { target: user(target), media, e2ee: false, call, room: ROOM };
        self.answer = None;
        self.handle(Input::Initiate { caller: who(phone), request, reply: ReplyId(2) });
        self.answer.take()
    }

    /// Ann's first phone calls Bob, up to the ring.
    fn ring(&mut self) {
        assert!(matches!(self.initiate((0, 0), 1, CALL), Some(Ok(Answer::Initiated(_)))));
        let offer = sdp(SdpType::Offer);
        let event = CallUser { call_id: CALL, target_user_id: user(1), offer };
        assert_eq!(self.says((0, 0), ClientEvent::CallUser(event)), Ok(Answer::Done));
    }

    fn accept(&mut self, phone: (u8, u8)) -> Result<Answer, Reject> {
        let answer = sdp(SdpType::Answer);
        self.says(phone, ClientEvent::AcceptCall(AcceptCall { call_id: CALL, answer }))
    }

    fn report(&mut self, phone: (u8, u8), state: MediaReport) -> Result<Answer, Reject> {
        self.says(phone, ClientEvent::MediaState(LegReport { call_id: CALL, state, error: None }))
    }

    fn talk(&mut self) {
        self.ring();
        for result in [
            self.accept((1, 0)),
            self.report((0, 0), MediaReport::Connected),
            self.report((1, 0), MediaReport::Connected),
        ] {
            assert_eq!(result, Ok(Answer::Done));
        }
    }

    fn trickle(&mut self, phone: (u8, u8), text: &str) -> Result<Answer, Reject> {
        let event = IceCandidateReport { call_id: CALL, candidate: candidate(text) };
        self.says(phone, ClientEvent::IceCandidate(event))
    }

    fn hang_up(&mut self, phone: (u8, u8)) -> Result<Answer, Reject> {
        self.says(phone, ClientEvent::EndCall(EndCall { call_id: Some(CALL), room_id: None }))
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some((at, _)) = self.exchange.poll_timeout().filter(|(at, _)| *at <= end) {
            self.now.instant = at;
            self.exchange.handle_timeout(self.now);
            self.drain();
        }
        self.now.instant = end;
    }

    /// What a phone heard since the last time, presence of others left out.
    fn hears(&mut self, phone: (u8, u8)) -> Vec<String> {
        let heard = self.heard.remove(&phone).unwrap_or_default();
        heard.into_iter().filter(|line| !line.starts_with("presence")).collect()
    }

    fn presence(&self, n: u8) -> Presence {
        self.exchange.presence().iter().find(|view| view.user_id == user(n)).expect("known").presence
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest by name")]
fn spell(event: &ServerEvent) -> String {
    match event {
        ServerEvent::CallState(change) => format!("state {:?}", change.state),
        ServerEvent::CallEnded(ended) => format!("ended {:?}", ended.reason),
        ServerEvent::Closing(closing) => format!("closing {:?}", closing.reason),
        ServerEvent::CallRejected(rejected) => format!("rejected {}", rejected.reason),
        ServerEvent::IceCandidate(ice) => {
            format!("ice {}", ice.candidate.as_ref().map_or("end", |found| found.candidate.as_str()))
        }
        ServerEvent::MediaState(media) => format!("media {}", media.state),
        ServerEvent::Quality(quality) => {
            format!(
                "quality {:?} {}",
                quality.level,
                if quality.from_user_id.is_some() { "theirs" } else { "own" }
            )
        }
        ServerEvent::Session(session) => format!("session {} {}", session.resumed, session.calls.len()),
        ServerEvent::Presence(view) => format!("presence {:?}", view.presence),
        other => other.name().to_owned(),
    }
}

fn code(answer: Result<Answer, Reject>) -> Code {
    answer.expect_err("a refusal").code
}

#[test]
fn a_call_from_ring_to_hang_up() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.ring();
    assert_eq!(desk.hears((0, 0)), ["state Connecting", "media Connecting"]);
    assert_eq!(desk.hears((1, 0)), ["incoming-call"]);
    assert_eq!((desk.presence(0), desk.presence(1)), (Presence::Busy, Presence::Busy));
    desk.trickle((0, 0), "a1").unwrap();
    desk.trickle((1, 0), "b1").unwrap();
    desk.accept((1, 0)).unwrap();
    assert_eq!(desk.hears((0, 0)), ["call-accepted", "state Connected", "ice b1"]);
    assert_eq!(desk.hears((1, 0)), ["state Connected", "ice a1"]);
    desk.trickle((0, 0), "a2").unwrap();
    desk.report((0, 0), MediaReport::Connected).unwrap();
    desk.report((1, 0), MediaReport::Connected).unwrap();
    assert_eq!(desk.hears((1, 0)), ["ice a2", "media connected", "state InCall", "media Connected"]);
    assert_eq!((desk.presence(0), desk.presence(1)), (Presence::InCall, Presence::InCall));
    desk.pass(Duration::from_secs(7));
    desk.hang_up((1, 0)).unwrap();
    let end = ["state Ended", "media NoMedia", "ended Hangup", "state Idle"];
    assert_eq!(desk.hears((1, 0)), end);
    assert_eq!(desk.hears((0, 0))[3..], end);
    assert_eq!(desk.presence(0), Presence::Online);
    assert_eq!(code(desk.accept((1, 0))), Code::CallEnded);
    assert_eq!(desk.hang_up((1, 0)), Ok(Answer::Done));
}

#[test]
fn the_first_answer_wins_and_the_others_are_told() {
    let mut desk = Desk::with(&[(0, 0), (1, 0), (1, 1)]);
    desk.ring();
    desk.accept((1, 1)).unwrap();
    assert_eq!(desk.hears((1, 0)), ["incoming-call", "ended AnsweredElsewhere"]);
    assert_eq!(code(desk.accept((1, 0))), Code::AlreadyAnswered);
    assert_eq!(desk.accept((1, 1)), Ok(Answer::Done), "the winner's repeat");
    assert_eq!(code(desk.report((1, 0), MediaReport::Connected)), Code::Forbidden);
    assert_eq!(code(desk.trickle((1, 0), "late")), Code::Forbidden);
    assert_eq!(desk.hang_up((1, 0)), Ok(Answer::Done), "a loser's hang-up is a late reject");
    assert_eq!(desk.presence(0), Presence::InCall);
}

#[test]
fn one_reject_ends_ringing_everywhere() {
    let mut desk = Desk::with(&[(0, 0), (1, 0), (1, 1)]);
    desk.ring();
    desk.hears((0, 0));
    let event = RejectCall { call_id: CALL, reason: Some("in a meeting".to_owned()) };
    desk.says((1, 0), ClientEvent::RejectCall(event)).unwrap();
    let end = ["state Ended", "media NoMedia", "ended Rejected", "state Idle"];
    assert_eq!(desk.hears((0, 0)), [&["rejected in a meeting"], &end[..]].concat());
    assert_eq!(desk.hears((1, 1)), [&["incoming-call"], &end[..]].concat());
}

#[test]
fn strangers_find_no_call_and_bystanders_may_not_speak() {
    let mut desk = Desk::with(&[(0, 0), (0, 1), (1, 0), (2, 0)]);
    desk.talk();
    assert_eq!(code(desk.hang_up((2, 0))), Code::NotFound);
    assert_eq!(code(desk.report((2, 0), MediaReport::Lost)), Code::NotFound);
    assert_eq!(code(desk.report((0, 1), MediaReport::Lost)), Code::Forbidden);
    assert_eq!(desk.exchange.call_view(CALL, Some(user(2)), desk.now), None);
    assert!(desk.exchange.call_view(CALL, None, desk.now).is_some());
}

#[test]
fn an_offline_callee_is_woken_and_the_caller_hears_of_him_once() {
    let mut desk = Desk::with(&[(0, 0)]);
    desk.ring();
    assert_eq!(desk.other, ["wake"]);
    assert_eq!(desk.presence(1), Presence::Offline);
    desk.hears((0, 0));
    desk.open((1, 0), None);
    desk.open((1, 1), None);
    assert_eq!(desk.hears((0, 0)), ["user-coming-online"]);
    assert_eq!(desk.hears((1, 0)), ["session false 1", "incoming-call"]);
    desk.accept((1, 1)).unwrap();
    assert_eq!(desk.other, ["wake", "stop waking"]);
}

#[test]
fn a_socket_that_does_not_ack_counts_as_offline_but_may_still_accept() {
    let mut desk = Desk::with(&[(0, 0), (1, 0), (1, 1)]);
    desk.ring();
    let acked = desk.socket((1, 1));
    desk.handle(Input::RingAcked { socket: acked, call: CALL });
    desk.pass(Duration::from_secs(5));
    assert!(desk.other.is_empty(), "one device got it");
    desk.close((1, 1));
    assert_eq!(desk.other, ["wake"], "now none did");
    assert_eq!(desk.accept((1, 0)), Ok(Answer::Done));
}

#[test]
fn a_page_that_is_loaded_anew_rings_again_and_a_resumed_one_does_not() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.ring();
    desk.hears((1, 0));
    desk.close((1, 0));
    desk.open((1, 0), None);
    assert_eq!(desk.hears((1, 0)), ["session false 1", "incoming-call"]);
    desk.close((1, 0));
    desk.open((1, 0), Some(Resume { epoch: format!("{:016x}", 5), seq: 2 }));
    assert_eq!(desk.hears((1, 0)), ["session true 1"], "it has the ring");
}

#[test]
fn a_leg_without_a_socket_is_held_for_thirty_seconds() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.talk();
    desk.hears((0, 0));
    desk.close((1, 0));
    assert_eq!(desk.presence(1), Presence::InCall);
    desk.pass(Duration::from_secs(29));
    desk.open((1, 0), None);
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.hears((0, 0)), Vec::<String>::new(), "it came back");
    desk.close((1, 0));
    desk.pass(Duration::from_secs(30));
    let states = desk.hears((0, 0));
    assert_eq!(states, ["state Reconnecting", "state Error", "media NoMedia", "ended Error", "state Idle"]);
}

#[test]
fn busy_glare_and_full() {
    let mut desk = Desk::with(&[(0, 0), (1, 0), (2, 0)]);
    desk.ring();
    let other = CallId::from_random([7; 16]);
    let glare = desk.initiate((1, 0), 0, other).unwrap().unwrap_err();
    assert_eq!((glare.code, glare.call), (Code::Glare, Some(CALL)));
    assert_eq!(code(desk.initiate((2, 0), 1, other).unwrap()), Code::CalleeBusy);
    assert_eq!(code(desk.initiate((0, 1), 2, other).unwrap()), Code::CallerBusy);
    assert_eq!(code(desk.initiate((2, 0), 2, other).unwrap()), Code::InvalidInput);
    let mut entry = entry(2);
    (entry.version, entry.do_not_disturb) = (2, true);
    desk.handle(Input::Directory(DirectoryChange::Put(entry)));
    desk.hang_up((0, 0)).unwrap();
    assert_eq!(code(desk.initiate((0, 0), 2, other).unwrap()), Code::DoNotDisturb);
    desk.handle(Input::ShutDown);
    assert_eq!(code(desk.initiate((0, 0), 1, other).unwrap()), Code::BoxFull);
}

#[test]
fn nothing_is_promised_before_it_is_stored() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.held = Some(VecDeque::new());
    assert_eq!(desk.initiate((0, 0), 1, CALL), None, "the answer waits");
    let ticket = desk.held.as_mut().unwrap().pop_front().unwrap();
    desk.handle(Input::CommitRefused { ticket });
    assert_eq!(code(desk.answer.take().unwrap()), Code::Busy);
    assert_eq!((desk.exchange.counts().calls, desk.presence(0)), (0, Presence::Online));
    assert_eq!(desk.hears((0, 0)), Vec::<String>::new(), "the call never was");
}

#[test]
fn what_changes_the_record_is_acknowledged_when_it_is_stored() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.ring();
    desk.hears((0, 0));
    desk.held = Some(VecDeque::new());
    let answer = sdp(SdpType::Answer);
    desk.sends((1, 0), ClientEvent::AcceptCall(AcceptCall { call_id: CALL, answer }));
    assert_eq!(desk.hears((0, 0))[0], "call-accepted", "the caller does not wait for the disk");
    assert_eq!(desk.answer, None);
    let accepted = desk.held.as_mut().unwrap().pop_front().unwrap();
    assert_eq!(desk.trickle((1, 0), "c"), Ok(Answer::Done), "what changes no record does not wait");
    desk.answer = None;
    desk.handle(Input::Committed { ticket: accepted });
    assert_eq!(desk.answer.take(), Some(Ok(Answer::Done)));
    desk.handle(Input::Committed { ticket: accepted });
    assert_eq!(desk.answer, None, "once");
}

#[test]
fn a_socket_that_the_box_closes_hears_why() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    let older = desk.socket((0, 0));
    desk.next += 1;
    let newer = SocketId(desk.next);
    let resume = Some(Resume { epoch: "0000000000000005".to_owned(), seq: 0 });
    desk.exchange
        .handle(Input::SocketOpened { socket: newer, caller: who((0, 0)), resume, epoch: 6 }, desk.now);
    let mut told = Vec::new();
    while let Some(output) = desk.exchange.poll_output() {
        if let Output::Emit { socket, event, .. } = output {
            told.push((socket, spell(&event)));
        }
    }
    assert_eq!(told[0], (older, "closing Replaced".to_owned()));
    assert!(!told[1..].iter().any(|(_, event)| event.starts_with("closing")), "not again after the resume");
    desk.handle(Input::Directory(DirectoryChange::SessionGone(who((1, 0)).session)));
    assert_eq!(desk.hears((1, 0)).last().map(String::as_str), Some("closing SessionRevoked"));
}

#[test]
fn call_ended_waits_for_the_record_two_seconds_and_no_longer() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.talk();
    desk.hears((0, 0));
    desk.held = Some(VecDeque::new());
    desk.sends((0, 0), ClientEvent::EndCall(EndCall { call_id: Some(CALL), room_id: None }));
    assert_eq!(desk.hears((0, 0)), ["state Ended", "media NoMedia"]);
    desk.pass(Duration::from_secs(2));
    assert_eq!(desk.hears((0, 0)), ["ended Hangup", "state Idle"]);
    assert_eq!(desk.answer, None, "the ack is a promise");
    let ticket = desk.held.as_mut().unwrap().pop_front().unwrap();
    desk.handle(Input::CommitRefused { ticket });
    assert_eq!(desk.answer.take(), Some(Ok(Answer::Done)), "the call is over, whatever the disk does");
    assert!(desk.exchange.counts().unsaved, "the record is not given up");
    desk.pass(Duration::from_secs(1));
    let ticket = desk.held.as_mut().unwrap().pop_front().expect("it is tried again");
    desk.handle(Input::Committed { ticket });
    assert!(!desk.exchange.counts().unsaved);
}

#[test]
fn the_media_server_lets_go_beside_the_record() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.talk();
    desk.handle(Input::PipelineJoined { call: CALL });
    desk.hears((0, 0));
    desk.hang_up((0, 0)).unwrap();
    assert_eq!(desk.other, ["release"]);
    assert_eq!(desk.hears((0, 0)), ["state Ended", "media NoMedia"], "saved, but not released");
    desk.handle(Input::PipelineReleased { call: CALL });
    assert_eq!(desk.hears((0, 0)), ["ended Hangup", "state Idle"]);
}

#[test]
fn a_revoked_session_loses_its_socket_and_its_leg_is_held() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.talk();
    desk.handle(Input::Directory(DirectoryChange::SessionGone(who((1, 0)).session)));
    assert_eq!(desk.other, ["close SessionGone"]);
    desk.pass(Duration::from_secs(30));
    assert_eq!(desk.exchange.counts().calls, 0);
}

#[test]
fn a_deleted_account_ends_its_calls_at_once() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.talk();
    desk.hears((0, 0));
    desk.handle(Input::Directory(DirectoryChange::Gone(user(1))));
    assert_eq!(desk.other, ["close AccountGone"]);
    assert_eq!(desk.hears((0, 0)), ["state Ended", "media NoMedia", "ended Hangup", "state Idle"]);
    assert_eq!(code(desk.initiate((0, 0), 1, CALL).unwrap()), Code::NotFound);
}

#[test]
fn quality_is_told_to_both_sides_and_only_bound_devices_judge() {
    let mut desk = Desk::with(&[(0, 0), (0, 1), (1, 0)]);
    desk.talk();
    desk.hears((0, 0));
    desk.hears((1, 0));
    let report = NetworkQuality {
        call_id: Some(CALL),
        kind: NetworkType::Wifi,
        rssi_dbm: Some(-60.0),
        downlink_mbps: None,
        available_outgoing_kbps: None,
    };
    assert!(matches!(
        desk.says((0, 0), ClientEvent::NetworkQuality(report)),
        Ok(Answer::Quality { level: crate::wire::Level::Medium, .. })
    ));
    assert_eq!(desk.hears((0, 0)), ["quality Medium own"]);
    assert_eq!(desk.hears((1, 0)), ["quality Medium theirs"]);
    assert_eq!(code(desk.says((0, 1), ClientEvent::NetworkQuality(report))), Code::Forbidden);
    desk.hang_up((0, 0)).unwrap();
    assert!(desk.exchange.ladders.is_empty(), "nothing of a call stays behind");
}

#[test]
fn recording_asks_first_and_says_when_it_cannot() {
    let mut desk = Desk::with(&[(0, 0), (1, 0)]);
    desk.talk();
    desk.hears((1, 0));
    let record = |desk: &mut Desk| {
        desk.answer = None;
        desk.handle(Input::Record { caller: who((0, 0)), call: CALL, start: true, reply: ReplyId(3) });
        desk.answer.take().unwrap()
    };
    assert_eq!(code(record(&mut desk)), Code::ConsentRequired);
    assert_eq!(desk.hears((1, 0)), ["recording-request"]);
    let consent = crate::wire::RecordingConsent { call_id: CALL, agree: true };
    desk.says((1, 0), ClientEvent::RecordingConsent(consent)).unwrap();
    assert_eq!(code(record(&mut desk)), Code::InvalidState);
}
