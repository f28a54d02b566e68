//! Verbs that go back or overrule: shown with what would happen to files, confirmed, waited for, and told.

use serde_json::{Value, json};

use super::finish::{Finished, finished};
use super::words::{quoted, rescue, standing_and_next, standing_json};
use super::{Call, about, stage};
use crate::api::task::{Command, RolledBack, TaskKind};
use crate::api::{PlanToken, Preview, Receipt, StageId, Task, View};
use crate::cli::args::ApplyArgs;
use crate::cli::args::task::{AcceptArgs, PreviewArgs, PurgeArgs, RestartArgs, UndoArgs, VerbName};
use crate::cli::call::count;
use crate::cli::files::short;
use crate::cli::going_back::{Verb, go_back, nothing_to_undo, preview as show_plan};
use crate::cli::output::line;
use crate::cli::plan::{Shown, Unit};
use crate::cli::stop::{Outcome, Stop};

/// A verb, and the task it is about.
struct Asked {
    task: Task,
    what: What,
}

/// What is asked.
enum What {
    /// To the beginning of all without a stage.
    Restart(Option<StageId>),
    Accept,
    Undo(Option<u64>),
    Purge,
}

/// What came of it.
enum Done {
    /// Files are moved, or were: it is waited for.
    Began(Receipt<()>),
    Accepted(Receipt<()>),
    /// So many snapshots are gone.
    Purged(usize),
}

impl Verb for Asked {
    const UNIT: Unit = Unit::Stage;
    type Done = Done;

    async fn preview(&self) -> Outcome<Shown> {
        let task = &self.task;
        let planned = match &self.what {
            What::Restart(to) => task.preview_restart(to.as_ref()).await,
            What::Undo(point) => task.preview_undo(*point).await,
            What::Accept => return Ok(Shown::new(task.handle().preview(Command::Accept).await?, Self::UNIT)),
            What::Purge => return Ok(Shown::new(task.handle().preview_purge().await?, Self::UNIT)),
        };
        let Preview { plan, look, .. } = planned.map_err(|error| self.refused(about(task, error)))?;
        Ok(Shown { plan, unit: Self::UNIT, look })
    }

    async fn apply(self, plan: Option<PlanToken>) -> Outcome<Done> {
        let task = plan.into_iter().fold(self.task.clone(), |task, plan| task.plan(plan));
        let done = match &self.what {
            What::Restart(to) => task.restart(to.as_ref()).await.map(|receipt| Done::Began(receipt.map(drop))),
            What::Undo(point) => task.undo(*point).await.map(Done::Began),
            What::Accept => task.accept().await.map(Done::Accepted),
            What::Purge => task.purge().await.map(Done::Purged),
        };
        done.map_err(|error| self.refused(about(&task, error)))
    }
}

impl Asked {
    fn refused(&self, stop: Stop) -> Stop {
        match self.what {
            What::Undo(None) => nothing_to_undo(stop),
            What::Restart(_) => stop.map(|problem| {
                if problem.code == "invalid" {
                    problem.hint = Some(format!("name a stage of its own: restage task show {}", self.task.id()));
                }
            }),
            _ => stop,
        }
    }
}

pub(super) async fn restart(call: &mut Call<'_>, args: RestartArgs) -> Outcome {
    let (task, view) = call.task(&args.task, args.apply.key.as_ref()).await?;
    let to = args.stage.map(|name| target(&task, &view, &name)).transpose()?;
    done(call, Asked { task, what: What::Restart(to) }, &args.apply).await
}

/// A stage to go back to. What is no stage is for the rules to refuse.
fn target(task: &Task, view: &View<TaskKind>, name: &str) -> Outcome<StageId> {
    if name == "done" { Ok(StageId::new(name)?) } else { stage(task, view, name) }
}

pub(super) async fn undo(call: &mut Call<'_>, args: UndoArgs) -> Outcome {
    let (task, _) = call.task(&args.task, args.apply.key.as_ref()).await?;
    done(call, Asked { task, what: What::Undo(args.point) }, &args.apply).await
}

pub(super) async fn accept(call: &mut Call<'_>, args: AcceptArgs) -> Outcome {
    if call.global.reason.is_none() && !call.global.dry_run {
        let what = "a stale task is not called fresh without a reason";
        return Err(Stop::problem("usage", what, "say why: --reason TEXT"));
    }
    let (task, _) = call.task(&args.task, args.apply.key.as_ref()).await?;
    done(call, Asked { task, what: What::Accept }, &args.apply).await
}

pub(super) async fn purge(call: &mut Call<'_>, args: PurgeArgs) -> Outcome {
    let (task, _) = call.task(&args.task, args.apply.key.as_ref()).await?;
    done(call, Asked { task, what: What::Purge }, &args.apply).await?;
    if !call.global.dry_run {
        call.restage.sweep().await?;
    }
    Ok(())
}

