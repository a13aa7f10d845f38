//! The box: set up once on a fresh data directory, with its users and their devices, and asked at the end whether it
//! still knows every call.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::arguments::Arguments;
use crate::call::Station;
use crate::http1::Http1;
use crate::server_process::{ServerProcess, StartCommand};
use crate::side::Side;
use crate::tls::Target;

/// Requests at the same time while accounts are made. The box hashes two passwords at once and queues a few.
const ACCOUNTS_AT_ONCE: usize = 2;
const DEVICES_AT_ONCE: usize = 16;
/// Of the throw-away accounts of one run.
const PASSWORD: &str = "bench only, 4 throw-away words";
const PAGE: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedIn {
    access_token: String,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct Enrolment {
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallPage {
    items: Vec<CallRecord>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallRecord {
    call_id: String,
    outcome: Option<String>,
    answered_at: Option<String>,
    ended_at: Option<String>,
    end_reason: Option<String>,
}

/// Starts a fresh box, sets it up, makes the accounts, signs their devices in and stops it again.
pub(crate) async fn prepare(arguments: &Arguments, dir: &Path) -> Result<Side> {
    ensure!(
        arguments.box_binary.is_file(),
        "{} is not there: build it first",
        arguments.box_binary.display()
    );
    let start = command(arguments, dir)?;
    let process = start.start().await?;
    let fresh_ready = process.ready_after;
    let (trust, stations) = set_up(arguments, &process)
        .await
        .with_context(|| format!("setting the box up\n{}", start.log_tail()))?;
    process.stop().await?;
    Ok(Side { name: "box", start, trust, stations, keeps_records: true, fresh_ready: Some(fresh_ready) })
}

/// Raises what would stop a load from one address; everything else stays as it is delivered.
fn command(arguments: &Arguments, dir: &Path) -> Result<StartCommand> {
    let config = dir.join("callbox.toml");
    let text = format!(
        "[accounts]\nhash_target_ms = 20\nmax_sessions_per_user = {}\n\n\
         [limits]\nrequests_per_second = 100000\nrequest_burst = 1000000\nevents_per_second = 100000\nevent_burst = 1000000\nconnections = {}\nlive_calls = {}\n",
        arguments.sessions_per_user() + 4,
        2 * arguments.connections + 4 * arguments.pairs + 100,
        2 * arguments.pairs + 16,
    );
    fs::write(&config, text).with_context(|| format!("writing {}", config.display()))?;
    let mut words: Vec<OsString> = vec!["serve".into(), "--config".into(), config.into()];
    words.extend(["--data-dir".into(), dir.join("data").into()]);
    for listener in ["--https", "--http", "--media", "--turn", "--federation"] {
        words.extend([listener.into(), "127.0.0.1:0".into()]);
    }
    let program = arguments.box_binary.canonicalize().context("the box's binary")?;
    Ok(StartCommand { program, arguments: words, log: dir.join("box.log") })
}

async fn set_up(arguments: &Arguments, process: &ServerProcess) -> Result<(Target, Vec<Station>)> {
    let plain = process.http.context("the box named no http address")?;
    let ca = Http1::connect_plain(plain).await?.get("/ca.pem", None).await?;
    ensure!(ca.status == 200, "/ca.pem answered {}", ca.status);
    let target = Target::new(process.https, &ca.body)?;
    let code = process.setup_code.as_deref().context("a fresh box printed no setup code")?;
    let body = format!(
        r#"{{"code":"{code}","boxName":"bench","admin":{{"username":"admin","password":"{PASSWORD}","displayName":"Admin"}}}}"#
    );
    let admin: SignedIn = Http1::connect(&target).await?.post("/api/setup", None, &body).await?.json(201)?;
    let token: Arc<str> = admin.access_token.into();
    let users = make_users(&target, &token, arguments.users).await?;
    let stations = sign_devices_in(&target, &token, &users, arguments.sessions_per_user()).await?;
    Ok((target, stations))
}

/// Returns the ids of `count` new users.
async fn make_users(target: &Target, token: &Arc<str>, count: usize) -> Result<Vec<String>> {
    let mut tasks = JoinSet::new();
    for worker in 0..ACCOUNTS_AT_ONCE {
        let (target, token) = (target.clone(), Arc::clone(token));
        tasks.spawn(async move {
            let mut http = Http1::connect(&target).await?;
            let mut ids = Vec::new();
            for number in (worker..count).step_by(ACCOUNTS_AT_ONCE) {
                let body = format!(
                    r#"{{"username":"bench{number}","password":"{PASSWORD}","displayName":"Bench {number}","extension":"{}"}}"#,
                    1000 + number
                );
                let user: User = http.post("/api/users", Some(&token), &body).await?.json(201)?;
                ids.push(user.id);
            }
            anyhow::Ok(ids)
        });
    }
    let mut users = Vec::with_capacity(count);
    while let Some(ids) = tasks.join_next().await {
        users.extend(ids??);
    }
    Ok(users)
}

/// Signs `devices` devices of every user in, by enrolment tokens: no password is hashed for it.
async fn sign_devices_in(
    target: &Target,
    token: &Arc<str>,
    users: &[String],
    devices: usize,
) -> Result<Vec<Station>> {
    let users: Arc<[String]> = users.into();
    let total = users.len() * devices;
    let mut tasks = JoinSet::new();
    for worker in 0..DEVICES_AT_ONCE {
        let (target, token, users) = (target.clone(), Arc::clone(token), Arc::clone(&users));
        tasks.spawn(async move {
            let mut http = Http1::connect(&target).await?;
            let mut stations = Vec::new();
            for number in (worker..total).step_by(DEVICES_AT_ONCE) {
                let user = &users[number % users.len()];
                stations.push((number, sign_in(&mut http, &token, user, number).await?));
            }
            anyhow::Ok(stations)
        });
    }
    let mut stations = Vec::with_capacity(total);
    while let Some(signed_in) = tasks.join_next().await {
        stations.extend(signed_in??);
    }
    stations.sort_unstable_by_key(|(number, _)| *number);
    Ok(stations.into_iter().map(|(_, station)| station).collect())
}

async fn sign_in<S>(http: &mut Http1<S>, admin: &str, user: &str, number: usize) -> Result<Station>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let path = format!("/api/users/{user}/enrolment");
    // 201 or 200: the contract does not say which.
    let enrolment = http.post(&path, Some(admin), "{}").await?;
    let enrolment: Enrolment = enrolment.json(if enrolment.status == 201 { 201 } else { 200 })?;
    let body = format!(
        r#"{{"token":"{}","device":{{"name":"bench {number}","platform":"linux"}}}}"#,
        enrolment.token
    );
    let signed_in: SignedIn = http.post("/api/auth/enrol", None, &body).await?.json(200)?;
    Ok(Station { user_id: user.to_owned(), token: signed_in.access_token })
}

/// Fails unless the history of both users of a pair holds exactly `calls` different calls, all answered and ended.
pub(crate) async fn check_history(target: &Target, pair: &[Station], calls: u64) -> Result<()> {
    for station in pair {
        let mut http = Http1::connect(target).await?;
        let mut ids = std::collections::BTreeSet::new();
        let mut path = format!("/api/calls?limit={PAGE}");
        loop {
            let page: CallPage = http.get(&path, Some(&station.token)).await?.json(200)?;
            ensure!(
                !page.items.is_empty() || page.next_cursor.is_none(),
                "an empty page that is not the last"
            );
            for record in page.items {
                let complete = record.outcome.as_deref() == Some("answered")
                    && record.end_reason.as_deref() == Some("hangup")
                    && record.answered_at.is_some()
                    && record.ended_at.is_some();
                ensure!(complete, "a call is not recorded as answered and hung up: {:?}", record.outcome);
                ensure!(ids.insert(record.call_id), "the history names a call twice");
            }
            let Some(cursor) = page.next_cursor else { break };
            path = format!("/api/calls?limit={PAGE}&cursor={cursor}");
        }
        ensure!(ids.len() as u64 == calls, "{} calls in the history, {calls} were made", ids.len());
    }
    Ok(())
}
