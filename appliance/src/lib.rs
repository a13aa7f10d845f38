//! The box's hands: sockets, disk and devices around the decisions of `callbox-core`.

pub mod mailbox;
pub mod signaling;
