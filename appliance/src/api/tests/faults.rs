//! Bad input: a clear code, nothing changed.

use super::*;

async fn raw(this: &TestBox, path: &str, kind: Option<&str>, body: impl Into<Body>) -> Reply {
    let mut builder = request(Method::POST, path, None);
    if let Some(kind) = kind {
        builder = builder.header("content-type", kind);
    }
    this.send(builder.body(body.into()).unwrap()).await
}

const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn bodies() {
    let (this, _) = TestBox::set_up().await;
    let login = "/api/auth/login";
    for text in
        ["", "{", "{\"username\":5", "nonsense", "{\"username\":\"a\"} x", "{\"username\":\"\\ud800\"}"]
    {
        raw(&this, login, JSON, text).await.problem(Code::MalformedJson);
    }
    raw(&this, login, JSON, vec![b'"', 0xff, b'"']).await.problem(Code::MalformedJson);
    raw(&this, login, Some("text/plain"), "{}").await.problem(Code::UnsupportedMediaType);
    raw(&this, login, None, "{}").await.problem(Code::UnsupportedMediaType);
    raw(&this, login, JSON, "x".repeat(65 * 1024)).await.problem(Code::PayloadTooLarge);
    let endless = futures_body(65 * 1024);
    raw(&this, login, JSON, endless).await.problem(Code::PayloadTooLarge);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = raw(&this, login, JSON, deep).await;
    assert!(matches!(deep.status.as_u16(), 400 | 422), "{}", deep.status);
    raw(&this, login, Some("application/json; charset=utf-8"), "{}").await.problem(Code::InvalidInput);
}

