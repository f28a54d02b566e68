//! Command lines over HTTP, as somebody else than the command line might send them.

use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::program::{Place, Serving};
use crate::world::{answered, client};

/// A server, and who asks it.
struct Asks<'a> {
    server: &'a Serving,
    token: String,
}

impl<'a> Asks<'a> {
    fn new(place: &Place, server: &'a Serving, role: &str) -> Self {
        let (token, _, code) = place.run(&["token", "create", "--role", role, "--label", role]);
        assert_eq!(code, Some(0));
        Self { server, token: token.trim().to_owned() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, format!("{}{path}", self.server.url)).bearer_auth(&self.token)
    }

    fn command(&self, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "/v1/commands").json(body)
    }

    /// All that a command says.
    async fn said(&self, arguments: &[&str]) -> Vec<Value> {
        let answer = answered(self.command(&json!({ "arguments": arguments }))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lines = answer.text.lines().filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn place() -> (Place, Serving) {
    let place = Place::new();
    let server = place.serve(&[]);
    assert_eq!(place.run(&["workshop", "new", "garden"]).2, Some(0));
    (place, server)
}

#[tokio::test]
async fn what_a_command_says_comes_line_by_line() {
    let (place, server) = place();
    let asks = Asks::new(&place, &server, "write");
    let said = asks.said(&["workshop", "show", "garden", "nowhere", "--json"]).await;
    assert!(said[0]["command"].is_string(), "{said:?}");
    assert!(said[1]["err"].as_str().unwrap().contains("\"not_found\""), "{said:?}");
    assert_eq!(said[2..], [json!({ "exit": 3 })]);
    // What can't be understood says so as it does where it is typed.
    let said = asks.said(&["workshop", "dance"]).await;
    assert!(said[1]["err"].as_str().unwrap().starts_with("error: unrecognized subcommand"), "{said:?}");
    assert_eq!(said[2], json!({ "exit": 2 }));
}

#[tokio::test]
async fn who_asks_is_who_shows_the_token() {
    let (place, server) = place();
    let asks = Asks::new(&place, &server, "write");
    let body = json!({
        "arguments": ["workshop", "say", "garden", "challenge", "hello", "--by", "root"],
        "by": "root",
        "folder": "/",
    });
    assert_eq!(answered(asks.command(&body)).await.status, 200);
    let (history, ..) = place.run(&["workshop", "history", "garden", "--json"]);
    let newest = serde_json::from_str::<Value>(&history).unwrap()["turns"][0].clone();
    assert!(newest["by"].as_str().unwrap().starts_with("write"), "{newest}");
}

#[tokio::test]
async fn a_role_that_is_too_small_changes_nothing() {
    let (place, server) = place();
    let asks = Asks::new(&place, &server, "read");
    let before = place.run(&["workshop", "history", "garden"]).0;
    for arguments in [
        json!(["workshop", "say", "garden", "challenge", "hello"]),
        json!(["workshop", "reset", "garden", "challenge", "--yes"]),
        json!(["token", "list"]),
        json!(["repo", "add", "app", "/"]),
    ] {
        answered(asks.command(&json!({ "arguments": arguments }))).await.problem(403, "role");
    }
    assert_eq!(place.run(&["workshop", "history", "garden"]).0, before);
}

#[tokio::test]
async fn what_is_no_command_for_a_server_is_refused() {
    let (place, server) = place();
    let asks = Asks::new(&place, &server, "admin");
    for arguments in [vec!["serve"], vec!["tour"], vec!["verify"], vec!["restore", "f", "--into", "d"]] {
        answered(asks.command(&json!({ "arguments": arguments }))).await.problem(422, "command");
    }
    answered(asks.command(&json!({ "arguments": vec!["x"; 5_000] }))).await.problem(422, "body");
    answered(asks.command(&json!({ "arguments": [], "shell": true }))).await.problem(422, "body");
    answered(asks.command(&json!({ "arguments": "workshop list" }))).await.problem(422, "body");
    let input = json!({ "number": 1, "part": 0, "end": true });
    for command in ["c999", "c-1", "%2e%2e", "c1%00"] {
        let path = format!("/v1/commands/{command}/input");
        let answer = answered(asks.request(Method::POST, &path).json(&input)).await;
        assert!([400, 404].contains(&answer.status), "{command}: {}", answer.text);
    }
    answered(asks.request(Method::DELETE, "/v1/commands/c999")).await.problem(404, "not_found");
}

#[tokio::test]
async fn nobody_meddles_with_the_command_of_another() {
    let (place, server) = place();
    let (asks, other) = (Asks::new(&place, &server, "write"), Asks::new(&place, &server, "admin"));
    let import = json!({ "arguments": ["workshop", "import", "garden", "challenge", "-", "--json"] });
    let answer = asks.command(&import).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut parts = answer.bytes_stream();
    let mut text = String::new();
    while text.lines().count() < 2 {
        text.push_str(std::str::from_utf8(&parts.next().await.unwrap().unwrap()).unwrap());
    }
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let command = lines.next().unwrap()["command"].as_str().unwrap().to_owned();
    let want = lines.next().unwrap()["want"].clone();
    assert_eq!(want["what"], json!({ "file": "-" }));
    let path = format!("/v1/commands/{command}/input");
    let message = "{\"id\":\"m1\",\"role\":\"user\",\"content\":\"Hello\"}\n";
    let part = |part: u64, body: Value| {
        let mut all = json!({ "number": want["number"], "part": part });
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        all
    };
    let first = part(0, json!({ "data": message }));
    answered(other.request(Method::POST, &path).json(&first)).await.problem(404, "not_found");
    answered(other.request(Method::DELETE, &format!("/v1/commands/{command}"))).await.problem(404, "not_found");
    // Out of order, of nothing that is wanted, both at once, neither.
    let bad = [part(1, json!({ "end": true })), json!({ "number": 99, "part": 0, "end": true })];
    for body in bad {
        answered(asks.request(Method::POST, &path).json(&body)).await.problem(409, "conflict");
    }
    for body in [
        part(0, json!({})),
        part(0, json!({ "data": "x", "end": true })),
        part(0, json!({ "data": { "base64": "?" } })),
    ] {
        answered(asks.request(Method::POST, &path).json(&body)).await.problem(422, "body");
    }
    // A part that is sent twice is taken once.
    for _ in 0..2 {
        assert_eq!(answered(asks.request(Method::POST, &path).json(&first)).await.status, 204);
    }
    assert_eq!(answered(asks.request(Method::POST, &path).json(&part(1, json!({ "end": true })))).await.status, 204);
    let mut rest = String::new();
    while let Some(Ok(part)) = parts.next().await {
        rest.push_str(std::str::from_utf8(&part).unwrap());
    }
    assert!(rest.ends_with("{\"exit\":0}\n"), "{rest}");
    assert_eq!(rest.matches("stored").count(), 1, "{rest}");
}
