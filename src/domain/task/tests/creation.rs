//! From creation to the first stage, and to rest.

use super::*;
use crate::domain::task::limits::*;

/// What a task is made from.
struct New {
    title: String,
    brief: String,
    tier: Tier,
    from: Option<String>,
    depends_on: Vec<EntityId>,
}

/// Everything that can be, but for what is changed.
fn with(change: impl FnOnce(&mut New)) -> Command {
    let (title, brief, tier) = ("A title".into(), "A brief".into(), Tier::built_in("L2").unwrap());
    let mut new = New { title, brief, tier, from: None, depends_on: Vec::new() };
    change(&mut new);
    let New { title, brief, tier, from, depends_on } = new;
    let repository = EntityId::new("house").unwrap();
    Command::Create { title, brief, tier: Box::new(tier), repository, from, depends_on, auto: false }
}

fn others(count: usize) -> Vec<EntityId> {
    (0..count).map(|n| EntityId::new(format!("other{n}")).unwrap()).collect()
}

#[track_caller]
fn is_refused(command: Command, expected: &str) {
    let mut world = World::empty();
    let refusal = world.run(command).unwrap_err().to_string();
    assert!(refusal.contains(expected), "{refusal:?} does not say {expected:?}");
    assert!(!world.task().exists() && world.owed().is_empty());
}

#[test]
fn a_created_task_waits_in_backlog_with_its_brief_and_tier() {
    let mut world = World::new("L2");
    let task = world.task();
    assert_eq!((task.status(), task.activity(), task.current()), (Status::Backlog, Activity::Nothing, None));
    assert_eq!(task.stages.len(), 4);
    let brief = world.content(&stage(TASK_STAGE)).remove(BRIEF_PATH).unwrap();
    assert_eq!(brief, b"It leaks.\nMend it.");
    assert!(world.has_logged("created with tier L2") && world.owed().is_empty());
    let tier = Tier::built_in("L2").unwrap().to_bytes().unwrap();
    assert_eq!(task.tier.digest, Digest::of(&tier));
    assert!(matches!(world.refused(create("L1")), Rejection::Exists { .. }));
}

#[test]
fn what_can_t_be_a_task_is_refused_by_name() {
    is_refused(with(|new| new.title.clear()), "title is not valid");
    is_refused(with(|new| new.title.push('\n')), "control character");
    is_refused(with(|new| new.title = "x".repeat(201)), "bytes of title");
    is_refused(with(|new| new.brief = " \n".into()), "brief is not valid");
    is_refused(with(|new| new.brief.push_str("\u{1b}[2J")), "control character");
    is_refused(with(|new| new.brief = "x".repeat(BRIEF_BYTES_MAX + 1)), "bytes of a brief");
    is_refused(with(|new| new.tier.stages.clear()), "it has no stages");
    is_refused(with(|new| new.depends_on.push(id())), "wait for itself");
    is_refused(with(|new| new.depends_on = [others(1), others(1)].concat()), "there twice");
    is_refused(
        with(|new| new.depends_on = others(DEPENDENCIES_MAX + 1)),
        "the limit of tasks that one waits for is 64",
    );
    World::of(with(|new| new.depends_on = others(DEPENDENCIES_MAX)));
    World::of(with(|new| new.brief = "x".repeat(BRIEF_BYTES_MAX)));
}

#[test]
fn a_task_begins_from_what_can_only_be_a_branch_or_a_commit() {
    let from = |text: &str| with(|new| new.from = Some(text.into()));
    let cases = [
        ("", "it is empty"),
        ("-x", "begin with a letter or a digit"),
        ("/x", "begin with a letter or a digit"),
        ("ä", "begin with a letter or a digit"),
        ("refs/../heads", "\"..\""),
        ("a//b", "\"//\""),
        ("a/", "can't end"),
        ("a.", "can't end"),
        ("a.lock", "can't end"),
        ("a.lock/b", "can't end"),
        ("a b", "' ' is not allowed"),
        ("a~1", "'~' is not allowed"),
        ("a:b", "':' is not allowed"),
        ("a@{1}", "'@' is not allowed"),
        ("a\0", "is not allowed"),
    ];
    for (text, expected) in cases {
        is_refused(from(text), expected);
    }
    is_refused(from(&"x".repeat(FROM_BYTES_MAX + 1)), "bytes of from");
    let longest = "x".repeat(FROM_BYTES_MAX);
    for good in ["main", "release/1.2", "v1.0_x-y", "0123456789012345678901234567890123456789", &longest] {
        World::of(from(good));
    }
}

#[test]
fn the_branch_is_named_after_id_and_title() {
    let cases = [
        ("Mend the roof", "task/t1-mend-the-roof"),
        ("  --Mend:: THE/roof!  ", "task/t1-mend-the-roof"),
        ("Dächer ..lock", "task/t1-d-cher-lock"),
        ("日本", "task/t1"),
        ("", "task/t1"),
        ("a\u{202e}b", "task/t1-a-b"),
    ];
    for (title, branch) in cases {
        assert_eq!(branch_name(&id(), title), branch, "{title:?}");
    }
    let long = branch_name(&id(), &"abc ".repeat(50));
    assert_eq!(long, "task/t1-abc-abc-abc-abc-abc-abc-abc-abc-abc-abc");
    assert_eq!(branch_name(&id(), &format!("{} x", "a".repeat(39))), format!("task/t1-{}", "a".repeat(39)));
}

