//! `restage task`: each verb on a data folder that is open as long as the verb takes. Verbs that begin something carry out
//! what is owed, and end when it is done.

mod act;
mod finish;
mod follow;
mod going_back;
mod history;
mod look;
mod show;
mod words;

use std::time::Duration;

use super::agent::Agents;
use super::args::task::TaskVerb;
use super::args::{Does, Global, TaskArgs};
use super::output::Output;
use super::site::Site;
use super::stop::{Outcome, Stop};
use super::{call, tier};
use crate::api::task::TaskKind;
use crate::api::{EntityId, StageId, Task, TaskOptions, Tasks, View};

/// How long tasks have to tell each other what they have to, before a verb and after it.
const TELLING_MOST: Duration = Duration::from_secs(10);

/// What the verbs are about.
struct All {
    tasks: Tasks,
    /// Tasks whose agents are at work because of this call.
    at_work: Vec<EntityId>,
    /// Whether something that moves files is waited for.
    moves_files: bool,
}

/// One call of the program about tasks.
type Call<'a> = call::Call<'a, All>;

/// Does a verb. Agents are ended before this returns, if it is interrupted too.
pub(super) async fn run(args: TaskArgs, global: &Global, site: &Site, output: &mut Output) -> Outcome {
    if let TaskVerb::New(new) = &args.verb {
        // Before the data folder is touched.
        EntityId::new(&new.task)?;
        tier::find(&new.tier, site).await?;
    }
    // A folder that is held open has its agents already.
    let options = match site.is_held() {
        true => TaskOptions::default(),
        false => TaskOptions::default().agents(Agents::find(&args.agents, &site.settings)?.config),
    };
    let restage = site.open(false).await?;
    let tasks = restage.tasks(options)?;
    let acts = args.verb.does() != Does::Looks && !global.dry_run;
    let all = All { tasks, at_work: Vec::new(), moves_files: false };
    let mut call = Call { all, restage: restage.clone(), global, site, output };
    let done = tokio::select! {
        done = Box::pin(carry_out(args.verb, acts, &mut call)) => done,
        exit = site.asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    if matches!(done, Err(Stop::Signal(_))) {
        call.interrupted().await;
    }
    drop(call);
    let closed = site.close(restage).await;
    done?;
    closed
}

async fn carry_out(verb: TaskVerb, acts: bool, call: &mut Call<'_>) -> Outcome {
    if acts {
        call.all.tasks.serve();
        telling(call).await?;
    }
    dispatch(verb, call).await?;
    if acts { telling(call).await } else { Ok(()) }
}

/// Has tasks tell each other what they have to.
async fn telling(call: &mut Call<'_>) -> Outcome {
    match tokio::time::timeout(TELLING_MOST, call.all.tasks.told()).await {
        Ok(told) => Ok(told?),
        Err(_) => {
            call.output.note("not all tasks could be told yet; they are with the next command");
            Ok(())
        }
    }
}

async fn dispatch(verb: TaskVerb, call: &mut Call<'_>) -> Outcome {
    use TaskVerb as V;
    match verb {
        V::New(args) => act::new(call, args).await,
        V::List => look::list(call).await,
        V::Show(args) => show::show(call, args).await,
        V::Start(args) => act::start(call, args).await,
        V::Run(args) => follow::run(call, args).await,
        V::Retry(args) => follow::retry(call, args).await,
        V::Approve(args) => act::approve(call, args).await,
        V::Reject(args) => act::reject(call, args).await,
        V::Pause(args) => act::pause(call, args).await,
        V::Resume(args) => act::resume(call, args).await,
        V::Restart(args) => going_back::restart(call, args).await,
        V::Preview(args) => going_back::preview(call, args).await,
        V::Undo(args) => going_back::undo(call, args).await,
        V::Accept(args) => going_back::accept(call, args).await,
        V::Log(args) => follow::log(call, args).await,
        V::Diff(args) => look::diff(call, args).await,
        V::Files(args) => look::files(call, args).await,
        V::Snapshots(args) => look::snapshots(call, args).await,
        V::Merge(args) => act::merge(call, args).await,
        V::Cleanup(args) => act::clean_up(call, args).await,
        V::History(args) => history::history(call, args).await,
        V::Orphans(args) => history::orphans(call, args).await,
        V::Adopt(args) => history::adopt(call, args).await,
        V::Discard(args) => history::discard(call, args).await,
        V::Purge(args) => going_back::purge(call, args).await,
    }
}

impl Call<'_> {
    /// Says what becomes of what was under way.
    async fn interrupted(&mut self) {
        if !self.all.at_work.is_empty() {
            let at_work = call::names(&self.all.at_work);
            self.output.note(&format!("ending the agents of {at_work}; what they did stays in their worktrees"));
            self.output.note("go on with: restage task retry TASK");
            for id in &self.all.at_work {
                self.all.tasks.get(id).interrupt().await;
            }
        }
        if self.all.moves_files {
            self.output.note("what was begun is not lost: the next command that does anything finishes it");
        }
    }

    /// A task, whether it exists or not.
    fn named(&self, id: &str, key: Option<&String>) -> Outcome<Task> {
        let mut task = self.all.tasks.get(&EntityId::new(id)?).by(self.by());
        if let Some(from) = self.site.from() {
            task = task.from(from);
        }
        if let Some(reason) = &self.global.reason {
            task = task.reason(reason);
        }
        Ok(key.into_iter().fold(task, |task, key| task.key(key)))
    }

    /// A task that exists, and how it is.
    async fn task(&self, id: &str, key: Option<&String>) -> Outcome<(Task, View<TaskKind>)> {
        let task = self.named(id, key)?;
        let view = task.view().await?;
        Ok((task, view))
    }
}

/// A stage that a task has.
fn stage(task: &Task, view: &View<TaskKind>, name: &str) -> Outcome<StageId> {
    let stage = StageId::new(name)?;
    view.state.stage(&stage).map_err(|rejection| about(task, rejection))?;
    Ok(stage)
}

/// A refusal, with where to look in this task.
fn about(task: &Task, error: impl Into<Stop>) -> Stop {
    error.into().map(|problem| {
        let verb = match problem.missing.as_deref() {
            Some("undo point") => "history",
            Some("orphan") => "orphans",
            Some(stage) if stage.contains("stage") => "show",
            _ => return,
        };
        problem.hint = Some(format!("see what there is: restage task {verb} {}", task.id()));
    })
}
