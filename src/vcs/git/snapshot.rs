//! Snapshots: a commit that keeps the whole of a worktree, in the form that `git stash` gives its own.
//!
//! - Its tree is every file, tracked or not, as it was.
//! - Its first parent is what was checked out.
//! - Its second parent is what was staged: a commit with the index as its tree. What else must be kept hangs on that
//!   commit's further parents, where no git command looks and `git gc` does: the branch's tip if something else was
//!   checked out, and the index file itself if it said what no tree can (unmerged files, files to be added later, files
//!   not to be looked at). Its message names them.
//!
//! So one ref keeps everything, is made in one step, and is the note that the snapshot was taken: when it is there, no
//! second one is ever taken for the same number.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{Commit, Index, IndexEntry, IndexEntryExtendedFlag, IndexEntryFlag, ObjectType, Oid, Repository};

use super::content::{Content, Skipped, changed_tree};
use super::plan::{Obstacles, Plan};
use super::refs::{self, Names};
use super::{Git, VcsError, VcsProblem, git, open, sync};
use crate::vcs::step::step;
use crate::vcs::{Place, SnapshotKind};

/// Bits of an index entry's flags that tell the side of a conflict.
const STAGE_BITS: u16 = 0x3000;
const REGULAR_FILE: i32 = 0o100_644;
const BRANCH_TIP: &str = "Branch-Tip: ";
const INDEX_FILE: &str = "Index-File: ";
/// The name of the index file in the tree that keeps it.
const INDEX_NAME: &str = "index";

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) name: String,
    pub(super) commit: Oid,
    /// All files.
    pub(super) tree: Oid,
    /// Where the branch was.
    pub(super) tip: Oid,
    /// What was staged.
    pub(super) staged: Oid,
    /// The index file, if it said more than `staged`.
    pub(super) index_file: Option<Oid>,
}

/// What a snapshot is to say, and what it is taken before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Why<'a> {
    pub(super) number: u64,
    pub(super) kind: SnapshotKind,
    pub(super) message: &'a str,
    /// The files that will be written next: what is in their way is saved even if it is ignored.
    pub(super) before: Option<Oid>,
}

impl Saved {
    /// The snapshot with a number; none if none was taken.
    pub(super) fn read(common: &Repository, names: &Names, number: u64) -> Result<Option<Self>, VcsError> {
        let name = names.snapshot(number);
        let Some(id) = refs::read(common, &name)? else { return Ok(None) };
        let failed = |e: git2::Error| git("reading a snapshot", &e);
        let commit = common.find_commit(id).map_err(failed)?;
        let staged = commit.parent(1).map_err(failed)?;
        let message = String::from_utf8_lossy(staged.message_bytes()).into_owned();
        let named = |what| {
            let id = message.lines().find_map(|line| line.strip_prefix(what))?;
            Oid::from_str(id).ok()
        };
        let tip = named(BRANCH_TIP).map_or_else(|| commit.parent_id(0), Ok).map_err(failed)?;
        let index_file = named(INDEX_FILE);
        Ok(Some(Self { name, commit: id, tree: commit.tree_id(), tip, staged: staged.tree_id(), index_file }))
    }
}

impl Saved {
    /// The snapshot that was taken with this message, if it was taken. Its number alone does not tell: a task that was put
    /// back to an earlier backup counts on from there.
    ///
    /// # Errors
    /// [`VcsProblem::SnapshotTaken`] if the number is another one's.
    pub(super) fn taken(
        common: &Repository,
        names: &Names,
        number: u64,
        message: &str,
    ) -> Result<Option<Self>, VcsError> {
        let Some(saved) = Self::read(common, names, number)? else { return Ok(None) };
        let commit = common.find_commit(saved.commit).map_err(|e| git("reading a snapshot", &e))?;
        let rest = commit.message_bytes().strip_prefix(message.trim_end().as_bytes());
        if rest.is_some_and(|rest| rest.starts_with(b"\n")) {
            return Ok(Some(saved));
        }
        let hint = "the data folder is older than the repository, a backup perhaps: ask again, until a number is free";
        Err(VcsError::new(VcsProblem::SnapshotTaken(number), hint))
    }
}

impl Git {
    /// Takes a snapshot of a worktree, whatever is checked out or under way in it, and has it on the disk. The worktree
    /// is as it was afterwards.
    pub(super) fn save(&self, place: &Place, why: Why<'_>) -> Result<Saved, VcsError> {
        self.save_from(place, open::any(place)?, why)
    }

