//! `restage workflow`: each verb on a data folder that is open as long as the verb takes.

mod act;
mod going_back;
mod history;
mod show;
mod tasks;
mod template;

use std::time::Duration;

use super::args::workflow::{OrphanVerb, WorkflowVerb};
use super::args::{Does, Global};
use super::call;
use super::output::{Output, Tone};
use super::site::Site;
use super::stop::{Outcome, Stop};
use crate::api::workflow::{Status, TaskId, Workflow as State, WorkflowKind};
use crate::api::workflows::{Workflow, Workflows};
use crate::api::{EntityId, StageId, View};

/// How long queues have to be told of work, before the folder is closed.
const TELLING_MOST: Duration = Duration::from_secs(10);

/// One call of the program about workflows.
type Call<'a> = call::Call<'a, Workflows>;

/// Does a verb.
pub(super) async fn run(verb: WorkflowVerb, global: &Global, site: &Site, output: &mut Output) -> Outcome {
    let verb = match verb {
        WorkflowVerb::Template(verb) => return template::run(&verb, site, output).await,
        verb => verb,
    };
    if let WorkflowVerb::Start(args) = &verb {
        // Before a data folder is made for it.
        EntityId::new(&args.workflow)?;
        template::find(&args.template, site).await?;
    }
    let restage = site.open(matches!(verb, WorkflowVerb::Start(_))).await?;
    let workflows = restage.workflows()?;
    // Where the folder is held open, queues are told of work anyway.
    let tells = !site.is_held() && verb.does() != Does::Looks && !global.dry_run;
    if tells {
        workflows.serve();
    }
    let mut call = Call { all: workflows.clone(), restage: restage.clone(), global, site, output };
    let done = tokio::select! {
        done = Box::pin(dispatch(verb, &mut call)) => done,
        exit = site.asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    drop(call);
    if tells && !matches!(done, Err(Stop::Signal(_))) {
        // What is not told in time is told when the folder is next opened for that.
        let _ = tokio::time::timeout(TELLING_MOST, workflows.told()).await;
    }
    let closed = site.close(restage).await;
    done?;
    closed
}

async fn dispatch(verb: WorkflowVerb, call: &mut Call<'_>) -> Outcome {
    use WorkflowVerb as V;
    match verb {
        V::Start(args) => act::start(call, args).await,
        V::List => show::list(call).await,
        V::Show(args) => show::show(call, &args).await,
        V::Run(args) => act::run(call, args).await,
        V::Stop(args) => act::stop(call, args).await,
        V::Add(args) => act::add(call, args).await,
        V::Tasks(args) => tasks::tasks(call, args).await,
        V::Results(args) => tasks::results(call, args).await,
        V::Approve(args) => act::approve(call, args).await,
        V::Reject(args) => act::reject(call, args).await,
        V::Release(args) => act::release(call, args).await,
        V::Retry(args) => act::retry(call, args).await,
        V::Cancel(args) => act::cancel(call, args).await,
        V::Reset(args) => going_back::reset(call, args).await,
        V::Preview(args) => going_back::preview(call, args).await,
        V::Undo(args) => going_back::undo(call, args).await,
        V::History(args) => history::history(call, &args).await,
        V::Orphans(args) => history::orphans(call, &args).await,
        V::Orphan(OrphanVerb::Adopt(args)) => history::adopt(call, &args).await,
        V::Orphan(OrphanVerb::Discard(args)) => history::discard(call, &args).await,
        V::Purge(args) => going_back::purge(call, args).await,
        // It needs no data folder, and was done before.
        V::Template(_) => Ok(()),
    }
}

impl Call<'_> {
    /// A workflow, whether it exists or not.
    fn named(&self, id: &str, key: Option<&String>) -> Outcome<Workflow> {
        let mut workflow = self.all.get(&EntityId::new(id)?).by(self.by());
        if let Some(from) = self.site.from() {
            workflow = workflow.from(from);
        }
        if let Some(reason) = &self.global.reason {
            workflow = workflow.reason(reason);
        }
        Ok(key.into_iter().fold(workflow, |workflow, key| workflow.key(key)))
    }

    /// A workflow that exists, and how it is.
    async fn workflow(&self, id: &str, key: Option<&String>) -> Outcome<(Workflow, View<WorkflowKind>)> {
        let workflow = self.named(id, key)?;
        let view = workflow.view().await?;
        Ok((workflow, view))
    }
}

/// The place of a gate, by its name or its number.
fn place(workflow: &Workflow, state: &State, gate: &str) -> Outcome<u16> {
    let place = match gate.parse::<u16>() {
        Ok(place) => Ok(place),
        Err(_) => state.place_of(&StageId::new(gate)?),
    };
    place.map_err(|rejection| about(workflow, rejection))
}

/// A task's name.
fn task_id(text: &str) -> Outcome<TaskId> {
    Ok(text.parse::<TaskId>()?)
}

/// A refusal, with where to look in this workflow.
fn about(workflow: &Workflow, error: impl Into<Stop>) -> Stop {
    error.into().map(|problem| {
        let verb = match problem.missing.as_deref() {
            Some("undo point") => "history",
            Some("orphan") => "orphans",
            Some("task") => "tasks",
            Some("gate") => "show",
            _ => return,
        };
        problem.hint = Some(format!("see what there is: restage workflow {verb} {}", workflow.id()));
    })
}

/// How a workflow stands, in a word.
fn status(status: Status) -> (&'static str, Tone) {
    match status {
        Status::Pending => ("pending", Tone::Faint),
        Status::Running => ("running", Tone::Busy),
        Status::Waiting => ("waiting", Tone::Attention),
        Status::Blocked => ("blocked", Tone::Bad),
        Status::Stopped => ("stopped", Tone::Attention),
        Status::Completed => ("completed", Tone::Good),
    }
}
