//! What comes from outside and can't be: refused with the right status and code, nothing changed, the server alive.

use reqwest::Method;
use restage::access::Role;
use restage::{Options, ServerOptions};
use serde_json::{Value, json};

use crate::user::User;
use crate::world::{World, answered};

/// Ids as they stand in a path, and are none.
const BAD_IDS: &[&str] = &[
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%252e%252e",
    "..%5c",
    "%00",
    "a%00b",
    "%ff%fe",
    "a%0d%0aX-Evil:1",
    "a%2fb",
    "%2f",
    ".",
    ".git",
    "-rf",
    "--help",
    "a'--",
    "a%22b",
    "$(id)",
    "%60id%60",
    "a;id",
    "__proto__",
    "*",
    "%3F",
    "wave:task:*",
    "%F0%9F%92%A5",
    "%C3%A9",
    "e%CC%81",
    "a%E2%80%AEb",
    "a%20b",
    "%20a",
    "a%7F",
];

/// Numbers that are none, or have another form.
const BAD_NUMBERS: &[&str] = &["18446744073709551616", "-1", "+1", "1e3", "0x1", "01", "1.0", "%31x", "%20", "NaN"];

/// A server that lets itself be asked to go back as often as these tests do.
async fn world() -> World {
    let mut options = ServerOptions::default();
    (options.adjustable.resets_per_minute, options.adjustable.resets_burst) = (60_000, 10_000);
    World::with(Options::default(), options).await
}

async fn made(user: &User<'_>, id: &str) {
    user.post("/v1/workshops", json!({ "id": id, "title": "Our garden" })).await.is(201);
}

async fn is_untouched(user: &User<'_>, world: &World) {
    assert_eq!(user.get("/v1/workshops/w1").await.ok()["revision"], 1);
    let all = user.get("/v1/workshops").await.ok()["items"].as_array().unwrap().len();
    assert_eq!(all, 1);
    assert_eq!(world.get("/livez").await.status, 200);
}

#[tokio::test]
async fn an_id_in_a_path_has_one_form() {
    let world = world().await;
    let user = world.user(Role::Admin).await;
    let token = world.token(Role::Admin).await;
    made(&user, "w1").await;
    let long = "a".repeat(5_000);
    for id in BAD_IDS.iter().copied().chain([long.as_str()]) {
        for (verb, path) in [
            ("GET", format!("/v1/workshops/{id}")),
            ("POST", format!("/v1/workshops/{id}/pause")),
            ("GET", format!("/v1/workshops/w1/steps/{id}/messages")),
            ("POST", format!("/v1/workshops/w1/steps/{id}/reset")),
            ("GET", format!("/v1/workshops/w1/orphans/{id}")),
            ("GET", format!("/v1/tasks/{id}")),
            ("GET", format!("/v1/tasks/{id}/diff")),
            ("GET", format!("/v1/repositories/{id}")),
            ("GET", format!("/v1/templates/{id}")),
        ] {
            // As it is: clients tidy paths up.
            let answer = world
                .raw(format!(
                    "{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
                     Content-Length: 0\r\n\r\n"
                ))
                .await;
            assert!([400, 404, 405, 414].contains(&answer.status), "{verb} {path}: {answer:?}");
            assert!(answer.header("x-evil").is_none());
        }
    }
    for number in BAD_NUMBERS {
        user.get(&format!("/v1/workshops/w1/orphans/{number}")).await.problem(400, "path");
        user.post(&format!("/v1/workshops/w1/orphans/{number}/adopt"), json!({})).await.problem(400, "path");
    }
    is_untouched(&user, &world).await;
    // Upper and lower case differ, and one is not the beginning of another.
    for id in ["W1", "w11", "w", "CON", "constructor"] {
        user.get(&format!("/v1/workshops/{id}")).await.problem(404, "not_found");
    }
    world.end().await;
}

