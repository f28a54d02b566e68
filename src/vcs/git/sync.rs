//! What an answer relies on is on the disk before the answer.
//!
//! Objects first, then the ref that names them: a ref on the disk never points at nothing.
//!
//! Many files become durable by one `syncfs` of their file system, and not by an `fsync` each. For the 820 small files of
//! a usual snapshot, on a busy disk: an `fsync` each 2.7 to 3.9 s, one `syncfs` 0.3 to 0.8 s, most of it for what others
//! wrote. All objects in one pack would take 0.03 s, but would be in memory at once, whatever their size; and the files
//! of the worktree, which are as many, can't be packed.

use std::fs::File;
use std::path::Path;

use super::VcsError;

/// Makes all objects durable that were written so far: one call for the file system that they are on. That is one
/// barrier instead of one for each of what may be thousands of files.
pub(super) fn objects(common: &Path) -> Result<(), VcsError> {
    file_system(&common.join("objects"))
}

/// Makes everything durable that was written to the file system of `path`.
pub(super) fn file_system(path: &Path) -> Result<(), VcsError> {
    let synced = File::open(path).and_then(|directory| whole(&directory));
    synced.map_err(|e| VcsError::io("syncing", path, &e))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn whole(directory: &File) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(directory)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn whole(_: &File) -> std::io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

/// Makes the directory entries on the way from `top` down to `path` durable, and `path` itself if it is there.
pub(super) fn below(top: &Path, path: &Path) -> Result<(), VcsError> {
    for step in path.ancestors() {
        match File::open(step).and_then(|file| file.sync_all()) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(VcsError::io("syncing", step, &error)),
        }
        if step == top {
            break;
        }
    }
    Ok(())
}

/// Makes a ref durable as it is now: there or gone. Refs that were packed are in a file of their own.
pub(super) fn reference(common: &Path, name: &str) -> Result<(), VcsError> {
    below(common, &common.join(name))?;
    below(common, &common.join("packed-refs"))
}
