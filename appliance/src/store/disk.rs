//! What the store needs from the file system: the database's bytes, the free space, and a reserve.
//!
//! It is a trait because this is an outer port: tests fill the disk, break it, and cut its power.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use redb::{BackendError, StorageBackend};

/// The database's file in the data directory.
pub(super) const DATABASE: &str = "callbox.redb";
/// The file whose blocks are given back when the disk is full.
pub(super) const RESERVE: &str = "reserve";

/// The store's outer port.
pub trait Disk: Send + 'static {
    /// A fresh handle on the database's bytes. The one before has been closed.
    ///
    /// # Errors
    /// As the file system says.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Bytes that the box may still write.
    ///
    /// # Errors
    /// As the file system says.
    fn free(&self) -> io::Result<u64>;

    /// Bytes that the reserve holds now.
    ///
    /// # Errors
    /// As the file system says.
    fn reserved(&self) -> io::Result<u64>;

    /// Makes the reserve hold exactly `bytes`, with real blocks.
    ///
    /// # Errors
    /// As the file system says; then the reserve holds what it held before, or less.
    fn reserve(&self, bytes: u64) -> io::Result<()>;
}

/// The data directory of a real box.
#[derive(Debug)]
pub(super) struct DataDirectory {
    dir: PathBuf,
}

impl DataDirectory {
    /// Makes the directory with mode 0700 when it is missing; takes other people's rights away from one that is
    /// there.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mode = fs::metadata(dir)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let path = self.dir.join(name);
        let is_new = !path.exists();
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        if is_new {
            // The name must survive a power cut too, not only the bytes.
            File::open(&self.dir)?.sync_all()?;
        } else if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }
}

impl Disk for DataDirectory {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = self.file(DATABASE)?;
        let backend = redb::backends::FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(backend))
    }

    fn free(&self) -> io::Result<u64> {
        let found = nix::sys::statvfs::statvfs(&self.dir)?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }

    fn reserved(&self) -> io::Result<u64> {
        match fs::metadata(self.dir.join(RESERVE)) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let file = self.file(RESERVE)?;
        if bytes == 0 {
            return file.set_len(0);
        }
        let len = i64::try_from(bytes).map_err(io::Error::other)?;
        if let Err(error) = nix::fcntl::posix_fallocate(&file, 0, len) {
            // Half a reserve would look like a whole one.
            file.set_len(0)?;
            return Err(error.into());
        }
        file.set_len(bytes)
    }
}

/// A backend that counts what goes to the flash.
#[derive(Debug)]
pub(super) struct Counted {
    inner: Box<dyn StorageBackend>,
    written: metrics::Counter,
}

impl Counted {
    pub(super) fn new(inner: Box<dyn StorageBackend>) -> Self {
        Self { inner, written: metrics::counter!("callbox_store_bytes_written_total") }
    }
}

impl StorageBackend for Counted {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.written.increment(data.len() as u64);
        self.inner.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }
    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
