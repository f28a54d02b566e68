//! From gate to gate: opened, passed, approved, stopped.

use super::*;
use crate::domain::workflow::limits::{DOMAINS_MAX, TASKS_PER_COMMAND_MAX};

#[test]
fn a_workflow_begins_before_its_first_gate_with_nothing_to_do() {
    let mut world = World::new();
    let workflow = world.workflow();
    assert_eq!((workflow.status(), workflow.gate, workflow.phase()), (Status::Pending, 0, "phase of a"));
    assert!(workflow.lanes.is_empty() && workflow.grants() && workflow.next_due().is_none());
    assert_eq!(world.try_claim("fe", "w"), (None, false));
    assert_eq!(world.view().revision, 1, "a claim of nothing is no turn");
}

#[test]
fn a_run_opens_the_gate_and_hands_out_its_tasks() {
    let mut world = World::new();
    assert_eq!(world.ok(RUN), Reply::Run(1));
    let workflow = world.workflow();
    assert_eq!((workflow.tasks_of(0), workflow.tasks_of(1), workflow.status()), (3, 0, Status::Running));
    assert_eq!(workflow.gates[0].opened_at, Some(world.now()));
    let told: Vec<Effect> = world.harness.owed().unwrap().into_iter().map(|owed| owed.effect).collect();
    let offer = |of: &str, priority| Effect::Offer {
        domain: domain(of),
        priority,
        since: workflow.run.as_ref().unwrap().started_at,
    };
    assert_eq!(told, [offer("be", 8), offer("fe", 5)]);
}

#[test]
fn a_run_goes_from_gate_to_gate_until_somebody_is_needed() {
    let mut world = World::running();
    world.pass_a();
    let workflow = world.workflow();
    assert_eq!((workflow.gate, workflow.status(), workflow.phase()), (1, Status::Running, "phase of b"));
    world.work("qa");
    assert_eq!((world.workflow().gate, world.status()), (1, Status::Waiting));
    world.ok(approve("b"));
    // The gate c needs nothing.
    assert_eq!((world.workflow().gate, world.workflow().tasks_of(3)), (3, 1));
    world.work("be");
    let workflow = world.workflow();
    assert_eq!((workflow.status(), workflow.gate, workflow.phase()), (Status::Completed, 4, "completed"));
    let run = workflow.run.unwrap();
    assert_eq!((run.status, run.ended_at), (RunStatus::Completed, Some(world.now())));
    assert!(world.conflict(RUN).contains("all gates are passed; reset it"));
    assert!(world.conflict(Command::Add { tasks: vec![new_task("fe", 5)] }).contains("all gates are passed"));
    assert!(world.conflict(Command::Stop).contains("it is completed"));
    assert!(world.conflict(approve("b")).contains("all gates are passed"));
    assert_eq!(world.try_claim("fe", "w"), (None, false));
}

#[test]
fn a_run_ends_where_it_should_and_another_goes_on() {
    let mut world = World::new();
    world.ok(Command::Run { until: Some(stage("a")) });
    world.pass_a();
    let workflow = world.workflow();
    assert_eq!((workflow.gate, workflow.status(), workflow.tasks_of(1)), (1, Status::Pending, 0));
    assert_eq!(workflow.run.unwrap().status, RunStatus::Completed);
    assert!(world.conflict(Command::Run { until: Some(stage("a")) }).contains("a is passed already"));
    assert!(matches!(world.refused(Command::Run { until: Some(stage("x")) }), Rejection::NotFound { .. }));
    assert_eq!(world.ok(Command::Run { until: Some(stage("b")) }), Reply::Run(2));
    assert_eq!(world.workflow().tasks_of(1), 1);
    assert!(world.conflict(RUN).contains("run 2 goes on, begun by ann; stop it first"));
}

#[test]
fn a_stopped_workflow_grants_nothing_and_goes_nowhere_but_takes_in_what_is_done() {
    let mut world = World::running();
    let held: Vec<Grant> = ["fe", "be"].iter().map(|of| world.claim(of)).collect();
    world.ok(Command::Stop);
    assert_eq!(world.status(), Status::Stopped);
    assert_eq!(world.try_claim("fe", "w"), (None, false));
    assert!(world.conflict(Command::Stop).contains("no run goes on: it is stopped"));
    world.ok(beat(&held[0]));
    held.iter().for_each(|grant| assert_eq!(world.finish(grant, done()), Outcome::Landed));
    world.ok(RUN);
    world.work("fe");
    assert_eq!(world.workflow().gate, 1);
}

#[test]
fn what_was_done_while_it_stood_still_is_passed_at_once() {
    let mut world = World::running();
    world.work("be");
    let held: Vec<Grant> = ["fe", "fe"].iter().map(|of| world.claim(of)).collect();
    world.ok(Command::Stop);
    for grant in &held {
        world.finish(grant, done());
    }
    assert_eq!(world.workflow().gate, 0);
    world.ok(RUN);
    assert_eq!((world.workflow().gate, world.workflow().tasks_of(1)), (1, 1));
}

