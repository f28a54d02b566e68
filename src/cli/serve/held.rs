//! The file in the data folder that says which server holds it, for the command line of the same user.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

/// Its name.
pub(in crate::cli) const FILE: &str = "server.json";

/// The file. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    file: PathBuf,
}

impl Held {
    /// Writes the file, over that of a server that did not get to remove its own: the folder is ours.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn write(folder: &Path, url: &str, token: &str) -> io::Result<Self> {
        let pid = std::process::id();
        let started = started(pid);
        let version = env!("CARGO_PKG_VERSION");
        let text = json!({ "url": url, "pid": pid, "started": started, "version": version, "token": token });
        let (file, new) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Nobody but this user may read the token, at no moment.
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        to.write_all(text.to_string().as_bytes())?;
        drop(to);
        fs::rename(&new, &file)?;
        Ok(Self { file })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.file) {
            tracing::warn!(file = %self.file.display(), %error, "it could not be removed");
        }
    }
}

/// When a process began, in ticks since the machine did: with its number, what tells it from every other.
pub(in crate::cli) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}
