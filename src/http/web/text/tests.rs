use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const VECTORS: &[(&str, &str)] = &[
    ("markup", include_str!("../../../../tests/fixtures/vectors/markup.txt")),
    ("links", include_str!("../../../../tests/fixtures/vectors/links.txt")),
    ("control", include_str!("../../../../tests/fixtures/vectors/control.txt")),
];

/// Longest that anything may take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(10);

fn vectors() -> Vec<String> {
    let lines = VECTORS.iter().flat_map(|(_, text)| text.lines().filter(|line| !line.starts_with("//")));
    lines.map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// A tag of HTML as this program writes it: its name, with a slash if it ends an element, and its attributes.
type Seen<'a> = (&'a str, BTreeMap<&'a str, &'a str>);

/// The tags of HTML that is written in one strict form. Everything else fails.
fn tags(html: &str) -> Vec<Seen<'_>> {
    let (mut found, mut open) = (Vec::new(), Vec::new());
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("a tag without end: {html}"));
        assert!(!text.contains(super::safe::is_unseen), "what is not seen: {html}");
        let (name, mut rest) = tag.split_at(tag.find(' ').unwrap_or(tag.len()));
        let bare = name.trim_start_matches('/');
        assert!(!bare.is_empty() && bare.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{html}");
        let mut attributes = BTreeMap::new();
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (name, value) = attribute.split_once("=\"").unwrap_or_else(|| panic!("no attribute: {html}"));
            let (value, after) = value.split_once('"').unwrap_or_else(|| panic!("no value: {html}"));
            assert!(name.bytes().all(|b| b.is_ascii_lowercase()), "{html}");
            assert!(attributes.insert(name, value).is_none(), "twice: {html}");
            rest = after;
        }
        assert_eq!(rest, "", "{html}");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{html}"),
            None if ["br", "hr"].contains(&name) => {}
            None => open.push(name),
        }
        found.push((name, attributes));
    }
    assert!(open.is_empty(), "{html}");
    found
}

/// Fails for HTML with anything that Markdown may not become.
fn check_markdown(html: &str) {
    const NAMES: &str = "a blockquote br code del em h4 h5 h6 hr li ol p pre span strong table tbody td th thead tr ul";
    for (name, attributes) in tags(html) {
        let bare = name.trim_start_matches('/');
        assert!(NAMES.split(' ').any(|allowed| allowed == bare), "<{name}> in {html}");
        for (attribute, value) in &attributes {
            let is_allowed = match (name, *attribute) {
                ("a", "href") => ["http://", "https://", "mailto:"].iter().any(|scheme| value.starts_with(scheme)),
                ("a", "title") => attributes.get("href") == Some(value),
                ("a", "rel") => *value == "noopener noreferrer nofollow",
                ("code", "class") => value.starts_with("language-") && !value.contains(' '),
                ("ol", "start") => value.parse::<u64>().is_ok(),
                ("span", "class") => ["control", "target"].contains(value),
                ("pre", "class") => *value == "plain",
                _ => false,
            };
            assert!(is_allowed, "{attribute}={value} in {html}");
        }
        assert!(name != "a" || attributes.len() == 3, "{html}");
    }
}

fn check_plain(html: &str) {
    for (name, attributes) in tags(html) {
        let class = attributes.get("class").copied();
        let is_allowed = match name.trim_start_matches('/') {
            "span" => name.starts_with('/') || ["control", "note"].contains(&class.unwrap_or_default()),
            "details" => name.starts_with('/') || class == Some("folded"),
            "summary" | "bdi" | "ins" | "del" => class.is_none(),
            _ => false,
        };
        assert!(is_allowed, "<{name}> in {html}");
    }
}

/// What is read on the page, with the marks of characters as these characters.
fn read(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(mark) = rest.strip_prefix("<span class=\"control\">U+") {
            let (number, after) = mark.split_once("</span>").unwrap();
            text.extend(char::from_u32(u32::from_str_radix(number, 16).unwrap()));
            rest = after;
        } else if let Some(note) = rest.strip_prefix("<span class=\"note\">") {
            rest = note.split_once("</span>").unwrap().1;
        } else if rest.starts_with('<') {
            rest = rest.split_once('>').unwrap().1;
        } else {
            let (name, after) = rest.split_once(';').unwrap();
            text.push(match name {
                "&lt" => '<',
                "&gt" => '>',
                "&amp" => '&',
                "&quot" => '"',
                "&#39" => '\'',
                other => panic!("{other} in {html}"),
            });
            rest = after;
        }
    }
    text + rest
}

