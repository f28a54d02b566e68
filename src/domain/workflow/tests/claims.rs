//! Claims, leases, signs of life, and time.

use super::*;
use crate::domain::workflow::claim::back_off;
use crate::domain::workflow::limits::{LEASE_SECONDS_MAX, UNDER_WAY_MAX, WORKER_NAME_BYTES_MAX};

#[test]
fn the_best_task_is_granted_the_urgent_before_the_old() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 3), new_task("fe", 9), new_task("be", 10), new_task("fe", 9), new_task("fe", 0)]);
    let order: Vec<String> = (0..4).map(|_| world.claim("fe").id.to_string()).collect();
    assert_eq!(order, ["0-fe-9-1", "0-fe-9-2", "0-fe-3-1", "0-fe-0-1"]);
    assert_eq!(world.try_claim("fe", "w"), (None, false));
    assert_eq!(world.try_claim("none", "w"), (None, false));
}

#[test]
fn what_is_handed_out_again_goes_before_what_is_new_of_the_same_priority() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 5), new_task("fe", 5), new_task("fe", 6)]);
    let (urgent, first) = (world.claim("fe"), world.claim("fe"));
    world.ok(Command::Release { task: first.id.clone() });
    world.ok(Command::Release { task: urgent.id.clone() });
    let order: Vec<TaskId> = (0..3).map(|_| world.claim("fe").id).collect();
    assert_eq!(order, [urgent.id, first.id, task_id("0-fe-5-2")]);
}

#[test]
fn a_grant_says_all_that_the_worker_needs() {
    let mut world = World::running();
    let (grant, more) = world.try_claim("fe", "ann's box");
    let grant = grant.unwrap();
    let now = world.now();
    assert_eq!((grant.id.to_string().as_str(), grant.gate.as_str(), more), ("0-fe-5-1", "a", true));
    assert_eq!((grant.generation, grant.claim, grant.attempt), (Generation(1), 1, 1));
    assert_eq!(grant.lease_until, now.after(Duration::from_secs(30)));
    assert_eq!(grant.deadline, now.after(Duration::from_secs(100)));
    assert_eq!((grant.task.title.as_str(), grant.task.input.as_str()), ("a task for fe", "null"));
    let (grant, more) = world.try_claim("fe", "ann's box");
    assert_eq!((grant.unwrap().claim, more), (2, false), "one worker may hold several");
}

#[test]
fn what_is_no_claim_is_refused() {
    let mut world = World::running();
    let with =
        |worker: &str, lease_seconds| Command::Claim { domain: domain("fe"), worker: worker.into(), lease_seconds };
    let long = "x".repeat(WORKER_NAME_BYTES_MAX + 1);
    let cases = [
        (with("", 30), "invalid"),
        (with("a\0", 30), "invalid"),
        (with(&long, 30), "limit"),
        (with("w", 0), "invalid"),
    ];
    for (command, code) in cases {
        assert_eq!(world.refused(command).code(), code);
    }
    assert_eq!(world.refused(with("w", LEASE_SECONDS_MAX + 1)).code(), "invalid");
    for bad in ["", "Fe", "1a", "a_b", "a.b", "a/b", "-a", "é", &"x".repeat(33)] {
        assert!(Domain::new(bad).is_err(), "{bad:?}");
    }
    for bad in
        ["", "0-fe-5", "00-fe-5-1", "0-fe-5-01", "0-fe-5-+1", "0-fe-5--1", "65536-fe-5-1", "0-FE-5-1", "0-fe-256-1"]
    {
        assert!(bad.parse::<TaskId>().is_err(), "{bad:?}");
    }
    assert_eq!(task_id("3-front-end-10-18").to_string(), "3-front-end-10-18");
}

#[test]
fn without_a_sign_of_life_a_task_goes_to_somebody_else() {
    let mut world = World::running();
    let lost = world.claim("be");
    world.pass(29);
    assert_eq!(world.entry(&lost.id).standing, Standing::Leased);
    world.pass(1);
    let entry = world.entry(&lost.id);
    assert_eq!(entry.problem.as_deref(), Some("worker w gave no sign of life for 30 s"));
    assert_eq!(entry.standing, Standing::Waiting(world.now().after(Duration::from_secs(5))));
    assert_eq!(world.try_claim("be", "w2"), (None, false));
    world.pass(6);
    let grant = world.claim("be");
    assert_eq!((grant.id.clone(), grant.attempt, grant.claim), (lost.id.clone(), 2, 2));
    // It has two attempts.
    world.pass(30);
    assert_eq!((world.entry(&lost.id).standing, world.status()), (Standing::Failed, Status::Blocked));
    let error = world.workflow().error.unwrap();
    assert_eq!(error, format!("task {} failed: worker w gave no sign of life for 30 s", lost.id));
}

#[test]
fn signs_of_life_keep_a_task_until_it_has_to_be_done() {
    let mut world = World::running();
    let grant = world.claim("be");
    for _ in 0..4 {
        world.pass(20);
        let Reply::Beat { lease_until } = world.ok(beat(&grant)) else { panic!("no beat") };
        assert_eq!(lease_until, world.now().after(Duration::from_secs(30)).min(grant.deadline));
    }
    let lease = world.entry(&grant.id).lease.unwrap();
    assert_eq!((lease.progress.as_deref(), lease.seen_at), (Some("half"), world.now()));
    world.pass(20);
    assert_eq!(world.entry(&grant.id).problem.as_deref(), Some("worker w took longer than 100 s"));
    assert!(world.conflict(beat(&grant)).contains("had to be done within 100 s"));
    // Nobody else has it yet.
    assert_eq!(world.finish(&grant, done()), Outcome::Landed);
}

