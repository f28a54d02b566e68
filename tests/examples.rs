//! The examples do what their comments say.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::process::Command;

/// Runs an example the way its comment tells.
fn run(name: &str, arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--example", name, "--"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn an_entity_kind_of_one_s_own_has_reset_undo_and_drafts_in_under_100_lines() {
    let told = run("recipe", &[]);
    assert!(told.contains("2 lines"), "the preview counts the draft: {told}");
    assert!(told.contains("boil is at generation 2, this was written for generation 1"), "{told}");
    assert!(told.ends_with("after the undo: Boil water.\nafter the undo: Add salt.\n"), "{told}");
    assert!(include_str!("../examples/recipe.rs").lines().count() < 100);
}

#[test]
fn three_tasks_work_go_back_and_are_undone_in_one_repository() {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let mut run = Command::new("git");
        run.current_dir(folder.path()).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(run.status().unwrap().success(), "git {args:?}");
    };
    for number in 0..200 {
        std::fs::write(folder.path().join(format!("file{number}")), "text\n").unwrap();
    }
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["-c", "user.name=ann", "-c", "user.email=ann@example.invalid", "commit", "-q", "-m", "first"]);
    let told = run("three_tasks", &[folder.path().to_str().unwrap()]);
    assert!(told.contains("200 files"), "{told}");
    assert!(told.contains("one: restarted while its agent wrote; problem: None"), "{told}");
    assert!(told.contains("two: restarted in full; it is in backlog"), "{told}");
    assert!(told.contains("three: restarted to plan and undone; every byte is back: true"), "{told}");
}
