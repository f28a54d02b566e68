//! Workshops over HTTP.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use restage::ServerOptions;
use restage::access::Role;
use serde_json::{Value, json};

use crate::user::{User, golden};
use crate::world::{Hand, World, answered};

/// Two steps, of which the second has an artifact.
const TEMPLATE: &str = r#"
name = "garden"
title = "A garden"

[[steps]]
id = "look"
title = "Look around"
prompt = "Look."

[[steps]]
id = "plan"
title = "Make a plan"
prompt = "Plan."
artifact = '{"type": "object", "required": ["beds"], "properties": {"beds": {"type": "integer"}}}'

[[steps.sub_steps]]
id = "beds"
title = "Beds"
prompt = "Beds."

[[steps.sub_steps]]
id = "paths"
title = "Paths"
prompt = "Paths."
"#;

const STEPS: &str = "/v1/workshops/w1/steps";

fn said(id: &str, content: &str) -> Value {
    json!({ "id": id, "role": "user", "content": content })
}

async fn made(user: &User<'_>) {
    let new = json!({ "id": "w1", "title": "Our garden", "template_file": TEMPLATE });
    user.post("/v1/workshops", new).await.is(201);
}

async fn contents(user: &User<'_>, step: &str) -> Vec<String> {
    let all = user.all(&format!("{STEPS}/{step}/messages"), 2).await;
    all.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// From the first message to the end of the workshop.
async fn goes_through(user: &User<'_>) {
    let save = json!({ "messages": [said("m1", "roses"), said("m2", "and tulips"), said("m3", "")] });
    let saved = user.post(&format!("{STEPS}/look/messages"), save).await.is(200);
    let outcomes: Vec<&str> =
        saved["messages"].as_array().unwrap().iter().map(|m| m["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["stored", "stored", "skipped"]);
    let draft = user.post(&format!("{STEPS}/look/drafts"), json!({ "messages": [said("m4", "wat")] })).await.is(202);
    assert_eq!(draft["pending"], 1);
    assert_eq!(contents(user, "look").await, ["roses", "and tulips"], "a draft is not durable yet");
    assert_eq!(user.get("/v1/workshops/w1").await.ok()["pending"], 1);
    assert!(user.post("/v1/workshops/w1/flush", json!({})).await.ok()["pending"].is_null());
    assert_eq!(contents(user, "look").await, ["roses", "and tulips", "wat"]);
    let edit = json!({ "message": said("m4", "water"), "generation": 1 });
    user.post(&format!("{STEPS}/look/edit"), edit).await.ok();

    assert_eq!(user.post(&format!("{STEPS}/plan/open"), json!({})).await.ok()["step"], "look");
    let points = json!(["one", "two", "three"]);
    let next = user.post(&format!("{STEPS}/look/next"), json!({ "summary": points })).await.ok();
    assert_eq!(next["entered"], "plan");
    assert_eq!(user.get(&format!("{STEPS}/look/summary")).await.ok()["points"], points);
    user.put(&format!("{STEPS}/plan/sub-step"), json!({ "sub_step": "paths" })).await.ok();
    user.post(&format!("{STEPS}/plan/messages"), json!({ "messages": [said("p1", "a path")] })).await.ok();
    user.post(&format!("{STEPS}/plan/next"), json!({})).await.problem(409, "conflict");
    user.put(&format!("{STEPS}/plan/artifact"), json!({ "artifact": { "beds": "two" } })).await.problem(422, "invalid");
    let artifact = r#"{ "artifact": {"beds" :  2.0e0,"z":1,  "a":2} }"#;
    let put = user.ask(Method::PUT, &format!("{STEPS}/plan/artifact"));
    let put = answered(put.header("content-type", "application/json").body(artifact)).await;
    assert_eq!(put.ok()["version"], 1);
    let kept = user.get(&format!("{STEPS}/plan/artifact")).await;
    assert_eq!((kept.text.as_str(), kept.header("etag")), (r#"{"beds" :  2.0e0,"z":1,  "a":2}"#, Some("\"1\"")));
    user.post(&format!("{STEPS}/plan/artifact/confirm"), json!({ "version": 1 })).await.ok();
    let done = user.post(&format!("{STEPS}/plan/next"), json!({})).await.ok();
    assert_eq!(done["workshop_completed"], true);
    user.put(&format!("{STEPS}/plan/summary"), json!({ "points": points })).await.ok();
}

#[tokio::test]
async fn a_workshop_goes_through_its_steps_and_back() {
    let (options, _) = Hand::options();
    let world = World::with(options, ServerOptions::default()).await;
    let user = world.user(Role::Reset).await;
    let new = json!({ "id": "w1", "title": "Our garden", "template_file": TEMPLATE });
    let answer = user.post("/v1/workshops", new).await;
    assert_eq!(answer.header("location"), Some("/v1/workshops/w1"));
    assert_eq!((&answer.is(201)["step"], answer.header("etag")), (&json!("look"), Some("\"1\"")));

    goes_through(&user).await;

    let plan = user.post(&format!("{STEPS}/look/reset/plan"), json!({})).await.is(200);
    golden("workshop-reset-plan", plan.clone(), &[]);
    let reset = json!({ "reason": "wrong garden", "plan": plan["token"] });
    let reset = user.post(&format!("{STEPS}/look/reset"), reset).await.is(200);
    assert_eq!((&reset["generation"], &reset["stale"]), (&json!(2), &json!(["plan"])));
    assert_eq!(contents(&user, "look").await, [""; 0]);
    let archived = user.get(&format!("{STEPS}/look/messages?generation=1")).await.ok();
    assert_eq!(archived["items"].as_array().unwrap().len(), 3);
    golden("workshop", user.get("/v1/workshops/w1").await.ok(), &[]);
    golden("workshops", user.get("/v1/workshops").await.ok(), &[]);
    golden("workshop-messages", archived.clone(), &[]);

    let undone = user.post("/v1/workshops/w1/undo", json!({ "undo_point": reset["undo_point"] })).await.is(200);
    assert_eq!(contents(&user, "look").await, ["roses", "and tulips", "water"]);
    user.post("/v1/workshops/w1/undo", json!({ "undo_point": undone["undo_point"] })).await.ok();
    assert_eq!(contents(&user, "look").await, [""; 0], "an undo can be undone");
    user.post(&format!("{STEPS}/plan/accept/plan"), json!({})).await.is(200);
    user.post(&format!("{STEPS}/plan/accept"), json!({ "reason": "it is fine" })).await.is(200);
    let message = json!({ "message": said("more", "more of it"), "reason": "more" });
    let plan = user.post(&format!("{STEPS}/plan/revise/plan"), message.clone()).await.is(200);
    let mut message = message;
    message["plan"] = plan["token"].clone();
    user.post(&format!("{STEPS}/plan/revise"), message).await.is(200);
    assert_eq!(contents(&user, "plan").await, ["a path", "more of it"]);
    golden("workshop-history", user.get("/v1/workshops/w1/history?order=newest&limit=6").await.ok(), &[]);
    let oldest: Vec<Value> = user.all("/v1/workshops/w1/history", 4).await;
    let mut newest: Vec<Value> = user.all("/v1/workshops/w1/history?order=newest", 4).await;
    newest.reverse();
    assert_eq!(oldest, newest);
    assert_eq!(user.all("/v1/workshops/w1/history?after=3", 4).await, oldest[3..]);
    user.post("/v1/workshops/w1/pause", json!({})).await.ok();
    assert_eq!(user.get("/v1/workshops/w1").await.ok()["status"], "paused");
    user.post("/v1/workshops/w1/resume", json!({})).await.ok();
    assert_eq!(user.post(&format!("{STEPS}/plan/back"), json!({})).await.ok()["step"], "look");
    assert_eq!(user.get("/v1/workshops/w1/template").await.ok()["steps"][1]["step"], "plan");
    world.end().await;
}

#[tokio::test]
async fn what_is_asked_twice_under_one_key_is_done_once() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    let new = json!({ "title": "No id" });
    let first = user.once("k1", "/v1/workshops", new.clone()).await;
    let again = user.once("k1", "/v1/workshops", new.clone()).await;
    assert_eq!(first.is(201), again.is(201), "the key leads to the same workshop");
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), (None, Some("true")));
    user.once("k1", "/v1/workshops", json!({ "title": "Another" })).await.problem(422, "key_reused");
    user.once("k2", "/v1/workshops", new.clone()).await.is(201);
    user.post("/v1/workshops", new).await.is(201);
    assert_eq!(user.get("/v1/workshops").await.ok()["items"].as_array().unwrap().len(), 3);

    made(&user).await;
    let reset = || user.once("r", "/v1/workshops/w1/steps/look/reset", json!({ "reason": "again" }));
    let (first, again) = (reset().await, reset().await);
    assert_eq!(first.ok(), again.ok());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(user.get("/v1/workshops/w1").await.ok()["steps"][0]["generation"], 2, "one reset");
    // A key of one workshop is none of another's.
    let other = user.get("/v1/workshops").await.ok()["items"][1]["id"].as_str().unwrap().to_owned();
    user.once("r", &format!("/v1/workshops/{other}/pause"), json!({})).await.ok();
    user.once("r", "/v1/workshops/w1/steps/look/reset", json!({ "reason": "other" })).await.ok();
    user.once("r", "/v1/workshops/w1/pause", json!({})).await.problem(422, "key_reused");
    world.end().await;
}

#[tokio::test]
async fn who_saw_another_revision_or_version_is_refused() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    made(&user).await;
    let seen = user.get("/v1/workshops/w1").await;
    assert_eq!((seen.header("etag"), &seen.ok()["revision"]), (Some("\"1\""), &json!(1)));
    user.post_at(1, "/v1/workshops/w1/pause", json!({})).await.ok();
    let moved = user.post_at(1, "/v1/workshops/w1/resume", json!({})).await.problem(412, "revision_moved");
    assert_eq!(moved["current"], 2);
    user.post_at(2, "/v1/workshops/w1/resume", json!({})).await.ok();
    for tag in ["1", "W/\"1\"", "\"-1\"", "\"1\", \"2\"", "\"x\"", "*"] {
        let asked = user.ask(Method::POST, "/v1/workshops/w1/pause").header("If-Match", tag).json(&json!({}));
        answered(asked).await.problem(400, "if_match");
    }

    user.post(&format!("{STEPS}/look/next"), json!({})).await.ok();
    let write = |tag: &'static str| {
        let put = user.ask(Method::PUT, &format!("{STEPS}/plan/artifact")).header("If-Match", tag);
        answered(put.json(&json!({ "artifact": { "beds": 1 } })))
    };
    assert_eq!(write("\"0\"").await.ok()["version"], 1);
    let moved = write("\"0\"").await.problem(412, "version_moved");
    assert_eq!((&moved["given"], &moved["current"]), (&json!(0), &json!(1)));
    assert_eq!(write("\"1\"").await.ok()["version"], 2);
    let stale = json!({ "artifact": { "beds": 1 }, "version": 1 });
    user.put(&format!("{STEPS}/plan/artifact"), stale).await.problem(412, "version_moved");
    world.end().await;
}

