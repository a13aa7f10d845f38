//! The load: pairs of phones calling each other in a closed loop, or at a given pace, around one measured window in
//! which the server's CPU time and the finished set-ups are read together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::call::{EventCounts, Pair, Script, Station};
use crate::procfs::cpu_seconds;
use crate::tls::Target;

/// One load of one server.
pub(crate) struct Load<'a> {
    pub(crate) target: &'a Target,
    pub(crate) pid: u32,
    /// One device of each user; neighbours are a pair.
    pub(crate) stations: &'a [Station],
    pub(crate) pairs: usize,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    /// Set-ups per second over all pairs; `None` is as fast as answers come.
    pub(crate) per_second: Option<u64>,
}

/// What one or more loads of one side gave.
#[derive(Default)]
pub(crate) struct LoadFigures {
    /// Set-ups finished inside the windows.
    pub(crate) setups: u64,
    pub(crate) cpu_s: f64,
    pub(crate) wall_s: f64,
    /// From `call-user` to `incoming-call`, microseconds, of calls begun and ended inside the windows.
    pub(crate) ring_us: Vec<u64>,
    /// Calls per pair, those outside the windows included.
    pub(crate) calls: Vec<u64>,
    pub(crate) events: EventCounts,
    /// The time in which `events` were received, windows and the rest.
    pub(crate) elapsed_s: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Drain,
    Measure,
    WarmUp,
}

struct PairFigures {
    index: usize,
    calls: u64,
    ring_us: Vec<u64>,
    events: EventCounts,
}

impl LoadFigures {
    /// Adds a later load of the same pairs.
    pub(crate) fn add(&mut self, later: Self) {
        self.setups += later.setups;
        self.cpu_s += later.cpu_s;
        self.wall_s += later.wall_s;
        self.elapsed_s += later.elapsed_s;
        self.ring_us.extend(later.ring_us);
        self.calls.resize(self.calls.len().max(later.calls.len()), 0);
        for (calls, more) in self.calls.iter_mut().zip(later.calls) {
            *calls += more;
        }
        for (name, count) in later.events {
            *self.events.entry(name).or_default() += count;
        }
    }

    pub(crate) fn setups_per_cpu_s(&self) -> f64 {
        self.setups as f64 / self.cpu_s
    }

    /// A percentile of the ring times, milliseconds; `None` without any ring. `percent` is 0 to 100.
    pub(crate) fn ring_ms(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.ring_us.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).map(|us| *us as f64 / 1000.0)
    }
}

impl Load<'_> {
    /// Connects the pairs, loads the server, lets every call end and hangs up the sockets.
    pub(crate) async fn run(&self) -> Result<LoadFigures> {
        let (phase, phases) = watch::channel(Phase::WarmUp);
        // A counter, read by the conductor only: nothing is decided by it.
        let finished = Arc::new(AtomicU64::new(0));
        let script = Arc::new(Script::new());
        let begin = tokio::time::Instant::now();
        let mut tasks = JoinSet::new();
        for (index, station) in self.stations.chunks_exact(2).take(self.pairs).enumerate() {
            let pair = Pair::connect(self.target, &station[0], &station[1], Arc::clone(&script));
            let pair = pair.await.with_context(|| format!("pair {index}"))?;
            let pace = self.per_second.map(|rate| Pace::new(begin, index, self.pairs, rate));
            tasks.spawn(call_again(pair, index, pace, phases.clone(), Arc::clone(&finished)));
        }
        if tasks.len() != self.pairs {
            bail!("{} pairs wanted, {} possible", self.pairs, tasks.len());
        }
        let mut figures = tokio::select! {
            figures = self.conduct(&phase, &finished) => figures?,
            failed = tasks.join_next() => match failed {
                Some(Ok(Err(error))) => return Err(error),
                _ => bail!("a pair ended before the load did"),
            },
        };
        figures.elapsed_s = begin.elapsed().as_secs_f64();
        figures.calls = vec![0; self.pairs];
        while let Some(pair) = tasks.join_next().await {
            let pair = pair.context("a pair panicked")??;
            figures.calls[pair.index] = pair.calls;
            figures.ring_us.extend(pair.ring_us);
            for (name, count) in pair.events {
                *figures.events.entry(name).or_default() += count;
            }
        }
        Ok(figures)
    }

    async fn conduct(&self, phase: &watch::Sender<Phase>, finished: &AtomicU64) -> Result<LoadFigures> {
        tokio::time::sleep(self.warm_up).await;
        phase.send_replace(Phase::Measure);
        let begun = (cpu_seconds(self.pid)?, finished.load(Ordering::Relaxed), Instant::now());
        tokio::time::sleep(self.window).await;
        let ended = (cpu_seconds(self.pid)?, finished.load(Ordering::Relaxed), Instant::now());
        phase.send_replace(Phase::Drain);
        Ok(LoadFigures {
            setups: ended.1 - begun.1,
            cpu_s: ended.0 - begun.0,
            wall_s: (ended.2 - begun.2).as_secs_f64(),
            ..LoadFigures::default()
        })
    }
}

/// When a pair of a paced load calls next: the pairs follow each other at even distances.
struct Pace {
    next: tokio::time::Instant,
    every: Duration,
}

impl Pace {
    fn new(begin: tokio::time::Instant, index: usize, pairs: usize, per_second: u64) -> Self {
        let every = Duration::from_secs_f64(pairs as f64 / per_second as f64);
        Self { next: begin + every.mul_f64(index as f64 / pairs as f64), every }
    }
}

async fn call_again(
    mut pair: Pair,
    index: usize,
    mut pace: Option<Pace>,
    phases: watch::Receiver<Phase>,
    finished: Arc<AtomicU64>,
) -> Result<PairFigures> {
    let mut figures = PairFigures { index, calls: 0, ring_us: Vec::new(), events: EventCounts::new() };
    loop {
        if let Some(pace) = &mut pace {
            pair.rest_until(pace.next).await?;
            pace.next += pace.every;
        }
        let before = *phases.borrow();
        if before == Phase::Drain {
            break;
        }
        let ring = pair.call().await.with_context(|| format!("pair {index}, call {}", figures.calls))?;
        figures.calls += 1;
        finished.fetch_add(1, Ordering::Relaxed);
        if before == Phase::Measure && *phases.borrow() == Phase::Measure {
            figures.ring_us.push(u64::try_from(ring.as_micros()).unwrap_or(u64::MAX));
        }
    }
    figures.events = pair.events;
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let figures =
            LoadFigures { ring_us: (1..=200).rev().map(|n| n * 1000).collect(), ..LoadFigures::default() };
        assert_eq!(figures.ring_ms(50), Some(100.0));
        assert_eq!(figures.ring_ms(99), Some(198.0));
        assert_eq!(figures.ring_ms(100), Some(200.0));
        assert_eq!(LoadFigures::default().ring_ms(50), None);
    }

    #[test]
    fn rounds_add_up() {
        let round = |setups, calls| LoadFigures { setups, cpu_s: 0.5, calls, ..LoadFigures::default() };
        let mut figures = LoadFigures::default();
        figures.add(round(10, vec![1, 2]));
        figures.add(round(20, vec![3, 4]));
        assert_eq!((figures.setups, figures.calls.clone()), (30, vec![4, 6]));
        assert!((figures.setups_per_cpu_s() - 30.0).abs() < 1e-9);
    }
}
