//! What is told before a restart or an undo is done, and how long that holds.

use super::*;
use crate::domain::Fate;

/// The lines of a plan: fate, stage, what.
fn lines(plan: &Plan) -> Vec<(Fate, &str, &str)> {
    plan.lines
        .iter()
        .map(|line| (line.fate, line.stage.as_ref().map_or("", StageId::as_str), line.what.as_str()))
        .collect()
}

fn say(world: &mut World, report: Report) {
    let run = world.task().run.unwrap();
    world.ok(Command::Report { stage: run.stage, generation: run.generation, report: Box::new(report) });
}

#[test]
fn a_plan_tells_what_is_cleared_kept_fenced_and_where_the_files_go() {
    let mut world = World::started("L2");
    world.advance_to(1);
    for _ in 0..2 {
        world.ok(Command::Run);
        world.done();
        world.ok(reject());
    }
    world.complete();
    world.ok(Command::Run);
    let run = world.task().run.unwrap();
    let process = (4711, 99, "b00t".into());
    world.ok(Command::Started { stage: run.stage, generation: run.generation, agent: "claude".into(), process });
    let plan = world.plan(Ask::Command(to("plan")));
    let [brainstorm, planned] = [0, 1].map(|place| world.repo_commit(place));
    let expected = [
        (
            Fate::Kept,
            "brainstorm",
            format!(
                "complete, output, hand-off, score 0.930, passed, approved by ann, commit {brainstorm}, things to do"
            ),
        ),
        (
            Fate::Cleared,
            "plan",
            format!(
                "complete, output, hand-off, feedback, score 0.930, passed, approved by ann, commit {planned}, things to do"
            ),
        ),
        (Fate::Cleared, "implement", "running, everything its agent says until then".to_owned()),
        (Fate::Fenced, "implement", "run 5, by claude, under generation 2".to_owned()),
        (Fate::Cleared, "", "rejections counted under plan: 2".to_owned()),
        (Fate::Restored, "", format!("worktree and branch, to {brainstorm}, where brainstorm was complete")),
    ];
    let expected: Vec<_> = expected.iter().map(|(fate, stage, what)| (*fate, *stage, what.as_str())).collect();
    assert_eq!(lines(&plan), expected);
    assert!(plan.lines.last().unwrap().why.contains("goes into snapshot 4"));
    assert_eq!(
        (plan.verb.as_str(), plan.stage.clone(), plan.undo_until.is_some()),
        ("restart", Some(stage("plan")), true)
    );
    world.with_token(Ask::Command(to("plan")), plan.token).unwrap();
    assert_eq!(world.task().operation.unwrap().number, 4, "the snapshot that was foretold");
}

impl World {
    fn repo_commit(&mut self, place: usize) -> ObjectId {
        self.task().stages[place].commit.clone().unwrap()
    }
}

#[test]
fn a_plan_tells_of_the_pause_the_block_the_session_and_what_is_given_up() {
    let mut world = World::started("L1");
    for _ in 0..3 {
        world.ok(Command::Run);
        world.done();
        world.ok(reject());
    }
    world.ok(Command::Pause);
    let plan = world.plan(Ask::Command(RESTART_IN_FULL));
    let told: Vec<&str> = plan.lines.iter().map(|line| line.what.as_str()).collect();
    assert!(told.contains(&"the pause") && told.contains(&"the block: plan was rejected 3 times"));
    assert!(told.iter().any(|what| what.starts_with("the agent's session")));
    assert!(told.last().unwrap().ends_with("where the task began"));

    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.done();
    world.ok(APPROVE);
    let plan = world.plan(Ask::Command(to("plan")));
    assert!(lines(&plan).contains(&(Fate::Fenced, "", "committing plan")));
}

