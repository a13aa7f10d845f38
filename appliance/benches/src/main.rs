//! `bench-signaling`: the box against a plain Node Socket.IO server that relays the same events, in turn in one run,
//! through the same client code over the same TLS 1.3. Prints lines for people and one JSON object as the last line.
//!
//! What is measured, and how to read it, is in `appliance/benches/README.md`.

mod arguments;
mod box_side;
mod call;
mod http1;
mod idle;
mod load;
mod peer_side;
mod procfs;
mod report;
mod sdp;
mod server_process;
mod side;
mod socketio;
mod tls;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use arguments::{Arguments, Only, PresenceScope};
use call::{Pair, Script};
use idle::IdleFigures;
use load::{Load, LoadFigures};
use report::{Figures, JsonLine};
use side::{Running, Side};

/// Descriptors a process needs besides its connections.
const SPARE_DESCRIPTORS: u64 = 200;
/// In this time a change of presence reaches everybody whom it is meant to reach.
const NEWS_WITHIN: Duration = Duration::from_secs(1);
/// No run takes longer, whatever hangs.
const RUN_WITHIN: Duration = Duration::from_secs(15 * 60);

fn main() -> ExitCode {
    let done = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime")
        .and_then(|runtime| runtime.block_on(run_bounded()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-signaling failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The run, cut short by a signal or by its deadline; the servers end with it either way.
async fn run_bounded() -> Result<()> {
    let arguments = Arguments::parse().checked()?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = Box::pin(run(&arguments)) => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
        () = tokio::time::sleep(RUN_WITHIN) => bail!("not done within {RUN_WITHIN:?}"),
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    raise_descriptor_limit(arguments)?;
    std::fs::create_dir_all(&arguments.work_dir).context("the work directory")?;
    let dir = tempfile::Builder::new().prefix("bench-signaling-").tempdir_in(&arguments.work_dir)?;
    let mut sides = Vec::new();
    if arguments.measures(Only::Box) {
        say("setting the box up");
        sides.push(box_side::prepare(arguments, dir.path()).await?);
    }
    if arguments.measures(Only::Peer) {
        let presence = match (arguments.peer_presence, sides.first()) {
            (Some(presence), _) => presence,
            (None, Some(this_box)) => {
                Box::pin(presence_of(arguments, this_box)).await.context("the trial call")?
            }
            (None, None) => PresenceScope::Gathered,
        };
        sides.push(peer_side::prepare(arguments, dir.path(), presence)?);
    }
    let mut idle = Vec::new();
    for side in &sides {
        idle.push(measure_idle(arguments, side).await.with_context(|| side.name)?);
    }
    let loads = measure_loads(arguments, &sides).await?;
    let figures: Vec<Figures> = sides
        .iter()
        .zip(idle)
        .zip(loads)
        .map(|((side, (ready, idle)), loaded)| Figures {
            name: side.name,
            ready_s: ready.as_secs_f64(),
            fresh_ready_s: side.fresh_ready.map(|fresh| fresh.as_secs_f64()),
            idle,
            load: loaded.full,
            paced: loaded.paced,
            after_load_kib: loaded.after_kib,
        })
        .collect();
    print(arguments, &figures)
}

/// Finds out by one call whether phones that have no part in it hear of its parties' presence, so that the peer can do
/// the same. The call is between users that no load uses.
async fn presence_of(arguments: &Arguments, side: &Side) -> Result<PresenceScope> {
    let running = side.start().await?;
    let script = Arc::new(Script::new());
    let [.., caller, callee] = &side.stations[..arguments.users] else { bail!("too few users") };
    let mut pair = Pair::connect(&running.target, caller, callee, Arc::clone(&script)).await?;
    let mut strangers = Pair::connect(&running.target, &side.stations[0], &side.stations[1], script).await?;
    let heard = |strangers: &Pair| strangers.events.get("presence").copied().unwrap_or_default();
    strangers.rest_until(tokio::time::Instant::now() + NEWS_WITHIN).await?;
    let before = heard(&strangers);
    pair.call().await?;
    strangers.rest_until(tokio::time::Instant::now() + NEWS_WITHIN).await?;
    let news = heard(&strangers) - before;
    // A server closes faster when nobody keeps a socket open that nobody reads.
    drop((pair, strangers));
    running.process.stop().await?;
    let scope = if news > 0 { PresenceScope::Gathered } else { PresenceScope::Parties };
    say(&format!(
        "presence: two strangers to a call heard {news} changes, so the peer is started with --presence {}",
        scope.word()
    ));
    Ok(scope)
}

fn print(arguments: &Arguments, figures: &[Figures]) -> Result<()> {
    for side in figures {
        side.lines().iter().for_each(|line| say(line));
    }
    let [this_box, peer] = figures else { return Ok(()) };
    report::event_lines(&this_box.load, &peer.load).iter().for_each(|line| say(line));
    let binary = std::fs::metadata(&arguments.box_binary).context("the box's binary")?.len();
    let json = JsonLine::new(this_box, peer, binary);
    if arguments.quick {
        say("a quick run: the figures mean nothing");
    }
    json.goals().iter().for_each(|line| say(line));
    say(&serde_json::to_string(&json)?);
    Ok(())
}

/// Start times, memory without connections, and memory per idle connection.
async fn measure_idle(arguments: &Arguments, side: &Side) -> Result<(Duration, IdleFigures)> {
    let (mut running, ready) = side.start_often(arguments.starts).await?;
    let pid = running.process.pid;
    let limit = procfs::descriptor_limit(pid)?;
    let needed = arguments.connections as u64 + SPARE_DESCRIPTORS;
    ensure!(
        limit >= needed,
        "{} may open {limit} descriptors, {needed} are needed: see ulimit -n",
        side.name
    );
    say(&format!(
        "{}: holding {} idle connections (descriptor limit {limit})",
        side.name, arguments.connections
    ));
    let stations = side.stations.get(..arguments.connections).context("too few devices")?;
    let idle = idle::measure(&running.target, pid, stations, arguments.hold()).await;
    let idle = idle.with_context(|| side.start.log_tail())?;
    running.process.check_alive()?;
    running.process.stop().await?;
    Ok((ready, idle))
}

/// What loading one side gave.
#[derive(Default)]
struct Loaded {
    full: LoadFigures,
    paced: Option<LoadFigures>,
    after_kib: u64,
}

/// All servers run; they are loaded in turn, round after round.
async fn measure_loads(arguments: &Arguments, sides: &[Side]) -> Result<Vec<Loaded>> {
    let mut servers = Vec::new();
    for side in sides {
        servers.push((side, side.start().await?, Loaded::default()));
    }
    for round in 1..=arguments.rounds {
        for (side, running, loaded) in &mut servers {
            say(&format!("{}: round {round}, {} pairs", side.name, arguments.pairs));
            let figures = load(arguments, side, running, None).await?;
            loaded.full.add(figures);
            running.process.check_alive()?;
        }
    }
    for (side, running, loaded) in &mut servers {
        loaded.after_kib = procfs::resident_kib(running.process.pid)?;
        if arguments.paced > 0 {
            say(&format!("{}: {} set-ups per second", side.name, arguments.paced));
            loaded.paced = Some(load(arguments, side, running, Some(arguments.paced)).await?);
        }
    }
    let mut figures = Vec::new();
    for (side, running, loaded) in servers {
        if side.keeps_records {
            check_records(arguments, side, running, &loaded).await?;
        } else {
            running.process.stop().await?;
        }
        figures.push(loaded);
    }
    Ok(figures)
}

async fn load(
    arguments: &Arguments,
    side: &Side,
    running: &Running,
    per_second: Option<u64>,
) -> Result<LoadFigures> {
    let load = Load {
        target: &running.target,
        pid: running.process.pid,
        stations: &side.stations,
        pairs: arguments.pairs,
        warm_up: arguments.warm_up(),
        window: arguments.window(),
        per_second,
    };
    load.run().await.with_context(|| format!("{}\n{}", side.name, side.start.log_tail()))
}

/// Takes the box away without a word, starts it again and asks for the records: what it has acknowledged must be there.
async fn check_records(arguments: &Arguments, side: &Side, running: Running, loaded: &Loaded) -> Result<()> {
    running.process.kill().await?;
    let running = side.start().await.context("after a kill")?;
    let mut checked = 0;
    for (pair, stations) in side.stations.chunks_exact(2).take(arguments.pairs).enumerate() {
        let paced =
            loaded.paced.as_ref().and_then(|paced| paced.calls.get(pair)).copied().unwrap_or_default();
        let calls = loaded.full.calls.get(pair).copied().unwrap_or_default() + paced;
        let history = box_side::check_history(&running.target, stations, calls).await;
        history.with_context(|| format!("the history of pair {pair} after kill -9"))?;
        checked += calls;
    }
    say(&format!(
        "{}: killed and started again, all {checked} calls are in the history of both parties",
        side.name
    ));
    running.process.stop().await
}

/// Both ends of a connection need a descriptor, each in its own process.
fn raise_descriptor_limit(arguments: &Arguments) -> Result<()> {
    let needed = arguments.connections as u64 + 3 * arguments.pairs as u64 + SPARE_DESCRIPTORS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= needed {
        return Ok(());
    }
    ensure!(hard >= needed, "{needed} open descriptors are needed, {hard} are allowed: raise `ulimit -Hn`");
    say(&format!(
        "raising the soft limit of open descriptors from {soft} to {needed}, for the servers as well"
    ));
    setrlimit(Resource::RLIMIT_NOFILE, needed, hard).context("raising the descriptor limit")
}

#[expect(clippy::print_stdout, reason = "the figures are what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
