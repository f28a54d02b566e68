//! Every route, with every role: what the document says is what is done. A route that is new is in here by itself.

use std::time::Duration;

use reqwest::Method;
use restage::access::Role;
use restage::{Position, Restage};
use serde_json::Value;

use crate::openapi::operations;
use crate::world::{World, answered};

/// An operation, as the document tells it.
struct Operation {
    method: Method,
    path: String,
    /// The least role that may; `None` for everybody.
    role: Option<Role>,
}

impl Operation {
    fn of((method, path, operation): (String, String, Value)) -> Self {
        let security = operation["security"].as_array().unwrap();
        let named = format!("{method} {path}");
        let is_public = security.iter().any(|of| of.as_object().is_some_and(serde_json::Map::is_empty));
        let role = security.iter().find_map(|of| Some(of.get("token")?[0].as_str()?.parse().unwrap()));
        assert!(is_public != role.is_some(), "{named} does not say which role it needs: {security:?}");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self { method, path: concrete(&path), role }
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The path with something in the place of each parameter.
fn concrete(path: &str) -> String {
    let part = |part: &str| match part.strip_prefix('{') {
        Some(_) => "1".to_owned(),
        None => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

async fn all(world: &World) -> Vec<Operation> {
    let document = world.get("/v1/openapi.json").await.json();
    operations(&document).into_iter().map(Operation::of).collect()
}

/// What was committed since, but for audits of refused calls.
async fn changes_since(restage: &Restage, position: Position) -> Vec<String> {
    let (mut feed, end) = (restage.feed(position), restage.durable());
    let mut changes = Vec::new();
    let mut at = position;
    while at < end {
        let turn = feed.next().await.unwrap();
        at = turn.position;
        if turn.kind != "access" {
            changes.push(format!("{} {}", turn.kind, turn.id));
        }
    }
    changes
}

#[tokio::test]
async fn every_route_is_for_those_whose_role_it_names() {
    let world = World::new().await;
    let operations = all(&world).await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, world.token(role).await));
    }
    let access = world.restage.access().await.unwrap();
    let known = access.tokens();
    let before = world.restage.durable();
    for operation in &operations {
        let name = operation.name();
        let ask = || world.ask(operation.method.clone(), &operation.path).json(&serde_json::json!({}));
        let Some(needs) = operation.role else {
            let status = answered(ask()).await.status;
            assert!(status != 401 && status != 403, "{name} is for everybody, and answers {status}");
            continue;
        };
        answered(ask()).await.problem(401, "token_missing");
        for (role, token) in tokens.iter().filter(|(role, _)| *role < needs) {
            let answer = answered(ask().bearer_auth(token)).await;
            assert_eq!(answer.status, 403, "{name} with the role {role}: {}", answer.text);
            assert_eq!(answer.problem(403, "role")["needs"], needs.name(), "{name}");
        }
    }
    assert_eq!(changes_since(&world.restage, before).await, [""; 0], "what is refused changes nothing");
    assert_eq!(access.tokens(), known);
    for operation in operations.iter().filter(|operation| operation.role.is_some()) {
        for (role, token) in tokens.iter().filter(|(role, _)| Some(*role) >= operation.role) {
            let request = world.ask_as(token, operation.method.clone(), &operation.path).json(&serde_json::json!({}));
            // Of an answer that goes on, as a stream does, the head is enough.
            let Ok(answer) = tokio::time::timeout(Duration::from_secs(10), request.send()).await else { continue };
            let status = answer.unwrap().status();
            assert!(status != 401 && status != 403, "{} with the role {role}: {status}", operation.name());
        }
    }
    assert!(operations.len() > 10 && operations.iter().any(|operation| operation.role == Some(Role::Admin)));
    world.end().await;
}

/// Other ways to write a path that lead to the same place in some servers.
fn spellings(path: &str) -> Vec<String> {
    let last = path.rfind('/').unwrap();
    let (head, tail) = path.split_at(last + 1);
    let first = tail.bytes().next().unwrap_or(b'x');
    vec![
        format!("{path}/"),
        format!("/{path}"),
        format!("{head}/{tail}"),
        format!("{path};x"),
        format!("{path};x=y/"),
        format!("{path}.json"),
        format!("{path}%20"),
        format!("{path}%00"),
        format!("{path}?x=%00"),
        format!("{path}#x"),
        format!("{head}%{first:02x}{}", tail.get(1..).unwrap_or_default()),
        path.to_uppercase(),
        path.replacen("/v1/", "/v1/./", 1),
        path.replacen("/v1/", "/v1/x/../", 1),
        path.replacen("/v1/", "/v1/%2e%2e/v1/", 1),
        path.replacen("/v1/", "/v1%2f", 1),
        path.replacen("/v1/", "\\v1\\", 1),
        path.replacen("/v1/", "/livez/../v1/", 1),
    ]
}

#[tokio::test]
async fn no_other_spelling_of_a_route_lets_anybody_in() {
    let world = World::new().await;
    let reader = world.token(Role::Read).await;
    let operations = all(&world).await;
    let before = world.restage.durable();
    for operation in operations.iter().filter(|operation| operation.role.is_some()) {
        let method = &operation.method;
        let closed = operation.role > Some(Role::Read);
        let mut requests: Vec<(String, String, &str)> = Vec::new();
        for path in spellings(&operation.path) {
            requests.push((method.to_string(), path, ""));
        }
        for other in ["HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", &method.as_str().to_lowercase()] {
            requests.push((other.to_owned(), operation.path.clone(), ""));
        }
        for header in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
            requests.push(("GET".into(), operation.path.clone(), header));
        }
        for header in ["X-Original-URL", "X-Rewrite-URL"] {
            requests.push((method.to_string(), "/none".into(), header));
        }
        for (verb, path, header) in requests {
            let more = match header {
                "" => String::new(),
                "X-Original-URL" | "X-Rewrite-URL" => format!("{header}: {}\r\n", operation.path),
                header => format!("{header}: {method}\r\n"),
            };
            let head = format!(
                "{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\
                 Content-Type: application/json\r\nContent-Length: 2\r\n"
            );
            let nobody = world.raw(format!("{head}\r\n{{}}")).await;
            assert!((400..500).contains(&nobody.status), "{verb} {path} {more}: {nobody:?}");
            // With a role that is too small for it; what may be read may be read.
            if closed && verb != "GET" && verb != "get" {
                let head = format!("{head}Authorization: Bearer {reader}\r\n");
                let answer = world.raw(format!("{head}\r\n{{}}")).await;
                assert!((400..500).contains(&answer.status), "{verb} {path} {more}: {answer:?}");
            }
        }
    }
    assert_eq!(changes_since(&world.restage, before).await, [""; 0]);
    world.end().await;
}
