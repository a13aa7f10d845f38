//! Random commands: whatever is done in whatever order, the tables follow from the journal.

use proptest::prelude::*;

use super::*;
use callbox_core::journal::EndedSession;

#[derive(Debug, Clone)]
enum Step {
    Create(u8, Option<u8>),
    Patch(u8, Option<u8>, Option<bool>, bool, bool),
    Delete(u8),
    Open(u8, u8),
    Rotate(u8, u32),
    End(u8),
    Issue(u8, u8, i64),
    Use(u8, u8),
    Initiate(u8, u8, u8),
    Answer(u8),
    EndCall(u8),
    Refuse(u8, u8, u8),
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let (who, which) = (1_u8..6, 1_u8..12);
    prop_oneof![
        (who.clone(), prop::option::of(0_u8..3)).prop_map(|(n, ext)| Step::Create(n, ext)),
        (
            who.clone(),
            prop::option::of(0_u8..4),
            prop::option::of(any::<bool>()),
            any::<bool>(),
            any::<bool>()
        )
            .prop_map(|(n, name, off, password, demote)| Step::Patch(n, name, off, password, demote)),
        who.clone().prop_map(Step::Delete),
        (who.clone(), which.clone()).prop_map(|(of, n)| Step::Open(of, n)),
        (which.clone(), 0_u32..4).prop_map(|(n, generation)| Step::Rotate(n, generation)),
        which.clone().prop_map(Step::End),
        (which.clone(), who.clone(), 0_i64..200).prop_map(|(n, of, expires)| Step::Issue(n, of, expires)),
        (which.clone(), which.clone()).prop_map(|(n, as_session)| Step::Use(n, as_session)),
        (which.clone(), who.clone(), who.clone()).prop_map(|(n, a, b)| Step::Initiate(n, a, b)),
        which.clone().prop_map(Step::Answer),
        which.clone().prop_map(Step::EndCall),
        (which, who.clone(), who).prop_map(|(n, a, b)| Step::Refuse(n, a, b)),
        Just(Step::Reopen),
        Just(Step::Crash),
    ]
}

/// Does it; refusals are as welcome as successes. Answers whether something was refused.
async fn run(bench: Bench, at: i64, step: Step) -> (Bench, bool) {
    let (store, by) = (bench.store.clone(), Actor::User(user(1)));
    let is_refused = match step {
        Step::Create(n, extension) => {
            let extension = extension.map(|n| format!("20{n}"));
            let role = if n < 3 { Role::Admin } else { Role::User };
            let new = NewUser { extension, role, at: time(at), ..new_user(n) };
            store.create_user(new).await.is_err()
        }
        Step::Patch(n, name, disabled, password, demote) => {
            let patch = UserPatch {
                username: name.map(|name| format!("USER{name}")),
                disabled,
                password_hash: password.then(|| "$new".to_owned()),
                role: demote.then_some(Role::Guest),
                extension: name.map(|name| (name > 1).then(|| format!("20{name}"))),
                ..UserPatch::default()
            };
            store.patch_user(user(n), patch, None, by, time(at)).await.is_err()
        }
        Step::Delete(n) => store.delete_user(user(n), None, by, time(at)).await.is_err(),
        Step::Open(of, n) => {
            let new = NewSession { max_sessions: 2, ..new_session(n, at) };
            store.open_session(user(of), new).await.is_err()
        }
        Step::Rotate(n, generation) => store.rotate_refresh(session(n), generation, time(at)).await.is_err(),
        Step::End(n) => {
            store.end_session(session(n), None, EndedSession::Logout, by, time(at)).await.is_err()
        }
        Step::Issue(n, of, expires) => {
            store.issue_enrolment(new_enrolment(n, of, at, expires)).await.is_err()
        }
        Step::Use(n, as_session) => store.use_enrolment([n; 32], new_session(as_session, at)).await.is_err(),
        Step::Initiate(n, a, b) => !bench.call(at, vec![initiated(n, a, b)]),
        Step::Answer(n) => !bench.call(at, vec![answered(n)]),
        Step::EndCall(n) => !bench.call(at, vec![ended(n, EndReason::Hangup)]),
        Step::Refuse(n, a, b) => !bench.call(at, vec![refused(n, a, b)]),
        Step::Reopen => return (bench.reopened(), false),
        Step::Crash => return (Bench::on(&MemoryDisk::with_image(bench.disk.image())), false),
    };
    (bench, is_refused)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn tables_rebuilt_from_the_journal_equal_the_stored_ones(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new();
            bench.set_up().await;
            for (at, step) in (10..).zip(steps) {
                let is_rotation = matches!(step, Step::Rotate(..));
                let before = dump(&bench.snapshot().txn);
                let (after, refused) = run(bench, at, step.clone()).await;
                bench = after;
                let snapshot = bench.snapshot();
                if let Err(error) = snapshot.verify() {
                    panic!("{error} after {step:?}");
                }
                // A refresh token that is refused ends its session; every other refusal leaves nothing.
                if refused && !is_rotation {
                    assert_eq!(dump(&snapshot.txn), before, "{step:?}");
                }
            }
        });
    }
}
