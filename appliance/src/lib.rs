//! The box's hands: sockets, disk and devices around the decisions of `callbox-core`.

pub mod accounts;
pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod driver;
pub mod mailbox;
pub mod metrics;
pub mod net;
pub mod signaling;
pub mod store;
pub mod supervisor;
pub mod systemd;
pub mod telemetry;
