//! The wizard, signing in, staying signed in, being signed out.

use super::*;

fn set_cookie(reply: &Reply) -> String {
    reply.header("set-cookie").to_owned()
}

fn refresh_with_cookie(value: &str) -> http::request::Builder {
    request(Method::POST, "/api/auth/refresh", None).header("cookie", format!("a=b; callbox_refresh={value}"))
}

fn cookie_value(cookie: &str) -> &str {
    cookie.strip_prefix("callbox_refresh=").unwrap().split(';').next().unwrap()
}

#[tokio::test]
async fn the_wizard_runs_once() {
    let this = TestBox::fresh();
    let before = this.get("/api/box", None).await.ok(200);
    assert_eq!((before["setUp"].as_bool(), before["boxId"].as_str()), (Some(false), Some("testbox")));
    let mut wrong = setup_body();
    wrong["code"] = json!("ABCD-2346");
    this.post("/api/setup", None, wrong).await.problem(Code::InvalidSetupCode);
    let mut wrong = setup_body();
    wrong["admin"]["password"] = json!("short");
    let body = this.post("/api/setup", None, wrong).await.problem(Code::InvalidInput);
    assert_eq!(body["errors"][0]["field"], "admin.password");
    let answer = this.post("/api/setup", None, setup_body()).await.ok(201);
    assert_eq!(answer["user"]["username"], "admin");
    assert_eq!(answer["user"]["role"], "admin");
    assert_eq!(answer["tokenType"], "Bearer");
    assert_eq!(answer["expiresIn"], 900);
    let after = this.get("/api/box", None).await.ok(200);
    assert_eq!((after["setUp"].as_bool(), after["name"].as_str()), (Some(true), Some("Office")));
    this.post("/api/setup", None, setup_body()).await.problem(Code::AlreadySetUp);
    this.post("/api/setup", None, json!({})).await.problem(Code::AlreadySetUp);
}

#[tokio::test]
async fn wrong_and_unknown_cannot_be_told_apart() {
    let (this, _) = TestBox::set_up().await;
    let wrong = this.login("admin", "not the password").await;
    let unknown = this.login("nobody", "not the password").await;
    assert_eq!(wrong.bytes, unknown.bytes);
    assert_eq!(wrong.status, unknown.status);
    wrong.problem(Code::InvalidCredentials);
    this.login("ADMIN", ADMIN_PASSWORD).await.ok(200);
}

#[tokio::test]
async fn ten_failures_close_an_account_and_successes_never_count() {
    let (this, _) = TestBox::set_up().await;
    for _ in 0..15 {
        this.login("admin", ADMIN_PASSWORD).await.ok(200);
    }
    for _ in 0..10 {
        this.login("admin", "wrong password").await.problem(Code::InvalidCredentials);
    }
    let refused = this.login("admin", ADMIN_PASSWORD).await;
    assert_eq!(refused.header("retry-after"), "900");
    refused.problem(Code::RateLimited);
    this.login("other", "wrong password").await.problem(Code::InvalidCredentials);
    this.advance(15 * 60);
    this.login("admin", ADMIN_PASSWORD).await.ok(200);
}

#[tokio::test]
async fn fifty_failures_close_an_address() {
    let (this, _) = TestBox::set_up().await;
    for n in 0..50 {
        this.login(&format!("user{n}"), "wrong password").await.problem(Code::InvalidCredentials);
    }
    this.login("admin", ADMIN_PASSWORD).await.problem(Code::RateLimited);
    this.post("/api/auth/enrol", None, json!({"token": "x"})).await.problem(Code::RateLimited);
    let mut other = request(Method::POST, "/api/auth/login", None).header("content-type", "application/json");
    other = other.extension(PeerAddr(SocketAddr::from(([192, 0, 2, 8], 4000))));
    let body = json!({"username": "admin", "password": ADMIN_PASSWORD}).to_string();
    this.send(other.body(Body::from(body)).unwrap()).await.ok(200);
}

