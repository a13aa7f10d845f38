//! The command line of the box. Read on in `callbox::app`.

use std::io::Write;
use std::process::ExitCode;

use callbox::app;
use callbox::cli::{Cli, Command, Printed};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::read(std::env::args_os()) {
        Ok(Cli { command: Command::Serve(options) }) => app::serve(&options),
        Ok(Cli { command: Command::CheckConfig { file } }) => app::check_config(&file),
        Ok(Cli { command: Command::Openapi }) => app::openapi(),
        Ok(Cli { command: Command::Admin { command } }) => app::admin(&command),
        Err(printed) => print(&printed),
    }
}

fn print(printed: &Printed) -> ExitCode {
    let text = printed.text.as_bytes();
    // Nobody reads: then nobody misses it.
    drop(if printed.is_error {
        std::io::stderr().write_all(text)
    } else {
        std::io::stdout().write_all(text)
    });
    ExitCode::from(printed.status)
}
