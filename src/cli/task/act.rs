//! Verbs that go forward: making and starting a task, approving and rejecting, resting, merging, tidying up.

use serde_json::{Value, json};

use super::finish::{finished, logged};
use super::follow::follow_on;
use super::words::{standing_and_next, standing_json};
use super::{Call, about};
use crate::api::task::{ObjectId, TaskKind};
use crate::api::{EntityId, Error, NewTask, Receipt, Rejection, Task, View};
use crate::cli::args::task::{ApproveArgs, IdArgs, NewArgs, PauseArgs, RejectArgs, SeveralArgs};
use crate::cli::call::names;
use crate::cli::output::line;
use crate::cli::stop::{Outcome, Stop};
use crate::cli::tier;

/// Tasks read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn new(call: &mut Call<'_>, args: NewArgs) -> Outcome {
    let task = call.named(&args.task, args.key.as_ref())?;
    let brief = match &args.brief_file {
        Some(file) => call.site.read_text(file, "the brief").await?,
        None => args.brief.unwrap_or_default(),
    };
    let ids: Result<Vec<EntityId>, Rejection> = args.after.iter().map(EntityId::new).collect();
    let mut new = NewTask::new(args.title, tier::find(&args.tier, call.site).await?, EntityId::new(&args.repo)?);
    (new.brief, new.from, new.depends_on, new.auto) = (brief, args.from, ids?, args.auto);
    let stages = names(new.tier.stages.iter().map(|stage| &stage.outline.id));
    let (tier, repo) = (new.tier.name.clone(), new.repository.clone());
    let receipt = task.create(new).await?;
    let id = task.id();
    let answer = json!({ "task": id, "tier": tier, "repository": repo });
    call.answer(&receipt, answer, || {
        format!("made task {id} in {repo}, with tier {tier}: {stages}\nnext: restage task start {id}")
    })
}

pub(super) async fn start(call: &mut Call<'_>, args: IdArgs) -> Outcome {
    let (task, before) = call.task(&args.task, args.key.as_ref()).await?;
    let receipt = refused(&task, task.start().await)?;
    let view = finished(call, &task, receipt.revision).await?.0;
    say_or_follow(call, &task, &receipt, &before, view).await
}

pub(super) async fn approve(call: &mut Call<'_>, args: ApproveArgs) -> Outcome {
    let (task, before) = call.task(&args.of.task, args.of.key.as_ref()).await?;
    let receipt = refused(&task, task.approve(args.seen.map(ObjectId)).await)?;
    let (view, finished) = finished(call, &task, receipt.revision).await?;
    if finished.fell {
        let what = format!("the files of {} changed after its agent was done; nothing is committed", task.id());
        let hint = format!("look at them again: restage task diff {} --uncommitted; then approve them", task.id());
        return Err(Stop::problem("content_changed", what, hint));
    }
    say_or_follow(call, &task, &receipt, &before, view).await
}

pub(super) async fn reject(call: &mut Call<'_>, args: RejectArgs) -> Outcome {
    let (task, before) = call.task(&args.of.task, args.of.key.as_ref()).await?;
    let receipt = refused(&task, task.reject(args.message).await)?;
    let view = task.view().await?;
    say(call, &task, &receipt, &before, &view).await
}

pub(super) async fn pause(call: &mut Call<'_>, args: PauseArgs) -> Outcome {
    if !args.all {
        for id in &args.tasks {
            pause_one(call, id, args.key.as_ref()).await?;
        }
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = call.all.tasks.list(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().cloned() else { return Ok(()) };
        for id in page {
            let state = call.all.tasks.peek(&id).await?.state;
            if state.current().is_none() || state.paused.is_some() {
                continue;
            }
            match pause_one(call, id.as_str(), args.key.as_ref()).await {
                // Something moves its files: that is not interrupted, and the others can rest all the same.
                Err(Stop::Problem(problem)) if problem.code == "conflict" => call.output.problem(&problem),
                done => done?,
            }
        }
        after = Some(last);
    }
}

async fn pause_one(call: &mut Call<'_>, id: &str, key: Option<&String>) -> Outcome {
    let (task, before) = call.task(id, key).await?;
    let receipt = refused(&task, task.pause().await)?;
    let view = task.view().await?;
    say(call, &task, &receipt, &before, &view).await
}

pub(super) async fn resume(call: &mut Call<'_>, args: SeveralArgs) -> Outcome {
    for id in &args.tasks {
        let (task, before) = call.task(id, args.key.as_ref()).await?;
        let receipt = refused(&task, task.resume().await)?;
        let view = task.view().await?;
        say(call, &task, &receipt, &before, &view).await?;
    }
    Ok(())
}

pub(super) async fn merge(call: &mut Call<'_>, args: IdArgs) -> Outcome {
    let (task, before) = call.task(&args.task, args.key.as_ref()).await?;
    let receipt = refused(&task, task.merge().await)?;
    let view = finished(call, &task, receipt.revision).await?.0;
    say(call, &task, &receipt, &before, &view).await
}

pub(super) async fn clean_up(call: &mut Call<'_>, args: IdArgs) -> Outcome {
    let (task, before) = call.task(&args.task, args.key.as_ref()).await?;
    let receipt = refused(&task, task.clean_up().await)?;
    let view = finished(call, &task, receipt.revision).await?.0;
    say(call, &task, &receipt, &before, &view).await
}

fn refused<T>(task: &Task, receipt: Result<Receipt<T>, Error>) -> Outcome<Receipt<T>> {
    receipt.map_err(|error| about(task, error))
}

/// Says what was done since `before`, as the log tells it, and how the task stands now.
async fn say<T>(
    call: &mut Call<'_>,
    task: &Task,
    receipt: &Receipt<T>,
    before: &View<TaskKind>,
    now: &View<TaskKind>,
) -> Outcome {
    let logged = logged(task, before.state.log).await?;
    let mut answer = standing_json(task.id(), now);
    if let Value::Object(answer) = &mut answer {
        answer.insert("done".into(), json!(logged));
    }
    call.answer(receipt, answer, || {
        let lines: String = logged.iter().map(|text| line(text) + "\n").collect();
        lines + &standing_and_next(task.id(), &now.state)
    })
}

/// The same for a verb after which a task may go on by itself: then its log is shown until it rests.
async fn say_or_follow<T>(
    call: &mut Call<'_>,
    task: &Task,
    receipt: &Receipt<T>,
    before: &View<TaskKind>,
    now: View<TaskKind>,
) -> Outcome {
    if now.state.run.is_some() {
        follow_on(call, task, before).await
    } else {
        say(call, task, receipt, before, &now).await
    }
}