#[test]
fn a_lease_that_merely_ran_out_is_revived_by_a_sign_of_life() {
    let mut world = World::running();
    let grant = world.claim("be");
    world.pass(31);
    assert!(matches!(world.entry(&grant.id).standing, Standing::Waiting(_)));
    world.ok(beat(&grant));
    assert_eq!(world.entry(&grant.id).standing, Standing::Leased);
    world.pass(31);
    world.pass(10);
    assert_eq!(world.entry(&grant.id).standing, Standing::Queued);
    assert!(world.hints.contains(&domain("be")));
    world.ok(beat(&grant));
    assert_eq!(world.try_claim("be", "w2"), (None, false));
    assert_eq!(world.finish(&grant, done()), Outcome::Landed);
}

#[test]
fn a_sign_of_life_takes_nothing_from_who_has_the_task_by_now() {
    let mut world = World::running();
    let lost = world.claim("be");
    world.pass(36);
    let (grant, _) = world.try_claim("be", "w2");
    assert_eq!(world.superseded(beat(&lost)), ("worker w2 has it now".into(), None));
    assert_eq!(world.finish(&grant.unwrap(), done()), Outcome::Landed);
    assert!(world.superseded(beat(&lost)).0.contains("it is over"));
}

#[test]
fn a_clock_that_is_set_back_ends_no_lease_early_and_one_that_jumps_takes_no_work_away() {
    let mut world = World::running();
    let grant = world.claim("be");
    let now = world.now();
    world.harness.set_now(Timestamp::from_millis(now.as_millis() - 3_600_000));
    world.ok(Command::Tick);
    assert_eq!(world.entry(&grant.id).standing, Standing::Leased);
    world.ok(beat(&grant));
    world.harness.set_now(now.after(Duration::from_secs(1_000_000)));
    world.pass(0);
    assert!(matches!(world.entry(&grant.id).standing, Standing::Waiting(_)));
    assert_eq!(world.finish(&grant, done()), Outcome::Landed);
}

#[test]
fn a_task_rests_longer_after_each_attempt_but_never_too_long() {
    let seconds: Vec<u64> = [1, 2, 3, 7, 8, 40, 64, 65, u32::MAX].iter().map(|n| back_off(*n).as_secs()).collect();
    assert_eq!(seconds, [5, 10, 20, 320, 600, 600, 600, 600, 600]);
}

#[test]
fn a_tick_for_nothing_changes_nothing() {
    let mut world = World::running();
    let before = world.workflow();
    world.ok(Command::Tick);
    assert_eq!(world.workflow(), before);
    assert_eq!(WorkflowKind::on_timer("leases"), Some(Command::Tick));
    assert_eq!(WorkflowKind::on_timer("other"), None);
}

#[test]
fn a_timer_that_fires_before_its_time_is_set_again() {
    let mut world = World::running();
    let grant = world.claim("be");
    let due = world.workflow().next_due().unwrap();
    world.harness.set_now(Timestamp::from_millis(due.as_millis() - 3_600_000));
    world.ask(Ask::Timer { key: "leases".into(), due }).unwrap();
    assert_eq!(world.entry(&grant.id).standing, Standing::Leased);
    world.pass(3_601);
    assert!(matches!(world.entry(&grant.id).standing, Standing::Waiting(_)));
}

#[test]
fn no_more_are_granted_than_may_be_under_way_but_those_that_are_may_be_claimed() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 5); 1_000]);
    world.add(vec![new_task("fe", 5); 100]);
    let mut grants = Vec::new();
    let claim = |world: &mut World| {
        let claim = Command::Claim { domain: domain("fe"), worker: "w".into(), lease_seconds: 30 };
        let receipt = world.harness.ask(&id(), Ask::Command(claim), Terms::default()).unwrap();
        let Answer::Reply(Reply::Claimed { grant, more }) = receipt.answer else { panic!("no answer") };
        (grant, more)
    };
    for n in 1..=UNDER_WAY_MAX {
        let (grant, more) = claim(&mut world);
        assert_eq!(more, n < UNDER_WAY_MAX);
        grants.push(*grant.unwrap());
    }
    world.hints.clear();
    assert_eq!(claim(&mut world), (None, false));
    assert_eq!(world.finish(&grants[0], done()), Outcome::Landed);
    assert!(world.hints.contains(&domain("fe")), "there is room again, and the queue knows");
    assert_eq!(world.claim("fe").id.number, UNDER_WAY_MAX as u64 + 1);
    world.ok(Command::Release { task: grants[7].id.clone() });
    assert_eq!(world.claim("fe").id, grants[7].id);
}

#[test]
fn a_task_that_is_more_urgent_than_what_its_queue_knows_is_told_anew() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 3)]);
    let told = |world: &World| match &world.harness.owed().unwrap()[0].effect {
        Effect::Offer { priority, .. } => *priority,
    };
    assert_eq!(told(&world), 3);
    world.add(vec![new_task("fe", 2)]);
    assert_eq!(told(&world), 3);
    world.add(vec![new_task("fe", 7)]);
    assert_eq!(told(&world), 7);
}
