//! Merging: the base moves once and whole, and whoever has it checked out sees the merge and no work lost.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::repo::{Repo, git_in, run, text, vcs, write};
use crate::vcs::{MergeRequest, Merged, Place, Vcs as _, VcsError, VcsProblem};

const MESSAGE: &str = "task/t1: merge\n\nTask: t1\nMerge: 7\n";

/// A task with work committed on its branch: a changed, a new, a removed file, a link and a program.
fn worked() -> (Repo, Place) {
    let repo = Repo::new();
    repo.write("gone.txt", "gone\n");
    repo.write("was/dir/x.txt", "x\n");
    repo.commit_all("second");
    let place = vcs().create(&repo.wanted("t1")).unwrap().place;
    let tree = &place.worktree;
    write(tree, "a.txt", "task\n");
    write(tree, "new/deep/n.txt", "new\n");
    write(tree, "run.sh", "#!/bin/sh\n");
    fs::set_permissions(tree.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a.txt", tree.join("link")).unwrap();
    fs::remove_file(tree.join("gone.txt")).unwrap();
    fs::remove_dir_all(tree.join("was")).unwrap();
    write(tree, "was", "a file now\n");
    git_in(tree, &["add", "-A"]);
    git_in(tree, &["commit", "-q", "-m", "work"]);
    (repo, place)
}

fn request(repo: &Repo) -> MergeRequest {
    let commit = repo.id("refs/heads/task/t1").parse().unwrap();
    MergeRequest { base: "main".to_owned(), commit, message: MESSAGE.to_owned() }
}

fn merge(repo: &Repo, place: &Place) -> Result<Merged, VcsError> {
    vcs().merge(place, &request(repo))
}

/// Asserts that a worktree is as `main` and nothing else.
#[track_caller]
fn assert_at_main(worktree: &Path) {
    assert_eq!(git_in(worktree, &["status", "--porcelain"]), "");
    assert_eq!(git_in(worktree, &["diff", "main"]), "");
    git_in(worktree, &["diff-index", "--quiet", "--cached", "main"]);
}

/// Asserts that nothing at all moved.
#[track_caller]
fn assert_untouched(repo: &Repo, refs: &str, files: &str) {
    assert_eq!(repo.git(&["for-each-ref"]), refs);
    assert_eq!(state(repo), files);
}

/// What is in the main worktree, to be compared.
fn state(repo: &Repo) -> String {
    let status = repo.git(&["status", "--porcelain", "--ignored"]);
    let staged = repo.git(&["ls-files", "-s"]);
    format!("{status}\n{staged}\n{}", repo.git(&["diff", "--no-textconv"]))
}

#[test]
fn a_merge_has_both_parents_and_the_checked_out_base_comes_along() {
    let (repo, place) = worked();
    let before = repo.id("main");
    let merged = merge(&repo, &place).unwrap();
    assert!(!merged.already);
    assert!(merged.notes[0].contains(text(&repo.root())), "{:?}", merged.notes);
    assert_eq!(repo.id("main"), merged.commit.to_string());
    assert_eq!(repo.git(&["log", "-1", "--format=%P", "main"]), format!("{before} {}", repo.id("task/t1")));
    assert_eq!(repo.git(&["log", "-1", "--format=%B", "main"]), MESSAGE.trim_end());
    assert_eq!(repo.git(&["rev-parse", "main^{tree}"]), repo.git(&["rev-parse", "task/t1^{tree}"]));
    assert_at_main(&repo.root());
    assert!(!repo.root().join("gone.txt").exists());
    assert_eq!(fs::read_link(repo.root().join("link")).unwrap(), Path::new("a.txt"));
    assert_eq!(fs::metadata(repo.root().join("run.sh")).unwrap().permissions().mode() & 0o111, 0o111);
    assert_eq!(git_in(&place.worktree, &["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["log", "-g", "-1", "--format=%gs", "main"]), "restage: merge task/t1");
    assert_eq!(repo.git(&["log", "-g", "-1", "--format=%gs", "HEAD"]), "restage: merge task/t1");
    repo.assert_sound();
}

#[test]
fn files_are_merged_and_written_as_their_attributes_say() {
    let repo = Repo::new();
    repo.write(".gitattributes", "CHANGES merge=union\n*.crlf text eol=crlf\n");
    repo.write("CHANGES", "one\n");
    repo.commit_all("attributes");
    let place = vcs().create(&repo.wanted("t1")).unwrap().place;
    write(&place.worktree, "CHANGES", "one\nfrom the task\n");
    write(&place.worktree, "new.crlf", "x\r\n");
    git_in(&place.worktree, &["add", "-A"]);
    git_in(&place.worktree, &["commit", "-q", "-m", "work"]);
    repo.write("CHANGES", "one\nfrom the base\n");
    repo.commit_all("base");
    merge(&repo, &place).unwrap();
    assert_at_main(&repo.root());
    assert_eq!(fs::read_to_string(repo.root().join("CHANGES")).unwrap(), "one\nfrom the base\nfrom the task\n");
    assert_eq!(fs::read_to_string(repo.root().join("new.crlf")).unwrap(), "x\r\n");
    assert_eq!(repo.git(&["show", "main:new.crlf"]), "x");
}

#[test]
fn a_fast_forward_is_a_merge_commit_too_and_a_moved_base_is_merged_with() {
    let (repo, place) = worked();
    repo.write("dir/b.txt", "base went on\n");
    repo.commit_all("third");
    let merged = merge(&repo, &place).unwrap();
    assert_eq!(repo.git(&["log", "--format=%s", "--first-parent", "-2", "main"]), "task/t1: merge\nthird");
    assert_eq!(repo.git(&["show", "main:dir/b.txt"]), "base went on");
    assert_eq!(repo.git(&["show", "main:a.txt"]), "task");
    assert_eq!(merged.commit.to_string(), repo.id("main"));
    assert_at_main(&repo.root());
}

#[test]
fn asking_twice_merges_once() {
    let (repo, place) = worked();
    let first = merge(&repo, &place).unwrap();
    let second = merge(&repo, &place).unwrap();
    assert_eq!((second.commit, second.already), (first.commit, true));
    repo.commit_all("base went on");
    let third = merge(&repo, &place).unwrap();
    assert_eq!((third.commit, third.already), (first.commit, true));
    assert_eq!(repo.git(&["rev-list", "--merges", "--count", "main"]), "1");
    // The task's branch may be gone by then, or have gone on.
    git_in(&place.worktree, &["commit", "-q", "--allow-empty", "-m", "more"]);
    let request = MergeRequest { commit: repo.id("task/t1~1").parse().unwrap(), ..request(&repo) };
    assert_eq!(vcs().merge(&place, &request).unwrap().commit, first.commit);
}

#[test]
fn a_commit_that_only_talks_like_the_merge_is_not_it() {
    let (repo, place) = worked();
    repo.git(&["commit", "-q", "--allow-empty", "-m", MESSAGE]);
    let forged = repo.id("main");
    let merged = merge(&repo, &place).unwrap();
    assert!(!merged.already);
    assert_ne!(merged.commit.to_string(), forged);

    let (repo, place) = worked();
    repo.git(&["merge", "-q", "--ff-only", "task/t1"]);
    let by_hand = merge(&repo, &place).unwrap();
    assert_eq!((by_hand.already, by_hand.commit.to_string()), (true, repo.id("task/t1")));
    assert!(by_hand.notes[0].contains("nothing to merge"), "{:?}", by_hand.notes);
}

#[test]
fn a_conflict_names_its_files_and_touches_nothing() {
    let (repo, place) = worked();
    repo.write("a.txt", "base\n");
    repo.write("gone.txt", "changed here, removed there\n");
    repo.commit_all("third");
    let (refs, files) = (repo.git(&["for-each-ref"]), state(&repo));
    let error = merge(&repo, &place).unwrap_err();
    let VcsProblem::MergeConflict { base, files: named } = &error.problem else { panic!("{error:?}") };
    assert_eq!((base.as_str(), named.as_slice()), ("main", &["a.txt".to_owned(), "gone.txt".to_owned()][..]));
    assert!(!error.hint.is_empty());
    assert_untouched(&repo, &refs, &files);
}

#[test]
fn a_file_of_one_side_where_the_other_has_a_folder_is_a_conflict() {
    let repo = Repo::new();
    let place = vcs().create(&repo.wanted("t1")).unwrap().place;
    write(&place.worktree, "new/n.txt", "a folder\n");
    git_in(&place.worktree, &["add", "-A"]);
    git_in(&place.worktree, &["commit", "-q", "-m", "work"]);
    repo.write("new", "a file\n");
    repo.write("new-er", "between the two in order\n");
    repo.commit_all("base");
    let (refs, files) = (repo.git(&["for-each-ref"]), state(&repo));
    let error = merge(&repo, &place).unwrap_err();
    assert!(matches!(&error.problem, VcsProblem::MergeConflict { files, .. } if files == &["new"]), "{error:?}");
    assert_untouched(&repo, &refs, &files);
}

#[test]
fn a_base_or_branch_that_is_not_there_or_elsewhere_is_told() {
    let (repo, place) = worked();
    let good = request(&repo);
    let error = vcs().merge(&place, &MergeRequest { base: "nowhere".to_owned(), ..good.clone() }).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::NoBase(_)), "{error:?}");
    git_in(&place.worktree, &["commit", "-q", "--allow-empty", "-m", "not approved"]);
    let error = vcs().merge(&place, &good).unwrap_err();
    assert!(matches!(&error.problem, VcsProblem::Moved { name } if name == "refs/heads/task/t1"), "{error:?}");
    git_in(&place.worktree, &["checkout", "-q", "--orphan", "fresh"]);
    git_in(&place.worktree, &["commit", "-q", "-m", "no history"]);
    git_in(&place.worktree, &["branch", "-f", "task/t1"]);
    let error = merge(&repo, &place).unwrap_err();
    assert!(error.to_string().contains("no history in common"), "{error}");
}

#[test]
fn a_base_that_is_checked_out_nowhere_moves_alone() {
    let (repo, place) = worked();
    repo.git(&["switch", "-q", "-c", "elsewhere"]);
    let files = state(&repo);
    let merged = merge(&repo, &place).unwrap();
    assert_eq!(merged.notes, Vec::<String>::new());
    assert_eq!(repo.id("main"), merged.commit.to_string());
    assert_eq!(state(&repo), files);
}

#[test]
fn a_base_that_is_checked_out_in_another_worktree_comes_along_there() {
    let (repo, place) = worked();
    repo.git(&["switch", "-q", "-c", "elsewhere"]);
    let other = repo.folder().join("other");
    repo.git(&["worktree", "add", "-q", text(&other), "main"]);
    merge(&repo, &place).unwrap();
    assert_at_main(&other);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn work_that_the_merge_does_not_concern_stays_as_it_is() {
    let (repo, place) = worked();
    repo.write("dir/b.txt", "not committed\n");
    repo.write("staged.txt", "staged\n");
    repo.git(&["add", "staged.txt"]);
    repo.write("untracked.txt", "untracked\n");
    repo.write("x.ignored", "ignored\n");
    let before = repo.git(&["status", "--porcelain", "--ignored"]);
    merge(&repo, &place).unwrap();
    assert_eq!(repo.git(&["status", "--porcelain", "--ignored"]), before);
    assert_eq!(fs::read_to_string(repo.root().join("dir/b.txt")).unwrap(), "not committed\n");
    assert_eq!(repo.git(&["show", ":staged.txt"]), "staged");
    assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "staged.txt");
}

#[test]
fn work_that_the_merge_would_overwrite_stops_it_before_anything_moves() {
    type Dirty = fn(&Repo);
    let cases: [(&str, &str, Dirty); 11] = [
        ("changed", "a.txt", |r| r.write("a.txt", "mine\n")),
        ("staged", "a.txt", |r| {
            r.write("a.txt", "mine\n");
            r.git(&["add", "a.txt"]);
        }),
        ("staged and put back", "a.txt", |r| {
            r.write("a.txt", "mine\n");
            r.git(&["add", "a.txt"]);
            r.write("a.txt", "a\n");
        }),
        ("changed and removed there", "gone.txt", |r| r.write("gone.txt", "mine\n")),
        ("untracked where a file comes", "run.sh", |r| r.write("run.sh", "mine\n")),
        ("ignored where a file comes", "run.sh", |r| {
            write(&r.common(), "info/exclude", "run.sh\n");
            r.write("run.sh", "mine\n");
        }),
        ("a file where a folder comes", "new", |r| r.write("new", "mine\n")),
        ("a file in a folder where a file comes", "was/dir/mine.txt", |r| r.write("was/dir/mine.txt", "mine\n")),
        ("a folder where a file comes", "link/mine.txt", |r| r.write("link/mine.txt", "mine\n")),
        ("a link in place of a folder", "was", |r| {
            fs::rename(r.root().join("was"), r.folder().join("was")).unwrap();
            symlink(r.folder().join("was"), r.root().join("was")).unwrap();
        }),
        ("a program now", "a.txt", |r| {
            fs::set_permissions(r.root().join("a.txt"), fs::Permissions::from_mode(0o755)).unwrap();
        }),
    ];
    for (what, file, dirty) in cases {
        let (repo, place) = worked();
        dirty(&repo);
        let (refs, files) = (repo.git(&["for-each-ref"]), state(&repo));
        let error = merge(&repo, &place).map(drop).unwrap_err();
        let VcsProblem::Uncommitted { worktree, files: named } = &error.problem else { panic!("{what}: {error:?}") };
        assert_eq!(worktree, &repo.root(), "{what}");
        assert!(named.iter().any(|name| name.starts_with(file)), "{what}: {named:?}");
        assert!(error.hint.contains("commit or stash"), "{what}");
        assert_untouched(&repo, &refs, &files);
    }
}

#[test]
fn nothing_outside_is_written_through_links() {
    let (repo, place) = worked();
    let outside = repo.folder().join("outside.txt");
    fs::write(&outside, "a\n").unwrap();
    fs::remove_file(repo.root().join("a.txt")).unwrap();
    fs::hard_link(&outside, repo.root().join("a.txt")).unwrap();
    merge(&repo, &place).unwrap();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "a\n");
    assert_eq!(fs::read_to_string(repo.root().join("a.txt")).unwrap(), "task\n");
    assert_at_main(&repo.root());
}

#[test]
fn a_merge_under_way_or_a_lock_in_the_base_worktree_stops_it() {
    let (repo, place) = worked();
    repo.git(&["switch", "-q", "-c", "side", "HEAD~1"]);
    repo.write("a.txt", "side\n");
    repo.commit_all("side");
    repo.git(&["switch", "-q", "main"]);
    repo.write("a.txt", "main\n");
    repo.commit_all("main");
    run(&repo.root(), &["merge", "side"]);
    repo.git(&["checkout", "--ours", "a.txt"]);
    repo.git(&["branch", "-f", "task/t2", "task/t1"]);
    git_in(&place.worktree, &["merge", "-q", "-X", "ours", "main"]);
    let refs = repo.git(&["for-each-ref"]);
    let error = merge(&repo, &place).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::UnderWay(_)), "{error:?}");
    assert_eq!(repo.git(&["for-each-ref"]), refs);

    let (repo, place) = worked();
    write(&repo.common(), "index.lock", "");
    let error = merge(&repo, &place).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::Locked { .. }), "{error:?}");
    assert_ne!(repo.git(&["log", "-1", "--format=%s", "main"]), "task/t1: merge");
}

