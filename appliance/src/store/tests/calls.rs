use super::*;
use callbox_core::wire::{ErrorKind, Outcome};

#[test]
fn a_call_leaves_one_record_that_both_see() {
    let bench = Bench::new();
    assert!(bench.call(100, vec![initiated(1, 2, 3)]));
    assert!(bench.snapshot().call(call(1)).unwrap().unwrap().is_live());
    assert!(bench.call(200, vec![answered(1)]));
    assert!(bench.call(900, vec![ended(1, EndReason::Hangup)]));
    let row = bench.snapshot().call(call(1)).unwrap().unwrap();
    assert_eq!(
        (row.created_at, row.answered_at, row.ended_at),
        (time(100), Some(time(200)), Some(time(900)))
    );
    assert_eq!((row.duration_ms, row.seq), (5, 1));
    for party in [2, 3] {
        assert_eq!(bench.snapshot().calls_of(user(party), None, 9).unwrap(), [row]);
        assert_eq!(row.outcome_for(user(party)), Some(Outcome::Answered));
    }
    assert_eq!(bench.snapshot().calls_of(user(4), None, 9).unwrap(), []);
    bench.snapshot().verify().unwrap();
}

#[test]
fn events_that_cannot_be_are_refused_whole() {
    let bench = Bench::new();
    assert!(bench.call(100, vec![initiated(1, 2, 3)]));
    let before = dump(&bench.snapshot().txn);
    for events in [
        vec![initiated(1, 2, 3)],
        vec![answered(9)],
        vec![initiated(2, 2, 3), answered(2), answered(2)],
        vec![initiated(2, 2, 3), ended(2, EndReason::Hangup), ended(2, EndReason::Hangup)],
        vec![initiated(2, 2, 3), refused(2, 2, 3)],
        vec![ended(1, EndReason::Hangup), Body::UserDeleted { user: user(1), by: Actor::Box }],
    ] {
        assert!(!bench.call(200, events.clone()), "{events:?}");
        assert_eq!(dump(&bench.snapshot().txn), before, "{events:?}");
    }
    let several = vec![initiated(2, 2, 3), answered(1), answered(2), ended(2, EndReason::Hangup)];
    assert!(bench.call(300, several));
    assert!(bench.snapshot().call(call(1)).unwrap().unwrap().is_live());
    assert!(!bench.snapshot().call(call(2)).unwrap().unwrap().is_live());
    assert!(bench.call(400, vec![Body::SettingChanged { key: 3, by: Actor::Console }]));
    bench.snapshot().verify().unwrap();
}

#[test]
fn lists_are_newest_first_and_go_on_at_their_cursor() {
    let bench = Bench::new();
    for n in 1..=5 {
        assert!(bench.call(i64::from(n), vec![refused(n, 2, if n % 2 == 0 { 3 } else { 4 })]));
    }
    let snapshot = bench.snapshot();
    let ids = |rows: Vec<CallRow>| rows.iter().map(|row| row.call.as_bytes()[0]).collect::<Vec<_>>();
    let page = snapshot.calls_of(user(2), None, 2).unwrap();
    let cursor = page[1].seq;
    assert_eq!(ids(page), [5, 4]);
    assert_eq!(ids(snapshot.calls_of(user(2), Some(cursor), 9).unwrap()), [3, 2, 1]);
    assert_eq!(ids(snapshot.calls_of(user(3), None, 9).unwrap()), [4, 2]);
    assert_eq!(ids(snapshot.all_calls(Some(cursor), 2).unwrap()), [3, 2]);
    let audit: Vec<_> = snapshot.audit(Some(3), 9).unwrap().iter().map(|entry| entry.seq).collect();
    assert_eq!(audit, [2, 1]);
}

use callbox_core::journal::CallRow;

