//! Files that only the box may read, written so that a power cut leaves the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Owner only.
const FILE_MODE: u32 = 0o600;
/// Owner only.
const DIR_MODE: u32 = 0o700;
/// Every file here is a key or a certificate of a few hundred bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Makes a directory and what is missing above it, for the owner only.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(path)
}

/// Writes a file that must not exist yet, down to the disk. The directory is not synced.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces a file at once and for good: new file, sync, rename, sync of the directory.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    // One that a power cut left behind was never in use.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    write_new(&new, bytes)?;
    fs::rename(&new, path)?;
    sync_parent(path)
}

/// Makes a rename in the parent directory last.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Reads a small file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file is too large for what it should be",
        ));
    }
    Ok(bytes)
}

/// Takes away what group and others may do. Answers whether they could do anything.
pub(super) fn tighten(path: &Path) -> io::Result<bool> {
    let meta = fs::metadata(path)?;
    let open = meta.permissions().mode() & 0o077 != 0;
    if open {
        let mode = if meta.is_dir() { DIR_MODE } else { FILE_MODE };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_private_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/key");
        make_dir(path.parent().unwrap()).unwrap();
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.with_extension("new"), "left by a power cut").unwrap();
        for bytes in [b"one".as_slice(), b"two"] {
            replace(&path, bytes).unwrap();
            assert_eq!(read(&path).unwrap(), bytes);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(!path.with_extension("new").exists());
    }

    #[test]
    fn open_modes_are_tightened_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(tighten(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!tighten(&path).unwrap());
    }

    #[test]
    fn a_file_too_large_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, vec![0; 64 * 1024 + 1]).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
