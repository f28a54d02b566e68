//! The refs of a task: their names, and the three ways to change one, each by compare-and-swap.
//!
//! All of them take a handle on the common directory.

use git2::{ErrorCode, Oid, Reference, Repository};

use super::{Git, VcsError, VcsProblem, git_in, sync};
use crate::vcs::Place;

/// The longest key, stage or branch: names of files are at most 255 bytes, and `.lock` is added.
const NAME_BYTES_MAX: usize = 200;
/// What the log of a ref says of a change.
const LOGGED: &str = "restage";
const TASKS: &str = "refs/restage/tasks";
const SNAPSHOTS: &str = "refs/restage/snapshots";
/// What the names of tasks' administrative directories begin with: those of others don't.
pub(super) const WORKTREE_PREFIX: &str = "restage-";
const HEADS: &str = "refs/heads";

/// The names of a task's refs, made of a key and a branch that were checked.
#[derive(Clone, Debug)]
pub(super) struct Names {
    key: String,
    branch: String,
}

impl Names {
    pub(super) fn of(place: &Place) -> Result<Self, VcsError> {
        check_part(&place.key)?;
        check_branch(&place.branch)?;
        Ok(Self { key: place.key.clone(), branch: place.branch.clone() })
    }

    /// The task's branch.
    pub(super) fn branch(&self) -> String {
        branch(&self.branch)
    }

    /// What all refs of this task but its snapshots, and of no other task, begin with.
    pub(super) fn all(&self) -> String {
        format!("{TASKS}/{}/", self.key)
    }

    /// The commit that the task began from.
    pub(super) fn base(&self) -> String {
        format!("{TASKS}/{}/base", self.key)
    }

    /// The commit of a completed stage.
    pub(super) fn stage(&self, stage: &str, run: u64) -> Result<String, VcsError> {
        check_part(stage)?;
        Ok(format!("{TASKS}/{}/stages/{stage}/{run}", self.key))
    }

    /// One snapshot.
    pub(super) fn snapshot(&self, number: u64) -> String {
        format!("{}{number}", self.snapshots())
    }

    /// What all snapshots of this task, and of no other, begin with.
    pub(super) fn snapshots(&self) -> String {
        format!("{SNAPSHOTS}/{}/", self.key)
    }

    /// The name of the worktree's administrative directory.
    pub(super) fn worktree(&self) -> String {
        format!("{WORKTREE_PREFIX}{}", self.key)
    }
}

/// The full name of a branch.
pub(super) fn branch(name: &str) -> String {
    format!("{HEADS}/{name}")
}

/// A key or stage: one part of a ref and of a path.
pub(super) fn check_part(name: &str) -> Result<(), VcsError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let good = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && !name.starts_with(['.', '-'])
        && !name.ends_with('.')
        && !name.ends_with(".lock")
        && !name.contains("..");
    if good {
        return Ok(());
    }
    let problem = VcsProblem::Git { doing: "naming a ref", why: format!("{name:?} can't be part of a ref") };
    Err(VcsError::new(problem, "use letters, digits, `.`, `_` and `-`, and begin with a letter or digit"))
}

/// A branch name, without `refs/heads/`. Narrower than git's own rule, so that it is safe in a shell and as an
/// argument: a name that could be an option or climb out of a folder is none.
pub(super) fn check_branch(name: &str) -> Result<(), VcsError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/' | b'+' | b'#');
    let good = name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && name.split('/').all(|part| !part.starts_with(['.', '-']))
        && name != "HEAD"
        && Reference::is_valid_name(&branch(name));
    if good {
        return Ok(());
    }
    let hint = "use letters, digits and `. _ - / + #`; no part may be empty or begin with `.` or `-`";
    Err(VcsError::new(VcsProblem::BranchName(name.to_owned()), hint))
}

/// What a ref points at; nothing if it is not there or points at another ref.
pub(super) fn read(repository: &Repository, name: &str) -> Result<Option<Oid>, VcsError> {
    match repository.find_reference(name) {
        Ok(reference) => Ok(reference.target()),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(git_in(repository.path(), "reading a ref", &error)),
    }
}

