//! Puts right what a crash or an agent left broken, so that a worktree can be opened and saved: its directory, its
//! `.git` file, its administrative directory, its locks, its `HEAD`, its index.
//!
//! All of them can be written by whoever works in the worktree, and libgit2 follows what they say: out of a link as an
//! index it writes where the link leads. So nothing of them is believed. What they should be follows from the
//! [`Place`], and what is otherwise is made so.
//!
//! Only the worktree and its administrative directory are written. A link on the way to a ref is refused: removing it
//! could be anybody's loss.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{Oid, Repository};

use super::go_back::set_aside;
use super::refs::{self, Names};
use super::snapshot::index_path;
use super::unlink::look;
use super::{Git, VcsError, VcsProblem, git, git_in, open};
use crate::vcs::Place;
use crate::vcs::step::step;

/// In the administrative directory while a worktree is being filled.
const FILLING: &str = "restage-filling";
/// More entries than an administrative directory ever has at its top.
const ENTRIES_MAX: usize = 10_000;

/// One mending.
struct Mending<'a> {
    place: &'a Place,
    names: Names,
    /// The administrative directory.
    admin: PathBuf,
    number: u64,
    notes: Vec<String>,
}

impl Git {
    /// Makes the worktree one that can be opened, and says what had to be done for it. What is checked out in it stays.
    pub(super) fn put_right(&self, place: &Place, number: u64) -> Result<Vec<String>, VcsError> {
        self.mend_and_open(place, number).map(|(_, notes)| notes)
    }

    /// The same with a handle on the worktree, whose index was read.
    pub(super) fn mend_and_open(&self, place: &Place, number: u64) -> Result<(Repository, Vec<String>), VcsError> {
        let (names, admin) = (Names::of(place)?, open::admin(place)?);
        let mut mending = Mending { place, names, admin, number, notes: Vec::new() };
        mending.check_shared()?;
        mending.administrative_directory()?;
        let snapshot = mending.names.snapshot(number);
        mending.notes.extend(self.remove_locks(place, &[mending.names.branch(), snapshot])?);
        let is_new = mending.directory()?;
        mending.links()?;
        mending.head()?;
        let mut repository = open::any(place)?;
        if !is_readable(&repository)? {
            mending.index(&repository)?;
            repository = open::any(place)?;
        }
        if is_new {
            step("place-made");
            mending.fill()?;
            step("place-filled");
        }
        Ok((repository, mending.notes))
    }

    /// Removes locks that a killed git left, of the worktree and of refs that are the task's alone: those that are still
    /// there after the time that git ever holds one. Nobody may be at work in the worktree. Says which they were.
    pub(super) fn remove_locks(&self, place: &Place, refs: &[String]) -> Result<Vec<String>, VcsError> {
        let admin = open::admin(place)?;
        let owned = ["index", "HEAD", "ORIG_HEAD", "logs/HEAD"].map(|name| admin.join(name));
        let shared = refs.iter().map(|name| place.common.join(name));
        let mut notes = Vec::new();
        for locked in owned.into_iter().chain(shared) {
            let mut lock = locked.into_os_string();
            lock.push(".lock");
            let lock = PathBuf::from(lock);
            let mut wait = self.limits.lock_wait;
            for _ in 1..self.limits.lock_tries {
                if look(&lock)?.is_none() {
                    break;
                }
                std::thread::sleep(wait);
                wait *= 2;
            }
            if look(&lock)?.is_some() {
                fs::remove_file(&lock).map_err(|e| VcsError::io("removing", &lock, &e))?;
                notes.push(format!("the lock {} was left behind and was removed", lock.display()));
            }
        }
        Ok(notes)
    }
}

