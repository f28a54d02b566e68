//! Going forward: creation, artifacts, completion, summaries, pausing, looking around.

use super::*;

const DIAMOND: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])];

#[test]
fn a_new_workshop_has_its_first_step_in_progress() {
    let world = World::of(&[("late", &["first"]), ("first", &[]), ("other", &[])]);
    assert_eq!(world.status("first"), Status::InProgress);
    assert_eq!(world.step("first").started_at, Some(Timestamp::from_millis(1_001)));
    assert_eq!((world.status("late"), world.status("other")), (Status::NotStarted, Status::NotStarted));
    assert_eq!(world.state.created_at, Timestamp::from_millis(1_001));
}

#[test]
fn nothing_can_be_asked_of_a_workshop_that_is_not_there_and_it_is_made_once() {
    let mut world = World::default();
    let commands = [
        save("a", vec![]),
        artifact("a", "{}"),
        confirm("a"),
        next("a"),
        reset("a"),
        revise("a"),
        accept("a"),
        Command::Pause,
        Command::Resume,
    ];
    for command in commands {
        assert_eq!(world.run(command).unwrap_err().code(), "not_found");
    }
    let mut world = World::of(&[("a", &[])]);
    let again = Command::Create { title: "again".into(), template: Box::new(template(&[("b", &[])])) };
    assert_eq!(world.run(again).unwrap_err().code(), "exists");
}

#[test]
fn an_unknown_step_is_named_and_changes_nothing() {
    let mut world = World::of(&[("a", &[])]);
    let before = world.state.clone();
    let sub_step = Command::SubStep { stage: id("x"), sub_step: id("y") };
    let summary = Command::Summary { stage: id("x"), generation: None, points: points() };
    for command in
        [artifact("x", "{}"), confirm("x"), next("x"), reset("x"), revise("x"), accept("x"), sub_step, summary]
    {
        assert_eq!(world.run(command).unwrap_err(), Rejection::not_found("step", "x"));
    }
    assert_eq!(world.state, before);
}

#[test]
fn completing_begins_the_next_step_whose_dependencies_are_complete() {
    let mut world = World::of(DIAMOND);
    let entered = |reply| match reply {
        Reply::Completed { entered, workshop_completed, .. } => (entered, workshop_completed),
        other => panic!("{other:?}"),
    };
    assert_eq!(entered(world.ok(next("a"))), (Some(id("b")), false));
    assert_eq!(world.status("c"), Status::NotStarted);
    assert_eq!(entered(world.ok(next("b"))), (Some(id("c")), false));
    assert_eq!(world.run(next("d")).unwrap_err().code(), "conflict");
    assert_eq!(entered(world.ok(next("c"))), (Some(id("d")), false));
    assert_eq!(world.state.status(), WorkshopStatus::Draft);
    assert_eq!(entered(world.ok(next("d"))), (None, true));
    assert_eq!(world.state.status(), WorkshopStatus::Completed);
    assert_eq!(world.state.completed_at(), Some(Timestamp::from_millis(world.now)));
    let before = world.state.clone();
    assert_eq!(entered(world.ok(next("d"))), (None, false), "once, however often asked");
    assert_eq!(world.state, before);
    assert_eq!(world.run(Command::Pause).unwrap_err().code(), "conflict");
}

#[test]
fn completing_sets_the_times_and_clears_them_when_reopened() {
    let mut world = World::of(&[("a", &[])]);
    let started = world.step("a").started_at;
    world.ok(next("a"));
    assert_eq!(world.step("a").completed_at, Some(Timestamp::from_millis(world.now)));
    assert_eq!(world.step("a").started_at, started);
    world.ok(revise("a"));
    assert_eq!(world.step("a").completed_at, None);
    assert_eq!(world.step("a").started_at, Some(Timestamp::from_millis(world.now)));
    assert_eq!(world.state.completed_at(), None);
}

#[test]
fn a_demanded_artifact_must_be_there_and_confirmed() {
    let mut world = World::of(&[("a*", &[])]);
    let why = |world: &mut World| world.run(next("a")).unwrap_err().to_string();
    assert!(why(&mut world).contains("no artifact"));
    assert_eq!(world.run(confirm("a")).unwrap_err().code(), "conflict");
    world.ok(artifact("a", "{}"));
    assert!(why(&mut world).contains("version 1 of its artifact is not confirmed"));
    world.ok(confirm("a"));
    world.ok(artifact("a", "{}"));
    assert!(why(&mut world).contains("version 2 of its artifact is not confirmed"), "the approval fell");
    world.ok(confirm("a"));
    world.ok(next("a"));
    assert_eq!(world.ok(confirm("a")), Reply::Done, "confirming twice is harmless");
    assert_eq!(world.run(artifact("a", "{}")).unwrap_err().code(), "conflict");
    assert_eq!(world.step("a").artifact.unwrap().schema_version, Some(1));
}

#[test]
fn an_artifact_that_nobody_demanded_must_be_confirmed_too() {
    let mut world = World::of(&[("a", &[])]);
    world.ok(artifact("a", "[1]"));
    assert!(world.run(next("a")).is_err());
    world.ok(confirm("a"));
    world.ok(next("a"));
    assert_eq!(world.step("a").artifact.unwrap().schema_version, None);
}

