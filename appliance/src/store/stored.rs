//! Rows as they are stored: `version byte, postcard`. The public rows of [`super::rows`] are made of these.

use callbox_core::id::{DeviceId, EnrolmentId, SessionId, UserId};
use callbox_core::journal::{CallRow, DecodeError, Role};
use callbox_core::unit::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Errand, SessionRow, UserRow};

/// The version byte of every row of this release.
const VERSION: u8 = 1;

/// Something that stands in a table's value.
pub(super) trait Row: Serialize + DeserializeOwned {
    /// The stored form.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        bytes.push(VERSION);
        #[expect(
            clippy::expect_used,
            reason = "a vector takes any bytes, and a row has no field that refuses"
        )]
        postcard::to_extend(self, bytes).expect("a row is always encodable")
    }

    /// Back from the stored form.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if version != VERSION {
            return Err(DecodeError::UnknownVersion(version));
        }
        let (row, rest) = postcard::take_from_bytes(body)?;
        if rest.is_empty() { Ok(row) } else { Err(DecodeError::Trailing(rest.len())) }
    }
}

impl Row for CallRow {}

/// `users`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) role: Role,
    pub(super) disabled: bool,
    pub(super) deleted: bool,
    pub(super) version: u64,
    pub(super) created_at: Timestamp,
}
impl Row for Account {}

impl Account {
    pub(super) const fn may_sign_in(&self) -> bool {
        !self.disabled && !self.deleted
    }
}

/// `profiles`: erasable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Profile {
    pub(super) username: String,
    pub(super) display_name: String,
    pub(super) extension: Option<String>,
    pub(super) do_not_disturb: bool,
    pub(super) call_waiting: bool,
}
impl Row for Profile {}

impl Profile {
    pub(super) fn into_user(self, id: UserId, account: &Account) -> UserRow {
        UserRow {
            id,
            username: self.username,
            display_name: self.display_name,
            extension: self.extension,
            role: account.role,
            disabled: account.disabled,
            do_not_disturb: self.do_not_disturb,
            call_waiting: self.call_waiting,
            version: account.version,
            created_at: account.created_at,
        }
    }
}

/// `credentials`: erasable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credential {
    pub(super) phc: String,
}
impl Row for Credential {}

/// `sessions`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Login {
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    pub(super) web: bool,
    pub(super) created_at: Timestamp,
    pub(super) last_seen_at: Timestamp,
    pub(super) generation: u32,
    pub(super) rotated_at: Timestamp,
}
impl Row for Login {}

/// `device_names`: erasable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) platform: String,
}
impl Row for Device {}

impl Login {
    pub(super) fn into_session(self, id: SessionId, device: Option<Device>) -> SessionRow {
        let Device { name, platform } =
            device.unwrap_or_else(|| Device { name: String::new(), platform: String::new() });
        SessionRow {
            id,
            user: self.user,
            device: self.device,
            device_name: name,
            platform,
            web: self.web,
            created_at: self.created_at,
            last_seen_at: self.last_seen_at,
            generation: self.generation,
            rotated_at: self.rotated_at,
        }
    }
}

/// `enrolments`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Enrolment {
    pub(super) enrolment: EnrolmentId,
    pub(super) user: UserId,
    pub(super) expires: Timestamp,
    pub(super) seq: u64,
}
impl Row for Enrolment {}

/// `outbox`
impl Row for Errand {}

impl Errand {
    /// The second part of its key.
    pub(super) const fn kind(&self) -> u8 {
        match self {
            Self::PipelineRelease { .. } => 0,
            Self::MissedCall { .. } => 1,
        }
    }

    /// The call that it is about.
    #[must_use]
    pub const fn call(&self) -> callbox_core::id::CallId {
        match self {
            Self::PipelineRelease { call } | Self::MissedCall { call, .. } => *call,
        }
    }
}
