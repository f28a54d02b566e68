//! What a workflow can be made from.

use super::*;
use crate::domain::limits::TITLE_BYTES_MAX;
use crate::domain::workflow::limits::{
    DOMAINS_MAX, GATES_MAX, INPUT_BYTES_MAX, STORY_BYTES_MAX, TASKS_PER_COMMAND_MAX,
};

#[test]
fn the_built_in_template_has_the_ten_gates() {
    let template = Template::built_in("delivery").unwrap();
    let ids: Vec<&str> = template.gates.iter().map(|gate| gate.id.as_str()).collect();
    let expected = [
        "design-validated",
        "story-assigned",
        "plan-approved",
        "development-started",
        "development-complete",
        "qa-passed",
        "safety-cleared",
        "review-approved",
        "merged",
        "deployed",
    ];
    assert_eq!(ids, expected);
    let approved: Vec<&str> = template.gates.iter().filter(|gate| gate.approval).map(|gate| gate.id.as_str()).collect();
    assert_eq!(approved, ["plan-approved", "review-approved", "deployed"]);
    let domains: BTreeSet<&str> =
        template.gates.iter().flat_map(|gate| &gate.tasks).map(|task| task.domain.as_str()).collect();
    assert_eq!(domains.into_iter().collect::<Vec<_>>(), ["be", "cto", "fe", "pm", "qa", "safety"]);
    assert!((template.safety_least - 0.85).abs() < f64::EPSILON);
    assert_eq!(Template::from_bytes(&template.to_bytes().unwrap()).unwrap(), template);
    assert_eq!(Template::built_in_names().collect::<Vec<_>>(), ["delivery"]);
    assert!(matches!(Template::built_in("other"), Err(Rejection::NotFound { .. })));
}

#[test]
fn the_built_in_template_can_be_gone_through() {
    let mut world = World::of(Template::built_in("delivery").unwrap());
    world.ok(RUN);
    for _ in 0..100 {
        let workflow = world.workflow();
        if let Some(of) = workflow.domains_waiting().into_keys().next() {
            world.work(of.as_str());
        } else if let Some((outline, _)) = workflow.current() {
            world.ok(Command::Approve { gate: outline.id.clone(), seen: None });
        }
    }
    assert_eq!((world.status(), world.workflow().phase()), (Status::Completed, "completed"));
}