#[test]
fn a_worktree_that_a_crash_left_behind_is_brought_up_by_asking_again() {
    type Crash = fn(&Repo);
    let crashes: [(&str, Crash); 4] = [
        ("nothing was written", |_| {}),
        ("some files were removed", |r| {
            fs::remove_file(r.root().join("a.txt")).unwrap();
            fs::remove_file(r.root().join("was/dir/x.txt")).unwrap();
        }),
        ("some files were written", |r| {
            r.write("a.txt", "task\n");
            r.write("new/deep/n.txt", "new\n");
        }),
        ("the index was not", |r| {
            let index = fs::read(r.common().join("index")).unwrap();
            r.git(&["read-tree", "-u", "--reset", "HEAD"]);
            fs::write(r.common().join("index"), index).unwrap();
        }),
    ];
    for (what, crash) in crashes {
        let (repo, place) = worked();
        let first = merge(&repo, &place).unwrap();
        repo.git(&["read-tree", "-u", "--reset", "HEAD~1"]);
        crash(&repo);
        assert_ne!(repo.git(&["status", "--porcelain"]), "", "{what}");
        let again = merge(&repo, &place).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!((again.commit, again.already), (first.commit, true), "{what}");
        assert_at_main(&repo.root());
    }

    let (repo, place) = worked();
    merge(&repo, &place).unwrap();
    repo.git(&["read-tree", "-u", "--reset", "HEAD~1"]);
    repo.write("a.txt", "mine since\n");
    let error = merge(&repo, &place).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::Uncommitted { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(repo.root().join("a.txt")).unwrap(), "mine since\n");
}
