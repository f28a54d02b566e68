//! Tasks that wait for each other.

use super::*;
use crate::domain::task::limits::DEPENDENTS_MAX;

fn other(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

fn waiting(on: &[&str]) -> World {
    let mut command = create("L1");
    if let Command::Create { depends_on, .. } = &mut command {
        *depends_on = on.iter().map(|name| other(name)).collect();
    }
    World::of(command)
}

fn told(task: &str, revision: u64, done: Option<u64>) -> Command {
    Command::Told { task: other(task), revision, done: done.map(object) }
}

fn stale(world: &mut World) -> Vec<String> {
    world.task().stale().into_iter().map(|stale| stale.why).collect()
}

#[test]
fn a_task_asks_those_it_waits_for_and_starts_when_they_are_done() {
    let mut world = waiting(&["a", "b"]);
    let owed = world.owed();
    assert_eq!(owed["await/a"], Effect::Await { on: other("a") });
    assert_eq!(owed["await/b"], Effect::Await { on: other("b") });
    assert!(world.conflict(Command::Start).contains("it waits for a, b; complete those tasks first"));
    world.ok(told("a", 3, Some(1)));
    assert!(world.conflict(Command::Start).contains("it waits for b"));
    world.ok(told("b", 9, Some(2)));
    assert!(stale(&mut world).is_empty(), "it is not begun");
    world.ok(Command::Start);
    let begun: Vec<_> = world.task().depends_on.into_iter().map(|on| on.begun_with).collect();
    assert_eq!(begun, [Some(object(1)), Some(object(2))]);
}

#[test]
fn what_is_older_than_what_is_known_is_nothing_new() {
    let mut world = waiting(&["a"]);
    world.ok(told("a", 5, Some(1)));
    let before = world.view().revision;
    world.ok(told("a", 5, None));
    world.ok(told("a", 4, None));
    assert_eq!(world.view().revision, before);
    world.ok(told("a", 6, None));
    assert_eq!(world.task().depends_on[0].done, None);
    assert!(matches!(world.refused(told("x", 9, None)), Rejection::NotFound { .. }));
}

#[test]
fn a_begun_task_is_stale_while_what_it_was_started_with_is_not_there() {
    let mut world = waiting(&["a"]);
    world.ok(told("a", 1, Some(1)));
    world.ok(Command::Start);
    world.operate();
    assert!(stale(&mut world).is_empty());
    world.ok(told("a", 2, None));
    assert_eq!(stale(&mut world), ["a was taken back, and is not done again"]);
    assert!(world.has_logged("stale: a was taken back"));
    world.ok(told("a", 3, Some(2)));
    assert_eq!(stale(&mut world), ["a was done again, with other files"]);
    world.ok(told("a", 4, Some(1)));
    assert!(stale(&mut world).is_empty(), "the same files again are what it was started with");
    world.ok(Command::Run);
}

#[test]
fn a_full_restart_starts_with_what_is_there_then() {
    let mut world = waiting(&["a"]);
    world.ok(told("a", 1, Some(1)));
    world.ok(Command::Start);
    world.operate();
    world.ok(told("a", 2, None));
    world.restart(RESTART_IN_FULL);
    assert!(stale(&mut world).is_empty());
    assert!(world.conflict(Command::Start).contains("it waits for a"));
    world.ok(told("a", 3, Some(2)));
    world.ok(Command::Start);
    assert!(stale(&mut world).is_empty());
}

#[test]
fn a_stale_task_is_called_fresh_and_that_is_undone_in_one_turn() {
    let mut world = waiting(&["a", "b"]);
    for name in ["a", "b"] {
        world.ok(told(name, 1, Some(1)));
    }
    world.ok(Command::Start);
    world.operate();
    assert!(world.conflict(Command::Accept).contains("only a stale task is accepted"));
    world.ok(told("a", 2, Some(2)));
    let before = world.task().depends_on;
    world.ok(Command::Accept);
    assert!(stale(&mut world).is_empty());
    assert!(world.has_logged("accepted by ann, though a was done again"));
    let audit = world.harness.audit(&id()).unwrap().pop().unwrap();
    assert_eq!((audit.verb.as_str(), audit.lines.len()), ("accept", 1));
    world.ok(told("b", 2, Some(3)));
    world.ask(Ask::Undo(None)).unwrap();
    let after = world.task().depends_on;
    assert_eq!(after[0], before[0]);
    assert_eq!((after[1].done.clone(), after[1].begun_with.clone()), (Some(object(3)), Some(object(1))), "told since");
    assert_eq!(stale(&mut world).len(), 2);
    world.ask(Ask::Undo(None)).unwrap();
    assert_eq!(stale(&mut world), ["b was done again, with other files"]);
}

#[test]
fn accepting_and_taking_that_back_while_files_go_back_moves_no_files() {
    let mut world = waiting(&["a"]);
    world.ok(told("a", 1, Some(1)));
    world.ok(Command::Start);
    world.operate();
    world.ok(told("a", 2, Some(2)));
    world.ok(to("plan"));
    world.ok(Command::Accept);
    let files = world.repo.files.clone();
    world.ask(Ask::Undo(None)).unwrap();
    assert_eq!((world.repo.files.clone(), stale(&mut world).len()), (files, 1));
    assert!(matches!(world.task().operation.unwrap().kind, OperationKind::Restart { .. }));
    world.operate();
    let undo = world.view().undo_points.iter().find(|point| point.verb == "undo").unwrap().number;
    world.ask(Ask::Undo(Some(undo))).unwrap();
    assert_eq!((world.task().operation, stale(&mut world).len()), (None, 0));
}

#[test]
fn those_that_wait_are_told_whenever_the_end_changes() {
    let mut world = World::started("L1");
    let tells = |world: &World| world.owed().get("tell/b").cloned();
    world.ok(Command::Awaited { by: other("b") });
    assert_eq!(tells(&world), Some(Effect::Tell { to: other("b"), done: None }));
    world.advance_to(2);
    let tree = world.stage("implement").approval.unwrap().tree;
    let done = Some(Effect::Tell { to: other("b"), done: Some(tree.clone()) });
    let not_done = Some(Effect::Tell { to: other("b"), done: None });
    assert_eq!((world.task().done(), tells(&world)), (Some(&tree), done.clone()));
    world.ok(to("implement"));
    assert_eq!(tells(&world), done, "it is done until the files are back");
    world.operate();
    assert_eq!(tells(&world), not_done);
    world.undo();
    assert_eq!(tells(&world), done);
    world.undo();
    assert_eq!(tells(&world), not_done);
    world.complete();
    world.ok(Command::Awaited { by: other("b") });
    assert_eq!(world.task().dependents, [other("b")], "who asks again is told again");
}

#[test]
fn so_many_can_wait_and_not_the_task_itself() {
    let mut world = World::new("L1");
    assert!(matches!(world.refused(Command::Awaited { by: id() }), Rejection::Invalid { .. }));
    for n in 0..DEPENDENTS_MAX {
        let awaited = Ask::Command(Command::Awaited { by: other(&format!("w{n}")) });
        world.harness.ask(&id(), awaited, Terms::default()).unwrap();
    }
    world.ok(Command::Awaited { by: other("w0") });
    assert!(matches!(world.refused(Command::Awaited { by: other("more") }), Rejection::Limit { .. }));
}
