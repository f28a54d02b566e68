//! `restage workshop`: each verb on a data folder that is open as long as the verb takes.

mod going_back;
mod look;
mod progress;
mod show;
mod talk;
mod transfer;

use super::args::Global;
use super::args::workshop::{FenceArgs, StepArgs, WorkshopVerb};
use super::output::Output;
use super::site::Site;
use super::stop::{Outcome, Stop};
use super::{call, template};
use crate::api::workshop::{Status, Workshop as State, WorkshopKind};
use crate::api::{EntityId, Generation, Rejection, StageId, View, Workshop, Workshops};

/// One call of the program about workshops.
type Call<'a> = call::Call<'a, Workshops>;

/// Does a verb. Drafts are committed before this returns, if it is interrupted too.
pub(super) async fn run(verb: WorkshopVerb, global: &Global, site: &Site, output: &mut Output) -> Outcome {
    if let WorkshopVerb::New(args) = &verb {
        // Before a data folder is made for it.
        EntityId::new(&args.workshop)?;
        template::find(&args.template, site).await?;
    }
    let with_drafts = if let WorkshopVerb::Save(args) = &verb { Some(args.step.workshop.clone()) } else { None };
    let restage = site.open(matches!(verb, WorkshopVerb::New(_))).await?;
    let mut call = Call { all: restage.workshops()?, restage: restage.clone(), global, site, output };
    let done = tokio::select! {
        done = Box::pin(dispatch(verb, &mut call)) => done,
        exit = site.asked_to_end() => Err(exit.map_or_else(Stop::Output, Stop::Signal)),
    };
    let flushed = match with_drafts.map(|id| call.named(&id, None)) {
        Some(Ok(workshop)) => workshop.flush().await.map(drop),
        _ => Ok(()),
    };
    drop(call);
    let closed = site.close(restage).await;
    done?;
    flushed?;
    closed
}

async fn dispatch(verb: WorkshopVerb, call: &mut Call<'_>) -> Outcome {
    use WorkshopVerb as V;
    match verb {
        V::New(args) => progress::new(call, args).await,
        V::List => look::list(call).await,
        V::Show(args) => show::show(call, args).await,
        V::Open(args) => progress::open(call, args).await,
        V::Say(args) => talk::say(call, args).await,
        V::Ask(args) => talk::ask(call, args).await,
        V::Extract(args) => talk::extract(call, args).await,
        V::Save(args) => talk::save(call, args).await,
        V::Flush(args) => talk::flush(call, args).await,
        V::Next(args) => progress::next(call, args).await,
        V::Back(args) => progress::back(call, args).await,
        V::Artifact(args) => progress::artifact(call, args).await,
        V::Confirm(args) => progress::confirm(call, args).await,
        V::Summary(args) => progress::summary(call, args).await,
        V::Reset(args) => going_back::reset(call, args).await,
        V::Revise(args) => going_back::revise(call, args).await,
        V::Accept(args) => going_back::accept(call, args).await,
        V::Preview(args) => going_back::preview(call, args).await,
        V::Undo(args) => going_back::undo(call, args).await,
        V::History(args) => look::history(call, args).await,
        V::Orphans(args) => going_back::orphans(call, args).await,
        V::Adopt(args) => going_back::adopt(call, args).await,
        V::Discard(args) => going_back::discard(call, args).await,
        V::Purge(args) => going_back::purge(call, args).await,
        V::Pause(args) => progress::pause(call, args).await,
        V::Resume(args) => progress::resume(call, args).await,
        V::Import(args) => transfer::import(call, args).await,
        V::Export(args) => transfer::export(call, args).await,
    }
}

impl Call<'_> {
    /// A workshop, whether it exists or not.
    fn named(&self, id: &str, key: Option<&String>) -> Outcome<Workshop> {
        let mut workshop = self.all.get(&EntityId::new(id)?).by(self.by());
        if let Some(from) = self.site.from() {
            workshop = workshop.from(from);
        }
        if let Some(reason) = &self.global.reason {
            workshop = workshop.reason(reason);
        }
        Ok(key.into_iter().fold(workshop, |workshop, key| workshop.key(key)))
    }

    /// A workshop that exists, and how it is.
    async fn workshop(&self, id: &str, key: Option<&String>) -> Outcome<(Workshop, View<WorkshopKind>)> {
        let workshop = self.named(id, key)?;
        let view = workshop.view().await?;
        Ok((workshop, view))
    }

    /// A step of a workshop, and how that is.
    async fn step(&self, args: &StepArgs, key: Option<&String>) -> Outcome<(Workshop, StageId, View<WorkshopKind>)> {
        let (workshop, view) = self.workshop(&args.workshop, key).await?;
        let step = StageId::new(&args.step)?;
        view.state.step(&step).map_err(|_| no_step(&args.workshop, &step))?;
        Ok((workshop, step, view))
    }

    /// The same for a writer that may name what it saw.
    async fn fenced(&self, args: &StepArgs, fence: &FenceArgs) -> Outcome<(Workshop, StageId, View<WorkshopKind>)> {
        let (workshop, step, view) = self.step(args, fence.key.as_ref()).await?;
        Ok((under(workshop, fence.generation), step, view))
    }
}

/// The workshop with a writer that names the generation it works under, if it does.
fn under(workshop: Workshop, generation: Option<u64>) -> Workshop {
    generation.map(Generation).into_iter().fold(workshop, |workshop, generation| workshop.under(generation))
}

fn no_step(workshop: &str, step: &StageId) -> Stop {
    let hint = format!("see its steps: restage workshop show {workshop}");
    Stop::from(Rejection::not_found("step", step)).map(|problem| problem.hint = Some(hint))
}

/// The step that is worked on: the first in progress, else the first that has to be done again, else the last.
fn current(state: &State) -> Outcome<StageId> {
    let with = |status| state.steps().find(move |(_, step)| step.status == status);
    let found = with(Status::InProgress).or_else(|| with(Status::NeedsRegeneration)).or_else(|| state.steps().last());
    let none = || Stop::from(Rejection::not_found("step", "to work on"));
    found.map(|(id, _)| id.clone()).ok_or_else(none)
}
