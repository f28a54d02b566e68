//! A task that a workflow hands to a queue: what it is, how it is named, and what became of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::limits::DOMAIN_BYTES_MAX;
use crate::domain::{Generation, Rejection, StageId, Timestamp};

/// The name of a queue: lower case letters, digits and `-`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(Box<str>);

impl Domain {
    /// Where work goes that needs a person.
    pub const HUMAN: &'static str = "human";

    /// Checks `text` and makes the name of it.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] when it is empty, too long, or holds a character that it can't have.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Rejection> {
        let text = text.as_ref();
        let fits = text.len() <= DOMAIN_BYTES_MAX
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !fits {
            let problem = format!(
                "{text:?} is none: at most {DOMAIN_BYTES_MAX} lower case letters, digits and '-', beginning with a letter"
            );
            return Err(Rejection::invalid("domain", problem));
        }
        Ok(Self(text.into()))
    }

    /// The queue of what needs a person.
    pub fn human() -> Self {
        Self(Self::HUMAN.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Domain {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        Self::new(text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0.into()
    }
}

/// Tasks of one gate, domain and priority: they are numbered, and handed out in that order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaneId {
    /// The gate, by its place.
    pub gate: u16,
    /// The queue.
    pub domain: Domain,
    /// 0 to 10; the highest goes first.
    pub priority: u8,
}

/// The name of a task within its workflow: where it lies, and its number there. As text `3-fe-5-17`: gate, domain,
/// priority, number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId {
    /// Where it lies.
    pub lane: LaneId,
    /// Its number there, from 1.
    pub number: u64,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LaneId { gate, domain, priority } = &self.lane;
        write!(f, "{gate}-{domain}-{priority}-{}", self.number)
    }
}

impl FromStr for TaskId {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let parse = || {
            let (gate, rest) = text.split_once('-')?;
            let (rest, number) = rest.rsplit_once('-')?;
            let (domain, priority) = rest.rsplit_once('-')?;
            let (gate, priority) = (gate.parse().ok()?, priority.parse().ok()?);
            let lane = LaneId { gate, domain: Domain::new(domain).ok()?, priority };
            let id = Self { lane, number: number.parse().ok()? };
            // One form only: no signs, no leading zeros.
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| Rejection::invalid("task", "it is no task's id: they look like 3-fe-5-17"))
    }
}

impl TryFrom<String> for TaskId {
    type Error = Rejection;
    fn try_from(text: String) -> Result<Self, Rejection> {
        text.parse()
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.to_string()
    }
}

/// What is to be done, as it is stored: content of its gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// In a line.
    pub title: String,
    /// What the worker needs, as JSON text; kept byte for byte.
    pub input: String,
    /// How often it is tried.
    pub attempts_most: u32,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: u32,
    /// When it was handed out.
    pub created_at: Timestamp,
    /// Who handed it out.
    pub by: String,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultStatus {
    /// It is done.
    Completed,
    /// It could not be done.
    Failed,
}

/// What a worker hands in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// How it ended.
    pub status: ResultStatus,
    /// Who did it.
    pub agent: String,
    /// What came of it, as JSON text; kept byte for byte.
    pub result: String,
    /// How long it took, in milliseconds, as the worker says.
    pub duration_ms: u64,
    /// How safe it is, 0 to 1, where it was looked at.
    pub safety_score: Option<f64>,
    /// Why it could not be done.
    pub error: Option<String>,
    /// Whether trying it again can help; only looked at where it failed.
    pub retryable: bool,
}

/// A result that landed, as it is stored: content of its gate's results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredResult {
    /// What was handed in.
    pub result: TaskResult,
    /// The claim that it is of; `None` where a person took it in from the orphans.
    pub claim: Option<u64>,
    /// The attempt that it is of; `None` where a person took it in from the orphans.
    pub attempt: Option<u32>,
    /// When it landed.
    pub at: Timestamp,
}

/// What is granted to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The task.
    pub id: TaskId,
    /// What is to be done.
    pub task: Task,
    /// The id of its gate.
    pub gate: StageId,
    /// The gate's generation that the worker works under.
    pub generation: Generation,
    /// The number of this claim within the workflow, never used twice.
    pub claim: u64,
    /// The attempt this is: 1 for the first.
    pub attempt: u32,
    /// Without a sign of life the task goes to somebody else after this.
    pub lease_until: Timestamp,
    /// It has to be done by then.
    pub deadline: Timestamp,
}
