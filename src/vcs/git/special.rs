//! Finds what git has no eyes for: sockets, pipes and devices in a worktree, and `.git` in other spellings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use git2::{Index, Repository};

use super::VcsError;
use super::content::{path_of, shown};
use crate::vcs::{Kept, Stays};

/// Looks through all directories that are neither ignored nor repositories of their own, and lists the first `max`.
pub(super) fn find(repository: &Repository, worktree: &Path, index: &Index, max: usize) -> Result<Vec<Kept>, VcsError> {
    let known = directories(index);
    let mut found = Vec::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(directory) = todo.pop() {
        let full = worktree.join(&directory);
        // What vanishes or can't be read was, or will be, somebody else's finding.
        let Ok(entries) = fs::read_dir(&full) else { continue };
        for entry in entries.flatten() {
            let (Ok(kind), path) = (entry.file_type(), directory.join(entry.file_name())) else { continue };
            if entry.file_name() == ".git" {
                continue;
            }
            if entry.file_name().eq_ignore_ascii_case(".git") {
                found.push(Kept { path: shown(&path), why: Stays::Name });
                continue;
            }
            if kind.is_file() || kind.is_symlink() {
                continue;
            }
            if kind.is_dir() {
                let is_nested = || full.join(entry.file_name()).join(".git").symlink_metadata().is_ok();
                if known.contains(&path) || !(is_nested() || is_ignored(repository, &path)) {
                    todo.push(path);
                }
            } else if !is_ignored(repository, &path) {
                found.push(Kept { path: shown(&path), why: Stays::Special });
                if found.len() >= max {
                    return Ok(found);
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The directories that hold files of the index.
fn directories(index: &Index) -> BTreeSet<PathBuf> {
    let mut known = BTreeSet::new();
    let mut last = Vec::new();
    for entry in index.iter() {
        let directory = entry.path.iter().rposition(|b| *b == b'/').map_or(&[][..], |at| &entry.path[..at]);
        if directory != last {
            last = directory.to_vec();
            let path = path_of(directory);
            let new = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !known.contains(*p));
            let new: Vec<PathBuf> = new.map(Into::into).collect();
            known.extend(new);
        }
    }
    known
}

fn is_ignored(repository: &Repository, path: &Path) -> bool {
    repository.is_path_ignored(path).unwrap_or(false)
}
