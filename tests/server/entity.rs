//! What all entities have: audits and lists over all of them.

use reqwest::Method;
use restage::access::Role;
use restage::{Digest, ServerOptions};
use serde_json::{Value, json};

use crate::user::{User, golden};
use crate::world::{Hand, World, answered};

async fn made(user: &User<'_>, id: &str) {
    user.post("/v1/workshops", json!({ "id": id, "title": id })).await.is(201);
}

async fn reset(user: &User<'_>, id: &str, reason: &str) -> Value {
    user.post(&format!("/v1/workshops/{id}/steps/challenge/reset"), json!({ "reason": reason })).await.ok()
}

/// Checks a chain as one does without the program: each line without its last field has the hash that this field holds,
/// which is what the next line of the entity names.
fn check_chain(lines: &str) -> usize {
    let mut last: std::collections::BTreeMap<String, Value> = std::collections::BTreeMap::new();
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let (hashed, _) = line.rsplit_once(",\"hash\":\"").unwrap();
        let hash = Digest::of(format!("{hashed}}}").as_bytes()).to_string();
        assert_eq!(entry["hash"], hash, "{line}");
        let of = format!("{} {}", entry["kind"], entry["id"]);
        let before = last.insert(of, entry["hash"].clone()).unwrap_or(Value::Null);
        assert_eq!(entry["previous"], before, "{line}");
    }
    lines.lines().count()
}

#[tokio::test]
async fn the_audit_says_who_did_what_from_where_and_why_and_is_a_chain() {
    let (options, hand) = Hand::options();
    let world = World::with(options, ServerOptions::default()).await;
    let (user, admin) = (world.user(Role::Reset).await, world.user(Role::Admin).await);
    for id in ["w1", "w2"] {
        made(&user, id).await;
        reset(&user, id, "first").await;
        reset(&user, id, "<script>alert(1)</script>\n\"second\"").await;
    }
    hand.forward(std::time::Duration::from_secs(3600));
    user.post("/v1/workshops/w1/undo", json!({ "reason": "back" })).await.ok();
    let of_one = user.get("/v1/workshops/w1/audit").await.ok()["items"].as_array().unwrap().clone();
    let verbs: Vec<&str> = of_one.iter().map(|entry| entry["verb"].as_str().unwrap()).collect();
    assert_eq!(verbs, ["reset", "reset", "undo"]);
    assert!(of_one[0]["from"].as_str().unwrap().contains("127.0.0.1"), "{}", of_one[0]);
    assert_eq!(of_one[1]["reason"], "<script>alert(1)</script>\n\"second\"");
    assert_eq!(user.all("/v1/workshops/w1/audit", 1).await, of_one);

    let paged = user.all("/v1/audit?kind=workshop", 2).await;
    assert_eq!(paged.len(), 5);
    let export = || user.ask(Method::GET, "/v1/audit").header("accept", "application/x-ndjson");
    let lines = answered(export()).await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(check_chain(&lines.text), 5);
    let exported: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported, paged);
    for (query, count) in [
        ("id=w1", 3),
        ("verb=undo", 1),
        ("verb=undo&id=w2", 0),
        ("by=nobody", 0),
        ("since=2027-01-15T08:30:00Z", 1),
        ("since=2026-01-01T00:00:00%2B01:00&kind=workshop", 5),
    ] {
        let found = user.all(&format!("/v1/audit?{query}"), 2).await;
        assert_eq!(found.len(), count, "{query}");
    }
    user.get("/v1/audit?since=yesterday").await.problem(400, "since");
    // What was done to the server itself is for those who look after it.
    assert!(user.all("/v1/audit?kind=access", 50).await.is_empty());
    let all = answered(admin.ask(Method::GET, "/v1/audit").header("accept", "application/x-ndjson")).await;
    assert!(check_chain(&all.text) >= 5);
    golden("audit-entry", of_one[0].clone(), &["from", "hash"]);
    world.end().await;
}

#[tokio::test]
async fn lists_over_all_entities_give_each_thing_once_whatever_the_page() {
    let world = World::new().await;
    let user = world.user(Role::Admin).await;
    for n in 0..7 {
        let id = format!("w{n}");
        made(&user, &id).await;
        for _ in 0..=n % 3 {
            reset(&user, &id, "again").await;
        }
        let late = json!({ "generation": 1, "messages": [{ "id": "l", "role": "user", "content": "late" }] });
        let path = format!("/v1/workshops/{id}/steps/challenge/messages");
        user.post(&path, late).await.problem(409, "stale_generation");
    }
    for (path, count) in
        [("/v1/undo-points", 13), ("/v1/orphans", 7), ("/v1/audit?kind=workshop", 13), ("/v1/workshops", 7)]
    {
        let whole = user.all(path, 500).await;
        assert_eq!(whole.len(), count, "{path}");
        for limit in [1, 2, 3, 6, 13] {
            assert_eq!(user.all(path, limit).await, whole, "{path} by {limit}");
        }
    }
    user.post("/v1/workshops/w2/purge", json!({ "reason": "privacy" })).await.ok();
    assert_eq!(user.all("/v1/orphans", 2).await.len(), 6);
    assert_eq!(user.all("/v1/undo-points", 2).await.len(), 10);
    assert!(user.get("/v1/workshops/w2/undo-points").await.ok()["items"].as_array().unwrap().is_empty());
    world.end().await;
}

#[tokio::test]
async fn what_is_made_before_is_listed_after_another_start() {
    let world = World::new().await;
    let user = world.user(Role::Admin).await;
    made(&user, "w1").await;
    reset(&user, "w1", "once").await;
    let before = user.get("/v1/audit?kind=workshop").await.ok();
    world.take_server().stop().await.unwrap();
    let folder = world.folder();
    world.restage.clone().shutdown().await.unwrap();
    let restage = restage::Restage::open(&folder).await.unwrap();
    let entries = restage.audits(None, 100).await.unwrap();
    let lines: Vec<Value> = entries.iter().map(|entry| serde_json::from_str(&entry.line()).unwrap()).collect();
    let own: Vec<Value> = lines.into_iter().filter(|entry| entry["kind"] == "workshop").collect();
    assert_eq!(before["items"], json!(own));
    let (_, unsound) = restage.workshops().unwrap().kind().verify(|_| {}).await.unwrap();
    assert_eq!(unsound, []);

    let (mut newest, mut last) = (Vec::new(), None);
    loop {
        let page = restage.latest_audits(last.as_ref(), 2).await.unwrap();
        last = page.last().cloned().or(last);
        if page.is_empty() {
            break;
        }
        newest.extend(page);
    }
    assert!(newest.windows(2).all(|pair| pair[0].at >= pair[1].at), "from the newest on");
    let key = |entry: &restage::Audit| (entry.kind.clone(), entry.id.clone(), entry.revision);
    newest.sort_by_key(key);
    assert_eq!(newest, entries, "they are the same");
    restage.shutdown().await.unwrap();
}
