//! Makes a branch and a worktree for a task, step by step, so that a crash between any two is finished by asking again.
//!
//! The steps: the administrative directory, which holds the key; the base ref; the branch; the directory with its files;
//! what `.worktreeinclude` brings; and last the reason of the lock, which says that it is done.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags, StatusOptions};

use super::open::{self, Standing};
use super::refs::{self, Names};
use super::worktree::{self, IN_THE_MAKING, put, taken};
use super::{Git, VcsError, VcsProblem, base, features, git_in, oid, sync};
use crate::vcs::step::step;
use crate::vcs::{Created, NewWorktree, Place};

/// The number that no snapshot has.
const NO_SNAPSHOT: u64 = 0;
/// The longest reason of a lock.
const REASON_CHARS_MAX: usize = 200;

impl Git {
    /// See [`Vcs::create`](crate::vcs::Vcs::create).
    pub(super) fn make(&self, new: &NewWorktree) -> Result<Created, VcsError> {
        refs::check_part(&new.key)?;
        refs::check_branch(&new.branch)?;
        let common = new.common.canonicalize().map_err(|e| VcsError::io("looking at", &new.common, &e))?;
        let new = &NewWorktree { common, worktree: settled(&new.worktree)?, ..new.clone() };
        self.alone(&new.common, || {
            let repository = open::common(&new.common)?;
            let around = outside(&new.common, &new.worktree)?;
            let base = base::find(&repository, new.base.as_deref())?;
            let mut notes = features::check(&repository, base.commit)?;
            notes.extend(around);
            let place = match own(new)? {
                Some(place) => place,
                None if fs::symlink_metadata(&new.worktree).is_ok() => return Err(taken(&new.worktree)),
                None => self.claim_free(&repository, new, base.commit)?,
            };
            let names = Names::of(&place)?;
            let is_done = worktree::lock_reason(&open::admin(&place)?)?.is_none_or(|reason| reason != IN_THE_MAKING);
            let (place, base_commit) = if is_done {
                if !matches!(open::standing(&place)?, Standing::Sound(_)) {
                    notes.extend(self.mend(&place, NO_SNAPSHOT)?);
                }
                let began = refs::read(&repository, &names.base())?.unwrap_or(base.commit);
                (place, began)
            } else {
                self.finish_making(&repository, new, place, base.commit, &mut notes)?
            };
            Ok(Created { place, base: base.branch, base_commit: base_commit.into(), notes })
        })
    }

    /// Takes the first key and branch that nobody has.
    fn claim_free(&self, repository: &Repository, new: &NewWorktree, base: Oid) -> Result<Place, VcsError> {
        let branch = self.free_branch(repository, new)?;
        for nth in 1..=self.limits.suffix_max {
            let key = if nth == 1 { new.key.clone() } else { format!("{}.{nth}", new.key) };
            let place =
                Place { common: new.common.clone(), worktree: new.worktree.clone(), key, branch: branch.clone() };
            let names = Names::of(&place)?;
            let refs_left = !refs::under(repository, &names.all())?.is_empty()
                || !refs::under(repository, &names.snapshots())?.is_empty();
            if !refs_left && self.claim(repository, &place, IN_THE_MAKING, base)? {
                step("create-claimed");
                return Ok(place);
            }
        }
        Err(too_many(&new.key))
    }

    /// The first branch of the wished name and its suffixes that is neither there nor checked out anywhere.
    fn free_branch(&self, repository: &Repository, new: &NewWorktree) -> Result<String, VcsError> {
        let used = worktree::registered(&new.common)?;
        for nth in 1..=self.limits.suffix_max {
            let branch = if nth == 1 { new.branch.clone() } else { format!("{}-{nth}", new.branch) };
            let name = refs::branch(&branch);
            if let Some(other) = refs::in_the_way(repository, &name)?
                && name.starts_with(&other)
            {
                let problem = VcsProblem::BranchName(branch);
                let hint = format!("git can't have it beside {other}: rename that one or choose another name");
                return Err(VcsError::new(problem, hint));
            }
            let is_taken = refs::is_there(repository, &name)?
                || refs::in_the_way(repository, &name)?.is_some()
                || used.iter().any(|other| other.branch.as_deref() == Some(&name));
            if !is_taken {
                return Ok(branch);
            }
        }
        Err(too_many(&new.branch))
    }

    /// Does what is left to do after the key was taken.
    fn finish_making(
        &self,
        repository: &Repository,
        new: &NewWorktree,
        mut place: Place,
        base: Oid,
        notes: &mut Vec<String>,
    ) -> Result<(Place, Oid), VcsError> {
        let base_ref = Names::of(&place)?.base();
        let base = match refs::read(repository, &base_ref)? {
            Some(before) => before,
            None => {
                self.make_ref(repository, &base_ref, base)?;
                base
            }
        };
        step("create-based");
        self.claim_branch(repository, new, &mut place, base)?;
        step("create-branched");
        clear_half_made(&place)?;
        self.fill(&place)?;
        step("create-filled");
        notes.extend(self.include(&place)?);
        step("create-included");
        let reason: String = new.owner.chars().filter(|c| !c.is_control()).take(REASON_CHARS_MAX).collect();
        put(&open::admin(&place)?.join("locked"), format!("{reason}\n").as_bytes())?;
        sync::below(&place.common, &open::admin(&place)?)?;
        step("create-done");
        let repository = open::worktree(&place)?;
        let mut options = StatusOptions::new();
        options.include_untracked(true);
        if repository.statuses(Some(&mut options)).is_ok_and(|statuses| !statuses.is_empty()) {
            notes.push(
                "git sees changes in the new worktree: line ends or filters are not as the files have them".to_owned(),
            );
        }
        Ok((place, base))
    }

