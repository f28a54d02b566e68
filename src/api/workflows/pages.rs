//! Tasks and results of a workflow, a page at a time: they are content, and may be a hundred thousand.

use std::collections::HashMap;

use super::workflow::Workflow;
use crate::api::error::Error;
use crate::domain::workflow::{
    Domain, GateOutline, LaneId, RESULTS_PREFIX, Standing, StoredResult, Task, TaskId, TaskStanding, UnderWay,
    Workflow as State, WorkflowKind, result_path, task_at, task_path,
};
use crate::domain::{EntityId, Generation, Rejection, StageId};
use crate::engine::{Failure, Page, PageRange, View, query};
use crate::store::Store;

/// Read at a time.
const READ_MOST: usize = 500;
/// Looked at for one page, where a filter leaves few over.
const LOOKED_AT_MOST: usize = 5_000;

/// Which tasks to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Of this gate only.
    pub gate: Option<u16>,
    /// Of this queue only.
    pub domain: Option<Domain>,
    /// Of this status only.
    pub status: Option<TaskStatus>,
}

/// Which results to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultFilter {
    /// Of this gate only.
    pub gate: Option<u16>,
}

/// How a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// Nobody has it, and a worker can get it as soon as its workflow grants tasks of its gate.
    Queued,
    /// A worker has it.
    Leased,
    /// It rests before it is tried again.
    Waiting,
    /// It failed as often as it may.
    Failed,
    /// It has a result.
    Done,
    /// It was ended without a result.
    Cancelled,
}

/// A task, with how it is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredTask {
    /// Its name.
    pub id: TaskId,
    /// What is to be done.
    pub task: Task,
    /// How it is.
    pub status: TaskStatus,
    /// What it is doing, where a worker has met it.
    pub under_way: Option<UnderWay>,
    /// Its result.
    pub result: Option<StoredResult>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// What was found, in order.
    pub items: Vec<T>,
    /// After which more is to be looked for; `None` at the end.
    pub next: Option<TaskId>,
    /// The revision of the workflow that was looked at.
    pub revision: u64,
}

/// One task, with its result.
pub(super) async fn task(workflow: &Workflow, id: &TaskId) -> Result<StoredTask, Error> {
    let (wanted, not_found) = (id.clone(), Rejection::not_found("task", id));
    let found = looked_up(workflow, move |reader| {
        let Some(outline) = reader.outline(wanted.lane.gate) else { return Ok(None) };
        let (task, result) = (task_path(&wanted), result_path(&wanted));
        let Some(bytes) = reader.one(&outline.id, &task)? else { return Ok(None) };
        let result = reader.one(&outline.results, &result)?;
        reader.stored(wanted, &bytes, result.as_deref())
    });
    found.await?.ok_or_else(|| not_found.into())
}

/// A task as it was in an older generation of its gate, as long as an undo point keeps that.
pub(super) async fn cleared_task(
    workflow: &Workflow,
    id: &TaskId,
    generation: Generation,
) -> Result<Option<Task>, Error> {
    let wanted = id.clone();
    let found = looked_up(workflow, move |reader| {
        let Some(outline) = reader.outline(wanted.lane.gate) else { return Ok(None) };
        let remembered = reader.view.undo_points.iter().filter_map(|point| point.fences.get(&outline.id));
        let fence = remembered.chain(reader.view.fences.get(&outline.id)).find(|fence| fence.generation == generation);
        let layers = fence.map_or_else(Vec::new, |fence| fence.layers.clone());
        let path = task_path(&wanted);
        let range = PageRange { prefix: path.clone(), after: None, most: 1 };
        let page = query::content::<WorkflowKind>(reader.store, reader.id, &outline.id, &layers, &range)?;
        page.into_iter().find(|(found, _)| *found == path).map(|(_, bytes)| Ok(Task::from_bytes(&bytes)?)).transpose()
    });
    found.await
}

