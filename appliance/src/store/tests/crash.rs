//! Power cuts: the disk is cut at every write, with torn and lost writes, and the file must be exactly what it
//! was after some whole commit, never older than what was acknowledged.
//!
//! `CALLBOX_CRASH=long` looks at more ways of losing writes; without it the test takes a few seconds.

use std::collections::BTreeMap;

use callbox_core::journal::{EndedSession, Event, codec};

use super::disk::Op;
use super::*;

/// What was known at a moment of the script: everything before `position` of the log is acknowledged as `state`.
struct Acknowledged {
    position: usize,
    state: Dump,
}

/// A store whose disk keeps a log, and what it acknowledged.
struct Script {
    bench: Bench,
    base: Vec<u8>,
    acknowledged: Vec<Acknowledged>,
}

impl Script {
    fn start(bench: Bench) -> Self {
        let base = bench.disk.image();
        bench.disk.start_log();
        let mut script = Self { bench, base, acknowledged: Vec::new() };
        script.acknowledge();
        script
    }

    fn acknowledge(&mut self) {
        let position = self.bench.disk.log_len();
        let state = dump(&self.bench.snapshot().txn);
        self.acknowledged.push(Acknowledged { position, state });
    }

    fn call(&mut self, at: i64, events: Vec<Body>) {
        assert!(self.bench.call(at, events));
        self.acknowledge();
    }
}

/// Every kind of command, one commit each, and a group of several.
async fn run_script() -> Script {
    let bench = Bench::new();
    bench.set_up().await;
    let mut script = Script::start(bench);
    let store = script.bench.store.clone();
    let admin = Actor::User(user(1));
    script.bench.user(2).await;
    script.acknowledge();
    script.call(100, vec![initiated(1, 1, 2)]);
    script.bench.session(2, 20, 110).await;
    script.acknowledge();
    script.call(120, vec![answered(1)]);
    store.rotate_refresh(session(20), 0, time(1_000)).await.unwrap();
    script.acknowledge();
    script.call(130, vec![initiated(2, 2, 1), answered(2)]);
    let renamed = UserPatch { username: Some("renamed".into()), ..UserPatch::default() };
    store.patch_user(user(2), renamed, None, admin, time(140)).await.unwrap();
    script.acknowledge();
    store.issue_enrolment(new_enrolment(1, 2, 150, 9_999)).await.unwrap();
    script.acknowledge();
    script.call(160, vec![ended(1, EndReason::Hangup)]);
    store.use_enrolment([1; 32], new_session(21, 170)).await.unwrap();
    script.acknowledge();
    store.replace_password_hash(user(2), "$argon2id$again".into()).await.unwrap();
    script.acknowledge();
    store.end_session(session(20), None, EndedSession::Logout, admin, time(180)).await.unwrap();
    script.acknowledge();
    store.errand_done(Errand::PipelineRelease { call: call(1) });
    // Large enough that the file has to grow.
    let many: Vec<Body> = (100..=250).map(|n| refused(n, 1, 2)).collect();
    script.call(190, many);
    script.bench.user(3).await;
    script.acknowledge();
    store.delete_user(user(2), None, admin, time(200)).await.unwrap();
    script.acknowledge();
    script.call(210, vec![initiated(3, 1, 3)]);
    script
}

/// Which of the writes since the last sync reached the disk.
enum Loss {
    /// Nothing is lost: the process was killed.
    Killed,
    /// Everything is lost.
    All,
    /// Only half of the last write arrived.
    Torn,
    /// Any of them arrived, in any order; one of those only half.
    Some(u64),
}

fn losses(cut: usize, is_before_sync: bool) -> Vec<Loss> {
    let seed = u64::try_from(cut).unwrap();
    let is_long = std::env::var("CALLBOX_CRASH").is_ok_and(|value| value == "long");
    let subsets = if is_long { 64 } else { u64::from(is_before_sync) * 8 };
    let mut losses = vec![Loss::Killed, Loss::Torn];
    if is_before_sync || is_long {
        losses.push(Loss::All);
    }
    losses.extend((0..subsets).map(|n| Loss::Some(seed * 1_000 + n)));
    losses
}

fn torn(op: &Op) -> Op {
    match op {
        Op::Write { offset, data } => Op::Write { offset: *offset, data: data[..data.len() / 2].to_vec() },
        other @ (Op::SetLen(_) | Op::Sync) => other.clone(),
    }
}

/// A repeatable coin (the splitmix64 steps).
struct Coin(u64);

impl Coin {
    fn toss(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 63 == 0
    }
}

/// The file after a cut: `durable` and what of `pending` was not lost.
fn image_after(durable: &[u8], pending: &[Op], loss: &Loss) -> Vec<u8> {
    let mut image = durable.to_vec();
    match loss {
        Loss::All => {}
        Loss::Killed => pending.iter().for_each(|op| op.apply(&mut image)),
        Loss::Torn => {
            let Some((last, before)) = pending.split_last() else {
                return image;
            };
            before.iter().for_each(|op| op.apply(&mut image));
            torn(last).apply(&mut image);
        }
        Loss::Some(seed) => {
            let mut coin = Coin(*seed);
            let mut kept: Vec<&Op> = pending.iter().filter(|_| coin.toss()).collect();
            let last = kept.pop();
            kept.iter().for_each(|op| op.apply(&mut image));
            if let Some(last) = last {
                if coin.toss() { torn(last) } else { last.clone() }.apply(&mut image);
            }
        }
    }
    image
}

/// The tables as they are on an image, before anything is recovered.
fn state_on(disk: &MemoryDisk) -> Dump {
    let database = schema::open_file(disk, 1 << 20).expect("the file opens");
    dump(&database.begin_read().unwrap())
}

