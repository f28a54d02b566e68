//! What is different: between two texts, word by word, and in a patch, file by file.

use std::time::Duration;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::plain::write_line;
use super::safe::{Safe, Writer, split_at_most};

/// Longest text that is compared.
const COMPARED_BYTES_MAX: usize = 4 << 20;
/// How long two texts are compared; what is not compared by then is shown as one change.
const COMPARING: Duration = Duration::from_millis(200);
/// So many lines are seen on either side of a change.
const LINES_AROUND: usize = 3;
/// Fewer equal lines than this are not folded.
const FOLDED_LINES_MIN: usize = 10;
/// Most files of a patch that are listed.
const FILES_MAX: usize = 500;
/// Most lines of one file that are shown.
const FILE_LINES_MAX: usize = 1_000;
/// Most lines of a patch that are shown.
const PATCH_LINES_MAX: usize = 5_000;
/// Longest line of a patch that is shown; of a longer one the beginning.
const LINE_BYTES_MAX: usize = 1_000;

/// What became of a text, word by word: `<del>` and `<ins>`, to be put into a `<pre>`. Two JSON texts are compared in
/// their readable form. Long parts that are equal can be opened.
pub(in crate::http) fn words(old: &str, new: &str) -> Safe {
    let mut html = Writer::default();
    if old.len().max(new.len()) > COMPARED_BYTES_MAX {
        html.markup("<span class=\"note\">too long to be compared</span>");
        return html.done();
    }
    let readable = readable(old).zip(readable(new));
    let (old, new) = readable.as_ref().map_or((old, new), |(old, new)| (old.as_str(), new.as_str()));
    let parts = parts(old, new);
    for (number, part) in parts.iter().enumerate() {
        match part {
            Part::Same(text) => write_same(&mut html, text, number == 0, number + 1 == parts.len()),
            Part::Changed(old, new) => {
                write_changed(&mut html, old, ("<del>", "</del>"));
                write_changed(&mut html, new, ("<ins>", "</ins>"));
            }
        }
    }
    html.done()
}

/// JSON as it is read by people.
fn readable(text: &str) -> Option<String> {
    serde_json::from_str::<Value>(text).and_then(|value| serde_json::to_string_pretty(&value)).ok()
}

/// A part of two texts.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Same(&'a str),
    /// The text before, and the text after.
    Changed(&'a str, &'a str),
}

/// The parts of two texts, in order. Changes that only white space lies between are one.
fn parts<'a>(old: &'a str, new: &'a str) -> Vec<Part<'a>> {
    let diff = TextDiff::configure().timeout(COMPARING).diff_unicode_words(old, new);
    // Each as whether it is the same, and its lengths in the two texts.
    let mut lengths: Vec<(bool, usize, usize)> = Vec::new();
    for change in diff.iter_all_changes() {
        let length = change.value().len();
        let (is_same, gone, came) = match change.tag() {
            ChangeTag::Equal => (true, length, length),
            ChangeTag::Delete => (false, length, 0),
            ChangeTag::Insert => (false, 0, length),
        };
        match lengths.last_mut() {
            Some(last) if last.0 == is_same => *last = (is_same, last.1 + gone, last.2 + came),
            _ => lengths.push((is_same, gone, came)),
        }
    }
    let (mut parts, mut old, mut new) = (Vec::new(), old, new);
    let mut lengths = lengths.into_iter().peekable();
    while let Some((is_same, mut gone, mut came)) = lengths.next() {
        if is_same {
            let (same, rest) = old.split_at(gone);
            parts.push(Part::Same(same));
            (old, new) = (rest, &new[came..]);
            continue;
        }
        while let Some((_, between, _)) = lengths.next_if(|(_, between, _)| is_gap(&old[gone..gone + between])) {
            (gone, came) = (gone + between, came + between);
            if let Some((_, more_gone, more_came)) = lengths.next_if(|(is_same, ..)| !is_same) {
                (gone, came) = (gone + more_gone, came + more_came);
            }
        }
        let ((gone, old_rest), (came, new_rest)) = (old.split_at(gone), new.split_at(came));
        parts.push(Part::Changed(gone, came));
        (old, new) = (old_rest, new_rest);
    }
    parts
}

/// Whether what two changes have between them is not worth telling.
fn is_gap(text: &str) -> bool {
    text.chars().all(|c| c == ' ')
}

fn write_changed(html: &mut Writer, text: &str, (begin, end): (&'static str, &'static str)) {
    if !text.is_empty() {
        html.markup(begin);
        text.split_inclusive('\n').for_each(|line| write_line(html, line));
        html.markup(end);
    }
}