    /// The same with a handle on the worktree that nothing else was done with.
    pub(super) fn save_from(&self, place: &Place, repository: Repository, why: Why<'_>) -> Result<Saved, VcsError> {
        let failed = |e: git2::Error| git("writing a snapshot", &e);
        let names = Names::of(place)?;
        let common = open::common(&place.common)?;
        let tip = refs::read(&common, &names.branch())?.ok_or_else(|| super::stage::gone(&names.branch()))?;
        let head = repository.head().and_then(|head| head.peel_to_commit()).map(|commit| commit.id());
        let head = common.find_commit(head.unwrap_or(tip)).map_err(failed)?;
        let (staged, is_changed) = self.write_staged(place, &repository, &head, tip)?;
        let repository = if is_changed { open::any(place)? } else { repository };
        let mut content = Content::begin(&repository, &self.limits, Skipped::Absent)?;
        self.take_in_all(&mut content)?;
        let mut tree = content.tree()?;
        if let Some(next) = why.before {
            let plan = Plan::between(&repository, tree, next)?;
            let in_the_way = Obstacles::find(&repository, tree, &plan)?.to_save;
            if !in_the_way.is_empty() {
                in_the_way.iter().try_for_each(|path| content.add(path))?;
                self.take_in_all(&mut content)?;
                tree = content.tree()?;
            }
        }

        let author = self.signature(&repository)?;
        let message = message(&why, place, head.id(), tip);
        let (head, staged) = (repository.find_commit(head.id()), repository.find_commit(staged));
        let (head, staged) = (head.map_err(failed)?, staged.map_err(failed)?);
        let tree = repository.find_tree(tree).map_err(failed)?;
        let commit = repository.commit(None, &author, &author, &message, &tree, &[&head, &staged]).map_err(failed)?;
        step("snapshot-written");
        sync::objects(&place.common)?;
        self.make_ref(&common, &names.snapshot(why.number), commit)?;
        step("snapshot-kept");
        let saved = Saved::read(&common, &names, why.number)?;
        let missing = || VcsError::new(VcsProblem::NoSnapshot(why.number), "");
        saved.ok_or_else(missing)
    }

    /// Takes further files of the worktree into a snapshot: its ref moves to one that has them too.
    pub(super) fn extend(&self, place: &Place, saved: Saved, more: &[PathBuf]) -> Result<Saved, VcsError> {
        let failed = |e: git2::Error| git("adding to a snapshot", &e);
        let repository = open::any(place)?;
        let mut content = Content::begin(&repository, &self.limits, Skipped::Absent)?;
        content.read_tree(saved.tree)?;
        for path in more {
            content.add(path)?;
            if !content.has(path) {
                return Err(still_writing(path));
            }
        }
        let tree = content.tree()?;
        let before = repository.find_commit(saved.commit).map_err(failed)?;
        let parents: Vec<Commit<'_>> = before.parents().collect();
        let parents: Vec<&Commit<'_>> = parents.iter().collect();
        let message = String::from_utf8_lossy(before.message_bytes()).into_owned();
        let found = repository.find_tree(tree).map_err(failed)?;
        let (author, committer) = (before.author(), before.committer());
        let commit = repository.commit(None, &author, &committer, &message, &found, &parents).map_err(failed)?;
        sync::objects(&place.common)?;
        self.move_ref(&open::common(&place.common)?, &saved.name, saved.commit, commit)?;
        step("extra-kept");
        Ok(Saved { commit, tree, ..saved })
    }

    /// Takes in what is there until nothing changes any more.
    fn take_in_all(&self, content: &mut Content<'_>) -> Result<(), VcsError> {
        let mut changing = content.take_in()?;
        for _ in 0..self.limits.still_tries {
            changing = content.take_in()?;
            if changing.is_none() {
                return Ok(());
            }
            std::thread::sleep(self.limits.still_wait);
        }
        match changing {
            None => Ok(()),
            Some(path) => Err(still_writing(&path)),
        }
    }

