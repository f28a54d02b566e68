//! Killed at each step, and asked again: all or nothing, and nothing twice.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::repo::{Repo, git_in, text, vcs, write};
use crate::vcs::step::STEPS;
use crate::vcs::{MergeRequest, NewWorktree, Place, Vcs as _};

/// Where the child of a test finds what to do.
const WORK: &str = "RESTAGE_TEST_WORK";
const SIGKILL: i32 = 9;

fn place(folder: &Path) -> Place {
    Place {
        common: folder.join("repo/.git"),
        worktree: folder.join("data/t1"),
        key: "t1".to_owned(),
        branch: "task/t1".to_owned(),
    }
}

fn create(folder: &Path) {
    let Place { common, worktree, key, branch } = place(folder);
    let new = NewWorktree { common, worktree, key, branch, base: None, owner: "restage task t1".to_owned() };
    vcs().create(&new).unwrap();
}

fn merge(folder: &Path) {
    let commit = git_in(&folder.join("repo"), &["rev-parse", "task/t1"]).parse().unwrap();
    let message = "task/t1: merge\n\nTask: t1\n".to_owned();
    vcs().merge(&place(folder), &MergeRequest { base: "main".to_owned(), commit, message }).unwrap();
}

fn clean_up(folder: &Path) {
    vcs().clean_up(&place(folder), 3, "task/t1: snapshot before clean-up").unwrap();
}

/// Not a test of its own: the process that does what it is told, and is killed on the way.
#[test]
fn child() {
    let Ok(work) = std::env::var(WORK) else { return };
    let (what, folder) = work.split_once(' ').unwrap();
    match what {
        "create" => create(Path::new(folder)),
        "merge" => merge(Path::new(folder)),
        _ => clean_up(Path::new(folder)),
    }
}

/// Runs `what` in a process that is killed at a step.
#[track_caller]
fn killed_at(step: &str, what: &str, folder: &Path) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "vcs::git::tests::killed::child"])
        .env(WORK, format!("{what} {}", text(folder)))
        .env("RESTAGE_CRASH_AT", step)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert_eq!(child.status.signal(), Some(SIGKILL), "{step} was not passed: {said}");
}

fn steps(of: &str) -> impl Iterator<Item = &'static str> {
    STEPS.iter().copied().filter(move |step| step.starts_with(of))
}

fn worktrees(repo: &Repo) -> usize {
    repo.git(&["worktree", "list"]).lines().count()
}

#[test]
fn a_create_that_is_killed_anywhere_is_finished_by_the_next() {
    for step in steps("create-") {
        let repo = Repo::new();
        repo.write(".worktreeinclude", "*.ignored\n");
        repo.write("x.ignored", "x\n");
        repo.commit_all("include");
        killed_at(step, "create", &repo.folder());
        create(&repo.folder());
        let tree = place(&repo.folder()).worktree;
        assert_eq!(git_in(&tree, &["status", "--porcelain", "--ignored"]), "!! x.ignored", "{step}");
        assert_eq!(git_in(&tree, &["rev-parse", "--abbrev-ref", "HEAD"]), "task/t1", "{step}");
        assert_eq!(worktrees(&repo), 2, "{step}");
        assert!(repo.git(&["worktree", "list", "--porcelain"]).contains("locked restage task t1"), "{step}");
        repo.assert_sound();
    }
}

#[test]
fn a_merge_that_is_killed_anywhere_is_finished_by_the_next() {
    for step in steps("merge-").chain(["merge-file-unlinked:2", "merge-file-unlinked:3"]) {
        let repo = Repo::new();
        create(&repo.folder());
        let tree: PathBuf = place(&repo.folder()).worktree;
        write(&tree, "a.txt", "task\n");
        write(&tree, "new/n.txt", "new\n");
        git_in(&tree, &["rm", "-q", "dir/b.txt"]);
        git_in(&tree, &["add", "-A"]);
        git_in(&tree, &["commit", "-q", "-m", "work"]);
        repo.write("mine.txt", "not the merge's\n");
        killed_at(step, "merge", &repo.folder());
        merge(&repo.folder());
        assert_eq!(repo.git(&["status", "--porcelain"]), "?? mine.txt", "{step}");
        assert_eq!(repo.git(&["rev-list", "--merges", "--count", "main"]), "1", "{step}");
        assert_eq!(repo.id("main^{tree}"), repo.id("task/t1^{tree}"), "{step}");
        repo.assert_sound();
    }
}

#[test]
fn a_clean_up_that_is_killed_anywhere_is_finished_by_the_next() {
    for step in steps("cleanup-").chain(steps("snapshot-")) {
        let repo = Repo::new();
        create(&repo.folder());
        let tree = place(&repo.folder()).worktree;
        write(&tree, "a.txt", "not committed\n");
        write(&tree, "new/n.txt", "untracked\n");
        killed_at(step, "cleanup", &repo.folder());
        clean_up(&repo.folder());
        assert!(!tree.exists(), "{step}");
        assert_eq!(worktrees(&repo), 1, "{step}");
        assert!(!repo.folder().join("data/.trash").exists(), "{step}");
        assert_eq!(repo.git(&["show", "refs/restage/snapshots/t1/3:a.txt"]), "not committed", "{step}");
        assert_eq!(repo.git(&["show", "refs/restage/snapshots/t1/3:new/n.txt"]), "untracked", "{step}");
        repo.id("task/t1");
        repo.assert_sound();
    }
}

#[test]
fn write_protected_folders_go_for_users_too_that_are_not_root() {
    const SOMEBODY: u32 = 54_321;
    fn give(path: &Path) {
        std::os::unix::fs::lchown(path, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        if path.symlink_metadata().unwrap().is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
        }
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can be somebody else");
        return;
    }
    let repo = Repo::new();
    create(&repo.folder());
    let tree = place(&repo.folder()).worktree;
    write(&tree, "build/cache/deep/f.txt", "ignored");
    for folder in ["build/cache/deep", "build/cache", "build", "dir", ""] {
        fs::set_permissions(tree.join(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    give(&repo.folder());
    // Theirs to run, wherever this program lies.
    let program = repo.folder().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let child = Command::new(program)
        .args(["--exact", "vcs::git::tests::killed::child"])
        .env(WORK, format!("cleanup {}", text(&repo.folder())))
        .env("HOME", repo.folder())
        .current_dir(repo.folder())
        .uid(SOMEBODY)
        .gid(SOMEBODY)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(!tree.exists());
    assert!(!repo.folder().join("data/.trash").exists());
}