#[tokio::test]
async fn late_work_is_kept_shown_adopted_or_discarded() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    made(&user).await;
    let path = format!("{STEPS}/look/messages");
    user.post(&format!("{STEPS}/look/reset"), json!({})).await.ok();
    let late = |id: &str| json!({ "generation": 1, "messages": [said(id, "late")] });
    let told = user.post(&path, late("l1")).await.problem(409, "stale_generation");
    assert_eq!((&told["stage"], &told["given"], &told["current"]), (&json!("look"), &json!(1), &json!(2)));
    let drafted = user.post(&format!("{STEPS}/look/drafts"), late("l2")).await.problem(409, "stale_generation");
    assert_ne!(told["orphan"], drafted["orphan"]);
    assert_eq!(contents(&user, "look").await, [""; 0]);
    assert_eq!(user.all("/v1/workshops/w1/orphans", 1).await.len(), 2);
    let all = user.all("/v1/orphans", 1).await;
    assert_eq!((&all[0]["kind"], &all[0]["id"], all.len()), (&json!("workshop"), &json!("w1"), 2));

    let orphan = format!("/v1/workshops/w1/orphans/{}", told["orphan"]);
    let shown = user.get(&orphan).await.ok();
    assert_eq!(shown["command"]["verb"], "save");
    assert_eq!(shown["command"]["messages"][0]["content"], "late");
    let plan = user.post(&format!("{orphan}/adopt/plan"), json!({})).await.ok();
    user.post(&format!("{orphan}/adopt"), json!({ "plan": plan["token"] })).await.ok();
    assert_eq!(contents(&user, "look").await, ["late"]);
    user.get(&orphan).await.problem(404, "not_found");
    let other = format!("/v1/workshops/w1/orphans/{}", drafted["orphan"]);
    user.post(&format!("{other}/discard/plan"), json!({})).await.ok();
    user.post(&format!("{other}/discard"), json!({ "reason": "twice" })).await.ok();
    user.post(&format!("{other}/discard"), json!({})).await.problem(404, "not_found");
    assert_eq!(user.all("/v1/orphans", 10).await.len(), 0);
    user.post(&path, json!({ "generation": 9, "messages": [said("x", "y")] })).await.problem(422, "invalid");
    user.post(&path, json!({ "generation": 0, "messages": [said("x", "y")] })).await.problem(422, "invalid");
    world.end().await;
}

