//! Differences as patches, bounded and with a clear mark where they are cut.

use git2::{Diff, DiffFile, DiffFindOptions, DiffFormat, DiffOptions, Oid, Repository, Tree};

use super::{Git, VcsError, VcsProblem, git, git_in, oid, open};
use crate::vcs::{CommitId, DiffRange, Place};

/// Files larger than this are named and not shown.
const SHOWN_BYTES_MAX: i64 = 2 << 20;
/// How many renamed files are looked for by content: the work grows with the square.
const RENAMES_MAX: usize = 200;
/// Where a patch ends that is longer than was asked for.
const CUT: &str = "\n[the patch goes on: it was cut here]\n";

impl Git {
    /// See [`Vcs::diff`](crate::vcs::Vcs::diff).
    pub(super) fn patch(&self, place: &Place, range: &DiffRange, bytes_max: usize) -> Result<String, VcsError> {
        let failed = |e: git2::Error| git_in(&place.worktree, "comparing", &e);
        let mut options = DiffOptions::new();
        options.max_size(SHOWN_BYTES_MAX).ignore_submodules(true).include_typechange(true);
        match range {
            DiffRange::Between(from, to) => {
                let repository = open::common(&place.common)?;
                let (from, to) = (tree(&repository, *from)?, tree(&repository, *to)?);
                let diff = repository.diff_tree_to_tree(Some(&from), Some(&to), Some(&mut options)).map_err(failed)?;
                printed(diff, bytes_max)
            }
            DiffRange::Worktree(from) => {
                let repository = open::any(place)?;
                let from = tree(&repository, *from)?;
                options.include_untracked(true).recurse_untracked_dirs(true).show_untracked_content(true);
                let diff = repository.diff_tree_to_workdir_with_index(Some(&from), Some(&mut options));
                printed(diff.map_err(failed)?, bytes_max)
            }
        }
    }
}

fn tree(repository: &Repository, commit: CommitId) -> Result<Tree<'_>, VcsError> {
    let id: Oid = oid(commit);
    repository
        .find_commit(id)
        .and_then(|commit| commit.tree())
        .map_err(|_| VcsError::new(VcsProblem::MissingCommit(commit), "look with `git log` which commits there are"))
}

/// The patch as text, at most `bytes_max` long with the mark of the cut, which is at the end of a line.
fn printed(mut diff: Diff<'_>, bytes_max: usize) -> Result<String, VcsError> {
    let is_small = |file: DiffFile<'_>| i64::try_from(file.size()).is_ok_and(|size| size <= SHOWN_BYTES_MAX);
    if diff.deltas().len() <= RENAMES_MAX && diff.deltas().all(|d| is_small(d.old_file()) && is_small(d.new_file())) {
        let mut find = DiffFindOptions::new();
        find.renames(true).for_untracked(true);
        diff.find_similar(Some(&mut find)).map_err(|e| git("looking for renamed files", &e))?;
    }
    let mut text = Vec::new();
    let mut is_cut = false;
    let done = diff.print(DiffFormat::Patch, |_, _, line| {
        if matches!(line.origin(), '+' | '-' | ' ') {
            text.push(line.origin() as u8);
        }
        text.extend_from_slice(line.content());
        // One line can be longer than all that is wanted, and what is shown of it can be three times its length.
        is_cut = text.len() > bytes_max;
        !is_cut
    });
    if !is_cut {
        done.map_err(|e| git("writing a patch", &e))?;
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if text.len() > bytes_max {
        let room = bytes_max.saturating_sub(CUT.len());
        let end = text.floor_char_boundary(room);
        text.truncate(text[..end].rfind('\n').unwrap_or(end));
        text.push_str(CUT);
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    Ok(text)
}
