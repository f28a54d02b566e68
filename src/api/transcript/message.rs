//! One message, from its JSON.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use super::{Place, TranscriptError};
use crate::domain::limits::MESSAGE_ID_BYTES_MAX;
use crate::domain::workshop::{Message, Role};

/// The fields that mean something here; all others are kept in the source.
#[derive(Deserialize)]
#[serde(expecting = "an object with role and content")]
struct Fields {
    id: Option<Value>,
    role: String,
    #[serde(default)]
    content: Value,
    name: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Value>>,
    finished: Option<bool>,
}

/// Reads a message, without its source. `unnamed` makes the id where there is none.
pub(super) fn parse(json: &str, at: Place, unnamed: impl Fn() -> String) -> Result<Message, TranscriptError> {
    let fields: Fields = serde_json::from_str(json).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => TranscriptError::NotAMessage { at, problem: problem(&e) },
        _ => {
            let inside: usize = json.split_inclusive('\n').take(e.line().saturating_sub(1)).map(str::len).sum();
            let byte = at.byte + (inside + e.column().saturating_sub(1)).min(json.len());
            let at = Place { line: at.line + e.line().saturating_sub(1), byte };
            TranscriptError::NotJson { at, problem: problem(&e) }
        }
    })?;
    let wrong = |problem: String| TranscriptError::NotAMessage { at, problem };
    let id = match fields.id {
        None | Some(Value::Null) => unnamed(),
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        Some(other) => return Err(wrong(format!("the id is {}", kind(&other)))),
    };
    check_id(&id).map_err(wrong)?;
    let mut content = text(&fields.content).map_err(wrong)?;
    if content.is_empty() {
        let calls = fields.tool_calls.unwrap_or_default().iter().map(call).collect::<Vec<_>>().join("\n");
        content = fields.refusal.filter(|refusal| !refusal.is_empty()).unwrap_or(calls);
    }
    let role = role(&fields.role).ok_or_else(|| wrong(format!("{:?} is no role", fields.role)))?;
    Ok(Message {
        id,
        role,
        content,
        finished: fields.finished.unwrap_or(true),
        sub_step: None,
        by: fields.name,
        source: None,
    })
}

/// What the JSON reader says, without the place, which is told apart.
pub(super) fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem).into()
}

fn check_id(id: &str) -> Result<(), String> {
    match id {
        "" => Err("the id is empty".into()),
        _ if id.len() > MESSAGE_ID_BYTES_MAX => {
            Err(format!("the id has {} bytes, the most is {MESSAGE_ID_BYTES_MAX}", id.len()))
        }
        _ if id.chars().any(char::is_control) => Err("the id holds control characters".into()),
        _ => Ok(()),
    }
}

fn role(name: &str) -> Option<Role> {
    match name {
        "user" => Some(Role::User),
        "assistant" => Some(Role::Assistant),
        "system" | "developer" => Some(Role::System),
        "tool" | "function" => Some(Role::Tool),
        _ => None,
    }
}

/// What is said: text, nothing, or parts of which some are text.
fn text(content: &Value) -> Result<String, String> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => Ok(parts.iter().map(part).collect::<Vec<_>>().join("\n")),
        other => Err(format!("the content is {}", kind(other))),
    }
}

/// One part of a content: its text, or the name of what it is instead.
fn part(part: &Value) -> String {
    let field = |key| part.get(key).and_then(Value::as_str);
    let text = part.as_str().or_else(|| field("text")).or_else(|| field("refusal"));
    text.map_or_else(|| format!("[{}]", field("type").unwrap_or("part")), Into::into)
}

/// A tool call, as text to read: `name(arguments)`.
fn call(call: &Value) -> String {
    let function = call.get("function").unwrap_or(call);
    let mut text = function.get("name").and_then(Value::as_str).unwrap_or("tool").to_string();
    // Writing to text can't fail.
    let _ = match function.get("arguments") {
        Some(Value::String(arguments)) => write!(text, "({arguments})"),
        Some(arguments) => write!(text, "({arguments})"),
        None => write!(text, "()"),
    };
    text
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
