//! Session commands: open, rotate, end; and enrolment tokens, which open one.

use std::time::Duration;

use callbox_core::exchange::DirectoryChange;
use callbox_core::id::{SessionId, UserId};
use callbox_core::journal::{Actor, Body, EndedSession, SignIn};
use callbox_core::unit::Timestamp;
use redb::ReadableTable;

use super::errors::Fault;
use super::stored::{Device, Enrolment, Login, Row};
use super::tables::{Accounts, Tables, get};
use super::unit::Operation;
use super::{
    EndSessionError, IssueEnrolmentError, NewEnrolment, NewSession, OpenSessionError, RotateError, Rotated,
    SessionRow, UseEnrolmentError,
};

/// How long the just-replaced refresh token gets the same answer again: the first answer may have been lost.
const RETRY: Duration = Duration::from_secs(30);
/// Enrolment tokens a user may have at a time.
const MAX_ENROLMENTS: usize = 8;

/// Ends sessions and says so; the caller found them.
pub(super) fn end_sessions(
    tables: &mut Tables<'_>,
    logins: &[(SessionId, Login)],
    why: EndedSession,
    by: Actor,
    at: Timestamp,
    changes: &mut Vec<DirectoryChange>,
) -> Result<(), Fault> {
    for (session, login) in logins {
        tables.append(at, Body::SessionEnded { session: *session, user: login.user, why, by })?;
        tables.change()?.remove_login(*session, login)?;
        changes.push(DirectoryChange::SessionGone(*session));
    }
    Ok(())
}

/// See [`super::Store::open_session`].
pub(super) struct OpenSession {
    pub(super) user: UserId,
    pub(super) new: NewSession,
}

impl Operation for OpenSession {
    type Done = SessionRow;
    type Refused = OpenSessionError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<SessionRow, OpenSessionError>, Fault> {
        if !tables.accounts()?.may_sign_in(self.user)? {
            return Ok(Err(OpenSessionError::UserGone));
        }
        let crowd = displaced(tables.accounts()?, self.user, &self.new)?;
        open(tables, self.user, &self.new, &crowd, self.new.sign_in, changes).map(Ok)
    }
}

/// The sessions that have to make room, and a check that the new one's identifier is fresh.
fn displaced(
    accounts: &Accounts<'_>,
    user: UserId,
    new: &NewSession,
) -> Result<Vec<(SessionId, Login)>, Fault> {
    if accounts.sessions.get(new.session.as_bytes())?.is_some() {
        return Err(Fault::Row("a new session's identifier is in use"));
    }
    let mut logins = accounts.logins_of(user)?;
    logins.sort_by_key(|(session, login)| (login.last_seen_at, login.created_at, *session));
    logins.truncate((logins.len() + 1).saturating_sub(new.max_sessions.max(1)));
    Ok(logins)
}

fn open(
    tables: &mut Tables<'_>,
    user: UserId,
    new: &NewSession,
    displaced: &[(SessionId, Login)],
    sign_in: SignIn,
    changes: &mut Vec<DirectoryChange>,
) -> Result<SessionRow, Fault> {
    end_sessions(tables, displaced, EndedSession::Displaced, Actor::Box, new.at, changes)?;
    let NewSession { session, device, at, .. } = *new;
    tables.append(at, Body::SessionOpened { session, device, user, sign_in })?;
    let login =
        Login { user, device, web: new.web, created_at: at, last_seen_at: at, generation: 0, rotated_at: at };
    let named = Device { name: new.device_name.clone(), platform: new.platform.clone() };
    let accounts = tables.change()?;
    accounts.sessions.insert(session.as_bytes(), login.encode().as_slice())?;
    accounts.sessions_by_user.insert((*user.as_bytes(), *session.as_bytes()), ())?;
    accounts.device_names.insert(device.as_bytes(), named.encode().as_slice())?;
    Ok(login.into_session(session, Some(named)))
}

/// See [`super::Store::rotate_refresh`].
pub(super) struct Rotate {
    pub(super) session: SessionId,
    pub(super) presented: u32,
    pub(super) at: Timestamp,
}

impl Operation for Rotate {
    type Done = Rotated;
    type Refused = RotateError;
    const URGENT: bool = true;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<Rotated, RotateError>, Fault> {
        let accounts = tables.accounts()?;
        let Some(login) = accounts.login(self.session)? else {
            return Ok(Err(RotateError::SessionGone));
        };
        let since = self.at.as_millis().abs_diff(login.rotated_at.as_millis());
        let is_retry =
            login.generation.checked_sub(1) == Some(self.presented) && u128::from(since) <= RETRY.as_millis();
        let login = if is_retry {
            login
        } else if self.presented == login.generation {
            let at = self.at;
            let login = Login {
                generation: login.generation.wrapping_add(1),
                rotated_at: at,
                last_seen_at: at,
                ..login
            };
            tables.change()?.sessions.insert(self.session.as_bytes(), login.encode().as_slice())?;
            login
        } else {
            let stolen = [(self.session, login)];
            // Whoever had the token may have made himself a way back in.
            drop_enrolments(tables.change()?, login.user)?;
            end_sessions(tables, &stolen, EndedSession::RefreshReuse, Actor::Box, self.at, changes)?;
            return Ok(Err(RotateError::Reused));
        };
        let row = tables.accounts()?.session_row(self.session, login)?;
        Ok(Ok(Rotated { generation: login.generation, rotated_at: login.rotated_at, row }))
    }
}

