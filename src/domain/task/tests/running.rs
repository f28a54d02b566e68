//! Agents at work: runs, reports, ends, and those that come late.

use super::*;
use crate::domain::task::limits::*;

fn report(world: &mut World, report: Report) -> Result<Reply, Rejection> {
    let run = world.task().run.unwrap();
    world.run(Command::Report { stage: run.stage, generation: run.generation, report: Box::new(report) })
}

fn started(world: &mut World) -> Command {
    let run = world.task().run.unwrap();
    let process = (4711, 99, "b00t".into());
    Command::Started { stage: run.stage, generation: run.generation, agent: "claude".into(), process }
}

#[test]
fn each_run_has_a_generation_of_its_own_and_keeps_what_is_there() {
    let mut world = World::started("L1");
    let first = world.ok(Command::Run);
    assert_eq!(first, Reply::Running { run: 1, stage: stage("plan"), generation: Generation(2) });
    assert_eq!(world.owed().get("run"), Some(&Effect::Run { run: 1 }));
    world.failing();
    let second = world.ok(Command::Retry);
    assert_eq!(second, Reply::Running { run: 2, stage: stage("plan"), generation: Generation(3) });
    let plan = world.stage("plan");
    assert_eq!((plan.runs, plan.last_run, plan.handoff, plan.todos), (2, 2, true, (1, 2)));
    assert_eq!((plan.score, plan.passed), (None, None), "those are of one run");
    assert_eq!(world.task().problem, None);
}

#[test]
fn run_and_retry_are_for_what_they_say_and_each_names_the_other() {
    let mut world = World::new("L1");
    assert!(world.conflict(Command::Run).contains("in backlog"));
    world.ok(Command::Start);
    world.operate();
    assert!(world.conflict(Command::Retry).contains("the stage is ready; run it"));
    world.ok(Command::Run);
    assert!(world.conflict(Command::Run).contains("the stage is running; wait for its agent"));
    assert!(world.conflict(Command::Retry).contains("the stage is running"));
    world.failing();
    assert!(world.conflict(Command::Run).contains("the stage is failed; retry it"));
    world.ok(Command::Retry);
    world.done();
    assert!(world.conflict(Command::Run).contains("approve or reject it"));
    world.ok(reject());
    assert!(world.conflict(Command::Retry).contains("run it"));
    world.ok(Command::Run);
    world.done();
    world.ok(APPROVE);
    assert!(world.conflict(Command::Run).contains("being committed"));
    world.operate();
    world.complete();
    assert!(world.conflict(Command::Run).contains("the task is done"));
}

#[test]
fn what_an_agent_says_is_kept_as_it_was_said() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let lines = world.log().len();
    let said = full_report("it", &stage("plan"), Generation(2));
    report(&mut world, said.clone()).unwrap();
    let task = world.task();
    assert_eq!((task.session, task.carry_over), (said.session, said.carry_over));
    assert_eq!(task.log, lines as u64 + 2);
    assert_eq!(world.log()[lines..], said.lines);
    let content = world.content(&stage("plan"));
    assert_eq!(content[OUTPUT_PATH], said.output.unwrap().into_bytes());
    assert_eq!(content[HANDOFF_PATH], said.handoff.unwrap().into_bytes());
    assert_eq!(todos_from_bytes(&content[TODOS_PATH]).unwrap(), said.todos.unwrap());
    let plan = world.stage("plan");
    assert_eq!((plan.score, plan.passed, plan.todos), (Some(Score(930)), Some(true), (1, 2)));
    let odd = "\u{1b}[31mred\r\n\0 {\"restage\":\"output\"}";
    report(&mut world, Report { output: Some(odd.into()), ..Report::default() }).unwrap();
    assert_eq!(world.content(&stage("plan"))[OUTPUT_PATH], odd.as_bytes(), "texts are kept as they are");
    assert_eq!(world.stage("plan").todos, (1, 2), "what is not said again stays");
}

#[test]
fn lines_alone_move_nothing_but_the_log() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let before = world.task();
    let lines = full_report("it", &stage("plan"), Generation(2)).lines;
    report(&mut world, Report { lines, ..Report::default() }).unwrap();
    assert_eq!(world.task(), Task { log: before.log + 2, ..before });
}

