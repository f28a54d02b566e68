//! A workshop some steps in: talked through, confirmed, gone back once, with a step that is stale and late work that is
//! kept.

use serde::Deserialize;
use serde_json::Value;

use crate::api::error::Error;
use crate::api::workshops::Workshop;
use crate::domain::workshop::{Message, Role, Template};
use crate::domain::{Rejection, StageId};

const STORY: &str = include_str!("workshop.json");
const TEMPLATE: &str = "design-thinking";
/// Whose messages are not a person's.
const FACILITATOR: &str = "facilitator";

#[derive(Deserialize)]
struct Story {
    title: String,
    steps: Vec<Step>,
    reset: Reset,
}

#[derive(Deserialize)]
struct Step {
    step: StageId,
    messages: Vec<Said>,
    /// Each version of the artifact; the last one is confirmed. A step without is left open.
    #[serde(default)]
    artifacts: Vec<Value>,
    #[serde(default)]
    summary: Vec<String>,
}

#[derive(Deserialize)]
struct Said {
    by: String,
    text: String,
}

#[derive(Deserialize)]
struct Reset {
    step: StageId,
    reason: String,
    /// What is said too late.
    late: Said,
}

impl Said {
    fn message(self, id: String) -> Message {
        let role = if self.by == FACILITATOR { Role::Assistant } else { Role::User };
        Message { by: Some(self.by), ..Message::new(id, role, self.text) }
    }
}

/// Tells the story.
pub(super) async fn make(workshop: &Workshop) -> Result<(), Error> {
    let damaged = |error: serde_json::Error| Rejection::invalid("example", error.to_string());
    let Story { title, steps, reset } = serde_json::from_str(STORY).map_err(damaged)?;
    workshop.create(&title, &Template::built_in(TEMPLATE)?).await?;
    for step in steps {
        take(workshop, step).await?;
    }
    go_back(workshop, reset).await
}

async fn take(workshop: &Workshop, step: Step) -> Result<(), Error> {
    let Step { step, messages, artifacts, summary } = step;
    let messages = messages.into_iter().enumerate().map(|(place, said)| said.message(format!("m{}", place + 1)));
    workshop.save(&step, messages.collect()).await?;
    let mut version = None;
    for artifact in artifacts {
        version = Some(workshop.artifact(&step, &artifact.to_string(), version.or(Some(0))).await?.reply);
    }
    if version.is_some() {
        workshop.confirm(&step, version).await?;
        workshop.next(&step, Some(summary)).await?;
    }
    Ok(())
}

/// A step is started over while its facilitator still speaks: what they say then is kept as an orphan.
async fn go_back(workshop: &Workshop, reset: Reset) -> Result<(), Error> {
    let Reset { step, reason, late } = reset;
    let before = workshop.view().await?.generation(&step);
    workshop.reason(reason).reset(&step).await?;
    match workshop.under(before).save(&step, vec![late.message("late".into())]).await {
        Err(error) if matches!(error.rejection(), Some(Rejection::Stale { .. })) => Ok(()),
        said => said.map(drop),
    }
}
