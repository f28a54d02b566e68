//! Examples to look at and to play with. They are made with the commands that everybody has: nothing about them is special,
//! and whatever can be done to a workshop, a task or a workflow can be done to them.

mod task;
#[cfg(test)]
mod tests;
mod workers;
mod workflow;
mod workshop;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::database::Restage;
use super::error::Error;
use super::handle::Handle;
use super::tasks::TaskOptions;
use crate::domain::{Entity, EntityId, Rejection};
use crate::store::StoreError;

/// Who asks, where nobody says so.
const NOBODY: &str = "unknown";
/// The folder of what they have to have on disk, in the data folder.
const FOLDER: &str = "examples";

/// What there is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Example {
    /// A workshop some steps in, with a step that went back.
    Workshop,
    /// A task on a repository that is made for it, waiting to be approved.
    Task,
    /// A workflow with workers for show, waiting for a person.
    Workflow,
}

/// An example that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadedExample {
    /// What it is.
    pub example: Example,
    /// Under which id.
    pub id: EntityId,
    /// Whether it was made now. Otherwise it is as somebody left it.
    pub is_new: bool,
}

/// The examples of a data folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Examples {
    restage: Restage,
    by: String,
    from: Option<String>,
}

/// What all clones share: the workers for show, if there are any. Held while an example is made, so that each is made once.
pub(super) type Loading = Arc<Mutex<Option<JoinHandle<()>>>>;

impl Example {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Workshop, Self::Task, Self::Workflow];

    /// The kind of entity that it is.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Workshop => "workshop",
            Self::Task => "task",
            Self::Workflow => "workflow",
        }
    }

    /// Its id: there is one of each kind.
    fn id(self) -> Result<EntityId, Rejection> {
        EntityId::new(format!("example-{}", self.kind()))
    }
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl FromStr for Example {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let found = Self::ALL.into_iter().find(|example| example.kind() == text);
        found.ok_or_else(|| Rejection::not_found("example", text))
    }
}

impl Examples {
    pub(super) fn new(restage: Restage) -> Self {
        Self { restage, by: NOBODY.into(), from: None }
    }

    /// Says who asks.
    #[must_use]
    pub fn by(self, name: impl Into<String>) -> Self {
        Self { by: name.into(), ..self }
    }

    /// Says where from.
    #[must_use]
    pub fn from(self, place: impl Into<String>) -> Self {
        Self { from: Some(place.into()), ..self }
    }

    /// Makes an example, and leads to it. One that is there already stays as it is, but a workflow gets its workers again
    /// if they went home. Once begun it is made, even if nobody waits for it any more. The workers keep the folder open until
    /// [`shutdown`](Restage::shutdown).
    ///
    /// # Errors
    /// A store in memory has no place for a task's repository; what the commands say that it is made with.
    pub async fn load(&self, example: Example) -> Result<LoadedExample, Error> {
        let this = self.clone();
        let loaded = tokio::spawn(async move { Box::pin(this.make(example)).await }).await;
        loaded.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    async fn make(&self, example: Example) -> Result<LoadedExample, Error> {
        let id = example.id()?;
        let mut crew = self.restage.loading().lock().await;
        let is_new = match example {
            Example::Workshop => {
                let workshop = self.restage.workshops()?.get(&id).by(&self.by);
                let workshop = self.from.iter().fold(workshop, |workshop, place| workshop.from(place));
                let is_new = is_missing(workshop.handle()).await?;
                if is_new {
                    workshop::make(&workshop).await?;
                }
                is_new
            }
            Example::Task => {
                let tasks = self.restage.tasks(TaskOptions::default())?;
                let task = tasks.get(&id).by(&self.by);
                let task = self.from.iter().fold(task, |task, place| task.from(place));
                let is_new = is_missing(task.handle()).await?;
                if is_new {
                    let why = "a store in memory has no place for its repository";
                    let folder = self.restage.path().ok_or_else(|| Rejection::invalid("example", why))?;
                    task::make(&tasks, &task, &folder.join(FOLDER), &self.by).await?;
                }
                is_new
            }
            Example::Workflow => {
                let workflows = self.restage.workflows()?;
                let workflow = workflows.get(&id).by(&self.by);
                let workflow = self.from.iter().fold(workflow, |workflow, place| workflow.from(place));
                let is_new = is_missing(workflow.handle()).await?;
                if is_new {
                    *crew = Some(workflow::make(&workflows, &workflow).await?.go_on());
                } else if crew.as_ref().is_none_or(JoinHandle::is_finished) {
                    *crew = Some(workflow::staff(&workflows, &workflow).await?.go_on());
                }
                is_new
            }
        };
        Ok(LoadedExample { example, id, is_new })
    }
}

async fn is_missing<E: Entity>(handle: &Handle<E>) -> Result<bool, Error> {
    Ok(handle.view().await?.revision == 0)
}
