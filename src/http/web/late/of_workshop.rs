//! What was written in a workshop for a step that had gone back by then.

use actix_web::web::Data;
use askama::Template;

use super::super::html::Html;
use super::super::shell::Shell;
use super::super::text::{Safe, line};
use super::super::workflow::readable;
use super::{Late, Said, Side, found, page_of};
use crate::api::workshop::{Command, Message, Role};
use crate::api::{Error, StageId, Workshop};
use crate::http::address::{At, EntityAt};
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::wire::workshop_command;

/// Messages that are there now and are shown beside late ones: the last ones.
const MESSAGES_BESIDE: u64 = 20;

#[derive(Template)]
#[template(path = "workshop_late.html")]
struct Page {
    shell: Shell,
    id: String,
    title: Safe,
    late: Vec<Late>,
    next: Option<String>,
}

pub(super) async fn page(shell: Shell, app: Data<App>, at: At<EntityAt>, paging: Paging) -> Answer<Html> {
    let workshop = app.workshops.get(&at.id);
    let view = workshop.view().await?;
    let (orphans, next) = page_of(&view.orphans, paging.after_number()?);
    let next = paging.next_href(next.map(|number| number.to_string()));
    let mut late = Vec::with_capacity(orphans.len());
    for orphan in orphans {
        // One that was adopted or discarded meanwhile is none any more.
        let Some(command) = found(workshop.handle().orphan(orphan.number).await)? else { continue };
        let (what, side) = compared(&workshop, &orphan.stage, &command).await?;
        late.push(Late {
            what: line(&format!("{what} of {}", orphan.stage)),
            href: Some(format!("/ui/workshops/{}/steps/{}", at.id, orphan.stage)),
            sides: vec![side],
            ..Late::new("workshop", &at.id, orphan, view.generation(&orphan.stage).0)
        });
    }
    let (id, title) = (at.id.to_string(), line(&view.state.title));
    let shell = shell.titled(format!("Late work of {}", view.state.title)).about("workshop", &at.id);
    shell.style("late.css").page(|shell| Page { shell, id, title, late, next })
}

/// What it is, and beside it what the step has now.
async fn compared(workshop: &Workshop, step: &StageId, command: &Command) -> Result<(&'static str, Side), Error> {
    Ok(match command {
        Command::Save { messages, .. } => {
            let there = conversation(workshop, step).await?;
            ("Messages", Side::new("Messages", &said(messages.iter()), there))
        }
        Command::Edit { message, .. } => {
            let there = conversation(workshop, step).await?;
            ("An edited message", Side::new("Message", &said([message].into_iter()), there))
        }
        Command::Artifact { json, .. } => {
            let there = found(workshop.artifact_json(step).await)?.map(|json| Said::from(readable(&json)));
            let there = there.ok_or_else(|| "The step has no artifact now.".to_owned());
            ("Artifact", Side::new("Artifact", &readable(json).into(), there))
        }
        Command::Summary { points, .. } => {
            let there = found(workshop.summary_points(step).await)?.map(|points| Said::from(points.join("\n")));
            let there = there.ok_or_else(|| "The step has no summary now.".to_owned());
            ("Summary", Side::new("Summary", &points.join("\n").into(), there))
        }
        other => {
            let text = serde_json::to_string_pretty(&workshop_command(other)).unwrap_or_default();
            ("Work", Side::new("Work", &text.into(), Err("There is nothing to compare it with.".into())))
        }
    })
}

/// The end of the step's conversation as it is now.
async fn conversation(workshop: &Workshop, step: &StageId) -> Result<Result<Said, String>, Error> {
    let count = workshop.view().await?.state.step(step).map_or(0, |found| found.messages);
    let most = usize::try_from(MESSAGES_BESIDE).unwrap_or(usize::MAX);
    let (_, messages) = workshop.page(step, count.saturating_sub(MESSAGES_BESIDE), most).await?;
    if messages.is_empty() {
        return Ok(Err("The conversation of the step is empty now.".into()));
    }
    let mut said = said(messages.iter().map(|stored| &stored.message));
    if count > MESSAGES_BESIDE {
        said.facts.push(format!("the last {MESSAGES_BESIDE} of {count} messages"));
    }
    Ok(Ok(said))
}

/// Messages as a text.
fn said<'a>(messages: impl Iterator<Item = &'a Message>) -> Said {
    let mut text = String::new();
    for message in messages {
        let who = match message.role {
            Role::User => message.by.as_deref().unwrap_or("user"),
            Role::Assistant => "facilitator",
            Role::System => "system",
            Role::Tool => "tool",
        };
        let unfinished = if message.finished { "" } else { " (unfinished)" };
        text.push_str(&format!("{who}{unfinished}: {}\n", message.content));
    }
    text.truncate(text.trim_end().len());
    text.into()
}
