//! A task's worktree with canaries outside it, and exact pictures of what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::repo::{NOW, Repo, git_in, run};
use crate::vcs::{CommitId, Git, GoBack, Limits, Place, SnapshotKind, StageCommit, To, VcsError, WentBack};

/// One file or link as it is: its kind and content.
pub(crate) type Files = BTreeMap<PathBuf, (char, Bytes)>;

/// Content, of which a failed test shows the beginning.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0[..self.0.len().min(60)]))
    }
}

/// Everything that going back and undoing it must bring back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) files: Files,
    pub(crate) staged: String,
    pub(crate) status: String,
    pub(crate) branch: String,
}

/// A worktree of a task, and files outside that nothing may change.
pub(crate) struct Scene {
    pub(crate) repo: Repo,
    pub(crate) place: Place,
    pub(crate) git: Git,
}

impl Scene {
    /// Over a repository with a first commit.
    pub(crate) fn over(repo: Repo) -> Self {
        let place = repo.place("t1");
        let scene = Self { repo, place, git: quick() };
        let outside = scene.outside();
        fs::create_dir_all(outside.join("dir/sub")).unwrap();
        for name in ["file", "a", "b", "dir/a", "dir/b", "dir/sub/a", "hard"] {
            fs::write(outside.join(name), format!("canary {name}\n")).unwrap();
        }
        scene
    }

    /// Over a small repository.
    pub(crate) fn new() -> Self {
        Self::over(Repo::new())
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.repo.folder().join("outside")
    }

    /// The worktree.
    pub(crate) fn tree(&self) -> &Path {
        &self.place.worktree
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.place.worktree.join(path)
    }

    /// Where what the going back of this number set aside is.
    pub(crate) fn aside(&self, number: u64, path: &str) -> PathBuf {
        let name = self.place.worktree.file_name().unwrap().to_str().unwrap();
        self.place.worktree.with_file_name(format!("{name}.aside-{number}")).join(path)
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        super::repo::write(self.tree(), path, content);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// What the git program prints in the worktree.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> String {
        git_in(self.tree(), args)
    }

    /// The administrative directory.
    pub(crate) fn admin(&self) -> PathBuf {
        self.place.common.join("worktrees/restage-t1")
    }

    pub(crate) fn tip(&self) -> CommitId {
        self.repo.id(&format!("refs/heads/{}", self.place.branch)).parse().unwrap()
    }

    pub(crate) fn base(&self) -> CommitId {
        self.repo.id("refs/restage/tasks/t1/base").parse().unwrap()
    }

    /// Commits everything as a stage.
    pub(crate) fn stage(&self, stage: &str, run: u64) -> Result<CommitId, VcsError> {
        let message = format!("task/t1: complete {stage} stage\n\nTask: t1\nStage: {stage}\nRun: {run}\n");
        self.git.commit_of(&self.place, &StageCommit { stage: stage.to_owned(), run, message, expected: None })
    }

    pub(crate) fn back(&self, number: u64, to: To) -> Result<WentBack, VcsError> {
        self.git.go_back_to(&self.place, &request(number, to))
    }

    /// Everything that has to come back.
    #[track_caller]
    pub(crate) fn picture(&self) -> Picture {
        Picture {
            files: files(self.tree()),
            staged: lines(&output(self.tree(), &["ls-files", "-s", "-z"])),
            status: lines(&output(self.tree(), &["--no-optional-locks", "status", "--porcelain", "-z", "-uall"])),
            branch: self.tip().to_string(),
        }
    }

    /// Asserts that nothing outside was touched, that git finds nothing wrong, and that nothing is left lying about.
    #[track_caller]
    pub(crate) fn assert_unharmed(&self) {
        for (name, (_, content)) in files(&self.outside()) {
            assert_eq!(content.0, format!("canary {}\n", name.display()).into_bytes(), "outside, {name:?}");
        }
        assert_eq!(files(&self.outside()).len(), 7, "something was made outside");
        let locks = walk(&self.place.common).into_iter().filter(|p| p.extension().is_some_and(|e| e == "lock"));
        assert_eq!(locks.collect::<Vec<_>>(), Vec::<PathBuf>::new(), "locks were left");
        self.repo.assert_sound();
    }

    /// Asserts that the task's branch is checked out, and that git sees no change in what is tracked.
    #[track_caller]
    pub(crate) fn assert_at(&self, commit: CommitId) {
        assert_eq!(self.tip(), commit);
        assert_eq!(self.run(&["symbolic-ref", "HEAD"]), format!("refs/heads/{}", self.place.branch));
        let status = self.run(&["--no-optional-locks", "status", "--porcelain"]);
        let changes: Vec<&str> =
            status.lines().filter(|line| !line.starts_with("??") || !line.ends_with('/')).collect();
        assert_eq!(changes, Vec::<&str>::new());
    }
}

/// Git that does not wait long.
pub(crate) fn quick() -> Git {
    let limits = Limits {
        lock_tries: 4,
        lock_wait: std::time::Duration::from_millis(1),
        still_wait: std::time::Duration::from_millis(1),
        file_bytes_max: 4096,
        ..Limits::default()
    };
    Git::new(limits, || NOW)
}

pub(crate) fn request(number: u64, to: To) -> GoBack {
    let kind = if matches!(to, To::Commit(_)) { SnapshotKind::Restart } else { SnapshotKind::Undo };
    GoBack { number, kind, to, message: "task/t1: snapshot before restart to plan\n\nTask: t1\n".to_owned() }
}

/// What git prints, byte for byte.
#[track_caller]
pub(crate) fn output(folder: &Path, args: &[&str]) -> Vec<u8> {
    let out = run(folder, args);
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// What git ends with zeros, as lines, bytes that are no text escaped.
fn lines(bytes: &[u8]) -> String {
    bytes.split(|b| *b == 0).map(|line| format!("{}\n", line.escape_ascii())).collect()
}

/// Asserts that two folders hold the same, and else shows what differs.
#[track_caller]
pub(crate) fn assert_same(one: &Files, other: &Files, what: &str) {
    let names: std::collections::BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
    let differ: Vec<_> =
        names.into_iter().filter(|n| one.get(*n) != other.get(*n)).map(|n| (n, one.get(n), other.get(n))).collect();
    assert!(differ.is_empty(), "{what}: {differ:#?}");
}

/// All files and links below a folder but a `.git` at its top.
pub(crate) fn files(top: &Path) -> Files {
    let mut files = Files::new();
    for path in walk(top) {
        let name = path.strip_prefix(top).unwrap().to_path_buf();
        let found = path.symlink_metadata().unwrap();
        if name.starts_with(".git") {
            continue;
        }
        if found.is_symlink() {
            use std::os::unix::ffi::OsStrExt as _;
            files.insert(name, ('l', Bytes(fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())));
        } else if found.is_file() {
            let kind = if found.permissions().mode() & 0o100 == 0 { 'f' } else { 'x' };
            files.insert(name, (kind, Bytes(fs::read(&path).unwrap())));
        }
    }
    files
}

/// Everything below a folder that is no directory.
fn walk(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![top.to_path_buf()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found
}
