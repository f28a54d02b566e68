//! What becomes of results: landed, tried again, escalated, superseded, adopted.

use super::*;
use crate::domain::workflow::limits::{RESULT_BYTES_MAX, SENTENCE_BYTES_MAX};

fn orphan(world: &mut World) -> u64 {
    world.orphans()[0]
}

/// A worker's result that came after a reset.
fn late(to: Option<u16>, clear_tasks: bool, clear_results: bool) -> (World, Grant, u64) {
    let mut world = World::running();
    let grant = world.claim("be");
    world.reset(to, clear_tasks, clear_results);
    let number = world.fenced(finish(&grant, done())).unwrap();
    (world, grant, number)
}

#[test]
fn a_result_lands_once_and_the_same_again_is_no_turn() {
    let mut world = World::running();
    let grant = world.claim("be");
    assert_eq!(world.finish(&grant, done()), Outcome::Landed);
    let stored = world.results(0)[&grant.id].clone();
    assert_eq!((stored.result, stored.claim, stored.attempt, stored.at), (done(), Some(1), Some(1), world.now()));
    let revision = world.view().revision;
    assert_eq!(world.finish(&grant, done()), Outcome::AlreadyLanded);
    assert_eq!(world.view().revision, revision);
    let other = TaskResult { result: "2".into(), ..done() };
    let (why, orphan) = world.superseded(finish(&grant, other));
    assert!(why.contains("another result of this claim has landed") && orphan.is_some());
}

#[test]
fn what_is_no_result_is_refused() {
    let mut world = World::running();
    let grant = world.claim("be");
    let long = format!("\"{}\"", "x".repeat(RESULT_BYTES_MAX));
    let cases = [
        (scored(1.01), "invalid"),
        (scored(-0.1), "invalid"),
        (scored(f64::NAN), "invalid"),
        (scored(f64::INFINITY), "invalid"),
        (TaskResult { result: "{".into(), ..done() }, "invalid"),
        (TaskResult { result: long, ..done() }, "limit"),
        (TaskResult { agent: String::new(), ..done() }, "invalid"),
    ];
    for (result, code) in cases {
        // What is not a number is not equal to itself, so the round trip of the world can't be used.
        let before = world.seen();
        let refused = world.ask(Ask::Command(finish(&grant, result))).unwrap_err();
        assert_eq!((refused.code(), world.seen()), (code, before));
    }
    let elsewhere = Command::Finish {
        task: grant.id.clone(),
        gate: stage("b"),
        generation: Some(Generation(1)),
        claim: Some(1),
        result: Box::new(done()),
    };
    assert_eq!(world.refused(elsewhere).code(), "invalid");
    let nowhere = Grant { id: task_id("9-be-8-1"), ..grant.clone() };
    assert_eq!(world.refused(finish(&nowhere, done())).code(), "not_found");
    let never = Grant { id: task_id("0-be-8-7"), claim: 9, ..grant };
    assert_eq!(world.refused(finish(&never, done())).code(), "superseded");
}

#[test]
fn what_failed_is_tried_again_after_a_rest_while_there_are_attempts() {
    let mut world = World::running();
    let first = world.claim("be");
    let at = |world: &World| world.now().after(Duration::from_secs(5));
    let outcome = world.finish(&first, failed(true));
    assert_eq!(outcome, Outcome::TriedAgain { at: at(&world) });
    assert_eq!(world.entry(&first.id).problem.as_deref(), Some("it broke"));
    assert_eq!(world.finish(&first, failed(true)), outcome, "the same again is no other attempt");
    world.pass(6);
    let second = world.claim("be");
    assert_eq!(second.attempt, 2);
    assert_eq!(world.finish(&second, failed(true)), Outcome::Failed);
    assert_eq!(world.finish(&second, failed(true)), Outcome::Failed);
    assert_eq!((world.status(), world.workflow().gates[0].results), (Status::Blocked, 0));
    assert_eq!(world.workflow().error, Some(format!("task {} failed: it broke", first.id)));
    // Its first worker has been superseded since.
    assert!(world.superseded(finish(&first, done())).1.is_some());
}

#[test]
fn what_can_t_succeed_is_not_tried_again() {
    let mut world = World::running();
    let grant = world.claim("be");
    assert_eq!(world.finish(&grant, failed(false)), Outcome::Failed);
    assert!(world.superseded(finish(&grant, done())).0.contains("it failed meanwhile"));
    let grant = world.claim("fe");
    let silent = TaskResult { error: None, ..failed(true) };
    world.finish(&grant, silent);
    assert_eq!(world.entry(&grant.id).problem.as_deref(), Some("its worker does not say why"));
    let grant = world.claim("fe");
    let long = TaskResult { error: Some("ä".repeat(SENTENCE_BYTES_MAX)), ..failed(true) };
    world.finish(&grant, long);
    assert!(world.entry(&grant.id).problem.unwrap().len() <= SENTENCE_BYTES_MAX);
}