pub(super) async fn preview(call: &mut Call<'_>, args: PreviewArgs) -> Outcome {
    let (task, view) = call.task(&args.task, None).await?;
    let what = match (args.verb, args.at) {
        (VerbName::Restart, Some(name)) => What::Restart(Some(target(&task, &view, &name)?)),
        (VerbName::Restart, None) if args.full => What::Restart(None),
        (VerbName::Restart, None) => {
            return Err(Stop::problem("usage", "it is not said where to restart", "name a stage, or give --full"));
        }
        (VerbName::Undo, point) => {
            let number = point.map(|point| point.parse::<u64>().map_err(|_| no_point(&task, &point))).transpose()?;
            What::Undo(number)
        }
        (VerbName::Accept, _) => What::Accept,
        (VerbName::Purge, _) => What::Purge,
    };
    show_plan(call, &Asked { task, what }).await
}

fn no_point(task: &Task, text: &str) -> Stop {
    let hint = format!("give its number, as the history shows it: restage task history {}", task.id());
    Stop::problem("usage", format!("{text:?} is no undo point"), hint)
}

/// Does it as planned, waits until it is done, and says what came of it.
async fn done(call: &mut Call<'_>, asked: Asked, apply: &ApplyArgs) -> Outcome {
    let task = asked.task.clone();
    match go_back(call, asked, apply).await? {
        None => Ok(()),
        Some(Done::Purged(snapshots)) => {
            let text = |_| format!("deleted for good, {} too", count(snapshots, "snapshot"));
            Ok(call.output.data(&json!({ "done": "deleted for good", "snapshots": snapshots }), text)?)
        }
        Some(Done::Accepted(receipt)) => {
            let view = task.view().await?;
            let back = undo_hint(&task, receipt.undo_point);
            call.answer(&receipt, standing_json(task.id(), &view), || format!("{} is fresh\n{back}", task.id()))
        }
        Some(Done::Began(receipt)) => {
            let (view, finished) = finished(call, &task, receipt.revision).await?;
            tell(call, &task, &receipt, &view, finished).await
        }
    }
}

fn undo_hint(task: &Task, point: Option<u64>) -> String {
    point.map(|point| format!("take it back: restage task undo {} {point}", task.id())).unwrap_or_default()
}

async fn tell(
    call: &mut Call<'_>,
    task: &Task,
    receipt: &Receipt<()>,
    view: &View<TaskKind>,
    finished: Finished,
) -> Outcome {
    let point = finished.undo_point.or(receipt.undo_point);
    let mut answer = standing_json(task.id(), view);
    let mut text = standing_and_next(task.id(), &view.state) + "\n";
    if let Some(report) = &finished.rolled_back {
        let root = match &view.state.repository {
            Some(name) => call.all.tasks.repositories().get(name).await?.root,
            None => String::new(),
        };
        let rescue = rescue(&root, task.id(), &report.snapshot_ref);
        text.push_str(&went_back(report, view, &rescue));
        add(&mut answer, went_back_json(report, &rescue));
    }
    add(&mut answer, point.map(|point| json!({ "undo_point": point })).unwrap_or_default());
    text.push_str(&undo_hint(task, point));
    call.answer(receipt, answer, || text)
}

fn went_back(report: &RolledBack, view: &View<TaskKind>, rescue: &str) -> String {
    let RolledBack { snapshot_ref, from, to, kept, notes, .. } = report;
    let mut text = format!("branch    from {} to {}\n", short(from), short(to));
    text.push_str(&format!("snapshot  {snapshot_ref} keeps what was there\n"));
    if *kept > 0 {
        let worktree = view.state.place.as_ref().map(|place| quoted(&place.worktree)).unwrap_or_default();
        text.push_str(&format!("stayed    {} in {worktree}, in no snapshot\n", count(*kept, "thing")));
    }
    text.extend(notes.iter().map(|note| format!("note      {}\n", line(note))));
    text.push_str(&format!("rescue    {rescue}\n"));
    text
}

fn went_back_json(report: &RolledBack, rescue: &str) -> Value {
    let RolledBack { snapshot, snapshot_ref, from, to, kept, notes, .. } = report;
    json!({
        "snapshot": { "commit": snapshot, "ref": snapshot_ref, "rescue": rescue },
        "from": from,
        "to": to,
        "kept": kept,
        "notes": notes,
    })
}

fn add(answer: &mut Value, more: Value) {
    if let (Value::Object(answer), Value::Object(more)) = (answer, more) {
        answer.extend(more);
    }
}