/// Tasks of all lanes, in the order of the lanes.
pub(super) async fn tasks(
    workflow: &Workflow,
    filter: &TaskFilter,
    after: Option<&TaskId>,
    most: usize,
) -> Result<Found<StoredTask>, Error> {
    let (filter, after) = (filter.clone(), after.cloned());
    looked_up(workflow, move |reader| reader.tasks(&filter, after.as_ref(), most)).await
}

/// Results of all gates, in order.
pub(super) async fn results(
    workflow: &Workflow,
    filter: &ResultFilter,
    after: Option<&TaskId>,
    most: usize,
) -> Result<Found<(TaskId, StoredResult)>, Error> {
    let (filter, after) = (filter.clone(), after.cloned());
    looked_up(workflow, move |reader| reader.results(&filter, after.as_ref(), most)).await
}

/// What is found beside the actor, in what was durable at one moment.
async fn looked_up<T: Send + 'static>(
    workflow: &Workflow,
    look: impl FnOnce(&Reader<'_>) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Error> {
    let view = workflow.view().await?;
    let id = workflow.id().clone();
    workflow.handle.read(move |store| look(&Reader { store, id: &id, view: &view })).await
}

/// Reads the content of a workflow as a view has it: layers that the view does not know of are not read.
struct Reader<'a> {
    store: &'a dyn Store,
    id: &'a EntityId,
    view: &'a View<WorkflowKind>,
}

