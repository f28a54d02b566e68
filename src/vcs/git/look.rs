//! What going back would do, told without doing any of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;

use git2::{Delta, DiffOptions, Oid, Repository, Sort};

use super::content::{Content, Skipped, path_of, shown};
use super::go_back::{Target, unusual};
use super::open::Standing;
use super::refs::{self, Names};
use super::stage::gone;
use super::{Git, VcsError, VcsProblem, git, open};
use crate::vcs::{CommitId, FileChange, Look, Place, To};

impl Git {
    /// See [`Vcs::look`](crate::vcs::Vcs::look).
    pub(super) fn look_at(&self, place: &Place, to: Option<&To>) -> Result<Look, VcsError> {
        let names = Names::of(place)?;
        let common = open::common(&place.common)?;
        let tip = refs::read(&common, &names.branch())?.ok_or_else(|| gone(&names.branch()))?;
        let mut look = Look::default();
        if let Some(to) = to {
            let target = Target::find(&common, &names, to)?;
            look.notes.extend(target.check(&common, place, to, tip)?);
            look.commits = self.leaving(&common, tip, target.tip)?;
        }
        let broken = match open::standing(place) {
            Ok(Standing::Sound(repository)) => match (unusual(place), repository.index()) {
                (Ok(notes), Ok(_)) => {
                    look.notes.extend(notes);
                    return self.look_through(place, &repository, look);
                }
                (Err(error), _) => error.to_string(),
                (_, Err(error)) => error.message().to_owned(),
            },
            Ok(Standing::Missing) => "it is missing".to_owned(),
            Ok(Standing::Broken(what)) => what,
            Err(error) => error.to_string(),
        };
        look.notes.push(format!("the worktree is not as it should be, and is mended by going back: {broken}"));
        Ok(look)
    }

    /// What is in a worktree that can be opened.
    fn look_through(&self, place: &Place, repository: &Repository, mut look: Look) -> Result<Look, VcsError> {
        look.head = repository.head().ok().and_then(|head| head.target()).map(CommitId::from);
        let mut content = Content::begin(repository, &self.limits, Skipped::Absent)?;
        // Two independent searches through everything, each of which takes half the time.
        let (files, differences) = thread::scope(|scope| {
            let staged = scope.spawn(|| staged(&open::any(place)?));
            let differences = content.differences();
            (staged.join(), differences)
        });
        let failed = |_| VcsError::new(VcsProblem::Git { doing: "reading what is staged", why: String::new() }, "");
        let mut files = files.map_err(failed)??;
        for difference in differences? {
            let what = match difference.what {
                Delta::Untracked => "untracked",
                Delta::Deleted => "deleted",
                Delta::Added => "type changed",
                Delta::Conflicted => "conflicted",
                _ => "modified",
            };
            let known = files.entry(difference.path).or_insert(what);
            if *known != "conflicted" {
                *known = what;
            }
        }
        look.kept = content.kept()?;
        look.more_files = u64::try_from(files.len().saturating_sub(self.limits.listed_max)).unwrap_or(u64::MAX);
        let listed = files.into_iter().take(self.limits.listed_max);
        look.files = listed.map(|(path, what)| FileChange { path: shown(&path), what }).collect();
        Ok(look)
    }

    /// The commits that leave the branch, newest first.
    fn leaving(&self, common: &Repository, from: Oid, to: Oid) -> Result<Vec<(CommitId, String)>, VcsError> {
        let failed = |e: git2::Error| git("reading commits", &e);
        let mut walk = common.revwalk().map_err(failed)?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).map_err(failed)?;
        walk.push(from).map_err(failed)?;
        walk.hide(to).map_err(failed)?;
        let mut commits = Vec::new();
        for id in walk.take(self.limits.listed_max) {
            let id = id.map_err(failed)?;
            let commit = common.find_commit(id).map_err(failed)?;
            let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
            commits.push((id.into(), message.lines().next().unwrap_or_default().to_owned()));
        }
        Ok(commits)
    }
}

/// What is staged and not committed.
fn staged(repository: &Repository) -> Result<BTreeMap<PathBuf, &'static str>, VcsError> {
    let head = repository.head().and_then(|head| head.peel_to_tree()).ok();
    let mut options = DiffOptions::new();
    options.skip_binary_check(true).include_typechange(true);
    let diff = repository.diff_tree_to_index(head.as_ref(), None, Some(&mut options));
    let diff = diff.map_err(|e| git("reading what is staged", &e))?;
    let mut files = BTreeMap::new();
    for delta in diff.deltas() {
        let what = match delta.status() {
            Delta::Added => "added",
            Delta::Deleted => "deleted",
            Delta::Typechange => "type changed",
            Delta::Conflicted => "conflicted",
            _ => "modified",
        };
        if let Some(bytes) = delta.new_file().path_bytes().or(delta.old_file().path_bytes()) {
            files.insert(path_of(bytes), what);
        }
    }
    Ok(files)
}