    /// Writes the commit of what is staged, and what hangs on it. Also says whether the handle's index was
    /// changed for it.
    fn write_staged(
        &self,
        place: &Place,
        repository: &Repository,
        head: &Commit<'_>,
        tip: Oid,
    ) -> Result<(Oid, bool), VcsError> {
        let failed = |e: git2::Error| git("saving what is staged", &e);
        let mut index = repository.index().map_err(failed)?;
        let author = self.signature(repository)?;
        let mut parents = vec![head.id()];
        let mut message = format!("what was staged on {}\n\n{BRANCH_TIP}{tip}\n", place.branch);
        if tip != head.id() {
            parents.push(tip);
        }
        let mut says_more = Vec::new();
        simplify(&mut index, &mut says_more)?;
        let changed = head.tree().ok().and_then(|base| changed_tree(repository, &base, &index));
        let tree = match changed.map_or_else(|| index.write_tree(), Ok) {
            Ok(tree) => tree,
            // Entries of objects that are not there, for instance.
            Err(_) => {
                says_more.push(None);
                head.tree_id()
            }
        };
        if !says_more.is_empty() {
            let (file, commit) = keep_index_file(repository, &says_more, &author)?;
            message += &format!("{INDEX_FILE}{file}\n");
            parents.push(commit);
        }
        let tree = repository.find_tree(tree).map_err(failed)?;
        let parents = parents.into_iter().map(|id| repository.find_commit(id)).collect::<Result<Vec<_>, _>>();
        let parents = parents.map_err(failed)?;
        let parents: Vec<&Commit<'_>> = parents.iter().collect();
        let commit = repository.commit(None, &author, &author, &message, &tree, &parents).map_err(failed)?;
        Ok((commit, !says_more.is_empty()))
    }
}

/// Leaves of an index what a tree can hold: of unmerged files our side. What it said beyond that is added to
/// `says_more`, with the object of each side of a conflict.
fn simplify(index: &mut Index, says_more: &mut Vec<Option<Oid>>) -> Result<(), VcsError> {
    let failed = |e: git2::Error| git("saving what is staged", &e);
    let conflicts = index.conflicts().map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    for conflict in conflicts {
        let sides = [&conflict.ancestor, &conflict.our, &conflict.their].map(Option::as_ref);
        says_more.extend(sides.iter().flatten().map(|side| Some(side.id)));
        if let Some(any) = sides.iter().flatten().next() {
            index.remove_path(&super::content::path_of(&any.path)).map_err(failed)?;
        }
        if let Some(mut ours) = conflict.our {
            ours.flags &= !STAGE_BITS;
            index.add(&ours).map_err(failed)?;
        }
    }
    let later = IndexEntryExtendedFlag::INTENT_TO_ADD.bits();
    let hidden = IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
    let valid = IndexEntryFlag::VALID.bits();
    let flagged = |e: &IndexEntry| e.flags & valid != 0 || e.flags_extended & (later | hidden) != 0;
    let entries: Vec<IndexEntry> = index.iter().filter(flagged).collect();
    for entry in entries {
        says_more.push(None);
        if entry.flags_extended & later != 0 {
            index.remove_path(&super::content::path_of(&entry.path)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Keeps the index file as it is, with the objects that it alone names, in a commit without parents.
fn keep_index_file(
    repository: &Repository,
    objects: &[Option<Oid>],
    author: &git2::Signature<'_>,
) -> Result<(Oid, Oid), VcsError> {
    let failed = |e: git2::Error| git("saving the index file", &e);
    let path = index_path(repository);
    let bytes = fs::read(&path).map_err(|e| VcsError::io("reading", &path, &e))?;
    let file = repository.blob(&bytes).map_err(failed)?;
    let mut tree = repository.treebuilder(None).map_err(failed)?;
    tree.insert(INDEX_NAME, file, REGULAR_FILE).map_err(failed)?;
    let odb = repository.odb().map_err(failed)?;
    for object in objects.iter().flatten() {
        if odb.read_header(*object).is_ok_and(|(_, kind)| kind == ObjectType::Blob) {
            tree.insert(object.to_string(), *object, REGULAR_FILE).map_err(failed)?;
        }
    }
    let tree = tree.write().and_then(|id| repository.find_tree(id)).map_err(failed)?;
    let commit = repository.commit(None, author, author, "the index file\n", &tree, &[]).map_err(failed)?;
    Ok((file, commit))
}

/// Where the index of a worktree is.
pub(super) fn index_path(repository: &Repository) -> PathBuf {
    repository.path().join("index")
}

/// The message of a snapshot: what the caller says, and what git people want to know.
fn message(why: &Why<'_>, place: &Place, head: Oid, tip: Oid) -> String {
    let kind = match why.kind {
        SnapshotKind::Restart => "restart",
        SnapshotKind::Undo => "undo",
        SnapshotKind::Cleanup => "cleanup",
    };
    let said = why.message.trim_end();
    let gap = if said.contains("\n\n") { "\n" } else { "\n\n" };
    format!("{said}{gap}Kind: {kind}\nBranch: {}\n{BRANCH_TIP}{tip}\nHead: {head}\n", place.branch)
}

pub(super) fn still_writing(path: &Path) -> VcsError {
    let problem = VcsProblem::StillWriting(super::content::shown(path));
    VcsError::new(problem, "end the program that writes there, then try again")
}