#[tokio::test]
async fn in_confirm_mode_nothing_goes_back_without_its_plan() {
    let mut options = ServerOptions::default();
    options.confirm = true;
    let world = World::with(restage::Options::default(), options).await;
    let user = world.user(Role::Admin).await;
    made(&user).await;
    let reset = format!("{STEPS}/look/reset");
    let told = user.post(&reset, json!({ "reason": "why not" })).await.problem(428, "plan_required");
    assert_eq!(told["plan"]["verb"], "reset");
    assert_eq!(user.get("/v1/workshops/w1").await.ok()["revision"], 1, "nothing was done");
    user.post("/v1/workshops/w1/pause", json!({})).await.ok();
    let moved = user.post(&reset, json!({ "plan": told["plan"]["token"] })).await.problem(409, "plan_moved");
    let reset = user.post(&reset, json!({ "plan": moved["plan"]["token"] })).await.ok();
    user.post("/v1/workshops/w1/undo", json!({})).await.problem(428, "plan_required");
    let plan = user.post("/v1/workshops/w1/undo/plan", json!({ "undo_point": reset["undo_point"] })).await.ok();
    let undo = json!({ "undo_point": reset["undo_point"], "plan": plan["token"] });
    user.post("/v1/workshops/w1/undo", undo).await.ok();
    user.post("/v1/workshops/w1/purge", json!({})).await.problem(428, "plan_required");
    let plan = user.post("/v1/workshops/w1/purge/plan", json!({})).await.ok();
    user.post("/v1/workshops/w1/purge", json!({ "plan": plan["token"] })).await.ok();
    assert_eq!(user.all("/v1/undo-points", 10).await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn a_conversation_goes_in_and_comes_out_byte_for_byte() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    made(&user).await;
    let path = format!("{STEPS}/look/transcript");
    let lines = "{\"role\":\"user\",  \"content\":\"a\", \"x\":1}\n\n{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}\r\n";
    let import = |of: &'static str, body: &'static str| {
        let post = user.ask(Method::POST, &path).header("content-type", of);
        answered(post.body(body))
    };
    let imported = import("application/x-ndjson", lines).await.ok();
    assert_eq!(imported["messages"].as_array().unwrap().len(), 2);
    let exported = user.get(&path).await;
    assert_eq!(exported.text, lines);
    assert!(exported.header("content-disposition").unwrap().starts_with("attachment"));
    let revision = user.get("/v1/workshops/w1").await.ok()["revision"].clone();
    import("application/json", lines).await.ok();
    assert_eq!(user.get("/v1/workshops/w1").await.ok()["revision"], revision, "imported again, it changes nothing");
    import("application/x-ndjson", "{\"role\":\"user\",\"content\":\"another\"}\n").await.problem(409, "conflict");
    import("application/x-ndjson", "{\"role\":\"user\"").await.problem(422, "transcript");
    import("application/x-ndjson", "\n \n").await.problem(422, "transcript");
    assert_eq!(import("application/x-ndjson", "").await.ok()["messages"], json!([]), "as an empty one is exported");
    import("text/plain", lines).await.problem(415, "media_type");
    import("multipart/form-data; boundary=x", lines).await.problem(415, "media_type");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_reset_no_old_message_is_ever_read() {
    const WRITERS: usize = 8;
    const RESETS: u64 = 6;
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    made(&user).await;
    let over = AtomicBool::new(false);
    let (user, over, path) = (&user, &over, format!("{STEPS}/look/messages"));
    let path = path.as_str();
    // Each writes for the generation that it read, and is always a little late.
    let writer = |number: usize| async move {
        let (mut written, mut turned_away) = (0, 0);
        while !over.load(Ordering::Relaxed) {
            let generation = user.get("/v1/workshops/w1").await.ok()["steps"][0]["generation"].clone();
            for n in 0..4 {
                let message = said(&format!("{number}-{generation}-{n}-{written}"), &generation.to_string());
                let save = json!({ "generation": generation, "messages": [message] });
                match user.post(path, save).await {
                    saved if saved.status == 200 => written += 1,
                    late => {
                        late.problem(409, "stale_generation");
                        turned_away += 1;
                    }
                }
            }
        }
        (written, turned_away)
    };
    let resets = async {
        for generation in 2..2 + RESETS {
            let reset = user.post(&format!("{STEPS}/look/reset"), json!({})).await.ok();
            assert_eq!(reset["generation"], generation);
            for _ in 0..5 {
                for message in user.all(path, 100).await {
                    let written_for: u64 = message["content"].as_str().unwrap().parse().unwrap();
                    assert!(written_for >= generation, "{message} is read after the reset to {generation}");
                    assert_eq!(message["generation"], written_for);
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    };
    let writers = futures_util::future::join_all((0..WRITERS).map(writer));
    let ((), done) = futures_util::future::join(resets, writers).await;
    assert!(done.iter().map(|(written, _)| written).sum::<usize>() > 0);
    world.end().await;
}
