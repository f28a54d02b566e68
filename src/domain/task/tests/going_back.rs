//! Restarts, to every stage from every state, and their undo, and the undo of that.

use super::*;

/// How the stage that a task is in stands, and what goes on around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Ready,
    Running,
    Interrupted,
    Paused,
    Failed,
    ToApprove,
    Rejected,
    Blocked,
    Committing,
    CleanedUp,
}

const ALL: [How; 10] = [
    How::Ready,
    How::Running,
    How::Interrupted,
    How::Paused,
    How::Failed,
    How::ToApprove,
    How::Rejected,
    How::Blocked,
    How::Committing,
    How::CleanedUp,
];

impl World {
    /// A task in the stage of this place, which stands like this.
    fn at_stage(tier: &str, place: usize, how: How) -> Self {
        let mut world = Self::started(tier);
        world.ok(Command::Awaited { by: EntityId::new("w").unwrap() });
        world.advance_to(place);
        if how != How::Ready && how != How::CleanedUp {
            world.ok(Command::Run);
        }
        match how {
            How::Ready | How::Running => {}
            How::Interrupted => {
                let end = world.end(Outcome::Interrupted);
                world.ok(end);
            }
            How::Paused => {
                world.repo.work();
                world.ok(Command::Pause);
            }
            How::Failed => world.failing(),
            How::ToApprove => world.done(),
            How::Rejected => {
                world.done();
                world.ok(reject());
            }
            How::Blocked => {
                while world.task().blocked.is_none() {
                    if world.status() == StageStatus::Rejected {
                        world.ok(Command::Run);
                    }
                    world.done();
                    world.ok(reject());
                }
            }
            How::Committing => {
                world.done();
                world.ok(APPROVE);
            }
            How::CleanedUp => {
                world.ok(Command::CleanUp);
                world.operate();
            }
        }
        world
    }

    /// That a restart did what it is for.
    fn check_restarted(&mut self, before: &Seen, target: Option<&StageId>) {
        let task = self.task();
        let place = target.map(|target| task.place_of(target).unwrap());
        assert_eq!(task.at.map(usize::from), place);
        assert_eq!(task.status() == Status::Backlog, target.is_none());
        assert_eq!((&task.session, &task.carry_over, &task.agent), (&None, &None, &None));
        assert_eq!((task.paused, &task.blocked, &task.problem, task.cleaned_up), (None, &None, &None, false));
        assert_eq!(task.place, before.task.place, "branch and worktree stay");
        let first = place.unwrap_or_default();
        for (index, (outline, stage)) in task.stages().enumerate() {
            if index < first {
                assert_eq!(stage, &before.task.stages[index], "{} comes before", outline.id);
                assert_eq!(self.content(&outline.id), before.content[index]);
                continue;
            }
            let ready = target == Some(&outline.id);
            let expected = if ready { StageStatus::Ready } else { StageStatus::NotReached };
            assert_eq!(
                StageState { started_at: None, ..stage.clone() },
                StageState { status: expected, ..StageState::default() }
            );
            assert!(self.content(&outline.id).is_empty(), "{} is cleared", outline.id);
            assert_eq!(task.rejections.get(&outline.counter), None);
        }
        let head = match first.checked_sub(1) {
            Some(last) => task.stages[last].commit.clone().unwrap(),
            None => task.place.clone().unwrap().base_commit,
        };
        assert_eq!(object(self.repo.files.head), head);
        assert!(self.has_logged(&format!("the branch went from {}", object(before.files.head))));
        assert!(self.has_logged("refs/restage/snapshots/t1/") && self.has_logged("a lock was removed"));
    }
}

