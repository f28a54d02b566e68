//! A store in a folder of its own.
//!
//! | name | |
//! |---|---|
//! | `MANIFEST` | says that this is a data folder, and of which store |
//! | `LOCK` | held by the process that has the store open |
//! | `log-*.seg`, `snapshot-*.snap` | what is acknowledged: the truth |
//! | `index/` | sled, derived from the two |
//! | `RUNNING`, `CLEAN` | how the index was left, see [trust](super::trust) |
//! | `index.aside-*` | the last index that could not be used, for a person to look at |

use std::cell::RefCell;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::aside::set_aside;
use super::backup::{self, BackupInfo, Progress};
use super::lock::{FolderLock, LOCK};
use super::manifest::{self, MANIFEST, StoreId};
use super::restore::{self, UpTo};
use super::segment;
use super::trust::{self, Trust};
use super::{
    Batch, Done, Entry, Frame, Index, LogOptions, LogStats, LogStore, OsDisk, Position, SledIndex, SledOptions, Store,
    StoreError, Urgency,
};

/// The folder of the index within the data folder.
pub(super) const INDEX: &str = "index";

/// How a store in a folder is run.
#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// The log. Its store id is the one a new folder gets, so it has to be random; an existing folder has its own.
    pub log: LogOptions,
    /// The index.
    pub index: SledOptions,
}

/// A store in a folder, which it holds until it is closed or dropped.
pub struct FolderStore {
    log: LogStore<OsDisk, SledIndex>,
    index: SledIndex,
    disk: OsDisk,
    id: StoreId,
    /// Taken when the store is closed.
    lock: Mutex<Option<FolderLock>>,
}

/// Opens the store in a folder, which is made if it is not there. A folder that holds anything else is refused.
pub fn open_folder(path: &Path, options: FolderOptions) -> Result<FolderStore, StoreError> {
    let disk = prepare(path)?;
    let lock = FolderLock::take(disk.folder())?;
    let id = match manifest::read(&disk)? {
        Some(id) => id,
        None => {
            manifest::create(&disk, options.log.store_id)?;
            options.log.store_id
        }
    };
    let path = disk.folder().join(INDEX);
    check_log(&disk, &path)?;
    let found = found_index(&disk, &path, options.index)?;
    let was_found = found.is_some();
    let in_use = RefCell::new(found.clone());
    let blank = || {
        // sled lets go of its files only when nobody has it any more.
        in_use.take();
        trust::distrust(&disk)?;
        set_aside(&disk, &path)?;
        let index = SledIndex::open(&path, options.index)?;
        Ok(in_use.borrow_mut().insert(index).clone())
    };
    let log_options = LogOptions { store_id: id, ..options.log };
    let log = LogStore::open(disk.clone(), found, &blank, log_options)?;
    let index = in_use.take().ok_or(StoreError::Closed)?;
    // Not before a new index is complete: until then a start after a crash builds it again.
    trust::begin(&disk, trust::session(disk.folder(), &path).as_ref())?;
    tracing::debug!(folder = %disk.folder().display(), store = %id, was_found, "the store is open");
    Ok(FolderStore { log, index, disk, id, lock: Mutex::new(Some(lock)) })
}

/// Makes the folder if need be, and refuses one that holds other things.
fn prepare(path: &Path) -> Result<OsDisk, StoreError> {
    create_durably(path).map_err(|e| StoreError::io("creating", path, e))?;
    let folder = fs::canonicalize(path).map_err(|e| StoreError::io("opening", path, e))?;
    if !folder.join(MANIFEST).exists()
        && let Some(foreign) = foreign(&folder)?
    {
        let problem = format!("it has no {MANIFEST}, but {foreign:?}");
        return Err(StoreError::NotADataFolder { folder, problem });
    }
    Ok(OsDisk::new(folder))
}

/// Makes a folder with all above it, and makes their names durable.
fn create_durably(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_durably(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => {}
        outcome => outcome?,
    }
    fs::File::open(parent)?.sync_all()
}

