//! Going back: what is there is kept, and only then replaced.
//!
//! 1. What a crash or an agent left broken is mended ([`mend`](super::mend)).
//! 2. The snapshot is taken, verified and on the disk. Its ref is the note of what is under way: asked again, everything
//!    below starts over from it, and ends the same.
//! 3. `HEAD` leaves the branch for the target. Whatever is not as the target has it is unlinked, then written anew, so
//!    that nothing is ever written through a link. (libgit2 takes what is checked out for what the files were, so `HEAD`
//!    must be at the target before files are written.)
//! 4. The worktree is compared with the target. What only now turns out to be untracked, because the target ignores less,
//!    is added to the snapshot and removed.
//! 5. The index, then the branch, by compare-and-swap, then `HEAD` are put where they belong, and everything is synced.
//!
//! Syncing is one `syncfs` before anything is removed and one after everything is written, and not an `fsync` for each
//! file: see [`sync`].

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{Delta, Oid, Repository};

use super::content::{Content, Skipped};
use super::plan::{Obstacles, Plan};
use super::refs::{self, Names};
use super::snapshot::{Saved, Why, index_path, still_writing};
use super::stage::{commit_tree, gone, under_way};
use super::unlink::{self, Then};
use super::{Git, VcsError, VcsProblem, git, git_in, open, sync};
use crate::vcs::step::step;
use crate::vcs::{CommitId, GoBack, Kept, Place, To, WentBack};

/// How often what the target does not ignore is looked for: each time, rules that were removed uncover more.
const ROUNDS_MAX: usize = 32;
/// How many names are tried for what is set aside.
const SET_ASIDE_MAX: usize = 1_000;

/// Where to go back to, with everything that is needed for it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// A commit with the files.
    commit: Oid,
    pub(super) tree: Oid,
    /// Where the branch is to be.
    pub(super) tip: Oid,
    staged: Oid,
    index_file: Option<Oid>,
}

impl Target {
    pub(super) fn find(common: &Repository, names: &Names, to: &To) -> Result<Self, VcsError> {
        match to {
            To::Commit(id) => {
                let (commit, tree) = commit_tree(common, *id)?;
                Ok(Self { commit, tree, tip: commit, staged: tree, index_file: None })
            }
            To::Snapshot(number) => {
                let missing = || {
                    let hint = "it was let go: choose one that is listed";
                    VcsError::new(VcsProblem::NoSnapshot(*number), hint)
                };
                let Saved { commit, tree, tip, staged, index_file, .. } =
                    Saved::read(common, names, *number)?.ok_or_else(missing)?;
                commit_tree(common, CommitId::from(tip))?;
                Ok(Self { commit, tree, tip, staged, index_file })
            }
        }
    }

    /// Checks that the branch, which is at `tip`, can go there: all that will be written can be read, and a commit is
    /// part of the branch. One that was rewritten away is gone back to as well, if the task has it from before: nothing
    /// is lost by that, and it is said.
    pub(super) fn check(
        &self,
        common: &Repository,
        place: &Place,
        to: &To,
        tip: Oid,
    ) -> Result<Option<String>, VcsError> {
        let (_, tree) = commit_tree(common, CommitId::from(tip))?;
        Plan::between(common, tree, self.tree)?.check(common, self.commit)?;
        let To::Commit(commit) = to else { return Ok(None) };
        if tip == self.commit || common.graph_descendant_of(tip, self.commit).unwrap_or(false) {
            return Ok(None);
        }
        if refs::under(common, &Names::of(place)?.all())?.iter().any(|(_, kept)| *kept == self.commit) {
            let branch = &place.branch;
            return Ok(Some(format!("the history of {branch} was rewritten: {commit} was no longer part of it")));
        }
        let problem = VcsProblem::NotAnAncestor { commit: *commit, branch: place.branch.clone() };
        Err(VcsError::new(problem, "its history was rewritten: choose a commit that is part of it"))
    }
}