/// Restarts to each stage that was reached and in full, takes it back, takes that back, and so on.
fn every_way_back(build: impl Fn() -> World) {
    let task = build().task();
    let reached: Vec<StageId> = task
        .stages()
        .filter(|(_, stage)| stage.status != StageStatus::NotReached)
        .map(|(outline, _)| outline.id.clone())
        .collect();
    for target in std::iter::once(None).chain(reached.into_iter().map(Some)) {
        let mut world = build();
        let before = world.seen();
        let running = world.task().run;
        let end = running.as_ref().map(|_| {
            let end = world.end(Outcome::Done);
            world.repo.files = before.files.clone();
            end
        });
        world.ok(Command::Restart { to: target.clone() });
        assert_eq!(world.seen(), before, "nothing is cleared before the files are back");
        if let Some(end) = end {
            assert!(matches!(world.refused_late(end), Rejection::Stale { orphan: Some(_), .. }));
        }
        world.operate();
        world.check_restarted(&before, target.as_ref());
        let restarted = world.seen();
        for round in 0..2 {
            world.undo();
            assert_eq!(world.seen(), before, "undo {round} of a restart to {target:?}");
            world.undo();
            assert_eq!(world.seen(), restarted, "undo of undo {round} of a restart to {target:?}");
        }
        world.undo();
        let points = world.view().undo_points;
        assert!(points.iter().all(|point| point.by == "ann"), "on behalf of who asked");
        let audit: Vec<String> = world.harness.audit(&id()).unwrap().into_iter().map(|entry| entry.verb).collect();
        assert_eq!(audit, ["restart", "undo", "undo", "undo", "undo", "undo"]);
    }
}

impl World {
    /// What comes late changes nothing but the list of orphans.
    fn refused_late(&mut self, command: Command) -> Rejection {
        let (before, log) = (self.task(), self.log());
        let refusal = self.run(command).unwrap_err();
        assert_eq!((self.task(), self.log()), (before, log));
        refusal
    }
}

fn every_way_back_of(tier: &str) {
    let stages = Tier::built_in(tier).unwrap().stages.len();
    for place in 0..stages {
        for how in ALL {
            every_way_back(|| World::at_stage(tier, place, how));
        }
    }
    every_way_back(|| World::at_stage(tier, stages, How::Ready));
}

#[test]
fn every_way_back_and_forth_of_a_small_task() {
    every_way_back_of("L1");
}

#[test]
fn every_way_back_and_forth_of_a_middling_task() {
    every_way_back_of("L2");
}

#[test]
fn every_way_back_and_forth_of_a_large_task() {
    every_way_back_of("L3");
}

#[test]
fn a_restarted_task_goes_on_as_a_new_one_does() {
    for target in [RESTART_IN_FULL, to("brainstorm"), to("implement")] {
        let mut world = World::started("L2");
        world.advance_to(4);
        world.restart(target.clone());
        if target == RESTART_IN_FULL {
            world.ok(Command::Start);
            assert_eq!(world.task().operation, None, "it has its worktree already");
        }
        world.advance_to(4);
        assert!(world.task().is_done());
        let commits: std::collections::BTreeSet<_> =
            world.task().stages.into_iter().filter_map(|stage| stage.commit).collect();
        assert_eq!(commits.len(), 4);
    }
}

#[test]
fn a_restart_says_what_can_t_be_restarted_to() {
    let mut world = World::new("L1");
    assert!(world.conflict(to("plan")).contains("the task is in backlog; start it"));
    assert!(world.conflict(RESTART_IN_FULL).contains("in backlog"));
    world.ok(Command::Start);
    world.operate();
    assert!(world.refused(to("done")).to_string().contains("done is no stage to restart to"));
    let unknown = world.refused(to("verify")).to_string();
    assert_eq!(unknown, "there is no stage of tier L1 \"verify\"");
    assert!(world.conflict(to("implement")).contains("was not reached yet"));
}

