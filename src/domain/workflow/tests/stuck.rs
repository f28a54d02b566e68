//! What does not go on by itself is found, with its cure.

use super::*;
use crate::domain::{LateWork, Stuck};

const PATIENCE: Duration = Duration::from_secs(600);

fn look(world: &mut World) -> Vec<Stuck> {
    let view = world.view();
    let late: Vec<LateWork> = view
        .orphans
        .iter()
        .map(|orphan| LateWork { number: orphan.number, stage: orphan.stage.clone(), at: orphan.at })
        .collect();
    super::super::stuck(&view.state, &id(), &late, world.now(), PATIENCE)
}

/// The only thing that is stuck: in which way, and its cure.
fn only(world: &mut World) -> (&'static str, String) {
    match look(world).as_slice() {
        [one] => {
            assert!(one.since <= world.now() && !one.why.is_empty());
            (one.what, one.cure.clone())
        }
        other => panic!("{other:#?}"),
    }
}

#[test]
fn what_goes_on_is_not_stuck() {
    assert_eq!(look(&mut World::empty()), []);
    assert_eq!(look(&mut World::new()), []);
    let mut world = World::running();
    assert_eq!(look(&mut world), []);
    let grant = world.claim("be");
    assert_eq!(look(&mut world), []);
    world.finish(&grant, failed(true));
    assert_eq!(look(&mut world), []);
}

#[test]
fn queues_that_nobody_claims_from() {
    let mut world = World::running();
    world.pass(601);
    let cures: Vec<String> = look(&mut world).into_iter().map(|stuck| stuck.cure).collect();
    assert_eq!(cures, ["restage worker run --queue be -- COMMAND", "restage worker run --queue fe -- COMMAND"]);
    world.work("fe");
    assert_eq!(only(&mut world).0, "unclaimed");
}

#[test]
fn a_worker_that_died() {
    let mut world = World::new();
    world.add(vec![NewTask { timeout_seconds: 10_000, ..new_task("be", 5) }]);
    let claim = Command::Claim { domain: domain("be"), worker: "w".into(), lease_seconds: 3_600 };
    world.ok(claim);
    world.pass(601);
    assert_eq!(only(&mut world), ("lost_worker", "restage workflow release w1 0-be-5-1".into()));
}

#[test]
fn a_result_that_came_late() {
    let mut world = World::running();
    let grant = world.claim("be");
    world.reset(None, true, true);
    let number = world.fenced(finish(&grant, done())).unwrap();
    assert_eq!(only(&mut world), ("orphan", format!("restage workflow orphan adopt w1 {number}")));
}

#[test]
fn a_safety_check_with_no_way_on_and_a_task_that_failed() {
    let mut world = World::new();
    world.add(vec![NewTask { attempts_most: 1, ..new_task("be", 5) }]);
    let grant = world.claim("be");
    world.finish(&grant, scored(0.2));
    assert_eq!(only(&mut world), ("blocked", "restage workflow retry w1 0-be-5-1".into()));
    world.pass(1_000);
    assert_eq!(only(&mut world).0, "blocked", "it is told once");
    world.ok(Command::Retry { task: grant.id.clone() });
    let grant = world.claim("be");
    world.finish(&grant, failed(false));
    assert_eq!(only(&mut world), ("failed", "restage workflow retry w1 0-be-5-1".into()));
}

#[test]
fn a_word_that_nobody_gives_or_that_was_no() {
    let mut world = World::running();
    world.pass_a();
    world.work("qa");
    assert_eq!(look(&mut world), []);
    world.pass(601);
    assert_eq!(only(&mut world), ("unapproved", "restage workflow approve w1 b".into()));
    world.ok(Command::Reject { gate: stage("b") });
    assert_eq!(only(&mut world), ("rejected", "restage workflow reset w1".into()));
}

#[test]
fn tasks_that_no_run_grants() {
    let mut world = World::running();
    world.ok(Command::Stop);
    assert_eq!(look(&mut world), []);
    world.pass(601);
    assert_eq!(only(&mut world), ("not_running", "restage workflow run w1".into()));
    world.ok(RUN);
    assert_eq!(look(&mut world), [], "nobody could claim them before");
}

#[test]
fn so_much_that_is_begun_that_nothing_more_is_granted() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 5); 1_000]);
    world.add(vec![new_task("fe", 5); 100]);
    for _ in 0..limits::UNDER_WAY_MAX {
        let claim = Command::Claim { domain: domain("fe"), worker: "w".into(), lease_seconds: 30 };
        world.harness.ask(&id(), Ask::Command(claim), Terms::default()).unwrap();
    }
    assert_eq!(only(&mut world), ("full", "restage workflow cancel w1 0-fe-5-1".into()));
}