#[test]
fn more_than_is_taken_in_is_refused_by_name() {
    let line = |bytes: usize| LogLine {
        at: Timestamp::default(),
        source: LogSource::Err(stage("plan"), Generation(2)),
        text: "x".repeat(bytes),
    };
    let todo = |bytes: usize| Todo { text: "x".repeat(bytes), done: false };
    let text = |bytes: usize| Some("x".repeat(bytes));
    let report_of = |report: Report| report;
    let lines = |count: usize, bytes: usize| Report { lines: vec![line(bytes); count], ..Report::default() };
    let todos = |todos: Vec<Todo>| Report { todos: Some(todos), ..Report::default() };
    // Each case is the most there can be, and one more than that.
    let most_lines = REPORT_LINES_BYTES_MAX / LINE_BYTES_MAX;
    let cases: Vec<(Report, Report, &str)> = vec![
        (lines(LINES_PER_REPORT_MAX, 1), lines(LINES_PER_REPORT_MAX + 1, 1), "lines in a report"),
        (lines(1, LINE_BYTES_MAX), lines(1, LINE_BYTES_MAX + 1), "bytes of a line"),
        (lines(most_lines, LINE_BYTES_MAX), lines(most_lines + 1, LINE_BYTES_MAX), "bytes of the lines"),
        (todos(vec![todo(1); TODOS_MAX]), todos(vec![todo(1); TODOS_MAX + 1]), "things to do of a stage"),
        (todos(vec![todo(TODO_BYTES_MAX)]), todos(vec![todo(TODO_BYTES_MAX + 1)]), "bytes of a thing to do"),
        (
            report_of(Report { session: text(SESSION_BYTES_MAX), ..Report::default() }),
            report_of(Report { session: text(SESSION_BYTES_MAX + 1), ..Report::default() }),
            "id of a session",
        ),
        (
            report_of(Report { carry_over: text(CARRY_OVER_BYTES_MAX), ..Report::default() }),
            report_of(Report { carry_over: text(CARRY_OVER_BYTES_MAX + 1), ..Report::default() }),
            "leaves for whoever goes on",
        ),
        (
            report_of(Report { output: text(OUTPUT_BYTES_MAX), ..Report::default() }),
            report_of(Report { output: text(OUTPUT_BYTES_MAX + 1), ..Report::default() }),
            "bytes of an output",
        ),
        (
            report_of(Report { handoff: text(HANDOFF_BYTES_MAX), ..Report::default() }),
            report_of(Report { handoff: text(HANDOFF_BYTES_MAX + 1), ..Report::default() }),
            "bytes of a hand-off",
        ),
        (
            report_of(Report { score: Some(Score(1000)), ..Report::default() }),
            report_of(Report { score: Some(Score(1001)), ..Report::default() }),
            "score",
        ),
    ];
    let mut world = World::started("L1");
    world.ok(Command::Run);
    for (most, more, expected) in cases {
        report(&mut world, most).unwrap();
        let before = world.task();
        let refusal = report(&mut world, more).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal:?} does not say {expected:?}");
        assert_eq!(world.task(), before);
    }
}

#[test]
fn who_works_is_known_once_the_process_is() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let started = started(&mut world);
    world.ok(started.clone());
    let task = world.task();
    assert_eq!(task.agent.as_deref(), Some("claude"));
    assert_eq!(task.run.unwrap().process, Some((4711, 99, "b00t".into())));
    let before = world.view().revision;
    world.ok(started);
    assert_eq!(world.view().revision, before, "told again changes nothing");
}

#[test]
fn a_run_that_is_done_waits_for_approval_with_what_it_made() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.done();
    let plan = world.stage("plan");
    assert_eq!((plan.status, plan.last_ended), (StageStatus::ToApprove, 1));
    assert_eq!(plan.candidate, Some(world.repo.candidate()));
    assert_eq!(world.content(&stage("plan"))[OUTPUT_PATH], b"output of run 1");
    assert!(world.has_logged("plan: run 1 is done, files changed: 3"));
}

