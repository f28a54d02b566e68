//! Opens repositories by their exact path, and only those that are what they should be.
//!
//! Whoever works in a worktree can write its `.git` file, its administrative directory and the shared configuration, and
//! each of them can name files elsewhere on the machine. So nothing is opened before what it says was compared with
//! what was written down when the worktree was made.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, RepositoryOpenFlags};

use super::refs::Names;
use super::{VcsError, VcsProblem, features, git_in};
use crate::vcs::Place;

/// More than any path: the files that link a worktree and its repository hold one line.
const LINK_BYTES_MAX: u64 = 16 << 10;

/// A worktree, as it stands.
pub(super) enum Standing {
    /// It is there and linked as it was made. What is checked out in it may still be anything.
    Sound(Repository),
    /// The directory is not there.
    Missing,
    /// It is there and not as it was made.
    Broken(String),
}

/// A handle on what all worktrees share, without any files: refs and objects.
pub(super) fn common(path: &Path) -> Result<Repository, VcsError> {
    exactly(path, RepositoryOpenFlags::NO_DOTGIT | RepositoryOpenFlags::BARE)
}

/// The worktree of a task with the task's branch checked out.
///
/// # Errors
/// [`VcsProblem::Identity`] when it is missing or anything else.
pub(super) fn worktree(place: &Place) -> Result<Repository, VcsError> {
    let repository = any(place)?;
    match head_is_elsewhere(&repository, place)? {
        None => Ok(repository),
        Some(what) => Err(wrong(place, what)),
    }
}

/// The worktree of a task, whatever is checked out in it.
///
/// # Errors
/// [`VcsProblem::Identity`] when it is missing or not linked as it was made.
pub(super) fn any(place: &Place) -> Result<Repository, VcsError> {
    match standing(place)? {
        Standing::Sound(repository) => Ok(repository),
        Standing::Missing => Err(wrong(place, "it is missing")),
        Standing::Broken(what) => Err(wrong(place, what)),
    }
}

/// How the worktree of a task stands, whatever is checked out in it.
pub(super) fn standing(place: &Place) -> Result<Standing, VcsError> {
    match fs::symlink_metadata(&place.worktree) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Ok(Standing::Broken("it is no directory".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Standing::Missing),
        Err(error) => return Err(VcsError::io("looking at", &place.worktree, &error)),
    }
    if let Err(what) = links(place)? {
        return Ok(Standing::Broken(what));
    }
    let repository = exactly(&place.worktree, RepositoryOpenFlags::empty())?;
    let admin = admin(place)?;
    let workdir = repository.workdir().map(Path::to_path_buf).unwrap_or_default();
    let as_made = repository.is_worktree()
        && same(repository.path(), &admin)
        && same(repository.commondir(), &place.common)
        && same(&workdir, &place.worktree);
    if as_made {
        return Ok(Standing::Sound(repository));
    }
    Ok(Standing::Broken(format!("git takes it for {}", workdir.display())))
}

/// What is checked out in a worktree, if that is not the task's branch.
pub(super) fn head_is_elsewhere(worktree: &Repository, place: &Place) -> Result<Option<String>, VcsError> {
    let head = worktree.find_reference("HEAD").map_err(|e| git_in(&place.worktree, "reading HEAD", &e))?;
    let branch = Names::of(place)?.branch();
    Ok(match head.symbolic_target_bytes() {
        Some(name) if name == branch.as_bytes() => None,
        Some(name) => Some(format!("{} is checked out in it", String::from_utf8_lossy(name))),
        None => Some("a commit without a branch is checked out in it".to_owned()),
    })
}

/// The administrative directory of a task's worktree.
pub(super) fn admin(place: &Place) -> Result<PathBuf, VcsError> {
    Ok(place.common.join("worktrees").join(Names::of(place)?.worktree()))
}

