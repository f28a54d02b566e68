//! Every reset, from every standing, and back and forth again.

use super::*;

type Standings = Vec<(&'static str, fn() -> World)>;

/// Workflows that stand somewhere, with something of every kind in them.
fn standings() -> Standings {
    vec![
        ("nobody ran it", World::new),
        ("tasks were added by hand", || {
            let mut world = World::new();
            world.add(vec![new_task("fe", 5), new_task("human", 1)]);
            world.claim("fe");
            world
        }),
        ("the first gate is open", World::running),
        ("tasks of every standing", every_standing),
        ("it was stopped", || {
            let mut world = every_standing();
            world.ok(Command::Stop);
            world
        }),
        ("it waits for approval", || {
            let mut world = World::running();
            world.pass_a();
            world.work("qa");
            world
        }),
        ("it was rejected", || {
            let mut world = World::running();
            world.pass_a();
            world.work("qa");
            world.ok(Command::Reject { gate: stage("b") });
            world
        }),
        ("it came to where it should", || {
            let mut world = World::new();
            world.ok(Command::Run { until: Some(stage("a")) });
            world.pass_a();
            world
        }),
        ("it is at the last gate", || {
            let mut world = at_d();
            world.claim("be");
            world
        }),
        ("all gates are passed", || {
            let mut world = at_d();
            world.work("be");
            world
        }),
        ("it went back before, and came forth", || {
            let mut world = at_d();
            world.reset(Some(1), false, false);
            world.ok(RUN);
            world.ok(approve("b"));
            world.claim("be");
            world
        }),
        ("it was undone before", || {
            let mut world = every_standing();
            world.reset(Some(0), true, true);
            world.add(vec![new_task("fe", 5); 3]);
            world.undo();
            world.add(vec![new_task("fe", 5)]);
            world
        }),
    ]
}

fn at_d() -> World {
    let mut world = World::running();
    world.pass_a();
    world.work("qa");
    world.ok(approve("b"));
    world
}

/// Finished, leased, resting, queued, failed, waiting for a person, cancelled before and after it was met, and ahead.
fn every_standing() -> World {
    let mut world = World::running();
    world.add(vec![new_task("fe", 5); 8]);
    world.work("fe");
    let resting = world.claim("fe");
    world.finish(&resting, failed(true));
    let failing = world.claim("fe");
    world.finish(&failing, failed(false));
    let cancelled = world.claim("fe");
    world.ok(Command::Cancel { task: cancelled.id });
    world.ok(Command::Cancel { task: task_id("0-fe-5-9") });
    let released = world.claim("be");
    world.finish(&released, scored(0.1));
    world.ok(Command::Retry { task: released.id.clone() });
    let blocked = NewTask { attempts_most: 1, ..new_task("safety", 5) };
    world.add(vec![blocked]);
    let grant = world.claim("safety");
    assert_eq!(world.finish(&grant, scored(0.1)), Outcome::AskedHuman);
    world.claim("fe");
    world
}

/// What an undo gives back of a workflow: nobody is at work, no run goes on, and numbers only grow.
fn given_back(before: &Workflow, after: &Workflow) -> Workflow {
    let mut expected = before.clone();
    for (id, lane) in &after.lanes {
        let known = expected.lanes.entry(id.clone()).or_insert_with(|| lane.clone());
        if known.tasks() == 0 {
            known.clone_from(lane);
        }
        (known.end, known.gaps, known.next) = (lane.end, lane.gaps.clone(), lane.next);
        known.waiting_since = lane.waiting_since;
    }
    for (id, entry) in &mut expected.under_way {
        let since = after.under_way.get(id).map(|entry| entry.since).unwrap_or_default();
        if matches!(entry.standing, Standing::Leased | Standing::Waiting(_)) {
            (entry.standing, entry.since) = (Standing::Queued, since);
        }
        entry.lease = None;
    }
    if let Some(run) = expected.run.as_mut().filter(|run| run.status == RunStatus::Running) {
        (run.status, run.ended_at) = (RunStatus::Stopped, after.run.as_ref().unwrap().ended_at);
    }
    for (gate, now) in expected.gates.iter_mut().zip(&after.gates) {
        gate.went_back = now.went_back;
    }
    expected.claims = after.claims;
    expected
}

/// The lanes by what can be seen of them.
fn tasks(workflow: &Workflow) -> Vec<(LaneId, u64, u64)> {
    let seen = workflow.lanes.iter().filter(|(_, lane)| lane.tasks() > 0);
    seen.map(|(id, lane)| (id.clone(), lane.tasks(), lane.ahead())).collect()
}

#[test]
fn every_reset_can_be_undone_and_the_undo_too() {
    for (name, make) in standings() {
        let most = { make().workflow().gate.min(3) };
        for to in (0..=most).map(Some).chain([None]) {
            for (clear_tasks, clear_results) in [(true, true), (true, false), (false, true), (false, false)] {
                let case = format!("{name}, to {to:?}, tasks {clear_tasks}, results {clear_results}");
                let mut world = make();
                let before = world.seen();
                let plan = world.plan(Ask::Command(reset(to, clear_tasks, clear_results)));
                world.with_token(Ask::Command(reset(to, clear_tasks, clear_results)), plan.token).unwrap();
                world.check_deeply();
                let went_back = world.seen();
                check_reset(
                    &case,
                    &before.workflow,
                    &went_back.workflow,
                    to.unwrap_or(most),
                    clear_tasks,
                    clear_results,
                );
                world.undo();
                let undone = world.seen();
                assert_eq!(undone.content, before.content, "{case}");
                assert_eq!(tasks(&undone.workflow), tasks(&before.workflow), "{case}");
                assert_eq!(undone.workflow, given_back(&before.workflow, &undone.workflow), "{case}");
                world.undo_the_undo();
                let forth = world.seen();
                assert_eq!(forth.content, went_back.content, "{case}");
                assert_eq!(tasks(&forth.workflow), tasks(&went_back.workflow), "{case}");
                assert_eq!(forth.workflow, given_back(&went_back.workflow, &forth.workflow), "{case}");
                world.ok(RUN);
                let results_make_it_whole = !clear_tasks && !clear_results && world.status() == Status::Completed;
                assert!(world.workflow().is_running() || results_make_it_whole, "{case}");
            }
        }
    }
}

fn check_reset(case: &str, before: &Workflow, after: &Workflow, to: u16, clear_tasks: bool, clear_results: bool) {
    assert_eq!((after.gate, after.phase()), (to, before.outline.gates[usize::from(to)].phase.as_str()), "{case}");
    assert_eq!(after.error, None, "{case}");
    assert!(after.run.as_ref().is_none_or(|run| run.status != RunStatus::Running), "{case}");
    for (place, (was, is)) in (0_u16..).zip(before.gates.iter().zip(&after.gates)) {
        if place < to {
            assert_eq!(was, is, "{case}: what comes before it stays");
            continue;
        }
        assert!(is.passed_at.is_none() && is.approval.is_none(), "{case}");
        assert_eq!(is.results, if clear_results { 0 } else { was.results }, "{case}");
        assert_eq!(after.tasks_of(place), if clear_tasks { 0 } else { before.tasks_of(place) }, "{case}");
        if clear_tasks || clear_results {
            let ahead: u64 = after.lanes_of(place).map(|(_, lane)| lane.ahead()).sum();
            assert_eq!((ahead, after.under_way_of(place).count()), (after.tasks_of(place), 0), "{case}");
        } else {
            let is_over = |workflow: &Workflow| {
                before.under_way_of(place).filter(|(id, _)| workflow.task(id) == Some(TaskStanding::Over)).count()
            };
            assert_eq!(is_over(after), 0, "{case}: what was under way is to be done");
            assert!(
                after.under_way_of(place).all(|(_, entry)| entry.standing == Standing::Queued && entry.attempt == 0)
            );
        }
    }
    assert!(after.under_way.values().all(|entry| entry.lease.is_none()), "{case}: all leases are void");
}

#[test]
fn a_reset_says_exactly_what_it_cleared() {
    let mut world = every_standing();
    let summary = ResetSummary {
        tasks: 12,
        results: 1,
        leases: 1,
        queues: ["be", "fe", "human"].map(domain).into(),
        gate: 0,
        phase: "phase of a".into(),
    };
    assert_eq!(world.reset(None, true, true), summary);
    let mut world = every_standing();
    let kept = ResetSummary { tasks: 0, results: 0, queues: Vec::new(), ..summary.clone() };
    assert_eq!(world.reset(None, false, false), kept);
    let mut world = every_standing();
    assert_eq!(world.reset(None, false, true), ResetSummary { results: 1, ..kept.clone() });
    let mut world = every_standing();
    assert_eq!(world.reset(None, true, false), ResetSummary { results: 0, ..summary });
    assert_eq!(World::new().reset(Some(0), true, true), ResetSummary { leases: 0, ..kept });
    // A gate that is passed counts too.
    let mut world = at_d();
    let summary = world.reset(Some(1), true, true);
    assert_eq!((summary.tasks, summary.results, summary.queues, summary.gate), (2, 1, vec![domain("be")], 1));
}

#[test]
fn it_can_only_go_back_to_where_it_was() {
    for (make, most) in [(World::running as fn() -> World, 0), (at_d, 3)] {
        let mut world = make();
        for to in [most + 1, most + 2, u16::MAX] {
            let refused = world.refused(reset(Some(to), true, true)).to_string();
            assert!(refused.contains("reset_to_gate") && refused.contains(&format!("from 0 to {most}")), "{refused}");
        }
    }
    let mut world = at_d();
    world.work("be");
    assert_eq!(world.refused(reset(Some(4), true, true)).code(), "invalid");
    assert_eq!(world.reset(None, true, true).gate, 3);
}

#[test]
fn a_reset_fences_workers_and_their_queues_hear_of_it_when_they_ask() {
    let mut world = World::running();
    let grant = world.claim("fe");
    world.reset(None, true, true);
    assert!(world.fenced(finish(&grant, done())).is_some());
    assert_eq!(world.fenced(beat(&grant)), None);
    assert!(world.hints.contains(&domain("fe")));
    assert_eq!(world.try_claim("fe", "w"), (None, false));
    assert!(!world.hints.contains(&domain("fe")));
    world.ok(RUN);
    assert_eq!(world.claim("fe").generation, Generation(2));
}

#[test]
fn tasks_that_are_kept_are_handed_out_again_at_once_where_nobody_ran_it() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 5), new_task("fe", 5)]);
    world.work("fe");
    world.work("fe");
    world.reset(None, false, true);
    assert_eq!(world.claim("fe").id, task_id("0-fe-5-1"));
    assert_eq!(world.claim("fe").attempt, 1);
}

