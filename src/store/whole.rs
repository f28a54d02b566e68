//! Small files that are there whole or not at all.

use std::io;

use super::{Disk, DiskFile, StoreError};

/// Writes a file in place of one that may be there: after a power cut at any point the name has the old bytes or the new.
pub(super) fn write_whole<D: Disk>(disk: &D, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = format!("{name}.tmp");
    remove_if_there(disk, &temporary)?;
    let write = || {
        let file = disk.create(&temporary)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        disk.rename(&temporary, name)?;
        disk.sync_folder()
    };
    write().map_err(|e| StoreError::io("writing", disk.path(name), e))
}

/// All bytes of a file, if there is one.
pub(super) fn read_whole<D: Disk>(disk: &D, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let read = || {
        let file = disk.open(name)?;
        let len = usize::try_from(file.len()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; len];
        let n = file.read_at(&mut bytes, 0)?;
        bytes.truncate(n);
        Ok::<_, io::Error>(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StoreError::io("reading", disk.path(name), e)),
    }
}

/// Removes a file if it is there. The folder is not synced.
pub(super) fn remove_if_there<D: Disk>(disk: &D, name: &str) -> Result<(), StoreError> {
    match disk.remove(name) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::io("removing", disk.path(name), e)),
        _ => Ok(()),
    }
}