#[tokio::test]
async fn refresh_rotates_and_a_retry_gets_the_same_answer() {
    let (this, _) = TestBox::set_up().await;
    let first = this.login("admin", ADMIN_PASSWORD).await.ok(200);
    this.advance(60);
    let body = json!({"refreshToken": first["refreshToken"]});
    let second = this.post("/api/auth/refresh", None, body.clone()).await.ok(200);
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    assert_ne!(first["accessToken"], second["accessToken"]);
    this.advance(29);
    assert_eq!(this.post("/api/auth/refresh", None, body.clone()).await.ok(200), second);
    this.advance(2);
    this.post("/api/auth/refresh", None, body).await.problem(Code::SessionRevoked);
    // The family is gone, its newest tokens too.
    let newest = json!({"refreshToken": second["refreshToken"]});
    this.post("/api/auth/refresh", None, newest).await.problem(Code::SessionRevoked);
    this.get("/api/users/me", second["accessToken"].as_str()).await.problem(Code::SessionRevoked);
}

#[tokio::test]
async fn refresh_without_or_with_a_false_token() {
    let (this, _) = TestBox::set_up().await;
    this.post("/api/auth/refresh", None, json!({})).await.problem(Code::Unauthorized);
    let empty = request(Method::POST, "/api/auth/refresh", None).body(Body::empty()).unwrap();
    this.send(empty).await.problem(Code::Unauthorized);
    this.post("/api/auth/refresh", None, json!({"refreshToken": "x"})).await.problem(Code::Unauthorized);
    this.post("/api/auth/refresh", None, json!({"refreshToken": 5})).await.problem(Code::InvalidInput);
}

#[tokio::test]
async fn a_browser_keeps_its_refresh_token_in_a_cookie() {
    let (this, _) = TestBox::set_up().await;
    let body = json!({"username": "admin", "password": ADMIN_PASSWORD, "device": {"name": "Desk", "platform": "web"}});
    let reply = this.post("/api/auth/login", None, body).await;
    let cookie = set_cookie(&reply);
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/api/auth"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let answer = reply.ok(200);
    assert!(answer.get("refreshToken").is_none());
    assert_eq!(answer["device"]["name"], "Desk");

    let foreign = refresh_with_cookie(cookie_value(&cookie)).header("sec-fetch-site", "same-site");
    this.send(foreign.body(Body::empty()).unwrap()).await.problem(Code::Unauthorized);
    let own = refresh_with_cookie(cookie_value(&cookie)).header("content-type", "application/json");
    let reply = this.send(own.body(Body::from("{}")).unwrap()).await;
    let next = set_cookie(&reply);
    assert_ne!(cookie_value(&next), cookie_value(&cookie));
    let token = reply.ok(200)["accessToken"].as_str().unwrap().to_owned();

    let out = this.post("/api/auth/logout", Some(&token), json!({})).await;
    assert_eq!(out.status, 204);
    assert!(set_cookie(&out).contains("Max-Age=0"));
    let late = this.send(refresh_with_cookie(cookie_value(&next)).body(Body::empty()).unwrap()).await;
    assert!(set_cookie(&late).contains("Max-Age=0"));
    late.problem(Code::SessionRevoked);
}

