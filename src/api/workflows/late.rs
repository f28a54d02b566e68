//! Results that came too late: kept, to be looked at, adopted or discarded.

use super::workflow::Workflow;
use crate::api::error::Error;
use crate::domain::Generation;
use crate::domain::workflow::{Command, TaskId, TaskResult};
use crate::engine::Orphan;

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
}

fn late(orphan: Orphan, command: Command) -> Option<LateResult> {
    // Nothing else that is asked of a workflow is work.
    let Command::Finish { task, generation, result, .. } = command else { return None };
    Some(LateResult { orphan, task, generation, result: *result })
}
