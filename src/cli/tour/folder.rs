//! A data folder for one tour.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use crate::cli::stop::{Outcome, Stop};

/// A new folder, removed in the end unless it is to be kept.
pub(super) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    pub(super) fn make(keep: bool) -> Outcome<Self> {
        let name = |number: u32| env::temp_dir().join(format!("restage-tour-{}-{number}", process::id()));
        let mut number = 1;
        loop {
            let path = name(number);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, keep }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
                Err(error) => return Err(Stop::file("making the folder", &path, &error)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "the folder of the tour could not be removed");
        }
    }
}
