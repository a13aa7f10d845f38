//! What can go wrong, one enum per operation.

use callbox_core::journal::{DecodeError, Misfit};
use callbox_core::wire::Code;

/// Why the store could not do something, whatever it was. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is nearly full and the rest is kept for calls.
    #[error("the disk is nearly full; what is left is kept for calls")]
    LowSpace,
    /// More work waits than the queue holds.
    #[error("too many changes wait for the disk")]
    QueueFull,
    /// The disk does not take writes, or the store is closed. The text is for the log.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A stored row cannot be read. The text is for the log.
    #[error("a stored row is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    /// The word for a client: `busy`, or `internal` for a damaged row, which waiting does not mend.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::LowSpace | Self::QueueFull | Self::Unavailable(_) => Code::Busy,
            Self::Damaged(_) => Code::Internal,
        }
    }
}

/// The queue is full; the events were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many changes wait for the disk")]
pub struct QueueFull;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory or a file in it cannot be used.
    #[error("the data directory cannot be used: {0}; check its owner, mode and free space")]
    Directory(#[source] std::io::Error),
    /// Another process has it open.
    #[error("the database is open in another process; stop the other box first")]
    InUse,
    /// A later release wrote it.
    #[error(
        "the database has schema {found}, and this release reads up to {supported}; start the newer release \
         again, or restore a backup made by this one"
    )]
    Newer {
        /// What the file says.
        found: u32,
        /// What this release reads.
        supported: u32,
    },
    /// The file is not a sound database.
    #[error("the database cannot be read: {0}; restore a backup")]
    Damaged(String),
    /// The writer's thread could not be started.
    #[error("the store's thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why the first-run wizard's account was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// It was made before.
    #[error("the box is set up already")]
    AlreadySetUp,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateUserError {
    /// Somebody has the user name, in whatever case.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Somebody has the extension.
    #[error("the extension is taken")]
    ExtensionTaken,
    /// No number up to 999999 is free.
    #[error("no extension is free")]
    NoExtensionLeft,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchUserError {
    /// No such account, or it was deleted.
    #[error("no such user")]
    NotFound,
    /// It has another version than expected.
    #[error("the user was changed meanwhile")]
    VersionConflict,
    /// Somebody has the user name, in whatever case.
    #[error("the user name is taken")]
    UsernameTaken,
    /// Somebody has the extension.
    #[error("the extension is taken")]
    ExtensionTaken,
    /// It is the only admin that can sign in.
    #[error("the last admin cannot be disabled or lose the role")]
    LastAdmin,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteUserError {
    /// No such account, or it was deleted before.
    #[error("no such user")]
    NotFound,
    /// It has another version than expected.
    #[error("the user was changed meanwhile")]
    VersionConflict,
    /// It is the only admin that can sign in.
    #[error("the last admin cannot be deleted")]
    LastAdmin,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody was signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenSessionError {
    /// The account was deleted or disabled meanwhile.
    #[error("the user is gone or disabled")]
    UserGone,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a refresh token was not replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// The session is over.
    #[error("the session is gone")]
    SessionGone,
    /// An old token came back: somebody has a copy, and the session has been ended for it.
    #[error("an old refresh token was used again; the session was ended")]
    Reused,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session was not ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndSessionError {
    /// No such session, or it is somebody else's.
    #[error("no such session")]
    NotFound,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no enrolment token was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueEnrolmentError {
    /// The account was deleted or disabled meanwhile.
    #[error("the user is gone or disabled")]
    UserGone,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an enrolment token did not sign anybody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UseEnrolmentError {
    /// Unknown, used, expired, or its user is gone; which one is not said.
    #[error("the enrolment token is not valid")]
    Invalid,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a password hash was not replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceHashError {
    /// No such account.
    #[error("no such user")]
    NotFound,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a unit could not be worked on. It ends the whole write transaction when the disk is to blame, and only the
/// unit when a row or an event is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The database or the disk.
    #[error(transparent)]
    Disk(#[from] redb::Error),
    /// A stored event or row has bytes that this release cannot read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The file is not open: the disk does not work, or the store was closed.
    #[error("the database is not open")]
    Closed,
    /// Tables do not fit together.
    #[error("{0}")]
    Row(&'static str),
    /// The exchange wants something written that cannot have happened.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

/// redb has an error type per operation; to the store they are one.
macro_rules! disk_faults {
    ($($error:ty),+) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Disk(error.into())
            }
        })+
    };
}
disk_faults!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError);

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Disk(redb::Error::Corrupted(what)) => Self::Damaged(what),
            Fault::Disk(error) => Self::Unavailable(error.to_string()),
            Fault::Closed => Self::Unavailable(fault.to_string()),
            Fault::Decode(_) | Fault::Row(_) | Fault::Misfit(_) => Self::Damaged(fault.to_string()),
        }
    }
}
