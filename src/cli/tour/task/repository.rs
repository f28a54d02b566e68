//! A repository of a person's own, and what the git program says of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

use super::super::claim;
use crate::cli::stop::{Outcome, Stop};

/// Files that it begins with.
const FILES: usize = 36;

/// A repository, and the folder that stands for the person's home.
pub(super) struct Repository {
    pub(super) root: PathBuf,
    home: PathBuf,
}

/// All that a worktree is, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    head: String,
    branch: String,
    /// What git finds changed, staged, untracked, ignored.
    pub(super) status: String,
    /// The index: mode, blob and stage of every path.
    index: String,
    /// Every file, link and folder with its mode and a hash of its bytes.
    pub(super) files: BTreeMap<PathBuf, String>,
}

impl Repository {
    /// Makes one, with files, a commit, and something in the stash. Nothing if there is no git program.
    pub(super) fn make(folder: &Path) -> Outcome<Option<Self>> {
        let repository = Self { root: folder.join("app"), home: folder.to_path_buf() };
        match repository.command(folder, &["--version"]).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Stop::file("running", Path::new("git"), &error)),
            Ok(_) => {}
        }
        repository.git(folder, &["init", "--quiet", "--initial-branch=main", "app"])?;
        let root = repository.root.clone();
        write(&root.join("README"), "An app.\n")?;
        write(&root.join(".gitignore"), "build/\n")?;
        for number in 1..=FILES {
            write(&root.join(format!("src/f{number:02}.txt")), &format!("file {number}\n").repeat(number))?;
        }
        repository.git(&root, &["add", "--all"])?;
        repository.git(&root, &["commit", "--quiet", "--message", "The app"])?;
        write(&root.join("README"), "An app, and a thought for later.\n")?;
        repository.git(&root, &["stash", "push", "--quiet", "--message", "a thought for later"])?;
        Ok(Some(repository))
    }

    /// What git says; it must not fail.
    pub(super) fn git(&self, at: &Path, arguments: &[&str]) -> Outcome<String> {
        let ran = self.command(at, arguments).output();
        let ran = ran.map_err(|error| Stop::file("running", Path::new("git"), &error))?;
        let said = String::from_utf8_lossy(&ran.stderr);
        claim(ran.status.success(), &format!("git {} succeeds: {said}", arguments.join(" ")))?;
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    }

    /// Git, without anything of whoever runs the tour.
    fn command(&self, at: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("--no-optional-locks").args(arguments).current_dir(at).env_clear();
        command.env("PATH", env::var_os("PATH").unwrap_or_default()).env("HOME", &self.home);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for (who, mail) in [("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"), ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")] {
            command.env(who, "Ann").env(mail, "ann@example.com");
        }
        command
    }

    /// A worktree as it is.
    pub(super) fn witness(&self, worktree: &Path) -> Outcome<Witness> {
        let mut files = BTreeMap::new();
        read(worktree, worktree, &mut files).map_err(|error| Stop::file("reading", worktree, &error))?;
        Ok(Witness {
            head: self.git(worktree, &["rev-parse", "HEAD"])?,
            branch: self.git(worktree, &["symbolic-ref", "HEAD"])?,
            status: self.git(worktree, &["status", "--porcelain", "--ignored"])?,
            index: self.git(worktree, &["ls-files", "--stage"])?,
            files,
        })
    }
}

fn write(file: &Path, text: &str) -> Outcome {
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(file, text)).map_err(|error| Stop::file("writing", file, &error))
}

fn read(root: &Path, at: &Path, files: &mut BTreeMap<PathBuf, String>) -> io::Result<()> {
    for entry in fs::read_dir(at)? {
        let path = entry?.path();
        let meta = fs::symlink_metadata(&path)?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
        // The file that says where the repository is belongs to git.
        if name == Path::new(".git") {
            continue;
        }
        let what = if meta.is_symlink() {
            format!("link to {}", fs::read_link(&path)?.display())
        } else if meta.is_dir() {
            read(root, &path, files)?;
            "folder".to_owned()
        } else {
            let hash = Sha256::digest(fs::read(&path)?);
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{:o} {hash}", meta.permissions().mode())
        };
        files.insert(name, what);
    }
    Ok(())
}