#[test]
fn writers_and_confirmers_of_another_version_are_told() {
    let mut world = World::of(&[("a", &[])]);
    let write = |expected| Command::Artifact {
        stage: id("a"),
        generation: None,
        json: "{}".into(),
        expected_version: Some(expected),
    };
    let confirm = |version| Command::Confirm { stage: id("a"), generation: None, version: Some(version) };
    let moved = |expected, actual| Rejection::VersionMoved { what: "the artifact of a".into(), expected, actual };
    assert_eq!(world.run(write(1)).unwrap_err(), moved(1, 0));
    assert_eq!(world.ok(write(0)), Reply::Artifact { version: 1 });
    assert_eq!(world.ok(write(1)), Reply::Artifact { version: 2 });
    assert_eq!(world.run(write(1)).unwrap_err(), moved(1, 2));
    assert_eq!(world.run(confirm(1)).unwrap_err(), moved(1, 2));
    world.ok(confirm(2));
}

#[test]
fn a_missing_summary_is_owed_and_does_not_stop_completion() {
    let mut world = World::of(&[("a", &[])]);
    world.ok(Command::Next { stage: id("a"), generation: None, summary: None });
    assert_eq!(world.step("a").summary, Summary::Missing);
    let owed = Effect::Summarize { stage: id("a"), generation: Generation::FIRST };
    assert_eq!(world.effects, [("summarize/a".to_owned(), owed)]);
    let late = Command::Summary { stage: id("a"), generation: Some(Generation::FIRST), points: points() };
    world.ok(late.clone());
    assert_eq!(world.step("a").summary, Summary::Written);
    assert_eq!(summary_from_bytes(&world.content(&id("a"), SUMMARY_PATH).unwrap()).unwrap(), points());
    world.ok(revise("a"));
    assert_eq!(world.run(late).unwrap_err().code(), "stale_generation");
    let now = Command::Summary { stage: id("a"), generation: None, points: points() };
    assert_eq!(world.run(now).unwrap_err().code(), "conflict");
}

#[test]
fn a_summary_has_three_or_four_points_and_at_most_150_words() {
    let words = |n: usize| vec!["w ".repeat(n), "w".into(), "w".into()];
    let cases: [(Vec<String>, &str); 6] = [
        (vec!["a".into(), "b".into()], "invalid"),
        (vec!["a".into(); 5], "limit"),
        (vec!["a".into(), " ".into(), "c".into()], "invalid"),
        (words(149), "limit"),
        (vec!["x".repeat(10_000), "b".into(), "c".into()], "limit"),
        (words(148), ""),
    ];
    for (points, code) in cases {
        let mut world = World::of(&[("a", &[])]);
        let outcome = world.run(Command::Next { stage: id("a"), generation: None, summary: Some(points) });
        assert_eq!(outcome.err().as_ref().map_or("", Rejection::code), code);
        assert_eq!(world.status("a") == Status::Complete, code.is_empty(), "a bad summary changes nothing");
    }
}

#[test]
fn a_paused_workshop_saves_work_and_completes_nothing() {
    let mut world = World::of(DIAMOND);
    world.ok(Command::Pause);
    world.ok(Command::Pause);
    assert_eq!(world.state.status(), WorkshopStatus::Paused);
    world.ok(save("a", vec![message("1", "x")]));
    assert!(world.run(next("a")).unwrap_err().hint().contains("resume"));
    world.ok(reset("a"));
    assert_eq!(world.state.status(), WorkshopStatus::Paused);
    world.ok(Command::Resume);
    world.ok(Command::Resume);
    assert_eq!(world.state.status(), WorkshopStatus::Active);
    world.ok(next("a"));
}

#[test]
fn a_step_that_is_not_started_leads_to_the_one_in_progress_else_the_first() {
    let mut world = World::of(DIAMOND);
    world.ok(next("a"));
    assert_eq!(enter(&world.state, &id("d")).unwrap(), &id("b"));
    assert_eq!(enter(&world.state, &id("a")).unwrap(), &id("a"));
    assert_eq!(enter(&world.state, &id("x")).unwrap_err(), Rejection::not_found("step", "x"));
    assert!(enter(&Workshop::default(), &id("a")).is_err());
    world.state.get_mut(&id("b")).unwrap().status = Status::Complete;
    assert_eq!(enter(&world.state, &id("d")).unwrap(), &id("a"));
}

#[test]
fn the_context_of_a_step_is_what_was_confirmed_and_summed_up_upstream() {
    let mut world = World::of(DIAMOND);
    world.make("a", "1");
    world.ok(next("b"));
    world.make("c", "1");
    let part = |stage: &'static str, artifact, summary| (id(stage), artifact, summary);
    let parts = |world: &World, stage| -> Vec<_> {
        let parts = context(&world.state, &id(stage)).unwrap();
        parts.into_iter().map(|p| (p.stage.clone(), p.artifact, p.summary)).collect()
    };
    let all = [part("a", Some(1), true), part("b", None, true), part("c", Some(1), true)];
    assert_eq!(parts(&world, "d"), all);
    assert_eq!(parts(&world, "a"), []);
    world.ok(reset("c"));
    assert_eq!(parts(&world, "d"), all[..2], "nothing archived is in it");
    world.ok(revise("a"));
    assert_eq!(parts(&world, "d"), [], "nothing stale is in it");
    assert_eq!(context(&world.state, &id("x")).unwrap_err().code(), "not_found");
}
