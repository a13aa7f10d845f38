//! What callers see of accounts and sessions, and what they hand in to change them.

use callbox_core::exchange::DirectoryEntry;
use callbox_core::id::{DeviceId, EnrolmentId, SessionId, UserId};
use callbox_core::journal::{Actor, Role, SignIn};
use callbox_core::unit::Timestamp;

/// An account. No `Debug` of the personal fields.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Who.
    pub id: UserId,
    /// The name to sign in with, lower-cased; unique.
    pub username: String,
    /// Shown to the people called.
    pub display_name: String,
    /// The number to dial; unique.
    pub extension: Option<String>,
    /// May do what.
    pub role: Role,
    /// May not sign in and cannot be called.
    pub disabled: bool,
    /// Refuses calls.
    pub do_not_disturb: bool,
    /// Takes a second call while in one.
    pub call_waiting: bool,
    /// Rises with every change, from 1.
    pub version: u64,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl UserRow {
    /// What the exchange knows of it.
    #[must_use]
    pub fn directory_entry(&self) -> DirectoryEntry {
        DirectoryEntry {
            user: self.id,
            version: self.version,
            role: self.role,
            display_name: self.display_name.clone(),
            extension: self.extension.clone(),
            do_not_disturb: self.do_not_disturb,
            call_waiting: self.call_waiting,
        }
    }
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// One login of one device. No `Debug` of the device's name.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The login.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The device of this login.
    pub device: DeviceId,
    /// What the device calls itself.
    pub device_name: String,
    /// `web`, `android`, …, as the device says.
    pub platform: String,
    /// The refresh token travels as a cookie.
    pub web: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// How often the refresh token was replaced: the number inside the only valid one.
    pub generation: u32,
    /// When it was last replaced.
    pub rotated_at: Timestamp,
}

impl std::fmt::Debug for SessionRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRow").field("id", &self.id).field("user", &self.user).finish_non_exhaustive()
    }
}

/// The first-run wizard's wish. The admin gets extension 100.
#[derive(Clone)]
pub struct SetUp {
    /// A fresh random identifier for the admin.
    pub id: UserId,
    /// Any case; stored in lower case.
    pub username: String,
    /// Shown to the people called.
    pub display_name: String,
    /// PHC string.
    pub password_hash: String,
    /// What the box is called.
    pub box_name: String,
    /// Now.
    pub at: Timestamp,
}

/// A new account.
#[derive(Clone)]
pub struct NewUser {
    /// A fresh random identifier.
    pub id: UserId,
    /// Any case; stored in lower case.
    pub username: String,
    /// Shown to the people called.
    pub display_name: String,
    /// 2 to 6 digits; `None` takes the next free one from 101.
    pub extension: Option<String>,
    /// May do what.
    pub role: Role,
    /// PHC string.
    pub password_hash: String,
    /// Who makes it.
    pub by: Actor,
    /// Now.
    pub at: Timestamp,
}

/// What to change of an account; `None` leaves a field as it is.
#[derive(Clone, Default)]
pub struct UserPatch {
    /// Any case; stored in lower case.
    pub username: Option<String>,
    /// Shown to the people called.
    pub display_name: Option<String>,
    /// `Some(None)` takes the number away.
    pub extension: Option<Option<String>>,
    /// May do what.
    pub role: Option<Role>,
    /// `true` ends all sessions.
    pub disabled: Option<bool>,
    /// PHC string; ends all sessions.
    pub password_hash: Option<String>,
    /// Refuses calls.
    pub do_not_disturb: Option<bool>,
    /// Takes a second call while in one.
    pub call_waiting: Option<bool>,
    /// The one session that a new password leaves alone: the one that changed it.
    pub keep_session: Option<SessionId>,
}

/// A sign-in.
#[derive(Clone)]
pub struct NewSession {
    /// A fresh random identifier.
    pub session: SessionId,
    /// A fresh random identifier.
    pub device: DeviceId,
    /// What the device calls itself.
    pub device_name: String,
    /// `web`, `android`, …, as the device says.
    pub platform: String,
    /// The refresh token travels as a cookie.
    pub web: bool,
    /// How it began.
    pub sign_in: SignIn,
    /// Now.
    pub at: Timestamp,
    /// How many a user may have; the one unused for longest makes room. At least 1.
    pub max_sessions: usize,
}

/// The answer to a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The number of the valid refresh token.
    pub generation: u32,
    /// When it became valid; for a retry, the first answer's time.
    pub rotated_at: Timestamp,
    /// The session.
    pub row: SessionRow,
}

/// A new enrolment token. The token itself is never stored.
#[derive(Clone, Copy)]
pub struct NewEnrolment {
    /// A fresh random identifier: how the journal names it.
    pub enrolment: EnrolmentId,
    /// Who may sign in with it.
    pub user: UserId,
    /// SHA-256 of the token.
    pub token_sha256: [u8; 32],
    /// When it is worth nothing any more.
    pub expires: Timestamp,
    /// Who makes it.
    pub by: Actor,
    /// Now.
    pub at: Timestamp,
}

/// How much is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Accounts that are not deleted.
    pub users: u64,
    /// Sessions that are not over.
    pub sessions: u64,
    /// Call records.
    pub calls: u64,
    /// Calls without an end.
    pub live_calls: u64,
    /// Events in the journal.
    pub events: u64,
    /// Errands that wait in the outbox.
    pub errands: u64,
}
