//! Whether tasks can work in a repository, found out before any does.

use std::path::{Path, PathBuf};

use git2::{Repository, RepositoryOpenFlags};

use super::features::{self, unsupported};
use super::{Git, VcsError, VcsProblem, base, open};
use crate::vcs::Facts;

impl Git {
    /// See [`Vcs::probe`](crate::vcs::Vcs::probe). Any worktree stands for its repository: a user in one of them means
    /// the project, and tasks share the common directory whichever it is.
    pub(super) fn look_over(&self, repository: &Path) -> Result<Facts, VcsError> {
        let path = repository.canonicalize().map_err(|_| not_a_repository(repository))?;
        let given = open::exactly(&path, RepositoryOpenFlags::empty()).map_err(|error| match error.problem {
            VcsProblem::NotARepository(_) => not_a_repository(&path),
            _ => error,
        })?;
        let common = given.commondir().canonicalize().map_err(|e| VcsError::io("looking at", given.commondir(), &e))?;
        let root = main_worktree(&given, &common)?;
        whole_machine(&root)?;
        let handle = open::common(&common)?;
        let base = base::find(&handle, None)?;
        let notes = features::check(&handle, base.commit)?;
        index_is_readable(&root)?;
        Ok(Facts {
            root,
            common,
            base: base.branch.unwrap_or_else(|| base.commit.to_string()),
            tip: base.commit.into(),
            notes,
        })
    }
}

/// The top of the main worktree of the repository that `common` is the common directory of.
pub(super) fn main_worktree(given: &Repository, common: &Path) -> Result<PathBuf, VcsError> {
    let main = if given.is_worktree() { &open::exactly(common, RepositoryOpenFlags::NO_DOTGIT)? } else { given };
    if main.is_bare() {
        return Err(bare(common));
    }
    let root = main.workdir().unwrap_or(common);
    let root = root.canonicalize().map_err(|e| VcsError::io("looking at", root, &e))?;
    // The configuration can name any directory: the one it names must lead back here.
    let leads_back =
        open::exactly(&root, RepositoryOpenFlags::empty()).is_ok_and(|r| open::same(r.commondir(), common));
    if leads_back {
        return Ok(root);
    }
    let what = format!("its work tree {} does not lead back to it", root.display());
    Err(unsupported(common, &what, "name the top of its main worktree, and see what `git config core.worktree` says"))
}

fn not_a_repository(path: &Path) -> VcsError {
    let around = path.ancestors().skip(1).find(|above| above.join(".git").exists());
    let hint = match around {
        Some(top) => format!("it lies in the repository {}: name that", top.display()),
        None if path.is_dir() => "make it one with `git init` and a first commit".to_owned(),
        None => "name a directory that is there".to_owned(),
    };
    VcsError::new(VcsProblem::NotARepository(path.to_path_buf()), hint)
}

fn bare(common: &Path) -> VcsError {
    if common.file_name().is_some_and(|name| name == ".git") {
        let top = features::shown(common);
        let hint = format!("put it right: git -C '{}' config core.bare false", top.display());
        return unsupported(top, "its configuration says core.bare although it has a work tree", hint);
    }
    unsupported(common, "it is bare", "clone it, and name the clone")
}

/// A repository that holds a whole home or machine: every task would check all of it out, and save all of it.
fn whole_machine(root: &Path) -> Result<(), VcsError> {
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    let what = match root {
        root if root.parent().is_none() => "it is the whole file system",
        root if home.as_deref() == Some(root) => "it is your home directory",
        _ => return Ok(()),
    };
    Err(unsupported(root, what, "make a repository for the project alone"))
}

/// A split or sparse index can't be read, and the main worktree could not be brought up to a merge.
fn index_is_readable(root: &Path) -> Result<(), VcsError> {
    let read = open::exactly(root, RepositoryOpenFlags::empty())?.index().map(drop);
    read.map_err(|error| {
        let what = format!("its index can't be read ({})", error.message());
        unsupported(root, &what, "git update-index --no-split-index; git sparse-checkout disable")
    })
}
