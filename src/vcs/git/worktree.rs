//! A worktree and its administrative directory, made so that git can't tell them from its own.
//!
//! They are written here and not by libgit2, whose way leaves debris that nobody can be told the owner of. The
//! administrative directory comes first and whole, by one rename: from then on its `gitdir` names the worktree that the
//! key belongs to, so two that wish the same key can't both have it, and what a crash left is found again.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{Oid, Repository};

use super::open;
use super::refs::Names;
use super::{Git, VcsError, VcsProblem, git_in, sync};
use crate::vcs::Place;
use crate::vcs::step::step;

/// What `commondir` says, as git itself writes it: a repository that is moved can be put right by `git worktree repair`.
const COMMONDIR: &str = "../..\n";
/// What the names of administrative directories begin with before they are whole.
const DRAFT_PREFIX: &str = "restage.new-";
/// The reason of the lock while a worktree is being made. A lock keeps `git worktree prune` off.
pub(super) const IN_THE_MAKING: &str = "restage is making this worktree";

/// A worktree that the repository knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registered {
    /// The name of its administrative directory.
    pub(super) name: String,
    /// The path of its `.git` file; none if the directory does not say.
    pub(super) link: Option<PathBuf>,
    /// The full name of the branch that is checked out in it; none for a commit.
    pub(super) branch: Option<String>,
}

/// All linked worktrees that the repository knows.
pub(super) fn registered(common: &Path) -> Result<Vec<Registered>, VcsError> {
    let folder = common.join("worktrees");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(VcsError::io("reading", &folder, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let admin = entry.map_err(|e| VcsError::io("reading", &folder, &e))?.path();
        let Some(name) = admin.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if name.starts_with(DRAFT_PREFIX) {
            continue;
        }
        let link = open::admin_names(&admin)?;
        found.push(Registered { name, link, branch: open::head_branch(&admin)? });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The reason that a worktree is locked with; none if it is not locked.
pub(super) fn lock_reason(admin: &Path) -> Result<Option<String>, VcsError> {
    Ok(open::line(&admin.join("locked"))?.map(|reason| reason.display().to_string()))
}

impl Git {
    /// Takes the key of a place by making its administrative directory; `false` if it is taken.
    pub(super) fn claim(
        &self,
        repository: &Repository,
        place: &Place,
        reason: &str,
        tip: Oid,
    ) -> Result<bool, VcsError> {
        let admin = open::admin(place)?;
        let folder = place.common.join("worktrees");
        let mut path = DefaultHasher::new();
        place.worktree.hash(&mut path);
        // Another program that wishes the same key for another path prepares it elsewhere.
        let draft = folder.join(format!("{DRAFT_PREFIX}{}-{:016x}", place.key, path.finish()));
        if fs::symlink_metadata(&draft).is_ok() {
            fs::remove_dir_all(&draft).map_err(|e| VcsError::io("removing", &draft, &e))?;
        }
        fs::create_dir_all(draft.join("refs")).map_err(|e| VcsError::io("making", &draft, &e))?;
        put(&draft.join("locked"), format!("{reason}\n").as_bytes())?;
        put(&draft.join("commondir"), COMMONDIR.as_bytes())?;
        put(&draft.join("gitdir"), &[place.worktree.join(".git").as_os_str().as_bytes(), b"\n"].concat())?;
        put(&draft.join("HEAD"), format!("ref: {}\n", Names::of(place)?.branch()).as_bytes())?;
        self.first_log(repository, &draft, tip)?;
        match fs::rename(&draft, &admin) {
            Ok(()) => {
                sync::below(&place.common, &admin)?;
                Ok(true)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
                fs::remove_dir_all(&draft).map_err(|e| VcsError::io("removing", &draft, &e))?;
                Ok(false)
            }
            Err(error) => Err(VcsError::io("making", &admin, &error)),
        }
    }

    /// The first line of the log of HEAD, as `git worktree add` writes it.
    fn first_log(&self, repository: &Repository, admin: &Path, tip: Oid) -> Result<(), VcsError> {
        let logs = admin.join("logs");
        let who = self.signature(repository)?;
        let name = String::from_utf8_lossy(who.name_bytes()).replace(['\n', '<', '>'], "");
        let email = String::from_utf8_lossy(who.email_bytes()).replace(['\n', '<', '>'], "");
        let line = format!("{} {tip} {name} <{email}> {} +0000\n", Oid::ZERO_SHA1, who.when().seconds());
        fs::create_dir_all(&logs).map_err(|e| VcsError::io("making", &logs, &e))?;
        put(&logs.join("HEAD"), line.as_bytes())
    }

    /// Makes the directory of a place whose administrative directory is there, and checks its branch out in it.
    pub(super) fn fill(&self, place: &Place) -> Result<Repository, VcsError> {
        make_directory(&place.worktree)?;
        let admin = open::admin(place)?;
        put(&place.worktree.join(".git"), &[b"gitdir: ", admin.as_os_str().as_bytes(), b"\n"].concat())?;
        // Of a directory that was not there nobody holds the index: its lock is a dead one's.
        for left in ["index", "index.lock"] {
            remove_file(&admin.join(left)).map_err(|e| VcsError::io("removing", &admin.join(left), &e))?;
        }
        step("create-linked");
        let repository = open::worktree(place)?;
        self.retried(|| {
            let mut checkout = CheckoutBuilder::new();
            checkout.force().recreate_missing(true);
            let filled = repository.checkout_head(Some(&mut checkout));
            filled.map_err(|e| git_in(&place.worktree, "checking files out", &e))
        })?;
        sync::file_system(&place.worktree)?;
        Ok(repository)
    }
}

/// Makes a directory that must not be there, with those above it.
fn make_directory(path: &Path) -> Result<(), VcsError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|e| VcsError::io("making", parent, &e))?;
    }
    match fs::create_dir(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(path)),
        Err(error) => Err(VcsError::io("making", path, &error)),
    }
}

/// Something else is where a worktree should go.
pub(super) fn taken(path: &Path) -> VcsError {
    VcsError::new(VcsProblem::PlaceTaken(path.to_path_buf()), "move it away, or choose another place")
}

/// Writes a small file whole or not at all, and never through a link.
pub(super) fn put(path: &Path, content: &[u8]) -> Result<(), VcsError> {
    let draft = path.with_extension("new");
    let write = || -> io::Result<()> {
        remove_file(&draft)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(|e| VcsError::io("writing", path, &e))
}

/// Removes a file or link that need not be there.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