#[test]
fn a_run_that_comes_to_nothing_says_why_and_what_to_do() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.failing();
    let problem = world.task().problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.what.as_str()), ("exit", "it ended with 1"));
    assert_eq!((world.status(), problem.doing.as_str()), (StageStatus::Failed, "run plan"));
    world.ok(Command::Retry);
    let Command::Finish { stage, generation, mut finish } = world.end(Outcome::Done) else { panic!() };
    finish.candidate = None;
    world.ok(Command::Finish { stage, generation, finish });
    assert_eq!(world.status(), StageStatus::Failed);
    assert_eq!(world.task().problem.unwrap().code, "unreadable_files");
    world.ok(Command::Retry);
    let end = world.end(Outcome::Interrupted);
    world.ok(end);
    assert_eq!((world.status(), world.task().problem), (StageStatus::Interrupted, None));
}

#[test]
fn the_end_of_a_run_is_taken_in_once() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let end = world.end(Outcome::Done);
    world.ok(end.clone());
    assert!(world.conflict(end.clone()).contains("its end is known already"));
    world.ok(Command::Pause);
    assert!(world.conflict(end).contains("its end is known already"));
}

#[test]
fn what_was_never_is_refused() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let finish = |run, name: &str, generation| Command::Finish {
        stage: stage(name),
        generation: Generation(generation),
        finish: Box::new(Finish { run, outcome: Outcome::Done, report: Report::default(), candidate: None }),
    };
    assert!(matches!(world.refused(finish(2, "plan", 2)), Rejection::Invalid { .. }), "a run that is to come");
    assert!(matches!(world.refused(finish(0, "plan", 2)), Rejection::Invalid { .. }));
    assert!(matches!(world.refused(finish(1, "plan", 3)), Rejection::Invalid { .. }), "a generation to come");
    assert!(matches!(world.refused(finish(1, "other", 1)), Rejection::NotFound { .. }));
    assert!(world.conflict(finish(1, "implement", 1)).contains("run 1 of plan is under way"));
}

#[test]
fn reports_of_nobody_are_refused() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let run = world.task().run.unwrap();
    let told = Command::Report { stage: run.stage.clone(), generation: run.generation, report: Box::default() };
    let begun = started(&mut world);
    world.done();
    assert!(world.conflict(told.clone()).contains("no agent is at work on it under generation 2"));
    assert!(world.conflict(begun.clone()).contains("no agent is at work"));
    world.ok(reject());
    world.ok(Command::Run);
    for late in [told, begun] {
        assert!(matches!(world.refused(late), Rejection::Stale { orphan: None, .. }), "it is of an earlier run");
    }
}

#[test]
fn the_last_words_of_a_paused_run_are_taken_in() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let end = world.end(Outcome::Done);
    world.ok(Command::Pause);
    world.ok(end.clone());
    assert_eq!((world.status(), world.stage("plan").candidate), (StageStatus::Interrupted, None));
    assert_eq!(world.content(&stage("plan"))[OUTPUT_PATH], b"output of run 1");
    assert_eq!(world.task().session.as_deref(), Some("session of run 1"), "its worktree is as it left it");
    assert!(world.conflict(end).contains("its end is known already"));
}

#[test]
fn a_late_end_is_kept_once_and_can_be_taken_in_but_approves_nothing() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let end = world.end(Outcome::Done);
    world.restart(to("plan"));
    for _ in 0..2 {
        let Err(Rejection::Stale { orphan: Some(_), .. }) = world.run(end.clone()) else { panic!() };
    }
    assert_eq!(world.view().orphans.len(), 1);
    assert_eq!(world.stage("plan"), StageState { started_at: world.stage("plan").started_at, ..ready() });
    let orphan = world.view().orphans[0].number;
    world.ask(Ask::Adopt(orphan)).unwrap();
    let plan = world.stage("plan");
    assert_eq!((plan.status, plan.candidate, plan.handoff), (StageStatus::Ready, None, true));
    assert_eq!(world.task().session, None, "the worktree is not as that run left it");
    assert!(world.has_logged("run 1 begins") && world.has_logged("what run 1 said at last is taken in"));
    assert!(world.view().orphans.is_empty());
}

fn ready() -> StageState {
    StageState { status: StageStatus::Ready, ..StageState::default() }
}

