//! A call as REST and the `session` snapshot show it.

use serde::{Deserialize, Serialize};

use crate::id::{CallId, RoomId, UserId};
use crate::unit::Timestamp;

use super::Level;

/// The states of F6. `Error` carries its kind in a field of its own on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CallState {
    /// No call.
    Idle,
    /// Initiated, ringing.
    Connecting,
    /// Answered, media not there yet.
    Connected,
    /// Media flows.
    InCall,
    /// Media is lost and awaited for 30 s.
    Reconnecting,
    /// It failed; see [`ErrorKind`].
    Error,
    /// Nobody answered within 30 s.
    Timeout,
    /// Hung up, cancelled or rejected.
    Ended,
}

/// Why a call failed (F6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ErrorKind {
    /// The network did not carry it.
    NetworkError,
    /// Microphone or camera was refused.
    PermissionError,
    /// The box or the calling app did not do its part.
    ServerError,
    /// Devices or codecs failed.
    MediaError,
}

/// Why `call-ended` was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// One side hung up.
    Hangup,
    /// The caller gave up before an answer.
    Cancelled,
    /// The callee said no.
    Rejected,
    /// Another device of the callee answered. Never the reason of a whole call.
    AnsweredElsewhere,
    /// Nobody answered within 30 s.
    Timeout,
    /// It failed, or the box lost power.
    Error,
    /// The box was stopped.
    BoxShutdown,
}

/// What became of a call, as one of its two users sees it (rule 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// They spoke.
    Answered,
    /// Nobody answered; for the callee, a call to return.
    Missed,
    /// The caller gave up.
    Cancelled,
    /// The callee said no.
    Rejected,
    /// It could not be set up.
    Failed,
    /// The callee was in another call, or did not want to be disturbed.
    Busy,
}

/// Which way a call went, as one of its two users sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// This user was called.
    Incoming,
    /// This user called.
    Outgoing,
}

/// The media states of F15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum MediaState {
    /// Before and after a call.
    NoMedia,
    /// Being set up.
    Connecting,
    /// Flowing.
    Connected,
    /// Flowing and being recorded.
    Recording,
}

/// What a call is meant to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Media {
    /// Sound.
    #[serde(default = "yes")]
    pub audio: bool,
    /// Picture.
    #[serde(default)]
    pub video: bool,
}

const fn yes() -> bool {
    true
}

/// One of the two users of a call.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Party {
    /// Who.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "uuid"))]
    pub id: UserId,
    /// Empty once the person was erased.
    pub display_name: String,
    /// The number to dial, if there is one.
    pub extension: Option<String>,
}

impl std::fmt::Debug for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Party").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The quality that each side was told to send (F8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QualityView {
    /// What the caller sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<Level>,
    /// What the callee sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callee: Option<Level>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = Call))]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    /// The call.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "uuid"))]
    pub call_id: CallId,
    /// Its room.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "uuid"))]
    pub room_id: RoomId,
    /// F6; a finished call keeps the state before `Idle`.
    pub state: CallState,
    /// With `Error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
    /// Who called.
    pub caller: Party,
    /// Who was called.
    pub callee: Party,
    /// What it carries.
    pub media: Media,
    /// F15.
    pub media_state: MediaState,
    /// When it was initiated.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = "date-time"))]
    pub created_at: Timestamp,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = "date-time"))]
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = "date-time"))]
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
    /// Milliseconds from answer to end, or to now while it lasts; 0 when never answered.
    pub duration_ms: u64,
    /// Whether it is being recorded.
    pub recording: bool,
    /// End-to-end encrypted by the caller's choice.
    pub e2ee: bool,
    /// F8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityView>,
    /// Which way it went, in a user's own lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What became of it, in a user's own lists, once it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}
