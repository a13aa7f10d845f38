//! Account commands: set-up, create, change, delete.

use callbox_core::exchange::DirectoryChange;
use callbox_core::id::{SessionId, UserId};
use callbox_core::journal::{Actor, Body, EndedSession, Role};
use callbox_core::unit::Timestamp;
use redb::ReadableTable;

use super::errors::Fault;
use super::sessions::{drop_enrolments, end_sessions};
use super::stored::{Account, Credential, Profile, Row};
use super::tables::{Accounts, BOX_NAME, Tables, get};
use super::unit::Operation;
use super::{
    CreateUserError, DeleteUserError, NewUser, PatchUserError, ReplaceHashError, SetUp, SetUpError,
    UserPatch, UserRow,
};

/// The number of the first admin.
const FIRST_EXTENSION: &str = "100";

impl Operation for SetUp {
    type Done = UserRow;
    type Refused = SetUpError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<UserRow, SetUpError>, Fault> {
        if tables.accounts()?.meta.get(BOX_NAME)?.is_some() {
            return Ok(Err(SetUpError::AlreadySetUp));
        }
        let fresh = Fresh {
            id: self.id,
            username: &self.username,
            display_name: &self.display_name,
            extension: FIRST_EXTENSION.to_owned(),
            role: Role::Admin,
            password_hash: &self.password_hash,
            by: Actor::Box,
            at: self.at,
        };
        let row = fresh.insert(tables)?;
        tables.append(self.at, Body::BoxSetUp { admin: self.id })?;
        tables.change()?.meta.insert(BOX_NAME, self.box_name.as_bytes())?;
        changes.push(DirectoryChange::Put(row.directory_entry()));
        Ok(Ok(row))
    }
}

impl Operation for NewUser {
    type Done = UserRow;
    type Refused = CreateUserError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<UserRow, CreateUserError>, Fault> {
        let accounts = tables.accounts()?;
        if accounts.users.get(self.id.as_bytes())?.is_some() {
            return Err(Fault::Row("a new account's identifier is in use"));
        }
        if accounts.usernames.get(self.username.to_lowercase().as_str())?.is_some() {
            return Ok(Err(CreateUserError::UsernameTaken));
        }
        let extension = match &self.extension {
            Some(wanted) if accounts.extensions.get(wanted.as_str())?.is_some() => {
                return Ok(Err(CreateUserError::ExtensionTaken));
            }
            Some(wanted) => wanted.clone(),
            None => match next_extension(accounts)? {
                Some(free) => free,
                None => return Ok(Err(CreateUserError::NoExtensionLeft)),
            },
        };
        let fresh = Fresh {
            id: self.id,
            username: &self.username,
            display_name: &self.display_name,
            extension,
            role: self.role,
            password_hash: &self.password_hash,
            by: self.by,
            at: self.at,
        };
        let row = fresh.insert(tables)?;
        changes.push(DirectoryChange::Put(row.directory_entry()));
        Ok(Ok(row))
    }
}

