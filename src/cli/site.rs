//! Where a command is carried out: on a data folder that it opens for itself, or on one that a server holds open, for
//! a caller whose files and terminal are elsewhere.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Settings;
use super::exit::Exit;
use super::remote::Session;
use super::stop::{Outcome, Stop};
use super::{maintenance, signals};
use crate::api::Restage;
use crate::api::access::Role;

/// Where a command is carried out.
pub(super) struct Site {
    pub(super) settings: Settings,
    held: Option<Held>,
}

/// A data folder that a server holds open, and whoever asks.
struct Held {
    restage: Restage,
    caller: Arc<Session>,
    /// The folder that the caller is in, if it is on this machine.
    folder: Option<PathBuf>,
    /// Where the caller asks from.
    from: Option<String>,
    /// What the caller may do.
    role: Role,
}

impl Site {
    /// On a data folder that is opened for the command, with the files and the terminal of this process.
    pub(super) fn own(settings: Settings) -> Self {
        Self { settings, held: None }
    }

    /// On a data folder that is open, for a caller elsewhere.
    pub(super) fn held(
        settings: Settings,
        restage: Restage,
        caller: Arc<Session>,
        folder: Option<PathBuf>,
        from: Option<String>,
        role: Role,
    ) -> Self {
        Self { settings, held: Some(Held { restage, caller, folder, from, role }) }
    }

    /// Whether the data folder stays open after the command.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether the caller may do what needs a role. Whose folder it is may everything.
    pub(super) fn may(&self, role: Role) -> bool {
        self.held.as_ref().is_none_or(|held| held.role >= role)
    }

    /// Where the caller asks from, for the audit.
    pub(super) fn from(&self) -> Option<&str> {
        self.held.as_ref()?.from.as_deref()
    }

    /// The data folder, open. Only what makes something in it makes it.
    pub(super) async fn open(&self, make: bool) -> Outcome<Restage> {
        match &self.held {
            Some(held) => Ok(held.restage.clone()),
            None => maintenance::open(&self.settings, make).await,
        }
    }

    /// Closes it, if it was opened for the command.
    pub(super) async fn close(&self, restage: Restage) -> Outcome {
        if self.is_held() { Ok(()) } else { Ok(restage.shutdown().await?) }
    }

    /// Waits until whoever asked wants the command to end.
    pub(super) async fn asked_to_end(&self) -> io::Result<Exit> {
        match &self.held {
            Some(held) => Ok(held.caller.asked_to_end().await),
            None => signals::asked_to_end().await,
        }
    }

    /// Reads all of a file of the caller's, or of its standard input.
    pub(super) async fn read(&self, file: &Path) -> Outcome<Vec<u8>> {
        let mut source = self.source(file).await?;
        // A thread of its own: standard input may never end, and nobody waits for this one.
        let (send, receive) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            send.send(source.read_to_end(&mut bytes).map(|_| bytes))
        });
        let bytes = receive.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        bytes.map_err(|error| Stop::file("reading", file, &error))
    }

    /// The text of a file of the caller's. `what` says what it is, where that is not UTF-8.
    pub(super) async fn read_text(&self, file: &Path, what: &str) -> Outcome<String> {
        String::from_utf8(self.read(file).await?)
            .map_err(|_| Stop::problem("invalid", format!("{what} is not UTF-8"), "convert it to UTF-8"))
    }

    /// A file of the caller's, or its standard input, to be read on a thread of its own.
    pub(super) async fn source(&self, file: &Path) -> Outcome<Box<dyn BufRead + Send>> {
        let failed = |error: io::Error| Stop::file("reading", file, &error);
        if let Some(held) = &self.held {
            return Ok(Box::new(BufReader::new(held.caller.read(file).await.map_err(failed)?)));
        }
        if file == Path::new("-") {
            return Ok(Box::new(BufReader::new(io::stdin())));
        }
        Ok(Box::new(BufReader::new(File::open(file).map_err(failed)?)))
    }

    /// Writes a file of the caller's.
    pub(super) async fn write(&self, file: &Path, bytes: &[u8]) -> Outcome {
        let written = match &self.held {
            Some(held) => held.caller.write(file, bytes).await,
            None => std::fs::write(file, bytes),
        };
        written.map_err(|error| Stop::file("writing", file, &error))
    }

    /// A path that means the machine that the data folder is on.
    pub(super) fn absolute(&self, path: &Path) -> Outcome<PathBuf> {
        match &self.held {
            None => Ok(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())),
            Some(Held { folder: Some(folder), .. }) => Ok(folder.join(path)),
            Some(_) if path.is_absolute() => Ok(path.to_path_buf()),
            Some(_) => {
                let what = format!("{} would be a file of the server's machine, not of this one", path.display());
                Err(Stop::problem("usage", what, "name it as it is known there, from the root on: /srv/app"))
            }
        }
    }
}
