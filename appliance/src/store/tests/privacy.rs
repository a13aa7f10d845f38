use super::*;

fn holds(bytes: &[u8], marker: &str) -> bool {
    bytes.windows(marker.len()).any(|window| window.eq_ignore_ascii_case(marker.as_bytes()))
}

/// Marked values for every personal field there is.
async fn with_marked_user() -> Bench {
    let bench = Bench::new();
    bench.set_up().await;
    let new = NewUser {
        username: "marker-name".into(),
        display_name: "marker-display".into(),
        extension: Some("424242".into()),
        password_hash: "marker-hash".into(),
        ..new_user(2)
    };
    bench.store.create_user(new).await.unwrap();
    let renamed = UserPatch {
        display_name: Some("marker-second".into()),
        password_hash: Some("marker-other".into()),
        ..UserPatch::default()
    };
    bench.store.patch_user(user(2), renamed, None, Actor::User(user(2)), time(3)).await.unwrap();
    let phone = NewSession {
        device_name: "marker-phone".into(),
        platform: "marker-platform".into(),
        ..new_session(20, 100)
    };
    bench.store.open_session(user(2), phone).await.unwrap();
    bench.store.issue_enrolment(new_enrolment(1, 2, 100, 999)).await.unwrap();
    assert!(bench.call(101, vec![initiated(1, 2, 1), ended(1, EndReason::Timeout)]));
    bench
}

#[tokio::test]
async fn the_journal_and_what_follows_from_it_hold_nothing_personal() {
    let bench = with_marked_user().await;
    let mut marked = Vec::new();
    for (table, entries) in dump(&bench.snapshot().txn) {
        for (key, value) in entries {
            if [key, value].iter().any(|bytes| holds(bytes, "marker-") || holds(bytes, "424242")) {
                marked.push(table);
            }
        }
    }
    marked.dedup();
    // The search works: it finds the erasable tables, and only them.
    assert_eq!(marked, ["profiles", "usernames", "extensions", "credentials", "device_names"]);
}

#[tokio::test]
async fn erasing_a_user_leaves_nothing_personal_in_any_table() {
    let bench = with_marked_user().await;
    bench.store.delete_user(user(2), None, Actor::User(user(1)), time(200)).await.unwrap();
    for (table, entries) in dump(&bench.snapshot().txn) {
        for bytes in entries.iter().flat_map(|(key, value)| [key, value]) {
            assert!(!holds(bytes, "marker-") && !holds(bytes, "424242"), "{table}");
        }
    }
    assert_eq!(bench.snapshot().calls_of(user(2), None, 9).unwrap().len(), 1);
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn debug_output_shows_no_names() {
    let bench = with_marked_user().await;
    let user = bench.snapshot().user(user(2)).unwrap().unwrap();
    let session = bench.snapshot().session(session(20)).unwrap().unwrap();
    let text = format!("{user:?} {session:?} {:?}", user.directory_entry());
    assert!(!text.contains("marker") && !text.contains("4242"), "{text}");
}
