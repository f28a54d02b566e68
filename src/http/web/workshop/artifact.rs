//! The artifact of a step: as it is read, what changed since the version before, and the fields to write it with.

use serde_json::{Map, Value, json};

use super::outline::{Outline, title};
use super::step::nothing_if_gone;
use crate::api::workshop::{Template, WorkshopKind};
use crate::api::{Error, StageId, View, Workshop};
use crate::http::web::text::{Safe, plain, words};

/// Longest artifact that is shown member by member.
const OUTLINE_BYTES_MAX: usize = 256 << 10;
/// Most lines of a field before one scrolls in it.
const ROWS_MAX: usize = 12;

/// The artifact of a step.
#[derive(Debug, Default)]
pub(super) struct Artifact {
    /// Its version; 0 if there is none.
    pub(super) version: u64,
    pub(super) is_confirmed: bool,
    /// To be read.
    pub(super) outline: Option<Outline>,
    /// The same, where it is too long for that.
    pub(super) plain: Option<Safe>,
    /// The version before, and what changed since.
    pub(super) change: Option<(u64, Safe)>,
    pub(super) fields: Vec<Field>,
    /// Whether there is one field alone, for all of it.
    pub(super) is_whole: bool,
    /// The body of the request that confirms it.
    pub(super) confirm: String,
}

/// A field of the form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) hint: String,
    pub(super) is_required: bool,
    pub(super) kind: FieldKind,
    /// What is in it.
    pub(super) value: String,
}

/// What is written into a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// Text.
    Text,
    /// A text in each line.
    Lines,
    Number,
    /// Yes or no.
    Boolean,
    /// One of some texts.
    Choice(Vec<String>),
    /// Whatever else, as JSON.
    Json,
}

impl Artifact {
    pub(super) async fn read(
        workshop: &Workshop,
        step: &StageId,
        view: &View<WorkshopKind>,
        template: &Template,
    ) -> Result<Self, Error> {
        let schema = template.step(step).and_then(|step| step.artifact.as_ref());
        let schema: Value = schema.and_then(|artifact| serde_json::from_str(&artifact.schema).ok()).unwrap_or_default();
        let Some(found) = view.state.step(step)?.artifact else {
            return Ok(Self::default().with_fields(&schema, None));
        };
        let text = workshop.artifact_at(step, found.version).await.or_else(nothing_if_gone)?.unwrap_or_default();
        let before = found.version.saturating_sub(1);
        let old = workshop.artifact_at(step, before).await.or_else(nothing_if_gone)?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_long = text.len() > OUTLINE_BYTES_MAX;
        let artifact = Self {
            version: found.version,
            is_confirmed: found.confirmed,
            plain: is_long.then(|| plain(&pretty(&value))),
            outline: (!is_long).then(|| Outline(value.clone())),
            change: old.map(|old| (before, words(&old, &text))),
            confirm: json!({ "generation": view.generation(step).0, "version": found.version }).to_string(),
            ..Self::default()
        };
        Ok(artifact.with_fields(&schema, Some(&value)))
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.version > 0
    }

