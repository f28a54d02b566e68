//! Verbs that go back: shown, confirmed, done as shown.

use serde_json::json;

use super::act::say;
use super::{Call, about, place};
use crate::api::workflow::ResetSummary;
use crate::api::workflows::{Reset, Workflow};
use crate::api::{PlanToken, Receipt};
use crate::cli::args::ApplyArgs;
use crate::cli::args::workflow::{KeepArgs, PreviewArgs, PurgeArgs, ResetArgs, UndoArgs, VerbName};
use crate::cli::call::{count, names};
use crate::cli::going_back::{Verb, go_back, nothing_to_undo, preview as show_plan};
use crate::cli::plan::{Shown, Unit};
use crate::cli::stop::{Outcome, Stop};

/// A verb, and the workflow it is about.
struct Asked {
    workflow: Workflow,
    what: What,
}

/// What is asked.
#[derive(Clone, Copy)]
enum What {
    Reset(Reset),
    Undo(Option<u64>),
    Purge,
}

/// What came of it.
enum Done {
    Reset(Receipt<ResetSummary>),
    Other(Receipt<()>, &'static str),
}

impl Verb for Asked {
    const UNIT: Unit = Unit::Gate;
    type Done = Done;

    async fn preview(&self) -> Outcome<Shown> {
        let workflow = &self.workflow;
        let plan = match self.what {
            What::Reset(reset) => workflow.preview_reset(reset).await,
            What::Undo(point) => workflow.handle().preview_undo(point).await,
            What::Purge => workflow.handle().preview_purge().await,
        };
        Ok(Shown::new(plan.map_err(|error| self.refused(about(workflow, error)))?, Self::UNIT))
    }

    async fn apply(self, plan: Option<PlanToken>) -> Outcome<Done> {
        let workflow = plan.into_iter().fold(self.workflow.clone(), |workflow, plan| workflow.plan(plan));
        let done = match self.what {
            What::Reset(reset) => workflow.reset(reset).await.map(Done::Reset),
            What::Undo(point) => workflow.handle().undo(point).await.map(|receipt| Done::Other(receipt, "undone")),
            What::Purge => workflow.handle().purge().await.map(|receipt| Done::Other(receipt, "deleted for good")),
        };
        done.map_err(|error| self.refused(about(&workflow, error)))
    }
}

impl Asked {
    fn refused(&self, stop: Stop) -> Stop {
        if matches!(self.what, What::Undo(None)) { nothing_to_undo(stop) } else { stop }
    }
}

fn what_to_reset(to: Option<u16>, keep: KeepArgs) -> What {
    What::Reset(Reset { to, clear_tasks: !keep.keep_tasks, clear_results: !keep.keep_results })
}

pub(super) async fn reset(call: &mut Call<'_>, args: ResetArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.workflow, args.apply.key.as_ref()).await?;
    let to = args.gate.map(|gate| place(&workflow, &view.state, &gate)).transpose()?;
    done(call, Asked { workflow, what: what_to_reset(to, args.keep) }, &args.apply).await
}

pub(super) async fn undo(call: &mut Call<'_>, args: UndoArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.workflow, args.apply.key.as_ref()).await?;
    done(call, Asked { workflow, what: What::Undo(args.point) }, &args.apply).await
}

pub(super) async fn purge(call: &mut Call<'_>, args: PurgeArgs) -> Outcome {
    let (workflow, _) = call.workflow(&args.workflow, args.apply.key.as_ref()).await?;
    done(call, Asked { workflow, what: What::Purge }, &args.apply).await?;
    if !call.global.dry_run {
        call.restage.sweep().await?;
    }
    Ok(())
}

pub(super) async fn preview(call: &mut Call<'_>, args: PreviewArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.workflow, None).await?;
    let what = match args.verb {
        VerbName::Reset => {
            let to = args.at.map(|gate| place(&workflow, &view.state, &gate)).transpose()?;
            what_to_reset(to, args.keep)
        }
        VerbName::Undo => {
            let number = args.at.map(|text| text.parse::<u64>()).transpose();
            let usage =
                |_| Stop::problem("usage", "an undo point is a number", "see them: restage workflow history ID");
            What::Undo(number.map_err(usage)?)
        }
        VerbName::Purge => What::Purge,
    };
    show_plan(call, &Asked { workflow, what }).await
}

/// Does it as planned, and says what came of it.
async fn done(call: &mut Call<'_>, asked: Asked, apply: &ApplyArgs) -> Outcome {
    let workflow = asked.workflow.clone();
    let id = workflow.id().clone();
    let back = |point: Option<u64>| {
        point.map(|point| format!("\ntake it back: restage workflow undo {id} {point}")).unwrap_or_default()
    };
    match go_back(call, asked, apply).await? {
        None => Ok(()),
        Some(Done::Other(receipt, word)) => {
            let text = format!("{word}{}", back(receipt.undo_point));
            say(call, &workflow, &receipt, json!({ "done": word }), &text).await
        }
        Some(Done::Reset(receipt)) => {
            let ResetSummary { tasks, results, leases, queues, .. } = receipt.reply.clone();
            let answer =
                json!({ "cleared": { "tasks": tasks, "results": results, "leases": leases, "queues": queues } });
            let of = if queues.is_empty() { String::new() } else { format!(" of {}", names(&queues)) };
            let text = format!(
                "cleared: {}{of}, {}; void: {}{}",
                count(tasks, "task"),
                count(results, "result"),
                count(leases, "lease"),
                back(receipt.undo_point)
            );
            say(call, &workflow, &receipt, answer, &text).await
        }
    }
}
