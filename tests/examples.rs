//! The examples do what their comments say.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::process::Command;

/// Runs an example the way its comment tells.
fn run(name: &str) -> String {
    let run = Command::new(env!("CARGO")).args(["run", "--quiet", "--example", name]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn an_entity_kind_of_one_s_own_has_reset_undo_and_drafts_in_under_100_lines() {
    let told = run("recipe");
    assert!(told.contains("2 lines"), "the preview counts the draft: {told}");
    assert!(told.contains("boil is at generation 2, this was written for generation 1"), "{told}");
    assert!(told.ends_with("after the undo: Boil water.\nafter the undo: Add salt.\n"), "{told}");
    assert!(include_str!("../examples/recipe.rs").lines().count() < 100);
}
