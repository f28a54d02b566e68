//! A workflow from design to deployment, with workers for show in this process: they work until a person has to decide, and
//! go on with what that person lets go on. One of them was lost, and one result is not safe enough.

use serde::Deserialize;
use serde_json::Value;

use super::workers::Crew;
use crate::api::error::Error;
use crate::api::workflows::{Workflow, Workflows};
use crate::domain::workflow::{Domain, NewTask, Template};
use crate::domain::{Rejection, StageId};

const STORY: &str = include_str!("workflow.json");
const TEMPLATE: &str = "delivery";
/// What the names of its queues begin with: what others hand out is none of its workers' business, nor the other way round.
const QUEUE_PREFIX: &str = "example-";

/// What is told, and what comes of each task.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Story {
    title: String,
    story: String,
    /// A task that is handed out beside those of the template, and whose first result is not safe enough.
    pub(super) check: Check,
    pub(super) lost: Lost,
    pub(super) work: Vec<Work>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Check {
    gate: StageId,
    queue: String,
    pub(super) title: String,
    pub(super) refused: Safety,
    pub(super) let_through: Safety,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Safety {
    pub(super) score: f64,
    pub(super) result: Value,
}

/// A worker that is never heard of again, until it is too late.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Lost {
    /// The queue whose first task it has.
    queue: String,
    pub(super) worker: String,
    /// What it hands in at last.
    pub(super) result: Value,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Work {
    pub(super) title: String,
    pub(super) progress: String,
    pub(super) result: Value,
    pub(super) safety_score: Option<f64>,
}

impl Story {
    fn read() -> Result<Self, Rejection> {
        serde_json::from_str(STORY).map_err(|error| Rejection::invalid("example", error.to_string()))
    }

    /// The queue of the worker that is lost.
    pub(super) fn lost_queue(&self) -> Result<Domain, Rejection> {
        Domain::new(format!("{QUEUE_PREFIX}{}", self.lost.queue))
    }

    /// The built-in template, with queues of its own and the check.
    fn template(&self) -> Result<Template, Rejection> {
        let mut template = Template::built_in(TEMPLATE)?;
        for gate in &mut template.gates {
            if gate.id == self.check.gate {
                let check = NewTask::new(Domain::new(&self.check.queue)?, &self.check.title);
                gate.tasks.push(NewTask { attempts_most: 1, ..check });
            }
            for task in &mut gate.tasks {
                task.domain = Domain::new(format!("{QUEUE_PREFIX}{}", task.domain))?;
            }
        }
        Ok(template)
    }
}

/// Makes the workflow, runs it, and has its workers do at once what needs no person.
pub(super) async fn make(workflows: &Workflows, workflow: &Workflow) -> Result<Crew, Error> {
    let story = Story::read()?;
    let template = story.template()?;
    workflow.start(story.title.clone(), story.story.clone(), template).await?;
    workflows.serve();
    workflow.run(None).await?;
    let mut crew = crew(workflows, workflow, story).await?;
    crew.work_ahead().await?;
    Ok(crew)
}

/// The workers of a workflow that is there.
pub(super) async fn staff(workflows: &Workflows, workflow: &Workflow) -> Result<Crew, Error> {
    workflows.serve();
    crew(workflows, workflow, Story::read()?).await
}

async fn crew(workflows: &Workflows, workflow: &Workflow, story: Story) -> Result<Crew, Error> {
    let template = workflow.template().await?;
    let mut queues: Vec<Domain> =
        template.gates.into_iter().flat_map(|gate| gate.tasks).map(|task| task.domain).collect();
    queues.sort();
    queues.dedup();
    Ok(Crew::new(workflows.clone(), workflow.clone(), queues, story))
}