#[tokio::test]
async fn a_body_that_can_not_be_is_refused_by_what_is_wrong_with_it() {
    let world = world().await;
    let user = world.user(Role::Admin).await;
    made(&user, "w1").await;
    let deep_list = format!("{{\"title\":{}", "[".repeat(100_000));
    let deep_object = "{\"a\":".repeat(10_000);
    let large = format!("{{\"title\":\"{}\"}}", "a".repeat(3 << 20));
    let cases: &[(&str, u16, &str)] = &[
        ("", 422, "body"),
        ("{}", 422, "body"),
        ("[]", 422, "body"),
        ("\"title\"", 422, "body"),
        ("null", 422, "body"),
        ("{\"title\":1}", 422, "body"),
        ("{\"title\":null}", 422, "body"),
        ("{\"title\":\"a\",\"status\":\"completed\"}", 422, "body"),
        ("{\"title\":\"a\",\"owner\":\"eve\"}", 422, "body"),
        ("{\"title\":\"a\",\"createdAt\":1}", 422, "body"),
        ("{\"title\":\"a\",\"generation\":7}", 422, "body"),
        ("{\"title\":\"a\",\"title\":\"b\"}", 400, "json"),
        ("{\"title\":\"a\"", 400, "json"),
        ("{\"title\":\"a\"} x", 400, "json"),
        ("{\"title\":\"a\\ud800\"}", 400, "json"),
        ("{\"title\":NaN}", 400, "json"),
        ("{'title':'a'}", 400, "json"),
        ("\u{feff}{\"title\":\"a\"}", 400, "json"),
        (&deep_list, 400, "json"),
        (&deep_object, 400, "json"),
        (&large, 413, "body_too_large"),
        ("{\"title\":\"\"}", 422, "invalid"),
        ("{\"title\":\"a\\u0000b\"}", 422, "invalid"),
        ("{\"title\":\"a\\nb\"}", 422, "invalid"),
        ("{\"title\":\"a\",\"id\":\"../x\"}", 422, "invalid"),
        ("{\"title\":\"a\",\"id\":\"\"}", 422, "invalid"),
        ("{\"title\":\"a\",\"template\":\"../../etc/passwd\"}", 404, "not_found"),
        ("{\"title\":\"a\",\"template\":\"design-thinking\",\"template_file\":\"x\"}", 422, "invalid"),
        ("{\"title\":\"a\",\"template_file\":\"not toml\"}", 422, "invalid"),
        ("{\"title\":\"a\",\"id\":\"w1\"}", 409, "exists"),
    ];
    for (body, status, code) in cases {
        let post = user.ask(Method::POST, "/v1/workshops").header("content-type", "application/json");
        let answer = answered(post.body((*body).to_owned())).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!((answer.status, answer.json()["code"].as_str()), (*status, Some(*code)), "{shown}: {}", answer.text);
        assert!(answer.text.len() < 2_000, "{shown}: what came in is not repeated whole");
    }
    let title = "a".repeat(201);
    user.post("/v1/workshops", json!({ "title": title })).await.problem(413, "limit");
    is_untouched(&user, &world).await;
    world.end().await;
}

