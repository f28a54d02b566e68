//! Why a command ended before it was done.

use std::io;
use std::path::Path;

use super::exit::Exit;
use super::output::Problem;
use super::plan::{Shown, Unit};
use crate::api::transcript::TranscriptError;
use crate::api::{Error, Rejection};

/// Why a command ended before it was done.
#[derive(Debug)]
pub(super) enum Stop {
    /// It can't be done.
    Problem(Box<Problem>),
    /// What it had to say can't be written.
    Output(io::Error),
    /// It was interrupted.
    Signal(Exit),
    /// It ended like this where it was carried out, and why was told already.
    Told(Exit),
}

/// What a command comes to.
pub(super) type Outcome<T = ()> = Result<T, Stop>;

impl Stop {
    /// Something that has a code of its own.
    pub(super) fn problem(code: &str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        let problem = Problem { code: code.into(), what: what.into(), hint, ..Problem::default() };
        Self::Problem(Box::new(problem))
    }

    /// A file that can't be read or written.
    pub(super) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::NotFound { "not_found" } else { "io" };
        let what = format!("{doing} {}: {error}", path.display());
        Self::problem(code, what, "check the name and the permissions of the file")
    }

    /// The fresh plan that came with a refusal.
    pub(super) fn plan(&self) -> Option<&Shown> {
        match self {
            Self::Problem(problem) => problem.plan.as_deref(),
            Self::Output(_) | Self::Signal(_) | Self::Told(_) => None,
        }
    }

    /// What is wrong, in words; nothing where there is nothing to say.
    pub(super) fn what(&self) -> &str {
        match self {
            Self::Problem(problem) => &problem.what,
            Self::Output(_) | Self::Signal(_) | Self::Told(_) => "",
        }
    }

    /// The same, its problem told in other words.
    pub(super) fn map(mut self, change: impl FnOnce(&mut Problem)) -> Self {
        if let Self::Problem(problem) = &mut self {
            change(problem);
        }
        self
    }

    /// The same, with the plan that came with it in these words.
    pub(super) fn in_units(self, unit: Unit) -> Self {
        self.map(|problem| {
            if let Some(plan) = &mut problem.plan {
                plan.unit = unit;
            }
        })
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let mut problem = Problem { code: error.code().to_owned(), what: error.to_string(), ..Problem::default() };
        let hint = error.hint();
        problem.hint = Some(hint).filter(|hint| !hint.is_empty());
        match error.rejection() {
            Some(Rejection::Conflict { what, why, .. }) => {
                problem.what.clone_from(what);
                problem.why = Some(why.clone());
            }
            Some(Rejection::PlanMoved { plan } | Rejection::PlanRequired { plan }) => {
                problem.plan = Some(Box::new(Shown::new((**plan).clone(), Unit::Step)));
            }
            Some(rejection) => {
                problem.hint = problem.hint.or_else(|| what_to_do(rejection));
                if let Rejection::NotFound { what, .. } = rejection {
                    problem.missing = Some(what.clone());
                }
            }
            None => {}
        }
        Self::Problem(Box::new(problem))
    }
}

/// What to do about a refusal whose message says the rest.
fn what_to_do(rejection: &Rejection) -> Option<String> {
    let hint = match rejection {
        Rejection::NotFound { what, .. } => where_to_look(what),
        Rejection::Exists { .. } => "name another, or go on with the one that is there",
        Rejection::Limit { .. } => "make it shorter, or split it into several",
        Rejection::Invalid { field, .. } if field == "id" || field == "stage" => {
            "use letters, digits, '.', '_' and '-', 64 at most, like our-garden"
        }
        Rejection::Invalid { field, .. } if field == "from" => "name a branch or a commit, like main",
        Rejection::Invalid { field, .. } if field == "artifact" => {
            "give it the form that its step's schema in the template has"
        }
        Rejection::Invalid { .. } => "change it and ask again; nothing was done",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The command that shows what there is of a sort.
fn where_to_look(what: &str) -> &'static str {
    match what {
        "workshop" => "see what there is: restage workshop list",
        "template" => "see what there is: restage template list; or name a file",
        "undo point" => "see what can be undone: restage workshop history WORKSHOP",
        "orphan" => "see what there is: restage workshop orphans WORKSHOP",
        "workflow" => "see what there is: restage workflow list",
        "workflow template" => "see what there is: restage workflow template list; or name a file",
        "queue" => "see what there is: restage queue list",
        "kind" => "name one of workshop, task, workflow and queue",
        "batch" => "see what there is: restage batch list",
        "task" => "see what there is: restage task list",
        "tier" => "see what there is: restage tier list; or name a file",
        "repository" => "see what there is: restage repo list; or add one: restage repo add NAME PATH",
        _ => "see what there is: restage workshop show WORKSHOP",
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Error::from(rejection).into()
    }
}

impl From<TranscriptError> for Stop {
    fn from(error: TranscriptError) -> Self {
        Self::problem("invalid", format!("the conversation can't be read: {error}"), error.hint())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
