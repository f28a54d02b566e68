//! What is found, listed, shown and let go of what a task keeps.

use std::fs;

use super::repo::{Repo, git_in, text, vcs, write};
use crate::vcs::{CommitId, DiffRange, Place, Vcs as _, VcsProblem};

fn created() -> (Repo, Place) {
    let repo = Repo::new();
    let place = vcs().create(&repo.wanted("t1")).unwrap().place;
    (repo, place)
}

fn id(repo: &Repo, name: &str) -> CommitId {
    repo.id(name).parse().unwrap()
}

#[test]
fn a_stage_commit_is_found_by_its_whole_first_line_on_the_own_line_only() {
    let (repo, place) = created();
    let commit = |message: &str| {
        git_in(&place.worktree, &["commit", "-q", "--allow-empty", "-m", message]);
        git_in(&place.worktree, &["rev-parse", "HEAD"])
    };
    let find = |subject: &str| vcs().find_stage_commit(&place, subject).unwrap().map(|id| id.to_string());
    let wanted = "task/1: complete plan stage";
    assert_eq!(find(wanted), None);
    commit(wanted);
    let newest = commit(&format!("{wanted}\n\nTask: 1"));
    commit(&format!("Revert \"{wanted}\""));
    commit(&format!("talk\n\n{wanted}"));
    commit(&format!("sub{wanted}"));
    commit(&format!("{wanted} (again)"));
    assert_eq!(find(wanted), Some(newest));
    assert_eq!(find("task/.*"), None);
    assert_eq!(find("first"), None, "the base and what is before it is not the task's");

    git_in(&place.worktree, &["switch", "-q", "-c", "side", "HEAD~3"]);
    commit("from the side");
    git_in(&place.worktree, &["switch", "-q", "task/t1"]);
    git_in(&place.worktree, &["merge", "-q", "--no-ff", "-m", "merged", "side"]);
    assert_eq!(find("from the side"), None);
    repo.git(&["worktree", "remove", "-f", "-f", text(&place.worktree)]);
    repo.git(&["branch", "-D", "task/t1"]);
    assert_eq!(find(wanted), None);
}

#[test]
fn snapshots_are_listed_by_number_and_those_of_t11_are_not_those_of_t1() {
    let (repo, place) = created();
    let other = vcs().create(&repo.wanted("t11")).unwrap().place;
    for name in ["t1/2", "t1/10", "t1/1", "t11/1", "t11/2", "t1/note", "t1/007"] {
        let head = repo.commit_all(&format!("work\n\nof {name}"));
        let tree = repo.id("HEAD^{tree}");
        let snapshot =
            repo.git(&["commit-tree", &tree, "-p", &head, "-p", "HEAD~1", "-m", &format!("snapshot {name}")]);
        repo.git(&["update-ref", &format!("refs/restage/snapshots/{name}"), &snapshot]);
    }
    repo.git(&["update-ref", "refs/restage/snapshots/t1/5", "HEAD^{tree}"]);
    repo.git(&["update-ref", "refs/restage/snapshots/t1/6", "HEAD"]);
    let listed = vcs().snapshots(&place).unwrap();
    assert_eq!(listed.iter().map(|s| s.number).collect::<Vec<_>>(), [1, 2, 10]);
    assert_eq!(listed[1].subject, "snapshot t1/2");
    assert_eq!(listed[1].name, "refs/restage/snapshots/t1/2");
    assert_eq!(listed[1].commit, id(&repo, "refs/restage/snapshots/t1/2"));
    assert_eq!(listed[1].head, id(&repo, "refs/restage/snapshots/t1/2^1"));
    assert_eq!(listed[1].at.to_string(), repo.git(&["log", "-1", "--format=%ct", &listed[1].name]));

    repo.git(&["pack-refs", "--all"]);
    assert_eq!(vcs().drop_snapshots(&place, &[10]).unwrap(), 4);
    assert_eq!(vcs().drop_snapshots(&place, &[10]).unwrap(), 0);
    let left = repo.git(&["for-each-ref", "--format=%(refname)", "refs/restage/snapshots"]);
    let expected =
        ["t1/007", "t1/10", "t1/note", "t11/1", "t11/2"].map(|name| format!("refs/restage/snapshots/{name}"));
    assert_eq!(left, expected.join("\n"));
    assert_eq!(vcs().snapshots(&other).unwrap().len(), 2);
    assert_eq!(vcs().drop_snapshots(&place, &[]).unwrap(), 1);
}

#[test]
fn a_difference_is_what_git_applies() {
    let (repo, place) = created();
    let base = id(&repo, "main");
    let tree = &place.worktree;
    write(tree, "a.txt", "changed\n");
    write(tree, "new/n.txt", "untracked\n");
    write(tree, "x.ignored", "ignored\n");
    fs::write(tree.join("picture.png"), [0, 1, 2, 255]).unwrap();
    fs::rename(tree.join("dir/b.txt"), tree.join("dir/c.txt")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, tree.join("pipe"), rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    git_in(tree, &["init", "-q", "nested"]);
    write(tree, "nested/inside.txt", "not ours\n");

    let shown = vcs().diff(&place, &DiffRange::Worktree(base), 100_000).unwrap();
    for part in ["+changed", "+untracked", "rename from dir/b.txt", "picture.png"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("Binary files /dev/null and b/picture.png differ"), "{shown}");
    assert!(!shown.contains("x.ignored") && !shown.contains("inside.txt"), "{shown}");

    fs::remove_dir_all(tree.join("nested")).unwrap();
    fs::remove_file(tree.join("pipe")).unwrap();
    fs::remove_file(tree.join("picture.png")).unwrap();
    git_in(tree, &["add", "-A"]);
    git_in(tree, &["commit", "-q", "-m", "work"]);
    let patch = vcs().diff(&place, &DiffRange::Between(base, id(&repo, "task/t1")), 100_000).unwrap();
    fs::write(repo.folder().join("patch"), patch).unwrap();
    repo.git(&["apply", "--index", "../patch"]);
    assert_eq!(repo.git(&["write-tree"]), repo.id("task/t1^{tree}"));

    let absent: CommitId = "0123456789012345678901234567890123456789".parse().unwrap();
    let error = vcs().diff(&place, &DiffRange::Between(base, absent), 1_000).unwrap_err();
    assert_eq!(error.problem, VcsProblem::MissingCommit(absent));
}

#[test]
fn a_difference_that_is_too_long_is_cut_where_it_says_so() {
    let (repo, place) = created();
    let lines: String = (0..1_000).map(|n| format!("line {n} é\n")).collect();
    write(&place.worktree, "long.txt", &lines);
    fs::write(place.worktree.join("one-line.txt"), vec![b'\xff'; 100_000]).unwrap();
    let show = |max| vcs().diff(&place, &DiffRange::Worktree(id(&repo, "main")), max).unwrap();
    for max in [0, 1, 10, 100, 5_000, 20_000] {
        let shown = show(max);
        assert!(shown.len() <= max, "{max}: {}", shown.len());
        if max >= 100 {
            assert!(shown.ends_with("cut here]\n"), "{shown}");
        }
    }
    assert!(!show(10_000_000).contains("cut here"));
}
