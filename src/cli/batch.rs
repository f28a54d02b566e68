//! `restage batch`: the same verb on many, as a job that is stored and goes on after a crash.

use serde_json::{Value, json};

use super::args::Global;
use super::args::workflow::{BatchResetArgs, BatchVerb};
use super::call;
use super::going_back::{Verb, go_back};
use super::output::{Cell, Output, Table, Tone, line};
use super::plan::{Shown, Unit};
use super::site::Site;
use super::stop::{Outcome, Stop};
use super::time;
use crate::api::batch::{Batch as State, BatchKind, Status, StepResult, Work};
use crate::api::{Batch, Batches, EntityId, PlanToken, Receipt, StageId, View};

/// Batches, or outcomes, read at a time.
const PER_PAGE: usize = 500;

/// One call of the program about batches.
type Call<'a> = call::Call<'a, Batches>;

/// Does a verb. What is begun is waited for; interrupted, it goes on where somebody serves batches.
pub(super) async fn run(verb: BatchVerb, global: &Global, site: &Site, output: &mut Output) -> Outcome {
    let restage = site.open(false).await?;
    let batches = restage.batches()?;
    let mut call = Call { all: batches, restage: restage.clone(), global, site, output };
    let done = tokio::select! {
        done = Box::pin(dispatch(verb, &mut call)) => done,
        exit = site.asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    drop(call);
    let closed = site.close(restage).await;
    done?;
    closed
}

async fn dispatch(verb: BatchVerb, call: &mut Call<'_>) -> Outcome {
    match verb {
        BatchVerb::Reset(args) => reset(call, args).await,
        BatchVerb::List => list(call).await,
        BatchVerb::Show { batch, failed } => {
            let batch = named(call, &batch, None)?;
            let view = batch.view().await?;
            show(call, &batch, &view, failed, None).await
        }
        BatchVerb::Cancel { batch } => {
            let batch = named(call, &batch, None)?;
            let receipt = batch.cancel().await?;
            let view = batch.view().await?;
            show(call, &batch, &view, false, Some(receipt.revision)).await
        }
        BatchVerb::Undo { batch, other } => {
            let batch = named(call, &batch, None)?;
            batch.undo(&EntityId::new(other)?).await?;
            until_over(call, &batch).await
        }
    }
}

fn named(call: &Call<'_>, id: &str, key: Option<&String>) -> Outcome<Batch> {
    let mut batch = call.all.get(&EntityId::new(id)?).by(call.by());
    if let Some(from) = call.site.from() {
        batch = batch.from(from);
    }
    if let Some(reason) = &call.global.reason {
        batch = batch.reason(reason);
    }
    Ok(key.into_iter().fold(batch, |batch, key| batch.key(key)))
}

/// A batch that is to begin.
struct Asked {
    batches: Batches,
    batch: Batch,
    work: Work,
    targets: Vec<EntityId>,
}

impl Verb for Asked {
    const UNIT: Unit = Unit::Stage;
    type Done = Receipt<()>;

    async fn preview(&self) -> Outcome<Shown> {
        Ok(Shown::new(self.batches.preview(&self.work, &self.targets).await?, Self::UNIT))
    }

    async fn apply(self, plan: Option<PlanToken>) -> Outcome<Receipt<()>> {
        let batch = plan.into_iter().fold(self.batch, |batch, plan| batch.plan(plan));
        Ok(batch.start(self.work, self.targets).await?)
    }
}

async fn reset(call: &mut Call<'_>, args: BatchResetArgs) -> Outcome {
    let batch = named(call, &args.batch, args.apply.key.as_ref())?;
    let work = match &args.step {
        Some(step) => Work::ResetSteps { step: StageId::new(step)? },
        None => Work::ResetWorkflows {
            to: args.to,
            clear_tasks: !args.keep.keep_tasks,
            clear_results: !args.keep.keep_results,
        },
    };
    let targets = args.targets.iter().map(EntityId::new).collect::<Result<Vec<_>, _>>()?;
    let asked = Asked { batches: call.all.clone(), batch: batch.clone(), work, targets };
    match go_back(call, asked, &args.apply).await? {
        Some(_) => until_over(call, &batch).await,
        None => Ok(()),
    }
}

/// Has the batch go on, and says what came of it when it is over.
async fn until_over(call: &mut Call<'_>, batch: &Batch) -> Outcome {
    call.all.serve();
    let mut feed = call.restage.feed(call.restage.durable());
    let bar = call.output.progress("going through them");
    let view = loop {
        let view = batch.view().await?;
        bar.at(view.state.done + view.state.failed, view.state.total);
        if view.state.status != Status::Running {
            break view;
        }
        while feed.next().await?.id != *batch.id() {}
    };
    bar.end();
    show(call, batch, &view, true, Some(view.revision)).await?;
    match view.state.failed {
        0 => Ok(()),
        failed => {
            let hint = format!("see why: restage batch show {} --failed", batch.id());
            Err(Stop::problem("batch_failed", format!("{failed} of {} refused it", view.state.total), hint))
        }
    }
}

async fn list(call: &mut Call<'_>) -> Outcome {
    let mut table = Table::new(["BATCH", "WHAT", "STATUS", "DONE", "FAILED", "OF", "BY", "WHY"]);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = call.all.list(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().cloned() else { break };
        for id in page {
            let state = call.all.peek(&id).await?.state;
            let (word, tone) = status(state.status);
            table.row([
                id.as_str().into(),
                work(&state).into(),
                Cell::new(word, tone),
                state.done.to_string().into(),
                state.failed.to_string().into(),
                state.total.to_string().into(),
                state.by.as_str().into(),
                state.reason.clone().unwrap_or_default().into(),
            ]);
            all.push(json(&id, &state));
        }
        after = Some(last);
    }
    if all.is_empty() {
        call.output.note("there are no batches");
    }
    Ok(call.output.data(&json!({ "batches": all }), |width| table.text(width))?)
}

async fn show(
    call: &mut Call<'_>,
    batch: &Batch,
    view: &View<BatchKind>,
    failed_only: bool,
    revision: Option<u64>,
) -> Outcome {
    let mut table = Table::new(["TARGET", "WHAT", "WHEN", "UNDO POINT", "WHY"]);
    let mut outcomes = Vec::new();
    let mut after = None;
    loop {
        let page = batch.outcomes(after, PER_PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (_, outcome) in &page {
            let at = time::rfc3339(outcome.at.as_millis());
            let (word, tone, point, why) = match &outcome.result {
                StepResult::Done { .. } if failed_only => continue,
                StepResult::Done { undo_point, .. } => ("done", Tone::Good, undo_point.as_ref(), None),
                StepResult::Failed { code, problem } => ("refused", Tone::Bad, None, Some((code, problem))),
            };
            table.row([
                outcome.target.as_str().into(),
                Cell::new(word, tone),
                Cell::new(at.as_str(), Tone::Faint),
                point.map(|point| point.to_string()).unwrap_or_default().into(),
                why.map(|(_, problem)| problem.clone()).unwrap_or_default().into(),
            ]);
            outcomes.push(json!({
                "target": outcome.target,
                "what": word,
                "at": at,
                "undo_point": point,
                "code": why.map(|(code, _)| code),
                "problem": why.map(|(_, problem)| problem),
            }));
        }
    }
    let mut answer = json(batch.id(), &view.state);
    answer["targets"] = json!(outcomes);
    if let Some(revision) = revision {
        answer["revision"] = revision.into();
    }
    let (word, _) = status(view.state.status);
    let text = |width| {
        let State { total, done, failed, .. } = view.state;
        let heading =
            format!("{}: {}, {word}; {done} of {total} done, {failed} refused\n", batch.id(), work(&view.state));
        if outcomes.is_empty() { heading } else { heading + &table.text(width) }
    };
    Ok(call.output.data(&answer, text)?)
}

fn json(id: &EntityId, state: &State) -> Value {
    json!({
        "batch": id,
        "what": work(state),
        "status": status(state.status).0,
        "total": state.total,
        "done": state.done,
        "failed": state.failed,
        "by": state.by,
        "reason": state.reason,
        "ended_at": state.ended_at.map(|at| time::rfc3339(at.as_millis())),
    })
}

fn status(status: Status) -> (&'static str, Tone) {
    match status {
        Status::Running => ("running", Tone::Busy),
        Status::Completed => ("completed", Tone::Good),
        Status::Cancelled => ("cancelled", Tone::Attention),
    }
}

/// What a batch does, in words.
fn work(state: &State) -> String {
    match &state.work {
        None => String::new(),
        Some(Work::ResetWorkflows { to: Some(gate), .. }) => format!("reset workflows to gate {gate}"),
        Some(Work::ResetWorkflows { to: None, .. }) => "reset workflows".into(),
        Some(Work::ResetSteps { step }) => format!("reset {}", line(step.as_str())),
        Some(Work::Undo { batch, .. }) => format!("undo batch {batch}"),
    }
}
