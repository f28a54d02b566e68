//! The first command that anybody runs.

use std::process::Command;

#[test]
fn the_tour_holds_what_it_shows() {
    let ran = Command::new(env!("CARGO_BIN_EXE_restage")).arg("tour").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    for line in [
        "imported 40 messages, 4784 bytes",
        "cleared  challenge            40 messages",
        "stale    stakeholder-mapping",
        "\"user-research is at generation 2, this was written for generation 1\"",
        "nothing is lost: its reply is kept as orphan",
        "adopted: the reply is whole",
        "the process was killed; it had acknowledged",
        ", 0 lost",
        "sound",
        "branch task/tour-make-it-work, in a worktree of its own",
        "D  src/f04.txt",
        "fenced   implement            run 2",
        "untracked     src/new/deep/a name with spaces",
        "lines taken in, and none after that",
        "its last words are kept as orphan",
        "paths byte for byte; git status finds the same 9 lines",
        "adopted: the agent's last words are in",
        "task/tour: complete verify stage",
        "git fsck: sound; git stash list: stash@{0}: On main: a thought for later",
        "four workers took tasks; one of them was killed at work",
        "the others did three tasks, its own too",
        "cleared: 4 tasks of fe, 3 results; void: 1 lease",
        "worker late lost its task; what it made is kept as orphan",
        "tour is completed",
        "All of it held.",
        "restage tour --keep",
    ] {
        assert!(out.contains(line), "{line:?} is not in:\n{out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80), "a line is too long:\n{out}");
    assert!(!out.contains('\u{1b}'), "colours where nobody sees them");
    assert_eq!(err, "");
    let folder = out.lines().next().and_then(|line| line.strip_prefix("restage tour, in ")).unwrap();
    assert!(!std::path::Path::new(folder).exists(), "{folder} is left over");
}

#[test]
fn a_tour_without_git_says_what_it_leaves_out() {
    let ran = Command::new(env!("CARGO_BIN_EXE_restage")).arg("tour").env("PATH", "/nowhere").output().unwrap();
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{ran:?}");
    assert!(out.contains("left out: the git program") && out.contains("All of it held."), "{out}");
}

#[test]
fn a_tour_that_is_kept_can_be_looked_at() {
    let ran = Command::new(env!("CARGO_BIN_EXE_restage")).args(["tour", "--keep", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ran.status.success(), &answer["held"]), (true, &true.into()), "{ran:?}");
    assert!(answer["seen"]["there_after_crash"].as_u64() >= answer["seen"]["acknowledged"].as_u64());
    assert!(answer["seen"]["task"]["paths"].as_u64() > Some(36));
    let folder = answer["folder"].as_str().unwrap();
    let task = Command::new(env!("CARGO_BIN_EXE_restage"))
        .args(["--data", folder, "task", "show", "tour", "--json"])
        .output()
        .unwrap();
    let task: serde_json::Value = serde_json::from_slice(&task.stdout).unwrap();
    assert_eq!((&task["status"], &task["undo_points"][0]["verb"]), (&"done".into(), &"restart".into()));
    let shown = Command::new(env!("CARGO_BIN_EXE_restage"))
        .args(["--data", folder, "workshop", "export", "tour", "challenge"])
        .output()
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(shown.stdout, include_bytes!("../src/cli/tour/conversation.jsonl"));
}