proptest::proptest! {
    #[test]
    fn every_branch_name_is_one_that_git_takes(title in ".{0,120}") {
        let branch = branch_name(&id(), &title);
        let slug = branch.strip_prefix("task/t1").unwrap();
        proptest::prop_assert!(slug.is_empty() || slug.starts_with('-'));
        let slug = slug.strip_prefix('-').unwrap_or_default();
        proptest::prop_assert!(slug.len() <= 40 && !slug.starts_with('-') && !slug.ends_with('-'));
        proptest::prop_assert!(!slug.contains("--"));
        proptest::prop_assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    }
}

#[test]
fn a_start_enters_the_first_stage_and_has_a_worktree_made() {
    let mut world = World::new("L1");
    assert_eq!(world.ok(Command::Start), Reply::Began { operation: 1 });
    let task = world.task();
    assert_eq!(task.status(), Status::Stage("planning".into()));
    assert_eq!(task.activity(), Activity::Operation("making the worktree".into()));
    assert!(world.conflict(Command::Run).contains("making the worktree, for 0 s now, asked for by ann"));
    assert!(world.conflict(Command::Start).contains("making the worktree"));
    world.operate();
    let task = world.task();
    assert_eq!(task.place.unwrap().branch, "task/t1-mend-the-roof");
    assert_eq!(task.operation, None);
    assert_eq!(world.status(), StageStatus::Ready);
    assert!(world.conflict(Command::Start).contains("only a task in backlog is started"));
    assert!(world.has_logged("made the worktree /house/t1 with branch task/t1-mend-the-roof"));
}

#[test]
fn a_worktree_that_can_t_be_made_leaves_the_task_in_backlog_with_the_problem() {
    let mut world = World::new("L1");
    world.ok(Command::Start);
    world.fail();
    let task = world.task();
    assert_eq!((task.status(), task.operation.clone()), (Status::Backlog, None));
    let problem = task.problem.unwrap();
    assert_eq!((problem.doing.as_str(), problem.code.as_str()), ("make the worktree", "locked"));
    assert!(world.has_logged("could not make the worktree: the index is locked"));
    world.ok(Command::Start);
    world.operate();
    assert_eq!(world.task().problem, None, "gone when it succeeds");
}

#[test]
fn what_stages_and_statuses_are_called_is_told() {
    let mut world = World::new("L3");
    world.ok(Command::Start);
    world.operate();
    let mut told = Vec::new();
    while !world.task().is_done() {
        told.push(world.task().status().to_string());
        world.complete();
    }
    told.push(world.task().status().to_string());
    let expected = ["brainstorming", "design_review", "planning", "implementing", "code_review", "verifying", "done"];
    assert_eq!(told, expected);
    assert_eq!(world.task().activity(), Activity::Nothing);
}

#[test]
fn boards_are_told_of_every_change_of_status() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.ok(Command::Pause);
    world.ok(Command::Resume);
    world.restart(to("plan"));
    world.undo();
    world.restart(RESTART_IN_FULL);
    let told: Vec<(Option<String>, String, String)> = world
        .harness
        .history(&id())
        .unwrap()
        .into_iter()
        .flat_map(|turn| turn.entry.changes)
        .filter_map(|change| match change {
            crate::engine::Change::Event(Event::StatusChanged { stage, status, action }) => {
                Some((stage.map(|stage| stage.to_string()), status, action))
            }
            _ => None,
        })
        .collect();
    let plan = |status: &str, action: &str| (Some("plan".to_owned()), status.to_owned(), action.to_owned());
    let expected = vec![
        (None, "backlog".to_owned(), "create".to_owned()),
        plan("planning", "start"),
        plan("paused", "pause"),
        plan("planning", "resume"),
        plan("planning", "restart"),
        plan("planning", "undo"),
        (None, "backlog".to_owned(), "restart".to_owned()),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_paused_task_rests_until_it_is_resumed() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.ok(Command::Pause);
    let task = world.task();
    assert_eq!((task.status(), task.run.clone()), (Status::Paused, None));
    assert_eq!(world.status(), StageStatus::Interrupted);
    assert_eq!(world.owed().get("end"), Some(&Effect::End { run: 1 }));
    assert!(world.conflict(Command::Retry).contains("resume it first"));
    let before = world.view().revision;
    world.ok(Command::Pause);
    assert_eq!(world.view().revision, before, "again changes nothing");
    world.ok(Command::Resume);
    world.ok(Command::Resume);
    assert_eq!(world.task().status(), Status::Stage("planning".into()));
    world.ok(Command::Retry);
    assert_eq!(world.status(), StageStatus::Running);
}

#[test]
fn what_waits_for_a_person_rests_too_when_the_task_is_paused() {
    let mut world = World::started("L1");
    world.ok(Command::Run);
    world.done();
    world.ok(Command::Pause);
    assert_eq!(world.owed().get("end"), None, "there is no agent to end");
    assert!(world.conflict(APPROVE).contains("resume it first"));
    assert!(world.conflict(reject()).contains("resume it first"));
    world.ok(Command::Resume);
    world.ok(APPROVE);
    assert!(world.conflict(Command::Pause).contains("committing plan"));
    assert!(world.conflict(Command::Resume).contains("committing plan"));
}

#[test]
fn only_a_task_in_a_stage_is_paused() {
    let mut world = World::new("L1");
    assert!(world.conflict(Command::Pause).contains("in backlog"));
    world.ok(Command::Start);
    world.operate();
    world.advance_to(2);
    assert!(world.conflict(Command::Pause).contains("done"));
}