impl Git {
    /// See [`Vcs::go_back`](crate::vcs::Vcs::go_back).
    pub(super) fn go_back_to(&self, place: &Place, request: &GoBack) -> Result<WentBack, VcsError> {
        step("back-begun");
        let names = Names::of(place)?;
        let common = open::common(&place.common)?;
        let target = Target::find(&common, &names, &request.to)?;
        let tip = refs::read(&common, &names.branch())?.ok_or_else(|| gone(&names.branch()))?;
        let taken = Saved::taken(&common, &names, request.number, &request.message)?;
        let rewritten = match &taken {
            None => target.check(&common, place, &request.to, tip)?,
            Some(saved) if [saved.tip, target.tip].contains(&tip) => None,
            Some(_) => return Err(moved(&names.branch())),
        };

        let (repository, mut notes) = self.mend_and_open(place, request.number)?;
        notes.extend(rewritten);
        step("back-mended");
        let saved = match taken {
            Some(saved) => {
                if let Some(kept) = self.is_at(place, &target)? {
                    self.sync(place)?;
                    return Ok(went_back(saved, &target, kept, notes));
                }
                saved
            }
            None => {
                notes.extend(unusual(place)?);
                let why = Why {
                    number: request.number,
                    kind: request.kind,
                    message: &request.message,
                    before: Some(target.tree),
                };
                self.save_from(place, repository, why)?
            }
        };
        let plan = Plan::between(&common, saved.tree, target.tree)?;
        plan.check(&common, target.commit)?;

        let repository = open::any(place)?;
        self.let_go_of_branch(&repository, &target)?;
        notes.extend(unlink(place, &repository, request.number, &saved, &plan)?);
        self.write_files(&repository, &target, &plan)?;
        let (saved, kept) = self.verify(place, &repository, saved, &target)?;
        self.stage_target(&repository, &target)?;
        self.move_ref(&common, &names.branch(), saved.tip, target.tip)?;
        step("back-on-branch");
        self.take_branch(&repository, &names.branch())?;
        self.sync(place)?;
        step("back-durable");
        Ok(went_back(saved, &target, kept, notes))
    }

    /// Ends what is under way, and puts `HEAD` to the target without a branch.
    fn let_go_of_branch(&self, repository: &Repository, target: &Target) -> Result<(), VcsError> {
        let failed = |doing, e: git2::Error| git_in(repository.path(), doing, &e);
        self.retried(|| repository.cleanup_state().map_err(|e| failed("ending what is under way", e)))?;
        step("back-settled");
        self.retried(|| repository.set_head_detached(target.commit).map_err(|e| failed("moving HEAD", e)))?;
        step("back-detached");
        Ok(())
    }

    /// Writes what the target has otherwise, and makes its tree what is staged.
    fn write_files(&self, repository: &Repository, target: &Target, plan: &Plan) -> Result<(), VcsError> {
        self.retried(|| {
            let failed = |e: git2::Error| git_in(repository.path(), "writing files", &e);
            let tree = repository.find_tree(target.tree).map_err(failed)?;
            let mut index = repository.index().map_err(failed)?;
            index.read_tree(&tree).map_err(failed)?;
            let mut checkout = CheckoutBuilder::new();
            checkout.force().recreate_missing(true).disable_pathspec_match(true);
            let mut is_empty = true;
            for path in plan.to_write() {
                checkout.path(path);
                is_empty = false;
            }
            if is_empty {
                return index.write().map_err(failed);
            }
            repository.checkout_index(Some(&mut index), Some(&mut checkout)).map_err(failed)
        })?;
        step("back-files");
        Ok(())
    }

    /// Compares the worktree with the target, and removes what is untracked there once it is saved.
    fn verify(
        &self,
        place: &Place,
        repository: &Repository,
        mut saved: Saved,
        target: &Target,
    ) -> Result<(Saved, Vec<Kept>), VcsError> {
        let mut content = Content::begin(repository, &self.limits, Skipped::Absent)?;
        for _ in 0..ROUNDS_MAX {
            let differences = content.differences()?;
            if let Some(wrong) = differences.iter().find(|d| d.what != Delta::Untracked) {
                return Err(still_writing(&wrong.path));
            }
            if differences.is_empty() {
                if !content.is_of(target.tree)? {
                    return Err(still_writing(&index_path(repository)));
                }
                step("back-verified");
                return Ok((saved, content.kept()?));
            }
            let extra: Vec<PathBuf> = differences.into_iter().map(|d| d.path).collect();
            saved = self.extend(place, saved, &extra)?;
            for path in &extra {
                unlink::make_way(&place.worktree, path, Then::Nothing)?;
            }
        }
        Err(still_writing(&place.worktree))
    }

    /// Makes what was staged in the target what is staged.
    fn stage_target(&self, repository: &Repository, target: &Target) -> Result<(), VcsError> {
        if let Some(file) = target.index_file {
            let blob = repository.find_blob(file).map_err(|e| git("reading the index of a snapshot", &e))?;
            self.retried(|| write_index(&index_path(repository), blob.content()))?;
        } else if target.staged != target.tree {
            let mut content = Content::begin(repository, &self.limits, Skipped::Absent)?;
            content.read_tree(target.staged)?;
            self.retried(|| content.stage())?;
        }
        step("back-indexed");
        Ok(())
    }

    /// Puts `HEAD` on the task's branch.
    fn take_branch(&self, repository: &Repository, branch: &str) -> Result<(), VcsError> {
        self.retried(|| {
            let moved = repository.reference_symbolic("HEAD", branch, true, "restage: went back");
            moved.map(drop).map_err(|e| git_in(repository.path(), "moving HEAD", &e))
        })?;
        step("back-head");
        Ok(())
    }