#[test]
fn of_hostile_markdown_only_what_is_allowed_is_left() {
    let vectors = vectors();
    assert!(vectors.len() >= 150, "{}", vectors.len());
    for text in &vectors {
        check_markdown(markdown(text).as_str());
        check_markdown(markdown(&format!("# a\n\n- b\n\n  {text}\n\n{text}")).as_str());
    }
    check_markdown(markdown(&vectors.join("\n\n")).as_str());
}

#[test]
fn hostile_text_is_shown_as_it_is() {
    for text in vectors() {
        let html = plain(&text);
        check_plain(html.as_str());
        check_plain(line(&text).as_str());
        if !text.contains("\x1b[") {
            assert_eq!(read(html.as_str()), text);
        }
    }
}

#[test]
fn markup_within_markdown_is_text() {
    let cases = [
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("a <b>b</b>", "<p>a &lt;b&gt;b&lt;/b&gt;</p>\n"),
        ("&lt;i&gt;", "<p>&lt;i&gt;</p>\n"),
        (
            "a\u{202e}b `c\u{7}`",
            "<p>a<span class=\"control\">U+202E</span>b <code>c<span class=\"control\">U+0007</span></code></p>\n",
        ),
    ];
    for (text, html) in cases {
        assert_eq!(markdown(text).as_str(), html);
    }
}

#[test]
fn markdown_has_what_people_write() {
    let cases = [
        ("# A\n## B\n### C", "<h4>A</h4>\n<h5>B</h5>\n<h6>C</h6>\n"),
        ("**a** *b* ~~c~~", "<p><strong>a</strong> <em>b</em> <del>c</del></p>\n"),
        ("- [x] a\n- [ ] b", "<ul>\n<li>☑ a</li>\n<li>☐ b</li>\n</ul>\n"),
        ("3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>\n"),
        ("```rust\nfn a<T>() {}\n```", "<pre><code class=\"language-rust\">fn a&lt;T&gt;() {}\n</code></pre>\n"),
        ("```\" onclick=\"x\na\n```", "<pre><code>a\n</code></pre>\n"),
    ];
    for (text, html) in cases {
        assert_eq!(markdown(text).as_str(), html);
    }
    let table = markdown("|a|b|\n|-|:-:|\n|1|2|");
    assert_eq!(table.as_str().matches("<td>").count(), 2, "{table}");
}

#[test]
fn a_link_says_where_it_leads() {
    let link = |url: &str, text: &str, target: &str| {
        let rel = "rel=\"noopener noreferrer nofollow\"";
        let target =
            if target.is_empty() { String::new() } else { format!(" <span class=\"target\">({target})</span>") };
        format!("<p><a href=\"{url}\" title=\"{url}\" {rel}>{text}</a>{target}</p>\n")
    };
    let cases = [
        ("[a](https://example.org/b)", link("https://example.org/b", "a", "example.org")),
        ("<https://example.org/>", link("https://example.org/", "https://example.org/", "")),
        ("[b](https://evil.example/b)", link("https://evil.example/b", "b", "evil.example")),
        (
            "[https://good.example/](https://evil.example/)",
            link("https://evil.example/", "https://good.example/", "evil.example"),
        ),
        ("<a@example.org>", link("mailto:a@example.org", "a@example.org", "")),
        ("![a](https://example.org/b.png)", link("https://example.org/b.png", "a", "example.org")),
        ("![](https://example.org/b.png)", link("https://example.org/b.png", "image", "example.org")),
        ("[a](https://\u{430}pple.example/)", link("https://xn--pple-43d.example/", "a", "xn--pple-43d.example")),
        ("[a](javascript:alert(1))", "<p>a <span class=\"target\">(javascript:alert(1))</span></p>\n".into()),
        ("[a](/v1/audit)", "<p>a <span class=\"target\">(/v1/audit)</span></p>\n".into()),
    ];
    for (text, html) in cases {
        assert_eq!(markdown(text).as_str(), html);
    }
}

