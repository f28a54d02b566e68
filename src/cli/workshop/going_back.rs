//! Verbs that go back or overrule: the plan is shown and confirmed, and what is then done is that very plan.

use serde_json::json;

use super::progress::progressed;
use super::{Call, names, stages};
use crate::api::workshop::{Command, Message, Role};
use crate::api::{Error, Plan, PlanToken, Progress, Receipt, StageId, WentBack, Workshop};
use crate::cli::args::{
    ApplyArgs, OrphanArgs, PreviewArgs, PurgeArgs, ReviseArgs, StepArgs, UndoArgs, VerbName, WentBackArgs,
};
use crate::cli::output::{Output, block};
use crate::cli::plan;
use crate::cli::stop::{Outcome, Stop};

/// A verb that has a plan.
enum Verb {
    Reset(StageId),
    Revise(StageId, Option<Message>),
    Accept(StageId),
    Undo(Option<u64>),
    Purge,
}

/// What came of it.
enum Done {
    WentBack(Receipt<WentBack>, StageId),
    Accepted(Receipt<Progress>, StageId),
    Other(Receipt<()>, &'static str),
}

impl Verb {
    async fn preview(&self, workshop: &Workshop) -> Result<Plan, Error> {
        match self {
            Self::Reset(step) => workshop.preview_reset(step).await,
            Self::Revise(step, message) => {
                let (stage, message) = (step.clone(), message.clone());
                workshop.handle().preview(Command::Revise { stage, message }).await
            }
            Self::Accept(step) => workshop.preview_accept(step).await,
            Self::Undo(point) => workshop.handle().preview_undo(*point).await,
            Self::Purge => workshop.handle().preview_purge().await,
        }
    }

