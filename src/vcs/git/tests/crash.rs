//! A kill at every step, by a real SIGKILL: this program runs itself, is killed where the step says, and is asked again.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use super::repo::run;
use super::scene::{Picture, Scene, assert_same, request};
use crate::vcs::step::STEPS;
use crate::vcs::{Place, StageCommit, To, Vcs as _};

/// Names what the child is to do.
const TASK: &str = "RESTAGE_TEST_CHILD";

/// What the child does: nothing, unless it is asked to.
#[test]
fn the_child_that_is_killed() {
    let Ok(task) = std::env::var(TASK) else { return };
    let parts: Vec<&str> = task.split('|').collect();
    let [what, common, worktree, to] = parts[..] else { panic!("{task}") };
    let place =
        Place { common: common.into(), worktree: worktree.into(), key: "t1".to_owned(), branch: "task/t1".to_owned() };
    let git = super::scene::quick();
    match what {
        "commit" => drop(git.commit_stage(&place, &stage()).unwrap()),
        "back" => drop(git.go_back(&place, &request(1, To::Commit(to.parse().unwrap()))).unwrap()),
        _ => drop(git.go_back(&place, &request(2, To::Snapshot(1))).unwrap()),
    }
}

fn stage() -> StageCommit {
    let message = "task/t1: complete plan stage\n\nTask: t1\n".to_owned();
    StageCommit { stage: "plan".to_owned(), run: 1, message, expected: None }
}

/// Runs the child and says whether it was killed.
fn child(scene: &Scene, what: &str, to: &str, crash_at: &str) -> bool {
    let task = format!("{what}|{}|{}|{to}", scene.place.common.display(), scene.tree().display());
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "vcs::git::tests::crash::the_child_that_is_killed"])
        .env(TASK, task)
        .env("RESTAGE_CRASH_AT", crash_at)
        .output()
        .unwrap();
    let killed = out.status.signal() == Some(9);
    assert!(killed || out.status.success(), "{crash_at}: {}", String::from_utf8_lossy(&out.stderr));
    killed
}

/// A worktree with something of everything, one commit after the base.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("kept.txt", "1\n");
    scene.stage("brainstorm", 1).unwrap();
    scene.write("a.txt", "changed\n");
    scene.write("dir/new/file", "new\n");
    scene.write("kept.txt", "2\n");
    scene.run(&["add", "kept.txt"]);
    std::fs::remove_file(scene.path("dir/b.txt")).unwrap();
    std::os::unix::fs::symlink(scene.outside().join("file"), scene.path("dir/b.txt")).unwrap();
    // Not ignored at the base, so found out only after its rules are back.
    scene.write(".gitignore", "*.ignored\nbuild/\nout/\n");
    scene.write("out/made", "made\n");
    scene
}

/// The steps of an operation, with the second and third passing of the one that comes often.
fn steps(of: &[&str]) -> Vec<String> {
    let named = |step: &&str| of.iter().any(|prefix| step.starts_with(prefix));
    let steps = STEPS.iter().copied().filter(named).map(str::to_owned);
    steps.chain(["file-unlinked:2".to_owned(), "file-unlinked:4".to_owned()]).collect()
}

#[test]
fn a_stage_commit_killed_at_any_step_is_made_once() {
    for step in steps(&["commit-"]) {
        let scene = scene();
        let tip = scene.tip();
        let killed = child(&scene, "commit", "", &step);
        assert_eq!(killed, step.starts_with("commit-"), "{step} is passed");
        let commit = scene.git.commit_stage(&scene.place, &stage()).unwrap();
        assert_eq!(scene.run(&["rev-parse", "HEAD~1"]), tip.to_string(), "{step}: one commit");
        assert_eq!(scene.repo.id("refs/restage/tasks/t1/stages/plan/1"), commit.to_string());
        scene.assert_at(commit);
        assert_eq!(scene.run(&["status", "--porcelain"]), "", "{step}");
        assert_eq!(scene.git.commit_stage(&scene.place, &stage()).unwrap(), commit, "{step}: asked once more");
        scene.assert_unharmed();
    }
}

