//! Events from the box to a client. Each goes out with `seq`, which rises within a session.

use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::id::{CallId, RoomId, UserId};
use crate::unit::{Kbps, Timestamp};

use super::{CallState, CallView, Description, EndReason, ErrorKind, IceCandidate, Media, Party};

/// Server states of F15, per user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// No authenticated socket.
    Offline,
    /// Reachable.
    Online,
    /// Calling or ringing.
    Busy,
    /// Speaking, lost sockets included.
    InCall,
}

/// Quality levels of F8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 854x480 at 15 frames per second.
    Low,
    /// 1280x720 at 24 frames per second.
    Medium,
    /// 1920x1080 at 30 frames per second.
    High,
}

/// What a level means for a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Frames per second.
    pub frame_rate: u8,
    /// Upper bound of the video bit rate.
    pub max_kbps: Kbps,
}

/// One user's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PresenceView {
    /// Who.
    pub user_id: UserId,
    /// F15.
    pub presence: Presence,
    /// Calls are refused.
    pub do_not_disturb: bool,
}

/// The first event after connecting: a full snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Names this run of the session's event stream.
    pub epoch: String,
    /// Whether the missed events follow.
    pub resumed: bool,
    /// Everybody.
    pub presence: Vec<PresenceView>,
    /// The user's live calls.
    pub calls: Vec<CallView>,
}

/// A call rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingCall {
    /// The call.
    pub call_id: CallId,
    /// Its room.
    pub room_id: RoomId,
    /// Who calls.
    pub caller_id: UserId,
    /// Who calls, in words.
    pub caller: Party,
    /// What it is meant to carry.
    pub media: Media,
    /// The caller's offer, unchanged.
    pub offer: Description,
    /// When ringing stops.
    pub expires_at: Timestamp,
}

/// The callee answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallAccepted {
    /// The call.
    pub call_id: CallId,
    /// Who answered.
    pub callee_id: UserId,
    /// The answer, unchanged.
    pub answer: Description,
}

/// The callee said no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRejected {
    /// The call.
    pub call_id: CallId,
    /// Who said no.
    pub callee_id: UserId,
    /// As given by the callee's app, or `rejected`, or `busy`.
    pub reason: String,
}

/// A candidate of the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IceRelay {
    /// The call.
    pub call_id: CallId,
    /// Whose candidate.
    pub from_user_id: UserId,
    /// `None` is the end of candidates.
    pub candidate: Option<IceCandidate>,
}

/// A new description of the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenegotiateRelay {
    /// The call.
    pub call_id: CallId,
    /// Whose description.
    pub from_user_id: UserId,
    /// Unchanged.
    pub description: Description,
}

/// The call is over for this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallEnded {
    /// The call.
    pub call_id: CallId,
    /// Its room.
    pub room_id: RoomId,
    /// Why.
    pub reason: EndReason,
    /// Milliseconds from answer to end; 0 when never answered.
    pub duration_ms: u64,
}

/// A transition of F6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallStateChange {
    /// The call.
    pub call_id: CallId,
    /// The new state.
    pub state: CallState,
    /// With `Error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
}

/// The other side's media report (with `fromUserId`, lower-case words) or the box's own media state of F15
/// (without it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaNotice {
    /// The call.
    pub call_id: CallId,
    /// Whose report; absent for the box's own state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_user_id: Option<UserId>,
    /// `connected`, `lost`, `reconnected`, `failed`, or `NoMedia`, `Connecting`, `Connected`, `Recording`.
    pub state: &'static str,
}

/// The phone of an offline callee came online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserComingOnline {
    /// The call.
    pub call_id: CallId,
    /// The callee.
    pub user_id: UserId,
}

/// What to send from now on, or what the other side will send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QualityNotice {
    /// The call.
    pub call_id: CallId,
    /// Whose picture; absent when it is one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_user_id: Option<UserId>,
    /// F8.
    pub level: Level,
    /// What the level means.
    pub settings: Settings,
}

/// Somebody wants to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingRequest {
    /// The call.
    pub call_id: CallId,
    /// Who asks.
    pub by_user_id: UserId,
}

/// Whether the call is being recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordingState {
    /// The call.
    pub call_id: CallId,
    /// Now.
    pub recording: bool,
}

/// Why the box closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosingReason {
    /// The box stops or starts again: connect again, with patience.
    BoxShutdown,
    /// A newer socket of the session took over: do not connect again.
    Replaced,
    /// The session or its account is gone: sign in again.
    SessionRevoked,
}

/// The last event before the box closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Closing {
    /// Why.
    pub reason: ClosingReason,
}

