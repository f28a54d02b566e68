//! Makes an artifact of a JSON Schema from what people answered, field by field, as well as that can be done by rule.

use serde_json::{Map, Number, Value};

/// What stands where nothing was said and something has to be.
const NOT_SAID: &str = "not said";
/// How deep a schema is followed: one may refer to itself.
const DEPTH_MAX: usize = 8;
/// Most items of a list.
const ITEMS_MAX: usize = 100;

/// A field to be asked for.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    name: &'a str,
    schema: &'a Value,
    root: &'a Value,
    is_required: bool,
}

/// The fields of an artifact, those that it must have first.
pub(super) fn fields(root: &Value) -> Vec<Field<'_>> {
    let schema = resolved(root, root, DEPTH_MAX);
    let required = required(schema);
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut fields: Vec<Field<'_>> = properties
        .map(|(name, schema)| Field { name, schema, root, is_required: required.contains(&name.as_str()) })
        .collect();
    fields.sort_by_key(|field| !field.is_required);
    fields
}

fn required(schema: &Value) -> Vec<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

impl Field<'_> {
    /// How it is asked for.
    pub(super) fn question(&self) -> String {
        let schema = resolved(self.schema, self.root, DEPTH_MAX);
        let about = schema.get("description").and_then(Value::as_str);
        let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
        let how = match choices(schema) {
            Some(choices) => format!(" One of: {}.", choices.join(", ")),
            None if kind(schema) == "array" => self.how_listed(schema),
            None => String::new(),
        };
        let may = if self.is_required { "" } else { " Say \"-\" if there is nothing." };
        format!("What is the **{}**{about}?{how}{may}", self.name.replace('_', " "))
    }

    fn how_listed(&self, schema: &Value) -> String {
        let items = resolved(schema.get("items").unwrap_or(&Value::Null), self.root, DEPTH_MAX);
        let names: Vec<&str> = items
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        if names.is_empty() {
            return " One on each line.".into();
        }
        format!(" One on each line: {}, with commas between.", names.join(", ").replace('_', " "))
    }
}

/// The artifact, from what was answered to each field in the order of [`fields`].
pub(super) fn make(root: &Value, answers: &[String]) -> Value {
    let fields = fields(root);
    if fields.is_empty() {
        return value(root, root, answers.concat().trim(), DEPTH_MAX);
    }
    let mut object = Map::new();
    for (place, field) in fields.iter().enumerate() {
        let answer = answers.get(place).map(|answer| answer.trim()).filter(|answer| *answer != "-");
        let answer = answer.unwrap_or_default();
        if field.is_required || !answer.is_empty() {
            object.insert(field.name.to_owned(), value(field.schema, root, answer, DEPTH_MAX));
        }
    }
    Value::Object(object)
}

/// A value in words, for a summary.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join("; "),
        Value::Object(members) => members.values().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What a schema says, behind references and alternatives.
fn resolved<'a>(schema: &'a Value, root: &'a Value, depth: usize) -> &'a Value {
    let Some(depth) = depth.checked_sub(1) else { return schema };
    if let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#')) {
        return root.pointer(pointer).map_or(schema, |to| resolved(to, root, depth));
    }
    let first = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| schema.get(name)?.as_array()?.first());
    match first {
        Some(first) if schema.get("properties").is_none() && schema.get("type").is_none() => {
            resolved(first, root, depth)
        }
        _ => schema,
    }
}

fn kind(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    };
    named.unwrap_or(match schema {
        Value::Object(members) if members.contains_key("properties") => "object",
        Value::Object(members) if members.contains_key("items") => "array",
        _ => "string",
    })
}

fn choices(schema: &Value) -> Option<Vec<String>> {
    Some(schema.get("enum")?.as_array()?.iter().map(words).collect())
}

/// A value of a schema, from what was said.
fn value(schema: &Value, root: &Value, said: &str, depth: usize) -> Value {
    let schema = resolved(schema, root, DEPTH_MAX);
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choice(choices, said);
    }
    match kind(schema) {
        "object" => object(schema, root, said, depth),
        "array" => list(schema, root, said, depth),
        "integer" | "number" => number(schema, said),
        "boolean" => Value::Bool(!said.is_empty() && !mentions(said, "no")),
        "null" => Value::Null,
        _ => Value::String(string(schema, said)),
    }
}

