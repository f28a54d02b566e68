//! Verbs that go back or overrule, and late work.

use serde_json::json;

use super::Call;
use super::progress::progressed;
use crate::api::workshop::{Command, Message, Role, WorkshopKind};
use crate::api::{PlanToken, Progress, Receipt, StageId, WentBack, Workshop};
use crate::cli::args::ApplyArgs;
use crate::cli::args::workshop::{
    OrphanArgs, OrphansArgs, PreviewArgs, PurgeArgs, ReviseArgs, StepArgs, UndoArgs, VerbName, WentBackArgs,
};
use crate::cli::call::names;
use crate::cli::going_back::{Verb, go_back, nothing_to_undo, preview as show_plan};
use crate::cli::orphans;
use crate::cli::output::block;
use crate::cli::plan::{Shown, Unit};
use crate::cli::stop::{Outcome, Stop};

/// A verb, and the workshop it is about.
struct Asked {
    workshop: Workshop,
    what: What,
}

/// What is asked.
enum What {
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

impl Verb for Asked {
    const UNIT: Unit = Unit::Step;
    type Done = Done;

    async fn preview(&self) -> Outcome<Shown> {
        let workshop = &self.workshop;
        let plan = match &self.what {
            What::Reset(step) => workshop.preview_reset(step).await?,
            What::Revise(step, message) => {
                let (stage, message) = (step.clone(), message.clone());
                workshop.handle().preview(Command::Revise { stage, message }).await?
            }
            What::Accept(step) => workshop.preview_accept(step).await?,
            What::Undo(None) => {
                workshop.handle().preview_undo(None).await.map_err(|error| nothing_to_undo(error.into()))?
            }
            What::Undo(point) => workshop.handle().preview_undo(*point).await?,
            What::Purge => workshop.handle().preview_purge().await?,
        };
        Ok(Shown::new(plan, Self::UNIT))
    }

    async fn apply(self, plan: Option<PlanToken>) -> Outcome<Done> {
        let workshop = plan.into_iter().fold(self.workshop, |workshop, plan| workshop.plan(plan));
        Ok(match self.what {
            What::Reset(step) => Done::WentBack(workshop.reset(&step).await?, step),
            What::Revise(step, message) => Done::WentBack(workshop.revise(&step, message).await?, step),
            What::Accept(step) => Done::Accepted(workshop.accept(&step).await?, step),
            What::Undo(point) => Done::Other(workshop.handle().undo(point).await?, "undone"),
            What::Purge => Done::Other(workshop.handle().purge().await?, "deleted for good"),
        })
    }
}

pub(super) async fn reset(call: &mut Call<'_>, args: WentBackArgs) -> Outcome {
    let (workshop, step, _) = call.step(&args.step, args.apply.key.as_ref()).await?;
    done(call, Asked { workshop, what: What::Reset(step) }, &args.apply).await
}

pub(super) async fn revise(call: &mut Call<'_>, args: ReviseArgs) -> Outcome {
    let (workshop, step, view) = call.step(&args.step, args.apply.key.as_ref()).await?;
    let id = args.apply.key.clone().unwrap_or_else(|| format!("said-{}", view.revision + 1));
    let message = args
        .message
        .map(|text| Message { by: Some(call.by().to_owned()), ..super::talk::message(&id, Role::User, text) });
    done(call, Asked { workshop, what: What::Revise(step, message) }, &args.apply).await
}

pub(super) async fn accept(call: &mut Call<'_>, args: WentBackArgs) -> Outcome {
    if call.global.reason.is_none() && !call.global.dry_run {
        let what = "a stale step is not called fresh without a reason";
        return Err(Stop::problem("usage", what, "say why: --reason TEXT"));
    }
    let (workshop, step, _) = call.step(&args.step, args.apply.key.as_ref()).await?;
    done(call, Asked { workshop, what: What::Accept(step) }, &args.apply).await
}

pub(super) async fn undo(call: &mut Call<'_>, args: UndoArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.apply.key.as_ref()).await?;
    done(call, Asked { workshop, what: What::Undo(args.point) }, &args.apply).await
}

pub(super) async fn purge(call: &mut Call<'_>, args: PurgeArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.apply.key.as_ref()).await?;
    done(call, Asked { workshop, what: What::Purge }, &args.apply).await?;
    if !call.global.dry_run {
        call.restage.sweep().await?;
    }
    Ok(())
}

pub(super) async fn preview(call: &mut Call<'_>, args: PreviewArgs) -> Outcome {
    let (workshop, what) = match (args.verb, args.step) {
        (VerbName::Undo, _) => (call.workshop(&args.workshop, None).await?.0, What::Undo(args.point)),
        (VerbName::Purge, _) => (call.workshop(&args.workshop, None).await?.0, What::Purge),
        (name, step) => {
            let of = StepArgs { workshop: args.workshop, step: step.unwrap_or_default() };
            let (workshop, step, _) = call.step(&of, None).await?;
            (
                workshop,
                match name {
                    VerbName::Revise => What::Revise(step, None),
                    VerbName::Accept => What::Accept(step),
                    _ => What::Reset(step),
                },
            )
        }
    };
    show_plan(call, &Asked { workshop, what }).await
}

/// Does it as planned, and says what came of it.
async fn done(call: &mut Call<'_>, asked: Asked, apply: &ApplyArgs) -> Outcome {
    let id = asked.workshop.id().clone();
    match go_back(call, asked, apply).await? {
        None => Ok(()),
        Some(Done::Accepted(receipt, step)) => progressed(call, &receipt, &step, "fresh"),
        Some(Done::Other(receipt, word)) => {
            let back = undo_hint(id.as_str(), receipt.undo_point);
            call.answer(&receipt, json!({ "done": word }), || format!("{word}{back}"))
        }
        Some(Done::WentBack(receipt, step)) => {
            let WentBack { generation, stale, .. } = &receipt.reply;
            let back = undo_hint(id.as_str(), receipt.undo_point);
            let answer = json!({ "step": step, "generation": generation, "stale": stale });
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

pub(super) async fn orphans(call: &mut Call<'_>, args: OrphansArgs) -> Outcome {
    let (workshop, view) = call.workshop(&args.workshop, None).await?;
    match args.number {
        Some(number) => orphans::show::<_, WorkshopKind>(call, workshop.handle(), number, late_work).await,
        None => orphans::list(call, &view.orphans, Unit::Step),
    }
}

pub(super) async fn adopt(call: &mut Call<'_>, args: OrphanArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.key.as_ref()).await?;
    orphans::adopt(call, workshop.handle(), args.number).await
}

pub(super) async fn discard(call: &mut Call<'_>, args: OrphanArgs) -> Outcome {
    let (workshop, _) = call.workshop(&args.workshop, args.key.as_ref()).await?;
    orphans::discard::<_, WorkshopKind>(call, workshop.handle(), args.number, late_work).await
}

/// What came too late, as text.
fn late_work(command: &Command) -> String {
    match command {
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
    }
}
