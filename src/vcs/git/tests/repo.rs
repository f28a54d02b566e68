//! A repository in a folder of its own, and the git program to make it and to check it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::vcs::{Git, Limits, NewWorktree, Place};

/// When the commits of tests are made: in 2026.
pub(crate) const NOW: i64 = 1_780_000_000;

/// A temporary folder with a repository in `repo` and room for worktrees in `data`.
pub(crate) struct Repo {
    folder: tempfile::TempDir,
}

impl Repo {
    /// A repository with one commit on `main`: `a.txt`, `dir/b.txt` and a `.gitignore` of `*.ignored` and `build/`.
    pub(crate) fn new() -> Self {
        let repo = Self::empty(&[]);
        repo.write("a.txt", "a\n");
        repo.write("dir/b.txt", "b\n");
        repo.write(".gitignore", "*.ignored\nbuild/\n");
        repo.commit_all("first");
        repo
    }

    /// A repository without a commit, made by `git init` with these options.
    pub(crate) fn empty(options: &[&str]) -> Self {
        // In memory where there is a place for that: thousands of small worktrees are made and synced here.
        let memory = tempfile::tempdir_in("/dev/shm");
        let folder = memory.or_else(|_| tempfile::tempdir()).unwrap();
        fs::create_dir(folder.path().join("repo")).unwrap();
        let repo = Self { folder };
        let mut args = vec!["init", "-q", "-b", "main"];
        args.extend(options);
        repo.git(&args);
        repo
    }

    /// The temporary folder itself.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// The top of the main worktree.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder().join("repo")
    }

    /// The common directory.
    pub(crate) fn common(&self) -> PathBuf {
        self.root().join(".git")
    }

    /// Where the worktree with this name goes.
    pub(crate) fn worktree(&self, name: &str) -> PathBuf {
        self.folder().join("data").join(name)
    }

    /// A task's worktree that is asked for, on a branch `task/<key>`.
    pub(crate) fn wanted(&self, key: &str) -> NewWorktree {
        NewWorktree {
            common: self.common(),
            worktree: self.worktree(key),
            key: key.to_owned(),
            branch: format!("task/{key}"),
            base: None,
            owner: format!("restage task {key}"),
        }
    }

    /// A task's worktree made by the git program the way that `create` makes it.
    pub(crate) fn place(&self, key: &str) -> Place {
        let branch = format!("task/{key}");
        let worktree = self.worktree(key);
        // Git names the administrative directory after the last part of the path.
        let first = self.folder().join("data").join(format!("restage-{key}"));
        self.git(&["worktree", "add", "-q", "-b", &branch, text(&first)]);
        self.git(&["worktree", "move", text(&first), text(&worktree)]);
        self.git(&["update-ref", &format!("refs/restage/tasks/{key}/base"), "HEAD"]);
        Place { common: self.common(), worktree, key: key.to_owned(), branch }
    }

    /// What git prints in the main worktree.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git_in(&self.root(), args)
    }

    /// Writes a file of the main worktree, with its folders.
    pub(crate) fn write(&self, path: &str, content: &str) {
        write(&self.root(), path, content);
    }

    /// Commits everything in the main worktree; the id.
    pub(crate) fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    /// The id that git has for a name.
    #[track_caller]
    pub(crate) fn id(&self, name: &str) -> String {
        self.git(&["rev-parse", "--verify", name])
    }

    /// Asserts that git finds nothing wrong with the repository.
    #[track_caller]
    pub(crate) fn assert_sound(&self) {
        let out = run(&self.root(), &["fsck", "--strict", "--no-dangling"]);
        assert!(out.status.success(), "git fsck: {out:?}");
    }
}

/// Writes a file under `top`, with its folders.
pub(crate) fn write(top: &Path, path: &str, content: &str) {
    let path = top.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Git, with commits dated [`NOW`].
pub(crate) fn vcs() -> Git {
    Git::new(Limits::default(), || NOW)
}

/// What git prints in `folder`, without the last line end; it must succeed.
#[track_caller]
pub(crate) fn git_in(folder: &Path, args: &[&str]) -> String {
    let out = run(folder, args);
    assert!(out.status.success(), "git {args:?} in {}: {}", folder.display(), String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim_end_matches('\n').to_owned()
}

/// Runs git in `folder`, with nobody's configuration and nothing of git's in the environment.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder)).env("LC_ALL", "C");
    command.args(["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]);
    command.arg("-C").arg(folder).args(args.iter().map(OsStr::new));
    command.output().unwrap()
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
