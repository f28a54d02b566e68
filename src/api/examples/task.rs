//! A task on a small repository that is made for it: two stages approved, one of them after it was sent back, and a third
//! that waits for a person.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::api::error::Error;
use crate::api::tasks::{NewTask, Task, Tasks};
use crate::domain::task::{StageStatus, TaskKind, Tier};
use crate::domain::{EntityId, Rejection};
use crate::engine::View;
use crate::vcs::NewCommit;

const STORY: &str = include_str!("task.json");
const TIER: &str = "L2";
/// The name of the repository.
const REPOSITORY: &str = "example";
/// Its folder, in that of the examples.
const FOLDER: &str = "welcome-desk";
/// How long the agents may take together. What is not done by then goes on while somebody looks at it.
const WORK_MOST: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Story {
    title: String,
    brief: String,
    /// What is said when the second stage is sent back.
    feedback: String,
    commits: Vec<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
    files: Vec<(String, String)>,
}

/// Makes the repository in a folder, and the task; and has it worked on where that asks for nothing from anybody.
pub(super) async fn make(tasks: &Tasks, task: &Task, folder: &Path, by: &str) -> Result<(), Error> {
    let damaged = |error: serde_json::Error| Rejection::invalid("example", error.to_string());
    let Story { title, brief, feedback, commits } = serde_json::from_str(STORY).map_err(damaged)?;
    let (name, root) = (EntityId::new(REPOSITORY)?, folder.join(FOLDER));
    let commits = commits.into_iter().map(|Commit { message, files }| NewCommit { message, files }).collect();
    tasks.repositories().make(&root, commits).await?;
    tasks.repositories().add(&name, &root, by).await?;

    let tier = Tier::built_in(TIER)?;
    // An agent that somebody configured may cost them something: they start it when they want to.
    let is_free = tier.stages.iter().all(|stage| tasks.needs_nothing(stage.outline.id.as_str()));
    task.create(NewTask { brief, ..NewTask::new(title, tier, name) }).await?;
    tasks.serve();
    task.start().await?;
    if !is_free {
        return task.settled().await.map(drop);
    }
    match tokio::time::timeout(WORK_MOST, work(task, &feedback)).await {
        Ok(worked) => worked,
        Err(_) => Ok(()),
    }
}

/// The first stage is approved, the second one is sent back and then approved, and the third one is to be looked at.
async fn work(task: &Task, feedback: &str) -> Result<(), Error> {
    task.settled().await?;
    for sent_back in [false, true] {
        if !run(task).await? {
            return Ok(());
        }
        if sent_back {
            task.reject(feedback).await?;
            if !run(task).await? {
                return Ok(());
            }
        }
        task.approve(None).await?;
        task.settled().await?;
    }
    run(task).await.map(drop)
}

/// Has the agent do the stage. Whether there is something to approve: where there is none, the task says why.
async fn run(task: &Task) -> Result<bool, Error> {
    task.run().await?;
    let view: View<TaskKind> = task.at_rest().await?;
    let stage = view.state.stages().find(|(_, stage)| stage.status == StageStatus::ToApprove);
    Ok(stage.is_some())
}
