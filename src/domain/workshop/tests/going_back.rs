//! Reset, revise, accept, undo, and what they do to what was made from a step.

use super::*;

use Status::{Complete, InProgress, NeedsRegeneration, NotStarted};

/// Three steps in a row with artifacts, the first two complete.
fn row() -> World {
    let mut world = World::of(&[("a*", &[]), ("b*", &["a"]), ("c*", &["b"]), ("d*", &["c"])]);
    world.ok(save("a", vec![message("1", "hello"), message("2", "there")]));
    world.make("a", "{\"v\":1}");
    world.ok(save("b", vec![message("1", "b")]));
    world.make("b", "{}");
    world.ok(save("c", vec![message("1", "c")]));
    world
}

fn statuses(world: &World) -> Vec<Status> {
    world.state.steps.iter().map(|step| step.status).collect()
}

#[test]
fn a_reset_clears_its_step_and_makes_what_was_begun_downstream_stale() {
    let mut world = row();
    let reply = world.ok(reset("a"));
    assert_eq!(reply, Reply::WentBack { generation: Generation(2), stale: vec![id("b"), id("c")], message: None });
    assert_eq!(statuses(&world), [InProgress, NeedsRegeneration, NeedsRegeneration, NotStarted]);
    let step = world.step("a");
    assert_eq!((step.messages, step.artifact, step.summary, step.completed_at), (0, None, Summary::None, None));
    assert_eq!(step.started_at, Some(Timestamp::from_millis(world.now)));
    assert_eq!(world.state.arc_phase(&id("a")).unwrap(), ArcPhase::Orient);
    assert_eq!(world.content(&id("a"), &message_path(0)), None);
    assert_eq!(world.content(&id("a"), SUMMARY_PATH), None);
    let b = world.step("b");
    assert!(!b.artifact.unwrap().confirmed && b.completed_at.is_none());
    assert_eq!(world.said("b"), ["b"], "a starting point");
    assert!(world.content(&id("b"), SUMMARY_PATH).is_some());
    let waits = |stage| -> Vec<StageId> {
        world.step(stage).stale.as_ref().unwrap().waits_for.iter().map(|wait| wait.stage.clone()).collect()
    };
    assert_eq!((waits("b"), waits("c")), (vec![id("a")], vec![id("b")]));
    let greet = Effect::Greet { stage: id("a"), generation: Generation(2) };
    assert!(world.effects.contains(&("greet/a".to_owned(), greet)));
}

#[test]
fn a_reset_is_possible_on_whatever_was_begun() {
    let mut world = row();
    assert_eq!(world.run(reset("d")).unwrap_err().code(), "conflict");
    world.ok(reset("a"));
    world.ok(reset("b"));
    assert_eq!((world.status("b"), world.step("b").stale.clone()), (InProgress, None));
    world.ok(reset("b"));
    world.ok(reset("c"));
    assert_eq!(world.fence(&id("b")).generation, Generation(4));
}

#[test]
fn no_older_writer_adds_to_anything_the_reset_touched() {
    let mut world = row();
    world.ok(reset("a"));
    for stage in ["a", "b", "c"] {
        let late = Command::Save {
            stage: id(stage),
            generation: Some(Generation(1)),
            session: MAIN_SESSION.into(),
            messages: vec![message("9", "late")],
        };
        assert_eq!(world.run(late).unwrap_err().code(), "stale_generation");
        let late = Command::Next { stage: id(stage), generation: Some(Generation(1)), summary: None };
        assert_eq!(world.run(late).unwrap_err().code(), "stale_generation");
    }
    assert_eq!(world.fence(&id("d")).generation, Generation(1));
}

#[test]
fn the_same_id_is_a_new_message_after_a_reset_and_the_same_after_a_revision() {
    let mut world = row();
    world.ok(revise("a"));
    assert_eq!(world.ok(save("a", vec![message("1", "hello")])), Reply::Saved(vec![("1".into(), Outcome::Unchanged)]));
    world.ok(reset("a"));
    assert_eq!(world.ok(save("a", vec![message("1", "x")])), Reply::Saved(vec![("1".into(), Outcome::Stored)]));
    assert_eq!(world.said("a"), ["x"]);
}

