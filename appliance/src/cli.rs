//! The command line: what was asked for, not yet checked against the machine. Values of options stay text here so
//! that `config` can name every bad one and not only the first.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Exit status for a wrong command line or configuration (EX_USAGE of sysexits.h).
pub const EXIT_USAGE: u8 = 64;

/// The telephone system of a small office in one box.
#[derive(Debug, Parser)]
#[command(name = "callbox", version, arg_required_else_help = true, subcommand_required = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the box
    Serve(ServeOptions),
    /// Check a configuration file and name every error with its line
    CheckConfig {
        /// The file to check
        file: PathBuf,
    },
    /// Print the OpenAPI document of the REST interface
    Openapi,
    /// Repair a box from its own console
    Admin {
        /// Which repair.
        #[command(subcommand)]
        command: AdminCommand,
    },
}

/// Repairs that need to be on the box itself.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Give an admin a new password, so that a lost password is not a lost box
    ResetPassword(ResetPasswordOptions),
}

/// Options of `serve`. Each goes before what the file says.
#[derive(Debug, Default, Clone, Args)]
pub struct ServeOptions {
    /// Configuration file; without it the box starts with its defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the box keeps its keys, database and recordings
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Listener for web pages, REST and signaling (IP:PORT, port 0 picks a free one)
    #[arg(long, value_name = "ADDR")]
    pub https: Option<String>,
    /// Listener for the certificate page and redirects
    #[arg(long, value_name = "ADDR")]
    pub http: Option<String>,
    /// Listener for sound and picture
    #[arg(long, value_name = "ADDR")]
    pub media: Option<String>,
    /// Listener of the relay
    #[arg(long, value_name = "ADDR")]
    pub turn: Option<String>,
    /// Listener for other boxes
    #[arg(long, value_name = "ADDR")]
    pub federation: Option<String>,
}

/// Options of `admin reset-password`.
#[derive(Debug, Default, Clone, Args)]
pub struct ResetPasswordOptions {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the box keeps its database
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Username of the admin; not needed if there is only one
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
}

/// The command line asks for nothing to run: print `text` and exit with `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The help, the version or what was wrong.
    pub text: String,
    /// Whether the text belongs on standard error.
    pub is_error: bool,
    /// 0, or 64 for a wrong command line.
    pub status: u8,
}

impl Cli {
    /// Reads the command line, the program's name first.
    ///
    /// # Errors
    /// What to print instead of running: help, version, or what was wrong.
    pub fn read<I, T>(args: I) -> Result<Self, Printed>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        Self::try_parse_from(args).map_err(|error| {
            let is_error = error.use_stderr();
            Printed {
                text: error.render().to_string(),
                is_error,
                status: if is_error { EXIT_USAGE } else { 0 },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Cli, Printed> {
        Cli::read(line.split_whitespace())
    }

    #[test]
    fn the_fixed_command_line_is_understood() {
        let cli = read(
            "callbox serve --config c --data-dir d --https 1 --http 2 --media 3 --turn 4 --federation 5",
        )
        .unwrap();
        let Command::Serve(options) = cli.command else { panic!("not serve") };
        assert_eq!(options.config, Some("c".into()));
        assert_eq!(options.data_dir, Some("d".into()));
        assert_eq!(
            [options.https, options.http, options.media, options.turn, options.federation]
                .map(Option::unwrap),
            ["1", "2", "3", "4", "5"]
        );
        assert!(matches!(read("callbox serve").unwrap().command, Command::Serve(_)));
        assert!(matches!(read("callbox check-config f").unwrap().command, Command::CheckConfig { .. }));
        assert!(matches!(read("callbox openapi").unwrap().command, Command::Openapi));
        assert!(matches!(
            read("callbox admin reset-password").unwrap().command,
            Command::Admin { command: AdminCommand::ResetPassword(_) }
        ));
    }

    #[test]
    fn a_wrong_command_line_is_64_and_says_why() {
        for line in [
            "callbox",
            "callbox dance",
            "callbox serve --colour red",
            "callbox check-config",
            "callbox serve --https",
            "callbox admin",
        ] {
            let printed = read(line).unwrap_err();
            assert_eq!((printed.status, printed.is_error), (64, true), "{line}");
            assert!(
                printed.text.contains("--help") || printed.text.contains("Usage"),
                "{line}: {}",
                printed.text
            );
        }
        assert!(read("callbox serve --colour red").unwrap_err().text.contains("--colour"));
    }

    #[test]
    fn version_and_help_are_no_error() {
        let version = read("callbox --version").unwrap_err();
        assert_eq!(
            version,
            Printed { text: format!("callbox {}\n", env!("CARGO_PKG_VERSION")), is_error: false, status: 0 }
        );
        let help = read("callbox serve --help").unwrap_err();
        assert_eq!((help.status, help.is_error), (0, false));
        assert!(help.text.contains("--federation <ADDR>"));
    }
}
