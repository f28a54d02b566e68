//! Somebody with a token, who asks in JSON.

use reqwest::{Method, RequestBuilder};
use restage::access::Role;
use serde_json::Value;

use crate::world::{Answered, World, answered};

/// Somebody with a token.
pub struct User<'a> {
    world: &'a World,
    token: String,
}

impl World {
    /// Somebody with a new token of this role.
    pub async fn user(&self, role: Role) -> User<'_> {
        User { world: self, token: self.token(role).await }
    }
}

impl User<'_> {
    /// A request, to which more can be added.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.world.ask_as(&self.token, method, path)
    }

    pub async fn get(&self, path: &str) -> Answered {
        answered(self.ask(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answered {
        answered(self.ask(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answered {
        answered(self.ask(Method::PUT, path).json(&body)).await
    }

    /// A `POST` under an idempotency key.
    pub async fn once(&self, key: &str, path: &str, body: Value) -> Answered {
        answered(self.ask(Method::POST, path).header("Idempotency-Key", key).json(&body)).await
    }

    /// A `POST` for those who saw this revision.
    pub async fn post_at(&self, revision: u64, path: &str, body: Value) -> Answered {
        answered(self.ask(Method::POST, path).header("If-Match", format!("\"{revision}\"")).json(&body)).await
    }

    /// All items of a list, page by page, as its `next` says; `limit` at a time.
    pub async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{joint}limit={limit}{cursor}")).await;
            let told = page.ok();
            let new = told["items"].as_array().unwrap().clone();
            assert!(new.len() <= limit, "{path}");
            items.extend(new);
            let Some(next) = told["next"].as_str() else {
                assert!(!page.headers.contains_key("link"));
                return items;
            };
            assert!(page.headers["link"].to_str().unwrap().contains(next), "{:?}", page.headers);
            cursor = format!("&cursor={next}");
        }
    }
}

impl Answered {
    /// The body of something that was done.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.json()
    }

    /// The body of something that was answered like this.
    #[track_caller]
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Compares JSON with what is kept of it, but for who asked, and for the fields of these names; with any of them, for times and
/// the ids of commits too. With `RESTAGE_GOLDEN=write` it is written anew.
#[track_caller]
pub fn golden(name: &str, mut found: Value, moves: &[&str]) {
    steady(&mut found, moves);
    let path = format!("{}/tests/server/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
    if std::env::var_os("RESTAGE_GOLDEN").is_some_and(|how| how == "write") {
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(known, text, "{name}: what goes over the wire changes only by addition");
}

fn steady(value: &mut Value, moves: &[&str]) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let is_time = name.ends_with("_at") || name.ends_with("_until");
                let moved = moves.contains(&name.as_str()) || (is_time && !moves.is_empty());
                match field {
                    Value::String(text) if name == "by" || moved => *text = "?".into(),
                    Value::Number(_) if moved => *field = 0.into(),
                    field => steady(field, moves),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| steady(item, moves)),
        Value::String(text) if !moves.is_empty() => *text = without_ids(text),
        _ => {}
    }
}

/// The text without ids of commits and tokens.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |word: &str| if is_id(word.trim_end_matches(',')) { "?".to_owned() } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
