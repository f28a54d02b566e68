//! How what happened is folded into a task. Total, and without rules.

use super::command::Event;
use super::state::Task;

pub(super) fn apply(task: &mut Task, event: &Event) {
    match event {
        Event::Created(created) => task.clone_from(created),
        Event::Stage { stage, cause: _, state } => {
            if let Some(place) = task.get_mut(stage) {
                place.clone_from(state);
            }
        }
        Event::Entered { at, done_at } => (task.at, task.done_at) = (*at, *done_at),
        Event::StatusChanged { .. } => {}
        Event::Began(operation) => {
            task.operations = task.operations.max(operation.number);
            task.operation = Some((**operation).clone());
        }
        Event::Ended(problem) => {
            task.operation = None;
            task.problem.clone_from(problem);
        }
        Event::RolledBack(report) => {
            task.operation = None;
            task.cleaned_up = false;
            if task.place.is_none() {
                task.place.clone_from(&report.place);
            }
        }
        Event::Problem(problem) => task.problem = Some(problem.clone()),
        Event::Run(run) => {
            if let Some(run) = run {
                task.runs = task.runs.max(run.number);
                task.problem = None;
            }
            task.run.clone_from(run);
        }
        Event::Agent { name, session, carry_over } => {
            task.agent.clone_from(name);
            task.session.clone_from(session);
            task.carry_over.clone_from(carry_over);
        }
        Event::Placed(place) => task.place = Some(place.clone()),
        Event::CleanedUp(cleaned_up) => task.cleaned_up = *cleaned_up,
        Event::Merged(commit) => task.merged = Some(commit.clone()),
        Event::Rejections(counter, 0) => drop(task.rejections.remove(counter)),
        Event::Rejections(counter, count) => drop(task.rejections.insert(counter.clone(), *count)),
        Event::Paused(since) => task.paused = *since,
        Event::Blocked(why) => task.blocked.clone_from(why),
        Event::Dependency(told) => {
            if let Some(known) = task.depends_on.iter_mut().find(|known| known.task == told.task) {
                known.clone_from(told);
            }
        }
        Event::Awaited(by) => {
            if !task.dependents.contains(by) {
                task.dependents.push(by.clone());
            }
        }
        Event::Logged(next) => task.log = task.log.max(*next),
    }
}
