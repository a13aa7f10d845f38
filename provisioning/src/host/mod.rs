//! Sets up a development machine: Debian packages, npm packages, a Python environment and Cargo tools.
//!
//! Three parts: `probe` looks at the machine, `plan` decides (pure), `runner` acts. Nothing is fetched from anywhere
//! but the Debian, Rust, npm and Python registries, each through its own client. A second run finds nothing to do.

mod plan;
mod probe;
mod runner;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

/// What the machine is to be good for. Each profile contains what its name needs, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Build the web pages and the box, and start it
    Run,
    /// Run the side-by-side benchmarks
    Bench,
    /// Run every test
    Test,
}

/// Brings the machine to `profile`, or with `dry_run` prints how it would.
///
/// # Errors
/// When `checkout` is not a checkout of Callbox, when a step fails, or when the machine cannot be set up from here
/// (no root rights, no `apt-get`); the message then says what to install by hand.
pub(crate) fn set_up(profile: Profile, dry_run: bool, checkout: &Path) -> Result<()> {
    ensure!(
        checkout.join("provisioning/Cargo.toml").is_file(),
        "{} is not a checkout of Callbox; run this in one or name it with --checkout",
        checkout.display()
    );
    let checkout = checkout.canonicalize().context("resolve the path of the checkout")?;
    let facts = probe::look(profile, &checkout);
    let steps = plan::plan(&facts)?;
    for step in &steps {
        runner::announce(step);
        if !dry_run {
            runner::carry_out(step, &checkout)?;
        }
    }
    let installs_node = steps.iter().any(plan::Step::installs_node);
    if installs_node && !dry_run {
        plan::accept_node(probe::node_version())?;
    }
    Ok(())
}
