//! Markdown, as a model or a person writes it: rendered, then sanitized by a list of what is allowed.
//!
//! Markup in it is shown as text, so that the sanitizer has nothing to find: it is there for mistakes made here. Nothing is
//! loaded from anywhere: an image becomes a link. A link leads out of the server only, and says where to.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, Url, UrlRelative};
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

use super::plain::plain;
use super::safe::{Safe, Writer, is_unseen};

/// Longest text that is rendered; a longer one is shown as it is.
const TEXT_BYTES_MAX: usize = 200_000;
/// Longest line of a text that is rendered.
const LINE_BYTES_MAX: usize = 20_000;
/// How deep lists and quotes may lie in each other.
const NESTING_MAX: usize = 40;
/// Most pieces of a text that is rendered.
const PIECES_MAX: usize = 100_000;
/// Longest address of a link.
const ADDRESS_BYTES_MAX: usize = 2_000;

const TAGS: &[&str] = &[
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "span",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];
const SCHEMES: &[&str] = &["http", "https", "mailto"];

static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.iter().copied().collect())
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("code", HashSet::from(["class"])),
            ("ol", HashSet::from(["start"])),
            ("span", HashSet::from(["class"])),
        ]))
        .attribute_filter(|tag, attribute, value| is_allowed(tag, attribute, value).then_some(Cow::Borrowed(value)))
        .url_schemes(SCHEMES.iter().copied().collect())
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

/// Whether an attribute that is allowed may have this value.
fn is_allowed(tag: &str, attribute: &str, value: &str) -> bool {
    let is_name =
        |name: &str| name.len() <= 30 && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-_#".contains(c));
    match (tag, attribute) {
        ("code", "class") => value.strip_prefix("language-").is_some_and(is_name),
        ("span", "class") => matches!(value, "control" | "target"),
        _ => true,
    }
}

/// Markdown as blocks of HTML: paragraphs, lists, tables, headings from the fourth level on. Too much for that is shown as
/// plain text.
pub(in crate::http) fn markdown(text: &str) -> Safe {
    rendered(text).unwrap_or_else(|| Safe(format!("<pre class=\"plain\">{}</pre>", plain(text))))
}

fn rendered(text: &str) -> Option<Safe> {
    if text.len() > TEXT_BYTES_MAX || text.lines().any(|line| line.len() > LINE_BYTES_MAX) {
        return None;
    }
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page::default();
    for event in Parser::new_ext(text, options) {
        page.take(event);
        if page.nesting > NESTING_MAX || page.events.len() > PIECES_MAX {
            return None;
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, page.events.into_iter());
    Some(Safe(SANITIZER.clean(&out).to_string()))
}

/// A link that was begun.
enum Link {
    /// It leads somewhere.
    Out { target: String, address: String },
    /// It leads nowhere that is allowed, and is shown as text.
    Refused { address: String },
    /// It is within another one, which counts.
    Within,
}

/// The events of the text, changed to what is shown.
#[derive(Default)]
struct Page<'a> {
    events: Vec<Event<'a>>,
    /// Links that were begun, and where among the events.
    links: Vec<(Link, usize)>,
    nesting: usize,
    marks: usize,
}

impl<'a> Page<'a> {
    fn take(&mut self, event: Event<'a>) {
        match &event {
            Event::Start(_) => self.nesting += 1,
            Event::End(_) => self.nesting = self.nesting.saturating_sub(1),
            _ => {}
        }
        match event {
            Event::Start(Tag::Link { link_type, dest_url, .. }) => self.begin_link(link_type, &dest_url),
            Event::Start(Tag::Image { dest_url, .. }) => self.begin_link(LinkType::Inline, &dest_url),
            Event::End(TagEnd::Link) => self.end_link(""),
            Event::End(TagEnd::Image) => self.end_link("image"),
            Event::Start(Tag::Heading { level, .. }) => {
                let level = lowered(level);
                self.events.push(Event::Start(Tag::Heading {
                    level,
                    id: None,
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::End(TagEnd::Heading(level)) => self.events.push(Event::End(TagEnd::Heading(lowered(level)))),
            Event::Start(Tag::HtmlBlock) => self.events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => self.events.push(Event::End(TagEnd::Paragraph)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(text),
            Event::Code(text) => {
                self.events.push(Event::InlineHtml("<code>".into()));
                self.text(text);
                self.events.push(Event::InlineHtml("</code>".into()));
            }
            Event::TaskListMarker(is_done) => self.text(if is_done { "☑ " } else { "☐ " }.into()),
            event => self.events.push(event),
        }
    }

    fn text(&mut self, text: CowStr<'a>) {
        if text.contains(is_unseen) { self.own(|html| html.text(&text)) } else { self.events.push(Event::Text(text)) }
    }

    /// Writes HTML of our own.
    fn own(&mut self, write: impl FnOnce(&mut Writer) -> &mut Writer) {
        let mut html = Writer::with_marks(self.marks);
        write(&mut html);
        self.marks = html.marks();
        self.events.push(Event::InlineHtml(html.done().0.into()));
    }

    fn begin_link(&mut self, kind: LinkType, address: &str) {
        let address = if kind == LinkType::Email { format!("mailto:{address}") } else { address.to_owned() };
        let link = match target(&address) {
            _ if !self.links.is_empty() => Link::Within,
            Some((url, target)) => {
                self.own(|html| html.markup("<a href=\"").text(&url).markup("\" title=\"").text(&url).markup("\">"));
                Link::Out { target, address }
            }
            None => Link::Refused { address },
        };
        self.links.push((link, self.events.len()));
    }

    fn end_link(&mut self, nameless: &'static str) {
        let Some((link, begin)) = self.links.pop() else { return };
        let (is_nameless, is_own_name) = match (self.events.get(begin..).unwrap_or_default(), &link) {
            ([], _) => (true, false),
            ([Event::Text(text)], Link::Out { address, .. }) if text.is_ascii() => {
                (false, [address, address.trim_start_matches("mailto:")].contains(&text.as_ref()))
            }
            _ => (false, false),
        };
        if is_nameless {
            self.events.push(Event::Text(nameless.into()));
        }
        let close = if matches!(link, Link::Out { .. }) { "</a>" } else { "" };
        match link {
            Link::Within => {}
            _ if is_own_name => self.own(|html| html.markup(close)),
            Link::Out { target: shown, .. } | Link::Refused { address: shown } => {
                self.own(|html| html.markup(close).markup(" <span class=\"target\">(").text(&shown).markup(")</span>"));
            }
        }
    }
}

/// The page around the text has the levels above.
fn lowered(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H4,
        HeadingLevel::H2 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

/// Where a link leads, in full and in short; `None` if it may not lead there. A host is told in its ASCII form, and no
/// name before it pretends to be one.
fn target(address: &str) -> Option<(String, String)> {
    let url = Url::parse(address).ok().filter(|_| address.len() <= ADDRESS_BYTES_MAX)?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let short = match url.scheme() {
        "mailto" => url.path(),
        "http" | "https" if is_plain => url.host_str()?,
        _ => return None,
    };
    Some((url.as_str().to_owned(), short.to_owned()))
}