#[test]
fn results_that_are_kept_are_not_made_again() {
    let mut world = at_d();
    let held = world.claim("be");
    world.reset(Some(0), false, false);
    world.ok(RUN);
    assert_eq!((world.workflow().gate, world.status()), (1, Status::Waiting), "only the word of a person is gone");
    world.ok(approve("b"));
    let again = world.claim("be");
    assert_eq!((again.id, again.attempt, again.generation), (held.id, 1, Generation(2)));
}

#[test]
fn results_outlive_their_tasks_when_only_those_are_cleared() {
    let mut world = World::running();
    world.pass_a();
    world.reset(Some(0), true, false);
    assert_eq!((world.results(0).len(), world.workflow().tasks_of(0)), (3, 0));
    world.ok(RUN);
    world.pass_a();
    assert_eq!((world.results(0).len(), world.workflow().gate), (6, 1));
}

#[test]
fn a_plan_names_what_is_cleared_who_is_fenced_and_what_can_t_be_undone() {
    let mut world = every_standing();
    let plan = world.plan(Ask::Command(reset(None, true, true)));
    let lines: Vec<String> = plan.lines.iter().map(|line| format!("{:?} {}", line.fate, line.what)).collect();
    let expected = [
        "Cleared 12 tasks: 1 for be, 10 for fe, 1 for safety",
        "Cleared 1 result",
        "Cleared that 2 tasks were cancelled",
        "Fenced whoever works under generation 1",
        "Fenced worker w, on task 0-fe-5-5",
        "Cleared run 1, begun by ann",
        "Cleared the problem: task 0-fe-5-3 failed: it broke",
        "Kept what workers did outside of the workflow",
    ];
    assert_eq!(lines, expected);
    assert_eq!((plan.verb.as_str(), plan.stage), ("reset", Some(stage("a"))));
    let mut world = at_d();
    let plan = world.plan(Ask::Command(reset(Some(1), false, false)));
    let lines: Vec<String> = plan.lines.iter().map(|line| format!("{:?} {}", line.fate, line.what)).collect();
    assert!(lines.contains(&"Kept 1 task: 1 for qa".to_owned()), "{lines:?}");
    assert!(lines.contains(&"Kept 1 result".to_owned()) && lines.contains(&"Cleared the approval by ann".to_owned()));
    assert!(lines.contains(&"Cleared that the gate is passed".to_owned()));
    assert!(!lines.iter().any(|line| line.contains("3 tasks")), "the gate before it is not touched");
}