#[test]
fn too_much_is_shown_plain_and_soon() {
    let line_of = |piece: &str, bytes: usize| piece.repeat(bytes / piece.len());
    let lines_of = |piece: &str, bytes: usize| {
        let line = format!("{}\n", piece.repeat(10_000 / piece.len()));
        line.repeat(bytes / line.len())
    };
    let mut cases =
        vec![line_of("a", 1 << 20), line_of("\0", 1 << 20), line_of("\x1b[", 1 << 20), line_of("😀", 3 << 20)];
    let pieces = [
        "[", "](", "![", "*a ", "_", "`", "``a`", "> ", "- ", "|", "|-", "<", "<a ", "&", "&#1;", "\\", "\u{202e}",
        "~~", "1. ", "<!--", "[a](b)",
    ];
    for piece in pieces {
        cases.push(line_of(piece, 19_000));
        cases.push(lines_of(piece, 190_000));
        cases.push(format!("{piece}\n").repeat(190_000 / (piece.len() + 1)));
    }
    cases.push(format!("{}\n{}\n{}", "|a".repeat(5_000), "|-".repeat(5_000), "|b\n".repeat(60_000)));
    for text in cases {
        let begun = Instant::now();
        let (rendered, shown) = (markdown(&text), plain(&text));
        let head: String = text.chars().take(12).collect();
        assert!(begun.elapsed() < PATIENCE, "{head:?} of {} bytes took {:?}", text.len(), begun.elapsed());
        assert!(
            rendered.as_str().len() + shown.as_str().len() < 12 << 20,
            "{head:?} became {}",
            rendered.as_str().len()
        );
        if rendered.as_str().contains("<pre class=\"plain\">") {
            check_plain(shown.as_str());
        } else {
            check_markdown(rendered.as_str());
        }
    }
}

#[test]
fn an_overlong_line_can_be_opened() {
    let html = plain(&format!("a\n{}\nb", "x".repeat(1 << 19)));
    let html = html.as_str();
    assert!(html.starts_with("a\n<details class=\"folded\"><summary>xxx") && html.ends_with("\n</details>b"));
    assert!(html.contains("x<span class=\"note\">… a line of 524288 bytes</span></summary>x"));
    assert!(plain(&"x".repeat((1 << 20) + 5)).as_str().ends_with("<span class=\"note\">… 5 bytes more</span>"));
}

#[test]
fn colours_are_left_out_and_other_sequences_are_seen() {
    let escape = "<span class=\"control\">U+001B</span>";
    let cases = [
        ("\x1b[31mred\x1b[0m\r\n".to_owned(), "red\n".to_owned()),
        ("\x1b[38;5;1ma\x1b[4:3mb".into(), "ab".into()),
        ("\x1b[2Ja".into(), format!("{escape}[2Ja")),
        ("\x1b[".into(), format!("{escape}[")),
        ("\x1b]8;;http://x\x07a".into(), format!("{escape}]8;;http://x<span class=\"control\">U+0007</span>a")),
    ];
    for (text, html) in cases {
        assert_eq!(plain(&text).as_str(), html);
    }
    assert_eq!(line("a\r\nb\t<c>").as_str(), "<bdi>a b &lt;c&gt;</bdi>");
}

