//! Measures the store by itself: calls with two parties at a given rate on a real file, then a crash's repair.
//!
//! ```text
//! cargo run --release -p callbox --example store_load -- DIR CALLS_PER_SECOND SECONDS
//! ```
//!
//! Prints commits, CPU time and bytes to the disk per call. The figures of `appliance/docs/journal.md` come from it.

#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use callbox::mailbox::Notice;
use callbox::store::{Store, StoreOptions};
use callbox_core::exchange::Ticket;
use callbox_core::id::{CallId, DeviceId, RoomId, UserId};
use callbox_core::journal::Body;
use callbox_core::unit::Timestamp;
use callbox_core::wire::{CallState, EndReason, Media};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir: PathBuf = arguments.next().context("DIR CALLS_PER_SECOND SECONDS")?.into();
    let rate: u64 = arguments.next().context("CALLS_PER_SECOND")?.parse()?;
    let seconds: u64 = arguments.next().context("SECONDS")?.parse()?;
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;

    let (tell, notices) = channel();
    let notify = Box::new(move |notice| drop(tell.send(notice)));
    let before_open = Instant::now();
    let (store, opened) = Store::open(&dir, StoreOptions::default(), notify)?;
    println!("open: {:?}, {} calls recovered", before_open.elapsed(), opened.recovered_calls);

    let salt = u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos())?;
    let (start, cpu) = (Instant::now(), cpu_time()?);
    let (pause, never) = channel::<()>();
    let (mut sent, mut answered, mut worst) = (0_u64, 0_u64, Duration::ZERO);
    let mut waiting = std::collections::BTreeMap::new();
    for call in 0..rate * seconds {
        for (step, body) in (0..).zip(events(salt, call)) {
            let due = start + Duration::from_nanos((call * 3 + step) * 1_000_000_000 / (rate * 3));
            // A wait on a channel that stays silent.
            let _ = never.recv_timeout(due.saturating_duration_since(Instant::now()));
            sent += 1;
            waiting.insert(sent, Instant::now());
            store.commit(Ticket(sent), now()?, vec![body])?;
        }
        for notice in notices.try_iter() {
            if let Notice::Committed(Ticket(ticket)) = notice
                && let Some(since) = waiting.remove(&ticket)
            {
                answered += 1;
                worst = worst.max(since.elapsed());
            }
        }
    }
    while answered < sent {
        let Notice::Committed(_) = notices.recv_timeout(Duration::from_secs(10))? else { continue };
        answered += 1;
    }
    drop(pause);
    let (wall, cpu) = (start.elapsed(), cpu_time()? - cpu);
    let calls = rate * seconds;
    println!(
        "{calls} calls, {sent} events in {wall:?}; CPU {cpu:?}, {:?} per call",
        cpu / u32::try_from(calls)?
    );
    println!("longest from commit to notice, as seen once per call: {worst:?}");
    for line in recorder.render().lines().filter(|line| line.starts_with("callbox_store")) {
        println!("{line}");
    }
    println!("resident: {} KiB", resident()?);
    let file = std::fs::metadata(dir.join("callbox.redb"))?;
    println!("file: {} bytes, {} per call", file.len(), file.len() / calls);
    // No clean close: the next run shows the repair.
    std::process::exit(0);
}

fn id(salt: u64, call: u64) -> [u8; 16] {
    let mut id = [0; 16];
    let mixed = call.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
    id[..8].copy_from_slice(&mixed.to_be_bytes());
    id[8..].copy_from_slice(&call.to_be_bytes());
    id
}

fn events(salt: u64, call: u64) -> [Body; 3] {
    let user = |n: u64| UserId::from_bytes([u8::try_from(n % 200).unwrap_or(0); 16]);
    let (id, device) = (CallId::from_bytes(id(salt, call)), DeviceId::from_bytes([1; 16]));
    let initiated = Body::CallInitiated {
        call: id,
        room: RoomId::from_bytes(*id.as_bytes()),
        caller: user(call),
        caller_device: device,
        callee: user(call * 7 + 1),
        media: Media { audio: true, video: true },
        e2ee: false,
    };
    let ended = Body::CallEnded {
        call: id,
        state: CallState::Ended,
        error: None,
        reason: EndReason::Hangup,
        duration_ms: 1_000,
        by: Some(user(call)),
    };
    [initiated, Body::CallAnswered { call: id, callee_device: device }, ended]
}

fn now() -> anyhow::Result<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}

/// User and system time of this process, from `/proc/self/stat` (in hundredths of a second).
fn cpu_time() -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 =
        fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("VmRSS")?.parse()?)
}
