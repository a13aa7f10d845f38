//! `callbox-provision`: prepares machines for Callbox. Today it sets up a development machine (`host`);
//! cross builds, images, bundles and factory identities are later work. It is no part of the running box.

mod host;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "callbox-provision", version, about = "Prepares machines for Callbox")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what this development machine lacks; says nothing when nothing is missing
    Host {
        /// What the machine is to be good for
        #[arg(value_enum)]
        profile: host::Profile,
        /// Print the steps and change nothing
        #[arg(long)]
        dry_run: bool,
        /// The checkout of Callbox
        #[arg(long, default_value = ".")]
        checkout: PathBuf,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Host { profile, dry_run, checkout } => host::set_up(profile, dry_run, &checkout),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("callbox-provision: {error:#}");
            ExitCode::FAILURE
        }
    }
}