#[test]
fn a_revision_keeps_everything_and_can_carry_a_message() {
    let mut world = row();
    let revise = |text: &str, id_: &str| Command::Revise { stage: id("a"), message: Some(message(id_, text)) };
    assert_eq!(world.run(Command::Revise { stage: id("c"), message: None }).unwrap_err().code(), "conflict");
    assert_eq!(world.run(revise("other", "1")).unwrap_err().code(), "exists", "what was said is not dropped");
    let reply = world.ok(revise("shorter, please", "3"));
    let stale = vec![id("b"), id("c")];
    assert_eq!(reply, Reply::WentBack { generation: Generation(2), stale, message: Some(Outcome::Stored) });
    assert_eq!(world.said("a"), ["hello", "there", "shorter, please"]);
    assert_eq!(statuses(&world), [InProgress, NeedsRegeneration, NeedsRegeneration, NotStarted]);
    let artifact = world.step("a").artifact.unwrap();
    assert_eq!((artifact.version, artifact.confirmed), (1, false));
    assert_eq!(world.run(next("a")).unwrap_err().code(), "conflict", "to be confirmed again");
}

#[test]
fn the_same_output_again_lets_what_waited_be_what_it_was() {
    let mut world = row();
    let (b, c) = (world.step("b").clone(), world.step("c").clone());
    for back in [reset("a"), revise("a")] {
        world.ok(back);
        let reply = world.make("a", "{\"v\":1}");
        let unblocked = vec![id("b"), id("c")];
        assert_eq!(reply, Reply::Completed { entered: Some(id("c")), workshop_completed: false, unblocked });
        assert_eq!((world.step("b"), world.step("c")), (&b, &c));
    }
}

#[test]
fn another_output_keeps_what_waits_until_it_is_redone() {
    let mut world = row();
    world.ok(reset("a"));
    let reply = world.make("a", "{\"v\":2}");
    assert_eq!(reply, Reply::Completed { entered: Some(id("b")), workshop_completed: false, unblocked: vec![] });
    assert_eq!(statuses(&world), [Complete, NeedsRegeneration, NeedsRegeneration, NotStarted]);
    // The third output is the second again, but what b has was made from the first.
    world.ok(revise("a"));
    world.make("a", "{\"v\":2}");
    assert_eq!(world.status("b"), NeedsRegeneration);
    world.ok(revise("a"));
    world.make("a", "{\"v\":1}");
    assert_eq!(statuses(&world), [Complete, Complete, InProgress, NotStarted]);
}

#[test]
fn a_stale_step_is_redone_by_working_on_it() {
    let mut world = row();
    world.ok(reset("a"));
    world.make("a", "{\"v\":2}");
    world.ok(save("b", vec![message("2", "again")]));
    assert_eq!(world.said("b"), ["b", "again"]);
    assert_eq!(world.ok(artifact("b", "{\"b\":2}")), Reply::Artifact { version: 2 });
    assert_eq!(world.run(next("b")).unwrap_err().code(), "conflict");
    world.ok(confirm("b"));
    world.ok(next("b"));
    assert_eq!(statuses(&world), [Complete, Complete, NeedsRegeneration, NotStarted]);
    assert_eq!(world.step("b").stale, None);
}

#[test]
fn a_redone_step_with_the_same_artifact_frees_those_below_it() {
    let mut world = row();
    world.ok(reset("a"));
    world.make("a", "{\"v\":2}");
    world.ok(confirm("b"));
    let reply = world.ok(next("b"));
    assert_eq!(reply, Reply::Completed { entered: Some(id("c")), workshop_completed: false, unblocked: vec![id("c")] });
    assert_eq!(statuses(&world), [Complete, Complete, InProgress, NotStarted]);
}

#[test]
fn a_stale_step_is_not_completed_before_what_it_is_made_from() {
    let mut world = row();
    world.ok(reset("a"));
    world.ok(confirm("b"));
    let refused = world.run(next("b")).unwrap_err().to_string();
    assert!(refused.contains("made from a, which is in progress"), "{refused}");
}

#[test]
fn a_step_worked_on_while_stale_is_open_and_not_complete_when_the_reason_goes_away() {
    let mut world = row();
    world.ok(reset("a"));
    world.ok(save("b", vec![message("2", "meanwhile")]));
    world.make("a", "{\"v\":1}");
    assert_eq!(statuses(&world), [Complete, InProgress, NeedsRegeneration, NotStarted]);
    assert!(world.step("b").artifact.unwrap().confirmed, "the same version that was confirmed");
    world.ok(next("b"));
    assert_eq!(statuses(&world), [Complete, Complete, InProgress, NotStarted]);
}

#[test]
fn a_step_without_an_artifact_is_the_same_as_long_as_nothing_was_written() {
    let mut world = World::of(&[("a", &[]), ("b", &["a"])]);
    world.ok(next("a"));
    world.ok(revise("a"));
    world.ok(next("a"));
    assert_eq!(world.status("b"), InProgress, "reopened and closed");
    world.ok(revise("a"));
    world.ok(save("a", vec![message("1", "x")]));
    world.ok(next("a"));
    assert_eq!(world.status("b"), NeedsRegeneration);
    world.ok(accept("b"));
    world.ok(reset("a"));
    world.ok(next("a"));
    assert_eq!(world.status("b"), NeedsRegeneration, "started over is something new");
}

