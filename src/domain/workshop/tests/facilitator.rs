//! What the facilitator is asked for, and when it is no longer asked.

use super::*;

fn ask(message: Message) -> Command {
    Command::Ask { stage: id("a"), generation: None, session: MAIN_SESSION.into(), message }
}

fn extract(stage: &str) -> Command {
    Command::Extract { stage: id(stage), generation: None }
}

fn settle(duty: Duty, problem: Option<&str>) -> Command {
    Command::Settle { stage: id("a"), generation: None, duty, problem: problem.map(str::to_owned) }
}

fn row() -> World {
    World::of(&[("a*", &[]), ("b", &["a"])])
}

#[test]
fn what_is_asked_is_saved_and_owed_in_one_turn() {
    let mut world = row();
    let said = world.ok(ask(message("m1", "Hello?")));
    assert_eq!(said, Reply::Saved(vec![("m1".into(), Outcome::Stored)]));
    assert_eq!(world.said("a"), ["Hello?"]);
    let (session, message_id) = (MAIN_SESSION.to_owned(), "m1".to_owned());
    let owed = Effect::Reply { stage: id("a"), generation: Generation::FIRST, session, message: message_id };
    assert!(owed.is_awaited(&world.step("a").awaits));
    assert_eq!(world.effects, [("reply/a".to_owned(), owed.clone())]);
    assert_eq!(world.step("a").awaits.duties(), [Duty::Reply]);

    world.ok(settle(Duty::Reply, Some("no model")));
    assert_eq!((world.step("a").awaits.duties(), world.step("a").problem.as_deref()), (vec![], Some("no model")));
    assert_eq!(world.ok(ask(message("m1", "Hello?"))), Reply::Saved(vec![("m1".into(), Outcome::Unchanged)]));
    let again = (world.step("a").awaits.duties(), world.step("a").problem.clone());
    assert_eq!(again, (vec![Duty::Reply], None), "it is tried again");
    world.ok(ask(message("m2", "And?")));
    assert!(!owed.is_awaited(&world.step("a").awaits), "the answer is to what was said last");
}

#[test]
fn what_can_t_be_asked_is_refused() {
    let mut world = row();
    let refused = |world: &mut World, command: Command| world.run(command).unwrap_err().code().to_owned();
    let other = |session: &str| Command::Ask {
        stage: id("a"),
        generation: None,
        session: session.into(),
        message: message("m2", "x"),
    };
    assert_eq!(refused(&mut world, extract("a")), "conflict");
    assert_eq!(refused(&mut world, ask(snapshot("m1", "Hel"))), "invalid");
    assert_eq!(refused(&mut world, ask(message("m1", " \n"))), "invalid");
    assert_eq!(refused(&mut world, ask(Message::assistant("m1", "Hello"))), "invalid");
    world.ok(ask(message("m1", "Hello?")));
    assert_eq!(refused(&mut world, ask(message("m1", "Something else"))), "exists");
    assert_eq!(refused(&mut world, other("other")), "conflict");
    world.ok(settle(Duty::Reply, None));
    world.ok(other("other"));
    assert_eq!(refused(&mut world, extract("b")), "conflict");
    world.ok(Command::Pause);
    assert_eq!(refused(&mut world, ask(message("m3", "x"))), "conflict");
    assert_eq!(refused(&mut world, extract("a")), "conflict");
    world.ok(Command::Resume);
    world.ok(artifact("a", "{}"));
    world.ok(confirm("a"));
    world.ok(next("a"));
    assert_eq!(refused(&mut world, ask(message("m3", "x"))), "conflict");
    assert_eq!(refused(&mut world, extract("a")), "conflict");
}

#[test]
fn an_extraction_that_is_under_way_is_not_begun_again() {
    let mut world = row();
    world.ok(save("a", vec![message("m1", "x")]));
    world.ok(extract("a"));
    world.ok(extract("a"));
    let owed = Effect::Extract { stage: id("a"), generation: Generation::FIRST };
    assert_eq!(world.effects, [("extract/a".to_owned(), owed)]);
    assert_eq!(world.step("a").awaits.duties(), [Duty::Extraction]);
    world.ok(settle(Duty::Extraction, None));
    assert_eq!(world.step("a").awaits, Awaits::default());
}

#[test]
fn a_verb_that_goes_back_ends_what_its_steps_awaited() {
    let mut world = row();
    world.ok(artifact("a", "{}"));
    world.ok(confirm("a"));
    world.ok(Command::Next { stage: id("a"), generation: None, summary: None });
    assert_eq!(world.step("a").awaits.duties(), [Duty::Summary]);
    let below =
        Command::Ask { stage: id("b"), generation: None, session: MAIN_SESSION.into(), message: message("m", "x") };
    world.ok(below);
    world.ok(reset("a"));
    assert_eq!(world.step("a").awaits.duties(), [Duty::Greeting]);
    assert_eq!(world.step("b").awaits.duties(), [], "it is stale, and its generation was raised");
    let late =
        Command::Settle { stage: id("b"), generation: Some(Generation::FIRST), duty: Duty::Reply, problem: None };
    assert_eq!(world.run(late).unwrap_err().code(), "stale_generation");
    world.undo(world.undo_points.len() - 1);
    assert_eq!(world.step("a").awaits.duties(), [], "what was asked before the reset is not asked again");
    assert_eq!(world.step("a").summary, Summary::Missing);
}

#[test]
fn an_undo_above_a_step_leaves_what_that_step_awaits() {
    let mut world = World::of(&[("a", &[]), ("b", &["a"]), ("c", &["a"])]);
    world.make("a", "{}");
    world.ok(revise("a"));
    let revised = world.undo_points.len() - 1;
    world.make("a", "[]");
    assert_eq!(world.status("c"), Status::InProgress, "it was not begun when a was revised");
    world.ok(reset("c"));
    assert_eq!(world.step("c").awaits.duties(), [Duty::Greeting]);
    world.undo(revised);
    assert_eq!(world.step("c").awaits.duties(), [Duty::Greeting], "its generation is the same");
}

#[test]
fn what_is_spent_is_counted_by_day_and_in_all() {
    const DAY: i64 = 86_400_000;
    let mut world = row();
    let spent =
        |world: &World| (world.state.spent.on_day_of(Timestamp::from_millis(world.now)), world.state.spent.in_all);
    world.now = 5 * DAY + 1_000;
    for characters in [100, 20] {
        world.ok(Command::Spend { characters });
    }
    assert_eq!(spent(&world), (120, 120));
    world.now = 6 * DAY + 1_000;
    assert_eq!(spent(&world), (0, 120));
    world.ok(Command::Spend { characters: 3 });
    assert_eq!(spent(&world), (3, 123));
    world.ok(Command::Spend { characters: u64::MAX });
    assert_eq!(spent(&world), (u64::MAX, u64::MAX));
}
