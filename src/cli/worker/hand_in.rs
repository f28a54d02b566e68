//! Handing in a result: until it is taken, once.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::claim::Grant;
use super::{Phase, Worker};
use crate::cli::link::{Failure, Pause, Refusal};
use crate::cli::stop::Outcome;

/// How long a server that is gone is waited for, with a result in hand.
const WAIT_MOST: Duration = Duration::from_secs(3_600);
/// The same, when the worker is to end.
const LAST_WAIT_MOST: Duration = Duration::from_secs(10);

/// What became of a result.
#[derive(Debug)]
pub(super) enum HandedIn {
    /// It was taken; in a word, how.
    Taken(String),
    /// It came too late; where it is kept.
    Late(Option<u64>),
    /// The server can't be reached, or refuses it.
    Lost(String),
}

#[derive(Deserialize)]
struct Taken {
    outcome: String,
}

impl Worker {
    /// Hands in a result. Asked again after a failure, it is taken once.
    ///
    /// # Errors
    /// The server does not know this worker any more.
    pub(super) async fn hand_in(&self, grant: &Grant, result: &Value) -> Outcome<HandedIn> {
        let wait = async {
            tokio::select! {
                () = tokio::time::sleep(WAIT_MOST) => {}
                () = self.reached(Phase::Ending) => tokio::time::sleep(LAST_WAIT_MOST).await,
            }
        };
        tokio::select! {
            taken = self.until_taken(grant, result) => taken,
            () = wait => Ok(HandedIn::Lost("the server is not there".into())),
        }
    }

    async fn until_taken(&self, grant: &Grant, result: &Value) -> Outcome<HandedIn> {
        let body = json!({ "lease": grant.lease, "result": result });
        let key: String = Sha256::digest(&grant.lease).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let mut pause = Pause::default();
        loop {
            let request = self.link.request(Method::POST, "/v1/leases/finish");
            let failure = match self.link.ask(request.header("Idempotency-Key", &key).json(&body)).await {
                Ok(response) => match response.json::<Taken>().await {
                    Ok(taken) => return Ok(HandedIn::Taken(taken.outcome)),
                    Err(error) => self.link.broken(&error),
                },
                Err(Failure::Refused(refusal)) if !refusal.passes() => return refused(refusal),
                Err(failure) => failure,
            };
            if pause.is_first() {
                self.note(format!("{}; its result for {} waits", failure.what(), grant.task_id)).await;
            }
            tokio::time::sleep(pause.next()).await;
        }
    }
}

fn refused(refusal: Refusal) -> Outcome<HandedIn> {
    match refusal.code() {
        "stale_generation" | "superseded" => Ok(HandedIn::Late(refusal.orphan())),
        _ if refusal.is_about_caller() => Err(refusal.stop()),
        _ => Ok(HandedIn::Lost(refusal.what().to_owned())),
    }
}