/// A part that is equal, folded to the lines next to the changes around it.
fn write_same(html: &mut Writer, text: &str, is_first: bool, is_last: bool) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let head = if is_first { 0 } else { LINES_AROUND };
    let tail = lines.len().saturating_sub(if is_last { 0 } else { LINES_AROUND });
    let is_whole = is_first && is_last || tail.saturating_sub(head) < FOLDED_LINES_MIN;
    for (number, line) in lines.iter().enumerate() {
        if !is_whole && number == head {
            html.markup("<details class=\"folded\"><summary><span class=\"note\">… ");
            html.number(tail - head).markup(" equal lines</span></summary>");
        }
        write_line(html, line);
        if !is_whole && number + 1 == tail {
            html.markup("</details>");
        }
    }
}

/// A patch, as `git diff` writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Patch {
    /// Its files, in its order.
    pub(in crate::http) files: Vec<FileDiff>,
    /// Files beyond those listed.
    pub(in crate::http) more_files: usize,
    /// Lines that came, in all files.
    pub(in crate::http) added: usize,
    /// Lines that are gone, in all files.
    pub(in crate::http) removed: usize,
}

/// What a patch says of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct FileDiff {
    /// Its path; of a file that is gone the path that it had.
    pub(in crate::http) path: String,
    /// The path that it had, where it is another one.
    pub(in crate::http) was: Option<String>,
    /// What became of it.
    pub(in crate::http) change: FileChange,
    /// Whether its content is not text.
    pub(in crate::http) is_binary: bool,
    /// Lines that came.
    pub(in crate::http) added: usize,
    /// Lines that are gone.
    pub(in crate::http) removed: usize,
    /// The parts that changed, with some lines around them.
    pub(in crate::http) hunks: Vec<Hunk>,
    /// Lines that are not shown: there are too many.
    pub(in crate::http) more_lines: usize,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::http) enum FileChange {
    /// It has another content, or other rights.
    #[default]
    Changed,
    /// It came.
    Added,
    /// It is gone.
    Deleted,
    /// It has another path.
    Renamed,
}

impl FileChange {
    /// The word for it.
    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Deleted => "deleted",
            Self::Renamed => "renamed",
        }
    }
}

/// A part of a file that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Hunk {
    /// Where it is: what stands after the second `@@`, often the name of a function.
    pub(in crate::http) place: Safe,
    /// Its lines.
    pub(in crate::http) lines: Vec<Line>,
}

/// A line of a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Line {
    /// What became of it.
    pub(in crate::http) kind: LineKind,
    /// Its number in the file as it was.
    pub(in crate::http) old: Option<usize>,
    /// Its number in the file as it is.
    pub(in crate::http) new: Option<usize>,
    /// Its text, to be put into an element that keeps white space.
    pub(in crate::http) text: Safe,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum LineKind {
    /// It is as it was.
    Same,
    /// It came.
    Added,
    /// It is gone.
    Removed,
    /// It is none: git says something.
    Note,
}

impl LineKind {
    /// The class of its row.
    pub(in crate::http) fn class(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Note => "note",
        }
    }

    /// The character in front of it.
    pub(in crate::http) fn sign(self) -> &'static str {
        match self {
            Self::Same | Self::Note => " ",
            Self::Added => "+",
            Self::Removed => "-",
        }
    }
}

/// Reads a patch in the form of `git diff`. What is no patch gives no files; what is too long is counted, and not kept.
pub(in crate::http) fn patch(text: &str) -> Patch {
    let mut reader = PatchReader::default();
    for line in text.lines() {
        reader.take(line);
    }
    reader.end_file();
    reader.patch
}

#[derive(Default)]
struct PatchReader {
    patch: Patch,
    file: Option<FileDiff>,
    /// Numbers of the next line before and after, within a hunk.
    next: (usize, usize),
    /// Lines of the hunk that are to come, before and after: what else looks like a header is content.
    left: (usize, usize),
    shown: usize,
    shown_of_file: usize,
    marks: usize,
}

impl PatchReader {
    fn take(&mut self, line: &str) {
        // Beside lines there are notes: that the last line has no end, that the patch was cut off.
        if self.left != (0, 0) || line.starts_with(['\\', '[']) {
            self.content(line);
        } else if let Some(paths) = line.strip_prefix("diff --git ") {
            self.end_file();
            self.file = Some(FileDiff { path: path_of(paths), ..FileDiff::default() });
        } else if let Some(file) = &mut self.file {
            match hunk(line) {
                Some((old, new, place)) => {
                    (self.next, self.left) = ((old.0, new.0), (old.1, new.1));
                    self.begin_hunk(place);
                }
                None => header(file, line),
            }
        }
    }

    fn has_room(&self) -> bool {
        self.shown_of_file < FILE_LINES_MAX && self.shown < PATCH_LINES_MAX
    }

    fn begin_hunk(&mut self, place: &str) {
        if self.has_room() {
            let place = self.safe(place);
            self.file.iter_mut().for_each(|file| file.hunks.push(Hunk { place: place.clone(), lines: Vec::new() }));
            self.shown += 1;
            self.shown_of_file += 1;
        }
    }

