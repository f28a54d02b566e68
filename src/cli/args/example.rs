//! `restage example`.

use clap::{Args, ValueEnum};

use crate::api::Example;

/// What an example needs to know.
#[derive(Clone, Debug, Args)]
pub struct ExampleArgs {
    /// What to load an example of
    #[arg(value_name = "KIND")]
    pub what: ExampleOf,
}

/// What there is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExampleOf {
    /// A workshop some steps in, with a step that went back
    Workshop,
    /// A task on a small repository that is made for it, waiting to be approved
    Task,
    /// A workflow with workers for show, waiting for a person
    Workflow,
}

impl From<ExampleOf> for Example {
    fn from(of: ExampleOf) -> Self {
        match of {
            ExampleOf::Workshop => Self::Workshop,
            ExampleOf::Task => Self::Task,
            ExampleOf::Workflow => Self::Workflow,
        }
    }
}
