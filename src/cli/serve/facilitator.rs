//! The table `[facilitator]` of the server's settings.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::api::{Facilitator, FacilitatorModel};
use crate::cli::stop::{Outcome, Stop};

/// Longest file with a key.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;

/// The table, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    kind: Kind,
    base_url: String,
    model: String,
    key_file: Option<PathBuf>,
    key_env: String,
    command: Vec<String>,
    first_seconds: u64,
    silence_seconds: u64,
    whole_seconds: u64,
    context_characters: usize,
    calls: usize,
    characters_per_day: u64,
    characters_in_all: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Nobody: what is asked stays owed.
    Off,
    #[default]
    Scripted,
    #[serde(rename = "openai")]
    OpenAi,
    Command,
}

impl Default for Written {
    fn default() -> Self {
        let limits = Facilitator::default();
        Self {
            kind: Kind::default(),
            base_url: String::new(),
            model: String::new(),
            key_file: None,
            key_env: String::new(),
            command: Vec::new(),
            first_seconds: limits.first.as_secs(),
            silence_seconds: limits.silence.as_secs(),
            whole_seconds: limits.whole.as_secs(),
            context_characters: limits.context_characters,
            calls: limits.calls,
            characters_per_day: limits.characters_per_day,
            characters_in_all: limits.characters_in_all,
        }
    }
}

impl Written {
    /// What it comes to; `None` for nobody. `variable` reads the environment.
    ///
    /// # Errors
    /// A key that can't be read; a value that can't be.
    pub(super) fn read(self, variable: impl Fn(&str) -> Option<String>) -> Outcome<Option<Facilitator>> {
        let model = match self.kind {
            Kind::Off => return Ok(None),
            Kind::Scripted => FacilitatorModel::Scripted,
            Kind::Command => FacilitatorModel::Command(self.command),
            Kind::OpenAi => {
                let key = key(&self.key_env, self.key_file.as_deref(), variable)?;
                FacilitatorModel::OpenAi { base_url: self.base_url, model: self.model, key }
            }
        };
        let facilitator = Facilitator {
            model,
            first: Duration::from_secs(self.first_seconds),
            silence: Duration::from_secs(self.silence_seconds),
            whole: Duration::from_secs(self.whole_seconds),
            context_characters: self.context_characters,
            calls: self.calls,
            characters_per_day: self.characters_per_day,
            characters_in_all: self.characters_in_all,
        };
        facilitator
            .check()
            .map_err(|refused| Stop::problem("usage", refused.to_string(), "see docs/facilitator.md"))?;
        Ok(Some(facilitator))
    }
}

/// The key: of a variable if one is named, else of a file if one is named.
fn key(name: &str, file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Outcome<Option<String>> {
    if !name.is_empty() {
        let unset = || Stop::problem("usage", format!("there is no variable {name}"), "set it, or name a key_file");
        return variable(name).map(|key| Some(key.trim().to_owned())).ok_or_else(unset);
    }
    let Some(file) = file else { return Ok(None) };
    let mut text = String::new();
    let read = fs::File::open(file).and_then(|file| file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| Stop::file("reading", file, &error))?;
    Ok(Some(text.lines().next().unwrap_or_default().trim().to_owned()))
}
