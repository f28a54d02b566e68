//! Which repositories tasks can work in, and what is said of those that they can't.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::repo::{Repo, git_in, run, text, vcs, write};
use crate::vcs::{Facts, VcsError, VcsProblem};

fn probe(path: &Path) -> Result<Facts, VcsError> {
    vcs().look_over(path)
}

/// What is said of a repository that can't be used: what it uses, and what to do.
#[track_caller]
fn refusal(path: &Path) -> String {
    let error = probe(path).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::Unsupported { .. }), "{error:?}");
    assert!(!error.hint.is_empty(), "{error:?}");
    format!("{error} -> {}", error.hint)
}

#[test]
fn a_plain_repository_is_told_with_its_main_branch() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "feature"]);
    repo.commit_all("second");
    let facts = probe(&repo.root()).unwrap();
    assert_eq!((facts.root, facts.common, facts.base.as_str()), (repo.root(), repo.common(), "main"));
    assert_eq!(facts.tip.to_string(), repo.id("main"));
    assert_eq!(facts.notes, Vec::<String>::new());
}

#[test]
fn without_main_the_base_is_master_then_what_is_checked_out_then_the_commit() {
    let repo = Repo::new();
    repo.git(&["branch", "-m", "main", "trunk"]);
    assert_eq!(probe(&repo.root()).unwrap().base, "trunk");
    repo.git(&["branch", "master"]);
    assert_eq!(probe(&repo.root()).unwrap().base, "master");
    repo.git(&["branch", "-D", "-q", "master"]);
    repo.git(&["switch", "-q", "--detach"]);
    assert_eq!(probe(&repo.root()).unwrap().base, repo.id("HEAD"));
    repo.git(&["switch", "-q", "trunk"]);
    repo.git(&["branch", "-m", "nested/name"]);
    assert_eq!(probe(&repo.root()).unwrap().base, "nested/name");
}

#[test]
fn a_linked_worktree_and_the_git_directory_stand_for_their_repository() {
    let repo = Repo::new();
    let place = repo.place("t1");
    for path in [&place.worktree, &repo.common()] {
        let facts = probe(path).unwrap();
        assert_eq!((facts.root, facts.common), (repo.root(), repo.common()), "{}", path.display());
    }
    let separate = Repo::empty(&["--separate-git-dir", "../apart"]);
    separate.write("a", "a");
    separate.commit_all("first");
    let facts = probe(&separate.root()).unwrap();
    assert_eq!((facts.root, facts.common), (separate.root(), separate.folder().join("apart")));
}

#[test]
fn no_repository_is_found_in_a_parent() {
    let repo = Repo::new();
    let inside = probe(&repo.root().join("dir")).unwrap_err();
    assert!(matches!(inside.problem, VcsProblem::NotARepository(_)), "{inside:?}");
    assert!(inside.hint.contains(text(&repo.root())), "{}", inside.hint);
    let beside = probe(&repo.folder()).unwrap_err();
    assert!(matches!(beside.problem, VcsProblem::NotARepository(_)), "{beside:?}");
    assert!(beside.hint.contains("git init"), "{}", beside.hint);
    let nowhere = probe(&repo.folder().join("no")).unwrap_err();
    assert!(matches!(nowhere.problem, VcsProblem::NotARepository(_)), "{nowhere:?}");
    let file = probe(&repo.root().join("a.txt")).unwrap_err();
    assert!(matches!(file.problem, VcsProblem::NotARepository(_)), "{file:?}");
}

#[test]
fn a_repository_that_can_not_hold_worktrees_of_tasks_is_refused() {
    let bare = Repo::new();
    bare.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    assert!(refusal(&bare.folder().join("bare.git")).contains("it is bare -> clone it"));
    let linked = bare.folder().join("of-bare");
    git_in(&bare.folder().join("bare.git"), &["worktree", "add", "-q", text(&linked), "-b", "x"]);
    assert!(refusal(&linked).contains("it is bare"));

    let called_bare = Repo::new();
    called_bare.git(&["config", "core.bare", "true"]);
    assert!(refusal(&called_bare.root()).contains("config core.bare false"));

    let empty = Repo::empty(&[]);
    assert!(refusal(&empty.root()).contains("no commit to begin from"));

    let elsewhere = Repo::new();
    elsewhere.git(&["init", "-q", "../victim"]);
    elsewhere.git(&["config", "core.worktree", text(&elsewhere.folder().join("victim"))]);
    assert!(refusal(&elsewhere.common()).contains("does not lead back"));
}

#[test]
fn a_repository_of_another_user_is_refused_with_gits_own_remedy() {
    let repo = Repo::new();
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can give a folder to another user");
        return;
    }
    fn give(path: &Path) {
        std::os::unix::fs::lchown(path, Some(12_345), Some(12_345)).unwrap();
        if path.symlink_metadata().unwrap().is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
        }
    }
    give(&repo.root());
    let refused = refusal(&repo.root());
    assert!(refused.contains("another user"), "{refused}");
    let remedy = format!("git config --global --add safe.directory '{}'", repo.root().display());
    assert!(refused.contains(&remedy), "{refused}");
    assert!(!run(&repo.root(), &["status"]).status.success(), "git itself refuses it too");
}

