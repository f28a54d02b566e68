//! Tasks over HTTP: a real repository, agents that are real programs.

use std::net::TcpListener;

use restage::access::Role;
use restage::{Server, ServerOptions};
use serde_json::{Value, json};

use crate::pipeline::{self, AGENT, Witness, git};
use crate::user::{User, golden};
use crate::world::World;

/// A server over a data folder whose agents do this.
async fn serve(place: &pipeline::World, script: &str) -> World {
    let (restage, _) = place.open(script).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(restage.clone(), ServerOptions::default(), listener).await.unwrap();
    World::over(restage, server)
}

/// Asks until the task is as it should be, as a page would that has no event stream.
async fn until(user: &User<'_>, holds: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let task = user.get("/v1/tasks/t1").await.ok();
        if holds(&task) {
            return task;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{task}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn stage_done(user: &User<'_>) {
    user.post("/v1/tasks/t1/run", json!({})).await.is(202);
    let task = until(user, |task| task["run"].is_null()).await;
    assert_eq!(task["stage_status"], "to_approve", "{task}");
    let stage = task["stages"].as_array().unwrap().iter().find(|stage| stage["stage"] == task["stage"]).unwrap();
    let approve = json!({ "seen": stage["candidate"]["tree"] });
    user.post("/v1/tasks/t1/approve?wait=30", approve).await.is(200);
}

async fn started(user: &User<'_>, tier: &str) {
    let new = json!({ "id": "t1", "title": "Make it so", "repository": "app", "tier": tier, "brief": "All of it." });
    user.post("/v1/tasks", new).await.is(201);
    let started = user.post("/v1/tasks/t1/start?wait=30", json!({})).await.is(200);
    assert_eq!(started["operation"], Value::Null);
}

/// What differs from run to run, beside who asked.
const MOVES: &[&str] = &[
    "at",
    "since",
    "until",
    "tree",
    "commit",
    "base_commit",
    "head",
    "worktree",
    "token",
    "merged",
    "revision",
    "log_lines",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_through_its_stages_back_and_forth_again_and_is_merged() {
    let place = pipeline::World::new();
    let script = "echo by $RESTAGE_STAGE >> src/a.txt; echo '{\"restage\":\"output\",\"text\":\"made\"}'";
    let world = serve(&place, script).await;
    let user = world.user(Role::Admin).await;
    started(&user, "L1").await;
    user.post("/v1/tasks/t1/start", json!({})).await.problem(409, "conflict");
    user.post("/v1/tasks/t1/approve", json!({})).await.problem(409, "conflict");
    stage_done(&user).await;
    stage_done(&user).await;
    let done = user.get("/v1/tasks/t1").await.ok();
    assert_eq!(done["status"], "done");
    assert_eq!(user.get("/v1/tasks/t1/stages/plan/output").await.ok()["text"], "made");
    user.get("/v1/tasks/t1/stages/plan/feedback").await.problem(404, "not_found");
    user.get("/v1/tasks/t1/stages/verify/output").await.problem(404, "not_found");
    let diff = user.get("/v1/tasks/t1/diff").await;
    assert!(diff.text.contains("+by plan\n+by implement"), "{}", diff.text);
    assert_eq!(diff.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(diff.header("x-content-type-options"), Some("nosniff"));
    assert!(diff.header("content-disposition").unwrap().starts_with("attachment"));
    let of_stage = user.get("/v1/tasks/t1/diff?stage=implement").await.text;
    assert!(of_stage.contains("+by implement") && !of_stage.contains("+by plan"), "{of_stage}");
    user.get("/v1/tasks/t1/diff?stage=implement&uncommitted=true").await.problem(400, "query");
    user.get("/v1/tasks/t1/diff?stage=..%2f..").await.problem(400, "query");

    let merged = user.post("/v1/tasks/t1/merge?wait=30", json!({})).await.is(200);
    assert_eq!(merged["status"], "done");
    let merge = user.get("/v1/tasks/t1").await.ok()["merged"].clone();
    assert_eq!(merge, git(&place.repository(), &["rev-parse", "main"]));
    user.post("/v1/tasks/t1/merge", json!({})).await.problem(409, "conflict");
    user.post("/v1/tasks/t1/clean-up?wait=30", json!({})).await.is(200);
    assert_eq!(user.get("/v1/tasks/t1").await.ok()["place"]["removed"], true);
    let whole = user.all("/v1/tasks/t1/log", 500).await;
    assert_eq!(user.all("/v1/tasks/t1/log", 3).await, whole);
    assert_eq!(user.get("/v1/tasks/t1").await.ok()["log_lines"], whole.len());
    golden("task", user.get("/v1/tasks/t1").await.ok(), MOVES);
    golden("tasks", user.get("/v1/tasks").await.ok(), MOVES);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_moves_files_and_state_and_its_undo_gives_both_back() {
    let place = pipeline::World::new();
    let world = serve(&place, AGENT).await;
    let user = world.user(Role::Admin).await;
    started(&user, "L1").await;
    stage_done(&user).await;
    user.post("/v1/tasks/t1/run", json!({})).await.is(202);
    let failed = until(&user, |task| task["run"].is_null()).await;
    assert_eq!((&failed["stage_status"], &failed["problem"]["code"]), (&json!("failed"), &json!("exit_code")));
    let worktree = std::path::PathBuf::from(failed["place"]["worktree"].as_str().unwrap());
    let before = Witness::of(&worktree);
    let files = user.get("/v1/tasks/t1/files").await.ok();
    assert!(files["files"].as_array().unwrap().iter().any(|file| file["path"] == "new/deep/file"), "{files}");

    let plan = user.post("/v1/tasks/t1/restart/plan", json!({ "stage": "implement" })).await.ok();
    assert!(plan["files"]["files"].as_array().unwrap().len() > 3, "{plan}");
    golden("task-restart-plan", plan.clone(), MOVES);
    let restart = json!({ "stage": "implement", "reason": "a mess", "plan": plan["token"] });
    let back = user.post("/v1/tasks/t1/restart?wait=30", restart.clone()).await.is(200);
    assert_eq!(back["stage_status"], "ready");
    assert!(Witness::of(&worktree).is_clean());
    user.post("/v1/tasks/t1/restart", restart).await.problem(409, "plan_moved");
    assert_eq!(user.all("/v1/tasks/t1/snapshots", 1).await.len(), 1);

    let plan = user.post("/v1/tasks/t1/undo/plan", json!({})).await.ok();
    assert!(plan["files"].is_object(), "{plan}");
    let undo = json!({ "undo_point": back["undo_point"], "reason": "it was no mess" });
    user.post("/v1/tasks/t1/undo?wait=30", undo).await.is(200);
    assert_eq!(Witness::of(&worktree), before, "untracked, staged and executable files too");
    let verbs: Vec<Value> = user.all("/v1/tasks/t1/audit", 10).await.iter().map(|e| e["verb"].clone()).collect();
    assert_eq!(verbs, ["restart", "undo"]);
    user.post("/v1/tasks/t1/reject", json!({ "feedback": "not like this" })).await.ok();
    assert_eq!(user.get("/v1/tasks/t1/stages/implement/feedback").await.ok()["text"], "not like this");

    // Without waiting it is begun, and done later.
    let begun = user.post("/v1/tasks/t1/restart", json!({ "reason": "all of it" })).await;
    assert!(begun.status == 202 || begun.status == 200, "{}", begun.text);
    let task = until(&user, |task| task["operation"].is_null()).await;
    assert_eq!(task["status"], "backlog");
    user.post("/v1/tasks/t1/restart", json!({})).await.problem(409, "conflict");
    user.post("/v1/tasks/t1/restart?wait=61", json!({})).await.problem(400, "wait");
    user.post("/v1/tasks/t1/restart?wait=-1", json!({})).await.problem(400, "query");
    let purged = user.post("/v1/tasks/t1/purge", json!({ "reason": "privacy" })).await.ok();
    assert!(purged["snapshots"].as_u64().unwrap() >= 2, "{purged}");
    assert!(user.all("/v1/undo-points", 10).await.is_empty());
    place.check();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_made_once_paused_together_and_wait_for_each_other() {
    let place = pipeline::World::new();
    let world = serve(&place, "sleep 600").await;
    let user = world.user(Role::Admin).await;
    started(&user, "L1").await;
    let new = json!({ "title": "After", "repository": "app", "depends_on": ["t1"] });
    let (first, again) = (user.once("k", "/v1/tasks", new.clone()).await, user.once("k", "/v1/tasks", new).await);
    assert_eq!(first.is(201), again.is(201));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let after = format!("/v1/tasks/{}", first.json()["id"].as_str().unwrap());
    user.post(&format!("{after}/start"), json!({})).await.problem(409, "conflict");
    assert_eq!(user.get(&after).await.ok()["depends_on"], json!([{ "task": "t1", "done": false }]));
    user.post("/v1/tasks/t1/run", json!({})).await.is(202);
    let all = user.post("/v1/tasks/pause-all", json!({ "reason": "lunch" })).await.ok();
    assert_eq!(all, json!({ "paused": ["t1"], "refused": [] }));
    let task = user.get("/v1/tasks/t1").await.ok();
    assert_eq!((&task["status"], &task["run"]), (&json!("paused"), &Value::Null), "its agent is fenced at once");
    user.post("/v1/tasks/t1/resume", json!({})).await.ok();
    user.post("/v1/tasks/t1/retry", json!({})).await.is(202);
    user.post("/v1/tasks/t1/pause", json!({})).await.ok();
    user.post(&format!("{after}/accept"), json!({})).await.problem(409, "conflict");

    for (body, status, code) in [
        (json!({ "title": "x", "repository": "none" }), 404, "not_found"),
        (json!({ "title": "x", "repository": "../app" }), 422, "invalid"),
        (json!({ "title": "x", "repository": "app", "depends_on": ["none"] }), 404, "not_found"),
        (json!({ "title": "x", "repository": "app", "tier": "L9" }), 404, "not_found"),
        (json!({ "title": "x", "repository": "app", "from": "--upload-pack=x" }), 422, "invalid"),
        (json!({ "title": "x", "repository": "app", "command": ["rm"] }), 422, "body"),
        (json!({ "title": "x", "repository": "app", "tier_file": "name = 1" }), 422, "invalid"),
    ] {
        user.post("/v1/tasks", body.clone()).await.problem(status, code);
    }
    assert_eq!(user.all("/v1/tasks", 1).await.len(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_added_by_those_who_look_after_the_server() {
    let place = pipeline::World::new();
    let world = serve(&place, "true").await;
    let (admin, resetter) = (world.user(Role::Admin).await, world.user(Role::Reset).await);
    let add = json!({ "name": "again", "path": place.repository() });
    resetter.post("/v1/repositories", add.clone()).await.problem(403, "role");
    let added = admin.post("/v1/repositories", add).await.is(201);
    assert_eq!(added["base"], "main");
    assert_eq!(resetter.get("/v1/repositories/again").await.ok(), added);
    assert_eq!(resetter.all("/v1/repositories", 1).await.len(), 2);
    for path in ["repository", "../repository", "/etc", "/proc/self/environ", "ext::sh -c id"] {
        let answer = admin.post("/v1/repositories", json!({ "name": "bad", "path": path })).await;
        assert!([404, 409, 422].contains(&answer.status), "{path}: {}", answer.text);
    }
    resetter.get("/v1/repositories/bad").await.problem(404, "not_found");
    let tiers = resetter.get("/v1/tiers").await.ok();
    assert_eq!(tiers["items"][0]["name"], "L1");
    assert_eq!(resetter.get("/v1/tiers/L3").await.ok()["stages"].as_array().unwrap().len(), 6);
    assert_eq!(resetter.get("/v1/templates/design-thinking").await.ok()["steps"].as_array().unwrap().len(), 10);
    assert_eq!(resetter.get("/v1/templates").await.ok()["items"][0]["name"], "design-thinking");
    world.end().await;
}
