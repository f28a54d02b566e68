//! The keys of the server's settings: each with its name in the file, its variable, and whether it can change while the
//! server runs.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// One key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name in the file, with that of its table.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether it can change while the server runs.
    pub(super) is_live: bool,
}

/// What its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Path,
    List,
    Number,
    Switch,
}

const fn fixed(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, is_live: false }
}

const fn live(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, is_live: true }
}

/// All keys.
pub(super) const KEYS: &[Key] = &[
    fixed("listen", Kind::Text),
    fixed("hosts", Kind::List),
    fixed("confirm", Kind::Switch),
    fixed("metrics_public", Kind::Switch),
    fixed("workers", Kind::Number),
    live("log", Kind::Text),
    fixed("shutdown_seconds", Kind::Number),
    fixed("tls.certificate", Kind::Path),
    fixed("tls.key", Kind::Path),
    fixed("limits.requests", Kind::Number),
    fixed("limits.connections_per_worker", Kind::Number),
    fixed("limits.head_seconds", Kind::Number),
    fixed("limits.keep_alive_seconds", Kind::Number),
    live("rates.resets_per_minute", Kind::Number),
    live("rates.resets_burst", Kind::Number),
    live("webhooks.hosts", Kind::List),
    live("webhooks.private_hosts", Kind::List),
    live("facilitator.kind", Kind::Text),
    live("facilitator.base_url", Kind::Text),
    live("facilitator.model", Kind::Text),
    live("facilitator.key_file", Kind::Path),
    live("facilitator.key_env", Kind::Text),
    live("facilitator.command", Kind::List),
    live("facilitator.first_seconds", Kind::Number),
    live("facilitator.silence_seconds", Kind::Number),
    live("facilitator.whole_seconds", Kind::Number),
    live("facilitator.context_characters", Kind::Number),
    live("facilitator.calls", Kind::Number),
    live("facilitator.characters_per_day", Kind::Number),
    live("facilitator.characters_in_all", Kind::Number),
];

impl Key {
    /// The variable that says it: `RESTAGE_LIMITS_REQUESTS` for `limits.requests`.
    pub(super) fn variable(&self) -> String {
        format!("RESTAGE_{}", self.name.replace('.', "_").to_uppercase())
    }

    pub(super) fn get<'a>(&self, table: &'a Table) -> Option<&'a Value> {
        match self.name.split_once('.') {
            Some((of, name)) => table.get(of)?.as_table()?.get(name),
            None => table.get(self.name),
        }
    }

    pub(super) fn remove(&self, table: &mut Table) {
        match self.name.split_once('.') {
            Some((of, name)) => drop(table.get_mut(of).and_then(Value::as_table_mut).and_then(|of| of.remove(name))),
            None => drop(table.remove(self.name)),
        }
    }

    pub(super) fn put(&self, table: &mut Table, value: Value) {
        match self.name.split_once('.') {
            Some((of, name)) => {
                let of = table.entry(of).or_insert_with(|| Value::Table(Table::new()));
                // What is no table where one belongs is refused when all is read.
                if let Some(of) = of.as_table_mut() {
                    of.insert(name.to_owned(), value);
                }
            }
            None => {
                table.insert(self.name.to_owned(), value);
            }
        }
    }
}

/// Makes paths absolute that are meant from this folder.
pub(super) fn make_absolute(table: &mut Table, folder: &Path) {
    for key in KEYS.iter().filter(|key| key.kind == Kind::Path) {
        let Some(Value::String(path)) = key.get(table) else { continue };
        let whole = folder.join(PathBuf::from(path));
        key.put(table, Value::String(whole.to_string_lossy().into_owned()));
    }
}

/// The first name in a file that is no key, and what may have been meant.
pub(super) fn unknown(table: &Table) -> Option<(String, String)> {
    names(table).into_iter().find(|name| KEYS.iter().all(|key| key.name != name)).map(|name| {
        let nearest = KEYS.iter().map(|key| (distance(key.name, &name), key.name)).min();
        let hint = match nearest {
            Some((distance, nearest)) if distance <= nearest.len() / 2 => format!("did you mean {nearest}?"),
            _ => {
                let all: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
                format!("there are {}", all.join(", "))
            }
        };
        (name, hint)
    })
}

/// All names in a table, those of tables within with the name of theirs.
fn names(table: &Table) -> Vec<String> {
    let inner = |(name, value): (&String, &Value)| match value {
        Value::Table(of) => of.keys().map(|key| format!("{name}.{key}")).collect(),
        _ => vec![name.clone()],
    };
    table.iter().flat_map(inner).collect()
}

/// How many letters have to be put in, taken out or exchanged to make one name of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, against) in other.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *against);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found() {
        for (text, name, hint) in [
            ("listn = 1", "listn", "did you mean listen?"),
            ("[limits]\nrequest = 1", "limits.request", "did you mean limits.requests?"),
            ("[rates]\nresets_per_hour = 1", "rates.resets_per_hour", "did you mean rates.resets_per_minute?"),
        ] {
            let found = unknown(&toml::from_str(text).unwrap()).unwrap();
            assert_eq!(found, (name.to_owned(), hint.to_owned()));
        }
        let (name, hint) = unknown(&toml::from_str("something_else_entirely_and_long = 1").unwrap()).unwrap();
        assert!(name == "something_else_entirely_and_long" && hint.starts_with("there are listen, hosts"), "{hint}");
        assert_eq!(unknown(&toml::from_str("listen = ''\n[tls]\nkey = 'k'").unwrap()), None);
    }

    #[test]
    fn distances_are_those_of_single_letters() {
        for (one, other, steps) in [("", "", 0), ("a", "", 1), ("listen", "lsten", 1), ("kitten", "sitting", 3)] {
            assert_eq!((distance(one, other), distance(other, one)), (steps, steps), "{one} {other}");
        }
    }
}
