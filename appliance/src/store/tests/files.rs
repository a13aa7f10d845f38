//! Real files: modes, locks, foreign and newer files, and the fixture of every released schema.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use callbox_core::wire::Outcome;

use super::*;
use crate::store::{disk, tables};

fn open(dir: &Path) -> Result<(Store, Opened), OpenError> {
    Store::open(dir, options(), Box::new(|_| {}))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_box_may_read_its_files() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("deep").join("data");
    open(&dir).unwrap().0.close();
    assert_eq!(mode(&dir), 0o700);
    for file in [disk::DATABASE, disk::RESERVE] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
        std::fs::set_permissions(dir.join(file), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    open(&dir).unwrap().0.close();
    assert_eq!((mode(&dir), mode(&dir.join(disk::DATABASE))), (0o700, 0o600), "rights are taken away again");
}

#[test]
fn the_reserve_has_real_blocks_and_is_kept() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap().0.close();
    let reserve = std::fs::metadata(dir.path().join(disk::RESERVE)).unwrap();
    assert_eq!(reserve.len(), 1 << 20);
    assert!(reserve.blocks() * 512 >= 1 << 20, "the file has holes: it reserves nothing");
}

#[test]
fn one_box_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::InUse)));
    store.close();
    open(dir.path()).unwrap().0.close();
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap().0.close();
    let write = |schema: u32| {
        let database = Database::open(dir.path().join(disk::DATABASE)).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(tables::META)
            .unwrap()
            .insert(tables::SCHEMA, schema.to_le_bytes().as_slice())
            .unwrap();
        txn.commit().unwrap();
    };
    write(SCHEMA_VERSION + 1);
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 2, supported: 1 }), "{error}");
    assert!(error.to_string().contains("start the newer release again"), "{error}");
    write(SCHEMA_VERSION);
    open(dir.path()).unwrap().0.close();
}

#[test]
fn a_file_that_is_no_database_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(disk::DATABASE);
    std::fs::write(&path, b"#!/bin/sh\necho this is something else entirely\n".repeat(100)).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, OpenError::Damaged(_)), "{error:?}");
    // A good one of which the end is missing.
    std::fs::remove_file(&path).unwrap();
    open(dir.path()).unwrap().0.close();
    let len = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len / 2).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, OpenError::Damaged(_)), "{error:?}");
}

#[test]
fn a_directory_that_cannot_be_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), b"").unwrap();
    assert!(matches!(open(&dir.path().join("file").join("data")), Err(OpenError::Directory(_))));
}

/// `appliance/tests/fixtures/store-v1.redb`, made by `cargo run -p callbox --example store_fixture`. It is never
/// made anew: the next release must open the very file that this one wrote.
#[test]
fn the_fixture_of_schema_1_opens_and_holds_what_it_held() {
    let fixture: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "store-v1.redb"].iter().collect();
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(&fixture, dir.path().join(disk::DATABASE)).unwrap();
    let (store, opened) = open(dir.path()).unwrap();
    assert_eq!(opened.recovered_calls, 1);
    assert_eq!(opened.newest.to_string(), "2026-01-02T03:05:00.000Z");
    assert_eq!(opened.directory.len(), 2);
    let snapshot = store.read().unwrap();
    snapshot.verify().unwrap();
    assert_eq!(snapshot.box_name().unwrap().as_deref(), Some("Fixture box"));
    let admin = snapshot.user_by_username("admin").unwrap().unwrap();
    assert_eq!((admin.id, admin.role, admin.extension.as_deref()), (user(1), Role::Admin, Some("100")));
    let other = snapshot.user(user(2)).unwrap().unwrap();
    assert_eq!((other.display_name.as_str(), other.version, other.do_not_disturb), ("김 Fixture", 2, true));
    assert_eq!(snapshot.user(user(3)).unwrap(), None, "deleted");
    assert_eq!(snapshot.credential(user(2)).unwrap().as_deref(), Some("$argon2id$fixture"));
    let row = snapshot.session(session(20)).unwrap().unwrap();
    assert_eq!((row.generation, row.device_name.as_str(), row.web), (1, "Fixture phone", false));
    let outcomes: Vec<_> =
        snapshot.all_calls(None, 9).unwrap().iter().map(|row| row.outcome_for(user(2))).collect();
    assert_eq!(outcomes, [Some(Outcome::Missed), Some(Outcome::Missed), Some(Outcome::Answered)]);
    assert_eq!(snapshot.audit(None, 100).unwrap().len(), 17);
    drop(snapshot);
    store.close();
}
