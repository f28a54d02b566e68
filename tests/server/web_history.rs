//! The pages of the past: histories, what can be taken back, and the audit.

use std::time::Duration;

use restage::ServerOptions;
use restage::access::Role;
use serde_json::{Value, json};

use crate::user::User;
use crate::world::{Answered, Hand, World};

const HOSTILE: &str = "<script>alert(1)</script> \u{202e}";

impl Answered {
    /// The body of a page that was shown.
    #[track_caller]
    fn page(&self) -> &str {
        assert_eq!(self.status, 200, "{}", self.text);
        assert!(self.header("content-type").unwrap().starts_with("text/html"), "{:?}", self.headers);
        assert!(!self.text.contains("<script>alert"), "{}", self.text);
        assert!(!self.text.contains('\u{202e}'), "{}", self.text);
        assert!(!self.text.contains(" style="), "{}", self.text);
        &self.text
    }
}

/// A workshop whose first step was reset twice and given back once.
async fn garden(user: &User<'_>) {
    user.post("/v1/workshops", json!({ "id": "garden", "title": HOSTILE })).await.is(201);
    let say = json!({ "messages": [{ "id": "m1", "role": "user", "content": "What we *grow*" }] });
    user.post("/v1/workshops/garden/steps/challenge/messages", say).await.ok();
    for reason in ["wrong soil", HOSTILE] {
        user.post("/v1/workshops/garden/steps/challenge/reset", json!({ "reason": reason })).await.ok();
    }
    user.post("/v1/workshops/garden/undo", json!({ "undo_point": 2, "reason": "back" })).await.ok();
}

/// How often a piece of markup is there.
fn count(page: &str, piece: &str) -> usize {
    page.matches(piece).count()
}

#[tokio::test]
async fn a_history_tells_what_matters_and_offers_to_take_it_back() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    garden(&user).await;
    let answer = user.get("/ui/workshops/garden/history").await;
    let page = answer.page();
    assert_eq!(count(page, "<li class=\"entry\""), 4, "created, two resets, one undo: {page}");
    for piece in [
        "reset challenge",
        "undo: point 2 was taken back",
        "<q><bdi>wrong soil</bdi></q>",
        "&lt;script&gt;alert(1)&lt;/script&gt; <span class=\"control\">U+202E</span>",
        "aria-label=\"Steps\"",
        "aria-label=\"challenge: in progress\"",
        "data-verb=\"/v1/workshops/garden/undo\"",
        "data-title=\"Undo: reset challenge?\"",
        "data-follow=\"kind=workshop&#38;id=garden\"",
    ] {
        assert!(page.contains(piece), "{piece} is not in {page}");
    }
    // Of three points one was taken back: the other reset and the undo can be.
    let open: Vec<Value> = user.all("/v1/workshops/garden/undo-points", 50).await;
    let open = open.iter().filter(|point| point["undone_by"].is_null()).count();
    assert_eq!((open, count(page, "data-verb=")), (2, 4), "in the entry, and in the list");
    assert!(page.contains("Taken back: see <a href=\"#undo-3\">"), "{page}");

    let reader = world.user(Role::Read).await.get("/ui/workshops/garden/history").await;
    assert_eq!(count(reader.page(), "data-verb="), 0, "who may not go back is not offered to");
    world.end().await;
}

#[tokio::test]
async fn the_full_journal_has_every_turn_under_an_address_of_its_own() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    garden(&user).await;
    for n in 0..60 {
        let say = json!({ "messages": [{ "id": format!("n{n}"), "role": "user", "content": "more" }] });
        user.post("/v1/workshops/garden/steps/challenge/messages", say).await.ok();
    }
    let turns = user.all("/v1/workshops/garden/history", 500).await;
    let (mut path, mut seen) = ("/ui/workshops/garden/history?view=full".to_owned(), Vec::new());
    loop {
        let answer = user.get(&path).await;
        let page = answer.page();
        let ids = page.split("id=\"entry-").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<u64>().unwrap());
        seen.extend(ids);
        let Some((before, _)) = page.split_once("\">Earlier entries</a>") else { break };
        path = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
    }
    let expected: Vec<u64> = turns.iter().rev().map(|turn| turn["revision"].as_u64().unwrap()).collect();
    assert_eq!(seen, expected);

    let found = user.get("/ui/workshops/garden/history?view=full&before=4").await;
    assert!(found.page().contains("id=\"entry-3\"") && !found.page().contains("id=\"entry-4\""));
    let of_other = user.get("/ui/workshops/garden/history?view=full&stage=persona").await;
    assert!(of_other.page().contains("Nothing here."), "{}", of_other.text);
    world.end().await;
}