#[test]
fn going_back_killed_at_any_step_ends_the_same() {
    let whole = scene();
    let before = whole.picture();
    whole.back(1, To::Commit(whole.base())).unwrap();
    let after = whole.picture();
    for step in steps(&["back-", "snapshot-", "file-", "extra-"]) {
        let scene = scene();
        let base = scene.base();
        assert!(child(&scene, "back", &base.to_string(), &step), "{step} is passed");
        let went = scene.back(1, To::Commit(base)).unwrap();
        assert_eq!((went.to, scene.tip()), (base, base));
        assert_alike(&scene.picture(), &after, &step);
        scene.assert_at(base);
        scene.assert_unharmed();
        let snapshots = scene.repo.git(&["for-each-ref", "--format=%(refname)", "refs/restage/snapshots"]);
        assert_eq!(snapshots, "refs/restage/snapshots/t1/1", "{step}: one snapshot");
        scene.back(2, To::Snapshot(1)).unwrap();
        assert_alike(&scene.picture(), &before, &step);
    }
}

#[test]
fn an_undo_killed_at_any_step_ends_the_same() {
    for step in steps(&["back-", "snapshot-", "file-"]) {
        let scene = scene();
        let before = scene.picture();
        scene.back(1, To::Commit(scene.base())).unwrap();
        assert!(child(&scene, "undo", "", &step), "{step} is passed");
        scene.back(2, To::Snapshot(1)).unwrap();
        assert_alike(&scene.picture(), &before, &step);
        scene.assert_unharmed();
    }
}

#[test]
fn a_worktree_that_is_made_again_survives_a_kill() {
    for step in ["place-made", "place-filled", "back-mended"] {
        let scene = scene();
        let tip = scene.tip();
        std::fs::remove_dir_all(scene.tree()).unwrap();
        assert!(child(&scene, "back", &tip.to_string(), step), "{step} is passed");
        scene.back(1, To::Commit(tip)).unwrap();
        assert_eq!(scene.read("a.txt"), "a\n");
        assert_eq!(scene.read("kept.txt"), "1\n");
        scene.assert_at(tip);
        scene.assert_unharmed();
    }
}

#[test]
fn every_step_is_in_the_list() {
    let mut passed = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vcs/git");
    for file in std::fs::read_dir(root).unwrap().flatten().filter(|file| file.path().is_file()) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let calls = text.split("step(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        passed.extend(calls);
    }
    passed.sort();
    passed.dedup();
    let mut listed: Vec<String> = STEPS.iter().map(|step| (*step).to_owned()).collect();
    listed.sort();
    assert_eq!(passed, listed);
}

/// The same but for the ids of commits, which tell when they were made.
#[track_caller]
fn assert_alike(one: &Picture, other: &Picture, step: &str) {
    let text = |picture: &Picture| format!("{}{}", picture.staged, picture.status);
    let links = |picture: &Picture| {
        let mut files = picture.files.clone();
        files.retain(|_, (kind, _)| *kind != 'l');
        files
    };
    assert_same(&links(one), &links(other), step);
    assert_eq!(one.files.keys().collect::<Vec<_>>(), other.files.keys().collect::<Vec<_>>(), "{step}");
    assert_eq!(without_links(&text(one)), without_links(&text(other)), "{step}");
}

/// Links lead to the folder of their own test.
fn without_links(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("120000")).collect()
}

#[test]
fn gc_keeps_what_a_snapshot_keeps() {
    let scene = scene();
    let before = scene.picture();
    scene.back(1, To::Commit(scene.base())).unwrap();
    for args in [&["reflog", "expire", "--expire=now", "--all"][..], &["gc", "-q", "--prune=now"]] {
        assert!(run(&scene.repo.root(), args).status.success());
    }
    scene.back(2, To::Snapshot(1)).unwrap();
    assert_eq!(scene.picture(), before);
    scene.assert_unharmed();
}
