//! Repositories that are made: they are there whole or not at all, and git finds nothing wrong with them.

use std::fs;

use super::repo::{git_in, vcs};
use crate::vcs::{NewCommit, Vcs as _, VcsProblem};

fn commit(message: &str, files: &[(&str, &str)]) -> NewCommit {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    NewCommit { message: message.to_owned(), files }
}

#[test]
fn a_repository_is_made_with_its_commits_and_tasks_can_work_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("examples/app");
    let commits =
        [commit("first", &[("a.txt", "a\n"), ("dir/b.txt", "b\n")]), commit("second", &[("a.txt", "a\nand more\n")])];
    vcs().new_repository(&root, &commits).unwrap();
    assert_eq!(fs::read_to_string(root.join("a.txt")).unwrap(), "a\nand more\n");
    assert_eq!(fs::read_to_string(root.join("dir/b.txt")).unwrap(), "b\n");
    assert_eq!(git_in(&root, &["status", "--porcelain"]), "");
    assert_eq!(git_in(&root, &["log", "--reverse", "--format=%s", "main"]), "first\nsecond");
    git_in(&root, &["fsck", "--strict", "--no-progress"]);
    let facts = vcs().probe(&root).unwrap();
    assert_eq!((facts.base.as_str(), facts.notes), ("main", Vec::new()));
    let beside: Vec<_> =
        fs::read_dir(root.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["app"]);
}

#[test]
fn nothing_that_is_there_is_touched_and_a_half_made_one_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("app");
    fs::write(&root, "mine").unwrap();
    let refused = vcs().new_repository(&root, &[commit("first", &[("a.txt", "a\n")])]).unwrap_err();
    assert_eq!(refused.problem, VcsProblem::PlaceTaken(root.clone()));
    assert_eq!(fs::read_to_string(&root).unwrap(), "mine");

    fs::remove_file(&root).unwrap();
    fs::create_dir_all(folder.path().join("app.new/.git")).unwrap();
    fs::write(folder.path().join("app.new/left"), "over").unwrap();
    vcs().new_repository(&root, &[commit("first", &[("a.txt", "a\n")])]).unwrap();
    assert_eq!(git_in(&root, &["status", "--porcelain"]), "");
    assert!(!root.join("left").exists());
}