fn next_extension(accounts: &Accounts<'_>) -> Result<Option<String>, Fault> {
    // As many steps as there are users, at most.
    for number in 101..=999_999_u32 {
        let text = number.to_string();
        if accounts.extensions.get(text.as_str())?.is_none() {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// An account about to be made; everything was checked.
struct Fresh<'a> {
    id: UserId,
    username: &'a str,
    display_name: &'a str,
    extension: String,
    role: Role,
    password_hash: &'a str,
    by: Actor,
    at: Timestamp,
}

impl Fresh<'_> {
    fn insert(self, tables: &mut Tables<'_>) -> Result<UserRow, Fault> {
        tables.append(self.at, Body::UserCreated { user: self.id, role: self.role, by: self.by })?;
        let accounts = tables.change()?;
        let profile = Profile {
            username: self.username.to_lowercase(),
            display_name: self.display_name.to_owned(),
            extension: Some(self.extension),
            do_not_disturb: false,
            call_waiting: false,
        };
        let account =
            Account { role: self.role, disabled: false, deleted: false, version: 1, created_at: self.at };
        let credential = Credential { phc: self.password_hash.to_owned() };
        accounts.usernames.insert(profile.username.as_str(), self.id.as_bytes())?;
        if let Some(extension) = &profile.extension {
            accounts.extensions.insert(extension.as_str(), self.id.as_bytes())?;
        }
        accounts.credentials.insert(self.id.as_bytes(), credential.encode().as_slice())?;
        accounts.put_user(self.id, &account, profile)
    }
}

/// See [`super::Store::patch_user`].
pub(super) struct PatchUser {
    pub(super) id: UserId,
    pub(super) patch: UserPatch,
    pub(super) expected: Option<u64>,
    pub(super) by: Actor,
    pub(super) at: Timestamp,
}

impl Operation for PatchUser {
    type Done = UserRow;
    type Refused = PatchUserError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<UserRow, PatchUserError>, Fault> {
        let accounts = tables.accounts()?;
        let Some((account, profile)) = accounts.user(self.id)? else {
            return Ok(Err(PatchUserError::NotFound));
        };
        if self.expected.is_some_and(|expected| expected != account.version) {
            return Ok(Err(PatchUserError::VersionConflict));
        }
        let (new_account, new_profile) = self.patched(account, &profile);
        let is_changed = new_account != account || new_profile != profile;
        if !is_changed && self.patch.password_hash.is_none() {
            return Ok(Ok(profile.into_user(self.id, &account)));
        }
        if let Some(refused) = self.check(accounts, (&account, &profile), (&new_account, &new_profile))? {
            return Ok(Err(refused));
        }
        let (new_account, is_gone) = (
            Account { version: account.version + 1, ..new_account },
            new_account.disabled && !account.disabled,
        );

        let (user, by, at) = (self.id, self.by, self.at);
        if is_changed {
            let Account { role, disabled, .. } = new_account;
            tables.append(at, Body::UserChanged { user, role, disabled, by })?;
        }
        self.reindex(tables.change()?, &profile, &new_profile)?;
        if let Some(phc) = &self.patch.password_hash {
            tables.append(at, Body::PasswordChanged { user, by })?;
            let credential = Credential { phc: phc.clone() }.encode();
            tables.change()?.credentials.insert(user.as_bytes(), credential.as_slice())?;
        }
        if is_gone || self.patch.password_hash.is_some() {
            let keep = self.patch.keep_session.filter(|_| !is_gone);
            let account_changed = Ending { user, keep, by, at };
            account_changed.apply(tables, changes)?;
        }
        let row = tables.change()?.put_user(user, &new_account, new_profile)?;
        if is_gone {
            changes.push(DirectoryChange::Gone(user));
        } else if !row.disabled {
            changes.push(DirectoryChange::Put(row.directory_entry()));
        }
        Ok(Ok(row))
    }
}

impl PatchUser {
    fn patched(&self, account: Account, profile: &Profile) -> (Account, Profile) {
        let patch = &self.patch;
        let new_account = Account {
            role: patch.role.unwrap_or(account.role),
            disabled: patch.disabled.unwrap_or(account.disabled),
            ..account
        };
        let new_profile = Profile {
            username: patch
                .username
                .as_ref()
                .map_or_else(|| profile.username.clone(), |name| name.to_lowercase()),
            display_name: patch.display_name.clone().unwrap_or_else(|| profile.display_name.clone()),
            extension: patch.extension.clone().unwrap_or_else(|| profile.extension.clone()),
            do_not_disturb: patch.do_not_disturb.unwrap_or(profile.do_not_disturb),
            call_waiting: patch.call_waiting.unwrap_or(profile.call_waiting),
        };
        (new_account, new_profile)
    }

    fn check(
        &self,
        accounts: &Accounts<'_>,
        old: (&Account, &Profile),
        new: (&Account, &Profile),
    ) -> Result<Option<PatchUserError>, Fault> {
        if new.1.username != old.1.username && accounts.usernames.get(new.1.username.as_str())?.is_some() {
            return Ok(Some(PatchUserError::UsernameTaken));
        }
        if let Some(extension) = &new.1.extension
            && new.1.extension != old.1.extension
            && accounts.extensions.get(extension.as_str())?.is_some()
        {
            return Ok(Some(PatchUserError::ExtensionTaken));
        }
        let is_admin = |account: &Account| account.role == Role::Admin && account.may_sign_in();
        if is_admin(old.0) && !is_admin(new.0) && is_last_admin(accounts, self.id)? {
            return Ok(Some(PatchUserError::LastAdmin));
        }
        Ok(None)
    }

    fn reindex(&self, accounts: &mut Accounts<'_>, old: &Profile, new: &Profile) -> Result<(), Fault> {
        if new.username != old.username {
            accounts.usernames.remove(old.username.as_str())?;
            accounts.usernames.insert(new.username.as_str(), self.id.as_bytes())?;
        }
        if new.extension != old.extension {
            if let Some(extension) = &old.extension {
                accounts.extensions.remove(extension.as_str())?;
            }
            if let Some(extension) = &new.extension {
                accounts.extensions.insert(extension.as_str(), self.id.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Whether nobody else is an admin that can sign in.
fn is_last_admin(accounts: &Accounts<'_>, user: UserId) -> Result<bool, Fault> {
    for found in accounts.users.iter()? {
        let (id, bytes) = found?;
        let account = Account::decode(bytes.value())?;
        if account.role == Role::Admin && account.may_sign_in() && id.value() != *user.as_bytes() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What ends with an account, or with its old password.
struct Ending {
    user: UserId,
    keep: Option<SessionId>,
    by: Actor,
    at: Timestamp,
}

impl Ending {
    fn apply(&self, tables: &mut Tables<'_>, changes: &mut Vec<DirectoryChange>) -> Result<(), Fault> {
        let mut logins = tables.accounts()?.logins_of(self.user)?;
        logins.retain(|(session, _)| Some(*session) != self.keep);
        end_sessions(tables, &logins, EndedSession::AccountChanged, self.by, self.at, changes)?;
        drop_enrolments(tables.change()?, self.user)
    }
}

/// See [`super::Store::delete_user`].
pub(super) struct DeleteUser {
    pub(super) id: UserId,
    pub(super) expected: Option<u64>,
    pub(super) by: Actor,
    pub(super) at: Timestamp,
}

impl Operation for DeleteUser {
    type Done = ();
    type Refused = DeleteUserError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<(), DeleteUserError>, Fault> {
        let (user, by, at) = (self.id, self.by, self.at);
        let accounts = tables.accounts()?;
        let Some((account, profile)) = accounts.user(user)? else {
            return Ok(Err(DeleteUserError::NotFound));
        };
        if self.expected.is_some_and(|expected| expected != account.version) {
            return Ok(Err(DeleteUserError::VersionConflict));
        }
        if account.role == Role::Admin && account.may_sign_in() && is_last_admin(accounts, user)? {
            return Ok(Err(DeleteUserError::LastAdmin));
        }
        Ending { user, keep: None, by, at }.apply(tables, changes)?;
        tables.append(at, Body::UserDeleted { user, by })?;
        let accounts = tables.change()?;
        let account = Account { deleted: true, version: account.version + 1, ..account };
        accounts.users.insert(user.as_bytes(), account.encode().as_slice())?;
        accounts.profiles.remove(user.as_bytes())?;
        accounts.credentials.remove(user.as_bytes())?;
        accounts.usernames.remove(profile.username.as_str())?;
        if let Some(extension) = &profile.extension {
            accounts.extensions.remove(extension.as_str())?;
        }
        changes.push(DirectoryChange::Gone(user));
        Ok(Ok(()))
    }
}

/// See [`super::Store::replace_password_hash`].
pub(super) struct ReplaceHash {
    pub(super) user: UserId,
    pub(super) phc: String,
}

impl Operation for ReplaceHash {
    type Done = ();
    type Refused = ReplaceHashError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        _: &mut Vec<DirectoryChange>,
    ) -> Result<Result<(), ReplaceHashError>, Fault> {
        let known: Option<Credential> = get(&tables.accounts()?.credentials, self.user.as_bytes())?;
        if known.is_none() {
            return Ok(Err(ReplaceHashError::NotFound));
        }
        let credential = Credential { phc: self.phc.clone() }.encode();
        tables.change()?.credentials.insert(self.user.as_bytes(), credential.as_slice())?;
        Ok(Ok(()))
    }
}
