//! One task, from its grant to its result.

use std::process::ExitStatus;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::claim::Grant;
use super::hand_in::HandedIn;
use super::program::{self, Ended, OUTPUT_BYTES_MAX};
use super::{Phase, Said, Worker};
use crate::api::{Clock as _, SystemClock};
use crate::cli::link::Failure;
use crate::cli::output::line;
use crate::cli::stop::Outcome;
use crate::cli::time;

/// The end that says: not now, try again. As of sendmail: EX_TEMPFAIL.
const TRY_AGAIN: i32 = 75;
/// Most lines of the command that wait to be passed on.
const LINES_MAX: usize = 64;

/// Why a command was asked to end.
#[derive(Debug)]
enum Why {
    /// The task is somebody else's, or nobody's, by now.
    Lost(String),
    /// Its time is over.
    TimeOut(Duration),
    /// The worker is to end.
    Stopped,
}

impl Worker {
    /// Works on a task, and hands in what comes of it.
    pub(super) async fn work(&self, grant: Grant) -> Outcome {
        let name = format!("{} {}", grant.workflow, grant.task_id);
        self.note(format!("{name}: {} (attempt {} of {})", line(&grant.title), grant.attempt, grant.attempts)).await;
        let began = SystemClock.now();
        let (lines, mut passed_on) = mpsc::channel::<String>(LINES_MAX);
        let passing = async {
            while let Some(text) = passed_on.recv().await {
                self.note(format!("{name}: {}", line(&text))).await;
            }
        };
        let environment = environment(&grant, &self.name);
        let input = serde_json::to_vec(&grant).unwrap_or_default();
        let ran = program::run(&self.command, &environment, input, lines, self.until_end(&grant));
        let (ran, ()) = tokio::join!(ran, passing);
        let ms = u64::try_from(SystemClock.now().since(began).as_millis()).unwrap_or(u64::MAX);
        let lost = match &ran {
            Ok(Ended { why: Some(Why::Lost(why)), .. }) => Some(why.clone()),
            _ => None,
        };
        let result = match ran {
            Ok(ended) => self.result(ended, ms),
            Err(error) => {
                let program = self.command.first().map(|program| program.to_string_lossy()).unwrap_or_default();
                Some(failed(&self.name, ms, &format!("{program} can't be run: {error}"), true))
            }
        };
        let handed_in = match &result {
            Some(result) => self.hand_in(&grant, result).await?,
            None => HandedIn::Lost(lost.unwrap_or_default()),
        };
        self.over(&grant, ms, &handed_in).await;
        Ok(())
    }

    /// Gives signs of life, until there is a reason to end the work.
    async fn until_end(&self, grant: &Grant) -> Why {
        let time_out = time_left(grant, self.lease);
        let heartbeats = async {
            let mut ticks = interval(self.lease / 3);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first is at once, and the lease is new.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let request = self.link.request(Method::POST, "/v1/leases/heartbeat").timeout(self.lease);
                match self.link.ask(request.json(&json!({ "lease": grant.lease }))).await {
                    Err(Failure::Refused(refusal)) if !refusal.passes() => return Why::Lost(refusal.what().to_owned()),
                    // A server that is gone for a while knows the lease when it is back.
                    Ok(_) | Err(_) => {}
                }
            }
        };
        tokio::select! {
            why = heartbeats => why,
            () = sleep(time_out) => Why::TimeOut(time_out),
            () = self.reached(Phase::Ending) => Why::Stopped,
        }
    }

    /// What is handed in; nothing where somebody else has the task and there is nothing to keep.
    fn result(&self, ended: Ended<Why>, ms: u64) -> Option<Value> {
        let Ended { status, output, tail, why } = ended;
        let failed = |error: &str, retryable| Some(failed(&self.name, ms, error, retryable));
        match why {
            Some(Why::TimeOut(time)) => failed(&format!("it was not done within {} s", time.as_secs()), true),
            Some(Why::Stopped) => failed("the worker was told to end", true),
            // What it made all the same is kept as late work.
            Some(Why::Lost(_)) if !status.success() => None,
            _ if status.success() => match output {
                Some(output) => Some(completed(&self.name, ms, &output)),
                None => failed(&format!("its output has more than {OUTPUT_BYTES_MAX} bytes"), false),
            },
            _ => failed(&failure(status, &tail), status.code().is_none_or(|code| code == TRY_AGAIN)),
        }
    }

    async fn over(&self, grant: &Grant, ms: u64, handed_in: &HandedIn) {
        let (status, orphan, why) = match handed_in {
            HandedIn::Taken(outcome) => (outcome.as_str(), None, None),
            HandedIn::Late(orphan) => ("late", *orphan, None),
            HandedIn::Lost(why) => ("lost", None, Some(why)),
        };
        let data = json!({
            "workflow": grant.workflow,
            "task": grant.task_id,
            "attempt": grant.attempt,
            "outcome": status,
            "orphan": orphan,
            "why": why,
            "ms": ms,
        });
        let kept = orphan.map(|number| format!(", kept as orphan {number}")).unwrap_or_default();
        let why = why.map(|why| format!(": {}", line(why))).unwrap_or_default();
        let text = format!("{} {}  {status}{kept}{why}", grant.workflow, grant.task_id);
        self.say(Said::Over(data, text)).await;
    }
}

/// How long the attempt may take. By the server's clock alone: that of this machine may be another.
fn time_left(grant: &Grant, lease: Duration) -> Duration {
    let left = || {
        let (deadline, until) = (time::parse(&grant.deadline).ok()?, time::parse(&grant.lease_until).ok()?);
        u64::try_from(deadline - until).ok().map(Duration::from_millis)
    };
    left().unwrap_or_default() + lease
}

fn environment(grant: &Grant, worker: &str) -> [(&'static str, String); 8] {
    [
        ("RESTAGE_WORKFLOW", grant.workflow.clone()),
        ("RESTAGE_TASK", grant.task_id.clone()),
        ("RESTAGE_QUEUE", grant.domain.clone()),
        ("RESTAGE_GATE", grant.gate.clone()),
        ("RESTAGE_ATTEMPT", grant.attempt.to_string()),
        ("RESTAGE_GENERATION", grant.generation.to_string()),
        ("RESTAGE_DEADLINE", grant.deadline.clone()),
        ("RESTAGE_WORKER", worker.to_owned()),
    ]
}

/// Why a command failed, in its own last words.
fn failure(status: ExitStatus, tail: &str) -> String {
    if tail.is_empty() { status.to_string() } else { format!("{status}: {tail}") }
}

fn failed(worker: &str, ms: u64, error: &str, retryable: bool) -> Value {
    json!({ "status": "failed", "agent_id": worker, "duration_ms": ms, "error": error, "retryable": retryable })
}

/// What it put out: as JSON if it is JSON, else as a text.
fn completed(worker: &str, ms: u64, output: &[u8]) -> Value {
    let text = String::from_utf8_lossy(output);
    let parsed = serde_json::from_str::<Value>(&text);
    let score = parsed.as_ref().ok().and_then(|value| value.get("safety_score")?.as_f64());
    let result = parsed.unwrap_or_else(|_| Value::String(text.into_owned()));
    json!({
        "status": "completed",
        "agent_id": worker,
        "duration_ms": ms,
        "result": result,
        "safety_score": score.filter(|score| (0.0..=1.0).contains(score)),
    })
}