    /// Makes the branch, or one with another suffix if somebody took it meanwhile.
    fn claim_branch(
        &self,
        repository: &Repository,
        new: &NewWorktree,
        place: &mut Place,
        base: Oid,
    ) -> Result<(), VcsError> {
        for _ in 0..self.limits.suffix_max {
            let name = refs::branch(&place.branch);
            let own = Names::of(place)?.worktree();
            let elsewhere = worktree::registered(&place.common)?
                .iter()
                .any(|other| other.name != own && other.branch.as_deref() == Some(&name));
            if !elsewhere && (self.claim_ref(repository, &name, base)? || refs::read(repository, &name)? == Some(base))
            {
                return Ok(());
            }
            place.branch = self.free_branch(repository, new)?;
            put(&open::admin(place)?.join("HEAD"), format!("ref: {}\n", refs::branch(&place.branch)).as_bytes())?;
        }
        Err(too_many(&new.branch))
    }

    /// Makes a ref that must not be there; `false` if it is.
    fn claim_ref(&self, repository: &Repository, name: &str, target: Oid) -> Result<bool, VcsError> {
        let made =
            self.retried(|| match repository.reference_matching(name, target, true, Oid::ZERO_SHA1, "restage") {
                Ok(_) => Ok(true),
                Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists) => Ok(false),
                Err(error) => Err(git_in(repository.path(), "making a branch", &error)),
            })?;
        sync::reference(repository.path(), name)?;
        Ok(made)
    }
}

/// The place that was taken for this path before, finished or not.
fn own(new: &NewWorktree) -> Result<Option<Place>, VcsError> {
    let link = new.worktree.join(".git");
    let known = worktree::registered(&new.common)?;
    let Some(own) = known.iter().find(|one| one.link.as_ref().is_some_and(|named| open::same_entry(named, &link)))
    else {
        return Ok(None);
    };
    let Some(key) = own.name.strip_prefix(refs::WORKTREE_PREFIX) else { return Err(taken(&new.worktree)) };
    let branch = own.branch.as_deref().and_then(|name| name.strip_prefix("refs/heads/")).unwrap_or_default();
    let suffix = branch.strip_prefix(new.branch.as_str()).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    if !suffix.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit())) {
        let what = format!("{branch:?} is checked out in it instead of {:?}", new.branch);
        let problem = VcsProblem::Identity { worktree: new.worktree.clone(), what };
        return Err(VcsError::new(problem, "switch it back to the task's branch"));
    }
    let (common, worktree) = (new.common.clone(), new.worktree.clone());
    Ok(Some(Place { common, worktree, key: key.to_owned(), branch: branch.to_owned() }))
}

/// Removes what a crash left of a worktree that nobody worked in yet, if it is ours to remove.
fn clear_half_made(place: &Place) -> Result<(), VcsError> {
    let path = &place.worktree;
    let is_ours = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(VcsError::io("looking at", path, &error)),
        Ok(found) if !found.is_dir() => false,
        Ok(_) => is_empty(path)? || matches!(open::standing(place)?, Standing::Sound(_)),
    };
    if !is_ours {
        return Err(taken(path));
    }
    fs::remove_dir_all(path).map_err(|e| VcsError::io("removing", path, &e))
}

/// Whether nothing is in a directory but what [`put`] may have begun to write there.
fn is_empty(path: &Path) -> Result<bool, VcsError> {
    let failed = |e: std::io::Error| VcsError::io("reading", path, &e);
    for entry in fs::read_dir(path).map_err(failed)? {
        if entry.map_err(failed)?.file_name() != ".git.new" {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The path with its parents made and links in them followed, so that it is written in one way only.
fn settled(path: &Path) -> Result<PathBuf, VcsError> {
    let (Some(parent), Some(name), true) = (path.parent(), path.file_name(), path.is_absolute()) else {
        let error = std::io::Error::other("it is no absolute path of a directory");
        return Err(VcsError::io("making a worktree at", path, &error));
    };
    fs::create_dir_all(parent).map_err(|e| VcsError::io("making", parent, &e))?;
    Ok(parent.canonicalize().map_err(|e| VcsError::io("looking at", parent, &e))?.join(name))
}

/// A worktree inside another one would, should its `.git` file be lost, act on that other one: it may not be the
/// repository's own. Of another repository around it there is a note.
fn outside(common: &Path, worktree: &Path) -> Result<Option<String>, VcsError> {
    let around = worktree.ancestors().skip(1).find(|above| above.join(".git").exists() || *above == common);
    let Some(around) = around else { return Ok(None) };
    let is_own = around == common
        || open::exactly(around, RepositoryOpenFlags::empty()).is_ok_and(|r| open::same(r.commondir(), common));
    if is_own {
        let what = format!("the worktree {} would lie inside it", worktree.display());
        return Err(features::unsupported(around, &what, "keep tasks' worktrees in a folder outside the repository"));
    }
    let around = around.display();
    Ok(Some(format!("the worktree lies in the repository {around}: without its .git file, git would act on that one")))
}

fn too_many(name: &str) -> VcsError {
    let why = format!("{name:?} is taken, and so are all names that it can be told apart with");
    VcsError::new(VcsProblem::Git { doing: "choosing a name", why }, "choose another name")
}