#[test]
fn a_plan_lists_so_many_workers_and_counts_the_rest() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 5); 25]);
    (0..25).for_each(|n| drop(world.try_claim("fe", &format!("w{n}"))));
    let plan = world.plan(Ask::Command(reset(None, true, true)));
    assert_eq!(plan.lines.iter().filter(|line| line.what.starts_with("worker w")).count(), 20);
    assert!(plan.lines.iter().any(|line| line.what == "5 more workers"));
}

#[test]
fn a_plan_holds_while_workers_say_that_they_live_and_not_when_anything_else_happens() {
    let mut world = every_standing();
    let grant = world.claim("fe");
    let ask = || Ask::Command(reset(None, true, true));
    let token = world.plan(ask()).token;
    world.ok(beat(&grant));
    assert_eq!(world.plan(ask()).token, token);
    for moves in [finish(&grant, done()), RUN, Command::Stop] {
        let token = world.plan(ask()).token;
        if world.run(moves).is_ok() {
            assert!(matches!(world.with_token(ask(), token), Err(Rejection::PlanMoved { .. })));
        }
    }
    let token = world.plan(ask()).token;
    world.with_token(ask(), token).unwrap();
    world.ok(RUN);
    let grant = world.claim("fe");
    let token = world.plan(Ask::Undo(None)).token;
    world.ok(beat(&grant));
    assert_eq!(world.plan(Ask::Undo(None)).token, token, "the same goes for an undo");
    world.finish(&grant, done());
    assert!(matches!(world.with_token(Ask::Undo(None), token), Err(Rejection::PlanMoved { .. })));
}

