//! What a task begins from: a branch or a commit that is named, or the repository's own main branch.

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::{VcsError, VcsProblem, git_in, refs};

/// The branches that tasks begin from when none is named, in this order.
const USUAL: [&str; 2] = ["main", "master"];
/// How many branches are named when the one that is asked for is not there.
const NAMED_MAX: usize = 10;
/// The shortest beginning of an id that stands for a commit.
const ID_DIGITS_MIN: usize = 7;

/// What a task begins from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    /// The branch, without `refs/heads/`; none for a commit.
    pub(super) branch: Option<String>,
    /// The commit.
    pub(super) commit: Oid,
}

/// The branch or commit that is named; with no name main, master, or what the main worktree has checked out.
///
/// `repository` is a handle on the common directory: its HEAD is the main worktree's.
pub(super) fn find(repository: &Repository, wanted: Option<&str>) -> Result<Base, VcsError> {
    match wanted {
        Some("HEAD") => head(repository)?.ok_or_else(|| no_base(repository, "HEAD")),
        Some(name) => named(repository, name)?.ok_or_else(|| no_base(repository, name)),
        None => {
            for name in USUAL {
                if let Some(base) = branch(repository, name)? {
                    return Ok(base);
                }
            }
            head(repository)?.ok_or_else(|| nothing_yet(repository))
        }
    }
}

fn named(repository: &Repository, name: &str) -> Result<Option<Base>, VcsError> {
    if name.contains('\0') {
        return Ok(None);
    }
    if let Some(base) = branch(repository, name)? {
        return Ok(Some(base));
    }
    for folder in ["refs/tags", "refs/remotes"] {
        if let Some(commit) = commit_of(repository, &format!("{folder}/{name}"))? {
            return Ok(Some(Base { branch: None, commit }));
        }
    }
    let could_be_an_id = name.len() >= ID_DIGITS_MIN && name.bytes().all(|b| b.is_ascii_hexdigit());
    if !could_be_an_id {
        return Ok(None);
    }
    match repository.find_commit_by_prefix(name) {
        Ok(commit) => Ok(Some(Base { branch: None, commit: commit.id() })),
        Err(error) if [ErrorCode::NotFound, ErrorCode::Ambiguous, ErrorCode::InvalidSpec].contains(&error.code()) => {
            Ok(None)
        }
        Err(error) => Err(git_in(repository.path(), "looking for the base commit", &error)),
    }
}

fn branch(repository: &Repository, name: &str) -> Result<Option<Base>, VcsError> {
    let commit = commit_of(repository, &refs::branch(name))?;
    Ok(commit.map(|commit| Base { branch: Some(name.to_owned()), commit }))
}

/// The commit that a full ref name leads to.
fn commit_of(repository: &Repository, name: &str) -> Result<Option<Oid>, VcsError> {
    match repository.find_reference(name).and_then(|reference| reference.peel(ObjectType::Commit)) {
        Ok(commit) => Ok(Some(commit.id())),
        Err(error) if [ErrorCode::NotFound, ErrorCode::InvalidSpec, ErrorCode::Peel].contains(&error.code()) => {
            Ok(None)
        }
        Err(error) => Err(git_in(repository.path(), "looking for the base", &error)),
    }
}

/// What the main worktree has checked out; none before the first commit.
fn head(repository: &Repository) -> Result<Option<Base>, VcsError> {
    let head = match repository.head() {
        Ok(head) => head,
        Err(error) if [ErrorCode::UnbornBranch, ErrorCode::NotFound].contains(&error.code()) => return Ok(None),
        Err(error) => return Err(git_in(repository.path(), "reading HEAD", &error)),
    };
    let commit = head.peel_to_commit().map_err(|e| git_in(repository.path(), "reading HEAD", &e))?.id();
    let branch = if head.is_branch() { head.shorthand().ok().map(str::to_owned) } else { None };
    Ok(Some(Base { branch, commit }))
}

fn no_base(repository: &Repository, name: &str) -> VcsError {
    let branches = refs::under(repository, "refs/heads/").unwrap_or_default();
    let mut names: Vec<&str> = branches.iter().filter_map(|(name, _)| name.strip_prefix("refs/heads/")).collect();
    let more = if names.len() > NAMED_MAX { ", ..." } else { "" };
    names.truncate(NAMED_MAX);
    let hint = match names.as_slice() {
        [] => "commit something first".to_owned(),
        names => format!("name a branch or a commit that is there; branches are {}{more}", names.join(", ")),
    };
    VcsError::new(VcsProblem::NoBase(name.to_owned()), hint)
}

fn nothing_yet(repository: &Repository) -> VcsError {
    let problem = VcsProblem::Unsupported {
        repository: repository.path().to_path_buf(),
        what: "it has no commit to begin from".to_owned(),
    };
    VcsError::new(
        problem,
        "commit something, or name a branch that has commits; `git commit --allow-empty -m start` is enough",
    )
}