#[test]
fn a_file_is_read_with_what_is_usual_where_it_says_nothing() {
    let text = "name='t'\ntitle='T'\n[[gates]]\nid='a'\nname='A'\nphase='p'\n[[gates.tasks]]\ndomain='fe'\ntitle='x'\ninput={k=[1,2]}\n\
                [[gates.tasks]]\ndomain='be'\ntitle='y'\ninput='[1, 2]'\npriority=9\n";
    let template = Template::from_toml(text).unwrap();
    let tasks = &template.gates[0].tasks;
    assert_eq!((tasks[0].input.as_str(), tasks[0].priority, tasks[0].attempts_most), (r#"{"k":[1,2]}"#, 5, 3));
    assert_eq!((tasks[1].input.as_str(), tasks[1].priority, tasks[1].timeout_seconds), ("[1, 2]", 9, 3_600));
    assert!(!template.gates[0].approval);
}

#[test]
fn what_is_no_template_is_refused_by_name_and_place() {
    let gate = "[[gates]]\nid='a'\nname='A'\nphase='p'\n";
    let head = "name='t'\ntitle='T'\n";
    let task = |rest: &str| format!("{head}{gate}[[gates.tasks]]\ndomain='fe'\ntitle='x'\n{rest}");
    let cases = [
        (head.to_owned(), "missing field `gates`"),
        (format!("{head}gates=[]"), "it has no gates"),
        (format!("{head}colour='red'\n{gate}"), "line 3: unknown field `colour`"),
        (format!("{head}{gate}who='me'"), "unknown field `who`"),
        (task("size=1"), "unknown field `size`"),
        (task("priority=11"), "priority is not valid"),
        (task("attempts_most=0"), "attempts_most is not valid"),
        (task("timeout_seconds=0"), "timeout_seconds is not valid"),
        (task("input='{'"), "it is no JSON"),
        (format!("{head}{gate}{gate}"), "a is there twice"),
        (format!("{head}safety_least=1.5\n{gate}"), "safety_least is not valid"),
        (format!("{head}safety_least=nan\n{gate}"), "safety_least is not valid"),
        (format!("{head}{}", gate.replace("'a'", "'a.b'")), "a.b is no gate's id"),
        (format!("{head}{}", gate.replace("'a'", "'a/b'")), "not allowed"),
        (format!("{head}{}", gate.replace("'p'", "'completed'")), "it is the phase after the last gate"),
        (format!("name=''\ntitle='T'\n{gate}"), "name of the template is not valid"),
        (task("").replace("'fe'", "'Fe'"), "\"Fe\" is none"),
    ];
    for (text, expected) in cases {
        let refused = Template::from_toml(&text).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}\n{refused}");
    }
}

#[test]
fn a_template_has_bounds() {
    let with = |gates: Vec<Gate>| Template { gates, ..template() }.check();
    let gates = |n: usize| (0..n).map(|n| gate(&format!("g{n}"), false, Vec::new())).collect::<Vec<_>>();
    assert!(with(gates(GATES_MAX)).is_ok());
    assert!(matches!(with(gates(GATES_MAX + 1)), Err(Rejection::Limit { .. })));
    let tasks = |n: usize| vec![gate("a", false, vec![new_task("fe", 5); n])];
    assert!(with(tasks(TASKS_PER_COMMAND_MAX)).is_ok());
    assert!(matches!(with(tasks(TASKS_PER_COMMAND_MAX + 1)), Err(Rejection::Limit { .. })));
    let domains = |n: usize| vec![gate("a", false, (0..n).map(|n| new_task(&format!("d{n}"), 5)).collect())];
    assert!(with(domains(DOMAINS_MAX)).is_ok());
    assert!(matches!(with(domains(DOMAINS_MAX + 1)), Err(Rejection::Limit { .. })));
    let lanes =
        |n: u8| (0..100).map(|g| gate(&format!("g{g}"), false, (0..n).map(|p| new_task("fe", p)).collect())).collect();
    assert!(with(lanes(10)).is_ok());
    assert!(matches!(with(lanes(11)), Err(Rejection::Limit { .. })));
    let long = "x".repeat(57);
    assert!(with(vec![gate(&long, false, Vec::new())]).unwrap_err().to_string().contains("at most 56 bytes"));
}

#[test]
fn what_is_no_start_is_refused_before_anything_is_there() {
    let long = |n: usize| "x".repeat(n + 1);
    let with = |title: &str, story: &str, template: Template| Command::Start {
        title: title.into(),
        story: story.into(),
        template: Box::new(template),
    };
    let cases = [
        (with("", "s", template()), "invalid"),
        (with("a\nb", "s", template()), "invalid"),
        (with(&long(TITLE_BYTES_MAX), "s", template()), "limit"),
        (with("t", "", template()), "invalid"),
        (with("t", &long(STORY_BYTES_MAX), template()), "limit"),
        (with("t", "s", Template { gates: Vec::new(), ..template() }), "invalid"),
    ];
    for (command, code) in cases {
        let mut world = World::empty();
        assert_eq!(world.run(command).unwrap_err().code(), code);
        assert_eq!(world.view().revision, 0);
    }
    assert_eq!(World::new().refused(start()).code(), "exists");
}

#[test]
fn an_input_is_checked_and_kept_byte_for_byte() {
    let mut world = World::new();
    let with = |input: String| Command::Add { tasks: vec![NewTask { input, ..new_task("fe", 5) }] };
    for (input, code) in [("", "invalid"), ("{", "invalid"), ("1 2", "invalid"), ("nul", "invalid")] {
        assert_eq!(world.refused(with(input.into())).code(), code, "{input:?}");
    }
    assert_eq!(world.refused(with(format!("\"{}\"", "x".repeat(INPUT_BYTES_MAX)))).code(), "limit");
    let input = "{ \"b\": 1.50,\n  \"a\": \"\\u00e4\", \"a\": 12345678901234567890123 }";
    world.ok(with(input.into()));
    assert_eq!(world.claim("fe").task.input, input);
    // As deep as it may be, it does no harm.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    world.ok(with(deep));
}