#[tokio::test]
async fn a_timeline_has_a_bar_for_each_status_and_says_the_same_in_a_table() {
    let (options, hand) = Hand::options();
    let world = World::with(options, ServerOptions::default()).await;
    let user = world.user(Role::Reset).await;
    garden(&user).await;
    hand.forward(Duration::from_secs(7_500));
    let answer = user.get("/ui/workshops/garden/history?view=timeline").await;
    let page = answer.page();
    assert!(page.contains("aria-label=\"challenge: in progress, for 2 h 5 min\""), "{page}");
    assert_eq!(count(page, "class=\"bar-of "), count(page, "<td>still</td>"), "{page}");
    world.end().await;
}

#[tokio::test]
async fn what_was_said_before_a_reset_can_be_read() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    garden(&user).await;
    let history = user.get("/ui/workshops/garden/history").await;
    let old = "/ui/workshops/garden/history/challenge/1";
    assert!(history.page().contains(&format!("href=\"{old}\"")), "{}", history.text);
    let answer = user.get(old).await;
    assert!(answer.page().contains("<p>What we <em>grow</em></p>"), "{}", answer.text);
    assert_eq!(count(answer.page(), "id=\"m-0\""), 1);
    assert_eq!(user.get("/ui/workshops/garden/history/challenge/99").await.status, 404);
    world.end().await;
}

#[tokio::test]
async fn what_is_not_there_or_not_asked_for_rightly_is_said() {
    let world = World::new().await;
    let user = world.user(Role::Read).await;
    for (path, status) in [
        ("/ui/workshops/nobody/history", 404),
        ("/ui/tasks/nobody/history", 404),
        ("/ui/workflows/nobody/history?view=full", 404),
        ("/ui/workshops/..%2fx/history", 400),
        ("/ui/workshops/garden/history?view=all", 400),
        ("/ui/workshops/garden/history?before=-1", 400),
        ("/ui/workshops/garden/history?stage=%3Cscript%3E", 400),
        ("/ui/audit?since=yesterday", 400),
        ("/ui/audit?kind=workshop&id=%2e%2e%2f", 422),
        ("/ui/audit?cursor=abc", 400),
    ] {
        let answer = user.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(answer.text.contains("<h1>"), "{path}: {}", answer.text);
    }
    world.end().await;
}

#[tokio::test]
async fn the_audit_page_filters_and_says_whether_the_chain_holds() {
    let world = World::new().await;
    let user = world.user(Role::Reset).await;
    garden(&user).await;
    user.post("/v1/workshops", json!({ "id": "other", "title": "Other" })).await.is(201);
    user.post("/v1/workshops/other/steps/challenge/reset", json!({})).await.ok();
    let rows = |answer: &Answered| count(answer.page(), "<tr id=\"entry-");
    let all = user.get("/ui/audit").await;
    assert_eq!(rows(&all), 4, "{}", all.text);
    assert!(!all.text.contains("access"), "entries about the server itself are not for everybody");
    let empty_fields = user.get("/ui/audit?kind=&id=&by=&verb=undo&since=").await;
    assert_eq!(rows(&empty_fields), 1);
    let of_one = user.get("/ui/audit?kind=workshop&id=garden").await;
    assert_eq!(rows(&of_one), 3);
    assert!(
        of_one.text.contains("the chain holds") && of_one.text.contains("each of the 3 entries"),
        "{}",
        of_one.text
    );
    assert!(of_one.text.find("entry-workshop-garden-5") < of_one.text.find("entry-workshop-garden-4"), "newest first");
    let filtered = user.get("/ui/audit?kind=workshop&id=garden&verb=undo").await;
    assert_eq!(rows(&filtered), 1);
    assert!(filtered.text.contains("href=\"/ui/workshops/garden/history?view=full&#38;before="), "{}", filtered.text);
    let none = user.get("/ui/audit?kind=access&id=access").await;
    assert!(none.page().contains("Nothing was done") && !none.text.contains("chain holds"), "{}", none.text);
    let admin = world.user(Role::Admin).await.get("/ui/audit?kind=access").await;
    assert!(rows(&admin) > 0);
    world.end().await;
}
