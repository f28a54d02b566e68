//! The content of a whole worktree, as an index in memory: tracked files as they are, and untracked ones that are not
//! ignored. It is never written, so `git status` in the worktree says what it said before.
//!
//! It is built from the difference between the index and the worktree, one file at a time, and not by `add_all`: one
//! file that git can't take would fail the whole, and what was left out could not be told.
//!
//! What is ignored is libgit2's answer. It takes a link to a directory for a directory where git does not: a rule such as
//! `build/` ignores a link `build` too. Submodules are as the index has them: their own content is not looked at.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{
    Delta, DiffOptions, ErrorCode, Index, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag, Oid, Repository, Tree,
};

use super::{Limits, VcsError, VcsProblem, git, git_in, special, unlink};
use crate::vcs::{Kept, Stays};

/// What is taken for the content of files that the index says to skip (sparse checkouts) and that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skipped {
    /// What the index has: they are not meant to be deleted by a commit.
    AsIndexed,
    /// Nothing: a snapshot is of what is there.
    Absent,
}

/// The content of a worktree.
pub(super) struct Content<'r> {
    repository: &'r Repository,
    worktree: PathBuf,
    index: Index,
    left_out: LeftOut,
    file_bytes_max: u64,
    listed_max: usize,
}

/// What is in the worktree and not in the content.
#[derive(Clone, Default)]
struct LeftOut {
    /// Of these it is known why.
    kept: Vec<(PathBuf, Stays)>,
    paths: BTreeSet<PathBuf>,
}

/// One file that is not as the index has it.
#[derive(Clone, Debug)]
pub(super) struct Difference {
    pub(super) what: Delta,
    pub(super) path: PathBuf,
}

impl<'r> Content<'r> {
    /// Begins with what is staged. The handle's own index is used and changed, so it must not be used for more.
    pub(super) fn begin(repository: &'r Repository, limits: &Limits, skipped: Skipped) -> Result<Self, VcsError> {
        let worktree = repository.workdir().unwrap_or(repository.path()).to_path_buf();
        let index = repository.index().map_err(|e| git("reading the index", &e))?;
        let mut content = Self {
            repository,
            worktree,
            index,
            left_out: LeftOut::default(),
            file_bytes_max: limits.file_bytes_max,
            listed_max: limits.listed_max,
        };
        content.unhide(skipped)?;
        Ok(content)
    }

    /// Takes a tree for what is staged, with what is known of the files that are the same.
    pub(super) fn read_tree(&mut self, tree: Oid) -> Result<(), VcsError> {
        let tree = self.repository.find_tree(tree).map_err(|e| git("reading a tree", &e))?;
        self.index.read_tree(&tree).map_err(|e| git("reading a tree", &e))
    }

