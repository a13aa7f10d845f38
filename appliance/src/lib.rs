//! The box's hands: sockets, disk and devices around the decisions of `callbox-core`.

pub mod driver;
pub mod mailbox;
pub mod signaling;
