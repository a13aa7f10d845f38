//! The box's hands: sockets, disk and devices around the decisions of `callbox-core`.

pub mod cli;
pub mod config;
pub mod driver;
pub mod mailbox;
pub mod net;
pub mod signaling;
pub mod systemd;
pub mod telemetry;
