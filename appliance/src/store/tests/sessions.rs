use super::*;
use callbox_core::journal::EndedSession;

#[tokio::test]
async fn the_session_unused_for_longest_makes_room() {
    let bench = Bench::new();
    bench.set_up().await;
    for n in [20, 21, 22, 23] {
        bench.session(1, n, i64::from(n)).await;
    }
    // 20 is the oldest, but it was used since; only memory knows.
    bench.store.touch_session(session(20), time(500));
    assert_eq!(bench.snapshot().session(session(20)).unwrap().unwrap().last_seen_at, time(500));
    bench.changes();
    bench.session(1, 24, 600).await;
    assert_eq!(bench.changes(), [DirectoryChange::SessionGone(session(21))]);
    let bench = bench.reopened();
    let rows = bench.snapshot().sessions_of(user(1)).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.id, row.last_seen_at.as_millis())).collect();
    assert_eq!(seen, [(session(20), 500), (session(22), 22), (session(23), 23), (session(24), 600)]);
    assert_eq!(
        (rows[0].device_name.as_str(), rows[0].platform.as_str(), rows[0].web),
        ("Phone 20", "web", true)
    );
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn a_refresh_rotates_answers_a_retry_and_punishes_reuse() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.session(1, 20, 0).await;
    let events = || bench.snapshot().counts().unwrap().events;
    let before = events();
    let rotate = |presented, at| bench.store.rotate_refresh(session(20), presented, time(at));
    let first = rotate(0, 1_000).await.unwrap();
    assert_eq!((first.generation, first.rotated_at, first.row.last_seen_at), (1, time(1_000), time(1_000)));
    // A retry gets the same answer, up to the last of the 30 s; the wall clock may also step back.
    for at in [1_001, 31_000, 500] {
        assert_eq!(rotate(0, at).await.unwrap(), first, "at {at}");
    }
    let second = rotate(1, 40_000).await.unwrap();
    assert_eq!(second.generation, 2);
    assert_eq!(events(), before, "a rotation is no event");
    bench.changes();
    assert_eq!(rotate(1, 70_001).await, Err(RotateError::Reused));
    assert_eq!(bench.changes(), [DirectoryChange::SessionGone(session(20))]);
    assert_eq!(rotate(2, 70_002).await, Err(RotateError::SessionGone), "the whole family is gone");

    bench.session(1, 21, 0).await;
    let ahead = bench.store.rotate_refresh(session(21), 5, time(1)).await;
    assert_eq!(ahead, Err(RotateError::Reused));
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn a_rotation_survives_a_reopen() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.session(1, 20, 0).await;
    let first = bench.store.rotate_refresh(session(20), 0, time(1_000)).await.unwrap();
    let bench = bench.reopened();
    assert_eq!(bench.store.rotate_refresh(session(20), 0, time(2_000)).await.unwrap(), first);
}

#[tokio::test]
async fn sessions_end_once_and_only_for_their_owner() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.user(2).await;
    bench.session(2, 20, 100).await;
    bench.changes();
    let end = |owner| {
        bench.store.end_session(session(20), owner, EndedSession::Revoked, Actor::User(user(1)), time(200))
    };
    assert_eq!(end(Some(user(1))).await, Err(EndSessionError::NotFound));
    end(Some(user(2))).await.unwrap();
    assert_eq!(bench.changes(), [DirectoryChange::SessionGone(session(20))]);
    assert_eq!(end(None).await, Err(EndSessionError::NotFound));
    assert_eq!(bench.snapshot().session(session(20)).unwrap(), None);
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn an_enrolment_token_works_once_and_in_time() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.user(2).await;
    let use_token = |n: u8, as_session, at| bench.store.use_enrolment([n; 32], new_session(as_session, at));
    bench.store.issue_enrolment(new_enrolment(1, 2, 100, 1_000)).await.unwrap();
    bench.store.issue_enrolment(new_enrolment(2, 2, 100, 1_000)).await.unwrap();
    assert_eq!(use_token(1, 30, 1_000).await, Err(UseEnrolmentError::Invalid), "too late");
    let row = use_token(1, 30, 999).await.unwrap();
    assert_eq!((row.user, row.generation), (user(2), 0));
    assert_eq!(use_token(1, 31, 999).await, Err(UseEnrolmentError::Invalid), "used up");
    assert_eq!(use_token(9, 31, 999).await, Err(UseEnrolmentError::Invalid), "unknown");
    let entry = bench.snapshot().audit(None, 1).unwrap()[0];
    assert!(matches!(entry.event.body, Body::SessionOpened { sign_in: SignIn::Enrolment, .. }));
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn a_user_has_eight_enrolment_tokens_and_expired_ones_are_swept() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.user(2).await;
    bench.store.issue_enrolment(new_enrolment(100, 1, 10, 50)).await.unwrap();
    for n in 1..=9 {
        bench.store.issue_enrolment(new_enrolment(n, 2, 20, 1_000)).await.unwrap();
    }
    let tokens = || {
        let dump = dump(&bench.snapshot().txn);
        let (_, entries) = dump.into_iter().find(|(name, _)| *name == "enrolments").unwrap();
        entries.into_iter().map(|(key, _)| key[0]).collect::<Vec<_>>()
    };
    assert_eq!(tokens(), [2, 3, 4, 5, 6, 7, 8, 9, 100], "the oldest of user 2 made room");
    bench.store.issue_enrolment(new_enrolment(10, 1, 50, 1_000)).await.unwrap();
    assert_eq!(tokens(), [2, 3, 4, 5, 6, 7, 8, 9, 10], "the expired one was swept");
    bench.snapshot().verify().unwrap();
}