#[tokio::test]
async fn tokens_expire_are_forged_and_are_revoked() {
    let (this, admin) = TestBox::set_up().await;
    this.get("/api/users/me", Some(&admin)).await.ok(200);
    let mut forged = admin.clone();
    forged.pop();
    forged.push(if admin.ends_with('A') { 'B' } else { 'A' });
    this.get("/api/users/me", Some(&forged)).await.problem(Code::Unauthorized);
    this.advance(900);
    this.get("/api/users/me", Some(&admin)).await.problem(Code::TokenExpired);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let (this, admin) = TestBox::set_up().await;
    let (_, anna) = this.user(&admin, "anna").await;
    let other =
        this.login("anna", "password of a user").await.ok(200)["accessToken"].as_str().unwrap().to_owned();
    let list = this.get("/api/auth/sessions", Some(&anna)).await.ok(200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items.iter().filter(|item| item["current"] == true).count(), 1);
    let first = this.get("/api/auth/sessions?limit=1", Some(&anna)).await.ok(200);
    let next = first["nextCursor"].as_str().unwrap();
    let second = this.get(&format!("/api/auth/sessions?limit=1&cursor={next}"), Some(&anna)).await.ok(200);
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert!(second["nextCursor"].is_null());

    let mine = items.iter().find(|item| item["current"] == true).unwrap()["id"].as_str().unwrap();
    let theirs = items.iter().find(|item| item["current"] == false).unwrap()["id"].as_str().unwrap();
    let (_, bert) = this.user(&admin, "bert").await;
    let delete = |token: String, id: String| {
        let request = request(Method::DELETE, &format!("/api/auth/sessions/{id}"), Some(&token));
        this.send(request.body(Body::empty()).unwrap())
    };
    delete(bert, mine.to_owned()).await.problem(Code::NotFound);
    assert_eq!(delete(anna.clone(), theirs.to_owned()).await.status, 204);
    this.get("/api/users/me", Some(&other)).await.problem(Code::SessionRevoked);
    delete(anna.clone(), theirs.to_owned()).await.problem(Code::NotFound);
    assert_eq!(delete(admin, mine.to_owned()).await.status, 204);
    this.get("/api/users/me", Some(&anna)).await.problem(Code::SessionRevoked);
}

#[tokio::test]
async fn a_phone_enrols_once() {
    let (this, admin) = TestBox::set_up().await;
    let (id, anna) = this.user(&admin, "anna").await;
    let (_, bert) = this.user(&admin, "bert").await;
    let path = format!("/api/users/{id}/enrolment");
    this.post(&path, Some(&bert), json!({})).await.problem(Code::Forbidden);
    let issued = this.post(&path, Some(&anna), json!({})).await.ok(200);
    let token = issued["token"].as_str().unwrap();
    assert_eq!(issued["url"], format!("https://box.local:8443/phone/enrol#token={token}"));
    assert!(issued["qrSvg"].as_str().unwrap().contains("<svg"));
    assert_eq!(issued["expiresAt"], "2027-01-15T08:10:00.000Z");
    let body = json!({"token": token, "device": {"name": "Phone", "platform": "android"}});
    let answer = this.post("/api/auth/enrol", None, body.clone()).await.ok(200);
    assert_eq!(answer["user"]["username"], "anna");
    assert!(answer["refreshToken"].is_string());
    this.post("/api/auth/enrol", None, body).await.problem(Code::Unauthorized);

    let late = this.post(&path, Some(&admin), json!({})).await.ok(200);
    this.advance(601);
    this.post("/api/auth/enrol", None, json!({"token": late["token"]})).await.problem(Code::Unauthorized);
    let nobody = format!("/api/users/{}/enrolment", UserId::UNKNOWN);
    let admin = this.login("admin", ADMIN_PASSWORD).await.ok(200)["accessToken"].as_str().unwrap().to_owned();
    this.post(&nobody, Some(&admin), json!({})).await.problem(Code::NotFound);
}

#[tokio::test]
async fn signaling_meets_the_same_check() {
    let (this, admin) = TestBox::set_up().await;
    let clock = Clock::new(|| Now { wall: Timestamp::from_millis(START), ..Now::default() });
    let authenticator = Authenticator::new(this.store.clone(), Arc::clone(&this.tokens), clock);
    let caller = authenticator.authenticate(&admin).unwrap();
    assert_eq!(caller.user, caller_of(&this.store, "admin"));
    assert_eq!(authenticator.authenticate("x"), Err(Code::Unauthorized));
}