/// Opens the store and checks what must hold after any crash.
fn check_recovered(disk: &MemoryDisk, state: &Dump) {
    let (_, journal) = state.iter().find(|(name, _)| *name == "journal").unwrap();
    let mut begun = BTreeMap::new();
    for (_, bytes) in journal {
        let Event { body, .. } = codec::decode(bytes).unwrap();
        if let (Body::CallInitiated { .. } | Body::CallRefused { .. }, Some(call)) = (body, body.call()) {
            *begun.entry(call).or_insert(0) += 1;
        }
    }
    let bench = Bench::on(disk);
    let snapshot = bench.snapshot();
    snapshot.verify().unwrap();
    let counts = snapshot.counts().unwrap();
    assert_eq!(counts.live_calls, 0);
    assert!(begun.values().all(|times| *times == 1));
    let recorded: Vec<_> = snapshot.all_calls(None, 1_000).unwrap().iter().map(|row| row.call).collect();
    assert_eq!(recorded.len(), begun.len(), "exactly one record of every call");
    assert!(recorded.iter().all(|call| begun.contains_key(call)));
    // And it takes new work.
    assert!(bench.call(10_000, vec![refused(255, 1, 2)]));
}

#[tokio::test]
async fn whatever_is_lost_every_acknowledged_command_is_there_and_nothing_half() {
    let script = run_script().await;
    let log = script.bench.disk.take_log();
    let (mut durable, mut pending_from, mut images) = (script.base.clone(), 0, 0);
    for cut in 0..=log.len() {
        let is_before_sync = log.get(cut).is_none_or(|op| matches!(op, Op::Sync));
        let acknowledged = script.acknowledged.iter().rposition(|ack| ack.position <= cut).unwrap();
        for loss in losses(cut, is_before_sync) {
            let disk = MemoryDisk::with_image(image_after(&durable, &log[pending_from..cut], &loss));
            let state = state_on(&disk);
            // What was acknowledged, or one commit more: its answer was on the way.
            let next = (acknowledged + 1).min(script.acknowledged.len() - 1);
            let found = [acknowledged, next].iter().any(|at| script.acknowledged[*at].state == state);
            assert!(found, "cut before operation {cut}: a state that never was");
            images += 1;
            if is_before_sync || images % 8 == 0 {
                check_recovered(&disk, &state);
            }
        }
        if let Some(Op::Sync) = log.get(cut) {
            log[pending_from..cut].iter().for_each(|op| op.apply(&mut durable));
            pending_from = cut + 1;
        }
    }
    assert!(images > 400, "{images} images are too few to mean anything");
}

/// A cut while the calls of an earlier cut are being ended.
#[tokio::test]
async fn a_crash_during_recovery_is_recovered_too() {
    let script = run_script().await;
    let crashed = script.bench.disk.image();
    let disk = MemoryDisk::with_image(crashed.clone());
    let before = state_on(&disk);
    let disk = MemoryDisk::with_image(crashed.clone());
    disk.start_log();
    assert_eq!(Bench::on(&disk).opened.recovered_calls, 2);
    let log = disk.take_log();
    let (mut durable, mut pending_from) = (crashed, 0);
    for cut in 0..log.len() {
        for loss in losses(cut, true) {
            let disk = MemoryDisk::with_image(image_after(&durable, &log[pending_from..cut], &loss));
            check_recovered(&disk, &before);
        }
        if matches!(log[cut], Op::Sync) {
            log[pending_from..cut].iter().for_each(|op| op.apply(&mut durable));
            pending_from = cut + 1;
        }
    }
}

/// Units that share a transaction live and die together, and each of them is whole.
#[test]
fn a_group_is_one_commit_with_one_set_of_syncs() {
    let (tell, notices) = channel();
    let (release, gate) = channel::<()>();
    let notify = Box::new(move |notice| {
        tell.send(notice).unwrap();
        let _ = gate.recv_timeout(PATIENCE);
    });
    let disk = MemoryDisk::default();
    let (store, _) = Store::open_on(Box::new(disk.clone()), &options(), notify).unwrap();
    store.commit(Ticket(1), time(1), vec![refused(1, 2, 3)]).unwrap();
    notices.recv_timeout(PATIENCE).unwrap();
    let before = dump(&store.read().unwrap().txn);
    disk.start_log();
    let base = disk.image();
    for n in 2..=40_u8 {
        // Every third cannot be: the group goes on without it.
        let body = if n % 3 == 0 { answered(n) } else { refused(n, 2, 3) };
        store.commit(Ticket(u64::from(n)), time(i64::from(n)), vec![body]).unwrap();
    }
    drop(release);
    for n in 2..=40_u64 {
        let notice = notices.recv_timeout(PATIENCE).unwrap();
        let fits = match notice {
            Notice::Committed(Ticket(found)) => found == n && n % 3 != 0,
            Notice::Refused(Ticket(found)) => found == n && n % 3 == 0,
            Notice::Directory(_) => false,
        };
        assert!(fits, "{n}: {notice:?}");
    }
    let after = dump(&store.read().unwrap().txn);
    let log = disk.take_log();
    let syncs = log.iter().filter(|op| matches!(op, Op::Sync)).count();
    assert!(syncs <= 3, "39 units, {syncs} syncs");
    for cut in 0..=log.len() {
        let image = image_after(&base, &log[..cut], &Loss::Killed);
        let state = state_on(&MemoryDisk::with_image(image));
        assert!(state == before || state == after, "half a group at {cut}");
    }
    store.close();
}
