//! Callbox's decisions, without its hands.
//!
//! Everything here is deterministic: no socket, no file, no clock, no global randomness. Time is an argument
//! ([`unit::Now`]), identifiers are made by the caller. Bytes come in at a shell, [`wire`] makes them a typed
//! message, a machine decides, and its outputs go back to shells as bytes, disk writes and timers.
//!
//! Read [`exchange`] first (the switchboard that owns every live call) and then [`call`] (one call's states).
//!
//! A machine has four verbs and one contract: `handle` one input, then drain `poll_output` to `None`, then the
//! next input. `poll_timeout` says when `handle_timeout` is wanted, and why.

pub mod access;
pub mod call;
pub mod exchange;
pub mod id;
pub mod journal;
pub mod presence;
pub mod quality;
pub mod registrar;
pub mod settings;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod unit;
pub mod wire;
