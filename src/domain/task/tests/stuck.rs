//! What does not go on by itself is found, with its cure.

use super::*;
use crate::domain::{LateWork, Stuck};

const PATIENCE: Duration = Duration::from_secs(600);

fn look(world: &mut World, seconds: u64) -> Vec<Stuck> {
    let now = world.harness.now().after(Duration::from_secs(seconds));
    super::super::stuck(&world.task(), &id(), &[], now, PATIENCE)
}

/// In which way it is stuck, if it is, and the cure.
fn only(world: &mut World, seconds: u64) -> Option<(&'static str, String)> {
    let found = look(world, seconds);
    assert!(found.len() <= 1, "{found:#?}");
    found.into_iter().next().map(|stuck| (stuck.what, stuck.cure))
}

fn is(what: &'static str, cure: &str) -> Option<(&'static str, String)> {
    Some((what, format!("restage task {cure}")))
}

#[test]
fn a_task_in_backlog_at_work_or_done_is_not_stuck() {
    assert_eq!(only(&mut World::new("L1"), 10_000), None);
    let mut world = World::started("L1");
    assert_eq!(only(&mut world, 10), None);
    world.ok(Command::Run);
    assert_eq!(only(&mut world, 10_000), None);
    world.done();
    world.ok(APPROVE);
    world.operate();
    world.complete();
    assert_eq!(only(&mut world, 10_000), None);
}

#[test]
fn what_waits_for_somebody_is_stuck_after_a_while() {
    let mut world = World::started("L1");
    assert_eq!(only(&mut world, 601), is("not_running", "run t1"));
    world.ok(Command::Run);
    world.done();
    assert_eq!(only(&mut world, 10), None);
    assert_eq!(only(&mut world, 601), is("unapproved", "approve t1"));
    world.ok(Command::Pause);
    assert_eq!(only(&mut world, 10), None);
    assert_eq!(only(&mut world, 601), is("paused", "resume t1"));
}

#[test]
fn what_came_to_nothing_is_stuck_at_once() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.failing();
    assert_eq!(only(&mut world, 0), is("failed", "retry t1"));
    world.ok(Command::Retry);
    let end = world.end(Outcome::Interrupted);
    world.ok(end);
    assert_eq!(only(&mut world, 0), is("interrupted", "retry t1"));
}

#[test]
fn a_breaker_that_is_open() {
    let mut world = World::started("L1");
    for _ in 0..3 {
        world.ok(Command::Run);
        world.done();
        world.ok(reject());
    }
    assert_eq!(only(&mut world, 0), is("blocked", "restart t1 plan"));
}

#[test]
fn files_that_are_moved_for_too_long_and_work_that_came_late() {
    let mut world = World::new("L1");
    world.ok(Command::Start);
    assert_eq!(only(&mut world, 10), None);
    assert_eq!(only(&mut world, 601), is("operation", "log t1 --follow"));
    let late = [LateWork { number: 4, stage: stage("plan"), at: world.harness.now() }];
    let (task, now) = (world.task(), world.harness.now());
    let found = super::super::stuck(&task, &id(), &late, now, PATIENCE);
    assert_eq!(found.iter().map(|stuck| stuck.cure.as_str()).collect::<Vec<_>>(), ["restage task adopt t1 4"]);
}
