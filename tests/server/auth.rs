//! Callers that are programs: tokens, and what is made of everything that is none.

use std::time::Duration;

use reqwest::Method;
use restage::ServerOptions;
use restage::access::Role;
use serde_json::json;

use crate::world::{Answered, Hand, World, answered};

const MINUTE: Duration = Duration::from_secs(60);

/// A request that names the caller, with these headers as they are.
async fn me(world: &World, headers: &str) -> Answered {
    world.raw(format!("GET /v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")).await
}

#[tokio::test]
async fn what_opens_nothing_is_refused_and_told_apart() {
    let (options, hand) = Hand::options();
    let world = World::with(options, ServerOptions::default()).await;
    let access = world.restage.access().await.unwrap();
    let (short, _) = access.create_token(Role::Admin, None, Some(access.now().after(MINUTE))).await.unwrap();
    let (gone, made) = access.create_token(Role::Admin, None, None).await.unwrap();
    access.revoke_token(&made.id).await.unwrap();
    let good = world.token(Role::Admin).await;
    hand.forward(MINUTE);
    let forged = format!("{}{}", &good[..16], "A".repeat(43));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for (headers, code) in [
        (String::new(), "token_missing"),
        (bearer("nothing"), "token_unknown"),
        (bearer(&forged), "token_unknown"),
        (bearer(&good.to_uppercase()), "token_unknown"),
        (bearer(&good[..good.len() - 1]), "token_unknown"),
        (bearer(&format!("{good}A")), "token_unknown"),
        (bearer(short.reveal()), "token_expired"),
        (bearer(gone.reveal()), "token_revoked"),
        ("Authorization: Bearer\r\n".into(), "token_malformed"),
        (format!("Authorization: {good}\r\n"), "token_malformed"),
        (format!("Authorization: Basic {good}\r\n"), "token_malformed"),
        (format!("Authorization: Bearer {good} {good}\r\n"), "token_malformed"),
        (format!("{}{}", bearer(&good), bearer(&good)), "token_malformed"),
        (format!("{}{}", bearer(&good), bearer("nothing")), "token_malformed"),
        (format!("Cookie: restage_session={good}\r\n"), "session_unknown"),
        (format!("Cookie: token={good}\r\nX-Api-Key: {good}\r\nProxy-{}", bearer(&good)), "token_missing"),
    ] {
        let answer = me(&world, &headers).await;
        answer.problem(401, code);
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{headers}");
        assert!(!answer.text.contains(&good[16..]), "{}", answer.text);
    }
    for name in ["token", "access_token", "authorization", "link"] {
        world.get(&format!("/v1/me?{name}={good}")).await.problem(401, "token_missing");
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(me(&world, &format!("Authorization: {scheme} {good} \r\n")).await.status, 200, "{scheme}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_and_the_server_lives() {
    let world = World::new().await;
    let long = format!("Authorization: Bearer {}\r\n", "A".repeat(1 << 20));
    let answer = me(&world, &long).await;
    assert!([0, 400, 401, 431].contains(&answer.status), "{}", answer.status);
    let below_the_limit_of_heads = format!("Authorization: Bearer {}\r\n", "A".repeat(30_000));
    me(&world, &below_the_limit_of_heads).await.problem(401, "token_unknown");
    assert_eq!(world.get("/livez").await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn tokens_are_made_listed_and_ended_over_http() {
    let world = World::new().await;
    let admin = world.token(Role::Admin).await;
    let new = json!({ "role": "write", "label": "ci", "expires_at": "2999-01-01T00:00:00Z", "reason": "for ci" });
    let made = answered(world.ask_as(&admin, Method::POST, "/v1/tokens").json(&new)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let token = made["token"].as_str().unwrap();
    let me = answered(world.ask_as(token, Method::GET, "/v1/me")).await.json();
    assert_eq!((me["name"].as_str(), me["role"].as_str()), (Some("ci"), Some("write")));
    assert_eq!(me["from"], format!("127.0.0.1 token {}", made["id"].as_str().unwrap()));

    let list = answered(world.ask_as(&admin, Method::GET, "/v1/tokens?limit=1")).await;
    let next = list.json()["next"].as_str().unwrap().to_owned();
    let rest = answered(world.ask_as(&admin, Method::GET, &format!("/v1/tokens?cursor={next}"))).await;
    assert_eq!(rest.json()["items"][0]["id"], made["id"]);
    assert_eq!(rest.json()["items"][0]["standing"], "live");
    assert!(!list.text.contains(&token[16..]) && !rest.text.contains(&token[16..]));

    let path = format!("/v1/tokens/{}/revoke", made["id"].as_str().unwrap());
    let ended = answered(world.ask_as(&admin, Method::POST, &path).json(&json!({ "reason": "done" }))).await;
    assert_eq!((ended.status, ended.json()["standing"].as_str()), (200, Some("revoked")));
    answered(world.ask_as(token, Method::GET, "/v1/me")).await.problem(401, "token_revoked");

    let audit = world.restage.access().await.unwrap().kind().clone();
    let main = restage::EntityId::new("main").unwrap();
    let audit = audit.entity(&main).audit(0, 100).await.unwrap();
    let last: Vec<_> = audit.iter().rev().take(2).map(|of| (of.verb.as_str(), of.reason.as_deref())).collect();
    assert_eq!(last, [("revoke_token", Some("done")), ("create_token", Some("for ci"))]);
    assert!(audit.iter().rev().take(2).all(|of| of.from.as_deref().is_some_and(|from| from.starts_with("127.0.0.1 "))));
    world.end().await;
}

#[tokio::test]
async fn tokens_that_can_not_be_are_refused() {
    let world = World::new().await;
    let admin = world.token(Role::Admin).await;
    for (body, status, code) in [
        (json!({}), 422, "body"),
        (json!({ "role": "root" }), 422, "body"),
        (json!({ "role": "Admin" }), 422, "body"),
        (json!({ "role": "read", "id": "000000000000" }), 422, "body"),
        (json!({ "role": "read", "label": "" }), 422, "invalid"),
        (json!({ "role": "read", "label": "a\nb" }), 422, "invalid"),
        (json!({ "role": "read", "label": "x".repeat(101) }), 413, "limit"),
        (json!({ "role": "read", "expires_at": "soon" }), 422, "invalid"),
        (json!({ "role": "read", "expires_at": "1999-01-01T00:00:00Z" }), 422, "invalid"),
        (json!({ "role": "read", "reason": "x".repeat(1 << 20) }), 413, "body_too_large"),
        (json!({ "role": "read", "reason": "a\u{1b}[31m" }), 422, "invalid"),
    ] {
        answered(world.ask_as(&admin, Method::POST, "/v1/tokens").json(&body)).await.problem(status, code);
    }
    let access = world.restage.access().await.unwrap();
    assert_eq!(access.tokens().len(), 1);
    for id in ["000000000000", "%2e%2e", "..%2f", "a%00b"] {
        let path = format!("/v1/tokens/{id}/revoke");
        let answer = answered(world.ask_as(&admin, Method::POST, &path).json(&json!({}))).await;
        assert_eq!(answer.status, 404, "{id}: {}", answer.text);
    }
    world.end().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_and_locks_nobody_out() {
    let (options, hand) = Hand::options();
    let world = World::with(options, ServerOptions::default()).await;
    let good = world.token(Role::Read).await;
    let mut codes = std::collections::BTreeMap::new();
    for n in 0..1_000 {
        let guess = format!("{}{n:043}", &good[..16]);
        let answer = answered(world.ask_as(&guess, Method::GET, "/v1/me")).await;
        if answer.status == 429 {
            let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
        }
        *codes.entry(answer.json()["code"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(codes, [("attempts".to_owned(), 980), ("token_unknown".to_owned(), 20)].into());
    assert_eq!(answered(world.ask_as(&good, Method::GET, "/v1/me")).await.status, 200);
    world.get("/v1/me").await.problem(401, "token_missing");
    hand.forward(MINUTE);
    answered(world.ask_as("guess", Method::GET, "/v1/me")).await.problem(401, "token_unknown");
    world.end().await;
}

#[tokio::test]
async fn the_local_token_speaks_for_people_and_others_only_for_themselves() {
    let world = World::new().await;
    let local = world.restage.access().await.unwrap().local_token().unwrap().unwrap();
    let admin = world.token(Role::Admin).await;
    let name = |token: &str, by: &str| {
        let request = world.ask_as(token, Method::GET, "/v1/me").header("Restage-By", by);
        async { answered(request).await }
    };
    assert_eq!(name(local.reveal(), "ann").await.json()["name"], "ann");
    assert!(name(&admin, "ann").await.json()["name"].as_str().unwrap().starts_with("token "));
    name(local.reveal(), "").await.problem(400, "by");
    name(local.reveal(), &"x".repeat(101)).await.problem(400, "by");
    world.end().await;
}

#[tokio::test]
async fn refused_calls_that_matter_are_audited_so_many_and_no_more() {
    let (options, _) = Hand::options();
    let world = World::with(options, ServerOptions::default()).await;
    let reader = world.token(Role::Read).await;
    answered(world.ask_as("rs_forged", Method::POST, "/v1/tokens").json(&json!({ "role": "admin" }))).await;
    let whole = format!("/v1/tokens/{reader}/revoke");
    answered(world.ask_as(&reader, Method::POST, &whole).json(&json!({}))).await.problem(403, "role");
    for _ in 0..100 {
        let body = json!({ "role": "admin" });
        let answer = answered(world.ask_as(&reader, Method::POST, "/v1/tokens").json(&body)).await;
        assert_eq!(answer.problem(403, "role")["needs"], "admin");
    }
    // What anybody may try in vain is not worth a line.
    world.get("/v1/tokens").await.problem(401, "token_missing");
    let kind = world.restage.access().await.unwrap().kind().clone();
    let audit = kind.entity(&restage::EntityId::new("main").unwrap()).audit(0, 500).await.unwrap();
    let denied: Vec<_> = audit.iter().filter(|entry| entry.verb == "denied").collect();
    assert_eq!(denied.len(), 60);
    assert_eq!((denied[0].by.as_str(), denied[0].lines[0].what.as_str()), ("unknown", "POST /v1/tokens"));
    assert_eq!(denied[1].lines[0].what, "POST /v1/tokens/rs_.../revoke", "a token that was named is not told");
    assert!(denied[0].lines[0].why.starts_with("token_unknown"), "{:?}", denied[0]);
    assert!(audit.iter().flat_map(|entry| &entry.lines).all(|line| !line.what.contains(&reader[16..])));
    assert!(denied[1].by.starts_with("token ") && denied[1].from.as_deref().unwrap().starts_with("127.0.0.1 token "));
    world.end().await;
}
