//! Waiting for a task: of several queues at the same time, and as long as it takes.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, select_all};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::Worker;
use crate::cli::link::{Failure, Link, Pause};
use crate::cli::stop::Outcome;

/// How long one poll waits for work, in seconds.
const WAIT_SECONDS: u64 = 30;
/// How much longer its answer may take.
const ANSWER_MOST: Duration = Duration::from_secs(WAIT_SECONDS + 30);

/// A task that was granted. Without its lease it is what the command gets.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Grant {
    pub(super) workflow: String,
    pub(super) task_id: String,
    pub(super) gate: String,
    pub(super) domain: String,
    pub(super) priority: u8,
    pub(super) title: String,
    /// Kept byte for byte.
    pub(super) input: Box<RawValue>,
    pub(super) attempt: u32,
    pub(super) attempts: u32,
    pub(super) generation: u64,
    #[serde(skip_serializing)]
    pub(super) lease_until: String,
    pub(super) deadline: String,
    #[serde(skip_serializing)]
    pub(super) lease: String,
}

/// A poll of one queue, and the queue.
type Poll = BoxFuture<'static, (String, Result<Option<Grant>, Failure>)>;

impl Worker {
    /// Waits for a task. A server that is gone is waited for too.
    ///
    /// # Errors
    /// The server refuses this worker, or what it asks for.
    pub(super) async fn claim(&self) -> Outcome<Grant> {
        let mut polls = Polls { link: self.link.clone(), pending: Vec::new() };
        polls.pending.extend(self.queues.iter().map(|queue| self.poll(queue.clone())));
        let mut pause = Pause::default();
        loop {
            let ((queue, answer), _, pending) = select_all(std::mem::take(&mut polls.pending)).await;
            polls.pending = pending;
            match answer {
                Ok(Some(grant)) => return Ok(grant),
                Ok(None) => {
                    if pause.is_over() {
                        self.note("the server is there again").await;
                    }
                    polls.pending.push(self.poll(queue));
                }
                Err(Failure::Refused(refusal)) if !refusal.passes() => return Err(refusal.stop()),
                Err(failure) => {
                    if pause.is_first() {
                        self.note(format!("{}; waiting for it", failure.what())).await;
                    }
                    let (delay, poll) = (pause.next(), self.poll(queue));
                    polls.pending.push(tokio::time::sleep(delay).then(|()| poll).boxed());
                }
            }
        }
    }

    fn poll(&self, queue: String) -> Poll {
        let body = json!({
            "worker": self.name,
            "wait_seconds": WAIT_SECONDS,
            "lease_seconds": self.lease.as_secs(),
        });
        let link = self.link.clone();
        async move {
            let request = link.request(Method::POST, &format!("/v1/queues/{queue}/claims"));
            let answer = grant(&link, request.json(&body).timeout(ANSWER_MOST)).await;
            (queue, answer)
        }
        .boxed()
    }
}

async fn grant(link: &Link, request: reqwest::RequestBuilder) -> Result<Option<Grant>, Failure> {
    let response = link.ask(request).await?;
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    let bytes = response.bytes().await.map_err(|error| link.broken(&error))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| link.unclear(&error))
}

/// Polls under way. What is granted by one that nobody waits for any more is given back, for somebody else to get at once.
struct Polls {
    link: Link,
    pending: Vec<Poll>,
}

impl Drop for Polls {
    fn drop(&mut self) {
        for poll in self.pending.drain(..) {
            let link = self.link.clone();
            tokio::spawn(async move {
                if let (_, Ok(Some(grant))) = poll.await {
                    give_back(&link, &grant).await;
                }
            });
        }
    }
}

/// Gives a task back. If that fails its lease ends by itself.
async fn give_back(link: &Link, grant: &Grant) {
    let request = link.request(Method::POST, "/v1/leases/release").json(&json!({ "lease": grant.lease }));
    if let Err(failure) = link.ask(request).await {
        tracing::warn!(task = grant.task_id, problem = failure.what(), "a task could not be given back");
    }
}