#[tokio::test]
async fn a_body_of_another_type_or_encoding_is_refused() {
    let world = world().await;
    let user = world.user(Role::Admin).await;
    made(&user, "w1").await;
    let body = "{\"reason\":\"x\"}";
    let utf_16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    type Sent<'a> = (&'a [(&'a str, &'a str)], &'a [u8], u16);
    let types: &[Sent<'_>] = &[
        (&[], body.as_bytes(), 415),
        (&[("content-type", "text/plain")], body.as_bytes(), 415),
        (&[("content-type", "application/x-www-form-urlencoded")], body.as_bytes(), 415),
        (&[("content-type", "multipart/form-data; boundary=x")], body.as_bytes(), 415),
        (&[("content-type", "application/json; charset=utf-16")], &utf_16, 415),
        (&[("content-type", "application/json")], &utf_16, 400),
        (&[("content-type", "application/json"), ("content-type", "text/plain")], body.as_bytes(), 415),
        (&[("content-type", "application/json"), ("content-encoding", "gzip")], body.as_bytes(), 415),
        (&[("content-type", "application/json"), ("content-encoding", "br")], body.as_bytes(), 415),
        (&[("content-type", "application/json")], b"{\"reason\":\"\xff\xfe\"}", 400),
    ];
    for path in ["/v1/workshops/w1/steps/challenge/reset", "/v1/workshops/w1/pause", "/v1/workshops/w1/undo"] {
        for (headers, body, status) in types {
            let post = user.ask(Method::POST, path).body(body.to_vec());
            let post = headers.iter().fold(post, |post, (name, value)| post.header(*name, *value));
            let answer = answered(post).await;
            assert_eq!(answer.status, *status, "{path} {headers:?}: {}", answer.text);
        }
    }
    is_untouched(&user, &world).await;
    world.end().await;
}