/// The name of something that a new data folder does not have.
fn foreign(folder: &Path) -> Result<Option<String>, StoreError> {
    // What making a data folder leaves when it is stopped, and what a file system has of its own.
    const KNOWN: [&str; 3] = [LOCK, "MANIFEST.tmp", "lost+found"];
    let failed = |e| StoreError::io("listing", folder, e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !KNOWN.contains(&name.as_str()) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// An index is made after the log, so one without a log is what is left of a store.
fn check_log(disk: &OsDisk, index: &Path) -> Result<(), StoreError> {
    if index.exists() && segment::list(disk)?.is_empty() {
        let problem = "there is an index, but no segment of the log".to_owned();
        return Err(StoreError::Damaged { file: disk.folder().to_path_buf(), offset: 0, problem });
    }
    Ok(())
}

/// The index that was left, if it is to be trusted.
fn found_index(disk: &OsDisk, path: &Path, options: SledOptions) -> Result<Option<SledIndex>, StoreError> {
    let session = trust::session(disk.folder(), path);
    let left_at = match trust::judge(disk, path, session.as_ref())? {
        Trust::Clean(position) => Some(position),
        Trust::SameBoot => None,
        Trust::No(reason) => {
            if path.exists() {
                tracing::warn!(folder = %path.display(), %reason, "the index is not used and is built anew");
            }
            return Ok(None);
        }
    };
    trust::begin(disk, session.as_ref())?;
    let opened = SledIndex::open(path, options).and_then(|index| Ok((index.applied()?, index)));
    match opened {
        Ok((applied, index)) if left_at.is_none_or(|position| position == applied) => Ok(Some(index)),
        Ok((applied, _)) => {
            let (applied, left_at) = (applied.0, left_at.unwrap_or_default().0);
            tracing::warn!(folder = %path.display(), applied, left_at, "the index has lost frames and is built anew");
            Ok(None)
        }
        Err(error) => {
            tracing::warn!(folder = %path.display(), %error, "the index does not open and is built anew");
            Ok(None)
        }
    }
}

impl FolderStore {
    /// Which store it is.
    #[cfg(any(test, feature = "tasks"))]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// What the log has done since it was opened.
    pub fn stats(&self) -> LogStats {
        self.log.stats()
    }

    /// Which error ended all writing, if one has.
    pub fn failure(&self) -> Option<StoreError> {
        self.log.failure()
    }

    /// Writes a backup of what is durable now to a file, in place of one that may be there, while all goes on.
    pub fn backup(&self, file: &Path, progress: Progress<'_>) -> Result<BackupInfo, StoreError> {
        let (to, name) = place(file)?;
        self.log.with_files_kept(|disk| backup::write(disk, self.id, &self.log, &to, &name, progress))
    }
}

/// Checks a backup from end to end, and tells what it has.
pub fn check_backup(file: &Path, progress: Progress<'_>) -> Result<BackupInfo, StoreError> {
    let (from, name) = place(file)?;
    backup::check(&from, &name, progress)
}

/// Restores a backup, up to a point or all of it, into a folder that is new or empty, as a store with a new id. Nothing
/// is written unless the whole backup is in order. Returns the last frame of the new store.
pub fn restore_backup(
    file: &Path,
    folder: &Path,
    new_id: StoreId,
    upto: Option<UpTo>,
    progress: Progress<'_>,
) -> Result<Position, StoreError> {
    let (from, name) = place(file)?;
    if folder.join(MANIFEST).exists() {
        let problem = "a backup is restored into a new or empty folder only".to_owned();
        return Err(StoreError::NotADataFolder { folder: folder.to_path_buf(), problem });
    }
    let plan = restore::plan(&from, &name, upto, progress)?;
    let to = prepare(folder)?;
    let _lock = FolderLock::take(to.folder())?;
    restore::restore(plan, &to, new_id, progress)
}

/// The folder and the name of a file.
fn place(file: &Path) -> Result<(OsDisk, String), StoreError> {
    let name = file.file_name().and_then(|name| name.to_str());
    let invalid = || StoreError::io("opening", file, std::io::ErrorKind::InvalidFilename.into());
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((OsDisk::new(folder.map_or(PathBuf::from("."), PathBuf::from)), name.ok_or_else(invalid)?.to_owned()))
}

impl Store for FolderStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.log.get(key)
    }

    fn scan(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.log.scan(from, to, most)
    }

    fn admit(&self, bytes: usize, urgency: Urgency) -> Result<(), StoreError> {
        self.log.admit(bytes, urgency)
    }

    fn commit(&self, batch: Batch, done: Done) {
        self.log.commit(batch, done);
    }

    fn barrier(&self, done: Done) {
        self.log.barrier(done);
    }

    fn durable(&self) -> Position {
        self.log.durable()
    }

    fn frames(&self, after: Position, bytes_max: usize) -> Result<Vec<Frame>, StoreError> {
        self.log.frames(after, bytes_max)
    }

    /// Closed a second time it has nothing to do.
    fn close(&self) -> Result<(), StoreError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            return Ok(());
        }
        self.log.close()?;
        let closed = self.index.applied().and_then(|applied| {
            self.index.close()?;
            trust::end(&self.disk, &self.disk.folder().join(INDEX), applied)
        });
        if let Err(error) = closed {
            // Everything acknowledged is in the log. The next start looks at the index, or builds it anew.
            tracing::warn!(%error, "the index was not closed cleanly");
        }
        *lock = None;
        Ok(())
    }
}

#[cfg(test)]
pub(in crate::store) mod tests;