#[test]
fn a_plan_tells_which_tasks_wait_for_what_is_taken_back() {
    let mut world = World::started("L1");
    for n in 0..23 {
        world.ok(Command::Awaited { by: EntityId::new(format!("w{n}")).unwrap() });
    }
    let stale = |plan: &Plan| plan.lines.iter().filter(|line| line.fate == Fate::Stale).count();
    assert_eq!(stale(&world.plan(Ask::Command(to("plan")))), 0, "they wait anyway");
    world.advance_to(2);
    let plan = world.plan(Ask::Command(to("plan")));
    assert_eq!(stale(&plan), 21);
    assert!(plan.lines.iter().any(|line| line.what == "3 more tasks"));
}

#[test]
fn counters_of_stages_that_stay_are_kept() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.done();
    world.ok(reject());
    world.complete();
    let plan = world.plan(Ask::Command(to("implement")));
    assert!(lines(&plan).contains(&(Fate::Kept, "", "rejections counted under plan: 1")));
    world.restart(to("implement"));
    assert_eq!(world.task().rejections.get("plan"), Some(&1));
}

#[test]
fn what_a_running_agent_says_moves_no_plan() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    say(&mut world, Report { carry_over: Some("first".into()), ..Report::default() });
    let plan = world.plan(Ask::Command(to("plan")));
    let run = world.task().run.unwrap();
    let said = full_report("more", &run.stage, run.generation);
    say(&mut world, said);
    world.ok(Command::Awaited { by: EntityId::new("w").unwrap() });
    let later = world.plan(Ask::Command(to("plan")));
    assert_eq!((later.token, later.lines), (plan.token.clone(), plan.lines));
    world.with_token(Ask::Command(to("plan")), plan.token).unwrap();
}

#[test]
fn whatever_a_plan_shows_moves_it() {
    type Move = fn(&mut World);
    let ended = |world: &mut World| world.done();
    let moves: [(Move, Move); 7] = [
        (|_| {}, |world| drop(world.ok(Command::Run))),
        (|world| drop(world.ok(Command::Run)), ended),
        (|world| drop(world.ok(Command::Run)), |world| world.failing()),
        (|_| {}, |world| drop(world.ok(Command::Pause))),
        (
            |world| {
                world.ok(Command::Run);
                world.done();
            },
            |world| drop(world.ok(reject())),
        ),
        (
            |world| {
                world.ok(Command::Run);
                world.done();
            },
            |world| drop(world.ok(APPROVE)),
        ),
        (|_| {}, |world| world.complete()),
    ];
    for (number, (before, moves)) in moves.into_iter().enumerate() {
        let mut world = World::started("L2");
        before(&mut world);
        let plan = world.plan(Ask::Command(to("brainstorm")));
        moves(&mut world);
        let Err(Rejection::PlanMoved { plan: fresh }) = world.with_token(Ask::Command(to("brainstorm")), plan.token)
        else {
            panic!("move {number} did not move the plan")
        };
        world.with_token(Ask::Command(to("brainstorm")), fresh.token).unwrap();
    }
}

#[test]
fn a_token_is_for_one_target_and_one_undo_point() {
    let mut world = World::started("L2");
    world.advance_to(1);
    let token = world.plan(Ask::Command(to("plan"))).token;
    let refused = world.with_token(Ask::Command(to("brainstorm")), token.clone());
    assert!(matches!(refused, Err(Rejection::PlanMoved { .. })));
    world.with_token(Ask::Command(to("plan")), token).unwrap();
    world.operate();
    world.restart(to("plan"));
    let newest = world.plan(Ask::Undo(None));
    assert_eq!(newest.stage, Some(stage("plan")));
    assert!(
        lines(&newest).iter().any(|(fate, _, what)| *fate == Fate::Restored && what.contains("as snapshot 4 keeps"))
    );
    let points: Vec<u64> = world.view().undo_points.iter().map(|point| point.number).collect();
    let other = world.with_token(Ask::Undo(Some(points[0])), newest.token);
    assert!(matches!(other, Err(Rejection::PlanMoved { .. })));
}