impl Reader<'_> {
    fn state(&self) -> &State {
        &self.view.state
    }

    fn outline(&self, gate: u16) -> Option<&GateOutline> {
        self.state().outline.gates.get(usize::from(gate))
    }

    fn page(&self, stage: &StageId, range: &PageRange) -> Result<Page, Failure> {
        let first = [Generation::FIRST];
        let layers = self.view.fences.get(stage).map_or(first.as_slice(), |fence| &fence.layers);
        query::content::<WorkflowKind>(self.store, self.id, stage, layers, range)
    }

    fn one(&self, stage: &StageId, path: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let page = self.page(stage, &PageRange { prefix: path.to_vec(), after: None, most: 1 })?;
        Ok(page.into_iter().find(|(found, _)| found == path).map(|(_, bytes)| bytes))
    }

    fn tasks(&self, filter: &TaskFilter, after: Option<&TaskId>, most: usize) -> Result<Found<StoredTask>, Failure> {
        let mut found = Found { items: Vec::new(), next: None, revision: self.view.revision };
        let mut looked_at = 0;
        for lane in self.lanes(filter, after) {
            let mut from = match after {
                Some(after) if after.lane == *lane => after.clone(),
                // No task has this number: the list goes on with the first.
                _ => TaskId { lane: lane.clone(), number: 0 },
            };
            loop {
                let read = self.lane_page(&from)?;
                let is_last = read.len() < READ_MOST;
                for (id, task) in read {
                    if found.items.len() >= most || looked_at >= LOOKED_AT_MOST {
                        found.next = Some(from);
                        return Ok(found);
                    }
                    looked_at += 1;
                    from = id;
                    found.items.extend(task.filter(|task| filter.status.is_none_or(|status| status == task.status)));
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The lanes that a filter leaves, from that of `after` on.
    fn lanes(&self, filter: &TaskFilter, after: Option<&TaskId>) -> impl Iterator<Item = &LaneId> {
        self.state().lanes.keys().filter(move |lane| {
            filter.gate.is_none_or(|gate| lane.gate == gate)
                && filter.domain.as_ref().is_none_or(|domain| lane.domain == *domain)
                && after.is_none_or(|after| **lane >= after.lane)
        })
    }

    /// Tasks of one lane, after one of them; `None` for what is no task of it any more.
    fn lane_page(&self, after: &TaskId) -> Result<Vec<(TaskId, Option<StoredTask>)>, Failure> {
        let gate = after.lane.gate;
        let Some(outline) = self.outline(gate) else { return Ok(Vec::new()) };
        let range = |after: &TaskId, path: fn(&TaskId) -> Vec<u8>| {
            let path = path(after);
            // All of the lane, but for the number at the end.
            let prefix = path[..path.len() - size_of::<u64>()].to_vec();
            PageRange { prefix, after: Some(path), most: READ_MOST }
        };
        let tasks = self.page(&outline.id, &range(after, task_path))?;
        let Some(last) = tasks.last().and_then(|(path, _)| task_at(gate, path)) else { return Ok(Vec::new()) };
        // Among the results are those of tasks that are gone, so there may be more of them than tasks.
        let (mut results, mut from) = (HashMap::new(), after.clone());
        while from.number < last.number {
            let page = self.page(&outline.results, &range(&from, result_path))?;
            let is_last = page.len() < READ_MOST;
            for (path, bytes) in page {
                let Some(id) = task_at(gate, &path) else { continue };
                from.number = id.number;
                results.insert(id.number, bytes);
            }
            if is_last {
                break;
            }
        }
        let ids = tasks.into_iter().filter_map(|(path, bytes)| Some((task_at(gate, &path)?, bytes)));
        ids.map(|(id, bytes)| {
            let result = results.get(&id.number).map(Vec::as_slice);
            Ok((id.clone(), self.stored(id, &bytes, result)?))
        })
        .collect()
    }

    fn stored(&self, id: TaskId, bytes: &[u8], result: Option<&[u8]>) -> Result<Option<StoredTask>, Failure> {
        let (status, under_way) = match (self.state().task(&id), result) {
            (None, _) => return Ok(None),
            (Some(TaskStanding::UnderWay(entry)), _) => (status_of(entry), Some(entry.clone())),
            (Some(_), Some(_)) => (TaskStatus::Done, None),
            (Some(TaskStanding::Ahead), None) => (TaskStatus::Queued, None),
            (Some(TaskStanding::Over), None) => (TaskStatus::Cancelled, None),
        };
        let task = Task::from_bytes(bytes)?;
        let result = result.map(StoredResult::from_bytes).transpose()?;
        Ok(Some(StoredTask { id, task, status, under_way, result }))
    }

    fn results(
        &self,
        filter: &ResultFilter,
        after: Option<&TaskId>,
        most: usize,
    ) -> Result<Found<(TaskId, StoredResult)>, Failure> {
        let mut found: Found<(TaskId, StoredResult)> =
            Found { items: Vec::new(), next: None, revision: self.view.revision };
        let begin = after.map_or(0, |after| after.lane.gate);
        let gates = (0_u16..).zip(&self.state().outline.gates);
        let wanted = |gate: u16| gate >= begin && filter.gate.is_none_or(|wanted| wanted == gate);
        for (gate, outline) in gates.filter(|(gate, _)| wanted(*gate)) {
            let mut from = after.filter(|after| after.lane.gate == gate).map(result_path);
            loop {
                let range = PageRange { prefix: RESULTS_PREFIX.to_vec(), after: from.take(), most: READ_MOST };
                let page = self.page(&outline.results, &range)?;
                let is_last = page.len() < READ_MOST;
                for (path, bytes) in page {
                    if found.items.len() >= most {
                        found.next = found.items.last().map(|(id, _)| id.clone());
                        return Ok(found);
                    }
                    if let Some(id) = task_at(gate, &path) {
                        found.items.push((id, StoredResult::from_bytes(&bytes)?));
                    }
                    from = Some(path);
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(found)
    }
}

fn status_of(entry: &UnderWay) -> TaskStatus {
    match entry.standing {
        Standing::Leased => TaskStatus::Leased,
        Standing::Waiting(_) => TaskStatus::Waiting,
        Standing::Queued => TaskStatus::Queued,
        Standing::Failed => TaskStatus::Failed,
    }
}