#[test]
fn a_result_is_as_safe_as_it_must_be_or_a_person_has_the_last_word() {
    for (score, lands) in [(1.0, true), (0.85, true), (0.849_999, false), (0.0, false)] {
        let mut world = World::running();
        let grant = world.claim("be");
        assert_eq!(world.finish(&grant, scored(score)) == Outcome::Landed, lands, "{score}");
    }
    let mut world = World::running();
    let first = world.claim("be");
    assert!(matches!(world.finish(&first, scored(0.7)), Outcome::TriedAgain { .. }));
    assert_eq!(world.entry(&first.id).problem.as_deref(), Some("safety score 0.7 is below 0.85"));
    world.pass(6);
    let second = world.claim("be");
    assert_eq!(world.finish(&second, scored(0.7)), Outcome::AskedHuman);
    assert_eq!(world.finish(&second, scored(0.7)), Outcome::AskedHuman);
    assert!(world.hints.contains(&Domain::human()));
    assert_eq!(world.try_claim("be", "w"), (None, false));
    let person = world.claim("human");
    assert_eq!((person.id.clone(), person.attempt, person.claim), (first.id, 1, 3));
    assert_eq!(world.finish(&person, scored(0.1)), Outcome::Landed, "what a person says is the last word");
}

#[test]
fn a_person_who_can_t_do_it_is_asked_again_and_then_it_has_failed() {
    let mut world = World::running();
    let grant = world.claim("be");
    world.finish(&grant, scored(0.1));
    world.pass(6);
    let grant = world.claim("be");
    world.finish(&grant, scored(0.1));
    for expected in [Some(()), None] {
        world.pass(20);
        let person = world.claim("human");
        let again = matches!(world.finish(&person, failed(true)), Outcome::TriedAgain { .. });
        assert_eq!(again.then_some(()), expected);
    }
    assert_eq!(world.status(), Status::Blocked);
}

#[test]
fn a_task_for_people_needs_no_score() {
    let mut world = World::new();
    world.add(vec![new_task("human", 5)]);
    let grant = world.claim("human");
    assert_eq!(world.finish(&grant, scored(0.0)), Outcome::Landed);
}

#[test]
fn who_is_late_and_was_not_followed_lands_and_who_was_followed_is_kept_aside() {
    let mut world = World::running();
    let first = world.claim("be");
    world.pass(40);
    assert_eq!(world.entry(&first.id).standing, Standing::Queued);
    assert_eq!(world.finish(&first, done()), Outcome::Landed);
    let first = world.claim("fe");
    world.pass(40);
    let (second, _) = world.try_claim("fe", "w2");
    let (why, orphan) = world.superseded(finish(&first, done()));
    assert_eq!(why, "worker w2 has it now");
    assert_eq!(world.superseded(finish(&first, done())).1, orphan, "one late result is one orphan");
    assert_eq!(world.finish(&second.unwrap(), done()), Outcome::Landed);
    assert_eq!(world.orphans().len(), 1);
}

#[test]
fn the_last_of_several_late_results_of_one_claim_is_the_one_that_is_kept() {
    let (mut world, grant, number) = late(Some(0), true, true);
    let better = TaskResult { result: "2".into(), ..done() };
    assert_eq!(world.fenced(finish(&grant, better)), Some(number));
    assert_eq!(world.fenced(finish(&grant, failed(true))), None, "a failure is no work");
    world.fenced(beat(&grant));
    world.ask(Ask::Adopt(number)).unwrap();
    assert_eq!(world.results(0)[&grant.id].result.result, "2");
}

#[test]
fn a_late_result_is_adopted_whatever_its_task_is_doing() {
    // Its task is to be handed out again, from the list of those that were met, or from its lane.
    for clear_results in [false, true] {
        let (mut world, grant, number) = late(Some(0), false, clear_results);
        let receipt = world.ask(Ask::Adopt(number)).unwrap();
        assert_eq!(receipt.answer, Answer::Reply(Reply::Finished(Outcome::Landed)));
        let stored = world.results(0)[&grant.id].clone();
        assert_eq!(
            (stored.claim, stored.attempt, world.workflow().task(&grant.id)),
            (None, None, Some(TaskStanding::Over))
        );
        assert!(world.orphans().is_empty());
        world.ok(RUN);
        assert_eq!(world.try_claim("be", "w"), (None, false));
        world.work("fe");
        world.work("fe");
        assert_eq!(world.workflow().gate, 1);
    }
}

