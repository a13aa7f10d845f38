//! The Node peer: its certificate, its command line, and tokens that it believes.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::arguments::{Arguments, PresenceScope};
use crate::call::Station;
use crate::server_process::StartCommand;
use crate::side::Side;
use crate::tls::{PeerCertificate, Target};

/// Makes the peer ready to start. Nothing is started yet.
pub(crate) fn prepare(arguments: &Arguments, dir: &Path, presence: PresenceScope) -> Result<Side> {
    let script = arguments.peer_dir.join("server.mjs");
    ensure!(script.is_file(), "{} is not there", script.display());
    ensure!(
        arguments.peer_dir.join("node_modules/socket.io").is_dir(),
        "the peer's packages are not installed: npm ci --prefix {}",
        arguments.peer_dir.display()
    );
    let certificate = PeerCertificate::make(dir)?;
    let script = script.canonicalize().context("the peer's script")?;
    let words: [OsString; 9] = [
        script.into(),
        "--key".into(),
        certificate.key.into(),
        "--cert".into(),
        certificate.chain.into(),
        "--users".into(),
        arguments.users.to_string().into(),
        "--presence".into(),
        presence.word().into(),
    ];
    let start =
        StartCommand { program: arguments.node.clone(), arguments: words.into(), log: dir.join("peer.log") };
    let stations = (0..arguments.sessions_per_user())
        .flat_map(|device| {
            (0..arguments.users)
                .map(move |user| Station { user_id: format!("u{user}"), token: format!("u{user}.{device}") })
        })
        .collect();
    let nowhere = ([127, 0, 0, 1], 0).into();
    let trust = Target::new(nowhere, certificate.ca_pem.as_bytes())?;
    Ok(Side { name: "node socket.io", start, trust, stations, keeps_records: false, fresh_ready: None })
}
