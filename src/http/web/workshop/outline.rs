//! A JSON value as people read it: members by name, lists as lists.

use std::fmt;

use askama::filters::{Escaper as _, Html, HtmlSafe};
use serde_json::Value;

use crate::http::web::text::plain;

/// Values within values that are shown one under the other; deeper ones are shown as JSON.
const DEPTH_MAX: usize = 6;

/// A value, to be read.
#[derive(Debug)]
pub(super) struct Outline(pub(super) Value);

impl HtmlSafe for Outline {}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, &self.0, 0)
    }
}

fn write(f: &mut fmt::Formatter<'_>, value: &Value, depth: usize) -> fmt::Result {
    match value {
        Value::Null => f.write_str("<span class=\"quiet\">nothing</span>"),
        Value::Bool(is) => f.write_str(if *is { "yes" } else { "no" }),
        Value::Number(number) => write!(f, "{number}"),
        Value::String(text) if text.is_empty() => f.write_str("<span class=\"quiet\">empty</span>"),
        Value::String(text) => write!(f, "{}", plain(text)),
        Value::Array(items) if items.is_empty() => f.write_str("<span class=\"quiet\">none</span>"),
        _ if depth >= DEPTH_MAX => write!(f, "{}", plain(&value.to_string())),
        Value::Array(items) => {
            f.write_str("<ul>")?;
            for item in items {
                f.write_str("<li>")?;
                write(f, item, depth + 1)?;
                f.write_str("</li>")?;
            }
            f.write_str("</ul>")
        }
        Value::Object(members) => {
            f.write_str("<dl>")?;
            for (name, member) in members {
                f.write_str("<dt>")?;
                Html.write_escaped_str(&mut *f, &title(name))?;
                f.write_str("</dt><dd>")?;
                write(f, member, depth + 1)?;
                f.write_str("</dd>")?;
            }
            f.write_str("</dl>")
        }
    }
}

/// The name of a member as a title: `success_criteria` is "Success criteria".
pub(super) fn title(name: &str) -> String {
    let words = name.replace(['_', '-'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_a_list_of_what_it_has_and_nothing_in_it_is_markup() {
        let value = json!({ "success_criteria": ["<b>", ""], "n": 1.5, "is": true, "no": null, "none": [] });
        let html = Outline(value).to_string();
        assert!(html.starts_with("<dl><dt>Success criteria</dt><dd><ul><li>&lt;b&gt;</li>"), "{html}");
        assert!(html.contains("<dt>N</dt><dd>1.5</dd><dt>Is</dt><dd>yes</dd>"), "{html}");
        assert!(html.ends_with("<dt>None</dt><dd><span class=\"quiet\">none</span></dd></dl>"), "{html}");
    }

    #[test]
    fn a_name_is_never_markup_and_may_be_empty() {
        assert_eq!(Outline(json!({ "<i>": 1 })).to_string(), "<dl><dt>&#60;i&#62;</dt><dd>1</dd></dl>");
        assert_eq!(title(""), "");
        assert_eq!(title("élan_vital"), "Élan vital");
    }

    #[test]
    fn a_deep_value_ends_somewhere() {
        let deep = (0..500).fold(json!("end"), |inner, _| json!([inner]));
        let html = Outline(deep).to_string();
        assert_eq!(html.matches("<ul>").count(), DEPTH_MAX);
        assert!(html.contains("end"));
    }
}
