//! Takes files out of a worktree without ever following a link.

use std::ffi::OsStr;
use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::{VcsError, VcsProblem};

/// What its owner needs to work in a directory.
const OWNER_ALL: u32 = 0o700;

/// What is to be at a path afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing, and no empty directories on the way there.
    Nothing,
    /// A new file or link.
    File,
    /// A directory, whatever is in it.
    Directory,
}

/// What is at a path, links not followed; nothing where a link or a file is on the way there.
pub(super) fn found(worktree: &Path, path: &Path) -> Result<Option<Metadata>, VcsError> {
    let mut at = worktree.to_path_buf();
    let mut last = None;
    for part in path {
        if last.as_ref().is_some_and(|found: &Metadata| !found.is_dir()) {
            return Ok(None);
        }
        at.push(part);
        match look(&at)? {
            Some(found) => last = Some(found),
            None => return Ok(None),
        }
    }
    Ok(last)
}

/// What is at a path, a link as a link.
pub(super) fn look(path: &Path) -> Result<Option<Metadata>, VcsError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(VcsError::io("looking at", path, &error)),
    }
}

/// A path that a tree may have in a worktree: it stays inside, and is none of git's own.
pub(super) fn check(path: &Path) -> Result<(), VcsError> {
    let own = |name: &OsStr| name.eq_ignore_ascii_case(".git");
    let good = path.components().all(|part| matches!(part, Component::Normal(name) if !own(name)));
    if good && !path.as_os_str().is_empty() {
        return Ok(());
    }
    let why = format!("{:?} can't be the name of a file in a worktree", path.display());
    Err(VcsError::new(VcsProblem::Git { doing: "going back", why }, "the commit was not made by git: choose another"))
}

/// Makes way for what is to be at `path`: unlinks what is there, and what is no directory on the way there, so that
/// whatever is written then is written to new files inside the worktree.
pub(super) fn make_way(worktree: &Path, path: &Path, then: Then) -> Result<(), VcsError> {
    check(path)?;
    let mut at = worktree.to_path_buf();
    let parts: Vec<&OsStr> = path.iter().collect();
    for (nth, part) in parts.iter().enumerate() {
        at.push(part);
        let Some(found) = look(&at)? else { break };
        let is_leaf = nth + 1 == parts.len();
        if !found.is_dir() {
            if is_leaf || then != Then::Nothing {
                remove(&at, file)?;
            }
            break;
        }
        if is_leaf && then == Then::File {
            clear(&at)?;
        } else {
            open_up(&at, &found)?;
        }
    }
    if then == Then::Nothing {
        remove_empty_parents(worktree, path)?;
    }
    Ok(())
}

/// Removes a directory with all that is in it; what a link in it leads to stays.
pub(super) fn clear(directory: &Path) -> Result<(), VcsError> {
    let failed = |error: io::Error| VcsError::io("reading", directory, &error);
    if let Some(found) = look(directory)? {
        open_up(directory, &found)?;
    }
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            clear(&entry.path())?;
        } else {
            remove(&entry.path(), file)?;
        }
    }
    remove(directory, directory_itself)
}

/// Removes the directories on the way to `path` that nothing is left in.
fn remove_empty_parents(worktree: &Path, path: &Path) -> Result<(), VcsError> {
    let parents: Vec<PathBuf> =
        path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()).map(Into::into).collect();
    for parent in parents {
        if !found(worktree, &parent)?.is_some_and(|found| found.is_dir()) {
            continue;
        }
        let parent = worktree.join(parent);
        match fs::remove_dir(&parent) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => break,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(VcsError::io("removing", &parent, &error)),
        }
    }
    Ok(())
}

/// Lets its owner, which is who runs this, work in a directory: agents write-protect what they download.
pub(super) fn open_up(directory: &Path, found: &Metadata) -> Result<(), VcsError> {
    let mode = found.permissions().mode();
    if mode & OWNER_ALL == OWNER_ALL {
        return Ok(());
    }
    let set = fs::set_permissions(directory, Permissions::from_mode(mode | OWNER_ALL));
    set.map_err(|e| VcsError::io("making writable", directory, &e))
}

fn file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

fn directory_itself(path: &Path) -> io::Result<()> {
    fs::remove_dir(path)
}

fn remove(path: &Path, how: fn(&Path) -> io::Result<()>) -> Result<(), VcsError> {
    let mut result = how(path);
    if let (Err(error), Some(parent)) = (&result, path.parent())
        && error.kind() == ErrorKind::PermissionDenied
        && let Some(found) = look(parent)?
    {
        open_up(parent, &found)?;
        result = how(path);
    }
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(VcsError::io("removing", path, &error)),
        _ => Ok(()),
    }
}