impl Mending<'_> {
    /// No link may be on the way to what is written in the common directory.
    fn check_shared(&self) -> Result<(), VcsError> {
        let shared = [
            PathBuf::from("worktrees"),
            PathBuf::from(self.names.branch()),
            Path::new("logs").join(self.names.branch()),
            PathBuf::from(self.names.snapshot(self.number)),
            Path::new("logs").join(self.names.snapshot(self.number)),
        ];
        for path in shared {
            let mut at = self.place.common.clone();
            for part in &path {
                at.push(part);
                let Some(found) = look(&at)? else { break };
                let is_twofold = found.is_file() && found.nlink() > 1;
                if found.is_symlink() || is_twofold {
                    let problem = VcsProblem::Identity {
                        worktree: self.place.worktree.clone(),
                        what: format!("{} is a link", at.display()),
                    };
                    return Err(VcsError::new(problem, "see who made it and where it leads, then remove it"));
                }
            }
        }
        Ok(())
    }

    /// The administrative directory is a directory, with nothing in it that leads elsewhere.
    fn administrative_directory(&mut self) -> Result<(), VcsError> {
        match look(&self.admin)? {
            Some(found) if found.is_dir() => {}
            found => {
                if found.is_some() {
                    fs::remove_file(&self.admin).map_err(|e| VcsError::io("removing", &self.admin, &e))?;
                }
                fs::create_dir_all(&self.admin).map_err(|e| VcsError::io("making", &self.admin, &e))?;
                // The lock keeps `git worktree prune` off.
                write_line(&self.admin.join("locked"), "", Path::new("restage"))?;
                self.note("the worktree was no longer known to git, and is again: what was staged is not");
            }
        }
        for directory in [self.admin.clone(), self.admin.join("logs")] {
            let failed = |e: std::io::Error| VcsError::io("reading", &directory, &e);
            if look(&directory)?.is_none_or(|found| !found.is_dir()) {
                continue;
            }
            for entry in fs::read_dir(&directory).map_err(failed)?.take(ENTRIES_MAX) {
                let path = entry.map_err(failed)?.path();
                let Some(found) = look(&path)? else { continue };
                if found.is_symlink() || (found.is_file() && found.nlink() > 1) {
                    fs::remove_file(&path).map_err(|e| VcsError::io("removing", &path, &e))?;
                    self.note(format!("{} was a link and was removed", path.display()));
                }
            }
        }
        Ok(())
    }

    /// The worktree's directory is there. Answers whether it has to be filled.
    fn directory(&mut self) -> Result<bool, VcsError> {
        let directory = &self.place.worktree;
        let failed = |e: std::io::Error| VcsError::io("making", directory, &e);
        let marker = self.admin.join(FILLING);
        if look(&marker)?.is_some() {
            fs::create_dir_all(directory).map_err(failed)?;
            return Ok(true);
        }
        match look(directory)? {
            Some(found) if found.is_dir() && fs::read_dir(directory).map_err(failed)?.next().is_some() => {
                return Ok(false);
            }
            Some(found) if found.is_dir() => {}
            Some(found) if found.is_symlink() => fs::remove_file(directory).map_err(failed)?,
            Some(_) => {
                let problem = VcsProblem::PlaceTaken(directory.clone());
                return Err(VcsError::new(problem, "move the file away"));
            }
            None => {}
        }
        fs::write(&marker, b"").map_err(failed)?;
        fs::create_dir_all(directory).map_err(failed)?;
        self.note("the worktree was gone and was made again: what was not committed in it is lost");
        Ok(true)
    }

    /// The worktree and its administrative directory name each other.
    fn links(&mut self) -> Result<(), VcsError> {
        let link = self.place.worktree.join(".git");
        let named = open::line(&link)?;
        let named = named.as_deref().and_then(|line| line.as_os_str().as_bytes().strip_prefix(b"gitdir: "));
        let named = named.map(super::content::path_of);
        if !named.is_some_and(|named| open::same(&self.place.worktree.join(named), &self.admin)) {
            match look(&link)? {
                Some(found) if found.is_dir() => {
                    let note = set_aside(self.place, self.number, Path::new(".git"))?;
                    self.note(note);
                }
                Some(_) => self.note("the worktree's .git file named another repository: it was written again"),
                // A worktree that is made again has a note of its own.
                None if look(&self.admin.join(FILLING))?.is_some() => {}
                None => self.note("the worktree's .git file was gone: it was written again"),
            }
            write_line(&link, "gitdir: ", &self.admin)?;
        }
        let common = open::line(&self.admin.join("commondir"))?;
        if !common.is_some_and(|named| open::same(&self.admin.join(named), &self.place.common)) {
            self.note("the worktree named another repository as its own: that was put right");
            write_line(&self.admin.join("commondir"), "", Path::new("../.."))?;
        }
        if !open::admin_names(&self.admin)?.is_some_and(|named| open::same_entry(&named, &link)) {
            self.note("git knew another worktree in its place: that was put right");
            write_line(&self.admin.join("gitdir"), "", &link)?;
        }
        Ok(())
    }

    /// `HEAD` names a branch or a commit.
    fn head(&mut self) -> Result<(), VcsError> {
        let path = self.admin.join("HEAD");
        let line = open::line(&path)?.unwrap_or_default();
        let line = line.to_string_lossy();
        let is_branch = line.strip_prefix("ref: ").is_some_and(|name| git2::Reference::is_valid_name(name.trim()));
        let is_commit = line.len() == 40 && Oid::from_str(&line).is_ok();
        if !is_branch && !is_commit {
            self.note("HEAD could not be read: the task's branch is taken for what was checked out");
            write_line(&path, "ref: ", Path::new(&self.names.branch()))?;
        }
        Ok(())
    }

    /// An index that can't be read: what is checked out is taken for what was staged.
    fn index(&mut self, repository: &Repository) -> Result<(), VcsError> {
        let path = index_path(repository);
        if look(&path)?.is_some() {
            let aside = path.with_extension("damaged");
            fs::rename(&path, &aside).map_err(|e| VcsError::io("moving aside", &path, &e))?;
            self.note(format!("the index could not be read and is now {}: nothing is staged", aside.display()));
        }
        let failed = |e: git2::Error| git_in(&self.place.worktree, "writing the index", &e);
        let tree = repository.find_tree(self.checked_out(repository)?).map_err(failed)?;
        let repository = open::any(self.place)?;
        let mut index = repository.index().map_err(failed)?;
        index.read_tree(&tree).map_err(failed)?;
        index.write().map_err(failed)
    }

    /// Writes the files of what is checked out into a directory without any. What is staged stays so.
    fn fill(&self) -> Result<(), VcsError> {
        let repository = open::any(self.place)?;
        let failed = |e: git2::Error| git_in(&self.place.worktree, "writing files", &e);
        let tree = repository.find_tree(self.checked_out(&repository)?).map_err(failed)?;
        let mut index = repository.index().map_err(failed)?;
        index.read_tree(&tree).map_err(failed)?;
        let mut checkout = CheckoutBuilder::new();
        checkout.force().recreate_missing(true).update_index(false);
        repository.checkout_index(Some(&mut index), Some(&mut checkout)).map_err(failed)?;
        let marker = self.admin.join(FILLING);
        fs::remove_file(&marker).map_err(|e| VcsError::io("removing", &marker, &e))
    }

    /// The tree of what is checked out; that of the task's branch if it has no commit.
    fn checked_out(&self, repository: &Repository) -> Result<Oid, VcsError> {
        let failed = |e: git2::Error| git("reading what is checked out", &e);
        if let Ok(commit) = repository.head().and_then(|head| head.peel_to_commit()) {
            return Ok(commit.tree_id());
        }
        let branch = self.names.branch();
        let tip = refs::read(repository, &branch)?.ok_or_else(|| super::stage::gone(&branch))?;
        Ok(repository.find_commit(tip).map_err(failed)?.tree_id())
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// Whether there is an index, and it can be read.
fn is_readable(repository: &Repository) -> Result<bool, VcsError> {
    Ok(look(&index_path(repository))?.is_some_and(|found| found.len() > 0) && repository.index().is_ok())
}

/// Writes a file with one line in place of whatever is there, which must not be a directory.
fn write_line(path: &Path, before: &str, line: &Path) -> Result<(), VcsError> {
    let new = path.with_extension("restage-new");
    let failed = |e: std::io::Error| VcsError::io("writing", path, &e);
    if look(&new)?.is_some() {
        fs::remove_file(&new).map_err(failed)?;
    }
    let mut file = File::options().write(true).create_new(true).open(&new).map_err(failed)?;
    let text = [before.as_bytes(), line.as_os_str().as_bytes(), b"\n"].concat();
    file.write_all(&text).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&new, path)).map_err(failed)
}
