//! What holds for every request: ids, errors, headers.

use reqwest::Method;
use restage::access::Role;
use serde_json::json;

use crate::world::{World, answered};

#[tokio::test]
async fn a_server_lives_is_ready_and_says_its_version() {
    let world = World::new().await;
    assert_eq!(world.get("/livez").await.json()["status"], "ok");
    assert_eq!(world.get("/readyz").await.json()["status"], "ready");
    assert_eq!(world.get("/version").await.json()["version"], env!("CARGO_PKG_VERSION"));
    world.end().await;
}

#[tokio::test]
async fn what_no_route_takes_is_a_problem() {
    let world = World::new().await;
    for path in ["/nothing", "/v1", "/v1/", "/livez/", "//livez", "/docs/nothing.js", "/docs/../livez%2f"] {
        world.get(path).await.problem(404, "no_such_route");
    }
    for (method, path, allow) in [
        (Method::POST, "/livez", "GET"),
        (Method::DELETE, "/v1/openapi.json", "GET"),
        (Method::PUT, "/v1/tokens", "GET, POST"),
        (Method::POST, "/docs/", "GET"),
    ] {
        let answer = answered(world.ask(method, path)).await;
        answer.problem(405, "method");
        assert_eq!(answer.headers["allow"], allow, "{path}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_id_of_a_request_comes_back() {
    let world = World::new().await;
    let answer = answered(world.ask(Method::GET, "/nothing").header("x-request-id", "mine-1.2")).await;
    assert_eq!(answer.problem(404, "no_such_route")["request_id"], "mine-1.2");
    let answer = answered(world.ask(Method::GET, "/livez").header("x-request-id", "not mine")).await;
    assert_ne!(answer.headers["x-request-id"], "not mine");
    world.end().await;
}

#[tokio::test]
async fn every_answer_tells_a_browser_to_be_careful() {
    let world = World::new().await;
    for path in ["/livez", "/nothing", "/v1/tokens", "/docs/", "/v1/openapi.json"] {
        let answer = world.get(path).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "same-origin", "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn the_page_of_the_document_loads_nothing_from_elsewhere() {
    let world = World::new().await;
    let redirect = world.get("/docs").await;
    assert_eq!((redirect.status, redirect.headers["location"].to_str().unwrap()), (308, "/docs/"));
    let page = world.get("/docs/").await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    // Whatever its scripts want, the browser loads from here alone.
    assert!(["http:", "https:", "*", "'unsafe-eval'"].iter().all(|source| !policy.contains(source)), "{policy}");
    assert!(policy.contains("script-src 'self';") && policy.contains("connect-src 'self';"), "{policy}");
    let mut files = 0;
    for part in page.text.split("=\"").skip(1) {
        let link = part.split('"').next().unwrap();
        if !link.contains(".js") && !link.contains(".css") && !link.contains(".png") {
            continue;
        }
        assert!(!link.contains("//"), "{link}");
        let file = answered(world.ask(Method::GET, &format!("/docs/{}", link.trim_start_matches("./")))).await;
        assert_eq!(file.status, 200, "{link}");
        files += 1;
    }
    assert!(files >= 5, "{}", page.text);
    let start = world.get("/docs/swagger-initializer.js").await;
    assert!(start.text.contains("/v1/openapi.json") && !start.text.contains("petstore"), "{}", start.text);
    world.end().await;
}

#[tokio::test]
async fn bodies_have_to_be_json_of_the_right_form() {
    let world = World::new().await;
    let token = world.token(Role::Admin).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!("{{\"role\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    for (body, status, code) in [
        (r#"{"role":"read"}"#.to_owned(), 201, ""),
        (r#" {"role":"read","label":null} "#.to_owned(), 201, ""),
        (r#"{"role":"read","role":"admin"}"#.to_owned(), 400, "json"),
        (r#"{"role":"read","x":{"a":1,"b":2,"a":3}}"#.to_owned(), 400, "json"),
        (r#"{"role":"read"} {}"#.to_owned(), 400, "json"),
        (r#"{"role":"read""#.to_owned(), 400, "json"),
        (r#"{"role":"\ud800"}"#.to_owned(), 400, "json"),
        (r#"{"role":NaN}"#.to_owned(), 400, "json"),
        (r#"{"role":1e400}"#.to_owned(), 400, "json"),
        ("\u{feff}{\"role\":\"read\"}".to_owned(), 400, "json"),
        (deep, 400, "json"),
        (nested, 400, "json"),
        (r#"{"role":"read","status":"x"}"#.to_owned(), 422, "body"),
        (r#"{"role":"owner"}"#.to_owned(), 422, "body"),
        (r#"{"label":"x"}"#.to_owned(), 422, "body"),
        (String::new(), 422, "body"),
        ("[]".to_owned(), 422, "body"),
        ("\"read\"".to_owned(), 422, "body"),
        ("null".to_owned(), 422, "body"),
    ] {
        let shown: String = body.chars().take(60).collect();
        let request = world.ask_as(&token, Method::POST, "/v1/tokens").header("content-type", "application/json");
        let answer = answered(request.body(body)).await;
        assert_eq!(answer.status, status, "{shown}: {answer:?}");
        if status != 201 {
            let problem = answer.problem(status, code);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("column") || detail.contains("no object"), "{shown}: {problem}");
        }
    }
    assert_eq!(world.restage.access().await.unwrap().tokens().len(), 3, "only what was good was done");
    world.end().await;
}

#[tokio::test]
async fn bodies_have_to_be_sent_as_what_they_are() {
    let world = World::new().await;
    let token = world.token(Role::Admin).await;
    let body = json!({ "role": "read" }).to_string();
    for (of, status) in [
        (Some("application/json"), 201),
        (Some("Application/JSON; charset=UTF-8"), 201),
        (Some("application/json; charset=utf-16"), 415),
        (Some("application/json; boundary=x"), 415),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/form-data; boundary=x"), 415),
        (None, 415),
    ] {
        let mut request = world.ask_as(&token, Method::POST, "/v1/tokens").body(body.clone());
        if let Some(of) = of {
            request = request.header("content-type", of);
        }
        assert_eq!(answered(request).await.status, status, "{of:?}");
    }
    let twice = world.ask_as(&token, Method::POST, "/v1/tokens").header("content-type", "application/json");
    let twice = twice.header("content-type", "application/json").body(body.clone());
    answered(twice).await.problem(415, "media_type");
    for encoding in ["gzip", "br", "deflate", "gzip, gzip", "identity, gzip", "x"] {
        let request = world.ask_as(&token, Method::POST, "/v1/tokens").header("content-type", "application/json");
        let request = request.header("content-encoding", encoding).body(body.clone());
        answered(request).await.problem(415, "media_type");
    }
    world.end().await;
}

#[tokio::test]
async fn bodies_have_a_largest_size() {
    let world = World::new().await;
    let token = world.token(Role::Admin).await;
    let body = format!("{{\"role\":\"read\",\"label\":\"{}\"}}", "x".repeat(1 << 20));
    let answer = answered(
        world.ask_as(&token, Method::POST, "/v1/tokens").header("content-type", "application/json").body(body),
    );
    assert_eq!(answer.await.problem(413, "body_too_large")["most"], 1 << 20);
    // Without its length said beforehand.
    let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(65_536)));
    let chunks = reqwest::Body::wrap_stream(futures_util::StreamExt::take(chunks, 40));
    let request = world.ask_as(&token, Method::POST, "/v1/tokens").header("content-type", "application/json");
    // The server does not read to the end: the client may see that before it sees the answer.
    if let Ok(answer) = request.body(chunks).send().await {
        assert_eq!(answer.status(), 413);
    }
    assert_eq!(world.get("/livez").await.status, 200);
    world.end().await;
}