    async fn apply(self, workshop: &Workshop) -> Result<Done, Error> {
        Ok(match self {
            Self::Reset(step) => Done::WentBack(workshop.reset(&step).await?, step),
            Self::Revise(step, message) => Done::WentBack(workshop.revise(&step, message).await?, step),
            Self::Accept(step) => Done::Accepted(workshop.accept(&step).await?, step),
            Self::Undo(point) => Done::Other(workshop.handle().undo(point).await?, "undone"),
            Self::Purge => Done::Other(workshop.handle().purge().await?, "deleted for good"),
        })
    }
}

pub(super) async fn reset(call: &mut Call<'_>, args: WentBackArgs) -> Outcome {
    let (workshop, step, _) = call.step(&args.step, args.apply.key.as_ref()).await?;
    go_back(call, &workshop, Verb::Reset(step), &args.apply).await
}

pub(super) async fn revise(call: &mut Call<'_>, args: ReviseArgs) -> Outcome {
    let (workshop, step, view) = call.step(&args.step, args.apply.key.as_ref()).await?;
    let id = args.apply.key.clone().unwrap_or_else(|| format!("said-{}", view.revision + 1));
    let message = args
        .message
        .map(|text| Message { by: Some(call.by.to_owned()), ..super::talk::message(&id, Role::User, text) });
    go_back(call, &workshop, Verb::Revise(step, message), &args.apply).await
}

pub(super) async fn accept(call: &mut Call<'_>, args: WentBackArgs) -> Outcome {
    if call.global.reason.is_none() && !call.global.dry_run {
        let what = "a stale step is not called fresh without a reason";
        return Err(Stop::problem("usage", what, "say why: --reason TEXT"));
    }
    let (workshop, step, _) = call.step(&args.step, args.apply.key.as_ref()).await?;
    go_back(call, &workshop, Verb::Accept(step), &args.apply).await
}

pub(super) async fn undo(call: &mut Call<'_>, args: UndoArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.apply.key.as_ref()).await?;
    go_back(call, &workshop, Verb::Undo(args.point), &args.apply).await
}

pub(super) async fn purge(call: &mut Call<'_>, args: PurgeArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.apply.key.as_ref()).await?;
    go_back(call, &workshop, Verb::Purge, &args.apply).await?;
    if !call.global.dry_run {
        call.restage.sweep().await?;
    }
    Ok(())
}

pub(super) async fn preview(call: &mut Call<'_>, args: PreviewArgs) -> Outcome {
    let (workshop, verb) = match (args.verb, args.step) {
        (VerbName::Undo, _) => (call.workshop(&args.workshop, None).await?.0, Verb::Undo(args.point)),
        (VerbName::Purge, _) => (call.workshop(&args.workshop, None).await?.0, Verb::Purge),
        (name, step) => {
            let of = StepArgs { workshop: args.workshop, step: step.unwrap_or_default() };
            let (workshop, step, _) = call.step(&of, None).await?;
            (
                workshop,
                match name {
                    VerbName::Revise => Verb::Revise(step, None),
                    VerbName::Accept => Verb::Accept(step),
                    _ => Verb::Reset(step),
                },
            )
        }
    };
    let plan = verb.preview(&workshop).await?;
    Ok(call.output.data(&plan::json(&plan), |width| plan::text(&plan, width))?)
}

/// Shows the plan, has it confirmed, and does that plan and no other.
async fn go_back(call: &mut Call<'_>, workshop: &Workshop, verb: Verb, apply: &ApplyArgs) -> Outcome {
    let workshop = match &apply.plan {
        Some(token) if !call.global.dry_run => workshop.plan(PlanToken(token.clone())),
        _ => match (verb.preview(workshop).await, &apply.key) {
            (Ok(plan), _) if call.global.dry_run => {
                return Ok(call.output.data(&plan::json(&plan), |width| plan::text(&plan, width))?);
            }
            (Ok(plan), _) => {
                confirm(call, plan::text(&plan, None)).await?;
                workshop.plan(plan.token)
            }
            // Asked again under its key, there may be nothing left to plan: then the first answer comes back.
            (Err(_), Some(_)) if call.global.yes => workshop.clone(),
            (Err(error), _) => return Err(refused(&verb, error)),
        },
    };
    match verb.apply(&workshop).await {
        Ok(done) => tell(call, workshop.id().as_str(), done),
        Err(error) => {
            let stop = Stop::from(error);
            if let Some(plan) = stop.plan().filter(|_| !call.output.is_json()) {
                let text = plan::text(plan, None);
                call.output.say(&text);
            }
            Err(stop)
        }
    }
}

fn refused(verb: &Verb, error: Error) -> Stop {
    let mut stop = Stop::from(error);
    if let (Verb::Undo(None), Stop::Problem(problem)) = (verb, &mut stop)
        && problem.code == "not_found"
    {
        problem.what = "there is nothing to undo".into();
    }
    stop
}

fn tell(call: &mut Call<'_>, id: &str, done: Done) -> Outcome {
    match done {
        Done::Accepted(receipt, step) => progressed(call, &receipt, &step, "fresh"),
        Done::Other(receipt, word) => {
            let back = undo_hint(id, receipt.undo_point);
            call.answer(&receipt, json!({ "done": word }), || format!("{word}{back}"))
        }
        Done::WentBack(receipt, step) => {
            let WentBack { generation, stale, .. } = &receipt.reply;
            let back = undo_hint(id, receipt.undo_point);
            let answer = json!({ "step": step, "generation": generation, "stale": stages(stale) });
            call.answer(&receipt, answer, || {
                let stale = if stale.is_empty() { String::new() } else { format!("; stale: {}", names(stale)) };
                format!("{step} is at generation {generation}{stale}{back}")
            })
        }
    }
}

fn undo_hint(id: &str, point: Option<u64>) -> String {
    point.map(|point| format!("\ntake it back: restage workshop undo {id} {point}")).unwrap_or_default()
}

/// Has what is about to happen confirmed, by `--yes` or by whoever sits at the terminal.
async fn confirm(call: &mut Call<'_>, text: String) -> Outcome {
    if call.global.yes {
        return Ok(());
    }
    call.output.say(&text);
    match call.output.ask("Do it?").await? {
        Some(true) => Ok(()),
        Some(false) => Err(Stop::problem("declined", "nothing was done", "")),
        None => {
            let hint = "look at the plan with --dry-run, then give --plan TOKEN, or --yes";
            Err(Stop::problem("usage", "it was not confirmed, and nobody is there to be asked", hint))
        }
    }
}

pub(super) async fn adopt(call: &mut Call<'_>, args: OrphanArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.key.as_ref()).await?;
    let receipt = workshop.handle().adopt(args.number).await?;
    let answer = json!({ "orphan": args.number, "reply": receipt.reply });
    let generation = receipt.generation.map(|g| format!(" into generation {g}")).unwrap_or_default();
    call.answer(&receipt, answer, || format!("orphan {} is taken{generation}", args.number))
}

pub(super) async fn discard(call: &mut Call<'_>, args: OrphanArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.key.as_ref()).await?;
    if call.global.dry_run || !call.global.yes {
        let command = workshop.handle().orphan(args.number).await?;
        if call.global.dry_run {
            return show_orphan(call.output, args.number, &command);
        }
        confirm(call, format!("orphan {} would be deleted, and can't be brought back", args.number)).await?;
    }
    let receipt = workshop.handle().discard(args.number).await?;
    call.answer(&receipt, json!({ "orphan": args.number }), || format!("orphan {} is deleted", args.number))
}

/// What an orphan holds: the command that came too late.
pub(super) fn show_orphan(output: &mut Output, number: u64, command: &Command) -> Outcome {
    let answer = json!({ "orphan": number, "command": command });
    let text = |_| match command {
        Command::Save { stage, messages, .. } => {
            let said = messages.iter().map(|message| {
                let cut = if message.finished { "" } else { " (cut off)" };
                format!("[{} {}]{cut} {}\n", message.role.name(), message.id, message.content)
            });
            block(&format!("for {stage}:\n{}", said.collect::<String>()))
        }
        Command::Edit { stage, message, .. } => {
            block(&format!("for {stage}, instead of {}:\n{}", message.id, message.content))
        }
        Command::Artifact { stage, json, .. } => block(&format!("an artifact for {stage}:\n{json}")),
        other => block(&serde_json::to_string_pretty(other).unwrap_or_default()),
    };
    Ok(output.data(&answer, text)?)
}