#[test]
fn a_crash_ends_the_calls_it_cut() {
    let bench = Bench::new();
    assert!(bench.call(100, vec![initiated(1, 2, 3)]));
    assert!(bench.call(150, vec![answered(1)]));
    assert!(bench.call(200, vec![initiated(2, 4, 5)]));
    assert!(bench.call(300, vec![refused(3, 6, 7)]));
    let crashed = MemoryDisk::with_image(bench.disk.image());
    let bench = Bench::on(&crashed);
    assert_eq!((bench.opened.recovered_calls, bench.opened.newest), (2, time(300)));
    let spoken = bench.snapshot().call(call(1)).unwrap().unwrap();
    assert_eq!((spoken.state, spoken.error), (CallState::Error, Some(ErrorKind::ServerError)));
    assert_eq!((spoken.ended_at, spoken.duration_ms), (Some(time(300)), 150));
    assert_eq!(spoken.end_reason, Some(EndReason::Error));
    assert_eq!(spoken.outcome_for(user(3)), Some(Outcome::Answered));
    let unspoken = bench.snapshot().call(call(2)).unwrap().unwrap();
    assert_eq!(unspoken.duration_ms, 0);
    assert_eq!(unspoken.outcome_for(user(4)), Some(Outcome::Failed));
    assert_eq!(unspoken.outcome_for(user(5)), Some(Outcome::Missed));
    bench.snapshot().verify().unwrap();
    assert_eq!(bench.reopened().opened.recovered_calls, 0);
}

#[test]
fn errands_wait_until_they_are_done() {
    let bench = Bench::new();
    assert!(bench.call(100, vec![initiated(1, 2, 3)]));
    assert!(bench.call(200, vec![ended(1, EndReason::Timeout)]));
    assert!(bench.call(201, vec![refused(2, 2, 3)]));
    let release = Errand::PipelineRelease { call: call(1) };
    let missed = |n| Errand::MissedCall { call: call(n), user: user(3) };
    let bench = bench.reopened();
    assert_eq!(bench.opened.errands, [release, missed(1), missed(2)]);
    // Done, and written together with the next commit.
    bench.store.errand_done(release);
    bench.store.errand_done(missed(2));
    assert!(bench.call(300, vec![initiated(4, 5, 6), answered(4)]));
    let crashed = Bench::on(&MemoryDisk::with_image(bench.disk.image()));
    assert_eq!(crashed.opened.errands, [missed(1), Errand::PipelineRelease { call: call(4) }]);
    // Without another commit, a clean close writes it.
    crashed.store.errand_done(missed(1));
    assert_eq!(crashed.reopened().opened.errands, [Errand::PipelineRelease { call: call(4) }]);
}

#[test]
fn the_outbox_is_bounded() {
    let bench = Bench::new();
    for batch in 0..21_u64 {
        let body = |n: u64| {
            let mut id = [0_u8; 16];
            id[..8].copy_from_slice(&(batch * 50 + n + 1).to_be_bytes());
            Body::CallRefused {
                call: CallId::from_bytes(id),
                room: RoomId::from_bytes(id),
                caller: user(1),
                callee: user(2),
                media: Media { audio: true, video: false },
                why: Refusal::Busy,
            }
        };
        assert!(bench.call(i64::try_from(batch).unwrap(), (0..50).map(body).collect()));
    }
    let counts = bench.snapshot().counts().unwrap();
    assert_eq!((counts.calls, counts.errands), (1_050, 1_000));
    let errands = bench.reopened().opened.errands;
    assert_eq!(errands[0].call().as_bytes()[..8], 51_u64.to_be_bytes(), "the oldest made room");
}

#[test]
fn a_full_queue_refuses_and_a_closed_store_says_so() {
    let (tell, notices) = channel();
    let (release, gate) = channel::<()>();
    let notify = Box::new(move |notice| {
        tell.send(notice).unwrap();
        // Until the test goes on, or is over.
        let _ = gate.recv_timeout(PATIENCE);
    });
    let tight = StoreOptions { queue: 2, ..options() };
    let (store, _) = Store::open_on(Box::new(MemoryDisk::default()), &tight, notify).unwrap();
    store.commit(Ticket(1), time(1), vec![refused(1, 2, 3)]).unwrap();
    assert!(matches!(notices.recv_timeout(PATIENCE), Ok(Notice::Committed(Ticket(1)))));
    // The writer now waits in its notice; two fit, the third does not.
    store.commit(Ticket(2), time(2), vec![refused(2, 2, 3)]).unwrap();
    store.commit(Ticket(3), time(3), vec![refused(3, 2, 3)]).unwrap();
    assert_eq!(store.commit(Ticket(4), time(4), vec![refused(4, 2, 3)]), Err(QueueFull));
    drop(release);
    let other = store.clone();
    store.close();
    let tickets: Vec<_> = notices.try_iter().collect();
    assert!(
        matches!(tickets[..], [Notice::Committed(Ticket(2)), Notice::Committed(Ticket(3))]),
        "{tickets:?}"
    );
    assert_eq!(other.commit(Ticket(5), time(5), vec![]), Err(QueueFull));
    assert!(matches!(other.read(), Err(StoreError::Unavailable(_))));
}
