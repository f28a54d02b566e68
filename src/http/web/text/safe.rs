//! HTML that is safe to put into a page as it is, and the one writer that makes it.

use std::fmt::{self, Write as _};

/// Marks of characters that can't be seen in one piece of text; more of them are shown as U+FFFD.
const MARKS_MAX: usize = 2_000;

/// HTML that is safe to put into a page as it is: only this module's neighbours make it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Safe(pub(super) String);

impl Safe {
    /// The HTML.
    #[cfg(test)]
    pub(in crate::http) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to show.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Safe {}

/// Writes markup, which is the program's own, and text, which is anybody's.
#[derive(Debug, Default)]
pub(super) struct Writer {
    html: String,
    marks: usize,
}

impl Writer {
    /// Writes markup.
    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.html.push_str(markup);
        self
    }

    /// Writes text. Line breaks and tabs stay as they are.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '<' => self.html.push_str("&lt;"),
                '>' => self.html.push_str("&gt;"),
                '&' => self.html.push_str("&amp;"),
                '"' => self.html.push_str("&quot;"),
                '\'' => self.html.push_str("&#39;"),
                c if is_unseen(c) => self.mark(c),
                c => self.html.push(c),
            }
        }
        self
    }

    /// Writes a number.
    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        let _ = write!(self.html, "{number}");
        self
    }

    /// Shows a character by its number.
    fn mark(&mut self, c: char) {
        self.marks += 1;
        if self.marks > MARKS_MAX {
            self.html.push(char::REPLACEMENT_CHARACTER);
        } else {
            let _ = write!(self.html, "<span class=\"control\">U+{:04X}</span>", u32::from(c));
        }
    }

    /// How many marks were written.
    pub(super) fn marks(&self) -> usize {
        self.marks
    }

    /// Begins with so many marks written already.
    pub(super) fn with_marks(marks: usize) -> Self {
        Self { html: String::new(), marks }
    }

    /// What was written.
    pub(super) fn done(self) -> Safe {
        Safe(self.html)
    }
}

/// Characters that have no look of their own and change what is seen: control characters but line breaks and tabs, those
/// that turn the direction of writing, and those that take no room. What scripts and emoji need to join letters is none.
pub(in crate::http) fn is_unseen(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' => true,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}

/// The beginning of a text, at most so long, and the rest.
pub(super) fn split_at_most(text: &str, bytes: usize) -> (&str, &str) {
    text.split_at(text.floor_char_boundary(bytes))
}