/// Whether there is a ref of this name, whatever it points at.
pub(super) fn is_there(repository: &Repository, name: &str) -> Result<bool, VcsError> {
    match repository.find_reference(name) {
        Ok(_) => Ok(true),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(false),
        Err(error) => Err(git_in(repository.path(), "reading a ref", &error)),
    }
}

/// All refs whose names begin with `prefix`, which ends in `/`, and what they point at.
pub(super) fn under(repository: &Repository, prefix: &str) -> Result<Vec<(String, Oid)>, VcsError> {
    let failed = |error: git2::Error| git_in(repository.path(), "reading refs", &error);
    let mut found = Vec::new();
    for reference in repository.references_glob(&format!("{prefix}*")).map_err(failed)? {
        let reference = reference.map_err(failed)?;
        if let (Ok(name), Some(target)) = (reference.name(), reference.target())
            && name.starts_with(prefix)
        {
            found.push((name.to_owned(), target));
        }
    }
    Ok(found)
}

/// A ref that is in the way of `name`: git keeps refs in files, so that `a` and `a/b` can't both be.
pub(super) fn in_the_way(repository: &Repository, name: &str) -> Result<Option<String>, VcsError> {
    if let Some((below, _)) = under(repository, &format!("{name}/"))?.into_iter().next() {
        return Ok(Some(below));
    }
    for (at, _) in name.match_indices('/') {
        let above = &name[..at];
        if above.starts_with("refs/") && repository.find_reference(above).is_ok() {
            return Ok(Some(above.to_owned()));
        }
    }
    Ok(None)
}

impl Git {
    /// Makes a ref. That it is there already and at `target` is as good.
    ///
    /// # Errors
    /// [`VcsProblem::Moved`] when it is there and elsewhere.
    pub(super) fn make_ref(&self, repository: &Repository, name: &str, target: Oid) -> Result<(), VcsError> {
        if let Some(other) = in_the_way(repository, name)? {
            let problem = VcsProblem::Git { doing: "making a ref", why: format!("{other} is in the way of {name}") };
            return Err(VcsError::new(problem, "rename or remove the one that is in the way"));
        }
        self.swap_ref(repository, name, (Oid::ZERO_SHA1, target), LOGGED)
    }

    /// Moves a ref from `from` to `to`. That it is at `to` already is as good.
    ///
    /// # Errors
    /// [`VcsProblem::Moved`] when it is anywhere else.
    pub(super) fn move_ref(&self, repository: &Repository, name: &str, from: Oid, to: Oid) -> Result<(), VcsError> {
        self.swap_ref(repository, name, (from, to), LOGGED)
    }

    /// As [`move_ref`](Self::move_ref), with words of its own in the ref's log.
    pub(super) fn swap_ref(
        &self,
        repository: &Repository,
        name: &str,
        (from, to): (Oid, Oid),
        logged: &str,
    ) -> Result<(), VcsError> {
        self.retried(|| {
            if read(repository, name)? == Some(to) {
                return Ok(());
            }
            match repository.reference_matching(name, to, true, from, logged) {
                Ok(_) => Ok(()),
                Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::NotFound) => Err(moved(name)),
                Err(error) => Err(git_in(repository.path(), "writing a ref", &error)),
            }
        })?;
        sync::reference(repository.path(), name)
    }

    /// Removes a ref that is at `from`. That it is gone already is as good.
    ///
    /// # Errors
    /// [`VcsProblem::Moved`] when it is elsewhere.
    pub(super) fn drop_ref(&self, repository: &Repository, name: &str, from: Oid) -> Result<(), VcsError> {
        self.retried(|| {
            let mut reference = match repository.find_reference(name) {
                Ok(reference) if reference.target() == Some(from) => reference,
                Ok(_) => return Err(moved(name)),
                Err(error) if error.code() == ErrorCode::NotFound => return Ok(()),
                Err(error) => return Err(git_in(repository.path(), "reading a ref", &error)),
            };
            match reference.delete() {
                Ok(()) => Ok(()),
                Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
                Err(error) if error.code() == ErrorCode::Modified => Err(moved(name)),
                Err(error) => Err(git_in(repository.path(), "removing a ref", &error)),
            }
        })?;
        sync::reference(repository.path(), name)
    }
}

fn moved(name: &str) -> VcsError {
    VcsError::new(VcsProblem::Moved { name: name.to_owned() }, "look at what is there now, then try again")
}
