//! Brings ignored files that every worktree needs, such as settings with secrets, from the main worktree into a new one:
//! those that the file `.worktreeinclude` at its top names, in the syntax of `.gitignore`.
//!
//! Only what is ignored is brought: the rest is in the repository, or is somebody's work. Nothing is overwritten, no link
//! is followed or brought, and there is a limit to how much is.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use git2::{RepositoryOpenFlags, Status, StatusOptions, StatusShow};

use super::content::path_of;
use super::patterns::Patterns;
use super::{Git, VcsError, git_in, open, probe, unlink};
use crate::vcs::Place;

/// The file that names what to bring.
const NAME: &str = ".worktreeinclude";
/// The most that is read of it.
const PATTERNS_BYTES_MAX: u64 = 64 << 10;
/// Permissions that are brought along.
const MODE: u32 = 0o777;

/// One bringing of files.
struct Bringing<'a> {
    from: &'a Path,
    to: &'a Path,
    patterns: Patterns,
    files_left: usize,
    bytes_left: u64,
    looks_left: usize,
    is_cut: bool,
}

impl Git {
    /// Brings the files; what is good to know about it.
    pub(super) fn include(&self, place: &Place) -> Result<Option<String>, VcsError> {
        let main = open::exactly(&place.common, RepositoryOpenFlags::NO_DOTGIT)?;
        let from = probe::main_worktree(&main, &place.common)?;
        let list = from.join(NAME);
        let Some(found) = unlink::look(&list)?.filter(Metadata::is_file) else { return Ok(None) };
        if found.len() > PATTERNS_BYTES_MAX {
            return Ok(Some(format!("{NAME} was not followed: it is longer than {PATTERNS_BYTES_MAX} bytes")));
        }
        let text = fs::read(&list).map_err(|e| VcsError::io("reading", &list, &e))?;
        let mut bringing = Bringing {
            from: &from,
            to: &place.worktree,
            patterns: Patterns::read(&text),
            files_left: self.limits.include_files_max,
            bytes_left: self.limits.include_bytes_max,
            looks_left: self.limits.include_looks_max,
            is_cut: false,
        };
        let repository = open::exactly(&from, RepositoryOpenFlags::empty())?;
        let mut options = StatusOptions::new();
        options.show(StatusShow::Workdir).include_untracked(true).include_ignored(true).recurse_ignored_dirs(false);
        let statuses = repository.statuses(Some(&mut options));
        for entry in statuses.map_err(|e| git_in(&from, "looking for ignored files", &e))?.iter() {
            if entry.status().contains(Status::IGNORED) {
                let path = entry.path_bytes();
                bringing.bring(&path_of(path.strip_suffix(b"/").unwrap_or(path)))?;
            }
        }
        let limits = (self.limits.include_files_max, self.limits.include_bytes_max);
        Ok(bringing.is_cut.then(|| {
            format!("{NAME} names more than is brought: at most {} files of {} bytes together", limits.0, limits.1)
        }))
    }
}

impl Bringing<'_> {
    /// Brings an ignored file, or what is named of an ignored directory.
    fn bring(&mut self, path: &Path) -> Result<(), VcsError> {
        if self.is_cut {
            return Ok(());
        }
        if self.looks_left == 0 {
            self.is_cut = true;
            return Ok(());
        }
        self.looks_left -= 1;
        let Some(found) = unlink::found(self.from, path)? else { return Ok(()) };
        if found.is_file() {
            return if self.patterns.name(path.as_os_str().as_bytes()) { self.copy(path, &found) } else { Ok(()) };
        }
        let is_nested = || self.from.join(path).join(".git").symlink_metadata().is_ok();
        if !found.is_dir() || is_nested() {
            return Ok(());
        }
        let full = self.from.join(path);
        // What can't be read is not brought.
        let Ok(entries) = fs::read_dir(&full) else { return Ok(()) };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names.iter().try_for_each(|name| self.bring(&path.join(name)))
    }

    fn copy(&mut self, path: &Path, found: &Metadata) -> Result<(), VcsError> {
        if self.files_left == 0 || found.len() > self.bytes_left {
            self.is_cut = true;
            return Ok(());
        }
        let to = self.to.join(path);
        if unlink::look(&to)?.is_some() || !self.make_parents(path)? {
            return Ok(());
        }
        let copied = copy_new(&self.from.join(path), &to, found).map_err(|e| VcsError::io("copying", &to, &e))?;
        self.files_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(copied);
        Ok(())
    }

    /// Makes the directories that a file goes into; `false` if something else is there.
    fn make_parents(&self, path: &Path) -> Result<bool, VcsError> {
        let mut at: PathBuf = self.to.to_path_buf();
        for part in path.parent().into_iter().flatten() {
            at.push(part);
            match unlink::look(&at)? {
                Some(found) if found.is_dir() => {}
                Some(_) => return Ok(false),
                None => fs::create_dir(&at).map_err(|e| VcsError::io("making", &at, &e))?,
            }
        }
        Ok(true)
    }
}

/// Copies a file that was looked at to a new one. No more than what it was long then: it may be written to meanwhile.
fn copy_new(from: &Path, to: &Path, found: &Metadata) -> io::Result<u64> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let source = File::options().read(true).custom_flags(no_follow).open(from)?;
    let mode = found.permissions().mode() & MODE;
    let mut copy = File::options().write(true).create_new(true).mode(mode).open(to)?;
    io::copy(&mut source.take(found.len()), &mut copy)
}
