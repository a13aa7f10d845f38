//! Opening the file: making the tables of a new one, refusing one of a later release.

use std::panic::{AssertUnwindSafe, catch_unwind};

use callbox_core::journal::{Event, codec};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableError};
use ring::rand::{SecureRandom, SystemRandom};

use super::OpenError;
use super::disk::{Counted, Disk};
use super::errors::Fault;
use super::tables as t;

/// The form of the tables that this release writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Opens the file, and repairs it after a crash.
pub(super) fn open_file(disk: &dyn Disk, cache_bytes: usize) -> Result<Database, OpenError> {
    let backend = Counted::new(disk.open().map_err(OpenError::Directory)?);
    // redb may panic on a file that something else has written into.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Database::builder().set_cache_size(cache_bytes).create_with_backend(backend)
    }));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch)) => {
            Err(OpenError::InUse)
        }
        Ok(Err(DatabaseError::Storage(StorageError::Io(error)))) if !is_rot(&error) => {
            Err(OpenError::Directory(error))
        }
        Ok(Err(error)) => Err(OpenError::Damaged(error.to_string())),
        Err(_) => Err(OpenError::Damaged("its pages do not fit together".to_owned())),
    }
}

/// Whether an error says that the bytes are no database, rather than that the disk does not work.
fn is_rot(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
}

/// Makes the tables of a new file, or checks what is there. Gives back what the reserve should hold.
pub(super) fn prepare(
    database: &Database,
    first_reserve: impl FnOnce() -> Result<u64, std::io::Error>,
) -> Result<u64, OpenError> {
    let Some((schema, reserve)) = read_meta(database)? else {
        let reserve = first_reserve().map_err(OpenError::Directory)?;
        create(database, reserve)?;
        return Ok(reserve);
    };
    match schema {
        SCHEMA_VERSION => Ok(reserve),
        found if found > SCHEMA_VERSION => Err(OpenError::Newer { found, supported: SCHEMA_VERSION }),
        older => Err(OpenError::Damaged(format!("no release ever wrote schema {older}"))),
    }
}

fn read_meta(database: &Database) -> Result<Option<(u32, u64)>, Fault> {
    let txn = database.begin_read()?;
    let meta = match txn.open_table(t::META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let schema = meta.get(t::SCHEMA)?.and_then(|found| found.value().try_into().ok());
    let schema = schema.map(u32::from_le_bytes).ok_or(Fault::Row("the schema's number is missing"))?;
    let reserve = meta.get(t::RESERVE)?.and_then(|found| found.value().try_into().ok());
    Ok(Some((schema, reserve.map_or(0, u64::from_le_bytes))))
}

fn create(database: &Database, reserve: u64) -> Result<(), Fault> {
    let mut epoch = [0_u8; 8];
    SystemRandom::new().fill(&mut epoch).map_err(|_| Fault::Row("the system gives no random numbers"))?;
    let txn = database.begin_write()?;
    {
        let mut meta = txn.open_table(t::META)?;
        meta.insert(t::SCHEMA, SCHEMA_VERSION.to_le_bytes().as_slice())?;
        meta.insert(t::EPOCH, epoch.as_slice())?;
        meta.insert(t::RESERVE, reserve.to_le_bytes().as_slice())?;
        meta.insert(t::STAMP, 0_u64.to_le_bytes().as_slice())?;
        txn.open_table(t::JOURNAL)?;
        txn.open_table(t::CALLS)?;
        txn.open_table(t::CALL_IDS)?;
        txn.open_table(t::CALLS_BY_USER)?;
        txn.open_table(t::LIVE_CALLS)?;
        txn.open_table(t::USERS)?;
        txn.open_table(t::PROFILES)?;
        txn.open_table(t::USERNAMES)?;
        txn.open_table(t::EXTENSIONS)?;
        txn.open_table(t::CREDENTIALS)?;
        txn.open_table(t::SESSIONS)?;
        txn.open_table(t::SESSIONS_BY_USER)?;
        txn.open_table(t::DEVICE_NAMES)?;
        txn.open_table(t::ENROLMENTS)?;
        txn.open_table(t::ENROLMENTS_BY_USER)?;
        txn.open_table(t::OUTBOX)?;
    }
    Ok(txn.commit()?)
}

/// What tells one commit from the next: every group of writes raises one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// The sequence number that the next event gets.
    pub(super) next_seq: u64,
    /// Counts groups without events.
    pub(super) stamp: u64,
}

/// How far the file is.
pub(super) fn mark(database: &Database) -> Result<Mark, Fault> {
    let txn = database.begin_read()?;
    let journal = txn.open_table(t::JOURNAL)?;
    let next_seq = journal.last()?.map_or(1, |(seq, _)| seq.value() + 1);
    let meta = txn.open_table(t::META)?;
    let stamp = meta.get(t::STAMP)?.and_then(|found| found.value().try_into().ok());
    Ok(Mark { next_seq, stamp: stamp.map_or(0, u64::from_le_bytes) })
}

/// The last event, if there is one.
pub(super) fn newest(txn: &redb::ReadTransaction) -> Result<Option<Event>, Fault> {
    let journal = txn.open_table(t::JOURNAL)?;
    let last = journal.last()?;
    Ok(last.map(|(_, bytes)| codec::decode(bytes.value())).transpose()?)
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Disk(redb::Error::Io(error)) => Self::Directory(error),
            Fault::Disk(_) | Fault::Closed | Fault::Decode(_) | Fault::Row(_) | Fault::Misfit(_) => {
                Self::Damaged(fault.to_string())
            }
        }
    }
}
