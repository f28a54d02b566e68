//! How a status is shown: always by a colour, a sign and a word together, the same everywhere.

use std::borrow::Cow;
use std::fmt;

use askama::filters::{Escaper as _, Html, HtmlSafe};

use crate::api::workflows::TaskStatus;
use crate::api::{task, workflow, workshop};

/// A status. The word says all; colour and sign help those who see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    tone: Tone,
    sign: char,
    word: Cow<'static, str>,
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing to see yet.
    Idle,
    /// Under way.
    Active,
    /// Done.
    Done,
    /// Somebody should look.
    Warn,
    /// It can't go on.
    Bad,
}

impl Mark {
    pub(super) fn new(tone: Tone, sign: char, word: impl Into<Cow<'static, str>>) -> Self {
        Self { tone, sign, word: word.into() }
    }

    /// The word alone.
    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// The name of the colour's class.
    pub(super) fn tone(&self) -> &'static str {
        match self.tone {
            Tone::Idle => "idle",
            Tone::Active => "active",
            Tone::Done => "done",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
        }
    }

    /// Whether there is nothing to see yet.
    pub(super) fn is_idle(&self) -> bool {
        self.tone == Tone::Idle
    }

    /// The sign alone.
    pub(super) fn sign(&self) -> char {
        self.sign
    }
}

impl HtmlSafe for Mark {}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<span class=\"mark {}\"><span aria-hidden=\"true\">{}</span> ", self.tone(), self.sign)?;
        // Stages of tasks have the words that users gave them.
        Html.write_escaped_str(&mut *f, &self.word)?;
        f.write_str("</span>")
    }
}

impl From<workshop::Status> for Mark {
    fn from(status: workshop::Status) -> Self {
        match status {
            workshop::Status::NotStarted => Self::new(Tone::Idle, '○', "not started"),
            workshop::Status::InProgress => Self::new(Tone::Active, '◐', "in progress"),
            workshop::Status::Complete => Self::new(Tone::Done, '✓', "complete"),
            workshop::Status::NeedsRegeneration => Self::new(Tone::Warn, '↻', "needs regeneration"),
        }
    }
}

impl From<workshop::WorkshopStatus> for Mark {
    fn from(status: workshop::WorkshopStatus) -> Self {
        match status {
            workshop::WorkshopStatus::Draft => Self::new(Tone::Idle, '○', "draft"),
            workshop::WorkshopStatus::Active => Self::new(Tone::Active, '◐', "active"),
            workshop::WorkshopStatus::Paused => Self::new(Tone::Warn, '‖', "paused"),
            workshop::WorkshopStatus::Completed => Self::new(Tone::Done, '✓', "completed"),
        }
    }
}

impl From<&task::Status> for Mark {
    fn from(status: &task::Status) -> Self {
        match status {
            task::Status::Backlog => Self::new(Tone::Idle, '○', "backlog"),
            task::Status::Stage(word) => Self::new(Tone::Active, '◐', word.replace('_', " ")),
            task::Status::Done => Self::new(Tone::Done, '✓', "done"),
            task::Status::Paused => Self::new(Tone::Warn, '‖', "paused"),
            task::Status::Blocked => Self::new(Tone::Bad, '✕', "blocked"),
        }
    }
}

impl From<task::StageStatus> for Mark {
    fn from(status: task::StageStatus) -> Self {
        match status {
            task::StageStatus::NotReached => Self::new(Tone::Idle, '○', "not reached"),
            task::StageStatus::Ready => Self::new(Tone::Idle, '◇', "ready to run"),
            task::StageStatus::Running => Self::new(Tone::Active, '◐', "running"),
            task::StageStatus::Interrupted => Self::new(Tone::Warn, '‖', "interrupted"),
            task::StageStatus::Failed => Self::new(Tone::Bad, '✕', "failed"),
            task::StageStatus::ToApprove => Self::new(Tone::Warn, '?', "to approve"),
            task::StageStatus::Rejected => Self::new(Tone::Warn, '↻', "rejected"),
            task::StageStatus::Committing => Self::new(Tone::Active, '◐', "committing"),
            task::StageStatus::Complete => Self::new(Tone::Done, '✓', "complete"),
        }
    }
}

impl From<workflow::Status> for Mark {
    fn from(status: workflow::Status) -> Self {
        match status {
            workflow::Status::Pending => Self::new(Tone::Idle, '○', "pending"),
            workflow::Status::Running => Self::new(Tone::Active, '◐', "running"),
            workflow::Status::Waiting => Self::new(Tone::Warn, '?', "waiting"),
            workflow::Status::Blocked => Self::new(Tone::Bad, '✕', "blocked"),
            workflow::Status::Stopped => Self::new(Tone::Warn, '‖', "stopped"),
            workflow::Status::Completed => Self::new(Tone::Done, '✓', "completed"),
        }
    }
}

impl From<workflow::RunStatus> for Mark {
    fn from(status: workflow::RunStatus) -> Self {
        match status {
            workflow::RunStatus::Running => Self::new(Tone::Active, '◐', "running"),
            workflow::RunStatus::Completed => Self::new(Tone::Done, '✓', "completed"),
            workflow::RunStatus::Stopped => Self::new(Tone::Warn, '‖', "stopped"),
            workflow::RunStatus::Cancelled => Self::new(Tone::Idle, '✕', "cancelled"),
        }
    }
}

impl From<TaskStatus> for Mark {
    fn from(status: TaskStatus) -> Self {
        match status {
            TaskStatus::Queued => Self::new(Tone::Idle, '◇', "queued"),
            TaskStatus::Leased => Self::new(Tone::Active, '◐', "leased"),
            TaskStatus::Waiting => Self::new(Tone::Warn, '↻', "waiting"),
            TaskStatus::Failed => Self::new(Tone::Bad, '✕', "failed"),
            TaskStatus::Done => Self::new(Tone::Done, '✓', "done"),
            TaskStatus::Cancelled => Self::new(Tone::Idle, '‖', "cancelled"),
        }
    }
}

impl From<workflow::ResultStatus> for Mark {
    fn from(status: workflow::ResultStatus) -> Self {
        match status {
            workflow::ResultStatus::Completed => Self::new(Tone::Done, '✓', "completed"),
            workflow::ResultStatus::Failed => Self::new(Tone::Bad, '✕', "failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_by_more_than_a_colour_and_what_users_named_is_text() {
        let mark = Mark::from(&task::Status::Stage("<b>_planning".into())).to_string();
        assert_eq!(mark, "<span class=\"mark active\"><span aria-hidden=\"true\">◐</span> &#60;b&#62; planning</span>");
    }
}