/// The path that the administrative directory `admin` has for its worktree's `.git` file; none if it has none.
pub(super) fn admin_names(admin: &Path) -> Result<Option<PathBuf>, VcsError> {
    Ok(line(&admin.join("gitdir"))?.map(|named| admin.join(named)))
}

/// The full name of the branch that an administrative directory has for HEAD; none if HEAD is no branch.
pub(super) fn head_branch(admin: &Path) -> Result<Option<String>, VcsError> {
    let head = line(&admin.join("HEAD"))?;
    Ok(head.and_then(|text| text.to_str()?.strip_prefix("ref: ").map(str::to_owned)))
}

/// Whether the worktree's `.git` file and its administrative directory name each other and the repository.
fn links(place: &Place) -> Result<Result<(), String>, VcsError> {
    let admin = admin(place)?;
    let link = place.worktree.join(".git");
    let Some(text) = line(&link)? else {
        return Ok(Err("its .git file is gone".to_owned()));
    };
    let names_admin = text.to_str().and_then(|text| text.strip_prefix("gitdir: "));
    if !names_admin.is_some_and(|named| same(&place.worktree.join(named), &admin)) {
        return Ok(Err("its .git file names another repository".to_owned()));
    }
    let is_directory = fs::symlink_metadata(&admin).is_ok_and(|found| found.is_dir());
    if !is_directory {
        return Ok(Err(format!("{} is no directory", admin.display())));
    }
    if !line(&admin.join("commondir"))?.is_some_and(|named| same(&admin.join(named), &place.common)) {
        return Ok(Err(format!("{} names another repository", admin.join("commondir").display())));
    }
    if !admin_names(&admin)?.is_some_and(|named| same_entry(&named, &link)) {
        return Ok(Err(format!("{} names another worktree", admin.join("gitdir").display())));
    }
    Ok(Ok(()))
}

/// The one line of a regular file; none if there is no such file.
pub(super) fn line(path: &Path) -> Result<Option<PathBuf>, VcsError> {
    use std::os::unix::ffi::OsStringExt as _;

    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LINK_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|e| VcsError::io("reading", path, &e))?;
    while bytes.last().is_some_and(u8::is_ascii_whitespace) {
        bytes.pop();
    }
    Ok(Some(PathBuf::from(std::ffi::OsString::from_vec(bytes))))
}

/// Whether two paths are one directory, links followed.
pub(super) fn same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Whether two paths are one entry of one directory, whether it is there or not.
pub(super) fn same_entry(one: &Path, other: &Path) -> bool {
    let (Some(in_one), Some(in_other)) = (one.parent(), other.parent()) else { return one == other };
    one.file_name() == other.file_name() && (in_one == in_other || same(in_one, in_other))
}

/// The repository whose directory, or the worktree whose top, `path` is: nothing is looked for in parents.
pub(super) fn exactly(path: &Path, flags: RepositoryOpenFlags) -> Result<Repository, VcsError> {
    let none: [&Path; 0] = [];
    let flags = flags | RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::CROSS_FS;
    Repository::open_ext(path, flags, none).map_err(|error| refused(path, &error))
}

/// Why a repository can't be opened.
fn refused(path: &Path, error: &git2::Error) -> VcsError {
    match error.code() {
        ErrorCode::NotFound => VcsError::new(
            VcsProblem::NotARepository(path.to_path_buf()),
            "name the top directory of a git repository, or make one with `git init`",
        ),
        ErrorCode::Owner => {
            let path = features::shown(path);
            let hint = format!("if you trust it: git config --global --add safe.directory '{}'", path.display());
            features::unsupported(path, "it belongs to another user", hint)
        }
        _ => {
            let told = features::not_opened(path, error);
            told.unwrap_or_else(|| git_in(path, "opening the repository", error))
        }
    }
}

fn wrong(place: &Place, what: impl Into<String>) -> VcsError {
    let problem = VcsProblem::Identity { worktree: place.worktree.clone(), what: what.into() };
    VcsError::new(problem, "put it right with git, or restart the task: that makes it anew")
}
