//! What the program says, held in files: each line that begins with `$ ` is run in a shell, and what follows is what
//! was said, standard output first, with `? CODE` in the end if it was not 0. `UPDATE=1 cargo test --test cli` writes
//! them anew.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Ids, Program};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/golden")
}

/// Runs all commands of a file, and says what came of them in the file's form.
fn played(script: &str, of: &str, served: bool) -> String {
    let program = Program::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    fs::copy(source.join("data/conversation.jsonl"), program.path("long.jsonl")).unwrap();
    if of.starts_with("task") {
        program.with_repository();
    }
    // What they are depends on when things happened.
    let mut ids = ["task", "workflow", "batch", "example"].iter().any(|name| of.starts_with(name)).then(Ids::default);
    let mut normal = |text: &str| {
        let text = program.normal(text);
        ids.as_mut().map_or_else(|| text.clone(), |ids| ids.hidden(&text))
    };
    let _server = served.then(|| program.serve());
    let mut played = String::new();
    for line in script.lines().filter(|line| line.starts_with("$ ") || line.starts_with("# ")) {
        played.push_str(line);
        played.push('\n');
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let ran = program.shell(command);
        played.push_str(&normal(&ran.out));
        played.push_str(&normal(&ran.err));
        if ran.code != Some(0) {
            played.push_str(&format!("? {}\n", ran.code.unwrap_or(-1)));
        }
        played.push('\n');
    }
    played
}

#[track_caller]
fn holds(name: &str) {
    let file = golden().join(name);
    let expected = fs::read_to_string(&file).unwrap();
    let found = played(&expected, name, false);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, found).unwrap();
        return;
    }
    same(name, &found, &expected);
}

/// The same, with a server that holds the data folder: not a byte is different.
#[track_caller]
fn holds_through_a_server(name: &str) {
    let expected = without_verify(&fs::read_to_string(golden().join(name)).unwrap());
    same(name, &played(&expected, name, true), &expected);
}

/// A script without the command that works on files that nobody else uses.
fn without_verify(script: &str) -> String {
    let mut left_out = false;
    let mut kept = String::new();
    for line in script.lines() {
        if line.starts_with("$ ") || line.starts_with("# ") {
            left_out = line.starts_with("$ restage verify");
        }
        if !left_out {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[track_caller]
fn same(name: &str, found: &str, expected: &str) {
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "{name}, line {}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{name}: its length");
}

#[test]
fn help_says_what_there_is() {
    holds("help.txt");
}

#[test]
fn a_workshop_is_worked_through() {
    holds("forward.txt");
}

#[test]
fn steps_go_back_and_late_work_is_kept() {
    holds("back.txt");
}

#[test]
fn answers_are_json_when_that_is_asked_for() {
    holds("json.txt");
}

#[test]
fn conversations_come_in_and_go_out() {
    holds("transfer.txt");
}

#[test]
fn data_is_backed_up_restored_and_verified() {
    holds("data.txt");
}

#[test]
fn bad_input_is_refused_with_what_why_and_what_to_do() {
    holds("bad-input.txt");
}

#[test]
fn a_task_is_worked_through_approved_and_merged() {
    holds("task-forward.txt");
}

#[test]
fn tasks_go_back_with_their_files_and_come_again() {
    holds("task-back.txt");
}

#[test]
fn answers_about_tasks_are_json_when_that_is_asked_for() {
    holds("task-json.txt");
}

#[test]
fn agents_that_fail_are_told_of() {
    holds("task-agents.txt");
}

#[test]
fn tasks_that_can_t_be_are_refused_with_what_why_and_what_to_do() {
    holds("task-bad-input.txt");
}

#[test]
fn a_workflow_is_run_taken_back_and_told_of() {
    holds("workflow.txt");
}

#[test]
fn workflows_that_can_t_be_are_refused_with_what_why_and_what_to_do() {
    holds("workflow-bad-input.txt");
}

#[test]
fn many_are_taken_back_at_once() {
    holds("batch.txt");
}

#[test]
fn a_server_that_holds_the_folder_does_the_same_with_workflows() {
    for name in ["workflow.txt", "workflow-bad-input.txt", "batch.txt"] {
        holds_through_a_server(name);
    }
}

#[test]
fn a_server_that_holds_the_folder_does_the_same_with_workshops() {
    for name in ["forward.txt", "back.txt", "json.txt", "transfer.txt"] {
        holds_through_a_server(name);
    }
}

#[test]
fn a_server_that_holds_the_folder_does_the_same_with_tasks() {
    for name in ["task-forward.txt", "task-back.txt", "task-json.txt"] {
        holds_through_a_server(name);
    }
}

#[test]
fn examples_are_loaded_and_can_be_looked_at() {
    holds("example.txt");
}

#[test]
fn every_transcript_is_held() {
    let source = include_str!("transcripts.rs");
    for entry in fs::read_dir(golden()).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(source.contains(&format!("holds(\"{}\")", name.to_str().unwrap())), "{name:?} is not tested");
    }
}
