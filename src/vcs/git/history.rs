//! What is kept of a task in its repository: found, listed and let go.

use git2::{Commit, Oid, Repository};

use super::refs::{self, Names};
use super::{Git, VcsError, git, open};
use crate::vcs::{CommitId, Place, Snapshot};

impl Git {
    /// See [`Vcs::find_stage_commit`](crate::vcs::Vcs::find_stage_commit).
    pub(super) fn find_by_subject(&self, place: &Place, subject: &str) -> Result<Option<CommitId>, VcsError> {
        let names = Names::of(place)?;
        let repository = open::common(&place.common)?;
        let Some(tip) = refs::read(&repository, &names.branch())? else { return Ok(None) };
        let base = refs::read(&repository, &names.base())?;
        let found = self.first_parents(&repository, tip, |commit| {
            if Some(commit.id()) == base {
                return Some(None);
            }
            let message = commit.message_bytes();
            let first = message.split(|b| *b == b'\n').next().unwrap_or_default();
            (first == subject.as_bytes()).then(|| Some(commit.id()))
        })?;
        Ok(found.flatten().map(CommitId::from))
    }

    /// Goes from a commit to its first parent, and so on, until `look` answers.
    pub(super) fn first_parents<T>(
        &self,
        repository: &Repository,
        from: Oid,
        mut look: impl FnMut(&Commit<'_>) -> Option<T>,
    ) -> Result<Option<T>, VcsError> {
        let failed = |e: git2::Error| git("reading a commit", &e);
        let mut commit = repository.find_commit(from).map_err(failed)?;
        for _ in 0..self.limits.walk_max {
            if let Some(answer) = look(&commit) {
                return Ok(Some(answer));
            }
            if commit.parent_count() == 0 {
                break;
            }
            // The parents of a shallow clone's first commit are named and not there.
            let Ok(parent) = commit.parent(0) else { break };
            commit = parent;
        }
        Ok(None)
    }

    /// See [`Vcs::snapshots`](crate::vcs::Vcs::snapshots).
    pub(super) fn list_snapshots(&self, place: &Place) -> Result<Vec<Snapshot>, VcsError> {
        let names = Names::of(place)?;
        let repository = open::common(&place.common)?;
        let mut found = Vec::new();
        for (number, name, id) in numbered(&repository, &names)? {
            // What somebody else put there is no reason not to list the others.
            let Ok(commit) = repository.find_commit(id) else { continue };
            let (Ok(head), Ok(_)) = (commit.parent_id(0), commit.parent_id(1)) else { continue };
            let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
            let subject = message.lines().next().unwrap_or_default().to_owned();
            found.push(Snapshot {
                number,
                commit: id.into(),
                name,
                head: head.into(),
                at: commit.time().seconds(),
                subject,
            });
        }
        Ok(found)
    }

    /// See [`Vcs::drop_snapshots`](crate::vcs::Vcs::drop_snapshots).
    pub(super) fn let_snapshots_go(&self, place: &Place, keep: &[u64]) -> Result<usize, VcsError> {
        let names = Names::of(place)?;
        let repository = open::common(&place.common)?;
        let mut gone = 0;
        for (number, name, id) in numbered(&repository, &names)? {
            if !keep.contains(&number) {
                self.drop_ref(&repository, &name, id)?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}

/// The snapshots of a task by number: refs whose names are what the number's name is, and no others.
fn numbered(repository: &Repository, names: &Names) -> Result<Vec<(u64, String, Oid)>, VcsError> {
    let prefix = names.snapshots();
    let mut found: Vec<(u64, String, Oid)> = Vec::new();
    for (name, id) in refs::under(repository, &prefix)? {
        let number = name.strip_prefix(&prefix).and_then(|digits| digits.parse().ok());
        if let Some(number) = number.filter(|number| names.snapshot(*number) == name) {
            found.push((number, name, id));
        }
    }
    found.sort_by_key(|(number, ..)| *number);
    Ok(found)
}
