//! Shells.

pub mod cli;
pub mod config;
pub mod net;
pub mod systemd;
pub mod telemetry;