#[test]
fn an_adopted_result_takes_the_task_from_its_worker() {
    let (mut world, grant, number) = late(Some(0), false, true);
    world.ok(RUN);
    let again = world.claim("be");
    assert_eq!(again.id, grant.id);
    let plan = world.plan(Ask::Adopt(number));
    assert!(plan.lines.iter().any(|line| line.what == "worker w, who has the task"));
    let other = world.claim("fe");
    world.ok(beat(&other));
    world.with_token(Ask::Adopt(number), plan.token).unwrap();
    assert!(world.superseded(finish(&again, done())).1.is_some());
    assert_eq!(world.finish(&other, done()), Outcome::Landed, "others at the gate are not touched");
}

#[test]
fn the_adopted_result_of_a_cleared_task_is_kept_and_no_gate_waits_for_it() {
    let (mut world, grant, number) = late(Some(0), true, true);
    world.ask(Ask::Adopt(number)).unwrap();
    assert_eq!((world.results(0).len(), world.workflow().task(&grant.id)), (1, None));
    world.ok(RUN);
    assert_eq!(world.claim("be").id, task_id("0-be-8-2"), "no number is used twice");
    assert_eq!(world.workflow().gates[0].results, 1);
}

#[test]
fn an_adopted_result_takes_the_place_of_another_and_the_undo_brings_that_back() {
    let mut world = World::running();
    let first = world.claim("be");
    world.pass(36);
    let second = world.claim("be");
    let better = TaskResult { result: "\"late\"".into(), ..done() };
    world.superseded(finish(&first, better.clone()));
    world.finish(&second, done());
    world.ok(Command::Stop);
    let before = world.seen();
    let number = orphan(&mut world);
    let plan = world.plan(Ask::Adopt(number));
    assert!(
        plan.lines.iter().any(|line| line.what == format!("the result of task {} that is there, by agent", first.id))
    );
    world.with_token(Ask::Adopt(number), plan.token).unwrap();
    assert_eq!((world.results(0).len(), &world.results(0)[&first.id].result), (1, &better));
    let after = world.seen();
    world.undo();
    assert_eq!(world.seen(), before);
    world.undo_the_undo();
    assert_eq!(world.seen(), after);
}

#[test]
fn the_undo_of_an_adoption_hands_the_task_out_again_and_nobody_s_claim_is_taken_for_another_s() {
    let (mut world, _, number) = late(Some(0), false, true);
    world.ok(RUN);
    let held = world.claim("fe");
    world.ask(Ask::Adopt(number)).unwrap();
    let since = world.claim("fe");
    world.undo();
    assert_eq!((world.results(0).len(), world.workflow().gates[0].results, world.status()), (0, 0, Status::Stopped));
    for grant in [&held, &since] {
        assert!(world.superseded(finish(grant, done())).1.is_some());
    }
    world.ok(RUN);
    let claims: Vec<u64> = ["be", "fe", "fe"].iter().map(|of| world.claim(of).claim).collect();
    assert!(claims.iter().all(|claim| *claim > since.claim));
}

#[test]
fn the_adopted_result_of_a_cancelled_task_makes_it_a_finished_one() {
    let mut world = World::running();
    let grant = world.claim("be");
    world.ok(Command::Cancel { task: grant.id.clone() });
    assert_eq!(world.workflow().gates[0].given_up, 1);
    let (why, orphan) = world.superseded(finish(&grant, done()));
    assert!(why.contains("or was cancelled"));
    world.ask(Ask::Adopt(orphan.unwrap())).unwrap();
    assert_eq!((world.workflow().gates[0].given_up, world.workflow().gates[0].results), (0, 1));
}

#[test]
fn an_adoption_at_a_gate_that_is_passed_lets_its_approval_fall_and_leaves_it_passed() {
    let mut world = World::running();
    world.pass_a();
    let first = world.claim("qa");
    world.pass(36);
    world.work("qa");
    world.ok(approve("b"));
    let (_, orphan) = world.superseded(finish(&first, TaskResult { result: "7".into(), ..done() }));
    let plan = world.plan(Ask::Adopt(orphan.unwrap()));
    assert!(plan.lines.iter().any(|line| line.what == "the approval by ann"));
    world.with_token(Ask::Adopt(orphan.unwrap()), plan.token).unwrap();
    let workflow = world.workflow();
    assert_eq!((workflow.gate, workflow.gates[1].approval.clone()), (3, None));
    world.undo();
    assert_eq!((world.workflow().gate, world.workflow().gates[1].is_approved()), (3, true));
}

#[test]
fn a_plan_to_adopt_holds_while_workers_say_that_they_live_and_not_when_the_task_moves() {
    let (mut world, grant, number) = late(Some(0), false, true);
    world.ok(RUN);
    let again = world.claim("be");
    let token = world.plan(Ask::Adopt(number)).token;
    world.ok(beat(&again));
    assert_eq!(world.plan(Ask::Adopt(number)).token, token);
    world.ok(Command::Release { task: grant.id });
    assert_eq!(world.with_token(Ask::Adopt(number), token).unwrap_err().code(), "plan_moved");
}
