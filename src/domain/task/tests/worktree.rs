//! Merging and cleaning up.

use super::*;

fn finished(tier: &str) -> World {
    let mut world = World::started(tier);
    let stages = world.task().stages.len();
    world.advance_to(stages);
    world
}

#[test]
fn a_task_that_is_done_is_merged_once() {
    let mut world = finished("L1");
    let last = world.stage("implement").commit.unwrap();
    world.ok(Command::Merge);
    let task = world.task();
    assert_eq!(task.operation.unwrap().kind, OperationKind::Merge { base: "main".into(), commit: last });
    assert!(world.conflict(to("plan")).contains("merging into main"));
    assert!(world.conflict(Command::CleanUp).contains("merging into main"));
    world.operate();
    assert!(world.task().merged.is_some() && world.has_logged("merged into main with"));
    assert!(world.conflict(Command::Merge).contains("the task is merged"));
    assert!(world.conflict(to("plan")).contains("revert that commit in the base"));
    assert!(world.conflict(RESTART_IN_FULL).contains("revert that commit in the base"));
}

#[test]
fn an_undo_does_not_move_the_branch_of_a_merged_task() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.restart(to("plan"));
    world.advance_to(2);
    world.ok(Command::Merge);
    world.operate();
    let token = |world: &mut World| world.ask(Ask::Undo(None)).unwrap_err();
    assert!(token(&mut world).to_string().contains("the task is merged"));
}

#[test]
fn only_what_is_done_and_began_from_a_branch_is_merged() {
    let mut world = World::new("L1");
    assert!(world.conflict(Command::Merge).contains("its status is backlog"));
    world.ok(Command::Start);
    let Command::Created { operation, mut place, notes } = ({
        let task = world.task();
        world.repo.carry_out(&task)
    }) else {
        panic!()
    };
    place.base = None;
    world.answer(Command::Created { operation, place, notes }).unwrap();
    assert!(world.conflict(Command::Merge).contains("complete all its stages first"));
    world.advance_to(2);
    assert!(world.conflict(Command::Merge).contains("merge its branch yourself"));
}

#[test]
fn a_merge_that_can_t_be_made_changes_nothing_but_says_why() {
    let mut world = finished("L1");
    world.ok(Command::Merge);
    let before = world.task();
    world.fail();
    let after = world.task();
    assert_eq!(after.problem.as_ref().unwrap().doing, "merge into main");
    assert_eq!(Task { operation: before.operation.clone(), problem: None, log: before.log, ..after }, before);
    world.ok(Command::Merge);
}

#[test]
fn a_worktree_is_removed_once_nobody_works_in_it_and_is_made_again_when_it_is_needed() {
    let mut world = World::new("L1");
    assert!(world.conflict(Command::CleanUp).contains("the task has none"));
    world.ok(Command::Start);
    world.operate();
    world.ok(Command::Run);
    assert!(world.conflict(Command::CleanUp).contains("an agent is at work on plan in it"));
    world.ok(Command::Pause);
    world.ok(Command::CleanUp);
    let operation = world.task().operation.unwrap().number;
    let answer =
        Command::CleanedUp { operation, snapshot: Some(object(77)), notes: vec!["build/ went with it".into()] };
    world.answer(answer).unwrap();
    assert!(world.task().cleaned_up);
    assert!(world.has_logged("keeps what was not committed") && world.has_logged("build/ went with it"));
    assert!(world.conflict(Command::CleanUp).contains("the task has none"));
    world.ok(Command::Resume);
    world.ok(Command::Retry);
    assert!(!world.task().cleaned_up);
    world.ok(Command::Pause);
    world.ok(Command::CleanUp);
    world.operate();
    world.restart(to("plan"));
    assert!(!world.task().cleaned_up, "a restart has it again too");
}

#[test]
fn notes_without_end_are_counted_and_not_kept() {
    let mut world = finished("L1");
    world.ok(Command::Merge);
    let operation = world.task().operation.unwrap().number;
    let notes = vec!["é".repeat(limits::SENTENCE_BYTES_MAX); limits::NOTES_MAX + 7];
    let before = world.log().len();
    world.answer(Command::Merged { operation, commit: object(1), notes }).unwrap();
    let log = world.log();
    assert_eq!(log.len(), before + 1 + limits::NOTES_MAX + 1);
    assert!(log.iter().all(|line| line.text.len() <= limits::SENTENCE_BYTES_MAX));
    assert_eq!(log.last().unwrap().text, "and 7 more notes");
}