#[test]
fn an_accepted_step_is_what_it_was_and_so_is_what_waited_for_it() {
    let mut world = row();
    let (b, c) = (world.step("b").clone(), world.step("c").clone());
    world.ok(reset("a"));
    let reply = world.ok(accept("b"));
    assert_eq!(reply, Reply::Accepted { entered: None, workshop_completed: false, unblocked: vec![id("c")] });
    assert_eq!((world.step("b"), world.step("c")), (&b, &c));
    assert_eq!(world.run(accept("b")).unwrap_err().code(), "conflict");
    let verb = world.undo_points.last().unwrap().verb.clone();
    assert_eq!((verb.name, verb.affects), ("accept", vec![id("b"), id("c")]));
    world.undo_last();
    assert_eq!(statuses(&world), [InProgress, NeedsRegeneration, NeedsRegeneration, NotStarted]);
}

#[test]
fn what_changed_since_is_completed_and_not_accepted() {
    let mut world = row();
    world.ok(reset("a"));
    world.ok(save("b", vec![message("2", "is this still right?")]));
    world.ok(artifact("b", "{\"b\":2}"));
    assert!(world.run(accept("b")).unwrap_err().to_string().contains("changed since"));
}

#[test]
fn accepting_the_last_open_step_leaves_something_to_do_or_completes_the_workshop() {
    let mut world = World::of(&[("a", &[]), ("b", &["a"])]);
    for stage in ["a", "b"] {
        world.ok(next(stage));
    }
    world.ok(reset("a"));
    world.ok(next("a"));
    assert_eq!(world.state.status(), WorkshopStatus::Draft);
    let reply = world.ok(accept("b"));
    assert_eq!(reply, Reply::Accepted { entered: None, workshop_completed: true, unblocked: vec![] });
}

