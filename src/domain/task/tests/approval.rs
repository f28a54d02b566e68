//! Approving, committing, rejecting.

use super::*;
use crate::domain::task::limits::*;

fn to_approve(tier: &str) -> World {
    let mut world = World::started(tier);
    world.ok(Command::Run);
    world.done();
    world
}

#[test]
fn an_approval_names_what_it_approved_and_is_committed() {
    let mut world = to_approve("L1");
    let made = world.stage("plan");
    let tree = made.candidate.clone().unwrap().tree;
    assert_eq!(world.ok(Command::Approve { seen: Some(tree.clone()) }), Reply::Began { operation: 2 });
    let approval = world.stage("plan").approval.unwrap();
    assert_eq!((approval.by.as_str(), &approval.tree, approval.output), ("ann", &tree, made.output));
    let OperationKind::Commit { stage: id, run, expected } = world.task().operation.unwrap().kind else { panic!() };
    assert_eq!((id.as_str(), run, expected), ("plan", 1, tree));
    assert_eq!(world.task().activity(), Activity::Operation("committing plan".into()));
    world.operate();
    let plan = world.stage("plan");
    assert_eq!(plan.status, StageStatus::Complete);
    assert_eq!(plan.commit, Some(object(world.repo.files.head)));
    assert_eq!((world.at().as_deref(), world.status()), (Some("implement"), StageStatus::Ready));
    let task = world.task();
    assert_eq!((task.session, task.carry_over), (None, None), "those were of the stage");
    assert!(world.has_logged("plan: complete, commit"));
}

#[test]
fn files_that_nobody_looked_at_are_not_approved() {
    let mut world = to_approve("L1");
    let refusal = world.conflict(Command::Approve { seen: Some(object(0)) });
    assert!(refusal.contains("look at the files again"), "{refusal}");
}

#[test]
fn an_approval_falls_when_the_files_change() {
    let mut world = to_approve("L1");
    let approved = world.repo.candidate();
    world.ok(APPROVE);
    world.repo.work();
    world.operate();
    let plan = world.stage("plan");
    assert_eq!((plan.status, plan.approval), (StageStatus::ToApprove, None));
    assert_ne!(plan.candidate, Some(approved));
    assert_eq!(plan.candidate, Some(world.repo.candidate()));
    assert!(world.has_logged("the approval fell"));
    world.ok(APPROVE);
    world.operate();
    assert_eq!(world.stage("plan").status, StageStatus::Complete);
}

#[test]
fn a_commit_that_can_t_be_made_leaves_the_stage_to_be_approved() {
    let mut world = to_approve("L1");
    world.ok(APPROVE);
    world.fail();
    let plan = world.stage("plan");
    assert_eq!((plan.status, plan.approval), (StageStatus::ToApprove, None));
    assert_eq!(world.task().problem.unwrap().doing, "commit plan");
    world.ok(APPROVE);
    world.operate();
    assert_eq!(world.task().problem, None);
}

#[test]
fn only_what_a_run_has_done_is_approved() {
    let mut world = World::new("L1");
    assert!(world.conflict(APPROVE).contains("in backlog"));
    world.ok(Command::Start);
    world.operate();
    assert!(world.conflict(APPROVE).contains("the stage is ready"));
    world.ok(Command::Run);
    assert!(world.conflict(APPROVE).contains("the stage is running"));
    world.failing();
    assert!(world.conflict(APPROVE).contains("the stage is failed"));
    world.ok(Command::Retry);
    world.done();
    world.ok(reject());
    assert!(world.conflict(APPROVE).contains("the stage is rejected"));
    world.ok(Command::Run);
    world.done();
    world.ok(APPROVE);
    assert!(world.conflict(APPROVE).contains("committing plan"));
    world.operate();
    world.advance_to(2);
    assert!(world.conflict(APPROVE).contains("the task is done"));
}

