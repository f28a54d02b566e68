//! What is in a worktree, and what going back would move: as text and as JSON.

use serde_json::{Value, json};

use super::output::line;
use crate::api::{Look, Stays};

/// Paths of a sort that a plan shows; of the rest it says how many.
const SHOWN: usize = 20;
/// Digits of an id that are shown.
const DIGITS: usize = 10;

/// The first digits of the id of a commit or tree.
pub(super) fn short(id: &impl ToString) -> String {
    id.to_string().chars().take(DIGITS).collect()
}

pub(super) fn json(look: &Look) -> Value {
    let kept = look.kept.iter().map(|kept| {
        let bytes = if let Stays::TooLarge(bytes) = kept.why { Some(bytes) } else { None };
        json!({ "path": kept.path, "why": word(kept.why), "bytes": bytes })
    });
    json!({
        "head": look.head.map(|head| head.to_string()),
        "commits": look.commits.iter().map(|(id, subject)| json!({
            "commit": id.to_string(), "subject": subject,
        })).collect::<Vec<_>>(),
        "files": look.files.iter().map(|file| json!({ "path": file.path, "what": file.what })).collect::<Vec<_>>(),
        "more_files": look.more_files,
        "kept": kept.collect::<Vec<_>>(),
        "notes": look.notes,
    })
}

/// What going back would do to files.
pub(super) fn planned(look: &Look) -> String {
    let commits = look.commits.iter().map(|(id, subject)| format!("{}  {}", short(id), line(subject))).collect();
    let mut text = match look.commits.len() {
        0 => String::new(),
        1 => "1 commit leaves the branch; the snapshot keeps it:\n".to_owned(),
        n => format!("{n} commits leave the branch; the snapshot keeps them:\n"),
    };
    text.push_str(&list(commits, 0, SHOWN));
    text.push_str(&match total(look) {
        0 => "nothing is uncommitted; a snapshot is taken all the same\n".to_owned(),
        1 => "1 uncommitted file goes into the snapshot:\n".to_owned(),
        n => format!("{n} uncommitted files go into the snapshot:\n"),
    });
    text.push_str(&list(changed(look), look.more_files, SHOWN));
    text.push_str(&rest(look, SHOWN));
    text
}

/// What is in a worktree and not committed.
pub(super) fn present(look: &Look) -> String {
    let Some(head) = &look.head else {
        return format!("the worktree is not there; it is made again when it is needed\n{}", rest(look, usize::MAX));
    };
    let head = short(head);
    let mut text = match total(look) {
        0 => format!("all files are as in {head}\n"),
        1 => format!("1 file is not as in {head}:\n"),
        n => format!("{n} files are not as in {head}:\n"),
    };
    text.push_str(&list(changed(look), look.more_files, usize::MAX));
    text.push_str(&rest(look, usize::MAX));
    text
}

fn total(look: &Look) -> u64 {
    look.more_files.saturating_add(u64::try_from(look.files.len()).unwrap_or(u64::MAX))
}

fn changed(look: &Look) -> Vec<String> {
    let widest = look.files.iter().map(|file| file.what.len()).max().unwrap_or(0);
    look.files.iter().map(|file| format!("{:widest$}  {}", file.what, line(&file.path))).collect()
}

/// What stays, and what is unusual.
fn rest(look: &Look, most: usize) -> String {
    let mut text = String::new();
    if !look.kept.is_empty() {
        text.push_str("stays as it is, and is in no snapshot:\n");
        let kept = look.kept.iter().map(|kept| format!("{}  ({})", line(&kept.path), reason(kept.why)));
        text.push_str(&list(kept.collect(), 0, most));
    }
    text.extend(look.notes.iter().map(|note| format!("note: {}\n", line(note))));
    text
}

/// Lines, set in; `more` were left out already.
fn list(lines: Vec<String>, more: u64, most: usize) -> String {
    let left = u64::try_from(lines.len().saturating_sub(most)).unwrap_or(u64::MAX).saturating_add(more);
    let mut text: String = lines.into_iter().take(most).map(|line| format!("  {line}\n")).collect();
    if left > 0 {
        text.push_str(&format!("  and {left} more\n"));
    }
    text
}

/// Why something stays, for programs.
fn word(why: Stays) -> &'static str {
    match why {
        Stays::Ignored => "ignored",
        Stays::TooLarge(_) => "too_large",
        Stays::NestedRepository => "nested_repository",
        Stays::Special => "special",
        Stays::Name => "name",
    }
}

fn reason(why: Stays) -> String {
    match why {
        Stays::Ignored => "ignored".to_owned(),
        Stays::TooLarge(bytes) => format!("too large: {}", size(bytes)),
        Stays::NestedRepository => "a repository of its own".to_owned(),
        Stays::Special => "no file, folder or link".to_owned(),
        Stays::Name => "git can't hold its name".to_owned(),
    }
}

fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes < MIB { format!("{bytes} bytes") } else { format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CommitId, FileChange, Kept};

    fn look(files: usize) -> Look {
        let change = |n: usize| FileChange { path: format!("f{n}\u{1b}[2J"), what: "untracked" };
        Look {
            head: Some(CommitId([0xab; 20])),
            commits: vec![(CommitId([0xcd; 20]), "a subject\u{202e}".into())],
            files: (0..files).map(change).collect(),
            more_files: 7,
            kept: vec![
                Kept { path: "target/".into(), why: Stays::Ignored },
                Kept { path: "big".into(), why: Stays::TooLarge((40 << 20) + (512 << 10)) },
            ],
            notes: vec!["another branch is checked out".into()],
        }
    }

    #[test]
    fn a_plan_shows_the_first_files_and_counts_the_rest() {
        let text = planned(&look(25));
        assert!(
            text.starts_with("1 commit leaves the branch; the snapshot keeps it:\n  cdcdcdcdcd  a subject\\u{202e}\n")
        );
        assert!(text.contains("32 uncommitted files go into the snapshot:\n  untracked  f0\\u{1b}[2J\n"), "{text}");
        assert!(text.contains("  untracked  f19\\u{1b}[2J\n  and 12 more\nstays as it is"), "{text}");
        assert!(text.contains("  target/  (ignored)\n  big  (too large: 40.5 MiB)\n"), "{text}");
        assert!(text.ends_with("note: another branch is checked out\n"), "{text}");
    }

    #[test]
    fn what_is_there_is_shown_in_full() {
        let text = present(&look(25));
        assert!(text.starts_with("32 files are not as in ababababab:\n"), "{text}");
        assert!(text.contains("f24\\u{1b}[2J\n  and 7 more\n"), "{text}");
        assert!(present(&Look::default()).contains("is not there"));
    }
}
