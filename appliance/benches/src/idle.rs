//! Idle connections: many sockets at once that only answer pings, and what they cost the server in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use crate::call::Station;
use crate::procfs::{resident_kib, settled_kib};
use crate::socketio::Socket;
use crate::tls::Target;

/// Handshakes under way at the same time.
const AT_ONCE: usize = 32;
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// A server that has just started is left alone this long before its memory is read.
const REST: Duration = Duration::from_secs(2);

/// What the connections of one side cost.
pub(crate) struct IdleFigures {
    /// Before any connection, KiB.
    pub(crate) idle_kib: u64,
    /// With all connections, at the end of the hold, KiB.
    pub(crate) loaded_kib: u64,
    /// Connections alive at the end.
    pub(crate) held: usize,
    /// Connections that the server pinged, and that answered.
    pub(crate) pinged: usize,
}

impl IdleFigures {
    pub(crate) fn kib_per_connection(&self) -> f64 {
        self.loaded_kib.saturating_sub(self.idle_kib) as f64 / self.held as f64
    }
}

/// Opens a socket per station, holds them for `hold`, and reads the memory of process `pid` before and at the end.
pub(crate) async fn measure(
    target: &Target,
    pid: u32,
    stations: &[Station],
    hold: Duration,
) -> Result<IdleFigures> {
    tokio::time::sleep(REST).await;
    let idle_kib = settled_kib(pid).await?;
    let mut connecting = JoinSet::new();
    let mut waiting = stations.iter().cloned();
    let mut sockets = Vec::with_capacity(stations.len());
    loop {
        while connecting.len() < AT_ONCE
            && let Some(station) = waiting.next()
        {
            let target = target.clone();
            connecting
                .spawn(async move { Socket::connect(&target, &station.token, READ_BUFFER_BYTES).await });
        }
        let Some(socket) = connecting.join_next().await else { break };
        let socket = socket.context("a connection panicked")?;
        sockets.push(hold_open(socket.with_context(|| format!("after {} connections", sockets.len()))?));
    }
    tokio::time::sleep(hold).await;
    settled_kib(pid).await?;
    // Only counted, so a relaxed atomic is enough.
    let pinged = sockets.iter().filter(|socket| socket.pings.load(Ordering::Relaxed) > 0).count();
    let loaded_kib = resident_kib(pid)?;
    let held = sockets.iter().filter(|socket| !socket.task.is_finished()).count();
    let reasons = lost_reasons(sockets).await;
    ensure!(held == stations.len(), "{held} of {} connections held; lost: {reasons:?}", stations.len());
    Ok(IdleFigures { idle_kib, loaded_kib, held, pinged })
}

struct Held {
    task: tokio::task::JoinHandle<anyhow::Error>,
    pings: Arc<AtomicU64>,
}

/// Reads a socket, and so answers its pings, until it fails.
fn hold_open(mut socket: Socket) -> Held {
    let pings = socket.pings();
    let task = tokio::spawn(async move {
        loop {
            if let Err(error) = socket.next_text().await {
                return error;
            }
        }
    });
    Held { task, pings }
}

/// Why connections ended, and how many for each reason. Closes the others.
async fn lost_reasons(sockets: Vec<Held>) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for socket in sockets {
        if socket.task.is_finished() {
            if let Ok(error) = socket.task.await {
                *reasons.entry(format!("{error:#}")).or_default() += 1;
            }
        } else {
            socket.task.abort();
        }
    }
    reasons
}
