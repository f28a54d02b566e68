//! How something is begun: what the forms that make workshops and workflows offer.

use super::shell::Shell;
use crate::api::{workflow, workshop};
use crate::http::problem::Answer;

/// The templates that are usually taken.
const USUAL: [&str; 2] = ["design-thinking", "delivery"];

/// What the forms offer. Nothing for who may make nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Begin {
    pub(super) workshops: Vec<Choice>,
    pub(super) workflows: Vec<Choice>,
}

/// A template to make something from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) is_usual: bool,
}

impl Begin {
    pub(super) fn of(shell: &Shell) -> Answer<Self> {
        let mut found = Self::default();
        if !shell.may_write {
            return Ok(found);
        }
        for name in workshop::Template::built_in_names() {
            found.workshops.push(Choice::new(name, workshop::Template::built_in(name)?.title()));
        }
        for name in workflow::Template::built_in_names() {
            found.workflows.push(Choice::new(name, &workflow::Template::built_in(name)?.title));
        }
        Ok(found)
    }
}

impl Choice {
    fn new(name: &'static str, title: &str) -> Self {
        Self { name, title: title.to_owned(), is_usual: USUAL.contains(&name) }
    }
}
