//! The box's hands: sockets, disk and devices around the decisions of `callbox-core`.

pub mod accounts;
pub mod api;
pub mod cli;
pub mod config;
pub mod mailbox;
pub mod net;
pub mod store;
pub mod systemd;
pub mod telemetry;
