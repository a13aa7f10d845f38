//! The OpenAPI document, the pages, and the routes for machines.

use super::*;

#[tokio::test]
async fn the_document_is_served_and_describes_every_error() {
    let this = TestBox::fresh();
    let served = this.get("/api/openapi.json", None).await.ok(200);
    assert_eq!(served, serde_json::from_str::<Value>(&openapi_json()).unwrap());
    let mut operations = Vec::new();
    for (path, item) in served["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            operations.push(id.to_owned());
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                if status.starts_with(['4', '5']) {
                    let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
                }
            }
            assert!(responses.contains_key("429") && responses.contains_key("503"), "{method} {path}");
            let has_body = operation.get("requestBody").is_some();
            assert_eq!(responses.contains_key("415"), has_body, "{method} {path}");
            assert_eq!(path.contains("{id}"), path.contains('{'), "{path}");
        }
    }
    for id in [
        "login",
        "refresh",
        "logout",
        "listSessions",
        "revokeSession",
        "enrol",
        "listUsers",
        "createUser",
        "getUser",
        "patchUser",
        "deleteUser",
        "me",
        "patchMe",
        "issueEnrolment",
        "initiateCall",
        "getCall",
        "listCalls",
        "activeCalls",
        "setRecording",
        "iceServers",
        "box",
        "setup",
        "health",
        "listAudit",
    ] {
        assert_eq!(operations.iter().filter(|found| *found == id).count(), 1, "{id}");
    }
    // Every schema that is named exists.
    let text = served.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(served["components"]["schemas"].get(name).is_some(), "{name}");
    }
    let items = &served["components"]["schemas"]["UserPage"]["properties"]["items"]["items"];
    assert_eq!(items, &json!({"$ref": "#/components/schemas/User"}));
    assert!(served["components"]["securitySchemes"]["bearer"].is_object());
}

#[tokio::test]
async fn pages_and_what_is_no_page() {
    let this = TestBox::fresh();
    for path in ["/", "/setup", "/admin", "/phone", "/phone/enrol"] {
        let page = this.get(path, None).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"));
        assert_eq!(page.header("cache-control"), "no-cache");
        let again = request(Method::GET, path, None).header("if-none-match", page.header("etag"));
        let again = this.send(again.body(Body::empty()).unwrap()).await;
        assert_eq!(again.status, 304);
        assert!(again.bytes.is_empty());
    }
    this.get("/nothing", None).await.problem(Code::NotFound);
    this.get("/api/nothing", None).await.problem(Code::NotFound);
    let posted = this.post("/phone", None, json!({})).await;
    assert_eq!(posted.header("allow"), "GET,HEAD");
    posted.problem(Code::MethodNotAllowed);
}

#[tokio::test]
async fn machines_ask_without_signing_in_and_metrics_stay_on_the_box() {
    let (this, admin) = TestBox::set_up().await;
    assert_eq!(this.get("/healthz", None).await.ok(200)["status"], "ok");
    assert_eq!(this.get("/readyz", None).await.ok(200)["status"], "ok");
    this.get("/metrics", None).await.problem(Code::Unauthorized);
    let mut local = request(Method::GET, "/metrics", None).body(Body::empty()).unwrap();
    local.extensions_mut().insert(PeerAddr(SocketAddr::from(([127, 0, 0, 1], 4000))));
    let local = this.send(local).await;
    assert_eq!((local.status.as_u16(), local.bytes.as_slice()), (200, b"callbox_up 1\n".as_slice()));
    assert_eq!(this.get("/metrics", Some(&admin)).await.status, 200);
    let (_, user) = this.user(&admin, "anna").await;
    this.get("/metrics", Some(&user)).await.problem(Code::Forbidden);

    assert_eq!(this.get("/api/health", Some(&admin)).await.ok(200)["parts"][0]["detail"], "roomy");
    let seen = this.get("/api/health", Some(&user)).await.ok(200);
    assert_eq!(seen["state"], "Normal");
    assert_eq!(seen["parts"][0], json!({"name": "store", "state": "up"}));
    this.get("/api/health", None).await.problem(Code::Unauthorized);
}
