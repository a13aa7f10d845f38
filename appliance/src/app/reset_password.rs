//! `callbox admin reset-password`: whoever has the box's disk in hand gets back in. Works on the database itself, so
//! the box must not run.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use callbox_core::access::{Password, SetupCode};
use callbox_core::journal::{Actor, Role};
use callbox_core::unit::Timestamp;

use crate::accounts::{Passwords, random};
use crate::cli::{ResetPasswordOptions, ServeOptions};
use crate::config;
use crate::net::clock::Clock as LastingClock;
use crate::net::upkeep::tls_dir;
use crate::store::{OpenError, Snapshot, Store, StoreOptions, UserPatch, UserRow};

/// Gives an admin a new password: the first line of standard input, or a generated one that is printed.
///
/// # Errors
/// The box runs, there is no such admin, or the new password is not acceptable.
pub(super) async fn reset_password(options: &ResetPasswordOptions) -> anyhow::Result<()> {
    let serve = ServeOptions {
        config: options.config.clone(),
        data_dir: options.data_dir.clone(),
        ..ServeOptions::default()
    };
    let config = config::load(&serve, config::Environment::default()).map_err(super::all_errors)?;
    let data_dir = config.settings.this_box.data_dir.path();
    if !data_dir.is_dir() {
        bail!("there is no box in {}; name its data directory with --data-dir", data_dir.display());
    }
    let opened = Store::open(data_dir, StoreOptions::default(), Box::new(|_| {}));
    let (store, opened) = match opened {
        Err(OpenError::InUse) => bail!("the box is running: stop it first, then try again"),
        other => other.context("cannot open the database")?,
    };
    let lasting = Arc::new(LastingClock::open(&tls_dir(data_dir)));
    let at = super::clock::of_box(lasting, opened.newest).wall();
    let target = config.settings.accounts.hash_target_ms.duration();
    let outcome = change(&store, options.username.as_deref(), target, at).await;
    tokio::task::spawn_blocking(move || store.close()).await?;
    let mut stdout = io::stdout().lock();
    if let Some(password) = outcome? {
        writeln!(stdout, "new password: {}", password.as_str())?;
    }
    writeln!(stdout, "The password is changed and the admin is signed out everywhere.")?;
    Ok(())
}

/// Answers the password when nobody typed it.
async fn change(
    store: &Store,
    username: Option<&str>,
    target: Duration,
    at: Timestamp,
) -> anyhow::Result<Option<Password>> {
    let (admin, present) = {
        let snapshot = store.read()?;
        let admin = the_admin(&snapshot, username)?;
        let present = snapshot.credential(admin.id)?;
        (admin, present)
    };
    let (password, generated) = new_password()?;
    let hash = Passwords::calibrate(target, present.as_deref())?.hash(password.as_str()).await?;
    // An admin who was disabled is locked out all the same.
    let patch = UserPatch { password_hash: Some(hash), disabled: Some(false), ..UserPatch::default() };
    store
        .patch_user(admin.id, patch, None, Actor::Console, at)
        .await
        .context("cannot store the new password")?;
    Ok(generated.then_some(password))
}

fn the_admin(snapshot: &Snapshot, username: Option<&str>) -> anyhow::Result<UserRow> {
    if let Some(username) = username {
        let found = snapshot.user_by_username(username)?;
        return found.filter(|user| user.role == Role::Admin).context("there is no admin with that username");
    }
    let mut admins = Vec::new();
    let mut page = snapshot.users(None, PAGE)?;
    while let Some(last) = page.last().map(|user| user.username.clone()) {
        admins.extend(page.drain(..).filter(|user| user.role == Role::Admin));
        page = snapshot.users(Some(&last), PAGE)?;
    }
    let one = admins.pop().context("this box has no admin yet: set it up with its setup code")?;
    if !admins.is_empty() {
        bail!("there are {} admins: name one with --username", admins.len() + 1);
    }
    Ok(one)
}

const PAGE: usize = 200;

/// The second value tells that nobody knows the password yet.
fn new_password() -> anyhow::Result<(Password, bool)> {
    let stdin = io::stdin();
    let mut line = String::new();
    if !stdin.is_terminal() {
        stdin.lock().read_line(&mut line)?;
    }
    let typed = line.trim_end_matches(['\r', '\n']);
    if !typed.is_empty() {
        let password = Password::parse(typed)
            .map_err(|fault| anyhow::anyhow!("the password is not acceptable: {fault:?}"))?;
        return Ok((password, false));
    }
    // Two setup codes: 80 random bits in signs that are not mistaken for one another.
    let text = format!("{}-{}", SetupCode::from_random(random()?), SetupCode::from_random(random()?));
    let password = Password::parse(&text).map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    Ok((password, true))
}
