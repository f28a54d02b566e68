//! What goes wrong in one place stays there: effects that panic, timers that can't be taken in, panics beside drafts,
//! shutdowns that are given up, feeds whose folder is closed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod gauge;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gauge::{Command, Gauge, eventually};
use restage::{
    Decision, Entity, EntityId, Generation, Input, Kind, Options, Owed, Position, Rejection, Restage, StageId, Target,
    Timestamp,
};
use serde::{Deserialize, Serialize};

fn id(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

/// Rings when its time has come; a bad one panics at that.
#[derive(Clone, Debug)]
enum Alarm {}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Rings {
    bad: bool,
    rung: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum AlarmCommand {
    Set { at: Timestamp, bad: bool },
    Ring,
}

impl Entity for Alarm {
    const KIND: &'static str = "alarm";
    type State = Rings;
    type Command = AlarmCommand;
    type Event = Option<bool>;
    type Reply = ();
    type Effect = ();

    fn target(_: &AlarmCommand) -> Option<Target> {
        None
    }

    fn retarget(_: &mut AlarmCommand, _: Generation) {}

    fn decide(state: &Rings, command: &AlarmCommand, _: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        match command {
            AlarmCommand::Set { at, bad } => {
                let mut set = Decision::reply(()).event(Some(*bad));
                set.timers.push(("ring".into(), Some(*at)));
                Ok(set)
            }
            AlarmCommand::Ring if state.bad => panic!("a bad alarm"),
            AlarmCommand::Ring => Ok(Decision::reply(()).event(None)),
        }
    }

    fn apply(state: &mut Rings, event: &Option<bool>, _: Timestamp) {
        match event {
            Some(bad) => state.bad = *bad,
            None => state.rung += 1,
        }
    }

    fn restore(state: &mut Rings, saved: &Rings, _: &[StageId], _: Timestamp) {
        state.clone_from(saved);
    }

    fn on_timer(_: &str) -> Option<AlarmCommand> {
        Some(AlarmCommand::Ring)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_can_t_be_taken_in_holds_no_other_up() {
    let restage = Restage::in_memory(Options::default()).unwrap();
    let alarms: Kind<Alarm> = restage.kind().unwrap();
    let bad = alarms.entity(&id("a-bad"));
    bad.send(AlarmCommand::Set { at: Timestamp::from_millis(1), bad: true }).await.unwrap();
    let good = alarms.entity(&id("good"));
    good.send(AlarmCommand::Set { at: Timestamp::from_millis(2), bad: false }).await.unwrap();
    eventually("the good alarm rings", async || good.view().await.unwrap().state.rung == 1).await;
    assert_eq!(bad.view().await.unwrap().state.rung, 0);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_panics_is_tried_again_and_holds_no_other_up() {
    let restage = Restage::in_memory(Options::default()).unwrap();
    let kind = restage.kind::<Gauge>().unwrap();
    let entity = kind.entity(&id("e"));
    for key in ["panics", "one", "two", "three"] {
        entity.send(Command::Owe(key.into())).await.unwrap();
    }
    let tries = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&tries);
    kind.serve_effects(move |owed: Owed<Gauge>| {
        let tries = Arc::clone(&counted);
        async move {
            assert!(owed.key != "panics" || tries.fetch_add(1, Ordering::Relaxed) > 0, "the first try panics");
            Ok(Some(Command::Answered(owed.key)))
        }
    });
    eventually("all effects are answered", async || entity.view().await.unwrap().state.answers.len() == 4).await;
    assert!(entity.view().await.unwrap().state.answers.values().all(|times| *times == 1));
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_takes_no_drafts_with_it() {
    let restage = Restage::in_memory(Options::default()).unwrap();
    let entity = restage.kind::<Gauge>().unwrap().entity(&id("e"));
    assert_eq!(entity.draft(Command::Add("draft".into())).await.unwrap().pending, 1);
    assert_eq!(entity.send(Command::Panic).await.unwrap_err().code(), "panicked");
    let view = entity.view().await.unwrap();
    assert_eq!((view.state.added, view.pending), (vec!["draft".to_owned()], 0));
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_that_was_given_up_does_not_keep_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    let entity = restage.kind::<Gauge>().unwrap().entity(&id("e"));
    entity.send(Command::Add("kept".into())).await.unwrap();
    let given_up = tokio::time::timeout(Duration::ZERO, restage.clone().shutdown()).await;
    drop((given_up, entity, restage));
    let restage = Restage::open(folder.path()).await.unwrap();
    let entity = restage.kind::<Gauge>().unwrap().entity(&id("e"));
    assert_eq!(entity.view().await.unwrap().state.added, ["kept"]);
    restage.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_tells_what_shutdown_commits_and_then_ends() {
    let restage = Restage::in_memory(Options::default()).unwrap();
    let entity = restage.kind::<Gauge>().unwrap().entity(&id("e"));
    let mut feed = restage.feed(Position(0));
    let reader = tokio::spawn(async move {
        let mut revisions = Vec::new();
        loop {
            match feed.next().await {
                Ok(turn) => revisions.push(turn.revision),
                Err(end) => return (revisions, end.code().to_owned()),
            }
        }
    });
    entity.send(Command::Add("turn".into())).await.unwrap();
    entity.draft(Command::Add("draft".into())).await.unwrap();
    restage.shutdown().await.unwrap();
    assert_eq!(reader.await.unwrap(), (vec![1, 2], "stopped".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_when_the_last_handle_is_gone() {
    let restage = Restage::in_memory(Options::default()).unwrap();
    let mut feed = restage.feed(Position(0));
    let reader = tokio::spawn(async move { feed.next().await.unwrap_err().code().to_owned() });
    tokio::task::spawn_blocking(move || drop(restage)).await.unwrap();
    assert_eq!(reader.await.unwrap(), "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_alone_keeps_its_runtime_running() {
    let entity = Restage::in_memory(Options::default()).unwrap().kind::<Gauge>().unwrap().entity(&id("e"));
    entity.send(Command::Add("kept".into())).await.unwrap();
    assert_eq!(entity.view().await.unwrap().state.added, ["kept"]);
}
