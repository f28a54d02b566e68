//! Who facilitates, and what that may cost.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::agents::chat::{ChatModel, CommandModel, OpenAi, OpenAiConfig, Patience, Scripted};
use crate::domain::Rejection;

/// Who facilitates, how long is waited for them, and what it may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facilitator {
    /// Who.
    pub model: FacilitatorModel,
    /// How long until the first word.
    pub first: Duration,
    /// How long between two words.
    pub silence: Duration,
    /// How long for a whole answer.
    pub whole: Duration,
    /// Characters of a prompt, about: of a longer conversation the beginning is left out.
    pub context_characters: usize,
    /// Calls under way at a time, for each workshop.
    pub calls: usize,
    /// Characters sent and received in a day of UTC, for each workshop.
    pub characters_per_day: u64,
    /// Characters sent and received in all, for each workshop.
    pub characters_in_all: u64,
}

/// Who facilitates.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum FacilitatorModel {
    /// A script that follows the template's questions, and says that it is one.
    #[default]
    Scripted,
    /// A chat model, by a service that is compatible with OpenAI's chat completions.
    OpenAi {
        /// The service's address, up to what comes before `/chat/completions`.
        base_url: String,
        /// The model's name there.
        model: String,
        /// What it is paid by. Never shown.
        key: Option<String>,
    },
    /// A program with its arguments, started for each answer.
    Command(Vec<String>),
}

impl fmt::Debug for FacilitatorModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scripted => f.write_str("Scripted"),
            Self::OpenAi { base_url, model, key } => {
                let key = key.as_ref().map(|_| "***");
                f.debug_struct("OpenAi").field("base_url", base_url).field("model", model).field("key", &key).finish()
            }
            Self::Command(command) => f.debug_tuple("Command").field(command).finish(),
        }
    }
}

impl Default for Facilitator {
    fn default() -> Self {
        let Patience { first, silence, whole } = Patience::default();
        Self {
            model: FacilitatorModel::default(),
            first,
            silence,
            whole,
            context_characters: 60_000,
            calls: 2,
            characters_per_day: 2_000_000,
            characters_in_all: 50_000_000,
        }
    }
}

/// The settings as they hold, with what answers.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) model: Arc<dyn ChatModel>,
    pub(super) limits: Facilitator,
}

impl Facilitator {
    /// Refuses what can't be.
    ///
    /// # Errors
    /// [`Rejection::Invalid`], with what is wrong.
    pub fn check(&self) -> Result<(), Rejection> {
        self.chat_model(None).map(drop)
    }

    /// What answers. A command runs in a folder below this one.
    fn chat_model(&self, data: Option<&Path>) -> Result<Arc<dyn ChatModel>, Rejection> {
        let refused = |problem: String| Rejection::invalid("facilitator", problem);
        let zero = [
            ("first_seconds", self.first.is_zero()),
            ("silence_seconds", self.silence.is_zero()),
            ("whole_seconds", self.whole.is_zero()),
            ("calls", self.calls == 0),
        ];
        if let Some((name, _)) = zero.iter().find(|(_, is_zero)| *is_zero) {
            return Err(refused(format!("{name} is 0, and should be at least 1")));
        }
        let patience = Patience { first: self.first, silence: self.silence, whole: self.whole };
        Ok(match &self.model {
            FacilitatorModel::Scripted => Arc::new(Scripted),
            FacilitatorModel::OpenAi { base_url, model, key } => {
                let (base_url, model, key) = (base_url.clone(), model.clone(), key.clone());
                Arc::new(OpenAi::new(OpenAiConfig { base_url, model, key, patience }).map_err(refused)?)
            }
            FacilitatorModel::Command(command) => {
                let folder = data.unwrap_or_else(|| Path::new("")).join("facilitator");
                Arc::new(CommandModel::new(command.clone(), folder, patience).map_err(refused)?)
            }
        })
    }

    /// The settings as they hold in a data folder.
    ///
    /// # Errors
    /// As of [`check`](Self::check); a command needs a folder.
    pub(super) fn settle(self, data: Option<&Path>) -> Result<Settings, Rejection> {
        if data.is_none() && matches!(self.model, FacilitatorModel::Command(_)) {
            return Err(Rejection::invalid("facilitator", "a store in memory has no folder for a command"));
        }
        Ok(Settings { model: self.chat_model(data)?, limits: self })
    }
}
