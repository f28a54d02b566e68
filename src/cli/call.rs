//! One call of the program on a data folder that is open: what every verb needs, whatever it is about.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::args::Global;
use super::output::Output;
use super::site::Site;
use super::stop::{Outcome, Stop};
use crate::api::{Receipt, Restage};

/// One call of the program.
pub(super) struct Call<'a, T> {
    pub(super) restage: Restage,
    /// What the verbs are about: the workshops, the tasks.
    pub(super) all: T,
    pub(super) global: &'a Global,
    pub(super) site: &'a Site,
    pub(super) output: &'a mut Output,
}

impl<T> Call<'_, T> {
    /// Who asks.
    pub(super) fn by(&self) -> &str {
        &self.site.settings.by
    }

    /// What was answered, and what every answer of a turn has.
    pub(super) fn answer<R>(&mut self, receipt: &Receipt<R>, more: Value, text: impl FnOnce() -> String) -> Outcome {
        let mut answer = Map::new();
        if let Value::Object(more) = more {
            answer.extend(more);
        }
        answer.insert("revision".into(), receipt.revision.into());
        if let Some(generation) = receipt.generation {
            answer.insert("generation".into(), generation.0.into());
        }
        if let Some(point) = receipt.undo_point {
            answer.insert("undo_point".into(), point.into());
        }
        if receipt.replayed {
            answer.insert("replayed".into(), true.into());
        }
        Ok(self.output.data(&answer, |_| text())?)
    }

    /// Has what is about to happen confirmed, by `--yes` or by whoever sits at the terminal.
    pub(super) async fn confirm(&mut self, text: &str) -> Outcome {
        if self.global.yes {
            return Ok(());
        }
        self.output.say(text);
        match self.output.ask("Do it?").await? {
            Some(true) => Ok(()),
            Some(false) => Err(Stop::problem("declined", "nothing was done", "")),
            None => {
                let hint = "look at the plan with --dry-run, then give --plan TOKEN, or --yes";
                Err(Stop::problem("usage", "it was not confirmed, and nobody is there to be asked", hint))
            }
        }
    }
}

/// Names, in one line.
pub(super) fn names(names: impl IntoIterator<Item = impl Display>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

/// A number of things, in words.
pub(super) fn count(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
