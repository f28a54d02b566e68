//! What has to change for a worktree to go from one tree to another, and what is in the way.

use std::fs::{self, FileType};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::{Delta, DiffOptions, FileMode, ObjectType, Oid, Repository, Tree};

use super::content::{can_be_named, path_of};
use super::unlink::{self, Then};
use super::{VcsError, VcsProblem, git};
use crate::vcs::CommitId;

/// The paths that differ between two trees, and what each is to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
}

/// One path.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    pub(super) then: Then,
    /// Whether nothing was there before.
    is_new: bool,
    object: Option<Oid>,
}

impl Plan {
    /// From one tree to another. What is the same in both is in neither the plan nor touched.
    pub(super) fn between(repository: &Repository, from: Oid, to: Oid) -> Result<Self, VcsError> {
        let failed = |e: git2::Error| git("comparing trees", &e);
        let (from, to) = (repository.find_tree(from).map_err(failed)?, repository.find_tree(to).map_err(failed)?);
        let mut options = DiffOptions::new();
        options.include_typechange(true).skip_binary_check(true);
        let diff = repository.diff_tree_to_tree(Some(&from), Some(&to), Some(&mut options)).map_err(failed)?;
        let mut changes = Vec::new();
        for delta in diff.deltas() {
            let (old, new) = (delta.old_file(), delta.new_file());
            let Some(bytes) = new.path_bytes().or(old.path_bytes()) else { continue };
            let path = path_of(bytes);
            unlink::check(&path)?;
            let is_new = delta.status() == Delta::Added;
            changes.push(match (delta.status(), new.mode()) {
                // A repository of its own stays where it is.
                (Delta::Deleted, _) if old.mode() == FileMode::Commit => continue,
                (Delta::Deleted, _) => Change { path, then: Then::Nothing, is_new, object: None },
                (_, FileMode::Commit) => Change { path, then: Then::Directory, is_new, object: None },
                _ => Change { path, then: Then::File, is_new, object: Some(new.id()) },
            });
        }
        Ok(Self { changes })
    }

    /// Checks that every file that will be written can be read from the repository.
    pub(super) fn check(&self, repository: &Repository, commit: Oid) -> Result<(), VcsError> {
        let odb = repository.odb().map_err(|e| git("reading objects", &e))?;
        if self.changes.iter().filter_map(|change| change.object).all(|object| odb.read_header(object).is_ok()) {
            return Ok(());
        }
        let hint = "files of it are missing: check the repository with `git fsck`";
        Err(VcsError::new(VcsProblem::MissingCommit(CommitId::from(commit)), hint))
    }

    /// The paths at which something is to be.
    pub(super) fn to_write(&self) -> impl Iterator<Item = &Path> {
        self.changes.iter().filter(|change| change.then != Then::Nothing).map(|change| change.path.as_path())
    }
}

/// What is at, above or below the paths of new files and is not part of the tree that the worktree comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Obstacles {
    /// Ignored or large files, to be saved too.
    pub(super) to_save: Vec<PathBuf>,
    /// Repositories of their own, and what git can't save, to be moved aside.
    pub(super) to_move: Vec<PathBuf>,
    /// Sockets and pipes, which can't be saved.
    pub(super) to_lose: Vec<PathBuf>,
}

impl Obstacles {
    /// Looks where a plan puts new files into a worktree that is as `from`.
    pub(super) fn find(repository: &Repository, from: Oid, plan: &Plan) -> Result<Self, VcsError> {
        let worktree = repository.workdir().unwrap_or(repository.path());
        let from = repository.find_tree(from).map_err(|e| git("reading a tree", &e))?;
        let search = Search { worktree, from };
        let mut found = Self::default();
        for change in plan.changes.iter().filter(|change| change.is_new) {
            search.way(change, &mut found)?;
        }
        for list in [&mut found.to_save, &mut found.to_move, &mut found.to_lose] {
            list.sort();
            list.dedup();
        }
        Ok(found)
    }
}

struct Search<'a> {
    worktree: &'a Path,
    from: Tree<'a>,
}

impl Search<'_> {
    /// Looks on the way to a new file.
    fn way(&self, change: &Change, found: &mut Obstacles) -> Result<(), VcsError> {
        let mut at = PathBuf::new();
        for part in &change.path {
            at.push(part);
            let Some(there) = unlink::look(&self.worktree.join(&at))? else { return Ok(()) };
            let is_leaf = at == change.path;
            if !there.is_dir() {
                self.file(&at, there.file_type(), found);
                return Ok(());
            }
            if (!is_leaf || change.then == Then::File) && self.is_nested(&at) {
                found.to_move.push(at);
                return Ok(());
            }
        }
        if change.then == Then::File { self.directory(&change.path, found) } else { Ok(()) }
    }

    /// Looks through a directory where a file is to be.
    fn directory(&self, path: &Path, found: &mut Obstacles) -> Result<(), VcsError> {
        let full = self.worktree.join(path);
        if self.is_nested(path) {
            found.to_move.push(path.to_path_buf());
            return Ok(());
        }
        let failed = |e: std::io::Error| VcsError::io("reading", &full, &e);
        for entry in fs::read_dir(&full).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = path.join(entry.file_name());
            if entry.file_name().eq_ignore_ascii_case(".git") {
                // A repository in a directory whose files are saved.
                found.to_move.push(path);
            } else if kind.is_dir() {
                self.directory(&path, found)?;
            } else {
                self.file(&path, kind, found);
            }
        }
        Ok(())
    }

    fn file(&self, path: &Path, kind: FileType, found: &mut Obstacles) {
        let is_known = self.from.get_path(path).is_ok_and(|entry| entry.kind() == Some(ObjectType::Blob));
        if !(kind.is_file() || kind.is_symlink()) {
            found.to_lose.push(path.to_path_buf());
        } else if !can_be_named(path.as_os_str().as_bytes()) {
            found.to_move.push(path.to_path_buf());
        } else if !is_known {
            found.to_save.push(path.to_path_buf());
        }
    }

    fn is_nested(&self, path: &Path) -> bool {
        let is_repository = self.worktree.join(path).join(".git").symlink_metadata().is_ok();
        is_repository && self.from.get_path(path).is_err()
    }
}
