//! Brings a worktree that has a branch checked out up to a commit that the branch moved to, if nobody's work is lost by it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{Index, IndexEntry, IndexTime, ObjectType, Oid, Repository, RepositoryOpenFlags, Tree};

use super::content::shown;
use super::plan::{Change, Obstacles, Plan};
use super::stage::under_way;
use super::unlink::{self, Then};
use super::{VcsError, VcsProblem, git_in, open, probe, sync, worktree};
use crate::vcs::step::step;

/// How many files are named when they are in the way.
const NAMED_MAX: usize = 20;

/// A worktree with the branch checked out: the user's main one, or any other.
pub(super) struct Behind {
    path: PathBuf,
}

/// One file as git has it: object and mode; none if it has none there.
type Known = Option<(Oid, u32)>;

impl Behind {
    /// All worktrees of a repository that have the branch with this full name checked out.
    pub(super) fn find(common: &Path, branch: &str) -> Result<Vec<Self>, VcsError> {
        let mut found = Vec::new();
        if open::head_branch(common)?.as_deref() == Some(branch) {
            let main = open::exactly(common, RepositoryOpenFlags::NO_DOTGIT)?;
            found.push(Self { path: probe::main_worktree(&main, common)? });
        }
        for other in worktree::registered(common)? {
            let path = other.link.as_deref().and_then(Path::parent).map(Path::to_path_buf);
            if let (Some(path), Some(head)) = (path, &other.branch)
                && head == branch
                && path.is_dir()
            {
                let repository = open::exactly(&path, RepositoryOpenFlags::empty())?;
                if !open::same(repository.path(), &common.join("worktrees").join(&other.name)) {
                    let what = "its .git file does not name the directory that names it".to_owned();
                    let problem = VcsProblem::Identity { worktree: path, what };
                    return Err(VcsError::new(problem, "put it right: git worktree repair"));
                }
                found.push(Self { path });
            }
        }
        Ok(found)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what is staged is as in `from` somewhere where `to` is otherwise, or the bringing up broke off.
    pub(super) fn is_behind(&self, from: Oid, to: Oid) -> Result<bool, VcsError> {
        let work = Work::begin(self, from, to)?;
        let index = work.index(&work.repository)?;
        for change in &work.plan.changes {
            let new = work.to.at(&change.path);
            if staged(&index, &change.path) != new || work.on_disk(&change.path)? != Some(new) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses when bringing the worktree from one commit to another would overwrite what is in neither. `again` allows
    /// for what an interrupted bringing up leaves: files that are gone.
    pub(super) fn check(&self, from: Oid, to: Oid, again: bool) -> Result<(), VcsError> {
        let work = Work::begin(self, from, to)?;
        if let Some(what) = under_way(&work.repository) {
            let hint = format!("finish it or abort it in {}", self.path.display());
            return Err(VcsError::new(VcsProblem::UnderWay(what.to_owned()), hint));
        }
        let lock = work.repository.path().join("index.lock");
        if unlink::look(&lock)?.is_some() {
            let problem = VcsProblem::Locked { place: self.path.clone(), what: lock.display().to_string() };
            return Err(VcsError::new(
                problem,
                "wait for the git command that runs there; if none does, remove the lock",
            ));
        }
        let mut in_the_way = BTreeSet::new();
        let mut fitting = BTreeSet::new();
        for change in &work.plan.changes {
            if work.fits(change, again)? { &mut fitting } else { &mut in_the_way }.insert(change.path.clone());
        }
        let obstacles = Obstacles::find(&work.repository, work.from.tree, &work.plan)?;
        let others = obstacles.to_save.into_iter().chain(obstacles.to_move);
        in_the_way.extend(others.filter(|path| !fitting.contains(path)));
        if in_the_way.is_empty() {
            return Ok(());
        }
        let mut files: Vec<String> = in_the_way.iter().take(NAMED_MAX).map(|path| shown(path)).collect();
        if in_the_way.len() > NAMED_MAX {
            files.push(format!("{} more", in_the_way.len() - NAMED_MAX));
        }
        let hint = format!("commit or stash them in {}, then merge again", self.path.display());
        Err(VcsError::new(VcsProblem::Uncommitted { worktree: self.path.clone(), files }, hint))
    }

    /// Writes what is different in `to`, files and index. HEAD is there already.
    pub(super) fn bring_up(&self, from: Oid, to: Oid) -> Result<(), VcsError> {
        let work = Work::begin(self, from, to)?;
        if work.plan.changes.is_empty() {
            return Ok(());
        }
        let failed = |e: git2::Error| git_in(&self.path, "bringing files up to the merge", &e);
        for change in &work.plan.changes {
            unlink::make_way(&self.path, &change.path, change.then)?;
            step("merge-file-unlinked");
        }
        let mut index = work.repository.index().map_err(failed)?;
        let mut checkout = CheckoutBuilder::new();
        checkout.force().recreate_missing(true).disable_pathspec_match(true);
        let mut writes = false;
        for change in &work.plan.changes {
            index.remove_path(&change.path).map_err(failed)?;
            if let Some((id, mode)) = work.to.at(&change.path) {
                index.add(&entry(&change.path, id, mode)).map_err(failed)?;
            }
            if change.then == Then::File {
                checkout.path(change.path.as_path());
                writes = true;
            }
        }
        // Without a path it would write all files.
        if writes {
            work.repository.checkout_index(Some(&mut index), Some(&mut checkout)).map_err(failed)?;
        }
        index.write().map_err(failed)?;
        sync::file_system(&self.path)
    }
}

/// A worktree, two commits, and what is different between them.
struct Work {
    repository: Repository,
    plan: Plan,
    from: Listing,
    to: Listing,
    /// A handle of its own: its index is changed to see what git would have for a file, and never written.
    scratch: Repository,
}

/// What a tree has at the paths of a plan.
struct Listing {
    tree: Oid,
    files: BTreeMap<PathBuf, (Oid, u32)>,
}

impl Work {
    fn begin(behind: &Behind, from: Oid, to: Oid) -> Result<Self, VcsError> {
        let repository = open::exactly(&behind.path, RepositoryOpenFlags::empty())?;
        let scratch = open::exactly(&behind.path, RepositoryOpenFlags::empty())?;
        let failed = |e: git2::Error| git_in(&behind.path, "reading the worktree", &e);
        let tree = |commit: Oid| repository.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed);
        let (plan, from, to) = {
            let (from, to) = (tree(from)?, tree(to)?);
            let plan = Plan::between(&repository, from.id(), to.id())?;
            let (from, to) = (Listing::of(&from, &plan), Listing::of(&to, &plan));
            (plan, from, to)
        };
        Ok(Self { repository, plan, from, to, scratch })
    }

    /// Whether a file is, in the index and on the disk, as one of the two commits has it.
    fn fits(&self, change: &Change, again: bool) -> Result<bool, VcsError> {
        let (old, new) = (self.from.at(&change.path), self.to.at(&change.path));
        let index = self.index(&self.repository)?;
        let staged = staged(&index, &change.path);
        let is_staged = staged == old || staged == new || (again && staged.is_none());
        let is_unmerged = (1..=3).any(|side| index.get_path(&change.path, side).is_some());
        let there = self.on_disk(&change.path)?;
        let is_there = there.is_some_and(|there| there == old || there == new || (again && there.is_none()));
        Ok(is_staged && is_there && !is_unmerged)
    }

    fn index(&self, repository: &Repository) -> Result<Index, VcsError> {
        repository.index().map_err(|e| git_in(self.root(), "reading the index", &e))
    }

    fn root(&self) -> &Path {
        self.repository.workdir().unwrap_or(self.repository.path())
    }

    /// What git would have for what is on the disk; none if it is nothing that git can have.
    fn on_disk(&self, path: &Path) -> Result<Option<Known>, VcsError> {
        let there = unlink::found(self.root(), path)?.filter(|found| !found.is_dir());
        let Some(found) = there else { return Ok(Some(None)) };
        if !found.is_file() && !found.is_symlink() {
            return Ok(None);
        }
        let mut index = self.index(&self.scratch)?;
        Ok(index.add_path(path).is_ok().then(|| staged(&index, path)))
    }
}

impl Listing {
    fn of(tree: &Tree<'_>, plan: &Plan) -> Self {
        let files = plan.changes.iter().filter_map(|change| {
            let entry = tree.get_path(&change.path).ok().filter(|entry| entry.kind() != Some(ObjectType::Tree))?;
            Some((change.path.clone(), (entry.id(), u32::try_from(entry.filemode()).ok()?)))
        });
        Self { tree: tree.id(), files: files.collect() }
    }

    fn at(&self, path: &Path) -> Known {
        self.files.get(path).copied()
    }
}

fn staged(index: &Index, path: &Path) -> Known {
    index.get_path(path, 0).map(|entry| (entry.id, entry.mode))
}

/// An entry of an index for a file that is not written yet.
fn entry(path: &Path, id: Oid, mode: u32) -> IndexEntry {
    use std::os::unix::ffi::OsStrExt as _;

    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_os_str().as_bytes().to_vec(),
    }
}
