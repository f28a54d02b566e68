//! Takes a worktree away. What is not committed is in a snapshot before; what no snapshot holds is not deleted.
//!
//! The directory is renamed aside first, which is done at once or not at all, and deleted last: whatever breaks off in
//! between, the worktree is there whole or not there, and asking again finishes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::open::{self, Standing};
use super::refs::{self, Names};
use super::snapshot::{Saved, Why};
use super::worktree::{self, Registered};
use super::{Git, VcsError, VcsProblem, sync, unlink};
use crate::vcs::step::step;
use crate::vcs::{CleanedUp, Kept, Place, SnapshotKind, Stays};

/// Beside the worktrees: directories that are being deleted.
const TRASH: &str = ".trash";
/// Beside the worktrees: directories with something in them that no snapshot holds.
const LEFT: &str = ".kept";
/// How many names are tried for a directory that is put aside.
const NAMES_MAX: usize = 10_000;
/// How many things are named in a note.
const NAMED_MAX: usize = 10;

impl Git {
    /// See [`Vcs::clean_up`](crate::vcs::Vcs::clean_up).
    pub(super) fn take_away(&self, place: &Place, snapshot: u64, message: &str) -> Result<CleanedUp, VcsError> {
        step("cleanup-begun");
        let names = Names::of(place)?;
        self.alone(&place.common, || {
            let repository = open::common(&place.common)?;
            let mut done = CleanedUp::default();
            let mut folder = TRASH;
            match unlink::look(&place.worktree)? {
                Some(found) if found.is_dir() => {
                    own(place)?;
                    done.notes.extend(self.put_right(place, snapshot)?);
                    let kept = self.save_what_is_new(place, snapshot, message, &mut done)?;
                    if kept {
                        folder = LEFT;
                    }
                }
                Some(_) => return Err(worktree::taken(&place.worktree)),
                None => done.notes.push("the worktree was gone already".to_owned()),
            }
            done.snapshot = Saved::taken(&repository, &names, snapshot, message)?.map(|saved| saved.commit.into());
            step("cleanup-saved");
            if let Some(aside) = put_aside(&place.worktree, folder)?
                && folder == LEFT
            {
                done.notes.push(format!("what no snapshot holds was left in {}", aside.display()));
            }
            step("cleanup-aside");
            unregister(place)?;
            step("cleanup-unregistered");
            empty_trash(&place.worktree)?;
            step("cleanup-deleted");
            Ok(done)
        })
    }

    /// Takes a snapshot if anything is not committed. Whether something is there that no snapshot holds.
    fn save_what_is_new(
        &self,
        place: &Place,
        number: u64,
        message: &str,
        done: &mut CleanedUp,
    ) -> Result<bool, VcsError> {
        let common = open::common(&place.common)?;
        let look = self.look_at(place, None)?;
        let tip = refs::read(&common, &Names::of(place)?.branch())?;
        let is_new = !look.files.is_empty() || !look.notes.is_empty() || look.head.map(super::oid) != tip;
        if is_new && Saved::taken(&common, &Names::of(place)?, number, message)?.is_none() {
            self.save(place, Why { number, kind: SnapshotKind::Cleanup, message, before: None })?;
        }
        let (ignored, others): (Vec<Kept>, Vec<Kept>) =
            look.kept.into_iter().partition(|kept| kept.why == Stays::Ignored);
        if !ignored.is_empty() {
            done.notes.push(format!("ignored files went with it: {}", named(&ignored)));
        }
        let held: Vec<Kept> = others.into_iter().filter(|kept| kept.why != Stays::Special).collect();
        if !held.is_empty() {
            done.notes.push(format!("not in a snapshot: {}", named(&held)));
        }
        Ok(!held.is_empty())
    }
}

/// Refuses a directory that is not this task's: no administrative directory and a `.git` that is another's.
fn own(place: &Place) -> Result<(), VcsError> {
    let admin = open::admin(place)?;
    let is_known = unlink::look(&admin)?.is_some_and(|found| found.is_dir());
    if is_known || matches!(open::standing(place)?, Standing::Sound(_)) {
        return Ok(());
    }
    let link = open::line(&place.worktree.join(".git"))?;
    let names_ours =
        link.is_some_and(|line| line.ends_with(Names::of(place).map(|n| n.worktree()).unwrap_or_default()));
    if names_ours || fs::read_dir(&place.worktree).is_ok_and(|mut entries| entries.next().is_none()) {
        return Ok(());
    }
    Err(worktree::taken(&place.worktree))
}