#[test]
fn filters_are_refused_where_a_program_is_configured_for_them() {
    let repo = Repo::new();
    repo.write("dir/.gitattributes", "# *.no filter=no\n*.big filter=upper -text\n");
    repo.commit_all("attributes");
    assert!(probe(&repo.root()).is_ok(), "a filter without a program does nothing in git either");
    repo.git(&["config", "filter.upper.clean", "tr A-Z a-z"]);
    repo.git(&["config", "filter.upper.smudge", "tr a-z A-Z"]);
    assert!(refusal(&repo.root()).contains("filter \"upper\""));

    let in_info = Repo::new();
    write(&in_info.common(), "info/attributes", "[attr]large filter=lfs diff=lfs merge=lfs -text\n*.bin large\n");
    in_info.git(&["config", "filter.lfs.process", "git-lfs filter-process"]);
    assert!(refusal(&in_info.root()).contains("Git LFS is not supported"));

    let unused = Repo::new();
    unused.git(&["config", "filter.lfs.clean", "git-lfs clean -- %f"]);
    assert!(probe(&unused.root()).is_ok());

    let encoded = Repo::new();
    encoded.write(".gitattributes", "*.ps1 text working-tree-encoding=UTF-16LE\n");
    encoded.commit_all("attributes");
    assert!(refusal(&encoded.root()).contains("working-tree-encoding"));

    let plain = Repo::new();
    plain.write(".gitattributes", "* text=auto eol=lf ident\n*.png binary\n");
    plain.commit_all("attributes");
    assert!(probe(&plain.root()).is_ok());
}

#[test]
fn other_kinds_of_storage_are_refused() {
    let reftable = Repo::empty(&["--ref-format=reftable"]);
    reftable.write("a", "a");
    reftable.commit_all("first");
    let refused = refusal(&reftable.root());
    assert!(refused.contains("reftable") && refused.contains("git refs migrate"), "{refused}");

    let sha256 = Repo::empty(&["--object-format=sha256"]);
    sha256.write("a", "a");
    sha256.commit_all("first");
    assert!(refusal(&sha256.root()).contains("SHA-256"));

    let full = Repo::new();
    full.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", full.root().display());
    full.git(&["clone", "-q", "--filter=blob:none", &url, "../partial"]);
    assert!(refusal(&full.folder().join("partial")).contains("partial clone"));
    full.commit_all("second");
    full.git(&["clone", "-q", "--depth=1", &url, "../shallow"]);
    assert!(probe(&full.folder().join("shallow")).is_ok(), "a shallow clone is as good as a whole one");
}

#[test]
fn other_kinds_of_index_and_checkout_are_refused() {
    let sparse = Repo::new();
    sparse.git(&["sparse-checkout", "set", "dir"]);
    assert!(refusal(&sparse.root()).contains("git sparse-checkout disable"));

    let sparse_index = Repo::new();
    sparse_index.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "dir"]);
    assert!(!refusal(&sparse_index.root()).is_empty());

    let split = Repo::new();
    split.git(&["config", "core.splitIndex", "true"]);
    split.git(&["update-index", "--split-index"]);
    assert!(refusal(&split.root()).contains("index is split"));

    let once_split = Repo::new();
    once_split.git(&["update-index", "--split-index"]);
    assert!(refusal(&once_split.root()).contains("--no-split-index"));
}

#[test]
fn submodules_are_refused_and_a_stray_link_to_a_commit_is_told() {
    let repo = Repo::new();
    repo.git(&["init", "-q", "-b", "main", "../other"]);
    git_in(&repo.folder().join("other"), &["commit", "-q", "--allow-empty", "-m", "x"]);
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", "../other", "libs/other"]);
    repo.commit_all("submodule");
    assert!(refusal(&repo.root()).contains("submodules (libs/other)"));

    let stray = Repo::new();
    let head = stray.id("HEAD");
    stray.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},libs/stray")]);
    stray.git(&["commit", "-q", "-m", "link"]);
    let notes = probe(&stray.root()).unwrap().notes;
    assert!(notes[0].contains("libs/stray"), "{notes:?}");
}

#[test]
fn hooks_that_will_not_run_and_signatures_that_will_not_be_made_are_told() {
    let repo = Repo::new();
    repo.git(&["config", "commit.gpgsign", "true"]);
    write(&repo.common(), "hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    write(&repo.common(), "hooks/commit-msg", "#!/bin/sh\nexit 1\n");
    fs::set_permissions(repo.common().join("hooks/pre-commit"), fs::Permissions::from_mode(0o755)).unwrap();
    let notes = probe(&repo.root()).unwrap().notes.join("\n");
    assert!(notes.contains("not signed"), "{notes}");
    assert!(notes.contains("there are pre-commit") && !notes.contains("commit-msg"), "{notes}");
    repo.git(&["config", "core.hooksPath", "elsewhere"]);
    assert!(!probe(&repo.root()).unwrap().notes.join("\n").contains("hooks"));
}
