//! What is told, in which order, and that nobody misses or sees anything twice.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{EventStream, Filter, Told, told};
use crate::api::{Options, Restage, Workshop};
use crate::domain::webhook::Selection;
use crate::domain::workshop::Template;
use crate::domain::{EntityId, StageId};

const DOCS: &str = include_str!("../../../docs/events.md");

fn open() -> Restage {
    Restage::in_memory(Options::default()).unwrap()
}

async fn workshop(restage: &Restage, id: &str) -> Workshop {
    let workshop = restage.workshops().unwrap().get(&EntityId::new(id).unwrap()).by("ann");
    workshop.create("Bicycles", &Template::built_in("design-thinking").unwrap()).await.unwrap();
    workshop
}

fn follow(restage: &Restage, from: &str) -> EventStream {
    restage.events().after(from.parse().unwrap(), Filter::default()).unwrap()
}

/// So many events, or all that are there.
async fn take(stream: &mut EventStream, most: usize) -> Vec<Arc<Told>> {
    let mut taken = Vec::new();
    while taken.len() < most
        && let Ok(told) = tokio::time::timeout(Duration::from_secs(20), stream.next()).await
    {
        taken.extend(told.unwrap());
    }
    taken
}

fn names(told: &[Arc<Told>]) -> Vec<String> {
    told.iter().map(|told| told.name.to_string()).collect()
}

#[test]
fn the_documentation_lists_every_type_there_is_and_no_other() {
    let listed = DOCS.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: Vec<String> = listed.filter(|name| name.contains('.')).map(ToOwned::to_owned).collect();
    assert_eq!(listed, told::all_types());
}

#[tokio::test]
async fn a_turn_is_told_with_who_and_why_and_what_it_raised() {
    let restage = open();
    let workshop = workshop(&restage, "w").await;
    let challenge = StageId::new("challenge").unwrap();
    workshop.reason("wrong customer").reset(&challenge).await.unwrap();
    let told = take(&mut follow(&restage, "0"), 4).await;
    assert_eq!(names(&told), ["workshop.created", "workshop.step_began", "workshop.step_reset", "workshop.went_back"]);
    let reset: Value = serde_json::from_str(&told[2].json).unwrap();
    assert_eq!(reset["position"], told[2].offset.to_string());
    for (field, value) in
        [("kind", "workshop"), ("id", "w"), ("by", "ann"), ("reason", "wrong customer"), ("stage", "challenge")]
    {
        assert_eq!(reset[field], value, "{field}");
    }
    assert_eq!((&reset["revision"], &reset["generation"]), (&2.into(), &2.into()));
    assert_eq!(reset["data"]["status"], "in_progress");
    assert!(reset["at"].as_str().unwrap().ends_with('Z'));
    let went_back: Value = serde_json::from_str(&told[3].json).unwrap();
    assert_eq!((&went_back["data"]["verb"], &went_back["data"]["undo_point"]), (&"reset".into(), &1.into()));
    workshop.handle().undo(None).await.unwrap();
    let undone = take(&mut follow(&restage, &told[3].offset.to_string()), 1).await;
    assert_eq!(names(&undone), ["workshop.undone"]);
}

#[tokio::test]
async fn from_any_event_on_there_is_all_that_comes_after_it_and_nothing_twice() {
    let restage = open();
    // Read anew, and from what the hub remembers: both have to be the same.
    let before = workshop(&restage, "a").await;
    before.pause().await.unwrap();
    let _ = restage.events();
    let after = workshop(&restage, "b").await;
    after.pause().await.unwrap();
    let all: Vec<_> = take(&mut follow(&restage, "0"), 6).await.iter().map(|told| told.offset).collect();
    assert_eq!(all.len(), 6);
    assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
    for (count, offset) in all.iter().enumerate() {
        let rest = take(&mut follow(&restage, &offset.to_string()), all.len() - count - 1).await;
        let rest: Vec<_> = rest.iter().map(|told| told.offset).collect();
        assert_eq!(rest, all[count + 1..], "after {offset}");
    }
}

#[tokio::test]
async fn what_a_filter_does_not_let_through_is_not_seen_and_not_waited_for() {
    let restage = open();
    let selection = Selection {
        ids: ["b".to_owned()].into(),
        types: ["workshop.paused".to_owned(), "workshop.created".to_owned()].into(),
        ..Selection::default()
    };
    let mut stream = restage.events().after(restage.events().now(), Filter { selection, admin: false }).unwrap();
    workshop(&restage, "a").await.pause().await.unwrap();
    workshop(&restage, "b").await.pause().await.unwrap();
    let told = take(&mut stream, 2).await;
    assert_eq!(names(&told), ["workshop.created", "workshop.paused"]);
    assert!(told.iter().all(|told| told.id.as_str() == "b"));
}

#[tokio::test]
async fn an_offset_that_no_event_had_yet_is_refused() {
    let restage = open();
    let refused = restage.events().after("7.1".parse().unwrap(), Filter::default()).unwrap_err();
    assert_eq!(refused.code(), "unknown_offset");
}

#[tokio::test]
async fn who_follows_is_told_that_it_ends() {
    let restage = open();
    let mut stream = follow(&restage, "0");
    restage.events().end();
    assert_eq!(stream.next().await.unwrap_err().code(), "stopped");
    assert_eq!(follow(&restage, "0").next().await.unwrap_err().code(), "stopped");
}

#[tokio::test]
async fn who_follows_a_folder_that_is_closed_is_told_so() {
    let restage = open();
    let mut stream = follow(&restage, "0");
    let waiting = tokio::spawn(async move { stream.next().await.map(|_| ()) });
    restage.shutdown().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), "stopped");
}

#[tokio::test]
async fn what_happens_to_access_and_webhooks_is_for_admins_alone() {
    let restage = open();
    let webhooks =
        restage.webhooks(crate::api::WebhookHosts { private: vec!["localhost".into()], ..Default::default() });
    let webhooks = webhooks.unwrap();
    let id = EntityId::new("chat").unwrap();
    webhooks.create(&webhooks.entity(&id), "http://localhost:9/secret-path", Selection::default()).await.unwrap();
    workshop(&restage, "w").await;
    let everything = Filter { admin: true, ..Filter::default() };
    let mut admin = restage.events().after("0".parse().unwrap(), everything).unwrap();
    let told = take(&mut admin, 3).await;
    assert_eq!(names(&told), ["webhook.created", "workshop.created", "workshop.step_began"]);
    assert!(!told[0].json.contains("secret"), "{}", told[0].json);
    assert_eq!(names(&take(&mut follow(&restage, "0"), 2).await), ["workshop.created", "workshop.step_began"]);
}
