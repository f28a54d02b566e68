//! Merging a task's branch into its base: in memory, then one compare-and-swap, then the files of whoever has the base
//! checked out.
//!
//! The base moves before those files do. A crash between leaves a worktree that seems to take the merge back; asked
//! again, the merge is found by its parents and trailers and the files are brought up. The other order could leave files
//! of a merge that never came to be.

use std::collections::HashSet;

use git2::{Commit, Index, Oid, Repository};

use super::catch_up::Behind;
use super::refs::{self, Names};
use super::{Git, VcsError, VcsProblem, git, oid, open, sync};
use crate::vcs::step::step;
use crate::vcs::{MergeRequest, Merged, Place};

impl Git {
    /// See [`Vcs::merge`](crate::vcs::Vcs::merge).
    pub(super) fn merge_into(&self, place: &Place, request: &MergeRequest) -> Result<Merged, VcsError> {
        step("merge-begun");
        let names = Names::of(place)?;
        let repository = open::common(&place.common)?;
        let (base_ref, commit) = (refs::branch(&request.base), oid(request.commit));
        let Some(base) = refs::read(&repository, &base_ref)? else {
            let hint = "make the branch again, or choose another to merge into";
            return Err(VcsError::new(VcsProblem::NoBase(request.base.clone()), hint));
        };
        if let Some(before) = self.merged_before(&repository, base, commit, &request.message)? {
            let notes = self.bring_up_again(place, &repository, &base_ref, base, before)?;
            return Ok(Merged { commit: before.into(), already: true, notes });
        }
        if refs::read(&repository, &names.branch())? != Some(commit) {
            let hint = "look at what is on the branch now, and approve it first";
            return Err(VcsError::new(VcsProblem::Moved { name: names.branch() }, hint));
        }
        if base == commit || repository.graph_descendant_of(base, commit).unwrap_or(false) {
            let notes =
                vec![format!("{} has all of {} already: there is nothing to merge", request.base, place.branch)];
            return Ok(Merged { commit: base.into(), already: true, notes });
        }
        let merge = self.merge_commit(&repository, base, commit, request)?;
        step("merge-written");
        let behind = Behind::find(&place.common, &base_ref)?;
        for worktree in &behind {
            self.retried(|| worktree.check(base, merge, false))?;
        }
        sync::objects(&place.common)?;
        self.swap_ref(&repository, &base_ref, (base, merge), &format!("restage: merge {}", place.branch))?;
        step("merge-on-base");
        let notes = self.bring_up(&behind, base, merge)?;
        Ok(Merged { commit: merge.into(), already: false, notes })
    }

    /// Writes the merge commit, which nothing names yet.
    fn merge_commit(
        &self,
        repository: &Repository,
        base: Oid,
        commit: Oid,
        request: &MergeRequest,
    ) -> Result<Oid, VcsError> {
        let failed = |e: git2::Error| git("merging", &e);
        let find = |id: Oid| repository.find_commit(id).map_err(failed);
        let (ours, theirs) = (find(base)?, find(commit)?);
        if repository.merge_base(base, commit).is_err() {
            let why = format!("the task's branch and {} have no history in common", request.base);
            let hint = "the branch's history was rewritten: go back to a commit of its own, or merge by hand";
            return Err(VcsError::new(VcsProblem::Git { doing: "merging", why }, hint));
        }
        let mut merged = repository.merge_commits(&ours, &theirs, None).map_err(failed)?;
        let files = self.conflicts(&merged)?;
        if !files.is_empty() {
            let hint =
                "merge the base into the task's branch in its worktree, resolve the conflicts there, and try again";
            return Err(VcsError::new(VcsProblem::MergeConflict { base: request.base.clone(), files }, hint));
        }
        let tree = merged.write_tree_to(repository).and_then(|id| repository.find_tree(id)).map_err(failed)?;
        let author = self.signature(repository)?;
        repository.commit(None, &author, &author, &request.message, &tree, &[&ours, &theirs]).map_err(failed)
    }

    /// The files with conflicts, the first few: those that libgit2 tells, and files of one side where the other has a
    /// directory, which it does not.
    fn conflicts(&self, merged: &Index) -> Result<Vec<String>, VcsError> {
        let mut files = Vec::new();
        for conflict in merged.conflicts().map_err(|e| git("reading conflicts", &e))? {
            let conflict = conflict.map_err(|e| git("reading conflicts", &e))?;
            let sides = [conflict.our, conflict.their, conflict.ancestor];
            files.extend(
                sides.into_iter().flatten().map(|side| String::from_utf8_lossy(&side.path).into_owned()).next(),
            );
        }
        let paths: HashSet<Vec<u8>> = merged.iter().map(|entry| entry.path).collect();
        for path in &paths {
            let above = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at]);
            let collisions = above.filter(|above| paths.contains(*above));
            files.extend(collisions.map(|path| String::from_utf8_lossy(path).into_owned()));
        }
        files.sort();
        files.dedup();
        files.truncate(self.limits.listed_max);
        Ok(files)
    }

    /// The merge of this commit on the first-parent line of the base, from before a crash. That a message looks like it
    /// is not enough: its second parent must be the commit.
    fn merged_before(
        &self,
        repository: &Repository,
        base: Oid,
        commit: Oid,
        message: &str,
    ) -> Result<Option<Oid>, VcsError> {
        if !repository.graph_descendant_of(base, commit).unwrap_or(false) {
            return Ok(None);
        }
        let wanted = trailers(message);
        self.first_parents(repository, base, |candidate: &Commit<'_>| {
            let is_it = candidate.parent_count() == 2
                && candidate.parent_id(1) == Ok(commit)
                && trailers(&String::from_utf8_lossy(candidate.message_bytes())) == wanted;
            is_it.then(|| candidate.id())
        })
    }

    /// Brings up the worktrees that a crash after the merge left behind.
    fn bring_up_again(
        &self,
        place: &Place,
        repository: &Repository,
        base_ref: &str,
        base: Oid,
        merge: Oid,
    ) -> Result<Vec<String>, VcsError> {
        if base != merge {
            return Ok(vec!["the base went on since the merge".to_owned()]);
        }
        let before =
            repository.find_commit(merge).and_then(|merge| merge.parent_id(0)).map_err(|e| git("merging", &e))?;
        let mut behind = Behind::find(&place.common, base_ref)?;
        behind.retain(|worktree| worktree.is_behind(before, merge).unwrap_or(true));
        for worktree in &behind {
            self.retried(|| worktree.check(before, merge, true))?;
        }
        self.bring_up(&behind, before, merge)
    }

    /// Writes the merged files where the base is checked out.
    fn bring_up(&self, behind: &[Behind], from: Oid, to: Oid) -> Result<Vec<String>, VcsError> {
        let mut notes = Vec::new();
        for worktree in behind {
            self.retried(|| worktree.bring_up(from, to))?;
            notes.push(format!("the files in {} were brought up to the merge", worktree.path().display()));
        }
        step("merge-brought-up");
        Ok(notes)
    }
}

/// The trailers of a message, in their order.
fn trailers(message: &str) -> Vec<(String, String)> {
    let Ok(found) = git2::message_trailers_strs(message) else { return Vec::new() };
    found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
