//! What the kernel says about a server process: CPU time, memory, limits. Read from `/proc`, so that the load
//! generator's own cost is never counted.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Clock ticks per second in `/proc/PID/stat`; fixed at 100 for user space on Linux (proc(5), `sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: f64 = 100.0;
/// Two readings closer than this are equal, KiB.
const SETTLED_KIB: u64 = 64;
const SETTLE_EVERY: Duration = Duration::from_millis(500);
/// Readings before a process that never settles is taken as it is.
const SETTLE_READINGS: u32 = 20;

/// CPU seconds of a process in user and kernel mode, all its threads, ended ones included.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    parse_cpu_seconds(&text).with_context(|| format!("{path} has no CPU times"))
}

/// The command name may hold spaces and brackets; the fields are counted after its last bracket.
fn parse_cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// Resident memory of a process, KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    parse_kib(&text, "Rss:").with_context(|| format!("{path} has no Rss"))
}

fn parse_kib(rollup: &str, key: &str) -> Option<u64> {
    let line = rollup.lines().find(|line| line.starts_with(key))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Resident memory once two readings agree, KiB. A process that never comes to rest is read a last time after 10 s.
pub(crate) async fn settled_kib(pid: u32) -> Result<u64> {
    let mut ticks = tokio::time::interval(SETTLE_EVERY);
    ticks.tick().await;
    let mut before = resident_kib(pid)?;
    for _ in 0..SETTLE_READINGS {
        ticks.tick().await;
        let now = resident_kib(pid)?;
        if now.abs_diff(before) <= SETTLED_KIB {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

/// The soft limit of open descriptors that a process runs with.
pub(crate) fn descriptor_limit(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/limits");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    parse_descriptor_limit(&text).with_context(|| format!("{path} has no descriptor limit"))
}

fn parse_descriptor_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_ascii_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_times_are_found_behind_an_ugly_name() {
        let stat = "17 (a) b (c)) S 1 17 17 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 1 0 100 1000 10";
        assert_eq!(parse_cpu_seconds(stat), Some(4.0));
        assert_eq!(parse_cpu_seconds("17 (cut) S 1"), None);
    }

    #[test]
    fn own_process_has_memory_cpu_and_a_limit() {
        let pid = std::process::id();
        assert!(resident_kib(pid).unwrap() > 0);
        assert!(cpu_seconds(pid).unwrap() >= 0.0);
        assert!(descriptor_limit(pid).unwrap() > 0);
    }

    #[test]
    fn rss_is_not_taken_for_another_line() {
        let text = "55-7f ---p 00 00:00 0 [rollup]\nRss:       1234 kB\nPss:        99 kB\n";
        assert_eq!(parse_kib(text, "Rss:"), Some(1234));
        assert_eq!(parse_kib(text, "Swap:"), None);
    }

    #[test]
    fn unlimited_descriptors_are_many() {
        assert_eq!(parse_descriptor_limit("Max open files   1024   4096   files\n"), Some(1024));
        assert_eq!(parse_descriptor_limit("Max open files   unlimited unlimited files\n"), Some(u64::MAX));
    }
}
