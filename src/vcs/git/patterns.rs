//! Patterns of paths in the syntax of `.gitignore`.

/// A list of patterns: of those that match, the last decides.
#[derive(Debug)]
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// The parts between slashes.
    parts: Vec<Vec<u8>>,
    takes_back: bool,
    directories_only: bool,
    /// Whether it is matched from the top alone.
    from_top: bool,
}

impl Patterns {
    pub(super) fn read(text: &[u8]) -> Self {
        Self { patterns: text.split(|b| *b == b'\n').filter_map(Pattern::read).collect() }
    }

    /// Whether they name a file, itself or by a directory that it is in. What is in a directory that they name can't be
    /// taken back one by one, as in `.gitignore`.
    pub(super) fn name(&self, path: &[u8]) -> bool {
        let parts: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
        (1..=parts.len()).any(|depth| self.decide(&parts[..depth], depth < parts.len()))
    }

    fn decide(&self, path: &[&[u8]], is_directory: bool) -> bool {
        let last = self.patterns.iter().rev().find(|pattern| pattern.matches(path, is_directory));
        last.is_some_and(|pattern| !pattern.takes_back)
    }
}

impl Pattern {
    fn read(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.first() == Some(&b'#') {
            return None;
        }
        let mut text = without_blanks(line);
        let takes_back = text.first() == Some(&b'!');
        text = &text[usize::from(takes_back)..];
        let directories_only = text.last() == Some(&b'/');
        text = text.strip_suffix(b"/").unwrap_or(text);
        let from_top = text.contains(&b'/');
        text = text.strip_prefix(b"/").unwrap_or(text);
        if text.is_empty() {
            return None;
        }
        let parts = text.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
        Some(Self { parts, takes_back, directories_only, from_top })
    }

    fn matches(&self, path: &[&[u8]], is_directory: bool) -> bool {
        if self.directories_only && !is_directory {
            return false;
        }
        if self.from_top {
            return parts_match(&self.parts, path);
        }
        path.last().is_some_and(|name| self.parts.len() == 1 && matches_part(&self.parts[0], name))
    }
}

/// The line without the blanks at its end that no backslash keeps.
fn without_blanks(mut line: &[u8]) -> &[u8] {
    while line.last() == Some(&b' ') && !line.ends_with(b"\\ ") {
        line = &line[..line.len() - 1];
    }
    line
}

/// Parts of a pattern against parts of a path; `**`, or more stars, stand for any number of them.
fn parts_match(pattern: &[Vec<u8>], path: &[&[u8]]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return path.is_empty() };
    if first.len() >= 2 && first.iter().all(|b| *b == b'*') {
        // At the end it stands for what is inside, and not for nothing.
        let least = usize::from(rest.is_empty());
        return (least..=path.len()).any(|skipped| parts_match(rest, &path[skipped..]));
    }
    path.split_first().is_some_and(|(name, others)| matches_part(first, name) && parts_match(rest, others))
}

/// One part of a pattern against one name: `*`, `?`, `[a-z]`, `[!a-z]` and `\`.
///
/// It goes back to the last `*` alone, so that no pattern takes more than the product of both lengths.
fn matches_part(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, of));
            at += 1;
        } else if let Some(length) = matches_one(&pattern[at..], name[of]) {
            at += length;
            of += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (at, of) = (after + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|b| *b == b'*')
}

/// The length of what stands for one character at the beginning of a pattern, if it stands for this one.
fn matches_one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', rest @ ..] => {
            let (length, matches) = class(rest, byte)?;
            matches.then_some(length + 1)
        }
        [first, ..] => (*first == byte).then_some(1),
        [] => None,
    }
}

/// A class after its `[`, of characters and ranges; named ones such as `[:alpha:]` are not known. Its length with the `]`, and whether it holds a character. None if it never ends.
fn class(text: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let begin = usize::from(negated);
    let mut at = begin;
    let mut holds = false;
    loop {
        match *text.get(at)? {
            b']' if at > begin => return Some((at + 1, holds != negated)),
            _ => {
                let (low, next) = member(text, at)?;
                let is_range = text.get(next) == Some(&b'-') && text.get(next + 1).is_some_and(|b| *b != b']');
                let (high, next) = if is_range { member(text, next + 1)? } else { (low, next) };
                // A range that ends before it begins still holds the one that it begins with.
                holds |= byte == low || (low..=high).contains(&byte);
                at = next;
            }
        }
    }
}

/// One character of a class, a backslash before it taken away, and where the next begins.
fn member(text: &[u8], at: usize) -> Option<(u8, usize)> {
    match *text.get(at)? {
        b'\\' => Some((*text.get(at + 1)?, at + 2)),
        plain => Some((plain, at + 1)),
    }
}
