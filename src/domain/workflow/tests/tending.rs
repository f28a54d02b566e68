//! What people do about one task.

use super::*;

fn release(task: &TaskId) -> Command {
    Command::Release { task: task.clone() }
}

fn retry(task: &TaskId) -> Command {
    Command::Retry { task: task.clone() }
}

fn cancel(task: &TaskId) -> Command {
    Command::Cancel { task: task.clone() }
}

/// A task that failed for good.
fn failing(world: &mut World) -> TaskId {
    let grant = world.claim("be");
    world.finish(&grant, failed(false));
    grant.id
}

#[test]
fn a_released_task_is_handed_out_at_once_and_its_worker_is_superseded() {
    let mut world = World::running();
    let grant = world.claim("be");
    world.ok(release(&grant.id));
    assert_eq!(world.entry(&grant.id).problem.as_deref(), Some("it was released by ann: because"));
    assert!(world.superseded(beat(&grant)).0.contains("it was taken away"));
    assert!(world.superseded(finish(&grant, done())).1.is_some());
    assert!(world.conflict(release(&grant.id)).contains("it is to be handed out again"));
    let again = world.claim("be");
    assert_eq!((again.id.clone(), again.attempt), (grant.id, 1), "a released attempt does not count");
    assert!(again.claim > grant.claim, "but its claim is another");
}

#[test]
fn only_what_a_worker_has_is_released() {
    let mut world = World::running();
    let (ahead, failed) = (task_id("0-fe-5-1"), failing(&mut world));
    assert!(world.conflict(release(&ahead)).contains("it waits for its turn"));
    assert!(world.conflict(release(&failed)).contains("it failed as often as it may"));
    let over = world.work("fe");
    assert!(world.conflict(release(&over)).contains("it is over"));
    for none in ["0-fe-5-3", "0-qa-5-1", "7-fe-5-1", "0-fe-5-0"] {
        assert!(matches!(world.refused(release(&task_id(none))), Rejection::NotFound { what, .. } if what == "task"));
    }
}

#[test]
fn a_retried_task_has_all_its_attempts_again_in_its_own_domain() {
    let mut world = World::running();
    let task = failing(&mut world);
    world.ok(retry(&task));
    assert_eq!((world.status(), world.workflow().error), (Status::Running, None));
    let grant = world.claim("be");
    assert_eq!((grant.id.clone(), grant.attempt), (task.clone(), 1));
    assert!(world.conflict(retry(&task)).contains("release it first"));
    assert!(matches!(world.finish(&grant, scored(0.1)), Outcome::TriedAgain { .. }));
    // One that rests is handed out at once.
    world.ok(retry(&task));
    let grant = world.claim("be");
    world.finish(&grant, scored(0.1));
    world.pass(6);
    let grant = world.claim("be");
    assert_eq!(world.finish(&grant, scored(0.1)), Outcome::AskedHuman);
    // And one that waits for a person goes back to its own.
    world.ok(retry(&task));
    assert_eq!(world.try_claim("human", "w"), (None, false));
    assert_eq!(world.work("be"), task);
    assert!(world.conflict(retry(&task)).contains("it has a result; reset the gate"));
    assert!(world.conflict(retry(&task_id("0-fe-5-1"))).contains("when its turn comes"));
}

#[test]
fn of_two_that_failed_the_other_still_blocks() {
    let mut world = World::running();
    let first = failing(&mut world);
    let grant = world.claim("fe");
    world.finish(&grant, failed(false));
    world.ok(retry(&first));
    assert_eq!(world.workflow().error, Some(format!("task {} failed: it broke", grant.id)));
    world.ok(cancel(&grant.id));
    assert_eq!(world.workflow().error, None);
}

#[test]
fn a_gate_does_not_wait_for_a_cancelled_task() {
    let mut world = World::running();
    // One that failed, one that a worker has, one that nobody has met.
    let failed = failing(&mut world);
    let held = world.claim("fe");
    for task in [&failed, &task_id("0-fe-5-2"), &held.id] {
        assert_eq!(world.workflow().gate, 0);
        world.ok(cancel(task));
    }
    assert_eq!((world.workflow().gate, world.workflow().gates[0].given_up), (1, 3));
    assert!(world.superseded(finish(&held, done())).1.is_some());
    assert!(world.conflict(cancel(&held.id)).contains("it is over"));
    assert!(world.conflict(retry(&held.id)).contains("it was cancelled, and its gate is passed"));
    assert!(matches!(world.refused(cancel(&task_id("0-fe-5-9"))), Rejection::NotFound { .. }));
}

#[test]
fn a_cancelled_task_can_be_done_after_all() {
    let mut world = World::running();
    let (ahead, held) = (task_id("0-fe-5-2"), world.claim("be"));
    world.ok(cancel(&ahead));
    world.ok(cancel(&held.id));
    world.ok(retry(&ahead));
    assert_eq!(world.workflow().task(&ahead), Some(TaskStanding::Ahead));
    world.ok(retry(&held.id));
    assert_eq!(world.workflow().gates[0].given_up, 0);
    let again = world.claim("be");
    assert_eq!((again.id, again.attempt), (held.id, 1));
    assert_eq!([world.claim("fe").id, world.claim("fe").id], [task_id("0-fe-5-1"), ahead]);
}

#[test]
fn a_cancelled_task_whose_turn_is_past_comes_back_too() {
    let mut world = World::running();
    let ahead = task_id("0-fe-5-1");
    world.ok(cancel(&ahead));
    assert_eq!(world.work("fe"), task_id("0-fe-5-2"));
    world.ok(retry(&ahead));
    assert_eq!(world.entry(&ahead).standing, Standing::Queued);
    assert_eq!(world.work("fe"), ahead);
}