#[test]
fn what_is_offered_is_what_was_reached() {
    let offered = |world: &mut World| -> Vec<String> {
        let task = world.task();
        task.restart_targets().into_iter().map(|to| to.map_or("full".into(), StageId::to_string)).collect()
    };
    let mut world = World::new("L1");
    assert!(offered(&mut world).is_empty());
    world.ok(Command::Start);
    world.operate();
    assert_eq!(offered(&mut world), ["full", "plan"]);
    world.ok(Command::Run);
    assert_eq!(offered(&mut world), ["full", "plan"], "a running one too");
    world.failing();
    assert_eq!(offered(&mut world), ["full", "plan"]);
    world.ok(Command::Retry);
    world.done();
    world.ok(APPROVE);
    world.operate();
    assert_eq!(offered(&mut world), ["full", "plan", "implement"]);
    world.complete();
    assert!(offered(&mut world).is_empty(), "a done one is restarted only by who asks for it");
    world.ok(to("plan"));
}

#[test]
fn going_back_is_refused_while_files_go_back_and_says_since_when() {
    let mut world = World::started("L1");
    world.ok(to("plan"));
    world.harness.set_now(world.harness.now().after(Duration::from_secs(90)));
    for command in [to("plan"), RESTART_IN_FULL, Command::Run, APPROVE, Command::CleanUp, Command::Pause] {
        assert!(world.conflict(command).contains("it is restarting to plan, for 90 s now, asked for by ann"));
    }
    world.operate();
    world.ask(Ask::Undo(None)).unwrap();
    assert!(world.ask(Ask::Undo(None)).unwrap_err().to_string().contains("it is taking undo point 1 back"));
    assert!(world.conflict(to("plan")).contains("it is taking undo point 1 back"));
}

#[test]
fn a_restart_that_can_t_be_done_leaves_everything_as_it_was_but_the_run_ended() {
    let mut world = World::at_stage("L2", 2, How::Running);
    let (before, end) = (world.seen(), world.end(Outcome::Done));
    world.repo.files = before.files.clone();
    world.ok(to("plan"));
    world.fail();
    let after = world.seen();
    assert_eq!(after.task.problem.as_ref().unwrap().doing, "restart to plan");
    assert_eq!(Seen { task: Task { problem: None, ..after.task }, ..after }, before);
    assert!(world.view().undo_points.is_empty());
    assert!(matches!(world.refused_late(end), Rejection::Stale { orphan: Some(_), .. }), "the fences stay");
    let orphan = world.view().orphans[0].number;
    world.ask(Ask::Adopt(orphan)).unwrap();
    assert_eq!(world.task().session.as_deref(), Some("session of run 3"), "its worktree is as it left it");
    world.ok(Command::Retry);
    world.restart(to("plan"));
    assert_eq!(world.task().problem, None);
}

#[test]
fn an_undo_that_can_t_be_done_can_be_asked_for_again() {
    let mut world = World::at_stage("L2", 2, How::ToApprove);
    let before = world.seen();
    world.restart(to("plan"));
    let restarted = world.seen();
    world.ask(Ask::Undo(None)).unwrap();
    world.fail();
    let after = world.seen();
    assert_eq!(after.task.problem.as_ref().unwrap().doing, "take undo point 1 back");
    assert_eq!(Seen { task: Task { problem: None, ..after.task }, ..after }, restarted);
    world.undo();
    assert_eq!(world.seen(), before);
}

#[test]
fn an_undo_of_newer_work_keeps_that_for_its_own_undo() {
    let mut world = World::at_stage("L2", 2, How::ToApprove);
    let before = world.seen();
    world.restart(to("brainstorm"));
    world.advance_to(1);
    world.ok(Command::Run);
    let newer = world.seen();
    assert!(matches!(world.ask(Ask::Undo(None)), Err(Rejection::PlanRequired { .. })));
    world.undo();
    assert_eq!(world.seen(), before);
    world.undo();
    assert_eq!(world.seen(), newer);
    assert_eq!(world.status(), StageStatus::Interrupted);
    world.ok(Command::Retry);
}

