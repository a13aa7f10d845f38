use super::*;

#[tokio::test]
async fn a_box_is_set_up_once() {
    let bench = Bench::new();
    assert!(!bench.snapshot().is_set_up().unwrap());
    assert_eq!(bench.opened.newest, time(0));
    let admin = bench.set_up().await;
    assert_eq!((admin.username.as_str(), admin.extension.as_deref()), ("anna", Some("100")));
    assert_eq!((admin.role, admin.version), (Role::Admin, 1));
    assert_eq!(bench.changes(), [DirectoryChange::Put(admin.directory_entry())]);
    let again = SetUp {
        id: user(9),
        username: "mallory".into(),
        display_name: String::new(),
        password_hash: String::new(),
        box_name: "Mine".into(),
        at: time(2),
    };
    assert_eq!(bench.store.set_up(again).await, Err(SetUpError::AlreadySetUp));
    let bench = bench.reopened();
    assert_eq!(bench.snapshot().box_name().unwrap().as_deref(), Some("Test box"));
    assert_eq!(bench.snapshot().user(user(1)).unwrap(), Some(admin.clone()));
    assert_eq!(bench.snapshot().user(user(9)).unwrap(), None);
    assert_eq!(bench.opened.directory, [admin.directory_entry()]);
    assert_eq!(bench.opened.newest, time(1));
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn names_and_numbers_are_unique_and_numbers_are_given_out_in_order() {
    let bench = Bench::new();
    bench.set_up().await;
    assert_eq!(bench.user(2).await.extension.as_deref(), Some("101"));
    let wished = NewUser { extension: Some("103".into()), ..new_user(3) };
    bench.store.create_user(wished).await.unwrap();
    assert_eq!(bench.user(4).await.extension.as_deref(), Some("102"));
    assert_eq!(bench.user(5).await.extension.as_deref(), Some("104"));

    let same_name = NewUser { username: "USER2".into(), ..new_user(6) };
    assert_eq!(bench.store.create_user(same_name).await, Err(CreateUserError::UsernameTaken));
    let same_number = NewUser { extension: Some("100".into()), ..new_user(6) };
    assert_eq!(bench.store.create_user(same_number).await, Err(CreateUserError::ExtensionTaken));
    assert_eq!(bench.snapshot().user(user(6)).unwrap(), None);

    let snapshot = bench.snapshot();
    assert_eq!(snapshot.user_by_username("UsEr4").unwrap().unwrap().id, user(4));
    assert_eq!(snapshot.user_by_username("user6").unwrap(), None);
    assert_eq!(snapshot.credential(user(2)).unwrap().as_deref(), Some("$argon2id$user2"));
    let names = |rows: Vec<UserRow>| rows.into_iter().map(|row| row.username).collect::<Vec<_>>();
    assert_eq!(names(snapshot.users(None, 2).unwrap()), ["anna", "user2"]);
    assert_eq!(names(snapshot.users(Some("user2"), 9).unwrap()), ["user3", "user4", "user5"]);
    assert_eq!(snapshot.counts().unwrap().users, 5);
    snapshot.verify().unwrap();
}

fn by_admin() -> Actor {
    Actor::User(user(1))
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_minds_versions() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.user(2).await;
    bench.user(3).await;
    let patch = |patch, expected| bench.store.patch_user(user(2), patch, expected, by_admin(), time(50));
    let renamed = UserPatch { username: Some("Bert".into()), ..UserPatch::default() };
    let row = patch(renamed.clone(), Some(1)).await.unwrap();
    assert_eq!((row.username.as_str(), row.version, row.display_name.as_str()), ("bert", 2, "User 2"));
    assert_eq!(patch(renamed.clone(), Some(1)).await, Err(PatchUserError::VersionConflict));
    assert_eq!(patch(renamed, Some(2)).await.unwrap().version, 2, "nothing to change");
    assert!(bench.snapshot().user_by_username("user2").unwrap().is_none());

    let taken = UserPatch { username: Some("USER3".into()), ..UserPatch::default() };
    assert_eq!(patch(taken, None).await, Err(PatchUserError::UsernameTaken));
    let taken = UserPatch { extension: Some(Some("102".into())), ..UserPatch::default() };
    assert_eq!(patch(taken, None).await, Err(PatchUserError::ExtensionTaken));
    let without = UserPatch {
        extension: Some(None),
        do_not_disturb: Some(true),
        call_waiting: Some(true),
        ..UserPatch::default()
    };
    let row = patch(without, None).await.unwrap();
    assert_eq!((row.extension, row.do_not_disturb, row.call_waiting), (None, true, true));
    // The freed number is free again.
    assert_eq!(bench.user(4).await.extension.as_deref(), Some("101"));

    let nobody = bench.store.patch_user(user(77), UserPatch::default(), None, by_admin(), time(51));
    assert_eq!(nobody.await, Err(PatchUserError::NotFound));
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn the_last_admin_stays() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.store.create_user(NewUser { role: Role::Admin, ..new_user(2) }).await.unwrap();
    let demoted = || UserPatch { role: Some(Role::User), ..UserPatch::default() };
    let disabled = || UserPatch { disabled: Some(true), ..UserPatch::default() };
    let patch = |n, patch| bench.store.patch_user(user(n), patch, None, by_admin(), time(50));
    assert_eq!(patch(2, disabled()).await.unwrap().role, Role::Admin);
    // The other admin is disabled and does not count.
    assert_eq!(patch(1, demoted()).await, Err(PatchUserError::LastAdmin));
    assert_eq!(patch(1, disabled()).await, Err(PatchUserError::LastAdmin));
    let gone = bench.store.delete_user(user(1), None, by_admin(), time(51)).await;
    assert_eq!(gone, Err(DeleteUserError::LastAdmin));
    patch(2, UserPatch { disabled: Some(false), ..UserPatch::default() }).await.unwrap();
    patch(1, demoted()).await.unwrap();
    let gone = bench.store.delete_user(user(2), None, by_admin(), time(52)).await;
    assert_eq!(gone, Err(DeleteUserError::LastAdmin));
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.user(2).await;
    for n in [20, 21, 22] {
        bench.session(2, n, 100 + i64::from(n)).await;
    }
    bench.store.issue_enrolment(new_enrolment(1, 2, 150, 999)).await.unwrap();
    bench.changes();
    let patch = UserPatch {
        password_hash: Some("$argon2id$new".into()),
        keep_session: Some(session(21)),
        ..UserPatch::default()
    };
    let row = bench.store.patch_user(user(2), patch, None, by_admin(), time(200)).await.unwrap();
    assert_eq!(row.version, 2);
    let expected = [
        DirectoryChange::SessionGone(session(20)),
        DirectoryChange::SessionGone(session(22)),
        DirectoryChange::Put(row.directory_entry()),
    ];
    assert_eq!(bench.changes(), expected);
    let left: Vec<_> = bench.snapshot().sessions_of(user(2)).unwrap().iter().map(|row| row.id).collect();
    assert_eq!(left, [session(21)]);
    assert_eq!(bench.snapshot().credential(user(2)).unwrap().as_deref(), Some("$argon2id$new"));
    let used = bench.store.use_enrolment([1; 32], new_session(30, 201)).await;
    assert_eq!(used, Err(UseEnrolmentError::Invalid), "old enrolment tokens die with the old password");

    bench.store.replace_password_hash(user(2), "$argon2id$stronger".into()).await.unwrap();
    assert_eq!(bench.snapshot().credential(user(2)).unwrap().as_deref(), Some("$argon2id$stronger"));
    assert_eq!(bench.snapshot().user(user(2)).unwrap().unwrap().version, 2);
    let nobody = bench.store.replace_password_hash(user(9), String::new()).await;
    assert_eq!(nobody, Err(ReplaceHashError::NotFound));
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn a_disabled_user_is_gone_until_enabled_again() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.user(2).await;
    bench.session(2, 20, 100).await;
    bench.changes();
    let disable =
        |to| UserPatch { disabled: Some(to), keep_session: Some(session(20)), ..UserPatch::default() };
    bench.store.patch_user(user(2), disable(true), None, by_admin(), time(101)).await.unwrap();
    let expected = [DirectoryChange::SessionGone(session(20)), DirectoryChange::Gone(user(2))];
    assert_eq!(bench.changes(), expected, "no session is kept");
    let refused = bench.store.open_session(user(2), new_session(21, 102)).await;
    assert_eq!(refused, Err(OpenSessionError::UserGone));
    let refused = bench.store.issue_enrolment(new_enrolment(1, 2, 102, 999)).await;
    assert_eq!(refused, Err(IssueEnrolmentError::UserGone));
    let bench = bench.reopened();
    assert_eq!(bench.opened.directory.len(), 1);
    let row = bench.store.patch_user(user(2), disable(false), None, by_admin(), time(103)).await.unwrap();
    assert_eq!(bench.changes(), [DirectoryChange::Put(row.directory_entry())]);
    bench.session(2, 22, 104).await;
    bench.snapshot().verify().unwrap();
}

#[tokio::test]
async fn a_deleted_user_leaves_only_an_opaque_identifier() {
    let bench = Bench::new();
    bench.set_up().await;
    bench.user(2).await;
    bench.session(2, 20, 100).await;
    bench.store.issue_enrolment(new_enrolment(1, 2, 100, 999)).await.unwrap();
    assert!(bench.call(101, vec![refused(1, 2, 1)]));
    bench.changes();
    let delete = |expected| bench.store.delete_user(user(2), expected, by_admin(), time(200));
    assert_eq!(delete(Some(7)).await, Err(DeleteUserError::VersionConflict));
    delete(Some(1)).await.unwrap();
    let expected = [DirectoryChange::SessionGone(session(20)), DirectoryChange::Gone(user(2))];
    assert_eq!(bench.changes(), expected);
    assert_eq!(delete(None).await, Err(DeleteUserError::NotFound));
    let snapshot = bench.snapshot();
    assert_eq!(snapshot.user(user(2)).unwrap(), None);
    assert_eq!(snapshot.user_by_username("user2").unwrap(), None);
    assert_eq!(snapshot.credential(user(2)).unwrap(), None);
    assert_eq!(snapshot.calls_of(user(2), None, 9).unwrap().len(), 1, "history stays");
    snapshot.verify().unwrap();
    // Name and number are free again, the identifier is not.
    let heir = NewUser { username: "user2".into(), ..new_user(3) };
    assert_eq!(bench.store.create_user(heir).await.unwrap().extension.as_deref(), Some("101"));
    let same = bench.store.create_user(NewUser { username: "other".into(), ..new_user(2) }).await;
    assert!(matches!(same, Err(CreateUserError::Store(StoreError::Damaged(_)))));
    bench.snapshot().verify().unwrap();
}
