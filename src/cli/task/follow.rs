//! Agents at work: what they say is shown as it comes, until the tasks are at rest.

use serde_json::json;

use super::finish::stop;
use super::words::{entry_json, said, standing_and_next, standing_json, who_width};
use super::{Call, about};
use crate::api::task::{StageStatus, TaskKind};
use crate::api::{Feed, LogEntry, Task, View};
use crate::cli::args::task::{LogArgs, RetryArgs, RunArgs};
use crate::cli::stop::{Outcome, Stop};
use crate::cli::time;

/// What is asked of a task that is to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    Run,
    Retry,
}

pub(super) async fn run(call: &mut Call<'_>, args: RunArgs) -> Outcome {
    work(call, &args.tasks, Begin::Run, args.approve, args.key.as_ref()).await
}

pub(super) async fn retry(call: &mut Call<'_>, args: RetryArgs) -> Outcome {
    work(call, &[args.of.task], Begin::Retry, args.approve, args.of.key.as_ref()).await
}

async fn work(call: &mut Call<'_>, ids: &[String], begin: Begin, approve: bool, key: Option<&String>) -> Outcome {
    let mut tasks = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        if !ids.iter().take(place).any(|before| before == id) {
            tasks.push(call.task(id, None).await?);
        }
    }
    let mut follow = Follow::begin(call, tasks.len() > 1);
    let mut refused = Vec::new();
    for (task, view) in tasks {
        let keyed = call.named(task.id().as_str(), key)?;
        let to_approve = view.state.current().is_some_and(|(_, stage)| stage.status == StageStatus::ToApprove);
        let begun = match begin {
            // Following it approves it.
            Begin::Run if approve && to_approve => Ok(()),
            Begin::Run => keyed.run().await.map(drop),
            Begin::Retry => keyed.retry().await.map(drop),
        };
        match begun {
            Ok(()) => follow.add(call, task, &view, approve),
            Err(error) => refused.push(about(&task, error)),
        }
    }
    let rested = follow.until_rest(call).await?;
    finish(call, &rested, refused)
}

/// Says how tasks stand that are at rest. One that failed, or was refused, is the end of the command.
fn finish(call: &mut Call<'_>, rested: &[Rested], mut refused: Vec<Stop>) -> Outcome {
    if !rested.is_empty() {
        let all: Vec<_> = rested.iter().map(|rested| standing_json(rested.task.id(), &rested.view)).collect();
        let line = |rested: &Rested| standing_and_next(rested.task.id(), &rested.view.state) + "\n";
        call.output.data(&json!({ "tasks": all }), |_| rested.iter().map(line).collect())?;
    }
    refused.extend(rested.iter().filter_map(failure));
    let last = refused.pop();
    for stop in refused {
        if let Stop::Problem(problem) = stop {
            call.output.problem(&problem);
        }
    }
    last.map_or(Ok(()), Err)
}

/// Why a task that is at rest did not come as far as it should have.
fn failure(Rested { task, view, held_back }: &Rested) -> Option<Stop> {
    let (state, id) = (&view.state, task.id());
    let (outline, stage) = state.current()?;
    match (stage.status, &state.problem) {
        (StageStatus::ToApprove, _) if held_back.is_some() => {
            let why = held_back.map(str::to_owned);
            let what = format!("{id}: {} is not approved by itself", outline.id);
            let hint =
                format!("restart to the stage that has to be done better, or approve it: restage task approve {id}");
            Some(Stop::problem("not_passed", what, hint).map(|problem| problem.why = why))
        }
        (StageStatus::Failed | StageStatus::ToApprove, Some(problem)) => Some(stop(task, problem)),
        (StageStatus::Failed | StageStatus::Interrupted, _) => {
            let what = format!("{id}: {} is {}", outline.id, stage.status);
            Some(Stop::problem("interrupted", what, format!("go on with it: restage task retry {id}")))
        }
        _ => None,
    }
}

/// Shows a task's log since `before` until it is at rest.
pub(super) async fn follow_on(call: &mut Call<'_>, task: &Task, before: &View<TaskKind>) -> Outcome {
    let mut follow = Follow::begin(call, false);
    follow.add(call, task.clone(), before, false);
    let rested = follow.until_rest(call).await?;
    finish(call, &rested, Vec::new())
}

pub(super) async fn log(call: &mut Call<'_>, args: LogArgs) -> Outcome {
    let (task, view) = call.task(&args.task, None).await?;
    let mut follow = Follow::begin(call, false);
    follow.add(call, task, &view, false);
    for followed in &mut follow.tasks {
        (followed.line, followed.with_time) = (args.since, true);
        if !args.follow {
            return followed.show(call).await;
        }
    }
    if call.site.is_held() {
        // It would go on without this call.
        call.all.at_work.clear();
    }
    let rested = follow.until_rest(call).await?;
    let next = rested.iter().map(|rested| standing_and_next(rested.task.id(), &rested.view.state));
    next.for_each(|text| call.output.note(&text));
    Ok(())
}

