//! Commits of completed stages.
//!
//! The commit is written first, then named by the stage's own ref, and only then does the branch move to it: the ref is
//! the note of what is under way. Asked again, the ref says which commit to finish, whatever the branch's last message
//! pretends.

use git2::{Oid, Repository, RepositoryState};

use super::content::{Content, Skipped};
use super::refs::{self, Names};
use super::{Git, VcsError, VcsProblem, git, oid, open, sync};
use crate::vcs::step::step;
use crate::vcs::{Candidate, CommitId, Place, StageCommit, TreeId};

impl Git {
    /// See [`Vcs::candidate`](crate::vcs::Vcs::candidate).
    pub(super) fn candidate_of(&self, place: &Place) -> Result<Candidate, VcsError> {
        let repository = open::worktree(place)?;
        let mut content = self.retried(|| self.to_commit(&repository))?;
        let tree = content.tree()?;
        Ok(Candidate { tree: tree.into(), changed: changed(&repository, tree)?, kept: content.kept()? })
    }

    /// See [`Vcs::commit_stage`](crate::vcs::Vcs::commit_stage).
    pub(super) fn commit_of(&self, place: &Place, stage: &StageCommit) -> Result<CommitId, VcsError> {
        step("commit-begun");
        let names = Names::of(place)?;
        let kept_at = names.stage(&stage.stage, stage.run)?;
        self.remove_locks(place, &[names.branch(), kept_at.clone()])?;
        let common = open::common(&place.common)?;
        if let Some(kept) = refs::read(&common, &kept_at)? {
            if self.is_of(&common, &names, stage, kept)? {
                return self.finish(place, &common, kept, None);
            }
            self.drop_ref(&common, &kept_at, kept)?;
        }

        let repository = open::worktree(place)?;
        let mut content = self.retried(|| self.to_commit(&repository))?;
        let tree = content.tree()?;
        if stage.expected.is_some_and(|expected| expected != tree.into()) {
            return Err(content_changed(tree));
        }
        let commit = self.commit_on(&common, &names.branch(), tree, &stage.message)?;
        step("commit-written");
        sync::objects(&place.common)?;
        self.make_ref(&common, &kept_at, commit)?;
        step("commit-kept");
        self.finish(place, &common, commit, Some(content))
    }

    /// What would be committed. Nothing may be under way in the worktree, and nothing unmerged.
    fn to_commit<'r>(&self, repository: &'r Repository) -> Result<Content<'r>, VcsError> {
        if let Some(what) = under_way(repository) {
            let hint = "finish it, or abort it, with git in the worktree; going back aborts it too";
            return Err(VcsError::new(VcsProblem::UnderWay(what.to_owned()), hint));
        }
        let index = repository.index().map_err(|e| git("reading the index", &e))?;
        if index.has_conflicts() {
            let hint = "resolve the conflicts in the worktree and stage the files";
            return Err(VcsError::new(VcsProblem::UnderWay("a merge with unmerged files".to_owned()), hint));
        }
        drop(index);
        let mut content = Content::begin(repository, &self.limits, Skipped::AsIndexed)?;
        content.take_in()?;
        Ok(content)
    }

    /// Writes a commit on top of a branch; the branch does not move.
    fn commit_on(&self, common: &Repository, branch: &str, tree: Oid, message: &str) -> Result<Oid, VcsError> {
        let failed = |e: git2::Error| git("writing a commit", &e);
        let tip = refs::read(common, branch)?.ok_or_else(|| gone(branch))?;
        let tip = common.find_commit(tip).map_err(failed)?;
        let tree = common.find_tree(tree).map_err(failed)?;
        let author = self.signature(common)?;
        common.commit(None, &author, &author, message, &tree, &[&tip]).map_err(failed)
    }

    /// Whether a commit that a crash left is the one that is asked for. Once the branch has it, another can't be had.
    fn is_of(&self, common: &Repository, names: &Names, stage: &StageCommit, kept: Oid) -> Result<bool, VcsError> {
        let commit = common.find_commit(kept).map_err(|e| git("reading a commit", &e))?;
        if stage.expected.is_none_or(|expected| expected == commit.tree_id().into()) {
            return Ok(true);
        }
        if refs::read(common, &names.branch())? == commit.parent_id(0).ok() {
            return Ok(false);
        }
        Err(content_changed(commit.tree_id()))
    }

    /// Moves the branch to a commit on top of it, and makes the commit what is staged: with what is known of its files,
    /// if that is `content`.
    fn finish(
        &self,
        place: &Place,
        common: &Repository,
        commit: Oid,
        content: Option<Content<'_>>,
    ) -> Result<CommitId, VcsError> {
        let found = common.find_commit(commit).map_err(|e| git("reading a commit", &e))?;
        let branch = Names::of(place)?.branch();
        let tip = refs::read(common, &branch)?.ok_or_else(|| gone(&branch))?;
        let went_on = common.graph_descendant_of(tip, commit).unwrap_or(false);
        if !went_on {
            let parent = found.parent_id(0).map_err(|e| git("reading a commit", &e))?;
            self.move_ref(common, &branch, parent, commit)?;
            step("commit-on-branch");
            self.stage_commit(place, found.tree_id(), content)?;
            step("commit-indexed");
        }
        sync::file_system(&place.common)?;
        Ok(commit.into())
    }

    fn stage_commit(&self, place: &Place, tree: Oid, content: Option<Content<'_>>) -> Result<(), VcsError> {
        if let Some(mut content) = content {
            return self.retried(|| content.stage());
        }
        let repository = open::worktree(place)?;
        let mut content = Content::begin(&repository, &self.limits, Skipped::AsIndexed)?;
        content.read_tree(tree)?;
        self.retried(|| content.stage())
    }
}

/// What git is in the middle of.
pub(super) fn under_way(repository: &Repository) -> Option<&'static str> {
    match repository.state() {
        RepositoryState::Clean => None,
        RepositoryState::Merge => Some("a merge"),
        RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
        RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("a cherry-pick"),
        RepositoryState::Bisect => Some("a bisection"),
        RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => Some("a rebase"),
        RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some("an applying of patches"),
    }
}

/// How many files a tree has otherwise than what is checked out.
fn changed(repository: &Repository, tree: Oid) -> Result<u64, VcsError> {
    let failed = |e: git2::Error| git("comparing trees", &e);
    let head = repository.head().and_then(|head| head.peel_to_tree()).map_err(failed)?;
    let tree = repository.find_tree(tree).map_err(failed)?;
    let diff = repository.diff_tree_to_tree(Some(&head), Some(&tree), None).map_err(failed)?;
    Ok(u64::try_from(diff.deltas().len()).unwrap_or(u64::MAX))
}

pub(super) fn gone(branch: &str) -> VcsError {
    let hint = "make it again with `git branch`: the stages' commits are under refs/restage/tasks";
    VcsError::new(VcsProblem::Moved { name: branch.to_owned() }, hint)
}

fn content_changed(now: Oid) -> VcsError {
    VcsError::new(VcsProblem::ContentChanged { now: TreeId::from(now) }, "look at the files again, then approve them")
}

/// The object ids of a commit that is there, and of its tree.
pub(super) fn commit_tree(repository: &Repository, commit: CommitId) -> Result<(Oid, Oid), VcsError> {
    let missing = |_| VcsError::new(VcsProblem::MissingCommit(commit), "");
    let found = repository.find_commit(oid(commit)).map_err(missing)?;
    Ok((found.id(), found.tree().map_err(missing)?.id()))
}
