//! Names that others read: the branch of a task, and what it may begin from.

use super::limits::FROM_BYTES_MAX;
use crate::domain::{EntityId, Rejection, StageId};

/// Most characters of a title in the name of a branch.
const SLUG_CHARS_MAX: usize = 40;

/// The branch of a task, without `refs/heads/`: `task/{id}-{slug of the title}`, or `task/{id}` for a title that has no
/// letter or digit.
pub fn branch_name(id: &EntityId, title: &str) -> String {
    match slug(title) {
        slug if slug.is_empty() => format!("task/{id}"),
        slug => format!("task/{id}-{slug}"),
    }
}

/// The first line of the message of a completed stage's commit.
pub fn commit_subject(id: &EntityId, stage: &StageId) -> String {
    format!("task/{id}: complete {stage} stage")
}

/// The message of a completed stage's commit: its first line, and trailers that name what it is of.
pub fn commit_message(id: &EntityId, stage: &StageId, run: u64) -> String {
    format!("{}\n\nTask: {id}\nStage: {stage}\nRun: {run}\n", commit_subject(id, stage))
}

/// Lower case letters and digits, with single `-` for everything between them.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == SLUG_CHARS_MAX {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Checks what a task is to begin from: a branch or a commit, and nothing that could be read as anything else.
pub(super) fn check_from(from: &str) -> Result<(), Rejection> {
    let invalid = |problem: &str| Err(Rejection::invalid("from", problem));
    if from.is_empty() {
        return invalid("it is empty");
    }
    if from.len() > FROM_BYTES_MAX {
        return Err(Rejection::limit("bytes of from", FROM_BYTES_MAX));
    }
    if !from.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return invalid("it must begin with a letter or a digit");
    }
    if let Some(c) = from.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '/' | '-')) {
        return invalid(&format!("{c:?} is not allowed: use letters, digits, '.', '_', '/' and '-'"));
    }
    if from.contains("..") || from.contains("//") {
        return invalid("it holds \"..\" or \"//\"");
    }
    if from.ends_with('/') || from.ends_with('.') || from.split('/').any(|part| part.ends_with(".lock")) {
        return invalid("it can't end in '/' or '.', and no part of it in \".lock\"");
    }
    Ok(())
}
