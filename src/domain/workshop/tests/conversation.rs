//! Which version of a message stays, and in what order messages lie.

use proptest::prelude::*;

use super::*;

fn outcome(world: &mut World, message: Message) -> Outcome {
    match world.ok(save("a", vec![message])) {
        Reply::Saved(outcomes) => outcomes[0].1,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_better_version_of_a_message_stays() {
    use Outcome::*;
    let one = |content, finished| Message { finished, ..message("1", content) };
    let cases = [
        (one("ab", false), one("ab", false), Unchanged, "ab"),
        (one("ab", false), one("abc", false), Replaced, "abc"),
        (one("ab", false), one("a", false), Kept, "ab"),
        (one("ab", false), one("xy", false), Kept, "ab"),
        (one("ab", false), one("ab", true), Replaced, "ab"),
        (one("ab", false), one("a", true), Replaced, "a"),
        (one("ab", true), one("ab", true), Unchanged, "ab"),
        (one("ab", true), one("abc", false), Kept, "ab"),
        (one("ab", true), one("abc", true), Kept, "ab"),
        (one("ab", true), one("", true), Skipped, "ab"),
        (one("ab", false), Message { role: Role::Assistant, ..one("ab", true) }, Replaced, "ab"),
    ];
    for (first, second, expected, content) in cases {
        let mut world = World::of(&[("a", &[])]);
        assert_eq!(outcome(&mut world, first.clone()), Stored);
        assert_eq!(outcome(&mut world, second.clone()), expected, "{first:?} {second:?}");
        assert_eq!(world.said("a"), [content]);
        let writes = expected == Replaced;
        let command = save("a", vec![second]);
        assert!(world.decide(&command).unwrap().is_empty(), "a third save writes nothing: {command:?}");
        let supersedes = WorkshopKind::supersedes(&command, &save("a", vec![first]));
        assert_eq!(supersedes, writes, "late work follows the same rule");
    }
}

#[test]
fn only_an_edit_replaces_a_finished_message() {
    let mut world = World::of(&[("a", &[])]);
    world.ok(save("a", vec![message("1", "x"), message("2", "y")]));
    let edit = |message| Command::Edit { stage: id("a"), generation: None, session: MAIN_SESSION.into(), message };
    assert_eq!(world.ok(edit(message("1", "z"))), Reply::Saved(vec![("1".into(), Outcome::Replaced)]));
    assert_eq!(world.said("a"), ["z", "y"]);
    assert_eq!(world.run(edit(message("1", ""))).unwrap_err().code(), "invalid");
    assert_eq!(world.run(edit(snapshot("1", "q"))).unwrap_err().code(), "invalid");
    assert_eq!(world.ok(edit(message("3", "new"))), Reply::Saved(vec![("3".into(), Outcome::Stored)]));
}

#[test]
fn order_is_the_order_of_acceptance_whatever_the_ids() {
    let mut world = World::of(&[("a", &[])]);
    world.ok(save("a", vec![snapshot("z", "1"), message("a", "2"), message("empty", ""), snapshot("z", "11")]));
    world.ok(save("a", vec![message("m", "3"), message("z", "111")]));
    assert_eq!(world.said("a"), ["111", "2", "3"]);
    let ordinals: Vec<u64> = world.messages("a").iter().map(|stored| stored.ordinal).collect();
    assert_eq!(ordinals, [0, 1, 2]);
}

#[test]
fn the_same_id_in_another_session_is_another_message() {
    let mut world = World::of(&[("a", &[])]);
    world.ok(save("a", vec![message("1", "x")]));
    let other = |session: &str| Command::Save {
        stage: id("a"),
        generation: None,
        session: session.into(),
        messages: vec![message("1", "y")],
    };
    world.ok(other("side"));
    assert_eq!(world.said("a"), ["x", "y"]);
    assert_eq!(world.messages("a")[1].session, "side");
    assert_eq!(world.run(other("")).unwrap_err().code(), "invalid");
    assert_eq!(world.run(other("a\0b")).unwrap_err().code(), "invalid");
    assert_eq!(world.run(other(&"s".repeat(41))).unwrap_err().code(), "limit");
}

#[test]
fn a_step_that_is_not_open_takes_no_messages() {
    let mut world = World::of(&[("a", &[]), ("b", &["a"])]);
    let refused = world.run(save("b", vec![message("1", "x")])).unwrap_err();
    assert!(refused.to_string().contains("not begun"), "{refused}");
    world.ok(next("a"));
    let refused = world.run(save("a", vec![message("1", "x")])).unwrap_err();
    assert_eq!((refused.code(), refused.hint().contains("revise")), ("conflict", true));
    assert_eq!(world.run(save("zzz", vec![])).unwrap_err(), Rejection::not_found("step", "zzz"));
}

#[test]
fn the_first_message_makes_a_draft_active() {
    let mut world = World::of(&[("a", &[])]);
    assert_eq!(world.state.status(), WorkshopStatus::Draft);
    world.ok(save("a", vec![message("1", "")]));
    assert_eq!(world.state.status(), WorkshopStatus::Draft);
    world.ok(save("a", vec![message("1", "x")]));
    assert_eq!(world.state.status(), WorkshopStatus::Active);
}

#[test]
fn the_active_sub_step_travels_with_each_message() {
    let text = "name=\"t\"\ntitle=\"T\"\n[[steps]]\nid=\"a\"\ntitle=\"A\"\nprompt=\"p\"\n\
        sub_steps=[{id=\"s1\",title=\"x\",prompt=\"p\"},{id=\"s2\",title=\"x\",prompt=\"p\"}]";
    let mut world = World::with(Template::from_toml(text).unwrap());
    world.ok(save("a", vec![message("1", "x")]));
    world.ok(Command::SubStep { stage: id("a"), sub_step: id("s2") });
    world.ok(save("a", vec![message("2", "x"), Message { sub_step: Some(id("s1")), ..message("3", "x") }]));
    let subs: Vec<Option<StageId>> = world.messages("a").into_iter().map(|stored| stored.message.sub_step).collect();
    assert_eq!(subs, [Some(id("s1")), Some(id("s2")), Some(id("s1"))]);
    let unknown = Message { sub_step: Some(id("s3")), ..message("4", "x") };
    assert_eq!(world.run(save("a", vec![unknown])).unwrap_err().code(), "not_found");
    let unknown = Command::SubStep { stage: id("a"), sub_step: id("s3") };
    assert_eq!(world.run(unknown).unwrap_err().code(), "not_found");
    world.ok(reset("a"));
    assert_eq!(world.step("a").sub_step, Some(id("s1")));
}

#[test]
fn poison_is_refused_or_given_back_as_it_was() {
    let long = "x".repeat(10_000);
    let texts = ["a\0b", "\u{1b}[2J", "\u{202e}gpj.exe", "\r\n\r\n", &long, "\u{feff}", "\u{10ffff}", "../..", "@file"];
    for text in texts {
        let mut world = World::of(&[("a", &[])]);
        world.ok(save("a", vec![message("content", text)]));
        let source = Source { before: text.into(), json: text.into(), after: text.into() };
        for poisoned in [
            message(text, "x"),
            Message { by: Some(text.into()), ..message("by", "x") },
            Message { source: Some(source), ..message("source", "x") },
        ] {
            match world.run(save("a", vec![poisoned.clone()])) {
                Ok(_) => assert_eq!(world.messages("a").pop().unwrap().message, poisoned),
                Err(refused) => assert!(matches!(refused.code(), "invalid" | "limit"), "{refused}"),
            }
        }
        assert_eq!(world.said("a")[0], text);
        let points = vec![text.to_owned(), text.to_owned(), text.to_owned()];
        let complete = Command::Next { stage: id("a"), generation: None, summary: Some(points.clone()) };
        match world.run(complete) {
            Ok(_) => {
                let kept = world.content(&id("a"), SUMMARY_PATH).unwrap();
                assert_eq!(summary_from_bytes(&kept).unwrap(), points);
            }
            Err(refused) => assert!(matches!(refused.code(), "invalid" | "limit"), "{refused}"),
        }
        let template = Box::new(template(&[("a", &[])]));
        let mut fresh = World::default();
        match fresh.run(Command::Create { title: text.into(), template }) {
            Ok(_) => assert_eq!(fresh.state.title, text),
            Err(refused) => assert!(matches!(refused.code(), "invalid" | "limit"), "{refused}"),
        }
    }
}

#[test]
fn what_is_too_much_is_refused_by_name() {
    let mut world = World::of(&[("a", &[])]);
    let many = (0..1_001).map(|n| message(&n.to_string(), "x")).collect();
    assert_eq!(world.run(save("a", many)).unwrap_err().code(), "limit");
    let big = message("1", &"x".repeat((4 << 20) + 1));
    assert_eq!(world.run(save("a", vec![big])).unwrap_err().code(), "limit");
    assert_eq!(world.run(save("a", vec![message("", "x")])).unwrap_err().code(), "invalid");
    assert!(world.journal.len() == 2, "nothing happened but the creation");
}

fn any_message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![Just(Role::User), Just(Role::Assistant)];
    ("[abc]", "x{0,4}", any::<bool>(), role).prop_map(|(id, content, finished, role)| Message {
        role,
        finished,
        ..message(&id, &content)
    })
}

proptest! {
    /// What is held of drafts is the last that changed anything of each key: it gives the same as all of them in turn.
    #[test]
    fn the_last_draft_of_each_key_gives_the_same_state_as_all(messages in prop::collection::vec(any_message(), 1..20)) {
        let mut live = World::of(&[("a", &[])]);
        let mut held: Vec<(Vec<u8>, Vec<Event>)> = Vec::new();
        let mut held_state = live.state.clone();
        for message in messages {
            let command = save("a", vec![message]);
            let events = live.decide(&command).unwrap().events;
            live.ok(command.clone());
            if !events.is_empty() {
                let key = WorkshopKind::draft_key(&command).unwrap();
                held.retain(|(known, _)| *known != key);
                held.push((key, events));
            }
        }
        for event in held.into_iter().flat_map(|(_, events)| events) {
            WorkshopKind::apply(&mut held_state, &event, Timestamp::from_millis(9));
        }
        prop_assert_eq!(held_state, live.state);
    }

    /// Late work is kept by the same rule by which it would have been saved.
    #[test]
    fn a_draft_supersedes_exactly_what_it_would_replace(a in any_message(), b in any_message()) {
        let a = Message { content: format!("x{}", a.content), ..a };
        let (a, b) = (Message { id: "1".into(), ..a }, Message { id: "1".into(), ..b });
        let mut world = World::of(&[("a", &[])]);
        world.ok(save("a", vec![a.clone()]));
        let (old, new) = (save("a", vec![a]), save("a", vec![b]));
        let replaced = world.ok(new.clone()) == Reply::Saved(vec![("1".into(), Outcome::Replaced)]);
        prop_assert_eq!(WorkshopKind::supersedes(&new, &old), replaced);
    }
}

#[test]
fn only_a_single_saved_message_is_a_draft_of_something() {
    assert_eq!(WorkshopKind::draft_key(&save("a", vec![])), None);
    assert_eq!(WorkshopKind::draft_key(&save("a", vec![message("1", "x"), message("2", "x")])), None);
    assert_eq!(WorkshopKind::draft_key(&reset("a")), None);
    let key = |stage, id| WorkshopKind::draft_key(&save(stage, vec![message(id, "x")])).unwrap();
    assert_eq!(key("a", "1"), key("a", "1"));
    assert_ne!(key("a", "1"), key("a", "2"));
    assert_ne!(key("a", "1"), key("b", "1"));
}
