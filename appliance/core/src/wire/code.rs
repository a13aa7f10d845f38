//! The stable error codes of PROTOCOL.md ("Errors"), one enum for REST and Socket.IO.

use std::borrow::Cow;

/// A stable word that a program can match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The call was answered by another device first.
    AlreadyAnswered,
    /// The first-run wizard has been through already.
    AlreadySetUp,
    /// No room for another call, or the box is stopping.
    BoxFull,
    /// The box cannot store now; nothing was changed.
    Busy,
    /// The call is over.
    CallEnded,
    /// The person called is in a call.
    CalleeBusy,
    /// The caller is in a call already.
    CallerBusy,
    /// Not everybody agreed to be recorded.
    ConsentRequired,
    /// The person called does not want to be disturbed.
    DoNotDisturb,
    /// End-to-end encrypted calls cannot be recorded.
    E2ee,
    /// Signed in, but not allowed.
    Forbidden,
    /// Both called each other; accept the other call.
    Glare,
    /// Our fault; the cause is in the log.
    Internal,
    /// User name or password is wrong; which one is not said.
    InvalidCredentials,
    /// A field is missing or out of range.
    InvalidInput,
    /// The setup code is wrong.
    InvalidSetupCode,
    /// The call, or the thing, is not in a state in which this can be done.
    InvalidState,
    /// The body is not JSON.
    MalformedJson,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// No such thing, or none that this user may see.
    NotFound,
    /// The message or body is too large.
    PayloadTooLarge,
    /// Too many attempts; wait.
    RateLimited,
    /// The session was ended.
    SessionRevoked,
    /// The access token is over its time; refresh it.
    TokenExpired,
    /// No token, or a forged one.
    Unauthorized,
    /// The box does not know this Socket.IO event.
    UnknownEvent,
    /// The body has a type other than `application/json`.
    UnsupportedMediaType,
    /// The row was changed meanwhile.
    VersionConflict,
}

impl Code {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyAnswered => "already_answered",
            Self::AlreadySetUp => "already_set_up",
            Self::BoxFull => "box_full",
            Self::Busy => "busy",
            Self::CallEnded => "call_ended",
            Self::CalleeBusy => "callee_busy",
            Self::CallerBusy => "caller_busy",
            Self::ConsentRequired => "consent_required",
            Self::DoNotDisturb => "do_not_disturb",
            Self::E2ee => "e2ee",
            Self::Forbidden => "forbidden",
            Self::Glare => "glare",
            Self::Internal => "internal",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidInput => "invalid_input",
            Self::InvalidSetupCode => "invalid_setup_code",
            Self::InvalidState => "invalid_state",
            Self::MalformedJson => "malformed_json",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::PayloadTooLarge => "payload_too_large",
            Self::RateLimited => "rate_limited",
            Self::SessionRevoked => "session_revoked",
            Self::TokenExpired => "token_expired",
            Self::Unauthorized => "unauthorized",
            Self::UnknownEvent => "unknown_event",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::VersionConflict => "version_conflict",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MalformedJson | Self::UnknownEvent => 400,
            Self::InvalidCredentials | Self::SessionRevoked | Self::TokenExpired | Self::Unauthorized => 401,
            Self::Forbidden | Self::InvalidSetupCode => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::AlreadyAnswered
            | Self::AlreadySetUp
            | Self::CallEnded
            | Self::CalleeBusy
            | Self::CallerBusy
            | Self::ConsentRequired
            | Self::DoNotDisturb
            | Self::E2ee
            | Self::Glare
            | Self::InvalidState => 409,
            Self::VersionConflict => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidInput => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::BoxFull | Self::Busy => 503,
        }
    }

    /// What happened and what to do about it, for a person.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::AlreadyAnswered => "Another device answered this call first.",
            Self::AlreadySetUp => "This box is set up already. Sign in instead.",
            Self::BoxFull => "The box has no room for another call now. Try again in a moment.",
            Self::Busy => {
                "The box cannot store anything now. Try again, or ask the admin to look at the console."
            }
            Self::CallEnded => "This call is over. Start a new one.",
            Self::CalleeBusy => "The person you call is in another call. Try again later.",
            Self::CallerBusy => "You are in another call. End it first.",
            Self::ConsentRequired => "Everybody in the call must agree first. They have been asked.",
            Self::DoNotDisturb => "The person you call does not want to be disturbed now. Try again later.",
            Self::E2ee => "An end-to-end encrypted call cannot be recorded.",
            Self::Forbidden => "Your account or this device may not do that. Ask the admin.",
            Self::Glare => "The person you call is calling you. Accept that call.",
            Self::Internal => {
                "Something went wrong in the box. Try again; the admin finds the cause in the log."
            }
            Self::InvalidCredentials => "User name or password is wrong.",
            Self::InvalidInput => "A field is missing or not acceptable. Correct it and send again.",
            Self::InvalidSetupCode => {
                "The setup code is wrong. It stands in the box's output and in its data folder."
            }
            Self::InvalidState => "That cannot be done in the present state.",
            Self::MalformedJson => "The message is not JSON.",
            Self::MethodNotAllowed => "This address does not know that method.",
            Self::NotFound => "There is no such thing here.",
            Self::PayloadTooLarge => "The message is too large.",
            Self::RateLimited => "Too many attempts. Wait, then try again.",
            Self::SessionRevoked => "This session was ended. Sign in again.",
            Self::TokenExpired => "The access token is over its time. Refresh it.",
            Self::Unauthorized => "Sign in first.",
            Self::UnknownEvent => "This box does not know that event.",
            Self::UnsupportedMediaType => "Send the body as application/json.",
            Self::VersionConflict => "Somebody changed it meanwhile. Load it again, then change it.",
        }
    }
}

/// The other side's fault: a code, and a sentence where the code's own is not enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .code.as_str())]
pub struct Reject {
    /// The stable word.
    pub code: Code,
    /// A sentence with a remedy; never holds personal data.
    pub detail: Cow<'static, str>,
    /// The field at fault, when there is one.
    pub field: Option<String>,
    /// The call that the answer is about: glare names the other call.
    pub call: Option<crate::id::CallId>,
}

impl Reject {
    /// The code with its own sentence.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, detail: Cow::Borrowed(code.remedy()), field: None, call: None }
    }

    /// The code with a more exact sentence.
    #[must_use]
    pub fn because(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: detail.into(), ..Self::new(code) }
    }

    /// `invalid_input` for one field.
    #[must_use]
    pub fn field(field: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some(field.into()), ..Self::because(Code::InvalidInput, detail) }
    }
}

impl From<Code> for Reject {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}
