//! How something is begun: what the forms that make workshops, tasks and workflows offer.

use super::shell::Shell;
use crate::api::{task, workflow, workshop};
use crate::http::problem::Answer;
use crate::http::state::App;

/// Repositories that a form offers.
const REPOSITORIES_MOST: usize = 200;

/// What the forms offer. Nothing for who may make nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Begin {
    pub(super) workshops: Vec<Choice>,
    pub(super) tiers: Vec<Choice>,
    pub(super) workflows: Vec<Choice>,
    /// The names of the repositories that tasks work in.
    pub(super) repositories: Vec<String>,
}

/// Something to make something from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) title: String,
    /// Whether it is the one that is usually taken.
    pub(super) is_usual: bool,
}

impl Begin {
    pub(super) async fn of(app: &App, shell: &Shell) -> Answer<Self> {
        if !shell.may_write {
            return Ok(Self::default());
        }
        let mut found = Self::default();
        for name in workshop::Template::built_in_names() {
            let title = workshop::Template::built_in(name)?.title().to_owned();
            found.workshops.push(Choice::new(name, title, "design-thinking"));
        }
        for name in task::Tier::names() {
            found.tiers.push(Choice::new(name, task::Tier::built_in(name)?.title, "L2"));
        }
        for name in workflow::Template::built_in_names() {
            found.workflows.push(Choice::new(name, workflow::Template::built_in(name)?.title, "delivery"));
        }
        let names = app.tasks.repositories().list(None, REPOSITORIES_MOST).await?;
        found.repositories = names.iter().map(ToString::to_string).collect();
        Ok(found)
    }
}

impl Choice {
    fn new(name: &str, title: String, usual: &str) -> Self {
        Self { name: name.to_owned(), title, is_usual: name == usual }
    }
}