    /// Clears the flags that keep git from looking at files.
    fn unhide(&mut self, skipped: Skipped) -> Result<(), VcsError> {
        let later = IndexEntryExtendedFlag::INTENT_TO_ADD.bits();
        let skip = IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
        let valid = IndexEntryFlag::VALID.bits();
        let flagged = |entry: &IndexEntry| entry.flags & valid != 0 || entry.flags_extended & (later | skip) != 0;
        let entries: Vec<IndexEntry> = self.index.iter().filter(flagged).collect();
        for mut entry in entries {
            let path = path_of(&entry.path);
            let is_there = self.is_file(&path)?;
            let failed = |e: git2::Error| git("reading the index", &e);
            if entry.flags_extended & later != 0 {
                self.index.remove_path(&path).map_err(failed)?;
                if is_there {
                    self.add(&path)?;
                }
            } else if is_there || entry.flags_extended & skip == 0 {
                entry.flags &= !valid;
                entry.flags_extended &= !skip;
                self.index.add(&entry).map_err(failed)?;
            } else if skipped == Skipped::Absent {
                self.index.remove_path(&path).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Looks at all files, and takes in those that are not as they were taken in. Answers with one of them; none when
    /// the content is what is there.
    pub(super) fn take_in(&mut self) -> Result<Option<PathBuf>, VcsError> {
        let differences = self.differences()?;
        for gone in differences.iter().filter(|d| d.what == Delta::Deleted) {
            self.index.remove_path(&gone.path).map_err(|e| git("reading the worktree", &e))?;
        }
        for there in differences.iter().filter(|d| d.what != Delta::Deleted) {
            if self.is_file(&there.path)? {
                self.add(&there.path)?;
            } else {
                self.index.remove_path(&there.path).map_err(|e| git("reading the worktree", &e))?;
            }
        }
        Ok(differences.into_iter().map(|d| d.path).find(|path| !self.left_out.paths.contains(path)))
    }

    /// The files that are not as the content has them, apart from what is left out.
    pub(super) fn differences(&mut self) -> Result<Vec<Difference>, VcsError> {
        let mut options = DiffOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(true);
        options.include_unreadable(true).ignore_submodules(true).skip_binary_check(true);
        let diff = self.repository.diff_index_to_workdir(Some(&self.index), Some(&mut options));
        let diff = diff.map_err(|e| git_in(&self.worktree, "reading the worktree", &e))?;
        let mut left_out = LeftOut::default();
        let mut differences = Vec::new();
        for delta in diff.deltas() {
            let file = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
            let Some(bytes) = file.path_bytes() else { continue };
            let (path, what) = (path_of(bytes), delta.status());
            let stays = match what {
                Delta::Unmodified => continue,
                Delta::Unreadable => return Err(unreadable(&self.worktree, &path)),
                Delta::Ignored => Some(Stays::Ignored),
                Delta::Untracked if bytes.ends_with(b"/") => Some(Stays::NestedRepository),
                Delta::Untracked if !can_be_named(bytes) => Some(Stays::Name),
                Delta::Untracked => self.too_large(&path)?,
                _ => None,
            };
            match stays {
                Some(stays) => left_out.add(path, stays),
                None => differences.push(Difference { what, path }),
            }
        }
        drop(diff);
        self.left_out = left_out;
        Ok(differences)
    }

    fn too_large(&self, path: &Path) -> Result<Option<Stays>, VcsError> {
        let size = unlink::found(&self.worktree, path)?.map_or(0, |found| found.len());
        Ok((size > self.file_bytes_max).then_some(Stays::TooLarge(size)))
    }

    /// Whether there is a file or a link at a path. To open anything else, a pipe for instance, could last for ever.
    fn is_file(&self, path: &Path) -> Result<bool, VcsError> {
        Ok(unlink::found(&self.worktree, path)?.is_some_and(|found| found.is_file() || found.is_symlink()))
    }

    /// Takes a file in, ignored or not, of any size.
    pub(super) fn add(&mut self, path: &Path) -> Result<(), VcsError> {
        if !self.is_file(path)? {
            return Ok(());
        }
        match self.index.add_path(path) {
            Ok(()) => Ok(()),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
            Err(error) => {
                let problem = VcsProblem::Unreadable { path: shown(path), why: error.message().to_owned() };
                Err(VcsError::new(problem, "make it readable, or remove it"))
            }
        }
    }

    /// Whether a file is part of the content.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.index.get_path(path, 0).is_some()
    }

    /// The content as a tree. One written from the index is read back and compared: an index can come with a note of a tree
    /// that it is not.
    pub(super) fn tree(&mut self) -> Result<Oid, VcsError> {
        let failed = |e: git2::Error| git("writing a tree", &e);
        let base = self.repository.head().and_then(|head| head.peel_to_tree()).ok();
        if let Some(tree) = base.and_then(|base| changed_tree(self.repository, &base, &self.index)) {
            debug_assert!(self.is_of(tree)?, "a tree made of the changes has them all");
            return Ok(tree);
        }
        let tree = self.index.write_tree().map_err(failed)?;
        if self.is_of(tree)? {
            return Ok(tree);
        }
        let entries: Vec<IndexEntry> = self.index.iter().collect();
        for entry in entries {
            self.index.add(&entry).map_err(failed)?;
        }
        let tree = self.index.write_tree().map_err(failed)?;
        if self.is_of(tree)? {
            return Ok(tree);
        }
        let problem = VcsProblem::Git { doing: "writing a tree", why: "it is not what was to be written".to_owned() };
        Err(VcsError::new(problem, "check the repository with `git fsck`"))
    }

    /// Whether a tree is the content.
    pub(super) fn is_of(&self, tree: Oid) -> Result<bool, VcsError> {
        let failed = |e: git2::Error| git("reading a tree", &e);
        let tree = self.repository.find_tree(tree).map_err(failed)?;
        let mut options = DiffOptions::new();
        options.skip_binary_check(true);
        let diff = self.repository.diff_tree_to_index(Some(&tree), Some(&self.index), Some(&mut options));
        Ok(diff.map_err(failed)?.deltas().len() == 0)
    }

    /// Makes the content what is staged.
    pub(super) fn stage(&mut self) -> Result<(), VcsError> {
        self.index.write().map_err(|e| git_in(&self.worktree, "writing the index", &e))
    }

    /// What is in the worktree and not in the content. Of what is ignored, the first few.
    pub(super) fn kept(&self) -> Result<Vec<Kept>, VcsError> {
        let mut kept = Vec::new();
        let mut ignored = Vec::new();
        for (path, why) in &self.left_out.kept {
            let list = if *why == Stays::Ignored { &mut ignored } else { &mut kept };
            list.push(Kept { path: shown(path), why: *why });
        }
        kept.extend(special::find(self.repository, &self.worktree, &self.index, self.listed_max)?);
        ignored.truncate(self.listed_max);
        kept.append(&mut ignored);
        Ok(kept)
    }
}

impl LeftOut {
    fn add(&mut self, path: PathBuf, why: Stays) {
        if self.paths.insert(path.clone()) {
            self.kept.push((path, why));
        }
    }
}

/// An index as a tree: the one that it mostly is, with what is otherwise. Written from the index as a whole, a directory
/// with one changed file has all its others looked up again. None where that can't be told in changes.
pub(super) fn changed_tree(repository: &Repository, base: &Tree<'_>, index: &Index) -> Option<Oid> {
    if index.has_conflicts() {
        return None;
    }
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).include_typechange(true);
    let diff = repository.diff_tree_to_index(Some(base), Some(index), Some(&mut options)).ok()?;
    let mut changes = TreeUpdateBuilder::new();
    for delta in diff.deltas() {
        if delta.status() == Delta::Deleted {
            changes.remove(delta.old_file().path_bytes()?);
        } else {
            let file = delta.new_file();
            changes.upsert(file.path_bytes()?, file.id(), file.mode());
        }
    }
    // It refuses a file where a directory was, and the other way round.
    changes.create_updated(repository, base).ok()
}

/// Whether git takes a file of this name: none that could be `.git` on some system.
pub(super) fn can_be_named(path: &[u8]) -> bool {
    let time = git2::IndexTime::new(0, 0);
    let (id, path) = (Oid::ZERO_SHA1, path.to_vec());
    let entry = IndexEntry {
        ctime: time,
        mtime: time,
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path,
    };
    Index::new().and_then(|mut index| index.add(&entry)).is_ok()
}

/// A path of git's.
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn unreadable(worktree: &Path, path: &Path) -> VcsError {
    let why = match std::fs::File::open(worktree.join(path)) {
        Ok(_) => "it could not be read".to_owned(),
        Err(error) => error.to_string(),
    };
    let problem = VcsProblem::Unreadable { path: shown(path), why };
    VcsError::new(problem, "make it readable, or remove it")
}
