//! Whether the index found in a data folder may be used, or has to be built anew.
//!
//! sled syncs nothing: its flush is a `sync_file_range`. It came through every kill, since what a process wrote stays in
//! the system's cache, but in 36 of 39 power cuts it had lost what it had called flushed, and where values were large it
//! panicked on what was left. Nothing within its files says so. So that is decided from outside, by two markers:
//!
//! - `RUNNING`, made before the index is opened for writing, names the boot of the machine, the mount, and the folder.
//!   Found again under the same three, no power cut can have come in between: the process died, and the system's cache
//!   kept all that it wrote. A copy of the folder, another boot and another mount differ in one of them. On network and
//!   FUSE file systems, whose cache may be lost in between, this is never so.
//! - `CLEAN`, made at a clean end, after every file of the index was synced, says what they look like. Found without
//!   `RUNNING`, and with the same files, the index is what it was.
//!
//! Everything else is no. The order makes each moment safe for a cut:
//!
//! | step | a cut before the next step finds |
//! |---|---|
//! | `RUNNING` durable | both, of another boot: no |
//! | `CLEAN` removed, durable | `RUNNING` of another boot: no |
//! | the index is written | the same: no |
//! | the index closed and synced | the same: no |
//! | `CLEAN` durable | both: no |
//! | `RUNNING` removed, durable | `CLEAN`: yes; or still both: no |
//!
//! No costs time, a rebuild; a wrong yes would cost data. So `RUNNING` beats `CLEAN`, and what can't be found out is a no.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::sled::FAILED;
use super::whole::{read_whole, remove_if_there, write_whole};
use super::{Disk, Position, StoreError};

/// Marks that the index is open for writing, or was when the process died.
pub(super) const RUNNING: &str = "RUNNING";
/// Marks that the index was closed and synced.
pub(super) const CLEAN: &str = "CLEAN";

/// What to make of the index found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It was closed and synced with this position.
    Clean(Position),
    /// The process died, the machine did not.
    SameBoot,
    /// It has to be built anew, because of this.
    No(String),
}

/// Under which boot, mount and folder an index is open: what `RUNNING` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    boot: String,
    mount: String,
    folder_inode: u64,
    index_inode: u64,
}

/// What `CLEAN` says.
#[derive(Debug, Serialize, Deserialize)]
struct Closed {
    applied: Position,
    files: Vec<FileLooks>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct FileLooks {
    name: String,
    len: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    inode: u64,
}

/// Decides about the index in the folder of that name. Nothing is changed.
pub(super) fn judge<D: Disk>(disk: &D, index: &Path, now: Option<&Session>) -> Result<Trust, StoreError> {
    let no = |why: &str| Ok(Trust::No(why.to_owned()));
    if !index.is_dir() {
        return no("there is none");
    }
    if index.join(FAILED).exists() {
        return no("it failed when it was last used");
    }
    if let Some(bytes) = read_whole(disk, RUNNING)? {
        let then = serde_json::from_slice::<Session>(&bytes);
        return match (then, now) {
            (_, None) => no("this system does not tell one boot and mount from another"),
            (Err(_), _) => no("RUNNING can't be read"),
            (Ok(then), Some(now)) if then.boot != now.boot => no("the machine was started anew without a clean end"),
            (Ok(then), Some(now)) if then.mount != now.mount => no("the disk was mounted anew without a clean end"),
            (Ok(then), Some(now)) if then != *now => no("it is a copy of one that was in use"),
            (Ok(_), Some(_)) => Ok(Trust::SameBoot),
        };
    }
    let Some(bytes) = read_whole(disk, CLEAN)? else {
        return no("nothing says how it was left");
    };
    let Ok(closed) = serde_json::from_slice::<Closed>(&bytes) else {
        return no("CLEAN can't be read");
    };
    let found = looks(index).map_err(|e| StoreError::io("reading", index, e))?;
    if found == closed.files {
        Ok(Trust::Clean(closed.applied))
    } else {
        no("its files were changed since it was closed")
    }
}

/// Notes that the index will be written from now on, in this session.
pub(super) fn begin<D: Disk>(disk: &D, session: Option<&Session>) -> Result<(), StoreError> {
    // What the system does not tell is `null`, which can't be read back as a session.
    write_whole(disk, RUNNING, &to_json(&session)?)?;
    forget(disk, CLEAN)
}

/// Notes that the index was closed and its files synced.
pub(super) fn end<D: Disk>(disk: &D, index: &Path, applied: Position) -> Result<(), StoreError> {
    let files = looks(index).map_err(|e| StoreError::io("reading", index, e))?;
    write_whole(disk, CLEAN, &to_json(&Closed { applied, files })?)?;
    forget(disk, RUNNING)
}

/// Takes back whatever was noted, before the index is moved or made: from here until [`begin`] the answer is no.
pub(super) fn distrust<D: Disk>(disk: &D) -> Result<(), StoreError> {
    forget(disk, CLEAN)?;
    forget(disk, RUNNING)
}

fn forget<D: Disk>(disk: &D, name: &str) -> Result<(), StoreError> {
    remove_if_there(disk, name)?;
    disk.sync_folder().map_err(|e| StoreError::io("syncing the folder of", disk.path(name), e))
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|e| StoreError::io("writing", RUNNING, io::Error::other(e)))
}

/// The present session, where the system tells it. The index has to be there.
#[cfg(target_os = "linux")]
pub(super) fn session(folder: &Path, index: &Path) -> Option<Session> {
    use std::os::unix::fs::MetadataExt;

    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

    // Since Linux 6.8; never used twice in a boot, as the older number is. Not named by rustix yet.
    let unique = StatxFlags::from_bits_retain(0x4000);
    let statx =
        |mask| statx(CWD, folder, AtFlags::empty(), mask).ok().filter(|found| found.stx_mask & mask.bits() != 0);
    let mount = match statx(unique) {
        Some(found) => format!("unique {}", found.stx_mnt_id),
        None => statx(StatxFlags::MNT_ID).map(|found| format!("{}", found.stx_mnt_id))?,
    };
    // Whoever keeps the cache of these may die while this machine and the mount live on: servers, and FUSE programs.
    const ELSEWHERE: [u32; 6] = [0x6969, 0x6573_5546, 0xFE53_4D42, 0xFF53_4D42, 0x0102_1997, 0x00C3_6400];
    let kind = i128::from(rustix::fs::statfs(folder).ok()?.f_type) & 0xFFFF_FFFF;
    if ELSEWHERE.iter().any(|elsewhere| i128::from(*elsewhere) == kind) {
        return None;
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
    let folder_inode = fs::metadata(folder).ok()?.ino();
    let index_inode = fs::metadata(index).ok()?.ino();
    Some(Session { boot, mount, folder_inode, index_inode })
}

/// The present session, where the system tells it.
#[cfg(not(target_os = "linux"))]
pub(super) fn session(_: &Path, _: &Path) -> Option<Session> {
    None
}

/// What the files under a folder look like, by name.
fn looks(folder: &Path) -> io::Result<Vec<FileLooks>> {
    let mut files = Vec::new();
    look(folder, folder, &mut files)?;
    files.sort_unstable();
    Ok(files)
}

fn look(root: &Path, folder: &Path, files: &mut Vec<FileLooks>) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = fs::symlink_metadata(&path)?;
        if found.is_dir() {
            look(root, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let modified = (found.mtime(), found.mtime_nsec());
        files.push(FileLooks { name, len: found.len(), modified, inode: found.ino() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