fn choice(choices: &[Value], said: &str) -> Value {
    let named = choices.iter().find(|choice| mentions(said, &words(choice)));
    named.or_else(|| choices.first()).cloned().unwrap_or_default()
}

/// Whether a word is among those of a text.
fn mentions(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    text.match_indices(&word).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        [before, after].into_iter().flatten().all(|c| !c.is_alphanumeric())
    })
}

fn limit(schema: &Value, name: &str) -> Option<usize> {
    schema.get(name)?.as_u64().and_then(|limit| usize::try_from(limit).ok())
}

fn string(schema: &Value, said: &str) -> String {
    let mut text = if said.is_empty() { NOT_SAID.to_owned() } else { said.to_owned() };
    while text.chars().count() < limit(schema, "minLength").unwrap_or_default().min(1_000) {
        text.push_str(", ");
        text.push_str(NOT_SAID);
    }
    match limit(schema, "maxLength") {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

fn number(schema: &Value, said: &str) -> Value {
    let of = |name: &str| schema.get(name).and_then(Value::as_f64);
    let digits = said.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
    let mut found = digits.filter_map(|word| word.trim_matches('.').parse::<f64>().ok()).next().unwrap_or_default();
    found = found.max(of("minimum").unwrap_or(f64::MIN)).min(of("maximum").unwrap_or(f64::MAX));
    if kind(schema) == "integer" {
        return format!("{:.0}", found.ceil()).parse::<i64>().map_or(Value::from(0), Value::from);
    }
    Number::from_f64(found).map_or(Value::from(0), Value::Number)
}

/// What was said on each line; where that is one line, between its commas.
fn items(said: &str, by_commas: bool) -> Vec<&str> {
    let cut = |text: &'static [char]| said.split(text).map(bare).filter(|item| !item.is_empty()).collect::<Vec<_>>();
    let lines = cut(&['\n', ';']);
    if lines.len() == 1 && by_commas { cut(&[',']) } else { lines }
}

/// A line without the mark of a list.
fn bare(line: &str) -> &str {
    line.trim().trim_start_matches(['-', '*', '•']).trim()
}

fn list(schema: &Value, root: &Value, said: &str, depth: usize) -> Value {
    let of = schema.get("items").cloned().unwrap_or_default();
    let is_text = kind(resolved(&of, root, DEPTH_MAX)) == "string";
    let most = limit(schema, "maxItems").unwrap_or(ITEMS_MAX).min(ITEMS_MAX);
    let fewest = limit(schema, "minItems").unwrap_or_default().min(most);
    let mut made: Vec<Value> = items(said, is_text).iter().map(|line| value(&of, root, line, depth)).collect();
    made.dedup();
    made.truncate(most);
    while made.len() < fewest {
        let filler = format!("{NOT_SAID} ({})", made.len() + 1);
        made.push(value(&of, root, &filler, depth));
    }
    Value::Array(made)
}

/// An object from one line: its texts from what is between commas, its choices from wherever they are named.
fn object(schema: &Value, root: &Value, said: &str, depth: usize) -> Value {
    let required = required(schema);
    let mut pieces = said.split([',', ':']).map(str::trim).filter(|piece| !piece.is_empty());
    let mut object = Map::new();
    for (name, of) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let of = resolved(of, root, DEPTH_MAX);
        let is_required = required.contains(&name.as_str());
        let is_text = of.get("enum").is_none() && of.get("const").is_none() && kind(of) == "string";
        let piece = if is_text { pieces.next() } else { None };
        let said = if is_text { piece.unwrap_or_default() } else { said };
        let is_list = matches!(kind(of), "array" | "object");
        if is_required || piece.is_some() || (of.get("enum").is_some() && !said.is_empty()) {
            object.insert(name.clone(), value(of, root, if is_list { "" } else { said }, depth));
        }
    }
    Value::Object(object)
}
