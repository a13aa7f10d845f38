//! Full disks and broken disks.

use super::disk::Breakage;
use super::*;

const MIB: u64 = 1 << 20;

/// Waits until the status is as wanted.
fn wait_for(bench: &Bench, wanted: impl Fn(&StoreStatus) -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !wanted(&bench.store.status()) {
        assert!(std::time::Instant::now() < deadline, "the status stays {:?}", bench.store.status());
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn on_a_filling_disk_calls_go_on_and_promises_are_refused() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.session(1, 20, 10).await;
    bench.session(1, 21, 11).await;
    assert_eq!(bench.disk.reserved().unwrap(), MIB);
    assert_eq!(bench.store.status(), StoreStatus::Healthy);

    bench.disk.leave_free(MIB);
    let refused_new = bench.store.create_user(new_user(2)).await;
    assert_eq!(refused_new, Err(CreateUserError::Store(StoreError::LowSpace)));
    assert_eq!(StoreError::LowSpace.code().as_str(), "busy");
    assert_eq!(bench.store.status(), StoreStatus::LowSpace { free_bytes: MIB, reserve_held: true });
    let login = bench.store.open_session(user(1), new_session(22, 12)).await;
    assert_eq!(login, Err(OpenSessionError::Store(StoreError::LowSpace)));
    assert!(bench.call(100, vec![initiated(1, 1, 2)]));
    assert_eq!(bench.store.rotate_refresh(session(20), 0, time(13)).await.unwrap().generation, 1);
    bench.store.end_session(session(21), None, EndedSession::Logout, Actor::Box, time(14)).await.unwrap();

    // Nothing is left: the reserve is given back, and calls live on it.
    bench.disk.leave_free(0);
    for n in 100..200 {
        assert!(bench.call(1_000 + i64::from(n), vec![refused(n, 1, 2)]), "call {n}");
    }
    assert!(bench.call(2_000, vec![answered(1)]));
    assert_eq!(bench.disk.reserved().unwrap(), 0);
    assert!(matches!(bench.store.status(), StoreStatus::LowSpace { reserve_held: false, .. }));
    let refused_new = bench.store.create_user(new_user(2)).await;
    assert_eq!(refused_new, Err(CreateUserError::Store(StoreError::LowSpace)));

    // Room again: the reserve comes back first, then promises.
    bench.disk.leave_free(64 * MIB);
    bench.user(2).await;
    assert_eq!(bench.disk.reserved().unwrap(), MIB);
    assert_eq!(bench.store.status(), StoreStatus::Healthy);
    bench.snapshot().verify().unwrap();
    let crashed = Bench::on(&MemoryDisk::with_image(bench.disk.image()));
    assert_eq!(crashed.snapshot().counts().unwrap().calls, 101);
    assert_eq!(crashed.snapshot().counts().unwrap().users, 2);
}

#[tokio::test]
async fn a_write_that_meets_a_full_disk_is_done_again_out_of_the_reserve() {
    let bench = Bench::new();
    bench.set_up().await;
    let opens = bench.disk.opens();
    // Full between two looks: the writer learns of it from the write.
    let mut n = 0_u64;
    while bench.disk.opens() == opens {
        let mut id = [7; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let body = Body::CallRefused {
            call: CallId::from_bytes(id),
            room: RoomId::from_bytes(id),
            caller: user(1),
            callee: user(2),
            media: Media { audio: true, video: false },
            why: Refusal::Busy,
        };
        bench.disk.fill_at_next_write();
        assert!(bench.call(i64::try_from(n).unwrap() + 10, vec![body]));
        n += 1;
        assert!(n < 10_000, "the file never grew");
    }
    assert_eq!(bench.disk.reserved().unwrap(), 0);
    assert_eq!(bench.snapshot().counts().unwrap().calls, n);
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn one_io_error_is_mended_by_opening_the_file_again() {
    let bench = Bench::new();
    bench.set_up().await;
    for (round, breakage) in (0_u8..).zip([Breakage::Writes(1), Breakage::Syncs(1)]) {
        let opens = bench.disk.opens();
        bench.disk.break_with(Some(breakage));
        assert!(bench.call(100 + i64::from(round), vec![initiated(1 + round, 1, 2)]), "{breakage:?}");
        assert!(bench.disk.opens() > opens, "{breakage:?} was not noticed");
        assert_eq!(bench.store.status(), StoreStatus::Healthy);
        bench.disk.break_with(None);
    }
    bench.user(2).await;
    assert_eq!(bench.snapshot().counts().unwrap().live_calls, 2);
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn a_disk_that_stays_broken_refuses_and_recovers_with_a_later_command() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.disk.break_with(Some(Breakage::Writes(u32::MAX)));
    assert!(!bench.call(100, vec![initiated(1, 1, 2)]));
    let refused_new = bench.store.create_user(new_user(2)).await;
    assert!(
        matches!(refused_new, Err(CreateUserError::Store(StoreError::Unavailable(_)))),
        "{refused_new:?}"
    );
    wait_for(&bench, |status| matches!(status, StoreStatus::Failed(_)));
    assert!(matches!(bench.store.read(), Err(StoreError::Unavailable(_))));

    bench.disk.break_with(None);
    assert!(bench.call(200, vec![initiated(2, 1, 2)]));
    wait_for(&bench, |status| *status == StoreStatus::Healthy);
    bench.user(2).await;
    let snapshot = bench.snapshot();
    assert_eq!(snapshot.call(call(1)).unwrap(), None, "a refused unit left nothing");
    assert!(snapshot.call(call(2)).unwrap().is_some());
    snapshot.verify().unwrap();
}

/// The commit reached the disk, and only the word of it got lost: it must not be done twice.
#[tokio::test]
async fn a_commit_whose_last_sync_fails_is_there_once() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.session(1, 20, 10).await;
    for round in 0..12_u8 {
        bench.disk.break_with(Some(Breakage::Syncs(1)));
        assert!(bench.call(100 + i64::from(round), vec![refused(10 + round, 1, 2)]));
        bench.disk.break_with(Some(Breakage::Syncs(1)));
        let rotated = bench.store.rotate_refresh(session(20), u32::from(round), time(1_000)).await.unwrap();
        assert_eq!(rotated.generation, u32::from(round) + 1);
    }
    bench.disk.break_with(None);
    assert_eq!(bench.snapshot().counts().unwrap().calls, 12);
    assert_eq!(bench.snapshot().session(session(20)).unwrap().unwrap().generation, 12);
    bench.snapshot().verify().unwrap();
}
