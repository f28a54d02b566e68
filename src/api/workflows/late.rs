//! Results that came too late: kept, to be looked at, adopted or discarded.

use super::pages::{self, StoredTask, TaskFilter};
use super::workflow::Workflow;
use crate::api::error::Error;
use crate::domain::Generation;
use crate::domain::workflow::{Command, TaskId, TaskResult};
use crate::engine::Orphan;

/// Tasks of a gate and queue that are looked through for the one in the place of another.
const LOOKED_THROUGH_MOST: usize = 500;

/// A result that came too late.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LateResult {
    /// Under which number it is kept, since when, by whom it came.
    pub orphan: Orphan,
    /// The task it is for.
    pub task: TaskId,
    /// The generation that its worker worked under.
    pub generation: Option<Generation>,
    /// What was handed in.
    pub result: TaskResult,
}

/// What is in the place of a late result.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InPlace {
    /// What was to be done, where that is still known.
    pub title: Option<String>,
    /// The task itself, or the one that was handed out in its place after it was cleared: of the same gate, queue and
    /// title.
    pub task: Option<StoredTask>,
}

impl Workflow {
    /// Results that came too late, oldest first, after one of them.
    ///
    /// # Errors
    /// As of [`view`](Self::view).
    pub async fn late_results(&self, after: Option<u64>, most: usize) -> Result<Vec<LateResult>, Error> {
        let orphans = self.view().await?.orphans;
        let wanted = orphans.into_iter().filter(|orphan| after.is_none_or(|after| orphan.number > after));
        let mut found = Vec::new();
        for orphan in wanted {
            if found.len() >= most {
                break;
            }
            // One that was adopted or discarded meanwhile is none any more.
            match self.handle.orphan(orphan.number).await {
                Ok(command) => found.extend(late(orphan, command)),
                Err(error) if error.code() == "not_found" => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// What is in the place of a late result now, to compare it with.
    ///
    /// # Errors
    /// As of [`tasks`](Self::tasks).
    pub async fn place_of(&self, late: &LateResult) -> Result<InPlace, Error> {
        match self.task(&late.task).await {
            Ok(task) => return Ok(InPlace { title: Some(task.task.title.clone()), task: Some(task) }),
            Err(error) if error.code() == "not_found" => {}
            Err(error) => return Err(error),
        }
        let Some(cleared) = pages::cleared_task(self, &late.task, late.orphan.generation).await? else {
            return Ok(InPlace { title: None, task: None });
        };
        let (gate, domain) = (late.task.lane.gate, late.task.lane.domain.clone());
        let filter = TaskFilter { gate: Some(gate), domain: Some(domain), status: None };
        let beside = self.tasks(&filter, None, LOOKED_THROUGH_MOST).await?.items;
        let task = beside.into_iter().find(|task| task.task.title == cleared.title);
        Ok(InPlace { title: Some(cleared.title), task })
    }
}

fn late(orphan: Orphan, command: Command) -> Option<LateResult> {
    // Nothing else that is asked of a workflow is work.
    let Command::Finish { task, generation, result, .. } = command else { return None };
    Some(LateResult { orphan, task, generation, result: *result })
}
