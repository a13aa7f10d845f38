//! The box's hands: sockets, disk and devices around the decisions of `callbox-core`.

pub mod accounts;
pub mod api;
pub mod mailbox;
pub mod store;