/// See [`super::Store::end_session`].
pub(super) struct EndSession {
    pub(super) session: SessionId,
    pub(super) owner: Option<UserId>,
    pub(super) why: EndedSession,
    pub(super) by: Actor,
    pub(super) at: Timestamp,
}

impl Operation for EndSession {
    type Done = ();
    type Refused = EndSessionError;
    const URGENT: bool = true;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<(), EndSessionError>, Fault> {
        let found = tables.accounts()?.login(self.session)?;
        let Some(login) = found.filter(|login| self.owner.is_none_or(|owner| owner == login.user)) else {
            return Ok(Err(EndSessionError::NotFound));
        };
        end_sessions(tables, &[(self.session, login)], self.why, self.by, self.at, changes).map(Ok)
    }
}

/// A user's enrolment tokens, the oldest first.
fn enrolments_of(accounts: &Accounts<'_>, user: UserId) -> Result<Vec<(u64, [u8; 32])>, Fault> {
    let mut found = Vec::new();
    for entry in accounts.enrolments_by_user.range((*user.as_bytes(), 0)..=(*user.as_bytes(), u64::MAX))? {
        let (key, hash) = entry?;
        found.push((key.value().1, hash.value()));
    }
    Ok(found)
}

fn drop_enrolment(
    accounts: &mut Accounts<'_>,
    user: UserId,
    seq: u64,
    token_sha256: &[u8; 32],
) -> Result<(), Fault> {
    accounts.enrolments.remove(token_sha256)?;
    accounts.enrolments_by_user.remove((*user.as_bytes(), seq))?;
    Ok(())
}

/// Makes all of a user's enrolment tokens worthless.
pub(super) fn drop_enrolments(accounts: &mut Accounts<'_>, user: UserId) -> Result<(), Fault> {
    for (seq, hash) in enrolments_of(accounts, user)? {
        drop_enrolment(accounts, user, seq, &hash)?;
    }
    Ok(())
}

impl Operation for NewEnrolment {
    type Done = ();
    type Refused = IssueEnrolmentError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        _: &mut Vec<DirectoryChange>,
    ) -> Result<Result<(), IssueEnrolmentError>, Fault> {
        let accounts = tables.accounts()?;
        if !accounts.may_sign_in(self.user)? {
            return Ok(Err(IssueEnrolmentError::UserGone));
        }
        if accounts.enrolments.get(&self.token_sha256)?.is_some() {
            return Err(Fault::Row("a new enrolment token is in use"));
        }
        let expired = expired(accounts, self.at)?;

        let Self { enrolment, user, expires, by, at, token_sha256 } = *self;
        let seq = tables.append(at, Body::EnrolmentIssued { enrolment, user, expires, by })?;
        let accounts = tables.change()?;
        for (token, row) in expired {
            drop_enrolment(accounts, row.user, row.seq, &token)?;
        }
        let mine = enrolments_of(accounts, user)?;
        for (seq, token) in mine.iter().take((mine.len() + 1).saturating_sub(MAX_ENROLMENTS)) {
            drop_enrolment(accounts, user, *seq, token)?;
        }
        let row = Enrolment { enrolment, user, expires, seq };
        accounts.enrolments.insert(&token_sha256, row.encode().as_slice())?;
        accounts.enrolments_by_user.insert((*user.as_bytes(), seq), &token_sha256)?;
        Ok(Ok(()))
    }
}

/// Everybody's tokens whose time is over; there are at most [`MAX_ENROLMENTS`] per user to look at.
fn expired(accounts: &Accounts<'_>, at: Timestamp) -> Result<Vec<([u8; 32], Enrolment)>, Fault> {
    let mut expired = Vec::new();
    for entry in accounts.enrolments.iter()? {
        let (token, bytes) = entry?;
        let row = Enrolment::decode(bytes.value())?;
        if row.expires <= at {
            expired.push((token.value(), row));
        }
    }
    Ok(expired)
}

/// See [`super::Store::use_enrolment`].
pub(super) struct UseEnrolment {
    pub(super) token_sha256: [u8; 32],
    pub(super) new: NewSession,
}

impl Operation for UseEnrolment {
    type Done = SessionRow;
    type Refused = UseEnrolmentError;

    fn apply(
        &self,
        tables: &mut Tables<'_>,
        changes: &mut Vec<DirectoryChange>,
    ) -> Result<Result<SessionRow, UseEnrolmentError>, Fault> {
        let accounts = tables.accounts()?;
        let found: Option<Enrolment> = get(&accounts.enrolments, &self.token_sha256)?;
        let Some(token) = found.filter(|token| token.expires > self.new.at) else {
            return Ok(Err(UseEnrolmentError::Invalid));
        };
        if !accounts.may_sign_in(token.user)? {
            return Ok(Err(UseEnrolmentError::Invalid));
        }
        let crowd = displaced(accounts, token.user, &self.new)?;

        let used = Body::EnrolmentUsed { enrolment: token.enrolment, session: self.new.session };
        tables.append(self.new.at, used)?;
        drop_enrolment(tables.change()?, token.user, token.seq, &self.token_sha256)?;
        open(tables, token.user, &self.new, &crowd, SignIn::Enrolment, changes).map(Ok)
    }
}
