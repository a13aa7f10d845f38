//! One side of the comparison: how its server starts, whom the client trusts there, and who may sign in.

use std::time::Duration;

use anyhow::Result;

use crate::call::Station;
use crate::server_process::{ServerProcess, StartCommand};
use crate::tls::Target;

/// A server that is set up and stopped, with its users.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) start: StartCommand,
    /// The trust; the address is the one of the last start.
    pub(crate) trust: Target,
    /// Devices, all first ones of the users before all second ones. Each is a session of its own.
    pub(crate) stations: Vec<Station>,
    /// Whether it promises to remember every call; then it is asked after a kill.
    pub(crate) keeps_records: bool,
    /// The first start on an empty data directory, where there is one.
    pub(crate) fresh_ready: Option<Duration>,
}

/// A side whose server runs.
pub(crate) struct Running {
    pub(crate) process: ServerProcess,
    pub(crate) target: Target,
}

impl Side {
    pub(crate) async fn start(&self) -> Result<Running> {
        let process = self.start.start().await?;
        let target = self.trust.at(process.https);
        Ok(Running { process, target })
    }

    /// Starts the server `starts` times in turn and leaves the last one running. Also returns the median of the times
    /// from start to `ready`.
    pub(crate) async fn start_often(&self, starts: usize) -> Result<(Running, Duration)> {
        let mut running = self.start().await?;
        let mut times = vec![running.process.ready_after];
        for _ in 1..starts {
            running.process.stop().await?;
            running = self.start().await?;
            times.push(running.process.ready_after);
        }
        times.sort_unstable();
        Ok((running, times[times.len() / 2]))
    }
}