#[test]
fn changes_are_told_word_by_word() {
    let cases = [
        ("a b c", "a b c", "a b c"),
        ("a b c", "a x c", "a <del>b</del><ins>x</ins> c"),
        ("a old words c", "a new text c", "a <del>old words</del><ins>new text</ins> c"),
        ("", "a", "<ins>a</ins>"),
        ("a <b>", "a", "a<del> &lt;b&gt;</del>"),
        (
            r#"{"a":1,"b":2}"#,
            r#"{"a":1,"b":3}"#,
            "{\n  &quot;a&quot;: 1,\n  &quot;b&quot;: <del>2</del><ins>3</ins>\n}",
        ),
        (r#"{ "a": 1 }"#, r#"{"a":1}"#, "{\n  &quot;a&quot;: 1\n}"),
    ];
    for (old, new, html) in cases {
        assert_eq!(words(old, new).as_str(), html, "{old} -> {new}");
    }
}

#[test]
fn what_is_equal_is_folded_around_changes() {
    let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
    let html = words(&text, &text.replace("line 50\n", "line fifty\n"));
    check_plain(html.as_str());
    let folds: Vec<_> = html.as_str().matches("<summary><span class=\"note\">… 4").collect();
    assert_eq!(folds.len(), 2, "{html}");
    assert!(html.as_str().contains("… 47 equal lines"), "{html}");
    let whole = words(&text, &text);
    assert!(!whole.as_str().contains("<details"), "{whole}");
}

#[test]
fn large_texts_are_compared_soon() {
    let old: String = (0..200_000_u32).map(|n| format!("{} ", n.wrapping_mul(2_654_435_761) % 1_000)).collect();
    let new: String = (0..200_000_u32).map(|n| format!("{} ", n.wrapping_mul(2_246_822_519) % 1_000)).collect();
    let begun = Instant::now();
    check_plain(words(&old, &new).as_str());
    check_plain(words(&"a".repeat(4 << 20), &"b".repeat(4 << 20)).as_str());
    assert!(words(&"a".repeat((4 << 20) + 1), "").as_str().contains("too long"));
    assert!(begun.elapsed() < 2 * PATIENCE, "{:?}", begun.elapsed());
}

const PATCH: &str = "\
diff --git a/src/a.rs b/src/a.rs
index 1..2 100644
--- a/src/a.rs
+++ b/src/a.rs
@@ -1,3 +1,3 @@ fn main() {
 same
--- a/not/a/header
+++ b/not/a/header
 last
@@ -10 +10,2 @@
 ten
+<script>alert(1)</script>
diff --git a/old name b/new name
similarity index 100%
rename from old name
rename to new name
diff --git \"a/\\303\\244\\n.txt\" \"b/\\303\\244\\n.txt\"
new file mode 100644
--- /dev/null
+++ \"b/\\303\\244\\n.txt\"
@@ -0,0 +1 @@
+a
\\ No newline at end of file
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-a
diff --git a/x.png b/x.png
new file mode 100644
Binary files /dev/null and b/x.png differ
";

#[test]
fn a_patch_is_read_by_file() {
    let patch = patch(PATCH);
    let told: Vec<_> = patch.files.iter().map(|f| (f.path.as_str(), f.change.name(), f.added, f.removed)).collect();
    let expected = [
        ("src/a.rs", "changed", 2, 1),
        ("new name", "renamed", 0, 0),
        ("ä\n.txt", "added", 1, 0),
        ("gone", "deleted", 0, 1),
        ("x.png", "added", 0, 0),
    ];
    assert_eq!(told, expected);
    assert_eq!((patch.added, patch.removed, patch.more_files), (3, 2, 0));
    let first = &patch.files[0];
    assert_eq!(first.hunks[0].place.as_str(), "fn main() {");
    let lines: Vec<_> = first.hunks.iter().flat_map(|hunk| &hunk.lines).collect();
    let told: Vec<_> = lines.iter().map(|line| (line.kind.sign(), line.old, line.new, line.text.as_str())).collect();
    let expected = [
        (" ", Some(1), Some(1), "same"),
        ("-", Some(2), None, "-- a/not/a/header"),
        ("+", None, Some(2), "++ b/not/a/header"),
        (" ", Some(3), Some(3), "last"),
        (" ", Some(10), Some(10), "ten"),
        ("+", None, Some(11), "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ];
    assert_eq!(told, expected);
    assert_eq!(patch.files[1].was.as_deref(), Some("old name"));
    assert_eq!(patch.files[2].hunks[0].lines[1].kind.class(), "note");
    assert!(patch.files[4].is_binary);
}

#[test]
fn a_patch_that_is_cut_off_says_so() {
    let cut = &PATCH[..PATCH.find("+<script>").unwrap()];
    let patch = patch(&format!("{cut}\n[the patch goes on: it was cut here]\n"));
    let lines = &patch.files[0].hunks[1].lines;
    assert_eq!(lines.last().map(|line| line.text.as_str()), Some("[the patch goes on: it was cut here]"), "{lines:?}");
}

#[test]
fn a_patch_of_any_size_is_bounded() {
    let begun = Instant::now();
    let long =
        patch(&format!("diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -0,0 +1,1000000 @@\n{}", "+x\n".repeat(1_000_000)));
    let file = &long.files[0];
    assert_eq!((file.added, file.hunks[0].lines.len(), file.more_lines), (1_000_000, 999, 999_001));
    let many = patch(&"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b\n".repeat(100_000));
    assert_eq!((many.files.len(), many.more_files, many.added), (500, 99_500, 100_000));
    let wide = patch(&format!("diff --git a/a b/a\n@@ -0,0 +1 @@\n+{}\n", "x".repeat(1 << 20)));
    assert!(wide.files[0].hunks[0].lines[0].text.as_str().len() < 2_000);
    let hunks = patch(&format!("diff --git a/a b/a\n{}", "@@ -1,0 +1,0 @@ x\n".repeat(1_000_000)));
    assert!(hunks.files[0].hunks.len() <= 1_000, "{}", hunks.files[0].hunks.len());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

/// Pieces that mean something to Markdown, HTML, terminals or to nobody.
fn pieces(most: usize) -> impl Strategy<Value = String> {
    let known = vec![
        "<",
        ">",
        "</",
        "<!--",
        "-->",
        "<a ",
        "<style>",
        "<math>",
        "</p>",
        "href=",
        "\"",
        "'",
        "`",
        "```",
        "\n",
        "\n\n",
        "    ",
        "- ",
        "> ",
        "# ",
        "1. ",
        "|",
        "|-|-|\n",
        "[",
        "](",
        ")",
        "![",
        "javascript:",
        "https://a.b/",
        "data:",
        "&",
        "&lt;",
        "&#60;",
        "\0",
        "\u{202e}",
        "\x1b",
        "\r",
        "\t",
        "*",
        "_",
        "~~",
        "\\",
        "a",
        " ",
        "é",
        "😀",
        "\u{fffe}",
    ];
    prop::collection::vec(prop_oneof![4 => prop::sample::select(known).prop_map(str::to_owned), 1 => ".{0,3}"], 0..most)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_markdown_there_is_only_what_is_allowed_is_left(text in pieces(40)) {
        check_markdown(markdown(&text).as_str());
    }

    #[test]
    fn whatever_text_there_is_it_can_be_read_back(text in pieces(40)) {
        let text = text.replace('[', "");
        let html = plain(&text);
        check_plain(html.as_str());
        prop_assert_eq!(read(html.as_str()), text.replace("\r\n", "\n"));
    }

    #[test]
    fn a_comparison_holds_both_texts(old in pieces(30), new in pieces(30)) {
        let html = words(&old, &new);
        check_plain(html.as_str());
        // Line ends are told in one form; and a part may be cut between `\r` and `\n`.
        let without = |text: &str| text.replace(['\r', '\x1b', '['], "");
        let (mut before, mut after) = (html.as_str().to_owned(), html.as_str().to_owned());
        for (text, gone) in [(&mut before, "ins"), (&mut after, "del")] {
            while let Some(at) = text.find(&format!("<{gone}>")) {
                let end = text[at..].find(&format!("</{gone}>")).unwrap() + gone.len() + 3;
                text.replace_range(at..at + end, "");
            }
        }
        if serde_json::from_str::<serde_json::Value>(&old).is_err() {
            prop_assert_eq!(without(&read(&before)), without(&old));
            prop_assert_eq!(without(&read(&after)), without(&new));
        }
    }

    #[test]
    fn whatever_a_patch_is_it_is_read(text in prop::collection::vec(
        prop::sample::select(vec!["diff --git ", "a/b b/b", "\"", "\\3", "\\", "--- ", "+++ ", "@@ -1,2 +1", " @@", "\n", "+", "-", " ", "9", "é"]),
        0..60,
    )) {
        patch(&text.concat());
    }
}