#[test]
fn siblings_and_upstream_are_untouched() {
    let mut world = World::of(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]);
    for stage in ["a", "b", "c", "d"] {
        world.ok(next(stage));
    }
    let (a, c) = (world.step("a").clone(), world.step("c").clone());
    world.ok(reset("b"));
    assert_eq!((world.step("a"), world.step("c")), (&a, &c));
    assert_eq!(statuses(&world), [Complete, InProgress, Complete, NeedsRegeneration]);
    world.ok(reset("a"));
    let waits = &world.step("d").stale.as_ref().unwrap().waits_for;
    assert_eq!(waits.iter().map(|wait| wait.stage.as_str()).collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn the_plan_tells_what_happens_to_what() {
    let world = row();
    let verb = world.decide(&reset("b")).unwrap().verb.unwrap();
    assert_eq!((verb.name, &verb.stage, &verb.affects), ("reset", &Some(id("b")), &vec![id("b"), id("c")]));
    let lines: Vec<String> = verb
        .lines
        .iter()
        .map(|line| format!("{:?} {} {} ({})", line.fate, line.stage.as_ref().unwrap(), line.what, line.why))
        .collect();
    assert_eq!(
        lines,
        [
            "Cleared b 1 message (the step starts over; undo brings it back)",
            "Cleared b artifact, version 1 (the step starts over; undo brings it back)",
            "Cleared b summary (the step starts over; undo brings it back)",
            "Fenced b writers of generation 1 (what they still write is kept as an orphan)",
            "Stale c status: in progress, 1 message (it was made from b, which starts over)",
            "Fenced c writers of generation 1 (what they still write is kept as an orphan)",
            "Kept d not started (nothing was made there yet)",
            "Kept a status: complete (it is not made from b)",
        ]
    );
}

#[test]
fn undo_gives_back_exactly_what_was_there_and_undo_of_undo_too() {
    for back in [reset("a"), revise("a"), reset("b"), reset("c")] {
        let mut world = row();
        let before = ["a", "b", "c", "d"].map(|stage| world.seen(stage));
        world.ok(back);
        if world.status("a") == InProgress {
            world.ok(save("a", vec![message("7", "newer")]));
        }
        let after = ["a", "b", "c", "d"].map(|stage| world.seen(stage));
        world.undo_last();
        assert_eq!(["a", "b", "c", "d"].map(|stage| world.seen(stage)), before);
        world.undo_last();
        assert_eq!(["a", "b", "c", "d"].map(|stage| world.seen(stage)), after);
    }
}

#[test]
fn a_version_names_one_artifact_for_good() {
    let mut world = row();
    world.ok(reset("a"));
    assert_eq!(world.ok(artifact("a", "{\"v\":5}")), Reply::Artifact { version: 2 });
    world.undo(0);
    assert_eq!(world.step("a").artifact.unwrap().version, 1);
    world.ok(revise("a"));
    assert_eq!(world.ok(artifact("a", "{\"v\":6}")), Reply::Artifact { version: 3 });
}

#[test]
fn a_step_begun_since_is_stale_once_what_it_was_made_from_is_undone() {
    let mut world = World::of(&[("a*", &[]), ("b*", &["a"])]);
    world.ok(save("a", vec![message("1", "first try")]));
    world.ok(reset("a"));
    world.make("a", "{}");
    world.make("b", "{}");
    let b = world.step("b").clone();
    world.undo(0);
    assert_eq!(statuses(&world), [InProgress, NeedsRegeneration]);
    assert_eq!(world.said("a"), ["first try"]);
    world.undo_last();
    assert_eq!((world.status("a"), world.step("b")), (Complete, &b), "and as it was when that is undone");
}

#[test]
fn what_comes_back_is_stale_if_something_else_it_was_made_from_moved_since() {
    let mut world = World::of(&[("x*", &[]), ("a*", &[]), ("b*", &["x", "a"])]);
    world.make("x", "{}");
    world.make("a", "{}");
    world.make("b", "{}");
    world.ok(reset("a"));
    world.ok(reset("x"));
    world.undo(0);
    assert_eq!(statuses(&world), [InProgress, Complete, NeedsRegeneration]);
    world.make("x", "{}");
    assert_eq!(statuses(&world), [Complete, Complete, Complete]);
}

#[test]
fn a_step_that_did_not_move_is_not_touched_by_an_undo_above_it() {
    let mut world = row();
    world.ok(revise("a"));
    world.ok(reset("c"));
    let before = ["a", "b", "c", "d"].map(|stage| world.seen(stage));
    world.ok(accept("b"));
    world.undo_last();
    assert_eq!(["a", "b", "c", "d"].map(|stage| world.seen(stage)), before);
}

#[test]
fn a_new_artifact_is_never_confirmed_by_what_happens_upstream() {
    let mut world = row();
    world.ok(reset("a"));
    world.ok(artifact("b", "{\"b\":2}"));
    world.make("a", "{\"v\":1}");
    assert_eq!(world.status("b"), InProgress);
    assert!(!world.step("b").artifact.unwrap().confirmed);

    let mut world = row();
    world.ok(artifact("c", "{}"));
    world.ok(confirm("c"));
    world.ok(reset("a"));
    world.ok(artifact("c", "{\"c\":2}"));
    world.make("a", "{\"v\":1}");
    assert_eq!(world.status("c"), InProgress);
    assert!(!world.step("c").artifact.unwrap().confirmed);
}

#[test]
fn accepting_the_only_open_step_begins_what_waited_for_it() {
    let mut world = World::of(&[("a*", &[]), ("b", &["a"]), ("c", &[]), ("d", &["b"])]);
    world.make("a", "{}");
    world.ok(next("b"));
    world.ok(revise("a"));
    world.ok(next("c"));
    world.make("a", "{\"v\":2}");
    assert_eq!(statuses(&world), [Complete, NeedsRegeneration, Complete, NotStarted]);
    let reply = world.ok(accept("b"));
    assert_eq!(reply, Reply::Accepted { entered: Some(id("d")), workshop_completed: false, unblocked: vec![] });
    world.undo_last();
    assert_eq!(statuses(&world), [Complete, NeedsRegeneration, Complete, NotStarted]);
}

#[test]
fn a_step_begun_only_by_an_undo_is_not_begun_when_that_is_undone() {
    let mut world = World::of(&[("a", &[]), ("b", &[]), ("c", &["a"])]);
    world.ok(next("a"));
    world.ok(reset("a"));
    world.ok(next("b"));
    assert_eq!(statuses(&world), [InProgress, Complete, NotStarted]);
    world.undo(0);
    assert_eq!(statuses(&world), [Complete, Complete, InProgress]);
    world.undo(1);
    assert_eq!(statuses(&world), [InProgress, Complete, NotStarted]);
}

#[test]
fn no_undo_brings_back_the_state_of_a_step_whose_content_was_archived() {
    let mut world = World::of(&[("a*", &[]), ("b*", &["a"])]);
    world.ok(reset("a"));
    world.make("a", "{}");
    world.ok(artifact("b", "{}"));
    world.undo(0);
    assert_eq!(world.status("b"), NeedsRegeneration);
    world.ok(reset("b"));
    world.ok(reset("a"));
    world.undo(1);
    assert_eq!((world.status("a"), world.step("b").artifact), (Complete, None));
}
