//! `LOCK`: one process at a time has a data folder.
//!
//! The lock is the kernel's, on the open file, so it ends with its holder however that ends. What is written in the file
//! is for people: who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;
use std::{env, io, process, thread};

use super::StoreError;

/// The file's name.
pub(super) const LOCK: &str = "LOCK";

/// Holds the folder until dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder for writing, or says who has it.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(LOCK);
        let failed = |error| StoreError::io("locking", &path, error);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        lock(&mut file, folder)?;
        let written = file.set_len(0).and_then(|()| file.write_all(holder().as_bytes()));
        written.map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Takes the folder for looking only: nothing is written. `None` when nobody ever had it, so that there is no file.
    pub(super) fn take_to_read(folder: &Path) -> Result<Option<Self>, StoreError> {
        let mut file = match File::open(folder.join(LOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("locking", folder.join(LOCK), error)),
        };
        lock(&mut file, folder)?;
        Ok(Some(Self { _file: file }))
    }
}

fn lock(file: &mut File, folder: &Path) -> Result<(), StoreError> {
    match patient_try_lock(file) {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(StoreError::io("locking", folder.join(LOCK), error)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.rewind().and_then(|()| file.take(1000).read_to_string(&mut holder));
            if read.is_err() || holder.trim().is_empty() {
                "another process".clone_into(&mut holder);
            }
            Err(StoreError::InUse { folder: folder.to_path_buf(), holder: holder.trim().to_owned() })
        }
    }
}

/// Tries for a moment: a process that is just being started by the last holder has its files open until it runs.
fn patient_try_lock(file: &File) -> Result<(), TryLockError> {
    const TRIES: u32 = 50;
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            outcome => return outcome,
        }
    }
    file.try_lock()
}

/// This process, as a person would look for it. Arguments are left out: there may be secrets among them.
fn holder() -> String {
    let command = env::args_os().next().unwrap_or_default();
    let command = Path::new(&command).file_name().unwrap_or_default().to_string_lossy();
    format!("process {} ({command})\n", process::id())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::take(folder.path()).unwrap();
        for refused in
            [FolderLock::take(folder.path()).unwrap_err(), { FolderLock::take_to_read(folder.path()).unwrap_err() }]
        {
            let StoreError::InUse { holder, .. } = &refused else { panic!("{refused}") };
            assert!(holder.starts_with(&format!("process {} (", process::id())), "{holder}");
        }
        drop(held);
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_killed_holder_holds_nothing() {
        const CHILD: &str = "RESTAGE_TEST_LOCK_FOLDER";
        if let Some(folder) = env::var_os(CHILD) {
            let _held = FolderLock::take(Path::new(&folder)).unwrap();
            println!("\nheld");
            thread::sleep(Duration::from_secs(600));
        }
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "store::lock::tests::a_killed_holder_holds_nothing", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "held"));
        let refused = FolderLock::take(folder.path()).unwrap_err();
        assert!(refused.to_string().contains(&format!("process {} (", child.id())), "{refused}");
        child.kill().unwrap();
        child.wait().unwrap();
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn looking_at_a_folder_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FolderLock::take_to_read(folder.path()).unwrap().is_none());
        assert!(!folder.path().join(LOCK).exists());
        let absent = FolderLock::take(&folder.path().join("absent")).unwrap_err();
        assert!(matches!(absent, StoreError::Io { .. }), "{absent}");
    }
}
