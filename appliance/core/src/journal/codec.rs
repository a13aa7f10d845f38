//! An event as bytes and back: `version byte, postcard`. `appliance/docs/journal.md` has the byte tables.

/// Why stored bytes are not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No byte at all.
    #[error("no bytes")]
    Empty,
    /// A later release wrote it.
    #[error("version {0} is not known to this release")]
    UnknownVersion(u8),
    /// The variant number, or anything else in the body, cannot be read.
    #[error("the body cannot be read: {0}")]
    Body(postcard::Error),
    /// Bytes are left over after the body.
    #[error("{0} bytes too many")]
    Trailing(usize),
}