/// A body of unannounced length.
fn futures_body(length: usize) -> Body {
    let full = http_body_util::Full::new(axum::body::Bytes::from(vec![b' '; length]));
    Body::new(full.map_frame(|frame| frame).boxed())
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (this, admin) = TestBox::set_up().await;
    let faults = |body: &Value| -> Vec<(String, String)> {
        let list = body["errors"].as_array().unwrap().iter();
        list.map(|e| (e["field"].as_str().unwrap().to_owned(), e["code"].as_str().unwrap().to_owned()))
            .collect()
    };
    let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    let body = this.post("/api/auth/login", None, json!({})).await.problem(Code::InvalidInput);
    assert_eq!(faults(&body), [pair("username", "required"), pair("password", "required")]);
    let body = this
        .post("/api/auth/login", None, json!({"username": 5, "password": "x"}))
        .await
        .problem(Code::InvalidInput);
    assert_eq!(faults(&body), [pair("username", "invalid")]);
    let wrong =
        json!({"username": "a b", "password": "short", "displayName": "x".repeat(10_000), "extension": "1x"});
    let body = this.post("/api/users", Some(&admin), wrong).await.problem(Code::InvalidInput);
    assert_eq!(
        faults(&body),
        [
            pair("username", "invalid_characters"),
            pair("password", "too_short"),
            pair("displayName", "too_long"),
            pair("extension", "invalid_characters"),
        ]
    );
    let wrong = json!({"username": "anna", "password": "long enough", "displayName": "A", "role": "king"});
    let body = this.post("/api/users", Some(&admin), wrong).await.problem(Code::InvalidInput);
    assert_eq!(faults(&body), [pair("role", "invalid")]);
    let wrong =
        json!({"username": "x", "password": "y", "device": {"name": "x\u{7}", "platform": "x".repeat(40)}});
    let body = this.post("/api/auth/login", None, wrong).await.problem(Code::InvalidInput);
    assert_eq!(
        faults(&body),
        [pair("device.name", "invalid_characters"), pair("device.platform", "too_long")]
    );
    assert_eq!(this.get("/api/users", Some(&admin)).await.ok(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn fields_of_newer_clients_are_tolerated() {
    let (this, _) = TestBox::set_up().await;
    let body =
        json!({"username": "admin", "password": ADMIN_PASSWORD, "mood": "good", "device": {"colour": 1}});
    this.post("/api/auth/login", None, body).await.ok(200);
}

#[tokio::test]
async fn methods_and_paths() {
    let (this, admin) = TestBox::set_up().await;
    let put = this.json(Method::PUT, "/api/users", Some(&admin), json!({})).await;
    let allowed: Vec<_> = put.header("allow").split(',').map(str::trim).map(str::to_owned).collect();
    assert!(allowed.contains(&"GET".to_owned()) && allowed.contains(&"POST".to_owned()), "{allowed:?}");
    put.problem(Code::MethodNotAllowed);
    this.get("/api/auth/login", None).await.problem(Code::MethodNotAllowed);
    this.get(&format!("/api/users/{}", UserId::UNKNOWN), Some(&admin)).await.problem(Code::NotFound);
    for path in ["/api/users/no%20id", "/api/users/%ff", "/api/calls/a!b", "/api/calls/x"] {
        this.get(path, Some(&admin)).await.problem(Code::NotFound);
    }
    let head = this.send(request(Method::HEAD, "/api/box", None).body(Body::empty()).unwrap()).await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn who_asks_is_checked_before_what_is_asked() {
    let (this, admin) = TestBox::set_up().await;
    let (_, user) = this.user(&admin, "anna").await;
    for token in [None, Some("x"), Some("a.b.c")] {
        this.post("/api/users", token, json!({"username": 5})).await.problem(Code::Unauthorized);
        this.get("/api/calls?limit=0", token).await.problem(Code::Unauthorized);
    }
    this.post("/api/users", Some(&user), json!({"username": 5})).await.problem(Code::Forbidden);
    let reply = this.get("/api/users/me", None).await;
    assert_eq!(reply.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn pages_of_lists() {
    let (this, admin) = TestBox::set_up().await;
    for query in
        ["limit=0", "limit=201", "limit=x", "limit=-1", "cursor=%21", "cursor=abc", "limit=1&limit=2"]
    {
        for path in ["/api/calls", "/api/audit"] {
            this.get(&format!("{path}?{query}"), Some(&admin)).await.problem(Code::InvalidInput);
        }
    }
    for name in ["anna", "bert", "carl", "dora"] {
        this.user(&admin, name).await;
    }
    this.get("/api/users?cursor=&limit=200", Some(&admin)).await.ok(200);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..10 {
        let page = this.get(&format!("/api/users?limit=2&cursor={cursor}"), Some(&admin)).await.ok(200);
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|user| user["username"].as_str().unwrap().to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["admin", "anna", "bert", "carl", "dora"]);
}

#[tokio::test]
async fn too_many_requests_wait() {
    let this = TestBox::with(Gate::new(1, 4), |_| None);
    for _ in 0..4 {
        this.get("/api/box", None).await.ok(200);
    }
    this.get("/api/box", None).await.problem(Code::RateLimited);
    let mut other = request(Method::GET, "/api/box", None).body(Body::empty()).unwrap();
    other.extensions_mut().insert(PeerAddr(SocketAddr::from(([192, 0, 2, 8], 4000))));
    assert_eq!(this.send(other).await.status, 200);
}

#[tokio::test]
async fn a_panic_is_an_answer_without_details() {
    let this = TestBox::built(Gate::new(1_000_000, 1_000_000), |_| None, TestProbe { panics: true });
    let problem = this.get("/readyz", None).await.problem(Code::Internal);
    assert!(!problem.to_string().contains("secret detail"));
    this.get("/healthz", None).await.ok(200);
}

#[tokio::test]
async fn a_burst_of_wrong_passwords_learns_no_more_than_ten_answers() {
    let (this, _) = TestBox::set_up().await;
    let attempts = (0..20).map(|_| this.login("admin", "wrong password"));
    let mut codes = std::collections::BTreeMap::new();
    for reply in futures_join(attempts).await {
        *codes.entry(reply.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [(401, 10), (429, 10)]);
}

/// All at once on this thread.
async fn futures_join<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|cx| {
        for (one, done) in &mut running {
            if done.is_none()
                && let std::task::Poll::Ready(output) = one.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if running.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|(_, done)| done).collect()
}

/// What is written to the log.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_holds_nothing_personal() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (this, admin) = TestBox::set_up().await;
    let (id, anna) = this.user(&admin, "anna-personal").await;
    this.login("anna-personal", "mistyped-personal").await.problem(Code::InvalidCredentials);
    this.get("/api/users?cursor=YW5uYQ", Some(&anna)).await.ok(200);
    let issued = this.post(&format!("/api/users/{id}/enrolment"), Some(&anna), json!({})).await.ok(200);
    this.post("/api/auth/refresh", None, json!({"refreshToken": "personal"}))
        .await
        .problem(Code::Unauthorized);
    tracing::info!("the end");
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("the end"), "the log is read");
    for personal in ["personal", "192.0.2.7", &id, &admin, &anna, "YW5uYQ", issued["token"].as_str().unwrap()]
    {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
}