    fn with_fields(mut self, schema: &Value, value: Option<&Value>) -> Self {
        let fields = fields(schema, value);
        self.is_whole = fields.is_none();
        self.fields = fields.unwrap_or_else(|| {
            let value = value.map(pretty).unwrap_or_default();
            vec![Field { value, ..Field::new("artifact", true, FieldKind::Json, "") }]
        });
        self
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The fields of an object that the schema tells all members of. `None` if it does not, or if the value has others.
fn fields(schema: &Value, value: Option<&Value>) -> Option<Vec<Field>> {
    let members = schema.get("properties")?.as_object()?;
    let none = Map::new();
    let values = value.map_or(Some(&none), Value::as_object)?;
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    if !is_object || members.is_empty() || values.keys().any(|name| !members.contains_key(name)) {
        return None;
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let field = |(name, member): (&String, &Value)| {
        let is_required = required.contains(&name.as_str());
        let description = member.get("description").and_then(Value::as_str).unwrap_or_default();
        let (kind, text) = held(member, values.get(name));
        let mut field = Field { value: text, ..Field::new(name, is_required, kind, description) };
        if let Some(title) = member.get("title").and_then(Value::as_str) {
            field.title = title.to_owned();
        }
        field
    };
    Some(members.iter().map(field).collect())
}

/// What kind of field takes a member, and what is in it. A value that is not of its kind is shown as JSON.
fn held(schema: &Value, value: Option<&Value>) -> (FieldKind, String) {
    let as_json = || (FieldKind::Json, value.map(pretty).unwrap_or_default());
    let is_text = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("string");
    let choices = schema.get("enum").and_then(Value::as_array);
    if let Some(choices) = choices {
        let texts: Option<Vec<String>> = choices.iter().map(|one| one.as_str().map(str::to_owned)).collect();
        return match (texts, value) {
            (Some(texts), None) => (FieldKind::Choice(texts), String::new()),
            (Some(texts), Some(Value::String(text))) if texts.contains(text) => {
                (FieldKind::Choice(texts), text.clone())
            }
            _ => as_json(),
        };
    }
    match (schema.get("type").and_then(Value::as_str), value) {
        (Some("string"), None) => (FieldKind::Text, String::new()),
        (Some("string"), Some(Value::String(text))) => (FieldKind::Text, text.clone()),
        (Some("number" | "integer"), None) => (FieldKind::Number, String::new()),
        (Some("number" | "integer"), Some(Value::Number(number))) => (FieldKind::Number, number.to_string()),
        (Some("boolean"), None) => (FieldKind::Boolean, String::new()),
        (Some("boolean"), Some(Value::Bool(is))) => (FieldKind::Boolean, is.to_string()),
        (Some("array"), value) if schema.get("items").is_some_and(is_text) => match lines(value) {
            Some(lines) => (FieldKind::Lines, lines),
            None => as_json(),
        },
        _ => as_json(),
    }
}

/// Texts of a line each, as lines.
fn lines(value: Option<&Value>) -> Option<String> {
    let Some(value) = value else { return Some(String::new()) };
    let line = |item: &Value| {
        let text = item.as_str()?;
        (text.trim() == text && !text.is_empty() && !text.contains(['\n', '\r'])).then(|| text.to_owned())
    };
    Some(value.as_array()?.iter().map(line).collect::<Option<Vec<_>>>()?.join("\n"))
}

impl Field {
    fn new(name: &str, is_required: bool, kind: FieldKind, hint: &str) -> Self {
        let hint = match (&kind, hint) {
            (FieldKind::Lines, "") => "One in each line.".to_owned(),
            (FieldKind::Lines, hint) => format!("{hint}. One in each line."),
            (FieldKind::Json, "") => "As JSON.".to_owned(),
            (FieldKind::Json, hint) => format!("{hint}. As JSON."),
            (_, hint) => hint.to_owned(),
        };
        Self { name: name.to_owned(), title: title(name), hint, is_required, kind, value: String::new() }
    }

    /// How the page's script reads it.
    pub(super) fn reads(&self) -> &'static str {
        match self.kind {
            FieldKind::Text | FieldKind::Choice(_) => "text",
            FieldKind::Lines => "lines",
            FieldKind::Number => "number",
            FieldKind::Boolean => "boolean",
            FieldKind::Json => "json",
        }
    }

    /// The lines that a field of text shows.
    pub(super) fn rows(&self) -> usize {
        let least = if self.kind == FieldKind::Text { 1 } else { 3 };
        // A line of the field holds about so many letters.
        let lines: usize = self.value.lines().map(|line| line.chars().count() / 40 + 1).sum();
        lines.clamp(least, ROWS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["statement", "level"],
            "properties": {
                "statement": { "type": "string", "description": "How might we ..." },
                "criteria": { "type": "array", "items": { "type": "string" } },
                "count": { "type": "integer" },
                "is_real": { "type": "boolean", "title": "Real?" },
                "level": { "enum": ["low", "high"] },
                "people": { "type": "array", "items": { "type": "object" } },
            },
        })
    }

    #[test]
    fn each_member_has_the_field_that_fits_in_the_order_of_the_schema() {
        let value =
            json!({ "statement": "a\nb", "criteria": ["x", "y"], "count": 3, "is_real": true, "level": "high" });
        let fields = fields(&schema(), Some(&value)).unwrap();
        let told: Vec<_> =
            fields.iter().map(|field| (field.title.as_str(), field.reads(), field.value.as_str())).collect();
        let expected = [
            ("Statement", "text", "a\nb"),
            ("Criteria", "lines", "x\ny"),
            ("Count", "number", "3"),
            ("Real?", "boolean", "true"),
            ("Level", "text", "high"),
            ("People", "json", ""),
        ];
        assert_eq!(told, expected);
        let required: Vec<_> = fields.iter().filter(|field| field.is_required).map(|field| &field.name).collect();
        assert_eq!(required, ["statement", "level"]);
    }

    #[test]
    fn what_does_not_fit_a_field_is_shown_as_json_and_nothing_is_lost() {
        for (name, value) in [
            ("statement", json!(["no", "text"])),
            ("criteria", json!(["two\nlines"])),
            ("criteria", json!([""])),
            ("criteria", json!([1])),
            ("count", json!("3")),
            ("is_real", json!(null)),
            ("level", json!("unknown")),
        ] {
            let fields = fields(&schema(), Some(&json!({ name: value.clone() }))).unwrap();
            let field = fields.iter().find(|field| field.name == name).unwrap();
            assert_eq!(field.kind, FieldKind::Json, "{name}");
            assert_eq!(serde_json::from_str::<Value>(&field.value).unwrap(), value, "{name}");
        }
    }

    #[test]
    fn without_a_schema_that_tells_all_members_there_is_one_field_for_all() {
        for (schema, value) in [
            (Value::Null, None),
            (json!({ "type": "array" }), Some(json!([1]))),
            (json!({ "type": "object" }), None),
            (schema(), Some(json!({ "unknown": 1 }))),
            (schema(), Some(json!("text"))),
            (json!({ "properties": { "a": {} } }), None),
        ] {
            let artifact = Artifact::default().with_fields(&schema, value.as_ref());
            assert!(artifact.is_whole, "{schema}");
            assert_eq!(artifact.fields.len(), 1);
            assert_eq!(artifact.fields[0].kind, FieldKind::Json);
        }
    }

    #[test]
    fn a_field_is_as_high_as_what_is_in_it() {
        let rows = |kind, value: &str| Field { value: value.into(), ..Field::new("f", false, kind, "") }.rows();
        assert_eq!(rows(FieldKind::Text, ""), 1);
        assert_eq!(rows(FieldKind::Lines, "a"), 3);
        assert_eq!(rows(FieldKind::Text, &"x".repeat(90)), 3);
        assert_eq!(rows(FieldKind::Json, &"\n".repeat(500)), ROWS_MAX);
    }
}
