//! Work that came too late for a step, as it was brought.

use crate::api::workshop::{Command, Message, WorkshopKind};
use crate::api::{Error, Orphan, StageId, View, Workshop};
use crate::http::web::text::{Safe, plain};
use crate::http::web::when::When;

/// Pieces of late work that are shown on the page; the history has all of it.
const SHOWN: usize = 10;

/// A piece of late work.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) number: u64,
    pub(super) by: String,
    pub(super) at: When,
    /// What it is: a message, an artifact.
    pub(super) what: &'static str,
    pub(super) text: Safe,
}

/// The newest late work of a step.
pub(super) async fn read(workshop: &Workshop, step: &StageId, view: &View<WorkshopKind>) -> Result<Vec<Late>, Error> {
    let of_step = view.orphans.iter().rev().filter(|orphan| orphan.stage == *step);
    let mut late = Vec::new();
    for orphan in of_step.take(SHOWN) {
        // What was adopted or discarded at this very moment is not shown.
        if let Ok(command) = workshop.handle().orphan(orphan.number).await {
            late.push(Late::new(orphan, &command));
        }
    }
    Ok(late)
}

impl Late {
    fn new(orphan: &Orphan, command: &Command) -> Self {
        let (what, text) = match command {
            Command::Save { messages, .. } => ("message", said(messages)),
            Command::Ask { message, .. } => ("message", message.content.clone()),
            Command::Edit { message, .. } => ("changed message", message.content.clone()),
            Command::Artifact { json, .. } => ("artifact", json.clone()),
            Command::Summary { points, .. } => ("summary", points.join("\n")),
            _ => ("request", String::new()),
        };
        Self { number: orphan.number, by: orphan.by.clone(), at: When(orphan.at), what, text: plain(&text) }
    }
}

fn said(messages: &[Message]) -> String {
    messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n")
}
