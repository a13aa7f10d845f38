//! A disk in memory: it remembers every write since the last sync, can be full, and can break.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::store::disk::Disk;

/// What redb did, in order.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
    Sync,
}

impl Op {
    pub(super) fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if end > image.len() {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(data);
            }
            Self::SetLen(len) => image.resize(*len, 0),
            Self::Sync => {}
        }
    }
}

/// How the disk is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakage {
    /// So many writes fail, and change nothing.
    Writes(u32),
    /// So many syncs fail, after everything was written: the commit is in the file, and nobody says so.
    Syncs(u32),
}

#[derive(Debug)]
struct Inner {
    image: Vec<u8>,
    log: Option<Vec<Op>>,
    capacity: u64,
    /// Bytes that something else on the same file system uses.
    other: u64,
    pages: BTreeSet<usize>,
    reserve: u64,
    breakage: Option<Breakage>,
    fills_at_write: bool,
    is_open: bool,
    opens: u32,
}

#[derive(Debug, Clone)]
pub(super) struct MemoryDisk(Arc<Mutex<Inner>>);

const PAGE: usize = 4096;

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::with_image(Vec::new())
    }
}

impl MemoryDisk {
    pub(super) fn with_image(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            image,
            log: None,
            capacity: 1 << 30,
            other: 0,
            pages: BTreeSet::new(),
            reserve: 0,
            breakage: None,
            fills_at_write: false,
            is_open: false,
            opens: 0,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn image(&self) -> Vec<u8> {
        self.inner().image.clone()
    }

    pub(super) fn start_log(&self) {
        self.inner().log = Some(Vec::new());
    }

    pub(super) fn log_len(&self) -> usize {
        self.inner().log.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn take_log(&self) -> Vec<Op> {
        self.inner().log.take().unwrap_or_default()
    }

    pub(super) fn break_with(&self, breakage: Option<Breakage>) {
        self.inner().breakage = breakage;
    }

    /// How often the file was opened.
    pub(super) fn opens(&self) -> u32 {
        self.inner().opens
    }

    /// The disk becomes full just when the next new page is wanted.
    pub(super) fn fill_at_next_write(&self) {
        self.inner().fills_at_write = true;
    }

    /// Lets something else use the disk up until only `free` bytes are left.
    pub(super) fn leave_free(&self, free: u64) {
        let mut inner = self.inner();
        inner.other = 0;
        let now = inner.free();
        inner.other = now.saturating_sub(free);
    }
}

impl Inner {
    fn free(&self) -> u64 {
        let used = (self.pages.len() * PAGE) as u64 + self.other + self.reserve;
        self.capacity.saturating_sub(used)
    }

    /// Takes one failure of what is broken, if it is this.
    fn fails(&mut self, is_sync: bool) -> bool {
        match &mut self.breakage {
            Some(Breakage::Writes(left)) if !is_sync && *left > 0 => *left -= 1,
            Some(Breakage::Syncs(left)) if is_sync && *left > 0 => *left -= 1,
            _ => return false,
        }
        true
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> io::Result<()> {
        if self.fails(false) {
            return Err(io::Error::other("the disk is broken"));
        }
        for page in offset / PAGE..(offset + data.len()).div_ceil(PAGE) {
            if !self.pages.contains(&page) {
                if std::mem::take(&mut self.fills_at_write) {
                    self.other += self.free();
                }
                if self.free() < PAGE as u64 {
                    return Err(ErrorKind::StorageFull.into());
                }
                self.pages.insert(page);
            }
        }
        let op = Op::Write { offset, data: data.to_vec() };
        op.apply(&mut self.image);
        self.log.iter_mut().for_each(|log| log.push(op.clone()));
        Ok(())
    }

    fn note(&mut self, op: Op) {
        op.apply(&mut self.image);
        self.log.iter_mut().for_each(|log| log.push(op.clone()));
    }
}

impl Disk for MemoryDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let mut inner = self.inner();
        assert!(!inner.is_open, "the file is opened twice");
        inner.is_open = true;
        inner.opens += 1;
        drop(inner);
        Ok(Box::new(self.clone()))
    }

    fn free(&self) -> io::Result<u64> {
        Ok(self.inner().free())
    }

    fn reserved(&self) -> io::Result<u64> {
        Ok(self.inner().reserve)
    }

    fn reserve(&self, bytes: u64) -> io::Result<()> {
        let mut inner = self.inner();
        inner.reserve = 0;
        if inner.free() < bytes {
            return Err(ErrorKind::StorageFull.into());
        }
        inner.reserve = bytes;
        Ok(())
    }
}

impl StorageBackend for MemoryDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner().image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let inner = self.inner();
        let found = inner.image.get(offset..offset + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner().note(Op::SetLen(usize::try_from(len).unwrap()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.fails(true) {
            return Err(io::Error::other("the disk is broken"));
        }
        inner.note(Op::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner().write(usize::try_from(offset).unwrap(), data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner().is_open = false;
        Ok(())
    }
}
