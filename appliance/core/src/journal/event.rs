//! What the journal can say. A variant is never changed or moved: a new one is added at the end, because its
//! position is its number in the stored bytes (see `appliance/docs/journal.md`).

use serde::{Deserialize, Serialize};

use crate::id::{CallId, DeviceId, EnrolmentId, RoomId, SessionId, UserId};
use crate::unit::Timestamp;
use crate::wire::{CallState, EndReason, ErrorKind, Media};

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Calls.
    User,
    /// Calls, for a visitor.
    Guest,
    /// A thing: camera, display, door.
    Device,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The box itself.
    Box,
    /// Somebody at the box's own console (`callbox admin …`).
    Console,
    /// A signed-in user.
    User(UserId),
}

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignIn {
    /// User name and password.
    Password,
    /// A one-time enrolment token.
    Enrolment,
    /// The first-run wizard.
    Setup,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndedSession {
    /// The user signed out.
    Logout,
    /// The user or an admin revoked it.
    Revoked,
    /// An old refresh token came back: somebody has a copy.
    RefreshReuse,
    /// The account was disabled, deleted, or its password changed.
    AccountChanged,
    /// A newer sign-in of the same user needed the room.
    Displaced,
}

/// Why no call came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The callee was in another call.
    Busy,
    /// The callee did not want to be disturbed.
    DoNotDisturb,
}

/// One fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named after the types they hold")]
pub enum Body {
    /// The first-run wizard made the first admin.
    BoxSetUp { admin: UserId },
    /// An account was made.
    UserCreated { user: UserId, role: Role, by: Actor },
    /// An account was changed; the changed personal fields are in the profile table.
    UserChanged { user: UserId, role: Role, disabled: bool, by: Actor },
    /// An account was deleted and its personal fields erased.
    UserDeleted { user: UserId, by: Actor },
    /// A password was replaced.
    PasswordChanged { user: UserId, by: Actor },
    /// A device signed in.
    SessionOpened { session: SessionId, device: DeviceId, user: UserId, sign_in: SignIn },
    /// A session is over.
    SessionEnded { session: SessionId, user: UserId, why: EndedSession, by: Actor },
    /// An enrolment token was made.
    EnrolmentIssued { enrolment: EnrolmentId, user: UserId, expires: Timestamp, by: Actor },
    /// An enrolment token was used.
    EnrolmentUsed { enrolment: EnrolmentId, session: SessionId },
    /// A call was initiated: the record exists from here on.
    CallInitiated {
        call: CallId,
        room: RoomId,
        caller: UserId,
        caller_device: DeviceId,
        callee: UserId,
        media: Media,
        e2ee: bool,
    },
    /// No call came about, and both sides see that one was tried (rule 8).
    CallRefused { call: CallId, room: RoomId, caller: UserId, callee: UserId, media: Media, why: Refusal },
    /// The first device answered.
    CallAnswered { call: CallId, callee_device: DeviceId },
    /// The call is over; `duration_ms` counts from the answer on the monotonic clock.
    CallEnded {
        call: CallId,
        state: CallState,
        error: Option<ErrorKind>,
        reason: EndReason,
        duration_ms: u64,
        by: Option<UserId>,
    },
    /// A setting was changed; `key` counts the knobs in the order of the settings' definition.
    SettingChanged { key: u16, by: Actor },
}

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was written down, for people. Order comes from the sequence number, never from here.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
}
