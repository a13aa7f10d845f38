//! Carries out one step: announces it, runs its command, leaves its stamp.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::plan::Step;

/// Prints what a step is for and its command, so that a reader can repeat it by hand.
#[expect(clippy::print_stdout, reason = "the list of steps is this command's output")]
pub(crate) fn announce(step: &Step) {
    let folder = if step.folder == "." { String::new() } else { format!(" (in {})", step.folder) };
    println!("set up: {}\n        {}{folder}", step.what, step.command.join(" "));
}

/// Runs the command of `step` and, once it succeeded, writes the stamp.
///
/// # Errors
/// When the command cannot be started or fails; its own messages went to the terminal.
pub(crate) fn carry_out(step: &Step, checkout: &Path) -> Result<()> {
    let (program, arguments) = step.command.split_first().context("a step without a command")?;
    let status = Command::new(program)
        .args(arguments)
        .current_dir(checkout.join(&step.folder))
        .status()
        .with_context(|| format!("could not start `{program}` ({})", step.what))?;
    ensure!(status.success(), "could not {}: `{}` ended with {status}", step.what, step.command.join(" "));
    if let Some(stamp) = &step.stamp {
        fs::copy(checkout.join(&stamp.source), checkout.join(&stamp.stamp))
            .with_context(|| format!("write {}", stamp.stamp))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::plan::Stamp;

    fn step(command: &[&str], stamp: Option<Stamp>) -> Step {
        let command = command.iter().map(ToString::to_string).collect();
        Step { what: "try".to_owned(), command, folder: ".".to_owned(), stamp }
    }

    #[test]
    fn a_failed_step_leaves_no_stamp_and_names_its_command() {
        let folder = std::env::temp_dir().join(format!("callbox-runner-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("source"), "wanted").unwrap();
        let stamp = || Some(Stamp { source: "source".to_owned(), stamp: "stamp".to_owned() });

        let error = carry_out(&step(&["false"], stamp()), &folder).unwrap_err();
        assert!(error.to_string().contains("could not try: `false`"), "{error}");
        assert!(!folder.join("stamp").exists());

        carry_out(&step(&["true"], stamp()), &folder).unwrap();
        assert_eq!(fs::read_to_string(folder.join("stamp")).unwrap(), "wanted");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = carry_out(&step(&["callbox-no-such-program"], None), Path::new(".")).unwrap_err();
        assert!(error.to_string().contains("callbox-no-such-program"), "{error}");
    }
}
