//! Workflows, queues and batches over HTTP: claims, results that come too late, going back, and what is stuck.

use std::time::Duration;

use reqwest::Method;
use restage::access::Role;
use serde_json::{Value, json};

use crate::world::{Answered, World, answered};

/// A server with one workflow that runs, and who asks it.
struct Desk {
    world: World,
    token: String,
}

const TEMPLATE: &str = r#"
name = "two"
title = "Two gates"
safety_least = 0.8

[[gates]]
id = "made"
name = "Made"
phase = "making"
[[gates.tasks]]
domain = "fe"
title = "Make it"
input = '{"size": 1.50}'
[[gates.tasks]]
domain = "fe"
title = "Paint it"

[[gates]]
id = "shipped"
name = "Shipped"
phase = "shipping"
approval = true
"#;

impl Desk {
    async fn new() -> Self {
        let world = World::new().await;
        world.restage.workflows().unwrap().serve();
        world.restage.batches().unwrap().serve();
        let token = world.token(Role::Admin).await;
        let desk = Self { world, token };
        let new = json!({ "id": "w", "title": "A thing", "story": "S-1", "template_file": TEMPLATE });
        assert_eq!(desk.post("/v1/workflows", new).await.status, 201);
        assert_eq!(desk.post("/v1/workflows/w/run", json!({})).await.json()["run_id"], "w.1");
        desk
    }