    /// Whether everything is as the target has it; then, what is there beside it.
    fn is_at(&self, place: &Place, target: &Target) -> Result<Option<Vec<Kept>>, VcsError> {
        let repository = open::any(place)?;
        let branch = refs::read(&open::common(&place.common)?, &Names::of(place)?.branch())?;
        let is_settled = under_way(&repository).is_none() && open::head_is_elsewhere(&repository, place)?.is_none();
        if !is_settled || branch != Some(target.tip) {
            return Ok(None);
        }
        let is_staged = match target.index_file {
            Some(file) => {
                let blob = repository.find_blob(file).map_err(|e| git("reading the index of a snapshot", &e))?;
                fs::read(index_path(&repository)).is_ok_and(|bytes| bytes == blob.content())
            }
            None => {
                let tree = repository.find_tree(target.staged).map_err(|e| git("reading a tree", &e))?;
                let diff = repository.diff_tree_to_index(Some(&tree), None, None);
                diff.map_err(|e| git("reading the index", &e))?.deltas().len() == 0
            }
        };
        if !is_staged {
            return Ok(None);
        }
        let mut content = Content::begin(&repository, &self.limits, Skipped::Absent)?;
        content.read_tree(target.tree)?;
        let is_same = content.differences()?.is_empty();
        if is_same { content.kept().map(Some) } else { Ok(None) }
    }

    /// Has files, index and refs on the disk.
    fn sync(&self, place: &Place) -> Result<(), VcsError> {
        sync::file_system(&place.common)?;
        let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
        if device(&place.common) != device(&place.worktree) {
            sync::file_system(&place.worktree)?;
        }
        Ok(())
    }
}

/// Moves nested repositories out of the way, and unlinks whatever is not as in the target.
fn unlink(
    place: &Place,
    repository: &Repository,
    number: u64,
    saved: &Saved,
    plan: &Plan,
) -> Result<Vec<String>, VcsError> {
    let mut notes = Vec::new();
    let obstacles = Obstacles::find(repository, saved.tree, plan)?;
    for path in &obstacles.to_move {
        notes.push(set_aside(place, number, path)?);
    }
    let lost = |path: &PathBuf| format!("{} was a socket or a pipe in the way and is gone", path.display());
    notes.extend(obstacles.to_lose.iter().map(lost));
    for change in &plan.changes {
        unlink::make_way(&place.worktree, &change.path, change.then)?;
        step("file-unlinked");
    }
    step("back-unlinked");
    Ok(notes)
}

fn went_back(saved: Saved, target: &Target, kept: Vec<Kept>, notes: Vec<String>) -> WentBack {
    WentBack {
        snapshot: saved.commit.into(),
        snapshot_ref: saved.name,
        from: saved.tip.into(),
        to: target.tip.into(),
        kept,
        notes,
    }
}

/// What will end by going back.
pub(super) fn unusual(place: &Place) -> Result<Vec<String>, VcsError> {
    let repository = open::any(place)?;
    let mut notes = Vec::new();
    if let Some(what) = under_way(&repository) {
        notes.push(format!("{what} was under way"));
    }
    notes.extend(open::head_is_elsewhere(&repository, place)?);
    Ok(notes)
}

/// Moves something that is neither saved nor to be lost into a new directory beside the worktree, where nothing else
/// than ours is. Answers with a note.
pub(super) fn set_aside(place: &Place, number: u64, path: &Path) -> Result<String, VcsError> {
    let from = place.worktree.join(path);
    let failed = |e: std::io::Error| VcsError::io("moving aside", &from, &e);
    for copy in 1..=SET_ASIDE_MAX {
        let mut name = place.worktree.file_name().unwrap_or_default().to_os_string();
        name.push(if copy == 1 { format!(".aside-{number}") } else { format!(".aside-{number}-{copy}") });
        let beside = place.worktree.with_file_name(name);
        match fs::create_dir(&beside) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => {
                made.map_err(failed)?;
                let to = beside.join(path.file_name().unwrap_or(path.as_os_str()));
                fs::rename(&from, &to).map_err(failed)?;
                return Ok(format!("{} was in the way and is now {}", path.display(), to.display()));
            }
        }
    }
    Err(failed(std::io::ErrorKind::AlreadyExists.into()))
}

/// Writes an index file the way git does: a lock, then a rename.
fn write_index(path: &Path, bytes: &[u8]) -> Result<(), VcsError> {
    let lock = path.with_extension("lock");
    let mut file = match File::options().write(true).create_new(true).open(&lock) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let problem = VcsProblem::Locked { place: path.to_path_buf(), what: lock.display().to_string() };
            return Err(VcsError::new(problem, "wait for the git command that runs there"));
        }
        Err(error) => return Err(VcsError::io("making", &lock, &error)),
    };
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&lock, path));
    written.map_err(|e| VcsError::io("writing", path, &e))
}

fn moved(name: &str) -> VcsError {
    let hint = "it was moved while going back was under way: go back once more, with what is there now saved first";
    VcsError::new(VcsProblem::Moved { name: name.to_owned() }, hint)
}
