//! Workers for show: they claim as any worker does, and hand in what the story has for them. They end with the server, or
//! when the workflow is completed, or when their time is over.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use super::workflow::{Lost, Safety, Story};
use crate::api::error::Error;
use crate::api::workflows::{Claim, Claimed, Leased, Workflow, Workflows};
use crate::domain::workflow::{Domain, ResultStatus, TaskResult};

/// How long they are there.
const SHIFT: Duration = Duration::from_secs(30 * 60);
/// How long a task takes, where somebody may look on.
const WORK: Duration = Duration::from_secs(4);
/// How long a lease holds.
const LEASE: Duration = Duration::from_secs(60);
/// How long one holds that nobody gives a sign of life for: long enough to be found.
const LOST_LEASE: Duration = Duration::from_secs(3_600);
/// How long one claim waits for work.
const WAIT: Duration = Duration::from_secs(20);
/// How long what came too late is too late.
const LATE: Duration = Duration::from_secs(2);

/// All workers of the example.
pub(super) struct Crew {
    shared: Arc<Shared>,
    queues: Vec<Domain>,
    lost: Option<Leased>,
}

struct Shared {
    workflows: Workflows,
    workflow: Workflow,
    story: Story,
}

impl Crew {
    pub(super) fn new(workflows: Workflows, workflow: Workflow, queues: Vec<Domain>, story: Story) -> Self {
        Self { shared: Arc::new(Shared { workflows, workflow, story }), queues, lost: None }
    }

    /// Does what can be done at once, until a person has to decide. One worker is lost, and one result is not safe enough.
    pub(super) async fn work_ahead(&mut self) -> Result<(), Error> {
        let Self { shared, queues, lost } = self;
        let lost_queue = shared.story.lost_queue()?;
        loop {
            shared.workflows.told().await?;
            let mut did = 0;
            for queue in queues.iter() {
                if *queue == lost_queue && lost.is_none() {
                    *lost = shared.lose(queue).await?;
                }
                while let Some(claimed) = shared.workflows.claim(shared.claim(queue)).await? {
                    let leased = shared.workflows.lease(&claimed.token).await?;
                    leased.finish(shared.result(&claimed, true)).await?;
                    did += 1;
                }
            }
            if did == 0 {
                return Ok(());
            }
        }
    }

    /// Goes on in the background.
    pub(super) fn go_on(self) -> JoinHandle<()> {
        let Self { shared, queues, lost } = self;
        tokio::spawn(async move {
            let mut workers = JoinSet::new();
            for queue in queues {
                let shared = Arc::clone(&shared);
                workers.spawn(async move { shared.work(&queue).await });
            }
            if let Some(lost) = lost {
                let shared = Arc::clone(&shared);
                workers.spawn(async move { shared.hand_in_late(lost).await });
            }
            let all = async {
                while let Some(ended) = workers.join_next().await {
                    if let Ok(Err(error)) = ended {
                        tracing::info!(%error, "a worker of the example went home");
                    }
                }
            };
            // Those who are still there then are dropped, and what they hold is handed out again.
            let _ = tokio::time::timeout(SHIFT, all).await;
        })
    }
}

impl Shared {
    fn claim(&self, queue: &Domain) -> Claim {
        Claim::new(queue.clone(), worker_of(queue)).lease(LEASE)
    }

    /// The first task of a queue goes to a worker that gives no sign of life.
    async fn lose(&self, queue: &Domain) -> Result<Option<Leased>, Error> {
        let claim = Claim::new(queue.clone(), &self.story.lost.worker).lease(LOST_LEASE);
        let Some(claimed) = self.workflows.claim(claim).await? else { return Ok(None) };
        Ok(Some(self.workflows.lease(&claimed.token).await?))
    }

    /// What comes of a task. What is said of its safety at first is not good enough.
    fn result(&self, claimed: &Claimed, first: bool) -> TaskResult {
        let (title, Story { check, work, .. }) = (&claimed.grant.task.title, &self.story);
        let agent = worker_of(&claimed.grant.id.lane.domain);
        if *title == check.title {
            let Safety { score, result } = if first { &check.refused } else { &check.let_through };
            return done(agent, result, Some(*score));
        }
        match work.iter().find(|work| work.title == *title) {
            Some(work) => done(agent, &work.result, work.safety_score),
            None => done(agent, &json!({ "done": title }), None),
        }
    }

    /// Works for a queue, until all is done or the folder is closed.
    async fn work(&self, queue: &Domain) -> Result<(), Error> {
        while !self.workflow.view().await?.state.is_completed() {
            let Some(claimed) = self.workflows.claim(self.claim(queue).wait(WAIT)).await? else { continue };
            let leased = self.workflows.lease(&claimed.token).await?;
            match self.take_time(&leased, &claimed).await {
                Ok(()) => {}
                // It was taken away meanwhile: there is more to do.
                Err(error) if error.rejection().is_some() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn take_time(&self, leased: &Leased, claimed: &Claimed) -> Result<(), Error> {
        let work = self.story.work.iter().find(|work| work.title == claimed.grant.task.title);
        tokio::time::sleep(WORK / 2).await;
        leased.heartbeat(work.map(|work| work.progress.clone())).await?;
        tokio::time::sleep(WORK / 2).await;
        leased.finish(self.result(claimed, false)).await.map(drop)
    }

    /// The lost worker comes back when its task was given to somebody else, and hands in what it has: too late.
    async fn hand_in_late(&self, lost: Leased) -> Result<(), Error> {
        let mut feed = self.workflow.handle().feed();
        while lost.holds().await? {
            while feed.next().await?.id != *self.workflow.id() {}
        }
        tokio::time::sleep(LATE).await;
        let Lost { worker, result, .. } = self.story.lost.clone();
        let result = done(worker, &result, None);
        match lost.finish(result).await {
            Err(error) if error.rejection().is_some() => Ok(()),
            done => done.map(drop),
        }
    }
}

fn worker_of(queue: &Domain) -> String {
    format!("{queue}-1")
}

fn done(agent: String, result: &Value, safety_score: Option<f64>) -> TaskResult {
    TaskResult {
        status: ResultStatus::Completed,
        agent,
        result: result.to_string(),
        duration_ms: u64::try_from(WORK.as_millis()).unwrap_or_default(),
        safety_score,
        error: None,
        retryable: true,
    }
}