    fn content(&mut self, line: &str) {
        let (kind, text) = match line.split_at_checked(1) {
            Some((" ", text)) => (LineKind::Same, text),
            Some(("+", text)) => (LineKind::Added, text),
            Some(("-", text)) => (LineKind::Removed, text),
            None => (LineKind::Same, line),
            Some(_) => (LineKind::Note, line),
        };
        let (is_old, is_new) = match kind {
            LineKind::Same => (true, true),
            LineKind::Added => (false, true),
            LineKind::Removed => (true, false),
            LineKind::Note => (false, false),
        };
        let line = Numbers { old: is_old.then_some(self.next.0), new: is_new.then_some(self.next.1) };
        self.next = (self.next.0.saturating_add(is_old.into()), self.next.1.saturating_add(is_new.into()));
        self.left = (self.left.0.saturating_sub(is_old.into()), self.left.1.saturating_sub(is_new.into()));
        // A note in the middle of a hunk says that it is cut off.
        if kind == LineKind::Note && !text.starts_with('\\') {
            self.left = (0, 0);
        }
        self.keep(kind, &line, text);
    }

    fn keep(&mut self, kind: LineKind, numbers: &Numbers, text: &str) {
        let is_shown = self.has_room();
        let text = if is_shown { self.safe(text) } else { Safe::default() };
        let Some(file) = &mut self.file else { return };
        file.added += usize::from(kind == LineKind::Added);
        file.removed += usize::from(kind == LineKind::Removed);
        match file.hunks.last_mut().filter(|_| is_shown) {
            Some(hunk) => {
                hunk.lines.push(Line { kind, old: numbers.old, new: numbers.new, text });
                self.shown += 1;
                self.shown_of_file += 1;
            }
            None => file.more_lines += 1,
        }
    }

    fn safe(&mut self, text: &str) -> Safe {
        let mut html = Writer::with_marks(self.marks);
        let (shown, rest) = split_at_most(text, LINE_BYTES_MAX);
        html.text(shown);
        super::plain::write_rest(&mut html, rest);
        self.marks = html.marks();
        html.done()
    }

    fn end_file(&mut self) {
        self.left = (0, 0);
        self.shown_of_file = 0;
        let Some(file) = self.file.take() else { return };
        self.patch.added += file.added;
        self.patch.removed += file.removed;
        if self.patch.files.len() < FILES_MAX { self.patch.files.push(file) } else { self.patch.more_files += 1 }
    }
}

/// Where a line is in the file as it was, and as it is.
struct Numbers {
    old: Option<usize>,
    new: Option<usize>,
}

/// A line before the first hunk of a file.
fn header(file: &mut FileDiff, line: &str) {
    if line.starts_with("new file mode ") {
        file.change = FileChange::Added;
    } else if line.starts_with("deleted file mode ") {
        file.change = FileChange::Deleted;
    } else if let Some(path) = line.strip_prefix("rename from ") {
        (file.change, file.was) = (FileChange::Renamed, Some(unquoted(path)));
    } else if let Some(path) = line.strip_prefix("rename to ") {
        file.path = unquoted(path);
    } else if let Some(path) = line.strip_prefix("+++ ").and_then(|path| side(path, "b/")) {
        file.path = path;
    } else if let Some(path) = line.strip_prefix("--- ").and_then(|path| side(path, "a/")) {
        file.path = path;
    } else if line.starts_with("Binary files ") || line == "GIT binary patch" {
        file.is_binary = true;
    }
}

/// The path on one side of a change; `None` where there is no file.
fn side(path: &str, prefix: &str) -> Option<String> {
    let path = unquoted(path.strip_suffix('\t').unwrap_or(path));
    path.strip_prefix(prefix).map(str::to_owned)
}

/// The path of `a/path b/path`, where no other line of the header tells it: then both are the same.
fn path_of(paths: &str) -> String {
    let middle = paths.len() / 2;
    let second = paths.split_at_checked(middle).and_then(|(_, second)| side(second.strip_prefix(' ')?, "b/"));
    second.unwrap_or_else(|| unquoted(paths))
}

/// A path as it is: git writes those with unusual characters in quotes, their bytes as `\303`.
fn unquoted(path: &str) -> String {
    let Some(quoted) = path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) else { return path.to_owned() };
    let (mut bytes, mut rest) = (Vec::with_capacity(quoted.len()), quoted.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let octal = rest.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = &rest[3..];
        } else if let Some((second, after)) = rest.split_first() {
            let escaped = [(b'n', b'\n'), (b't', b'\t'), (b'r', b'\r'), (b'a', 7), (b'b', 8), (b'f', 12), (b'v', 11)];
            bytes.push(escaped.iter().find(|(name, _)| name == second).map_or(*second, |(_, byte)| *byte));
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A first line, and a number of lines.
type Range = (usize, usize);

/// What a hunk covers, before and after, and where it is.
fn hunk(line: &str) -> Option<(Range, Range, &str)> {
    let (ranges, place) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| match text.split_once(',') {
        Some((first, lines)) => Some((first.parse().ok()?, lines.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    Some((range(old)?, range(new)?, place.trim_start()))
}
