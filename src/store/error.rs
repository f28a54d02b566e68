//! What can go wrong with durable bytes. Every variant says what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// A store that can't do what it was asked to. Cloned to every caller that waits.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the folder.
    #[error("the data folder {folder} is in use by {holder}")]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who holds it, as they wrote it down: process id and command.
        holder: String,
    },
    /// The folder was written by a newer version.
    #[error("the data folder {folder} has format {found}, this program knows up to {known}")]
    NewerFormat {
        /// The folder.
        folder: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The folder holds something, and it is no data folder.
    #[error("{folder} is not a data folder: {problem}")]
    NotADataFolder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        problem: String,
    },
    /// Bytes are not what was written.
    #[error("{file} is damaged at byte {offset}: {problem}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        problem: String,
    },
    /// The folder or disk can't be written.
    #[error("{path} can't be written: it is read-only, or this user may not")]
    ReadOnly {
        /// The folder.
        path: PathBuf,
    },
    /// No space is left for ordinary turns.
    #[error("the disk is full: {}", space(*free_bytes, *needed_bytes))]
    DiskFull {
        /// What is free for this turn.
        free_bytes: u64,
        /// What would have to be; 0 where the system said only that it is full.
        needed_bytes: u64,
    },
    /// A turn is larger than a frame can be.
    #[error("a turn of {bytes} bytes is too large, the most is {most}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most.
        most: usize,
    },
    /// Reading or writing failed.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A write or sync failed before: nothing is acknowledged any more until the process starts anew.
    #[error("the store stopped after a failed write: {cause}")]
    Poisoned {
        /// The failure.
        cause: String,
    },
    /// The frames asked for are no longer in the log.
    #[error("frames before {} are no longer in the log", oldest.0)]
    Gone {
        /// The oldest that is.
        oldest: super::Position,
    },
    /// A backup can't be restored to that point.
    #[error("the backup can be restored to frames {} to {}", oldest.0, newest.0)]
    NotInBackup {
        /// The oldest frame it can be restored to.
        oldest: super::Position,
        /// The newest.
        newest: super::Position,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

fn space(free_bytes: u64, needed_bytes: u64) -> String {
    match needed_bytes {
        0 => "nothing more can be written to it".to_owned(),
        _ => format!("{free_bytes} bytes are free, {needed_bytes} are needed"),
    }
}

impl StoreError {
    /// Makes an error of what the system said about a file. A full and a read-only disk have variants of their own.
    pub fn io(doing: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { free_bytes: 0, needed_bytes: 0 }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path },
            _ => Self::Io { doing, path, source: Arc::new(source) },
        }
    }

    /// What to do about it, as a sentence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "stop that process, or name another data folder",
            Self::NewerFormat { .. } => "use the version that wrote it, or a newer one",
            Self::NotADataFolder { .. } => {
                "name an empty folder, one that does not exist yet, or an existing data folder"
            }
            Self::Damaged { .. } => "restore the latest backup into a new folder; the damaged folder was left as it is",
            Self::ReadOnly { .. } => "make the folder writable for this user, or name another one",
            Self::DiskFull { .. } => {
                "free some space; reading and going back still work, and writing goes on by itself"
            }
            Self::TooLarge { .. } => "split it into several",
            Self::Io { .. } => "look at the disk and the system's log, then start again",
            Self::Poisoned { .. } => "start the program again: it reads from disk what is true",
            Self::Gone { .. } => "read the present state, and follow the feed from there",
            Self::NotInBackup { .. } => "name a frame or time within it, or take an older or newer backup",
            Self::Closed => "open it again",
        }
    }
}
