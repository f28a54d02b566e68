//! JSON Schemas of artifacts. Nothing is ever fetched, and patterns are matched in linear time: schemas come from users.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::domain::Rejection;

/// How many violations are named.
const VIOLATIONS_NAMED_MAX: usize = 5;
/// How much of each violation is told: it may quote the artifact.
const VIOLATION_CHARS_MAX: usize = 200;

/// Checks a schema as a template brings it.
///
/// # Errors
/// [`Rejection::Invalid`] when it is no schema, or refers to anything outside itself.
pub(super) fn check(field: &str, schema: &Value) -> Result<(), Rejection> {
    if !schema.is_object() && !schema.is_boolean() {
        return Err(Rejection::invalid(field, "a JSON Schema is an object"));
    }
    if let Some(reference) = outside(schema) {
        return Err(Rejection::invalid(field, format!("{reference:?} refers to something outside the schema")));
    }
    validator(schema).map(drop).map_err(|problem| Rejection::invalid(field, problem))
}

/// Checks an artifact by a schema, given as JSON text.
///
/// # Errors
/// [`Rejection::Invalid`] that names the first few violations with their paths.
pub(super) fn validate(schema: &str, artifact: &Value) -> Result<(), Rejection> {
    let broken = |problem: String| Rejection::refused("damaged", format!("the template's schema: {problem}"), "");
    let schema = serde_json::from_str(schema).map_err(|error| broken(error.to_string()))?;
    let validator = validator(&schema).map_err(broken)?;
    let mut errors = validator.iter_errors(artifact);
    let named: Vec<String> = errors
        .by_ref()
        .take(VIOLATIONS_NAMED_MAX)
        .map(|error| {
            let path = error.instance_path().to_string();
            let place = if path.is_empty() { "/" } else { &path };
            shortened(&format!("{place}: {error}"))
        })
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let more = if errors.next().is_some() { "; and more" } else { "" };
    Err(Rejection::invalid("artifact", format!("{}{more}", named.join("; "))))
}

fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| shortened(&error.to_string()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VIOLATION_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Keywords whose values are data, not schemas.
const DATA: [&str; 5] = ["const", "enum", "default", "examples", "example"];
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// A reference that is not to a place within the schema.
fn outside(schema: &Value) -> Option<&str> {
    match schema {
        Value::Array(items) => items.iter().find_map(outside),
        Value::Object(members) => members.iter().find_map(|(key, value)| match value {
            Value::String(to) if REFERENCES.contains(&key.as_str()) && !to.starts_with('#') => Some(to.as_str()),
            _ if DATA.contains(&key.as_str()) => None,
            _ => outside(value),
        }),
        _ => None,
    }
}
