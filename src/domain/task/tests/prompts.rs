//! What agents are told.

use super::*;
use crate::domain::task::limits::*;

fn earlier(name: &str, output: &str) -> Earlier {
    Earlier { stage: stage(name), output: Some(output.into()), handoff: Some(format!("from {name}")) }
}

#[test]
fn a_prompt_says_what_is_to_be_done_what_was_done_and_how_to_tell() {
    let task = Task { carry_over: Some("look at the tests".into()), ..World::new("L3").task() };
    let tier = Tier::built_in("L3").unwrap();
    let id = id();
    let todos = [Todo { text: "measure".into(), done: true }, Todo { text: "saw".into(), done: false }];
    let text = prompt(&PromptParts {
        id: &id,
        task: &task,
        stage: tier.stage(&stage("verify")).unwrap(),
        brief: "It leaks.",
        earlier: &[earlier("plan", "the plan"), earlier("implement", "the notes")],
        feedback: Some("look closer"),
        todos: &todos,
    });
    let in_order = [
        "# Stage verify of task t1",
        "Find out whether the change does what the task asks for.",
        "brainstorm, design_review, plan, implement, code_review, verify",
        "# How you work",
        "{\"restage\":\"output\"",
        "the results of this stage",
        "{\"restage\":\"result\",\"passed\":true}",
        "# The task: Mend the roof",
        "It leaks.",
        "# Your work on this stage was rejected",
        "look closer",
        "# What the last run left for you",
        "look at the tests",
        "- [x] measure\n- [ ] saw",
        "# Hand-off of implement",
        "from implement",
        "# Output of implement",
        "the notes",
        "# Hand-off of plan",
    ];
    let mut rest = text.as_str();
    for part in in_order {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or too early, in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
    assert!(!text.contains("\"score\""), "only where one is asked for");
}

#[test]
fn every_line_of_the_protocol_that_is_named_is_json() {
    let tier = Tier::built_in("L3").unwrap();
    let task = World::new("L3").task();
    let id = id();
    let mut words = std::collections::BTreeSet::new();
    for stage in &tier.stages {
        let parts = PromptParts { id: &id, task: &task, stage, brief: "b", earlier: &[], feedback: None, todos: &[] };
        for line in prompt(&parts).lines().filter(|line| line.starts_with('{')) {
            let end = line.find("} ").unwrap();
            let said: serde_json::Value = serde_json::from_str(&line[..=end]).unwrap();
            words.insert(said["restage"].as_str().unwrap().to_owned());
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(words, ["continue", "handoff", "output", "result", "score", "session", "todos"]);
}

#[test]
fn a_prompt_has_a_most_and_no_part_crowds_out_the_task() {
    let task = World::new("L3").task();
    let tier = Tier::built_in("L3").unwrap();
    let (id, brief) = (id(), format!("{}end of the brief", "b".repeat(BRIEF_BYTES_MAX - 16)));
    let earlier: Vec<Earlier> = (0..20).map(|n| earlier(&format!("s{n}"), &"é".repeat(OUTPUT_BYTES_MAX / 2))).collect();
    let parts = PromptParts {
        id: &id,
        task: &task,
        stage: &tier.stages[3],
        brief: &brief,
        earlier: &earlier,
        feedback: Some("not like this"),
        todos: &[],
    };
    let text = prompt(&parts);
    assert!(text.len() <= PROMPT_BYTES_MAX && text.len() > PROMPT_BYTES_MAX / 2);
    assert!(text.contains("end of the brief") && text.contains("not like this"));
    assert!(text.contains("[…]") && text.contains("from s19") && !text.contains("from s0\n"));
}
