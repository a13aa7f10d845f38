//! The event log's logic: what an event is, how it becomes bytes, and how the tables follow from it.
//!
//! The log is append-only and holds opaque identifiers only. Names, numbers and password hashes live in erasable
//! tables beside it, so that erasing a person and keeping the log do not contradict each other.

pub mod codec;
mod event;
mod fold;

pub use codec::DecodeError;
pub use event::{Actor, Body, EndedSession, Event, Refusal, Role, SignIn};
pub use fold::{CallRow, Misfit, SessionState, State, UserState};
