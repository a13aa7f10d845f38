//! The process around the box: command line, exit status, signals, file limit, runtime.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use callbox_core::settings::SettingError;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{announce, reset_password, start};
use crate::cli::{AdminCommand, EXIT_USAGE, ServeOptions};
use crate::config::{self, Config, Environment};
use crate::metrics::Exposition;
use crate::supervisor::EXCHANGE;
use crate::{systemd, telemetry};

/// `callbox serve`: runs until a signal.
#[must_use]
pub fn serve(options: &ServeOptions) -> ExitCode {
    let workers = std::env::var("CALLBOX_WORKERS").ok();
    let filter = std::env::var("CALLBOX_LOG").ok();
    let environment = Environment { workers: workers.as_deref(), log: filter.as_deref() };
    let config = match config::load(options, environment) {
        Ok(config) => config,
        Err(errors) => return usage(&errors),
    };
    if let Err(error) = telemetry::start(&config.settings.log, filter.as_deref()) {
        say(&error.to_string());
        return ExitCode::from(EXIT_USAGE);
    }
    raise_file_limit();
    finish(runtime(&config).and_then(|runtime| {
        let outcome = runtime.block_on(run(&config));
        // A thread that still blocks (a password hash) must not hold the process.
        runtime.shutdown_background();
        outcome
    }))
}

/// `callbox check-config FILE`
#[must_use]
pub fn check_config(file: &Path) -> ExitCode {
    match config::check_file(file) {
        Ok(_) => ExitCode::SUCCESS,
        Err(errors) => usage(&errors),
    }
}

/// `callbox openapi`
#[must_use]
pub fn openapi() -> ExitCode {
    let text = crate::api::openapi_json();
    finish(writeln!(io::stdout().lock(), "{text}").map_err(Into::into))
}

/// `callbox admin …`
#[must_use]
pub fn admin(command: &AdminCommand) -> ExitCode {
    let AdminCommand::ResetPassword(options) = command;
    let runtime = Builder::new_current_thread().enable_all().build();
    finish(
        runtime
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(reset_password::reset_password(options))),
    )
}

async fn run(config: &Config) -> anyhow::Result<()> {
    // Caught from the start: a stop during the start is a clean one too.
    let mut signals = Signals::new()?;
    let exposition = Exposition::install()?;
    let mut running = tokio::select! {
        started = start(&config.settings, exposition) => started?,
        () = signals.next() => return Ok(()),
    };
    announce::ready(running.setup_code.as_ref(), running.https, running.http);
    announce::help(running.https, running.http);
    systemd::ready();
    let fallen = tokio::select! {
        fallen = running.until_fallen() => Some(fallen),
        () = signals.next() => None,
    };
    if let Some(fallen) = fallen {
        tracing::error!(part = fallen.part, panicked = fallen.panicked, "a part fell; the box stops");
        if fallen.part == EXCHANGE {
            // Nobody is left to end the calls; the journal knows them.
            anyhow::bail!("{fallen}");
        }
    }
    tokio::select! {
        () = running.stop() => {}
        () = signals.next() => anyhow::bail!("stopped at once by a second signal"),
    }
    fallen.map_or(Ok(()), |fallen| Err(anyhow::anyhow!("{fallen}")))
}

struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

fn runtime(config: &Config) -> anyhow::Result<Runtime> {
    // One thread carries thousands of calls an hour: every event passes the one driver anyway, and handing it from
    // thread to thread costs more than reading it. Disk and password hashes have threads of their own.
    let workers = config.workers.map_or(1, NonZeroUsize::get);
    let mut builder = if workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().context("cannot start the runtime")
}

/// Every phone is a file; the usual soft limit of 1024 is for programs that use select(2).
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

fn usage(errors: &[SettingError]) -> ExitCode {
    for error in errors {
        say(&error.to_string());
    }
    ExitCode::from(EXIT_USAGE)
}

fn finish(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("callbox: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// To a person; also before there is a log.
fn say(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}