/// Renames a directory into a folder beside it; where it is now, if it was there.
fn put_aside(path: &Path, folder: &str) -> Result<Option<PathBuf>, VcsError> {
    let Some(found) = unlink::look(path)? else { return Ok(None) };
    let failed = |e: io::Error| VcsError::io("moving aside", path, &e);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    };
    let folder = parent.join(folder);
    fs::create_dir_all(&folder).map_err(|e| VcsError::io("making", &folder, &e))?;
    // A directory that can't be written can't be moved to another parent.
    unlink::open_up(path, &found)?;
    for nth in 1..=NAMES_MAX {
        let mut to = name.to_owned();
        to.push(format!(".{nth}"));
        let to = folder.join(to);
        if unlink::look(&to)?.is_none() {
            fs::rename(path, &to).map_err(failed)?;
            sync::below(parent, parent)?;
            return Ok(Some(to));
        }
    }
    Err(failed(io::ErrorKind::AlreadyExists.into()))
}

/// Removes the administrative directory, and so the lock: this one and no other.
fn unregister(place: &Place) -> Result<(), VcsError> {
    let admin = open::admin(place)?;
    let Some(found) = unlink::look(&admin)? else { return Ok(()) };
    let link = place.worktree.join(".git");
    let is_others = open::admin_names(&admin)?.is_some_and(|named| !open::same_entry(&named, &link));
    if is_others {
        let problem = VcsProblem::Identity {
            worktree: place.worktree.clone(),
            what: format!("{} belongs to another worktree", admin.display()),
        };
        return Err(VcsError::new(problem, "see with `git worktree list` which one, and remove that by hand"));
    }
    if found.is_dir() {
        delete(&admin)?;
    } else {
        fs::remove_file(&admin).map_err(|e| VcsError::io("removing", &admin, &e))?;
    }
    sync::below(&place.common, &admin)?;
    let own: Option<Registered> = worktree::registered(&place.common)?
        .into_iter()
        .find(|one| one.link.as_ref().is_some_and(|named| open::same_entry(named, &link)));
    match own {
        None => Ok(()),
        Some(other) => {
            let what = format!("git knows it as {} too", other.name);
            let problem = VcsProblem::Identity { worktree: place.worktree.clone(), what };
            Err(VcsError::new(problem, "remove that one: git worktree prune"))
        }
    }
}

/// Deletes what was put aside of this worktree, now or before a crash.
fn empty_trash(worktree: &Path) -> Result<(), VcsError> {
    let (Some(parent), Some(name)) = (worktree.parent(), worktree.file_name()) else { return Ok(()) };
    let trash = parent.join(TRASH);
    let failed = |e: io::Error| VcsError::io("reading", &trash, &e);
    let entries = match fs::read_dir(&trash) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let of = Path::new(&entry.file_name()).file_stem().map(ToOwned::to_owned);
        let is_numbered = Path::new(&entry.file_name())
            .extension()
            .and_then(|n| n.to_str())
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        if is_numbered && of.as_deref() == Some(name) {
            delete(&entry.path())?;
        }
    }
    // It stays while another worktree is in it.
    let _ = fs::remove_dir(&trash);
    Ok(())
}

/// Deletes a directory with all that is in it, however deep, write-protected or not; never what a link leads to.
fn delete(directory: &Path) -> Result<(), VcsError> {
    match fs::remove_dir_all(directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => unlink::clear(directory),
        Err(error) => Err(VcsError::io("removing", directory, &error)),
    }
}

fn named(kept: &[Kept]) -> String {
    let mut names: Vec<&str> = kept.iter().take(NAMED_MAX).map(|kept| kept.path.as_str()).collect();
    if kept.len() > NAMED_MAX {
        names.push("and more");
    }
    names.join(", ")
}
