//! Where an index goes that can't be used: beside, for a person to look at.

use std::path::Path;
use std::{fs, io};

use super::{Disk, OsDisk, StoreError};

/// How the folders are called, with a number behind.
pub(super) const ASIDE: &str = "index.aside-";

/// Moves an index away. Only the newest one is kept, and none when the disk has no space for it beside a new index.
pub(super) fn set_aside(disk: &OsDisk, path: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::io("setting aside", path, e);
    if !path.exists() {
        return Ok(());
    }
    let last = remove_older(disk.folder()).map_err(failed)?;
    let bytes = tree_bytes(path).map_err(failed)?;
    if disk.free_bytes().map_err(failed)? < bytes.saturating_mul(2) {
        fs::remove_dir_all(path).map_err(failed)?;
        tracing::warn!(bytes, "the index that can't be used was removed: the disk has no space to keep it");
    } else {
        let aside = disk.folder().join(format!("{ASIDE}{}", last + 1));
        fs::rename(path, &aside).map_err(failed)?;
        tracing::warn!(aside = %aside.display(), "the index that can't be used was set aside");
    }
    disk.sync_folder().map_err(failed)
}

/// Removes what was set aside before; returns the highest number.
fn remove_older(folder: &Path) -> io::Result<u64> {
    let mut last = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.strip_prefix(ASIDE)?.parse::<u64>().ok()) {
            last = last.max(number);
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(last)
}

fn tree_bytes(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        sum += if found.is_dir() { tree_bytes(&entry.path())? } else { found.len() };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_kept_under_the_next_number() {
        let root = tempfile::tempdir().unwrap();
        let (disk, index) = (OsDisk::new(root.path()), root.path().join("index"));
        set_aside(&disk, &index).unwrap();
        for number in 1..=12 {
            fs::create_dir(&index).unwrap();
            fs::write(index.join("db"), [0; 1000]).unwrap();
            assert_eq!(tree_bytes(root.path()).unwrap(), if number == 1 { 1000 } else { 2000 });
            set_aside(&disk, &index).unwrap();
            let names = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(names.collect::<Vec<_>>(), [format!("{ASIDE}{number}").as_str()]);
        }
    }

    #[test]
    fn without_space_for_two_none_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let (disk, index) = (OsDisk::new(root.path()), root.path().join("index"));
        fs::create_dir(&index).unwrap();
        // A hole as large as all that is free: no space is taken, and two of them would not fit.
        let free = disk.free_bytes().unwrap();
        fs::File::create(index.join("db")).unwrap().set_len(free.min(1 << 43)).unwrap();
        set_aside(&disk, &index).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
