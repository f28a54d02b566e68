//! What does not go on by itself is found, with its cure.

use std::time::Duration;

use super::*;
use crate::domain::{LateWork, Stuck};

const PATIENCE: Duration = Duration::from_secs(600);

fn look(world: &World, seconds: i64, orphans: &[LateWork]) -> Vec<Stuck> {
    let now = Timestamp::from_millis(world.now + seconds * 1_000);
    super::super::stuck(&world.state, &EntityId::new("w").unwrap(), orphans, now, PATIENCE)
}

fn cures(found: &[Stuck]) -> Vec<(&str, &str)> {
    found.iter().map(|stuck| (stuck.what, stuck.cure.as_str())).collect()
}

#[test]
fn a_workshop_that_goes_on_or_that_nobody_made_is_not_stuck() {
    assert_eq!(look(&World::default(), 10_000, &[]), []);
    assert_eq!(look(&World::of(&[("a", &[]), ("b", &["a"])]), 10_000, &[]), []);
}

#[test]
fn a_step_that_nobody_makes_again() {
    let mut world = World::of(&[("a", &[]), ("b", &["a"])]);
    world.run(next("a")).unwrap();
    world.run(save("b", vec![message("m", "hello")])).unwrap();
    world.run(reset("a")).unwrap();
    assert_eq!(look(&world, 10, &[]), []);
    assert_eq!(cures(&look(&world, 601, &[])), [("stale", "restage workshop accept w b --reason REASON")]);
}

#[test]
fn a_long_rest_and_work_that_came_late() {
    let mut world = World::of(&[("a", &[])]);
    world.run(save("a", vec![message("m", "hello")])).unwrap();
    world.run(Command::Pause).unwrap();
    let late = LateWork { number: 3, stage: id("a"), at: Timestamp::from_millis(world.now) };
    assert_eq!(cures(&look(&world, 0, &[late])), [("orphan", "restage workshop adopt w 3")]);
    assert_eq!(cures(&look(&world, 601, &[])), [("paused", "restage workshop resume w")]);
}
