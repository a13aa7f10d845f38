//! The client protocol's bytes as types: events in, events out, error codes. No `serde_json::Value` leaves here.
//!
//! Receivers ignore fields they do not know; an unknown event *name* is refused with a code. `PROTOCOL.md` is the
//! contract that these types spell out.

mod call;
mod client;
mod code;
mod server;

pub use call::{
    CallState, CallView, Direction, EndReason, ErrorKind, Media, MediaState, Outcome, Party, QualityView,
};
pub use client::{
    AcceptCall, AppState, AppStateReport, CallUser, ClientEvent, Description, EndCall, IceCandidate,
    IceCandidateReport, LegReport, MAX_MESSAGE_BYTES, MAX_SDP_BYTES, MediaReport, NetworkQuality,
    NetworkType, RecordingConsent, RejectCall, Renegotiate, Resume, SdpType, SocketAuth,
};
pub use code::{Code, Reject};
pub use server::{
    CallAccepted, CallEnded, CallRejected, CallStateChange, Closing, ClosingReason, IceRelay, IncomingCall,
    Level, MediaNotice, Presence, PresenceView, QualityNotice, RecordingRequest, RecordingState,
    RenegotiateRelay, Sequenced, ServerEvent, Session, Settings, UserComingOnline,
};