#[test]
fn tasks_that_are_added_by_hand_are_granted_without_a_run_and_don_t_pass_a_gate() {
    let mut world = World::new();
    let ids = world.add(vec![new_task("fe", 5), new_task("fe", 5), new_task("human", 0)]);
    assert_eq!(ids.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0-fe-5-1", "0-fe-5-2", "0-human-0-1"]);
    for of in ["fe", "fe", "human"] {
        world.work(of);
    }
    assert_eq!((world.workflow().gate, world.status()), (0, Status::Pending));
    // Those of the template are handed out all the same.
    world.ok(RUN);
    assert_eq!((world.workflow().gate, world.workflow().tasks_of(0)), (0, 6));
    assert_eq!(world.claim("be").task.by, "ann");
}

#[test]
fn tasks_that_are_added_hold_the_gate_up_and_are_bounded() {
    let mut world = World::running();
    world.pass_a();
    world.work("qa");
    world.add(vec![new_task("sales", 5)]);
    world.ok(approve("b"));
    assert_eq!(world.workflow().gate, 1);
    world.work("sales");
    assert_eq!((world.workflow().gate, world.status()), (1, Status::Waiting), "an approval is of results");
    let add = |tasks: Vec<NewTask>| Command::Add { tasks };
    assert_eq!(world.refused(add(Vec::new())).code(), "invalid");
    assert_eq!(world.refused(add(vec![new_task("fe", 5); TASKS_PER_COMMAND_MAX + 1])).code(), "limit");
    assert_eq!(world.refused(add((0..DOMAINS_MAX).map(|n| new_task(&format!("x{n}"), 1)).collect())).code(), "limit");
    assert_eq!(world.refused(add(vec![NewTask { title: " ".into(), ..new_task("fe", 5) }])).code(), "invalid");
    assert_eq!(world.refused(add(vec![new_task("fe", 11)])).code(), "invalid");
}

#[test]
fn an_approval_names_the_results_it_is_for_and_falls_when_they_change() {
    let mut world = World::running();
    world.pass_a();
    let empty = world.workflow().gates[1].fingerprint;
    world.ok(approve("b"));
    assert!(world.workflow().gates[1].is_approved());
    world.work("qa");
    assert!(world.workflow().gates[1].approval.is_none());
    let late = world.conflict(Command::Approve { gate: stage("b"), seen: Some(empty) });
    assert!(late.contains("its results changed since they were looked at"), "{late}");
    let seen = Some(world.workflow().gates[1].fingerprint);
    world.ok(Command::Approve { gate: stage("b"), seen });
    let approval = world.workflow().gates[1].approval.clone().unwrap();
    assert_eq!((approval.by.as_str(), Some(approval.of)), ("ann", seen));
    assert_eq!(world.workflow().gate, 3);
}

#[test]
fn results_have_the_same_fingerprint_in_whatever_order_they_came() {
    let fingerprint = |order: [usize; 3]| {
        let mut world = World::running();
        let grants = [world.claim("fe"), world.claim("fe"), world.claim("be")];
        for n in order {
            world.finish(&grants[n], done());
        }
        world.workflow().gates[0].fingerprint
    };
    assert_eq!(fingerprint([0, 1, 2]), fingerprint([2, 1, 0]));
    assert_eq!(fingerprint([0, 1, 2]), fingerprint([1, 0, 2]));
}

#[test]
fn an_approval_without_a_run_waits_for_one() {
    let mut world = World::new();
    world.ok(Command::Run { until: Some(stage("a")) });
    world.pass_a();
    world.ok(approve("b"));
    assert_eq!(world.workflow().gate, 1);
    world.ok(RUN);
    world.work("qa");
    assert_eq!(world.status(), Status::Waiting);
}

#[test]
fn a_word_is_taken_only_for_the_gate_that_asks_for_it_now() {
    let mut world = World::running();
    for command in [approve("b"), Command::Reject { gate: stage("b") }] {
        assert!(world.conflict(command).contains("the workflow stands before a"));
    }
    for command in [approve("a"), Command::Reject { gate: stage("a") }] {
        assert!(world.conflict(command).contains("nobody has to agree to this gate"));
    }
    assert!(matches!(world.refused(approve("x")), Rejection::NotFound { what, .. } if what == "gate"));
}

#[test]
fn a_rejection_says_why_and_blocks_until_something_changes() {
    let mut world = World::running();
    world.pass_a();
    world.work("qa");
    world.ok(Command::Reject { gate: stage("b") });
    assert_eq!(
        (world.status(), world.workflow().error.as_deref()),
        (Status::Blocked, Some("b was rejected by ann: because"))
    );
    world.add(vec![new_task("qa", 5)]);
    world.work("qa");
    assert_eq!((world.status(), world.workflow().error), (Status::Waiting, None));
    world.ok(Command::Reject { gate: stage("b") });
    world.ok(approve("b"));
    assert_eq!((world.workflow().gate, world.workflow().error), (3, None));
}

#[test]
fn the_state_does_not_grow_with_the_tasks_that_wait() {
    let size = |commands: usize| {
        let mut world = World::running();
        for _ in 0..commands {
            world.add(vec![new_task("fe", 5); 500]);
        }
        encode("state", &world.workflow()).unwrap().len()
    };
    assert!(size(8) <= size(1) + 8, "only numbers grow");
}
