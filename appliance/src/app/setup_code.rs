//! `DATA_DIR/setup-code`: the code that lets somebody set the box up. It stays the same until it is used.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use callbox_core::access::SetupCode;

use crate::accounts::random;

const FILE: &str = "setup-code";

pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// The code on disk, or a new one. `None` for a box that is set up; a file that a crash left behind goes.
pub(super) fn keep(data_dir: &Path, is_set_up: bool) -> anyhow::Result<Option<SetupCode>> {
    let path = path(data_dir);
    if is_set_up {
        remove(&path);
        return Ok(None);
    }
    let kept = match fs::read_to_string(&path) {
        Ok(text) => SetupCode::parse(text.trim()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    if let Some(code) = kept {
        return Ok(Some(code));
    }
    let code = SetupCode::from_random(random()?);
    write(&path, &code).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(code))
}

/// The code was used.
pub(super) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "the used setup code could not be removed; it is worth nothing any more");
        }
        Err(_) | Ok(()) => {}
    }
}

/// By rename, so that a power cut leaves no half of a code.
fn write(path: &Path, code: &SetupCode) -> io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{code}")?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_code_stays_until_it_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let first = keep(dir.path(), false).unwrap().unwrap();
        assert_eq!(keep(dir.path(), false).unwrap().unwrap(), first);
        let file = path(dir.path());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(first.matches(fs::read_to_string(&file).unwrap().trim()));
        assert!(keep(dir.path(), true).unwrap().is_none());
        assert!(!file.exists());
        fs::write(&file, "nonsense").unwrap();
        assert!(keep(dir.path(), false).unwrap().is_some(), "a damaged file is replaced");
    }
}