#[test]
fn late_work_is_taken_in_only_where_it_belongs_and_nobody_works() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    let end = world.end(Outcome::Done);
    world.ok(to("plan"));
    assert!(world.run(end).is_err());
    let orphan = world.view().orphans[0].number;
    let refusal = |world: &mut World| world.ask(Ask::Adopt(orphan)).unwrap_err().to_string();
    assert!(refusal(&mut world).contains("restarting to plan"));
    world.operate();
    world.ok(Command::Run);
    assert!(refusal(&mut world).contains("run 2 of plan is under way"));
    world.done();
    world.ok(APPROVE);
    world.operate();
    assert!(refusal(&mut world).contains("the stage is complete, and the task is implementing"));
    assert_eq!(world.view().orphans.len(), 1, "it stays");
}

#[test]
fn a_stage_is_run_so_often_and_can_still_go_back_then() {
    let mut world = World::started("L1");
    for _ in 0..RUNS_PER_STAGE_MAX {
        let command = if world.status() == StageStatus::Ready { Command::Run } else { Command::Retry };
        world.harness.ask(&id(), Ask::Command(command), Terms::default()).unwrap();
        let run = world.task().run.unwrap();
        let outcome = Outcome::Failed { code: "exit".into(), what: "no".into() };
        let report = Report { output: Some(format!("{}", run.number)), ..Report::default() };
        let finish = Box::new(Finish { run: run.number, outcome, report, candidate: None });
        let end = Command::Finish { stage: run.stage, generation: run.generation, finish };
        world.harness.ask(&id(), Ask::Command(end), Terms::default()).unwrap();
    }
    assert!(
        matches!(world.refused(Command::Retry), Rejection::Limit { most, .. } if most == u64::from(RUNS_PER_STAGE_MAX))
    );
    let before = world.content(&stage("plan"));
    world.restart(to("plan"));
    world.undo();
    assert_eq!(world.content(&stage("plan")), before);
}

#[test]
fn a_task_that_goes_by_itself_needs_nobody_until_something_fails() {
    let mut world = World::of(create_with(Tier::built_in("L1").unwrap(), true));
    world.ok(Command::Start);
    world.operate();
    for expected in ["plan", "implement"] {
        assert_eq!(world.at().as_deref(), Some(expected));
        assert_eq!(world.status(), StageStatus::Running, "it is run by itself");
        world.done();
        assert_eq!(world.status(), StageStatus::Committing);
        world.operate();
    }
    assert!(world.task().is_done());
    assert_eq!(world.stage("plan").approval.unwrap().by, "restage");
}

#[test]
fn a_task_that_goes_by_itself_stops_where_it_does_not_hold() {
    let tier = Tier::built_in("L2").unwrap();
    for passed in [Some(false), None] {
        let mut world = World::of(create_with(tier.clone(), true));
        world.ok(Command::Start);
        world.operate();
        while world.at().as_deref() != Some("verify") {
            world.done();
            world.operate();
        }
        let Command::Finish { stage, generation, mut finish } = world.end(Outcome::Done) else { panic!() };
        finish.report.passed = passed;
        world.ok(Command::Finish { stage, generation, finish });
        assert_eq!(world.status(), StageStatus::Failed);
        let problem = world.task().problem.unwrap();
        assert_eq!(problem.code, "not_passed");
        world.ok(Command::Retry);
        world.done();
        world.operate();
        assert!(world.task().is_done());
    }
}

#[test]
fn a_task_that_goes_by_itself_does_not_when_it_was_restarted_or_rests() {
    let mut world = World::of(create_with(Tier::built_in("L1").unwrap(), true));
    world.ok(Command::Start);
    world.operate();
    world.restart(to("plan"));
    assert_eq!(world.status(), StageStatus::Ready, "a restarted stage is not run by itself");
    world.restart(RESTART_IN_FULL);
    world.ok(Command::Start);
    assert_eq!(world.status(), StageStatus::Running, "a started one is, at once where there is a worktree");
    assert_eq!(world.task().operation, None);
}

#[test]
fn a_person_looks_at_what_changed_under_an_approval_that_nobody_gave() {
    let mut world = World::of(create_with(Tier::built_in("L1").unwrap(), true));
    world.ok(Command::Start);
    world.operate();
    world.done();
    world.repo.work();
    world.operate();
    assert_eq!((world.status(), world.task().operation), (StageStatus::ToApprove, None));
}
