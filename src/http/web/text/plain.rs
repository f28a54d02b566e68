//! Text as text.

use super::safe::{Safe, Writer, split_at_most};

/// Longest text that is shown; of a longer one the beginning.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Longest line that is shown at once.
const LINE_BYTES_MAX: usize = 2_000;
/// So much of a longer line is seen before it is opened.
const LINE_BYTES_SEEN: usize = 400;
/// Longest text of one line: a title, a name, a reason.
const ONE_LINE_BYTES_MAX: usize = 2_000;

/// Text of any number of lines, to be put into a `<pre>`. Colours that were meant for a terminal are left out, everything
/// else that a terminal would obey is shown. Overlong lines can be opened.
pub(in crate::http) fn plain(text: &str) -> Safe {
    let (shown, rest) = split_at_most(text, TEXT_BYTES_MAX);
    let mut html = Writer::default();
    for line in shown.split_inclusive('\n') {
        write_line(&mut html, line);
    }
    write_rest(&mut html, rest);
    html.done()
}

/// Text that belongs in one line, isolated from the direction of writing around it. Line breaks are shown as spaces.
pub(in crate::http) fn line(text: &str) -> Safe {
    let (shown, rest) = split_at_most(text, ONE_LINE_BYTES_MAX);
    let mut html = Writer::default();
    html.markup("<bdi>");
    for (number, part) in shown.split(['\n', '\t']).enumerate() {
        html.markup(if number == 0 { "" } else { " " }).text(part.strip_suffix('\r').unwrap_or(part));
    }
    write_rest(&mut html, rest);
    html.markup("</bdi>");
    html.done()
}

/// One line with its line break, folded where it is overlong.
pub(super) fn write_line(html: &mut Writer, line: &str) {
    let (line, end) = match line.strip_suffix('\n') {
        Some(line) => (line.strip_suffix('\r').unwrap_or(line), "\n"),
        None => (line, ""),
    };
    if line.len() <= LINE_BYTES_MAX {
        write_uncoloured(html, line);
        html.markup(end);
        return;
    }
    let (seen, rest) = split_at_most(line, LINE_BYTES_SEEN);
    html.markup("<details class=\"folded\"><summary>");
    write_uncoloured(html, seen);
    html.markup("<span class=\"note\">… a line of ").number(line.len()).markup(" bytes</span></summary>");
    write_uncoloured(html, rest);
    html.markup(end).markup("</details>");
}

/// Says how much is not shown, if anything.
pub(super) fn write_rest(html: &mut Writer, rest: &str) {
    if !rest.is_empty() {
        html.markup("<span class=\"note\">… ").number(rest.len()).markup(" bytes more</span>");
    }
}

/// Text without the sequences that only change colours.
fn write_uncoloured(html: &mut Writer, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, sequence) = rest.split_at(at);
        html.text(before);
        let parameters = &sequence[2..];
        let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':').unwrap_or(parameters.len());
        rest = match parameters[end..].strip_prefix('m') {
            Some(after) => after,
            None => {
                html.text(&sequence[..2]);
                parameters
            }
        };
    }
    html.text(rest);
}