/// Everything the box says unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is documented at its payload")]
pub enum ServerEvent {
    CallAccepted(CallAccepted),
    CallEnded(CallEnded),
    CallRejected(CallRejected),
    CallState(CallStateChange),
    Closing(Closing),
    IceCandidate(IceRelay),
    IncomingCall(IncomingCall),
    MediaState(MediaNotice),
    Presence(PresenceView),
    Quality(QualityNotice),
    RecordingRequest(RecordingRequest),
    RecordingState(RecordingState),
    Renegotiate(RenegotiateRelay),
    Session(Session),
    UserComingOnline(UserComingOnline),
}

impl ServerEvent {
    /// The event's name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CallAccepted(_) => "call-accepted",
            Self::CallEnded(_) => "call-ended",
            Self::CallRejected(_) => "call-rejected",
            Self::CallState(_) => "call-state",
            Self::Closing(_) => "closing",
            Self::IceCandidate(_) => "ice-candidate",
            Self::IncomingCall(_) => "incoming-call",
            Self::MediaState(_) => "media-state",
            Self::Presence(_) => "presence",
            Self::Quality(_) => "quality",
            Self::RecordingRequest(_) => "recording-request",
            Self::RecordingState(_) => "recording-state",
            Self::Renegotiate(_) => "renegotiate",
            Self::Session(_) => "session",
            Self::UserComingOnline(_) => "user-coming-online",
        }
    }

    /// Bytes of the one part that a client decides the size of.
    #[must_use]
    pub fn bulk(&self) -> usize {
        match self {
            Self::CallAccepted(event) => event.answer.sdp.len(),
            Self::IceCandidate(event) => event.candidate.as_ref().map_or(0, |found| found.candidate.len()),
            Self::IncomingCall(event) => event.offer.sdp.len(),
            Self::Renegotiate(event) => event.description.sdp.len(),
            Self::CallEnded(_)
            | Self::CallRejected(_)
            | Self::CallState(_)
            | Self::Closing(_)
            | Self::MediaState(_)
            | Self::Presence(_)
            | Self::Quality(_)
            | Self::RecordingRequest(_)
            | Self::RecordingState(_)
            | Self::Session(_)
            | Self::UserComingOnline(_) => 0,
        }
    }

    /// The call it is about, if it is about one.
    #[must_use]
    pub const fn call(&self) -> Option<CallId> {
        match self {
            Self::CallAccepted(event) => Some(event.call_id),
            Self::CallEnded(event) => Some(event.call_id),
            Self::CallRejected(event) => Some(event.call_id),
            Self::CallState(event) => Some(event.call_id),
            Self::IceCandidate(event) => Some(event.call_id),
            Self::IncomingCall(event) => Some(event.call_id),
            Self::MediaState(event) => Some(event.call_id),
            Self::Quality(event) => Some(event.call_id),
            Self::RecordingRequest(event) => Some(event.call_id),
            Self::RecordingState(event) => Some(event.call_id),
            Self::Renegotiate(event) => Some(event.call_id),
            Self::UserComingOnline(event) => Some(event.call_id),
            Self::Closing(_) | Self::Presence(_) | Self::Session(_) => None,
        }
    }
}

/// An event's payload with its `seq`, as it goes out.
#[derive(Debug, Clone, Copy)]
pub struct Sequenced<'a> {
    /// Rises within a session.
    pub seq: u64,
    /// What happened.
    pub event: &'a ServerEvent,
}

impl Serialize for Sequenced<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Flat<'a, T: Serialize> {
            seq: u64,
            #[serde(flatten)]
            payload: &'a T,
        }
        let seq = self.seq;
        match self.event {
            ServerEvent::CallAccepted(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::CallEnded(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::CallRejected(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::CallState(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::Closing(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::IceCandidate(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::IncomingCall(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::MediaState(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::Presence(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::Quality(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::RecordingRequest(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::RecordingState(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::Renegotiate(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::Session(payload) => Flat { seq, payload }.serialize(serializer),
            ServerEvent::UserComingOnline(payload) => Flat { seq, payload }.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seq_stands_beside_the_payload() {
        let call_id = CallId::from_random([1; 16]);
        let event =
            ServerEvent::CallState(CallStateChange { call_id, state: CallState::InCall, error: None });
        let json = serde_json::to_string(&Sequenced { seq: 9, event: &event }).unwrap();
        assert_eq!(json, format!("{{\"seq\":9,\"callId\":\"{call_id}\",\"state\":\"InCall\"}}"));
        assert_eq!(event.name(), "call-state");
    }
}
