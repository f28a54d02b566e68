//! Taking worktrees away: nothing that is not saved is lost, and nothing else goes.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::repo::{Repo, git_in, text, vcs, write};
use crate::vcs::{CleanedUp, Place, Vcs as _, VcsProblem};

fn created(key: &str) -> (Repo, Place) {
    let repo = Repo::new();
    let place = vcs().create(&repo.wanted(key)).unwrap().place;
    (repo, place)
}

fn clean_up(place: &Place) -> CleanedUp {
    vcs().clean_up(place, 9, "task/t1: snapshot before clean-up").unwrap()
}

/// Asserts that nothing is left of the worktree, and everything of the branch.
#[track_caller]
fn assert_gone(repo: &Repo, place: &Place) {
    assert!(!place.worktree.exists());
    assert!(!repo.common().join(format!("worktrees/restage-{}", place.key)).exists());
    assert!(!repo.git(&["worktree", "list"]).contains(text(&place.worktree)));
    assert!(!repo.folder().join("data/.trash").exists());
    repo.id(&format!("refs/heads/{}", place.branch));
    repo.id(&format!("refs/restage/tasks/{}/base", place.key));
    repo.assert_sound();
}

#[test]
fn a_clean_worktree_goes_without_a_snapshot_and_its_branch_stays() {
    let (repo, place) = created("t1");
    write(&place.worktree, "a.txt", "work\n");
    git_in(&place.worktree, &["commit", "-q", "-am", "work"]);
    let tip = repo.id("task/t1");
    let done = clean_up(&place);
    assert_eq!(done, CleanedUp::default());
    assert_gone(&repo, &place);
    assert_eq!(repo.id("task/t1"), tip);
    let again = clean_up(&place);
    assert_eq!(again.snapshot, None);
    assert!(again.notes[0].contains("gone already"), "{:?}", again.notes);
}

#[test]
fn what_is_not_committed_is_in_a_snapshot_and_ignored_files_are_told() {
    let (repo, place) = created("t1");
    write(&place.worktree, "a.txt", "changed\n");
    write(&place.worktree, "new/n.txt", "untracked\n");
    write(&place.worktree, "x.ignored", "ignored\n");
    let done = clean_up(&place);
    let snapshot = done.snapshot.unwrap().to_string();
    assert_eq!(repo.id("refs/restage/snapshots/t1/9"), snapshot);
    assert_eq!(repo.git(&["show", &format!("{snapshot}:a.txt")]), "changed");
    assert_eq!(repo.git(&["show", &format!("{snapshot}:new/n.txt")]), "untracked");
    assert!(done.notes.iter().any(|note| note.contains("ignored") && note.contains("x.ignored")), "{:?}", done.notes);
    assert_gone(&repo, &place);
    assert_eq!(clean_up(&place).snapshot.unwrap().to_string(), snapshot);
}

#[test]
fn commits_that_are_on_no_branch_are_in_a_snapshot() {
    let (repo, place) = created("t1");
    git_in(&place.worktree, &["switch", "-q", "--detach"]);
    git_in(&place.worktree, &["commit", "-q", "--allow-empty", "-m", "adrift"]);
    let adrift = git_in(&place.worktree, &["rev-parse", "HEAD"]);
    let done = clean_up(&place);
    assert_eq!(repo.id(&format!("{}^1", done.snapshot.unwrap())), adrift);
    assert_gone(&repo, &place);
}

#[test]
fn what_no_snapshot_holds_is_not_deleted() {
    let (repo, place) = created("t1");
    git_in(&place.worktree, &["init", "-q", "nested"]);
    write(&place.worktree, "nested/file.txt", "in a repository of its own\n");
    let done = clean_up(&place);
    let left = repo.folder().join("data/.kept/t1.1");
    assert_eq!(fs::read_to_string(left.join("nested/file.txt")).unwrap(), "in a repository of its own\n");
    assert!(done.notes.iter().any(|note| note.contains(text(&left))), "{:?}", done.notes);
    assert_gone(&repo, &place);
}

