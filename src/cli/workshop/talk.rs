//! Verbs that write conversations: one message, durably; many, as drafts.

use serde_json::json;

use super::transfer::{Arrives, incoming};
use super::{Call, under};
use crate::api::workshop::{Message, Outcome as Saved, Role};
use crate::cli::args::workshop::{AskArgs, ExtractArgs, IdArgs, SaveArgs, SayArgs, Speaker};
use crate::cli::call::count;
use crate::cli::stop::Outcome;

pub(super) async fn say(call: &mut Call<'_>, args: SayArgs) -> Outcome {
    let (workshop, step, view) = call.fenced(&args.step, &args.fence).await?;
    let workshop = args.session.iter().fold(workshop, |workshop, session| workshop.session(session));
    let content = if args.text == "-" { call.site.read_text("-".as_ref(), "what is said").await? } else { args.text };
    // The same command under the same key must be the same: then the key names the message too.
    let id = args.id.or(args.fence.key).unwrap_or_else(|| format!("said-{}", view.revision + 1));
    let message = Message {
        by: Some(call.by().to_owned()).filter(|_| args.role == Speaker::User),
        ..message(&id, role(args.role), content)
    };
    let receipt =
        if args.replace { workshop.edit(&step, message).await? } else { workshop.save(&step, vec![message]).await? };
    let outcome = receipt.reply.first().map_or(Saved::Skipped, |(_, outcome)| *outcome);
    let answer = json!({ "id": id, "outcome": outcome });
    call.answer(&receipt, answer, || format!("message {id} in {step}: {}", word(outcome)))
}

pub(super) async fn ask(call: &mut Call<'_>, args: AskArgs) -> Outcome {
    let (workshop, step, view) = call.fenced(&args.step, &args.fence).await?;
    let workshop = args.session.iter().fold(workshop, |workshop, session| workshop.session(session));
    let content = if args.text == "-" { call.site.read_text("-".as_ref(), "what is said").await? } else { args.text };
    let id = args.id.or(args.fence.key).unwrap_or_else(|| format!("said-{}", view.revision + 1));
    let receipt = workshop.ask(&step, message(&id, Role::User, content)).await?;
    let outcome = receipt.reply.first().map_or(Saved::Skipped, |(_, outcome)| *outcome);
    let answer = json!({ "id": id, "outcome": outcome });
    call.answer(&receipt, answer, || format!("message {id} in {step}: {}; the facilitator is asked", word(outcome)))
}

pub(super) async fn extract(call: &mut Call<'_>, args: ExtractArgs) -> Outcome {
    let (workshop, step, _) = call.fenced(&args.step, &args.fence).await?;
    let receipt = workshop.extract(&step).await?;
    call.answer(&receipt, json!({ "step": step }), || format!("artifact of {step}: the facilitator is asked"))
}

/// A finished message.
pub(super) fn message(id: &str, role: Role, content: String) -> Message {
    Message { id: id.into(), role, content, finished: true, sub_step: None, by: None, source: None }
}

fn role(speaker: Speaker) -> Role {
    match speaker {
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
        Speaker::System => Role::System,
        Speaker::Tool => Role::Tool,
    }
}

/// What became of a message, in words.
pub(super) fn word(outcome: Saved) -> &'static str {
    match outcome {
        Saved::Stored => "stored",
        Saved::Replaced => "replaced",
        Saved::Unchanged => "there already",
        Saved::Kept => "kept as it was, which is better",
        Saved::Skipped => "skipped, since it is empty",
    }
}

pub(super) async fn save(call: &mut Call<'_>, args: SaveArgs) -> Outcome {
    let (workshop, step, _) = call.step(&args.step, None).await?;
    let workshop = under(workshop, args.generation);
    let workshop = args.session.iter().fold(workshop, |workshop, session| workshop.session(session));
    let mut messages = incoming(call.site, &args.file, Arrives::AsDrafts).await?;
    let (mut saved, mut pending) = (0, 0);
    while let Some(message) = messages.recv().await {
        let receipt = workshop.auto_save(&step, vec![message?]).await?;
        saved += 1;
        pending = receipt.pending;
        for (id, outcome) in &receipt.reply {
            let answer = json!({ "id": id, "outcome": outcome, "pending": pending });
            call.output.data(&answer, |_| String::new())?;
        }
    }
    if !call.output.is_json() {
        let text = format!("{} for {step}, {pending} of them pending; on disk now", count(saved, "message"));
        workshop.flush().await?;
        call.output.data(&(), |_| text)?;
    }
    Ok(())
}

pub(super) async fn flush(call: &mut Call<'_>, args: IdArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.key.as_ref()).await?;
    let receipt = workshop.flush().await?;
    call.answer(&receipt, json!({ "pending": receipt.pending }), || "all is on disk".into())
}
