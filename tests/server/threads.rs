//! The eight endpoints of workflows that older programs know: their shapes, refusals too, as they are on the wire.

use std::path::Path;

use reqwest::Method;
use restage::ServerOptions;
use restage::access::Role;
use serde_json::{Value, json};

use crate::world::{World, answered};

/// What was asked and answered, in order, with what differs each time replaced.
struct Transcript {
    world: World,
    token: String,
    lines: Vec<Value>,
}

impl Transcript {
    async fn new(options: ServerOptions) -> Self {
        let world = World::with(restage::Options::default(), options).await;
        world.restage.workflows().unwrap().serve();
        let token = world.token(Role::Reset).await;
        Self { world, token, lines: Vec::new() }
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.world.ask_as(&self.token, method.clone(), path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = answered(request).await;
        let mut got = answer.json();
        let kept = got.clone();
        settle(&mut got);
        let asked = format!("{method} {path}");
        self.lines.push(json!({ "asked": asked, "body": body, "status": answer.status, "answered": got }));
        kept
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn get(&mut self, path: &str) -> Value {
        self.ask(Method::GET, path, None).await
    }

    /// Compares all of it with what a file holds; with `RESTAGE_GOLDEN=write` the file is written instead.
    async fn is(self, name: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/golden").join(name);
        let got = serde_json::to_string_pretty(&self.lines).unwrap() + "\n";
        if std::env::var("RESTAGE_GOLDEN").is_ok_and(|word| word == "write") {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &got).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap();
        for (line, (got, golden)) in got.lines().zip(golden.lines()).enumerate() {
            assert_eq!(got, golden, "line {} of {name}", line + 1);
        }
        assert_eq!(got.lines().count(), golden.lines().count(), "{name}");
        self.world.end().await;
    }
}

/// Replaces times and names that are made anew each time.
fn settle(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match name.as_str() {
                    // The answers of what is owed are turns too, whenever they come.
                    "request_id" | "token" | "revision" | "by" => *value = format!("<{name}>").into(),
                    name if name.ends_with("_at") && value.is_string() => *value = "<time>".into(),
                    name if name.ends_with("_until") && value.is_string() => *value = "<time>".into(),
                    _ => settle(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(settle),
        _ => {}
    }
}

#[tokio::test]
async fn the_shapes_of_the_eight_endpoints_are_those_of_the_file() {
    let mut threads = Transcript::new(ServerOptions::default()).await;
    threads.post("/workflow/start", json!({ "thread_id": "thread-1", "story_id": "STORY-7" })).await;
    threads.get("/workflow/thread-1/status").await;
    threads.post("/workflow/thread-1/run", json!({ "until": "story-assigned" })).await;
    threads.get("/workflow/thread-1/status").await;
    threads.get("/runs/thread-1.1").await;
    threads.post("/workflow/thread-1/stop", json!({ "reason": "lunch" })).await;
    threads.post("/runs", json!({ "thread_id": "thread-1" })).await;
    threads.get("/runs/thread-1.2").await;
    threads.get("/runs/thread-1.1").await;
    threads.post("/workflow/thread-1/reset", json!({ "reset_to_gate": 0, "reason": "wrong story" })).await;
    threads.post("/workflow/thread-1/reset", json!({})).await;
    threads.get("/workflow/thread-1/status").await;
    threads.post("/workflow/start", json!({ "thread_id": "thread-2", "story_id": "S", "title": "Another" })).await;
    threads.get("/workflows?limit=1").await;
    threads.is("threads.json").await;
}

#[tokio::test]
async fn every_refusal_of_the_eight_endpoints_says_that_there_was_no_success() {
    let mut threads = Transcript::new(ServerOptions::default()).await;
    threads.post("/workflow/start", json!({ "thread_id": "thread-1", "story_id": "STORY-7" })).await;
    threads.lines.clear();
    threads.post("/workflow/start", json!({ "thread_id": "thread-1", "story_id": "STORY-7" })).await;
    threads.post("/workflow/start", json!({ "thread_id": "../x", "story_id": "STORY-7" })).await;
    threads.post("/workflow/start", json!({ "story_id": "STORY-7", "template": "none" })).await;
    threads.post("/workflow/start", json!({ "story_id": "" })).await;
    threads.post("/workflow/start", json!({})).await;
    threads.post("/workflow/start", json!({ "story_id": "S", "surprise": 1 })).await;
    for path in ["/workflow/nobody/run", "/workflow/nobody/stop", "/workflow/nobody/reset"] {
        threads.post(path, json!({})).await;
    }
    threads.get("/workflow/nobody/status").await;
    threads.get("/workflow/a%20b/status").await;
    threads.post("/runs", json!({ "thread_id": "nobody" })).await;
    for run in ["thread-1", "thread-1.0", "thread-1.01", "thread-1.1", "nobody.1", "x.y.z"] {
        threads.get(&format!("/runs/{run}")).await;
    }
    threads.post("/workflow/thread-1/stop", json!({})).await;
    threads.post("/workflow/thread-1/run", json!({ "until": "nowhere" })).await;
    threads.post("/workflow/thread-1/reset", json!({ "reset_to_gate": 1 })).await;
    threads.post("/workflow/thread-1/reset", json!({ "reset_to_gate": -1 })).await;
    threads.post("/workflow/thread-1/reset", json!({ "clear_tasks": "yes" })).await;
    threads.post("/workflow/thread-1/reset", json!({ "plan": "0000000000000000" })).await;
    for line in &threads.lines {
        assert_eq!(line["answered"]["success"], false, "{line}");
        assert!(line["status"].as_u64().unwrap() >= 400, "{line}");
    }
    threads.is("thread_refusals.json").await;
}

#[tokio::test]
async fn in_confirm_mode_a_reset_without_a_plan_is_refused_with_one() {
    let mut options = ServerOptions::default();
    options.confirm = true;
    let mut threads = Transcript::new(options).await;
    threads.post("/workflow/start", json!({ "thread_id": "thread-1", "story_id": "STORY-7" })).await;
    let refused = threads.post("/workflow/thread-1/reset", json!({})).await;
    assert_eq!((&refused["code"], &refused["success"]), (&json!("plan_required"), &json!(false)));
    let token = refused["plan"]["token"].as_str().unwrap().to_owned();
    let done = threads.post("/workflow/thread-1/reset", json!({ "plan": token })).await;
    assert_eq!(done["success"], true, "{done}");
    threads.world.end().await;
}