#[test]
fn links_are_not_followed_and_write_protection_is_no_obstacle() {
    let (repo, place) = created("t1");
    let outside = repo.folder().join("outside");
    write(&outside, "precious.txt", "precious\n");
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o555)).unwrap();
    symlink(&outside, place.worktree.join("link")).unwrap();
    write(&place.worktree, "build/cache/deep/f.txt", "ignored\n");
    symlink(&outside, place.worktree.join("build/cache/link")).unwrap();
    for folder in ["build/cache/deep", "build/cache", "build", ""] {
        fs::set_permissions(place.worktree.join(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    clean_up(&place);
    assert_gone(&repo, &place);
    assert_eq!(fs::read_to_string(outside.join("precious.txt")).unwrap(), "precious\n");
    assert_eq!(fs::metadata(&outside).unwrap().permissions().mode() & 0o777, 0o555);
}

#[test]
fn a_missing_directory_and_each_thing_that_a_crash_left_are_finished() {
    type Crash = fn(&Repo, &Place);
    let crashes: [(&str, Crash); 5] = [
        ("the directory is gone", |_, place| fs::remove_dir_all(&place.worktree).unwrap()),
        ("it was put aside", |repo, place| {
            fs::create_dir_all(repo.folder().join("data/.trash")).unwrap();
            fs::rename(&place.worktree, repo.folder().join("data/.trash/t1.1")).unwrap();
        }),
        ("it is half deleted", |repo, place| {
            fs::create_dir_all(repo.folder().join("data/.trash")).unwrap();
            fs::rename(&place.worktree, repo.folder().join("data/.trash/t1.1")).unwrap();
            fs::remove_file(repo.folder().join("data/.trash/t1.1/a.txt")).unwrap();
            fs::remove_dir_all(repo.common().join("worktrees/restage-t1")).unwrap();
        }),
        ("git half forgot it", |repo, place| {
            fs::remove_dir_all(&place.worktree).unwrap();
            fs::remove_file(repo.common().join("worktrees/restage-t1/gitdir")).unwrap();
        }),
        ("its .git file is gone", |_, place| fs::remove_file(place.worktree.join(".git")).unwrap()),
    ];
    for (what, crash) in crashes {
        let (repo, place) = created("t1");
        crash(&repo, &place);
        let done = vcs().clean_up(&place, 9, "message").unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(!done.notes.is_empty(), "{what}");
        assert_gone(&repo, &place);
    }
}

#[test]
fn others_are_left_alone() {
    let (repo, place) = created("t1");
    let other = vcs().create(&repo.wanted("t11")).unwrap().place;
    // Somebody else's worktree is away for the moment: a pruning of everything would forget it.
    repo.git(&["worktree", "add", "-q", text(&repo.folder().join("users")), "-b", "users"]);
    fs::rename(repo.folder().join("users"), repo.folder().join("unplugged")).unwrap();
    write(&repo.folder(), "data/.trash/t11.1/mine.txt", "of another task\n");
    write(&repo.folder(), "data/.trash/t1.notes", "no directory of ours\n");
    clean_up(&place);
    assert!(!place.worktree.exists());
    assert!(repo.folder().join("data/.trash/t11.1/mine.txt").exists());
    assert!(repo.folder().join("data/.trash/t1.notes").exists());
    assert_eq!(git_in(&other.worktree, &["status", "--porcelain"]), "");
    fs::rename(repo.folder().join("unplugged"), repo.folder().join("users")).unwrap();
    assert_eq!(git_in(&repo.folder().join("users"), &["status", "--porcelain"]), "");

    fs::remove_dir_all(repo.folder().join("data/.trash")).unwrap();
    write(&place.worktree, "mine.txt", "somebody moved in\n");
    let error = vcs().clean_up(&place, 9, "message").unwrap_err();
    assert!(matches!(error.problem, VcsProblem::PlaceTaken(_)), "{error:?}");
    assert_eq!(fs::read_to_string(place.worktree.join("mine.txt")).unwrap(), "somebody moved in\n");
}
