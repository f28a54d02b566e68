//! What holds for everything that goes back: how often, and, where it is asked for, only with a plan.

use reqwest::{Method, RequestBuilder};
use restage::access::Role;
use restage::{EntityId, ServerOptions};
use serde_json::{Value, json};

use crate::world::{World, answered};

const RESET: &str = "/v1/workshops/garden/steps/challenge/reset";

/// A server with one workshop, and a token that may go back.
async fn garden(options: ServerOptions) -> (World, String) {
    let world = World::with(Default::default(), options).await;
    let writer = world.token(Role::Write).await;
    let new = json!({ "id": "garden", "title": "Our garden" });
    let made = answered(world.ask_as(&writer, Method::POST, "/v1/workshops").json(&new)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let token = world.token(Role::Reset).await;
    (world, token)
}

fn reset(world: &World, token: &str, body: &Value) -> RequestBuilder {
    world.ask_as(token, Method::POST, RESET).json(body)
}

async fn resets(world: &World) -> usize {
    let kind = world.restage.workshops().unwrap().kind().clone();
    let audit = kind.entity(&EntityId::new("garden").unwrap()).audit(0, 2_000).await.unwrap();
    audit.iter().filter(|entry| entry.verb == "reset").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_resets_changes_no_more_than_the_limit_allows() {
    let mut options = ServerOptions::default();
    (options.adjustable.resets_per_minute, options.adjustable.resets_burst) = (1, 5);
    let (world, token) = garden(options).await;
    let storm = (0..1_000).map(|_| tokio::spawn(answered(reset(&world, &token, &json!({})))));
    let mut counts = std::collections::BTreeMap::new();
    for answer in storm.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        if answer.status == 429 {
            answer.problem(429, "going_back_rate");
            assert!(answer.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
            assert!(answer.headers["ratelimit"].to_str().unwrap().contains("r=0"));
        } else {
            assert_eq!(answer.headers["ratelimit-policy"], "\"going_back\";q=5;w=300");
        }
        *counts.entry(answer.status).or_insert(0) += 1;
    }
    // One more may have come back meanwhile.
    assert!((5..=6).contains(&counts[&200]), "{counts:?}");
    assert_eq!(counts[&200] + counts[&429], 1_000, "{counts:?}");
    assert_eq!(resets(&world).await, counts[&200]);
    let other = world.token(Role::Reset).await;
    assert_eq!(answered(reset(&world, &other, &json!({}))).await.status, 200, "others are not touched by it");
    world.end().await;
}

#[tokio::test]
async fn looking_at_plans_and_going_forward_is_not_counted() {
    let mut options = ServerOptions::default();
    (options.adjustable.resets_per_minute, options.adjustable.resets_burst) = (1, 1);
    let (world, token) = garden(options).await;
    for _ in 0..10 {
        let plan = world.ask_as(&token, Method::POST, &format!("{RESET}/plan")).json(&json!({}));
        assert_eq!(answered(plan).await.status, 200);
        let forward = world.ask_as(&token, Method::POST, "/v1/workshops/garden/flush").json(&json!({}));
        assert_eq!(answered(forward).await.status, 200);
    }
    assert_eq!(answered(reset(&world, &token, &json!({}))).await.status, 200);
    answered(reset(&world, &token, &json!({}))).await.problem(429, "going_back_rate");
    world.end().await;
}

#[tokio::test]
async fn a_rate_that_is_changed_holds_for_the_next_call() {
    let mut options = ServerOptions::default();
    (options.adjustable.resets_per_minute, options.adjustable.resets_burst) = (1, 1);
    let mut adjustable = options.adjustable.clone();
    let (world, token) = garden(options).await;
    assert_eq!(answered(reset(&world, &token, &json!({}))).await.status, 200);
    answered(reset(&world, &token, &json!({}))).await.problem(429, "going_back_rate");
    adjustable.resets_burst = 3;
    let server = world.take_server();
    server.adjust(adjustable);
    assert_eq!(answered(reset(&world, &token, &json!({}))).await.status, 200);
    server.stop().await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn in_confirm_mode_nothing_goes_back_without_its_plan() {
    let mut options = ServerOptions::default();
    options.confirm = true;
    let (world, token) = garden(options).await;
    let refused = answered(reset(&world, &token, &json!({ "reason": "again" }))).await.problem(428, "plan_required");
    let plan = refused["plan"]["token"].as_str().unwrap();
    assert_eq!(refused["plan"]["verb"], "reset");
    assert_eq!(resets(&world).await, 0);
    answered(reset(&world, &token, &json!({ "plan": "0123456789abcdef" }))).await.problem(409, "plan_moved");
    let done = answered(reset(&world, &token, &json!({ "reason": "again", "plan": plan }))).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let stale = answered(reset(&world, &token, &json!({ "plan": plan }))).await.problem(409, "plan_moved");
    assert_ne!(stale["plan"]["token"].as_str(), Some(plan), "here is what holds now");
    assert_eq!(resets(&world).await, 1);
    world.end().await;
}

#[tokio::test]
async fn every_way_back_asks_for_a_plan_in_confirm_mode() {
    let mut options = ServerOptions::default();
    options.confirm = true;
    let (world, token) = garden(options).await;
    let plan = answered(world.ask_as(&token, Method::POST, &format!("{RESET}/plan")).json(&json!({}))).await;
    let plan = plan.json()["token"].clone();
    assert_eq!(answered(reset(&world, &token, &json!({ "plan": plan }))).await.status, 200);
    let admin = world.token(Role::Admin).await;
    let before = world.restage.durable();
    for path in ["/v1/workshops/garden/undo", "/v1/workshops/garden/purge", RESET] {
        answered(world.ask_as(&admin, Method::POST, path).json(&json!({}))).await.problem(428, "plan_required");
    }
    assert_eq!(world.restage.durable(), before, "nothing was done");
    world.end().await;
}