#[test]
fn what_was_approved_before_a_restart_is_committed_under_its_own_run_after_the_undo() {
    let mut world = World::at_stage("L1", 0, How::ToApprove);
    let made = world.stage("plan").candidate.unwrap().tree;
    world.restart(to("plan"));
    world.complete();
    let other = world.stage("plan").commit;
    world.undo();
    world.ok(APPROVE);
    world.operate();
    let plan = world.stage("plan");
    assert_eq!(plan.approval.unwrap().tree, made);
    assert_ne!(plan.commit, other);
}

#[test]
fn no_run_or_operation_has_the_number_of_one_that_was_taken_back() {
    let mut world = World::at_stage("L1", 0, How::Failed);
    world.restart(to("plan"));
    world.complete();
    let before = world.task();
    world.undo();
    assert_eq!(world.task().operations, before.operations + 1);
    assert!(matches!(world.ok(Command::Retry), Reply::Running { run, .. } if run == before.runs + 1));
}

#[test]
fn a_commit_that_was_made_and_superseded_is_found_again() {
    let mut world = World::at_stage("L1", 0, How::Committing);
    let task = world.task();
    let Command::Committed { commit, .. } = world.repo.carry_out(&task) else { panic!() };
    world.ok(to("plan"));
    world.fail();
    assert_eq!(world.status(), StageStatus::ToApprove);
    world.ok(APPROVE);
    world.operate();
    assert_eq!(world.stage("plan").commit, Some(commit));
}

#[test]
fn a_task_whose_worktree_is_being_made_is_restarted_at_once() {
    for target in [RESTART_IN_FULL, to("plan")] {
        let mut world = World::new("L1");
        world.ok(Command::Start);
        let task = world.task();
        let made = world.repo.carry_out(&task);
        world.ok(target.clone());
        assert!(world.conflict(made).contains("it is not under way any more"));
        world.operate();
        assert!(world.task().place.is_some(), "the host found or made it");
        if target == RESTART_IN_FULL {
            world.ok(Command::Start);
        }
        world.ok(Command::Run);
    }
}

#[test]
fn a_task_that_can_t_be_given_a_worktree_is_not_begun() {
    for target in [RESTART_IN_FULL, to("plan")] {
        let mut world = World::new("L1");
        world.ok(Command::Start);
        world.ok(target);
        world.fail();
        assert_eq!(world.task().status(), Status::Backlog);
        world.ok(Command::Start);
        world.operate();
        world.ok(Command::Run);
    }
}

#[test]
fn a_task_that_is_restarted_and_has_no_worktree_is_given_one() {
    let mut world = World::new("L1");
    world.ok(Command::Start);
    world.ok(to("plan"));
    let task = world.task();
    let Command::RolledBack { operation, mut report } = Repo::default().carry_out(&task) else { panic!() };
    report.place = None;
    world.answer(Command::RolledBack { operation, report }).unwrap();
    assert_eq!(world.task().operation.unwrap().kind, OperationKind::Create);
    world.operate();
    world.ok(Command::Run);
}

#[test]
fn going_back_ends_the_agent_and_is_not_held_up_by_it() {
    let mut world = World::at_stage("L1", 1, How::Running);
    assert_eq!(world.ok(to("plan")), Reply::Began { operation: 3 });
    let owed = world.owed();
    assert_eq!((owed.get("run"), owed.get("operate")), (None, Some(&Effect::Operate { operation: 3 })));
    assert_eq!(world.status(), StageStatus::Interrupted);
    assert_eq!(world.task().activity(), Activity::Operation("restarting to plan".into()));
}

#[test]
fn the_log_goes_on_over_restarts_and_tells_who_why_and_what() {
    let mut world = World::at_stage("L2", 2, How::ToApprove);
    let before = world.log();
    world.restart(to("plan"));
    world.undo();
    let log = world.log();
    assert_eq!(log[..before.len()], before, "nothing of it is taken back");
    for told in [
        "restarting to plan, asked for by ann: because",
        "restarted to plan (tier L2): the branch went from",
        "2 files and folders stayed in the worktree",
        "undo point 1 is taken back (tier L2): the branch went from",
    ] {
        assert!(world.has_logged(told), "{told:?} is not told");
    }
}