#[test]
fn an_undo_that_would_put_newer_work_aside_needs_a_plan_that_says_so() {
    let mut world = World::running();
    world.pass_a();
    world.reset(Some(0), true, true);
    world.ok(RUN);
    world.work("fe");
    assert!(matches!(world.ask(Ask::Undo(None)), Err(Rejection::PlanRequired { .. })));
    let plan = world.plan(Ask::Undo(None));
    let archived = |line: &&crate::domain::PlanLine| line.fate == crate::domain::Fate::Archived;
    assert_eq!(plan.lines.iter().filter(archived).count(), 2, "tasks and results of the gate: {:?}", plan.lines);
    let told: BTreeSet<String> = plan.lines.iter().map(|line| format!("{line:?}")).collect();
    assert_eq!(told.len(), plan.lines.len(), "each is told once");
    world.with_token(Ask::Undo(None), plan.token).unwrap();
    assert_eq!((world.workflow().gate, world.results(0).len(), world.status()), (1, 3, Status::Pending));
    world.ok(RUN);
    assert_eq!(world.claim("qa").id, task_id("1-qa-5-1"), "what was handed out before is there, and not twice");
    assert_eq!(world.workflow().tasks_of(1), 1);
}

#[test]
fn an_undo_stops_the_run_that_goes_on_and_offers_what_is_granted_without_one() {
    let mut world = World::new();
    world.add(vec![new_task("fe", 5)]);
    world.reset(None, true, true);
    assert_eq!(world.try_claim("fe", "w"), (None, false));
    world.undo();
    assert!(world.hints.contains(&domain("fe")));
    world.work("fe");
    world.reset(None, true, true);
    world.ok(RUN);
    world.undo();
    let run = world.workflow().run.unwrap();
    assert_eq!((run.number, run.status, run.ended_at), (1, RunStatus::Cancelled, Some(world.now())));
    assert_eq!(world.ok(RUN), Reply::Run(2));
}

#[test]
fn an_older_reset_is_undone_around_a_newer_one() {
    let mut world = at_d();
    world.reset(Some(3), true, true);
    let first = world.view().undo_points[0].number;
    world.reset(Some(1), true, true);
    let plan = world.plan(Ask::Undo(Some(first)));
    world.with_token(Ask::Undo(Some(first)), plan.token).unwrap();
    world.check_deeply();
    // The last gate has its task again; those between are to be passed first.
    assert_eq!((world.workflow().gate, world.workflow().tasks_of(3), world.workflow().tasks_of(1)), (1, 1, 0));
    world.undo_the_undo();
    assert_eq!((world.workflow().gate, world.workflow().tasks_of(3)), (1, 0));
}

#[test]
fn what_was_adopted_is_not_undone_once_its_gate_went_back() {
    let mut world = World::running();
    let grant = world.claim("be");
    world.reset(None, false, true);
    let orphan = world.fenced(finish(&grant, done())).unwrap();
    world.ask(Ask::Adopt(orphan)).unwrap();
    let point = world.view().undo_points.last().unwrap().number;
    world.reset(None, false, true);
    let refused = world.ask(Ask::Undo(Some(point))).unwrap_err().to_string();
    assert!(refused.contains("a went back since"), "{refused}");
    world.undo();
    // It is not what it was, but what it came back as.
    assert!(world.ask(Ask::Undo(Some(point))).is_err());
}

#[test]
fn going_back_costs_the_same_at_any_number_of_tasks() {
    let journaled = |commands: usize| {
        let mut world = World::running();
        for _ in 0..commands {
            world.add(vec![new_task("fe", 5); 500]);
        }
        let before: usize = world.harness.dump().unwrap().len();
        world.reset(None, true, true);
        world.harness.dump().unwrap().len() - before
    };
    assert_eq!(journaled(1), journaled(6), "keys that a reset writes");
}

#[test]
fn a_workflow_goes_on_from_the_store_after_a_crash_as_if_nothing_was() {
    let mut world = every_standing();
    let held = world.claim("fe");
    world.harness.kill();
    world.ok(beat(&held));
    world.reset(None, false, false);
    world.harness.kill();
    assert!(world.fenced(finish(&held, done())).is_some());
    world.ok(RUN);
    let again = world.claim("fe");
    world.harness.kill();
    world.pass(36);
    assert_eq!(world.entry(&again.id).standing, Standing::Queued);
}
