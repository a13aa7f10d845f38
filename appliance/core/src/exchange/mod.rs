//! The switchboard.

mod io;

pub use io::{
    Answer, Caller, CloseReason, DirectoryChange, DirectoryEntry, Initiate, Initiated, Input, Output,
    ReplyId, Ticket,
};
