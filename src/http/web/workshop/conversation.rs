//! What was said in a step: the last messages, and those before a piece at a time.

use crate::api::workshop::{Message, Role, StoredMessage, Template, WorkshopKind};
use crate::api::{EntityId, Error, Rejection, StageId, View, Workshop};
use crate::http::web::text::{Safe, markdown, plain};
use crate::http::web::when::When;

/// Messages that are shown at first, and in each piece that is asked for later.
const PIECE: u64 = 50;
/// Most messages of a page. Whoever looks at more is told where it goes on.
const MOST: usize = 300;

/// A part of a conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Where the step is shown.
    pub(super) address: String,
    /// The step's name.
    pub(super) step: String,
    pub(super) messages: Vec<Said>,
    /// The place of the first message that is shown, if there are others before.
    pub(super) before: Option<u64>,
    /// The place of the next message, if there are others after.
    pub(super) after: Option<u64>,
}

/// A message.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) ordinal: u64,
    /// What programs call it.
    pub(super) id: String,
    /// Who speaks, as a class.
    pub(super) role: &'static str,
    /// Who speaks, in words.
    pub(super) who: String,
    /// The title of the sub-step.
    pub(super) sub_step: Option<String>,
    pub(super) at: When,
    pub(super) text: Safe,
    /// Whether all of it is said.
    pub(super) is_finished: bool,
}

/// The last messages, or those from a place on, with the workshop as it is at that moment.
pub(super) async fn read(
    workshop: &Workshop,
    step: &StageId,
    from: Option<u64>,
    count: u64,
) -> Result<(View<WorkshopKind>, Vec<StoredMessage>), Error> {
    let from = from.unwrap_or_else(|| count.saturating_sub(PIECE));
    let (view, messages) = workshop.page(step, from, MOST).await?;
    let count = view.state.step(step)?.messages;
    // The step was reset meanwhile, or the address is of another time.
    if messages.is_empty() && count > 0 {
        return workshop.page(step, count.saturating_sub(PIECE), MOST).await;
    }
    Ok((view, messages))
}

/// The messages before a place.
pub(super) async fn before(
    workshop: &Workshop,
    step: &StageId,
    before: u64,
) -> Result<(View<WorkshopKind>, Vec<StoredMessage>), Error> {
    let from = before.saturating_sub(PIECE);
    let most = usize::try_from(before - from).unwrap_or(MOST);
    workshop.page(step, from, most).await
}

impl Conversation {
    pub(super) fn new(
        id: &EntityId,
        step: &StageId,
        view: &View<WorkshopKind>,
        template: &Template,
        messages: &[StoredMessage],
    ) -> Self {
        let count = view.state.step(step).map_or(0, |step| step.messages);
        let first = messages.first().map(|message| message.ordinal);
        let next = messages.last().map(|message| message.ordinal.saturating_add(1));
        Self {
            address: super::address(id, step),
            step: step.to_string(),
            before: first.filter(|first| *first > 0),
            after: next.filter(|next| *next < count),
            messages: messages.iter().map(|message| Said::new(message, step, template)).collect(),
        }
    }
}

/// What the facilitator is asked for and has not done yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// For what somebody waits who looks at the conversation, in words.
    pub(super) talk: Option<String>,
    pub(super) for_artifact: bool,
    pub(super) for_summary: bool,
    /// Why it could not do what it was last asked for.
    pub(super) problem: Option<String>,
}

impl Waiting {
    pub(super) fn new(
        step: &StageId,
        view: &View<WorkshopKind>,
        messages: &[StoredMessage],
    ) -> Result<Self, Rejection> {
        let state = view.state.step(step)?;
        let awaits = &state.awaits;
        let asked = |id: &str| messages.iter().rev().find(|stored| stored.message.id == id);
        let talk = awaits.reply.as_ref().map(|reply| {
            let by = asked(&reply.message).and_then(|stored| stored.message.by.as_deref()).unwrap_or("Somebody");
            format!("{by} is waiting for the facilitator")
        });
        Ok(Self {
            talk: talk.or_else(|| awaits.greeting.then(|| "The facilitator is about to begin".to_owned())),
            for_artifact: awaits.extraction,
            for_summary: awaits.summary,
            problem: state.problem.clone(),
        })
    }
}

impl Said {
    fn new(stored: &StoredMessage, step: &StageId, template: &Template) -> Self {
        let Message { id, role, content, finished, sub_step, by, .. } = &stored.message;
        let sub_steps = template.step(step).map(|step| step.sub_steps.as_slice()).unwrap_or_default();
        let named = sub_step.as_ref().and_then(|name| sub_steps.iter().find(|sub| sub.id == *name));
        let who = match role {
            Role::User => by.clone().unwrap_or_else(|| "Somebody".into()),
            Role::Assistant => "Facilitator".into(),
            Role::System => "Note".into(),
            Role::Tool => "Tool".into(),
        };
        Self {
            ordinal: stored.ordinal,
            id: id.clone(),
            role: role.name(),
            who,
            sub_step: named.map(|sub| sub.title.clone()),
            at: When(stored.at),
            // What is still being said is half a text: its markup may be open.
            text: if *finished && *role != Role::Tool { markdown(content) } else { plain(content) },
            is_finished: *finished,
        }
    }
}