/// Tasks that are followed together.
struct Follow {
    feed: Feed,
    tasks: Vec<Followed>,
    /// Whether lines say which task they are of.
    several: bool,
}

/// A task whose log is shown as it grows.
struct Followed {
    task: Task,
    /// The next line to be shown.
    line: u64,
    width: usize,
    with_id: bool,
    with_time: bool,
    /// Whether what an agent has done is approved by itself, and the next stage run.
    approve: bool,
    /// The last run that was approved by itself: once, for if that fell somebody has to look.
    approved: Option<u64>,
    /// Why it was not.
    held_back: Option<&'static str>,
    /// How it is, once it is at rest.
    rests: Option<View<TaskKind>>,
}

/// A task that is at rest.
struct Rested {
    task: Task,
    view: View<TaskKind>,
    /// Why what its agent has done was not approved by itself, though that was wanted.
    held_back: Option<&'static str>,
}

impl Follow {
    /// Nothing that is begun after this is missed.
    fn begin(call: &Call<'_>, several: bool) -> Self {
        Self { feed: call.restage.feed(call.restage.durable()), tasks: Vec::new(), several }
    }

    /// Follows a task too, from where its log ended in this view of it.
    fn add(&mut self, call: &mut Call<'_>, task: Task, view: &View<TaskKind>, approve: bool) {
        call.all.at_work.push(task.id().clone());
        self.tasks.push(Followed {
            task,
            line: view.state.log,
            width: who_width(&view.state),
            with_id: self.several,
            with_time: false,
            approve,
            approved: None,
            held_back: None,
            rests: None,
        });
    }

    /// Shows what is new until all are at rest, and gives them as they are then.
    async fn until_rest(mut self, call: &mut Call<'_>) -> Outcome<Vec<Rested>> {
        for followed in &mut self.tasks {
            followed.look(call).await?;
        }
        while self.tasks.iter().any(|followed| followed.rests.is_none()) {
            let turn = self.feed.next().await?;
            for followed in &mut self.tasks {
                if followed.rests.is_none() && *followed.task.id() == turn.id {
                    followed.look(call).await?;
                }
            }
        }
        call.all.at_work.clear();
        let rested = |Followed { task, rests, held_back, .. }| Some(Rested { task, view: rests?, held_back });
        Ok(self.tasks.into_iter().filter_map(rested).collect())
    }
}

impl Followed {
    /// Shows what is new, and goes on if it is to.
    async fn look(&mut self, call: &mut Call<'_>) -> Outcome {
        let view = self.task.view().await?;
        self.show(call).await?;
        let busy = view.state.operation.is_some() || view.state.run.is_some();
        if !busy && !self.goes_on(&view).await? {
            self.rests = Some(view);
        }
        Ok(())
    }

    /// Shows the log from where it was left.
    async fn show(&mut self, call: &mut Call<'_>) -> Outcome {
        loop {
            let entries = self.task.log(self.line).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            self.line = last.number.saturating_add(1);
            for entry in &entries {
                call.output.data(&entry_json(self.task.id(), entry), |_| self.text(entry))?;
            }
        }
    }

    fn text(&self, entry: &LogEntry) -> String {
        let mut text = said(entry, self.width);
        if self.with_time {
            text.insert_str(0, &format!("{}  ", time::rfc3339(entry.line.at.as_millis())));
        }
        if self.with_id {
            text.insert_str(0, &format!("{}  ", self.task.id()));
        }
        text
    }

    /// Approves what is to be approved, or runs what is to be run, if that is wanted. Whether it did.
    async fn goes_on(&mut self, view: &View<TaskKind>) -> Outcome<bool> {
        let Some((outline, stage)) = view.state.current().filter(|_| self.approve) else { return Ok(false) };
        let rests = view.state.paused.is_some() || view.state.blocked.is_some();
        match stage.status {
            _ if rests => Ok(false),
            StageStatus::ToApprove => {
                if outline.judged && stage.passed != Some(true) {
                    self.held_back = Some("what it verifies does not hold, or was not judged");
                } else if self.approved == Some(stage.last_run) {
                    self.held_back = Some("its files changed after its agent was done");
                }
                if self.held_back.is_some() {
                    return Ok(false);
                }
                self.approved = Some(stage.last_run);
                let seen = stage.candidate.as_ref().map(|candidate| candidate.tree.clone());
                self.task.approve(seen).await?;
                Ok(true)
            }
            StageStatus::Ready => {
                self.task.run().await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
