//! What the runtime promises beside order: a panic loses one entity's memory and no more, entities are loaded once, a
//! full mailbox is said and loses nothing, leaving memory loses nothing, effects are carried out, the feed has no gaps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod gauge;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gauge::{Command, Gauge, close, eventually, is_waited_at, open, times_applied};
use restage::{Class, EntityId, Handle, Options, Owed, Position, Restage};

fn id(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

fn entity(restage: &Restage, name: &str) -> Handle<Gauge> {
    restage.kind::<Gauge>().unwrap().entity(&id(name))
}

fn add(what: impl Into<String>) -> Command {
    Command::Add(what.into())
}

async fn added(entity: &Handle<Gauge>) -> Vec<String> {
    entity.view().await.unwrap().state.added
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_loses_nothing_but_the_turn_that_panicked() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    let (one, other) = (entity(&restage, "one"), entity(&restage, "other"));
    one.send(add("before")).await.unwrap();
    let tasks: Vec<_> = (0..60)
        .map(|nth| {
            let (one, other) = (one.clone(), other.clone());
            tokio::spawn(async move {
                if nth % 6 == 3 {
                    let error = one.send(Command::Panic).await.unwrap_err();
                    assert_eq!((error.code(), error.class()), ("panicked", Class::Internal));
                    return None;
                }
                other.send(add(format!("o{nth}"))).await.unwrap();
                one.send(add(format!("a{nth}"))).await.unwrap();
                Some(nth)
            })
        })
        .collect();
    let mut acknowledged = BTreeSet::from(["before".to_owned()]);
    for task in tasks {
        acknowledged.extend(task.await.unwrap().map(|nth| format!("a{nth}")));
    }
    assert_eq!(added(&one).await.into_iter().collect::<BTreeSet<_>>(), acknowledged);
    assert_eq!(added(&one).await.len(), acknowledged.len(), "nothing twice");
    assert_eq!(added(&other).await.len(), acknowledged.len() - 1);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_first_requests_load_an_entity_once() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    entity(&restage, "e").send(add("loaded-once")).await.unwrap();
    restage.shutdown().await.unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    let before = times_applied("loaded-once");
    let first = entity(&restage, "e");
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let first = first.clone();
            tokio::spawn(async move { first.view().await.unwrap().revision })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    assert_eq!(times_applied("loaded-once") - before, 1);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_is_said_and_loses_nothing() {
    const GATE: &str = "full mailbox";
    let restage = Restage::in_memory(Options::default().mailbox_most(4)).unwrap();
    let busy = entity(&restage, "busy");
    close(GATE);
    let waiting = tokio::spawn({
        let busy = busy.clone();
        async move { busy.send(Command::Wait(GATE.into())).await }
    });
    eventually("it waits", || async { is_waited_at(GATE) }).await;
    let tasks: Vec<_> = (0..60)
        .map(|nth| {
            let busy = busy.within(Duration::from_millis(300));
            tokio::spawn(async move { (format!("b{nth}"), busy.send(add(format!("b{nth}"))).await) })
        })
        .collect();
    let (mut told, mut refused, mut uncertain) = (Vec::new(), Vec::new(), Vec::new());
    for task in tasks {
        let (what, outcome) = task.await.unwrap();
        match outcome {
            Ok(_) => told.push(what),
            Err(error) if error.code() == "busy" => {
                assert_eq!(error.class(), Class::Unavailable);
                refused.push(what);
            }
            Err(error) => {
                assert_eq!((error.code(), error.class()), ("deadline", Class::Uncertain), "{error}");
                uncertain.push(what);
            }
        }
    }
    open(GATE);
    waiting.await.unwrap().unwrap();
    busy.send(add("after")).await.unwrap();
    let there = added(&busy).await;
    println!("{} done, {} refused as busy, {} with no answer in time", told.len(), refused.len(), uncertain.len());
    assert!(!refused.is_empty(), "nobody was told that the entity is busy");
    assert!(told.iter().all(|what| there.contains(what)));
    assert!(refused.iter().all(|what| !there.contains(what)), "what was refused has no effect");
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_is_given_again_for_the_same_key() {
    const GATE: &str = "deadline";
    let restage = Restage::in_memory(Options::default()).unwrap();
    let slow = entity(&restage, "slow").key("once");
    slow.key("another").send(add("first")).await.unwrap();
    close(GATE);
    let waiting = tokio::spawn({
        let slow = entity(&restage, "slow");
        async move { slow.send(Command::Wait(GATE.into())).await }
    });
    eventually("it waits", || async { is_waited_at(GATE) }).await;
    let error = slow.within(Duration::from_millis(20)).send(add("x")).await.unwrap_err();
    assert_eq!((error.code(), error.class()), ("deadline", Class::Uncertain));
    open(GATE);
    waiting.await.unwrap().unwrap();
    slow.send(add("x")).await.unwrap();
    assert!(slow.send(add("x")).await.unwrap().replayed);
    assert_eq!(added(&slow).await, ["first", "x"]);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_memory_all_the_time_loses_nothing() {
    const ENTITIES: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let options = Options::default().idle(Duration::from_millis(1)).active_most(2);
    let restage = Restage::open_with(folder.path(), options).await.unwrap();
    for nth in 0..ENTITIES {
        entity(&restage, &format!("p{nth}")).send(add(format!("first of p{nth}"))).await.unwrap();
    }
    let tasks: Vec<_> = (0..ENTITIES * 4)
        .map(|task| {
            let entity = entity(&restage, &format!("p{}", task % ENTITIES));
            tokio::spawn(async move {
                for nth in 0..40 {
                    let what = format!("{task}.{nth}");
                    match nth % 4 {
                        0 => entity.draft(add(what)).await.unwrap(),
                        _ => entity.send(add(what)).await.unwrap(),
                    };
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let left = |restage: &Restage| restage.stats().kinds.iter().map(|kind| kind.active).sum::<usize>() == 0;
    eventually("all entities have left memory", || async { left(&restage) }).await;
    for nth in 0..ENTITIES {
        let there = added(&entity(&restage, &format!("p{nth}"))).await;
        assert_eq!(there.len(), 1 + 4 * 40, "of p{nth}");
        assert_eq!(there.iter().collect::<BTreeSet<_>>().len(), there.len(), "nothing twice");
    }
    let loads: u64 = (0..ENTITIES).map(|nth| times_applied(&format!("first of p{nth}"))).sum();
    println!("{loads} times an entity came into memory");
    assert!(loads > 2 * ENTITIES as u64, "entities never left memory");
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_commits_drafts_and_then_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    for nth in 0..10 {
        let receipt = entity(&restage, &format!("d{nth}")).draft(add("draft")).await.unwrap();
        assert_eq!(receipt.pending, 1);
    }
    let kept = entity(&restage, "d0");
    restage.shutdown().await.unwrap();
    assert_eq!(kept.send(add("late")).await.unwrap_err().code(), "stopped");
    let restage = Restage::open(folder.path()).await.unwrap();
    for nth in 0..10 {
        assert_eq!(added(&entity(&restage, &format!("d{nth}"))).await, ["draft"]);
    }
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_runtimes_live_in_one_process_and_a_folder_has_one() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut runtimes = Vec::new();
    for folder in &folders {
        runtimes.push(Restage::open(folder.path()).await.unwrap());
    }
    let refused = Restage::open(folders[0].path()).await.unwrap_err();
    assert_eq!(refused.code(), "in_use");
    let tasks: Vec<_> = runtimes
        .iter()
        .enumerate()
        .flat_map(|(nth, restage)| (0..20).map(move |n| (entity(restage, "same"), format!("{nth}.{n}"))))
        .map(|(entity, what)| tokio::spawn(async move { entity.send(add(what)).await.unwrap() }))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    runtimes.remove(1).shutdown().await.unwrap();
    for (nth, restage) in [0, 2].into_iter().zip(&runtimes) {
        let there = added(&entity(restage, "same")).await;
        assert_eq!(there.len(), 20);
        assert!(there.iter().all(|what| what.starts_with(&format!("{nth}."))), "nothing of another");
    }
    for restage in runtimes {
        restage.shutdown().await.unwrap();
    }
}

type Seen = (Position, EntityId, u64);

/// Reads a feed until it is at a position.
async fn read_until(restage: &Restage, after: Position, last: Position) -> Vec<Seen> {
    let mut feed = restage.feed(after);
    let mut seen: Vec<Seen> = Vec::new();
    while seen.last().is_none_or(|(position, ..)| *position < last) && after < last {
        let turn = feed.next().await.unwrap();
        seen.push((turn.position, turn.id, turn.revision));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_goes_on_from_anywhere_without_gap_or_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    let writers: Vec<_> = (0..5)
        .map(|writer| {
            let entity = entity(&restage, &format!("f{writer}"));
            tokio::spawn(async move {
                for nth in 0..30 {
                    if nth % 5 == 0 {
                        entity.draft(add(format!("draft {nth}"))).await.unwrap();
                    }
                    entity.send(add(format!("{nth}"))).await.unwrap();
                }
            })
        })
        .collect();
    // Follows while it is written, and starts anew from where it was after every third turn.
    let mut live: Vec<Seen> = Vec::new();
    while live.len() < 5 * 36 {
        let from = live.last().map_or(Position(0), |(position, ..)| *position);
        let mut feed = restage.feed(from);
        let mut read = Vec::new();
        // Turns that share a position were committed together, and come together.
        while read.len() < 3 || read[read.len() - 1] == read[read.len() - 2] {
            let turn = feed.next().await.unwrap();
            read.push(turn.position);
            live.push((turn.position, turn.id, turn.revision));
            if live.len() == 5 * 36 {
                break;
            }
        }
        // The last position may have more turns: it is read again as a whole.
        if live.len() < 5 * 36 {
            let last = live.last().unwrap().0;
            live.retain(|(position, ..)| *position < last);
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let last = restage.durable();
    let all = read_until(&restage, Position(0), last).await;
    assert_eq!(live, all, "the live reader saw each once");
    for writer in 0..5 {
        let id = id(&format!("f{writer}"));
        let revisions: Vec<u64> = all.iter().filter(|(_, of, _)| *of == id).map(|(.., revision)| *revision).collect();
        assert_eq!(revisions, (1..=36).collect::<Vec<_>>());
    }
    for after in 0..=last.0 {
        let expected: Vec<Seen> = all.iter().filter(|(position, ..)| position.0 > after).cloned().collect();
        assert_eq!(read_until(&restage, Position(after), last).await, expected, "after {after}");
    }
    restage.shutdown().await.unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    assert_eq!(read_until(&restage, Position(0), last).await, all, "after a restart");
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_are_carried_out_and_answered_once_across_restarts() {
    const OWED: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::new(AtomicU64::new(0));

    // The world takes each up, and the process ends before it has answered.
    let restage = Restage::open(folder.path()).await.unwrap();
    let begun = Arc::clone(&calls);
    restage.kind::<Gauge>().unwrap().serve_effects(move |_: Owed<Gauge>| {
        begun.fetch_add(1, Ordering::Relaxed);
        std::future::pending()
    });
    for nth in 0..OWED {
        entity(&restage, "e").send(Command::Owe(format!("k{nth}"))).await.unwrap();
    }
    eventually("every effect is taken up", || async { calls.load(Ordering::Relaxed) >= OWED as u64 }).await;
    restage.shutdown().await.unwrap();

    // Then it fails once each, and answers.
    let restage = Restage::open(folder.path()).await.unwrap();
    let failed = Arc::new(Mutex::new(BTreeSet::new()));
    let kind = restage.kind::<Gauge>().unwrap();
    assert!(kind.serve_effects(move |owed: Owed<Gauge>| {
        let first = failed.lock().unwrap().insert(owed.key.clone());
        async move { if first { Err("not now".to_owned()) } else { Ok(Some(Command::Answered(owed.effect))) } }
    }));
    assert!(!kind.serve_effects(|_: Owed<Gauge>| async { Ok(None) }), "one handler a kind");
    let answered = entity(&restage, "e");
    eventually("every effect is answered", || async { answered.view().await.unwrap().state.answers.len() == OWED })
        .await;
    restage.shutdown().await.unwrap();

    // And nothing is owed any more.
    let restage = Restage::open(folder.path()).await.unwrap();
    let again = Arc::new(Mutex::new(Vec::new()));
    let taken_up = Arc::clone(&again);
    restage.kind::<Gauge>().unwrap().serve_effects(move |owed: Owed<Gauge>| {
        taken_up.lock().unwrap().push(owed.key.clone());
        async move { Ok(Some(Command::Answered(owed.effect))) }
    });
    entity(&restage, "e").send(Command::Owe("last".into())).await.unwrap();
    eventually("the new one is answered", || async {
        entity(&restage, "e").view().await.unwrap().state.answers.contains_key("last")
    })
    .await;
    assert_eq!(*again.lock().unwrap(), ["last"]);
    let answers = entity(&restage, "e").view().await.unwrap().state.answers;
    assert!(answers.len() == OWED + 1 && answers.values().all(|times| *times == 1), "{answers:?}");
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_tell_what_was_held_turned_away_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    let workshops = restage.workshops().unwrap();
    let workshop = workshops.get(&EntityId::new("w").unwrap()).by("ann");
    let template = restage::workshop::Template::built_in("design-thinking").unwrap();
    let step = workshop.create("A workshop", &template).await.unwrap().reply;
    let message = |id: &str| restage::workshop::Message::new(id, restage::workshop::Role::User, "text");
    workshop.auto_save(&step, vec![message("m")]).await.unwrap();
    let figures = || restage.stats().kinds.into_iter().find(|kind| kind.kind == "workshop").unwrap();
    assert_eq!((figures().active, figures().drafts_pending, figures().fences_hit), (1, 1, 0));
    workshop.reset(&step).await.unwrap();
    assert_eq!((figures().drafts_pending, figures().verbs), (0, vec![("reset", 1)]));
    let late = workshop.under(restage::Generation::FIRST).save(&step, vec![message("late")]).await;
    assert_eq!(late.unwrap_err().code(), "stale_generation");
    workshop.handle().undo(None).await.unwrap();
    assert_eq!((figures().fences_hit, figures().verbs), (1, vec![("reset", 1), ("undo", 1)]));
    restage.shutdown().await.unwrap();
}