#[test]
fn the_answer_to_an_operation_that_is_over_changes_nothing() {
    let mut world = to_approve("L1");
    world.ok(APPROVE);
    let task = world.task();
    let late = world.repo.carry_out(&task);
    world.answer(late.clone()).unwrap();
    assert!(world.conflict(late.clone()).contains("it is not under way any more"));
    world.restart(to("plan"));
    assert!(world.conflict(late).contains("it is not under way any more"));
    let wrong = |operation| Command::Merged { operation, commit: object(1), notes: Vec::new() };
    world.ok(to("plan"));
    let operation = world.task().operation.unwrap().number;
    assert!(matches!(world.refused(wrong(operation)), Rejection::Invalid { .. }), "no answer to that");
    let created = |operation| Command::Changed { operation, candidate: Candidate { tree: object(1), changed: 0 } };
    assert!(matches!(world.refused(created(operation)), Rejection::Invalid { .. }));
}

#[test]
fn a_rejected_stage_goes_back_to_its_agent_with_the_words() {
    let mut world = to_approve("L1");
    world.ok(Command::Reject { feedback: "shorter\nplease".into() });
    let plan = world.stage("plan");
    assert_eq!((plan.status, plan.candidate, plan.feedback), (StageStatus::Rejected, None, true));
    assert_eq!(world.content(&stage("plan"))[FEEDBACK_PATH], b"shorter\nplease");
    assert_eq!(world.content(&stage("plan"))[OUTPUT_PATH], b"output of run 1", "to be mended, not lost");
    assert!(world.has_logged("plan: ann rejected it, 1 of 3 of plan"));
    world.ok(Command::Run);
    world.failing();
    world.ok(reject());
    assert_eq!((world.status(), world.task().problem.is_some()), (StageStatus::Rejected, true));
}

#[test]
fn only_what_a_run_has_done_or_failed_at_is_rejected_and_only_with_words() {
    let mut world = World::started("L1");
    assert!(world.conflict(reject()).contains("the stage is ready"));
    world.ok(Command::Run);
    assert!(world.conflict(reject()).contains("the stage is running"));
    world.done();
    let with = |feedback: String| Command::Reject { feedback };
    assert!(matches!(world.refused(with(" ".into())), Rejection::Invalid { .. }));
    assert!(matches!(world.refused(with("x".repeat(FEEDBACK_BYTES_MAX + 1))), Rejection::Limit { .. }));
    world.ok(with("x".repeat(FEEDBACK_BYTES_MAX)));
    assert!(world.conflict(reject()).contains("the stage is rejected"));
}

#[test]
fn the_third_rejection_blocks_until_a_restart() {
    let mut world = to_approve("L1");
    for count in 1..=REJECTIONS_MAX {
        world.ok(reject());
        assert_eq!(world.task().rejections.get("plan"), Some(&count));
        assert_eq!(world.task().blocked.is_some(), count == REJECTIONS_MAX);
        if count < REJECTIONS_MAX {
            world.ok(Command::Run);
            world.done();
        }
    }
    assert_eq!(world.task().status(), Status::Blocked);
    assert!(world.conflict(Command::Run).contains("plan was rejected 3 times; restart it to a stage"));
    world.ok(Command::Pause);
    assert_eq!(world.task().status(), Status::Paused);
    world.ok(Command::Resume);
    assert_eq!(world.task().status(), Status::Blocked, "a pause is no way around it");
    world.restart(to("plan"));
    let task = world.task();
    assert_eq!((task.blocked, task.rejections.len()), (None, 0));
    world.ok(Command::Run);
}

#[test]
fn stages_that_share_a_counter_are_counted_together_and_set_back_together() {
    let reject_twice = |world: &mut World| {
        for _ in 0..2 {
            world.ok(Command::Run);
            world.done();
            world.ok(reject());
        }
    };
    let mut world = World::started("L2");
    world.advance_to(1);
    reject_twice(&mut world);
    world.complete();
    reject_twice(&mut world);
    world.complete();
    assert_eq!(world.at().as_deref(), Some("verify"));
    assert_eq!(world.task().rejections, [("impl".into(), 2), ("plan".into(), 2)].into());
    // A restart to verify clears one of the stages that `impl` counts for.
    world.restart(to("verify"));
    assert_eq!(world.task().rejections, [("plan".into(), 2)].into());
    world.undo();
    assert_eq!(world.task().rejections, [("impl".into(), 2), ("plan".into(), 2)].into());
    world.ok(Command::Run);
    world.done();
    world.ok(reject());
    assert_eq!(world.task().blocked.as_deref(), Some("impl was rejected 3 times"));
    world.restart(to("plan"));
    assert!(world.task().rejections.is_empty());
}
