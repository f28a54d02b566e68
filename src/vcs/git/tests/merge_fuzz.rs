//! Random histories and random dirt: a merge that is made is the one that git makes, files and all, and one that is not
//! made changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::repo::{Repo, git_in, run, text, vcs};
use crate::vcs::{MergeRequest, Vcs as _, VcsProblem};

/// How many histories there are; the environment can ask for more.
const CASES: u64 = 40;
const CASES_VARIABLE: &str = "RESTAGE_FUZZ_MERGES";
/// The history to begin with, to see one again.
const FIRST_VARIABLE: &str = "RESTAGE_FUZZ_MERGES_FROM";
/// Names that collide: each is a file in one history and a folder in another.
const NAMES: [&str; 9] = ["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "e/a", "e"];

/// Numbers that only look random: a failing case comes again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn name(&mut self) -> &'static str {
        NAMES[usize::try_from(self.roll(NAMES.len() as u64)).unwrap()]
    }

    /// Puts something somewhere, or takes it away. No two files have the same content: git guesses renames.
    fn change(&mut self, top: &Path, outside: &Path) {
        let path = top.join(self.name());
        let what = self.roll(6);
        let parents: Vec<&Path> = path.ancestors().skip(1).take_while(|above| *above != top).collect();
        for above in parents.iter().rev() {
            if above.is_symlink() || above.is_file() {
                fs::remove_file(above).unwrap();
            }
        }
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            drop(fs::remove_file(&path));
        }
        if what == 0 {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match what {
            1 => symlink(outside.join(self.roll(1_000_000).to_string()), &path).unwrap(),
            2 => symlink(outside, &path).unwrap(),
            _ => {
                let lines: String = (0..20).map(|_| format!("{}\n", self.roll(1_000_000))).collect();
                fs::write(&path, lines).unwrap();
            }
        }
    }

    fn changes(&mut self, most: u64, top: &Path, outside: &Path) {
        for _ in 0..self.roll(most + 1) {
            self.change(top, outside);
        }
    }
}

/// Every file and link below a folder, `.git` left out.
fn files(top: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(top: &Path, at: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let name = text(path.strip_prefix(top).unwrap()).to_owned();
            let kind = path.symlink_metadata().unwrap();
            if kind.is_symlink() {
                found.insert(name, format!("-> {}", text(&fs::read_link(&path).unwrap())).into_bytes());
            } else if kind.is_dir() && name != ".git" {
                walk(top, &path, found);
            } else if kind.is_file() {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(top, top, &mut found);
    found
}

fn state(top: &Path) -> (BTreeMap<String, Vec<u8>>, String, String) {
    let status = git_in(top, &["status", "--porcelain", "--untracked-files=all"]);
    (files(top), status, git_in(top, &["rev-parse", "HEAD^{tree}"]))
}

/// Asserts of a merge that git refused, for the sake of what is not committed, that nothing of that is otherwise than
/// before: it was removed by hand and is removed by the merge too, or is what the merge brings.
fn assert_no_work_lost(repo: &Repo, before: &BTreeMap<String, Vec<u8>>, status: &str, why: &str) {
    let spared = ["would be overwritten", "would lose untracked files"];
    assert!(spared.iter().any(|words| why.contains(words)), "git does not merge: {why}");
    let after = files(&repo.root());
    for path in status.lines().map(|line| &line[3..]) {
        assert!(before.get(path).is_none_or(|content| after.get(path) == Some(content)), "{path} is lost: {why}");
    }
    let clean = git_in(&repo.root(), &["diff", "--name-only", "--cached"]);
    assert_eq!(clean, "", "something seems staged");
}

/// What became of one random merge.
fn case(seed: u64) -> &'static str {
    let mut dice = Dice(seed);
    let repo = Repo::new();
    let outside = repo.folder().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a"), "outside\n").unwrap();
    dice.changes(8, &repo.root(), &outside);
    repo.commit_all("base");
    let place = vcs().create(&repo.wanted("t1")).unwrap().place;
    dice.changes(4, &place.worktree, &outside);
    git_in(&place.worktree, &["add", "-A"]);
    git_in(&place.worktree, &["commit", "-q", "--allow-empty", "-m", "task"]);
    dice.changes(2, &repo.root(), &outside);
    repo.commit_all("base went on");
    dice.changes(2, &repo.root(), &outside);

    let twin = repo.folder().join("twin");
    assert!(Command::new("cp").arg("-a").arg(repo.root()).arg(&twin).status().unwrap().success());
    let by_git =
        run(&twin, &["-c", "merge.directoryRenames=false", "merge", "-q", "--no-ff", "-m", "merge", "task/t1"]);
    let before = state(&repo.root());
    let commit = repo.id("task/t1").parse().unwrap();
    let request = MergeRequest { base: "main".to_owned(), commit, message: "merge\n\nTask: t1\n".to_owned() };
    let became = match vcs().merge(&place, &request).map_err(|error| error.problem) {
        // Git stashes what is not committed while it merges, and can't always.
        Ok(_) if String::from_utf8_lossy(&by_git.stderr).contains("stash failed") => "git gave up",
        Ok(merged) => {
            if !by_git.status.success() {
                assert_no_work_lost(&repo, &before.0, &before.1, &String::from_utf8_lossy(&by_git.stderr));
                return "merged alone";
            }
            assert_eq!(state(&repo.root()), state(&twin));
            assert_eq!(vcs().merge(&place, &request).unwrap().commit, merged.commit);
            assert_eq!(state(&repo.root()), state(&twin));
            "merged"
        }
        Err(VcsProblem::MergeConflict { .. }) => {
            assert!(!by_git.status.success(), "git merges this");
            assert_eq!(state(&repo.root()), before);
            "conflict"
        }
        Err(VcsProblem::Uncommitted { .. }) => {
            assert_eq!(state(&repo.root()), before);
            if by_git.status.success() { "refused alone" } else { "refused" }
        }
        Err(other) => panic!("{other}"),
    };
    assert_eq!(files(&outside), BTreeMap::from([("a".to_owned(), b"outside\n".to_vec())]));
    repo.assert_sound();
    became
}

#[test]
fn a_merge_is_gits_or_none() {
    let cases = std::env::var(CASES_VARIABLE).ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let mut became = BTreeMap::<&str, u64>::new();
    let first = std::env::var(FIRST_VARIABLE).ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for seed in first..first + cases {
        let what = std::panic::catch_unwind(|| case(seed)).unwrap_or_else(|_| panic!("history {seed} fails"));
        *became.entry(what).or_default() += 1;
    }
    println!("{became:?}");
    for what in ["merged", "conflict", "refused"] {
        assert!(became.get(what).is_some_and(|n| *n * 20 >= cases), "too few are {what}: {became:?}");
    }
    for what in ["refused alone", "merged alone", "git gave up"] {
        assert!(became.get(what).is_none_or(|n| *n * 10 <= cases), "too many are {what}: {became:?}");
    }
}
