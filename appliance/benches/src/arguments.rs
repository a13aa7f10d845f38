//! The command line of the benchmark, and what it means in numbers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

/// Who hears of a change of presence at the peer. It must be what the box does, else the peer does less work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresenceScope {
    /// Every connected socket, of every change.
    All,
    /// Every connected socket; past a budget of messages the newest of each user once a second, as the box does.
    Gathered,
    /// Only the user's own devices.
    Parties,
}

impl PresenceScope {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Gathered => "gathered",
            Self::Parties => "parties",
        }
    }
}

/// Which servers a run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    Box,
    Peer,
}

/// Call set-ups, ring times and memory of the box against a plain Node Socket.IO server.
#[derive(Debug, Parser)]
#[command(name = "bench-signaling")]
pub(crate) struct Arguments {
    /// The box's binary, a release build.
    #[arg(long = "box", value_name = "FILE", default_value = "target/release/callbox")]
    pub(crate) box_binary: PathBuf,
    /// Directory of the Node peer, with its packages installed.
    #[arg(long, value_name = "DIR", default_value = "appliance/benches/peer")]
    pub(crate) peer_dir: PathBuf,
    /// The Node binary.
    #[arg(long, value_name = "FILE", default_value = "node")]
    pub(crate) node: PathBuf,
    /// Where the data directory of the run is made; a real disk, else durability costs nothing.
    #[arg(long, value_name = "DIR", default_value = "target")]
    pub(crate) work_dir: PathBuf,
    /// Pairs of phones that call each other at the same time.
    #[arg(long, default_value_t = 64)]
    pub(crate) pairs: usize,
    /// Measured seconds per side, spread over the rounds.
    #[arg(long, default_value_t = 15)]
    pub(crate) seconds: u64,
    /// Seconds of warm-up before each measured window.
    #[arg(long, default_value_t = 3)]
    pub(crate) warm_up: u64,
    /// The sides take turns this many times.
    #[arg(long, default_value_t = 2)]
    pub(crate) rounds: u32,
    /// Idle connections to hold.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) connections: usize,
    /// Seconds the idle connections are held; more than one ping interval of either side.
    #[arg(long, default_value_t = 30)]
    pub(crate) hold: u64,
    /// User accounts made for the run.
    #[arg(long, default_value_t = 130)]
    pub(crate) users: usize,
    /// Starts of which the median is printed.
    #[arg(long, default_value_t = 3)]
    pub(crate) starts: usize,
    /// Call set-ups per second of the paced window, in which ring times are measured without a queue; 0 leaves it out.
    #[arg(long, default_value_t = 20)]
    pub(crate) paced: u64,
    /// Who hears of presence at the peer; without it, as the box is found to do, or `gathered` if no box is measured.
    #[arg(long, value_enum)]
    pub(crate) peer_presence: Option<PresenceScope>,
    /// Measure one side only; then there is no ratio and no JSON line.
    #[arg(long, value_enum)]
    pub(crate) only: Option<Only>,
    /// A smoke run of a few seconds. Its figures mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,
}

impl Arguments {
    /// Applies `--quick` and refuses what cannot work.
    pub(crate) fn checked(mut self) -> Result<Self> {
        if self.quick {
            self.pairs = self.pairs.min(8);
            self.users = self.users.min(20);
            self.seconds = self.seconds.min(2);
            self.warm_up = self.warm_up.min(1);
            self.connections = self.connections.min(100);
            self.hold = self.hold.min(2);
            self.rounds = 1;
            self.starts = 1;
        }
        ensure!(
            self.pairs > 0 && self.rounds > 0 && self.starts > 0 && self.seconds > 0,
            "nothing to measure"
        );
        let needed = 2 * self.pairs + 2;
        ensure!(self.users >= needed, "{} pairs and two for a trial call need {needed} users", self.pairs);
        ensure!(self.connections > 0, "no idle connection to measure");
        Ok(self)
    }

    /// Devices that each user needs so that every idle connection has a session of its own.
    pub(crate) fn sessions_per_user(&self) -> usize {
        self.connections.div_ceil(self.users)
    }

    pub(crate) fn measures(&self, side: Only) -> bool {
        self.only.is_none_or(|only| only == side)
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs(self.warm_up)
    }

    /// One measured window.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.seconds) / self.rounds
    }

    pub(crate) fn hold(&self) -> Duration {
        Duration::from_secs(self.hold)
    }
}