#[tokio::test]
async fn going_back_where_there_is_nothing_to_go_back_to_is_refused() {
    let world = world().await;
    let user = world.user(Role::Admin).await;
    made(&user, "w1").await;
    let long = "a".repeat(1 << 19);
    let steps = "/v1/workshops/w1/steps";
    let cases: Vec<(String, Value, u16, &str)> = vec![
        ("/v1/workshops/none/steps/challenge/reset".into(), json!({}), 404, "not_found"),
        ("/v1/workshops/none/undo".into(), json!({}), 404, "not_found"),
        ("/v1/workshops/none/purge".into(), json!({}), 404, "not_found"),
        ("/v1/workshops/none/flush".into(), json!({}), 404, "not_found"),
        ("/v1/workshops/none/pause".into(), json!({}), 404, "not_found"),
        ("/v1/workshops/none/orphans/1/adopt".into(), json!({}), 404, "not_found"),
        ("/v1/tasks/none/restart".into(), json!({}), 404, "not_found"),
        ("/v1/tasks/none/undo".into(), json!({}), 404, "not_found"),
        ("/v1/tasks/none/purge".into(), json!({}), 404, "not_found"),
        (format!("{steps}/none/reset"), json!({}), 404, "not_found"),
        (format!("{steps}/validate/reset"), json!({}), 409, "conflict"),
        (format!("{steps}/challenge/revise"), json!({}), 409, "conflict"),
        (format!("{steps}/challenge/accept"), json!({}), 409, "conflict"),
        (format!("{steps}/challenge/reset"), json!({ "reason": long }), 422, "body"),
        (format!("{steps}/challenge/reset"), json!({ "reason": "\u{1b}[31m" }), 422, "invalid"),
        (format!("{steps}/challenge/reset"), json!({ "stage": "validate" }), 422, "body"),
        (format!("{steps}/challenge/reset"), json!({ "plan": "0123456789abcdef" }), 409, "plan_moved"),
        ("/v1/workshops/w1/undo".into(), json!({}), 404, "not_found"),
        ("/v1/workshops/w1/undo".into(), json!({ "undo_point": 1 }), 404, "not_found"),
        ("/v1/workshops/w1/undo".into(), json!({ "undo_point": -1 }), 422, "body"),
        ("/v1/workshops/w1/undo".into(), json!({ "undo_point": 1.5 }), 422, "body"),
        ("/v1/workshops/w1/purge".into(), json!({}), 409, "conflict"),
        ("/v1/workshops/w1/orphans/1/adopt".into(), json!({}), 404, "not_found"),
        ("/v1/workshops/w1/orphans/1/discard".into(), json!({}), 404, "not_found"),
    ];
    for (path, body, status, code) in cases {
        user.once("key", &path, body).await.problem(status, code);
    }
    for path in [format!("{steps}/challenge/reset"), "/v1/workshops/w1/undo".to_owned()] {
        assert_eq!(answered(user.ask(Method::GET, &path)).await.status, 405, "{path}");
    }
    is_untouched(&user, &world).await;
    assert_eq!(user.get("/v1/workshops/none").await.status, 404, "nothing was made by asking");
    assert_eq!(user.all("/v1/audit?kind=workshop", 10).await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn lists_are_bounded_and_take_only_their_own_cursors() {
    let world = world().await;
    let user = world.user(Role::Admin).await;
    for id in ["w1", "w2", "w3"] {
        made(&user, id).await;
        user.post(&format!("/v1/workshops/{id}/steps/challenge/reset"), json!({})).await.ok();
        let two = json!({ "messages": [
            { "id": "a", "role": "user", "content": "a" }, { "id": "b", "role": "user", "content": "b" },
        ] });
        user.post(&format!("/v1/workshops/{id}/steps/challenge/messages"), two).await.ok();
    }
    let lists = [
        "/v1/workshops",
        "/v1/workshops/w1/history",
        "/v1/workshops/w1/steps/challenge/messages",
        "/v1/audit",
        "/v1/undo-points",
    ];
    let mut cursors = Vec::new();
    for list in lists {
        for limit in ["0", "-1", "501", "1000000000", "1e3", "x", "", "1&limit=2"] {
            assert_eq!(user.get(&format!("{list}?limit={limit}")).await.status, 400, "{list}?limit={limit}");
        }
        let first = user.get(&format!("{list}?limit=1")).await.ok();
        assert_eq!(first["items"].as_array().unwrap().len(), 1, "{list}");
        cursors.push(first["next"].as_str().unwrap().to_owned());
    }
    for (list, own) in lists.iter().zip(&cursors) {
        for other in cursors.iter().filter(|other| *other != own) {
            user.get(&format!("{list}?cursor={other}")).await.problem(400, "cursor");
        }
        let mut flipped = own.clone().into_bytes();
        for at in 0..flipped.len() {
            let was = std::mem::replace(&mut flipped[at], if own.as_bytes()[at] == b'A' { b'B' } else { b'A' });
            let tampered = String::from_utf8(flipped.clone()).unwrap();
            let answer = user.get(&format!("{list}?cursor={tampered}")).await;
            assert!(answer.status == 400, "{list}?cursor={tampered}: {}", answer.text);
            flipped[at] = was;
        }
        for cursor in ["", "x", "%00", "../../etc/passwd", &"A".repeat(5_000)] {
            assert_eq!(user.get(&format!("{list}?cursor={cursor}")).await.status, 400, "{list} {cursor}");
        }
    }
    // A page that goes on in another generation than it began in.
    let messages = "/v1/workshops/w1/steps/challenge/messages";
    let next = user.get(&format!("{messages}?limit=1")).await.ok()["next"].as_str().unwrap().to_owned();
    user.post("/v1/workshops/w1/steps/challenge/reset", json!({})).await.ok();
    user.get(&format!("{messages}?cursor={next}")).await.problem(409, "conflict");
    user.get(&format!("{messages}?generation=99")).await.problem(404, "not_found");
    for generation in ["-1", "1e3", "x", ""] {
        user.get(&format!("{messages}?generation={generation}")).await.problem(400, "query");
    }
    user.get("/v1/workshops/w1/history?order=sideways").await.problem(400, "query");
    world.end().await;
}

#[tokio::test]
async fn keys_and_tags_that_can_not_be_are_refused() {
    let world = world().await;
    let user = world.user(Role::Admin).await;
    made(&user, "w1").await;
    let long = "k".repeat(201);
    for key in ["", " ", "a b", long.as_str()] {
        let post = user.ask(Method::POST, "/v1/workshops/w1/pause").header("Idempotency-Key", key).json(&json!({}));
        answered(post).await.problem(400, "idempotency_key");
    }
    let drafts = "/v1/workshops/w1/steps/challenge/drafts";
    user.once("k", drafts, json!({ "messages": [] })).await.problem(422, "invalid");
    is_untouched(&user, &world).await;
    world.end().await;
}
