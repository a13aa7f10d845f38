//! The directory and one's own account.

use super::*;

async fn patch(this: &TestBox, path: &str, token: &str, if_match: Option<&str>, body: Value) -> Reply {
    let mut builder = request(Method::PATCH, path, Some(token)).header("content-type", "application/json");
    if let Some(tag) = if_match {
        builder = builder.header("if-match", tag);
    }
    this.send(builder.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn made_read_changed_deleted() {
    let (this, admin) = TestBox::set_up().await;
    let body = json!({"username": "Anna", "password": "long enough", "displayName": " Anna Kim "});
    let made = this.post("/api/users", Some(&admin), body.clone()).await;
    let place = made.header("location").to_owned();
    assert!(made.header("etag").starts_with("\"v1"));
    let made = made.ok(201);
    assert_eq!(made["username"], "anna");
    assert_eq!(made["displayName"], "Anna Kim");
    assert_eq!(made["extension"], "101");
    assert_eq!((made["role"].as_str(), made["presence"].as_str()), (Some("user"), Some("offline")));
    assert_eq!((made["doNotDisturb"].as_bool(), made["version"].as_u64()), (Some(false), Some(1)));
    assert!(made.get("password").is_none() && made.get("passwordHash").is_none());
    assert_eq!(this.get(&place, Some(&admin)).await.ok(200), made);

    let twice = this.post("/api/users", Some(&admin), body).await.problem(Code::InvalidInput);
    assert_eq!(twice["errors"][0], json!({"field": "username", "code": "already_taken"}));
    let same = json!({"username": "bert", "password": "long enough", "displayName": "B", "extension": "101"});
    let same = this.post("/api/users", Some(&admin), same).await.problem(Code::InvalidInput);
    assert_eq!(same["errors"][0], json!({"field": "extension", "code": "already_taken"}));

    let changed = patch(&this, &place, &admin, None, json!({"displayName": "Anna Lee", "extension": null}))
        .await
        .ok(200);
    assert_eq!((changed["displayName"].as_str(), changed["version"].as_u64()), (Some("Anna Lee"), Some(2)));
    assert!(changed["extension"].is_null());
    let delete = request(Method::DELETE, &place, Some(&admin)).header("if-match", "\"v1\"");
    this.send(delete.body(Body::empty()).unwrap()).await.problem(Code::VersionConflict);
    let delete = request(Method::DELETE, &place, Some(&admin)).header("if-match", "\"v2\"");
    assert_eq!(this.send(delete.body(Body::empty()).unwrap()).await.status, 204);
    this.get(&place, Some(&admin)).await.problem(Code::NotFound);
}

#[tokio::test]
async fn only_the_version_that_was_seen_is_changed() {
    let (this, admin) = TestBox::set_up().await;
    let (id, _) = this.user(&admin, "anna").await;
    let path = format!("/api/users/{id}");
    let mut version = 1;
    for form in ["\"v{}\"", "\"{}\"", "{}", "W/\"v{}\"", "*"] {
        let tag = form.replace("{}", &version.to_string());
        let body = json!({"displayName": format!("Name {version}")});
        let row = patch(&this, &path, &admin, Some(&tag), body).await.ok(200);
        version += 1;
        assert_eq!(row["version"], version, "{tag}");
    }
    for tag in ["\"v1\"", "\"v99\"", "nonsense"] {
        let refused = patch(&this, &path, &admin, Some(tag), json!({"displayName": "No"})).await;
        refused.problem(Code::VersionConflict);
    }
    let row = this.get(&path, Some(&admin)).await;
    let tag = row.header("etag").to_owned();
    assert_eq!(row.ok(200)["version"], version);
    patch(&this, &path, &admin, Some(&tag), json!({"displayName": "With the tag itself"})).await.ok(200);
}

#[tokio::test]
async fn cached_answers_are_checked_and_private() {
    let (this, admin) = TestBox::set_up().await;
    for path in ["/api/users", "/api/users/me", "/api/calls", "/api/auth/sessions"] {
        let first = this.get(path, Some(&admin)).await;
        assert_eq!(first.header("cache-control"), "private, no-cache", "{path}");
        let again = request(Method::GET, path, Some(&admin)).header("if-none-match", first.header("etag"));
        assert_eq!(this.send(again.body(Body::empty()).unwrap()).await.status, 304, "{path}");
        let other = request(Method::GET, path, None).header("if-none-match", first.header("etag"));
        this.send(other.body(Body::empty()).unwrap()).await.problem(Code::Unauthorized);
    }
    let login = this.login("admin", ADMIN_PASSWORD).await;
    assert_eq!(login.header("cache-control"), "no-store");
}

#[tokio::test]
async fn presence_comes_from_the_exchange_and_changes_the_tag() {
    let online = Arc::new(std::sync::OnceLock::<UserId>::new());
    let seen = Arc::clone(&online);
    let this = TestBox::with(Gate::new(1_000_000, 1_000_000), move |message| match message {
        Message::Query(Query::Presence { .. }) => Some(Scripted::Presence(
            seen.get()
                .map(|user| PresenceView {
                    user_id: *user,
                    presence: Presence::InCall,
                    do_not_disturb: false,
                })
                .into_iter()
                .collect(),
        )),
        _ => None,
    });
    let admin = this.wizard().await;
    let before = this.get("/api/users/me", Some(&admin)).await;
    let tag = before.header("etag").to_owned();
    assert_eq!(before.ok(200)["presence"], "offline");
    online.set(caller_of(&this.store, "admin")).unwrap();
    let again = request(Method::GET, "/api/users/me", Some(&admin)).header("if-none-match", tag);
    assert_eq!(this.send(again.body(Body::empty()).unwrap()).await.ok(200)["presence"], "in_call");
    assert_eq!(this.get("/api/users", Some(&admin)).await.ok(200)["items"][0]["presence"], "in_call");
}

#[tokio::test]
async fn users_change_their_own_settings_only() {
    let (this, admin) = TestBox::set_up().await;
    let (id, anna) = this.user(&admin, "anna").await;
    let me = patch(
        &this,
        "/api/users/me",
        &anna,
        None,
        json!({"doNotDisturb": true, "callWaiting": true, "role": "admin"}),
    )
    .await
    .ok(200);
    assert_eq!((me["doNotDisturb"].as_bool(), me["callWaiting"].as_bool()), (Some(true), Some(true)));
    assert_eq!(me["role"], "user");
    assert!(me.get("disabled").is_none());
    let path = format!("/api/users/{id}");
    patch(&this, &path, &anna, None, json!({"role": "admin"})).await.problem(Code::Forbidden);
    let delete = request(Method::DELETE, &path, Some(&anna)).body(Body::empty()).unwrap();
    this.send(delete).await.problem(Code::Forbidden);
    this.get("/api/audit", Some(&anna)).await.problem(Code::Forbidden);
    assert_eq!(this.get(&path, Some(&anna)).await.ok(200)["username"], "anna");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let (this, admin) = TestBox::set_up().await;
    let (_, anna) = this.user(&admin, "anna").await;
    let other =
        this.login("anna", "password of a user").await.ok(200)["accessToken"].as_str().unwrap().to_owned();
    let me = "/api/users/me";
    let body = patch(&this, me, &anna, None, json!({"password": "another password"}))
        .await
        .problem(Code::InvalidInput);
    assert_eq!(body["errors"][0], json!({"field": "currentPassword", "code": "required"}));
    let wrong = json!({"password": "another password", "currentPassword": "wrong"});
    patch(&this, me, &anna, None, wrong).await.problem(Code::InvalidCredentials);
    let right = json!({"password": "another password", "currentPassword": "password of a user"});
    patch(&this, me, &anna, None, right).await.ok(200);
    this.get(me, Some(&anna)).await.ok(200);
    this.get(me, Some(&other)).await.problem(Code::SessionRevoked);
    this.login("anna", "password of a user").await.problem(Code::InvalidCredentials);
    this.login("anna", "another password").await.ok(200);
}

#[tokio::test]
async fn roles_and_disabling_act_at_once() {
    let (this, admin) = TestBox::set_up().await;
    let (id, anna) = this.user(&admin, "anna").await;
    let path = format!("/api/users/{id}");
    patch(&this, &path, &admin, None, json!({"role": "admin"})).await.ok(200);
    this.get("/api/audit", Some(&anna)).await.ok(200);
    patch(&this, &path, &admin, None, json!({"role": "user"})).await.ok(200);
    this.get("/api/audit", Some(&anna)).await.problem(Code::Forbidden);
    patch(&this, &path, &admin, None, json!({"disabled": true})).await.ok(200);
    this.get("/api/users/me", Some(&anna)).await.problem(Code::SessionRevoked);
    this.login("anna", "password of a user").await.problem(Code::InvalidCredentials);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let (this, admin) = TestBox::set_up().await;
    let path = format!("/api/users/{}", caller_of(&this.store, "admin"));
    patch(&this, &path, &admin, None, json!({"role": "user"})).await.problem(Code::InvalidState);
    let delete = request(Method::DELETE, &path, Some(&admin)).body(Body::empty()).unwrap();
    this.send(delete).await.problem(Code::InvalidState);
}

#[tokio::test]
async fn the_audit_names_ids_and_no_people() {
    let (this, admin) = TestBox::set_up().await;
    let (id, _) = this.user(&admin, "anna").await;
    let reply = this.get("/api/audit?limit=3", Some(&admin)).await;
    let text = String::from_utf8_lossy(&reply.bytes).into_owned();
    let page = reply.ok(200);
    assert_eq!(page["items"][0]["type"], "session_opened");
    assert_eq!(page["items"][1]["type"], "user_created");
    assert_eq!(page["items"][1]["userId"], id);
    assert_eq!(page["items"][1]["by"], caller_of(&this.store, "admin").to_string());
    assert!(!text.contains("anna"));
    let next = page["nextCursor"].as_str().unwrap();
    let older = this.get(&format!("/api/audit?cursor={next}"), Some(&admin)).await.ok(200);
    assert!(older["items"][0]["seq"].as_u64() < page["items"][2]["seq"].as_u64());
}