    async fn post(&self, path: &str, body: Value) -> Answered {
        answered(self.world.ask_as(&self.token, Method::POST, path).json(&body)).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = answered(self.world.ask_as(&self.token, Method::GET, path)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn claim(&self) -> Value {
        let claim = json!({ "worker": "fe-1", "wait_seconds": 20, "lease_seconds": 30 });
        let answer = self.post("/v1/queues/fe/claims", claim).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn finish(&self, grant: &Value, result: Value) -> Answered {
        self.post("/v1/leases/finish", json!({ "lease": grant["lease"], "result": result })).await
    }
}

fn good() -> Value {
    json!({ "status": "completed", "agent_id": "agent-7", "result": { "b": 1, "a": [1.50] }, "safety_score": 0.9 })
}

#[tokio::test]
async fn a_worker_claims_beats_and_hands_in_and_the_workflow_goes_on_to_where_a_person_is_needed() {
    let desk = Desk::new().await;
    let first = desk.claim().await;
    assert_eq!(
        (&first["workflow"], &first["task_id"], &first["attempt"]),
        (&json!("w"), &json!("0-fe-5-1"), &json!(1))
    );
    assert!(first.to_string().contains("\"size\":1.50") || first["input"]["size"] == 1.5, "{first}");
    let beat = desk.post("/v1/leases/heartbeat", json!({ "lease": first["lease"], "progress": "half" })).await;
    assert!(beat.json()["lease_until"].is_string());
    let task = desk.get("/v1/workflows/w/tasks/0-fe-5-1").await;
    assert_eq!(
        (&task["status"], &task["worker"], &task["progress"]),
        (&json!("leased"), &json!("fe-1"), &json!("half"))
    );
    assert_eq!(desk.finish(&first, good()).await.json()["outcome"], "landed");
    let again = desk.finish(&first, good()).await.json();
    assert_eq!(again["outcome"], "already_landed");
    let second = desk.claim().await;
    let unsafe_result = json!({ "status": "completed", "agent_id": "a", "safety_score": 0.1 });
    assert_eq!(desk.finish(&second, unsafe_result).await.json()["outcome"], "tried_again");
    desk.post("/v1/workflows/w/tasks/0-fe-5-2/cancel", json!({ "reason": "not needed" })).await;
    let workflow = desk.get("/v1/workflows/w").await;
    assert_eq!(
        (&workflow["status"], &workflow["gate"], &workflow["phase"]),
        (&json!("waiting"), &json!(1), &json!("shipping"))
    );
    let seen = &workflow["gates"][1]["results_digest"];
    let approved = desk.post("/v1/workflows/w/approve", json!({ "gate": "shipped", "seen": seen })).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    assert_eq!(desk.get("/v1/workflows/w").await["status"], "completed");
    let results = desk.get("/v1/workflows/w/results").await;
    assert_eq!(results["items"].as_array().unwrap().len(), 1);
    assert_eq!(results["items"][0]["result"], json!({ "b": 1, "a": [1.5] }));
    let worker = &desk.get("/v1/workers").await["items"][0];
    assert_eq!((&worker["worker"], &worker["done"]), (&json!("fe-1"), &json!(2)), "{worker}");
    desk.world.end().await;
}

#[tokio::test]
async fn a_result_after_a_reset_is_refused_with_its_number_and_adopted_over_http() {
    let desk = Desk::new().await;
    let grant = desk.claim().await;
    let plan = desk.post("/v1/workflows/w/reset/plan", json!({})).await.json();
    let reset = desk.post("/v1/workflows/w/reset", json!({ "plan": plan["token"], "reason": "wrong" })).await.json();
    let cleared = json!({ "tasks": 2, "results": 0, "queues": ["fe"] });
    assert_eq!((&reset["cleared"], &reset["undo_point"]), (&cleared, &json!(1)), "{reset}");
    let late = desk.finish(&grant, good()).await.problem(409, "stale_generation");
    let orphan = late["orphan"].as_u64().unwrap();
    let kept = desk.get("/v1/workflows/w/late-results").await;
    assert_eq!(
        (&kept["items"][0]["orphan"], &kept["items"][0]["result"]["agent_id"]),
        (&json!(orphan), &json!("agent-7"))
    );
    let shown = desk.get(&format!("/v1/workflows/w/orphans/{orphan}")).await;
    assert_eq!(shown["command"]["task_id"], "0-fe-5-1");
    assert!(desk.get("/v1/orphans").await["items"].as_array().unwrap().iter().any(|one| one["kind"] == "workflow"));
    let adopted = desk.post(&format!("/v1/workflows/w/orphans/{orphan}/adopt"), json!({ "reason": "good" })).await;
    assert_eq!(adopted.status, 200, "{adopted:?}");
    assert_eq!(desk.get("/v1/workflows/w/results").await["items"].as_array().unwrap().len(), 1);
    let undone = desk.post("/v1/workflows/w/undo", json!({ "undo_point": 1 })).await;
    assert_eq!(undone.problem(428, "plan_required")["plan"]["verb"], "undo");
    desk.world.end().await;
}

#[tokio::test]
async fn a_claim_waits_no_longer_than_it_says_and_is_answered_when_the_server_stops() {
    let desk = Desk::new().await;
    let none = desk.post("/v1/queues/be/claims", json!({ "worker": "be-1" })).await;
    assert_eq!((none.status, none.text.as_str()), (204, ""));
    for (body, status, code) in [
        (json!({ "worker": "x", "wait_seconds": 61 }), 400, "wait"),
        (json!({ "worker": "x", "lease_seconds": 0 }), 422, "invalid"),
        (json!({ "worker": "x", "lease_seconds": 3_601 }), 422, "invalid"),
        (json!({ "worker": "" }), 422, "invalid"),
        (json!({ "worker": "x".repeat(101) }), 413, "limit"),
        (json!({ "worker": "x", "surprise": 1 }), 422, "body"),
        (json!({}), 422, "body"),
    ] {
        desk.post("/v1/queues/fe/claims", body).await.problem(status, code);
    }
    desk.post("/v1/queues/NO/claims", json!({ "worker": "x" })).await.problem(400, "path");
    let waits = desk.world.ask_as(&desk.token, Method::POST, "/v1/queues/be/claims");
    let waits = tokio::spawn(answered(waits.json(&json!({ "worker": "be-1", "wait_seconds": 60 }))));
    while desk.get("/v1/workers").await["items"].as_array().unwrap().iter().all(|worker| worker["waiting"] == 0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    desk.world.take_server().stop().await.unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(20), waits).await.expect("it is answered").unwrap();
    refused.problem(503, "stopping");
    desk.world.end().await;
}

#[tokio::test]
async fn leases_that_are_none_are_refused_and_nothing_is_kept() {
    let desk = Desk::new().await;
    let grant = desk.claim().await;
    let mut forged = grant["lease"].as_str().unwrap().to_owned();
    forged.replace_range(0..3, "AAA");
    for lease in [forged.as_str(), "", "x", &"A".repeat(5_000)] {
        for (path, body) in [
            ("/v1/leases/finish", json!({ "lease": lease, "result": good() })),
            ("/v1/leases/heartbeat", json!({ "lease": lease })),
            ("/v1/leases/release", json!({ "lease": lease })),
        ] {
            desk.post(path, body).await.problem(409, "lease_invalid");
        }
    }
    assert_eq!(desk.get("/v1/workflows/w").await["orphans"], 0);
    assert_eq!(desk.post("/v1/leases/release", json!({ "lease": grant["lease"] })).await.status, 200);
    let again = desk.claim().await;
    assert_eq!(again["task_id"], grant["task_id"], "it was given back");
    let late = desk.finish(&grant, good()).await.problem(409, "superseded");
    assert!(late["orphan"].is_u64(), "{late}");
    desk.world.end().await;
}

#[tokio::test]
async fn queues_tell_how_much_there_is_and_stuck_tells_what_to_do() {
    let desk = Desk::new().await;
    let added = json!({ "tasks": [
        { "domain": "be", "title": "Low", "priority": 1 }, { "domain": "be", "title": "High", "priority": 9 },
    ] });
    let added = desk.post("/v1/workflows/w/tasks", added).await.json();
    assert_eq!(added["task_ids"], json!(["0-be-1-1", "0-be-9-1"]));
    while desk.get("/v1/queues/be").await["workflows"] == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let queue = desk.get("/v1/queues/be").await;
    let by_priority = json!([{ "priority": 9, "tasks": 1 }, { "priority": 1, "tasks": 1 }]);
    assert_eq!((&queue["depth"], &queue["by_priority"]), (&json!(2), &by_priority));
    let found = desk.get("/v1/stuck?kind=workflow&patience_seconds=0").await;
    let cures: Vec<&str> = found["items"].as_array().unwrap().iter().map(|one| one["cure"].as_str().unwrap()).collect();
    assert!(cures.contains(&"restage worker run --queue be -- COMMAND"), "{cures:?}");
    let listed = desk.get("/v1/workflows/w/tasks?domain=be&status=queued").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    desk.world.end().await;
}

#[tokio::test]
async fn many_are_reset_as_one_job_that_tells_what_failed_and_is_undone() {
    let desk = Desk::new().await;
    let batch = json!({ "id": "b", "of": "workflows", "targets": ["w", "nobody"], "reset_to_gate": 0, "reason": "r" });
    let plan = desk.post("/v1/batches/plan", batch.clone()).await.json();
    assert!(plan["lines"].as_array().unwrap().iter().any(|line| line["what"] == "nobody"), "{plan}");
    let made = desk.post("/v1/batches", batch).await;
    assert_eq!((made.status, made.headers["location"].to_str().unwrap()), (201, "/v1/batches/b"));
    let over = |id: &'static str| {
        let desk = &desk;
        async move {
            loop {
                let batch = desk.get(&format!("/v1/batches/{id}")).await;
                if batch["status"] != "running" {
                    return batch;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let batch = over("b").await;
    assert_eq!((&batch["status"], &batch["done"], &batch["failed"]), (&json!("completed"), &json!(1), &json!(1)));
    let outcomes = desk.get("/v1/batches/b/outcomes").await;
    assert_eq!((&outcomes["items"][0]["done"], &outcomes["items"][1]["code"]), (&json!(true), &json!("not_found")));
    assert_eq!(desk.get("/v1/workflows/w").await["gates"][0]["tasks"], 0);
    assert_eq!(desk.post("/v1/batches/b/undo", json!({ "id": "u" })).await.status, 201);
    assert_eq!(over("u").await["done"], 1);
    assert_eq!(desk.get("/v1/workflows/w").await["gates"][0]["tasks"], 2);
    for (body, code) in [
        (json!({ "of": "workflows", "targets": [] }), "invalid"),
        (json!({ "of": "workflows", "targets": ["a", "a"] }), "invalid"),
        (json!({ "of": "workflows", "targets": ["a"], "step": "x" }), "invalid"),
        (json!({ "of": "workshops", "targets": ["a"] }), "invalid"),
        (json!({ "of": "workshops", "targets": ["a"], "step": "x", "clear_tasks": true }), "invalid"),
        (json!({ "of": "tasks", "targets": ["a"] }), "body"),
    ] {
        desk.post("/v1/batches", body).await.problem(422, code);
    }
    desk.world.end().await;
}
