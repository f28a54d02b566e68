//! `restage worker run`: takes tasks from queues, runs a command for each, and hands in what it puts out.

mod claim;
mod hand_in;
mod program;
mod work;

use std::ffi::OsString;
use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::args::{WorkerRunArgs, WorkerVerb};
use super::link::Link;
use super::output::{Output, line};
use super::signals::EndSignals;
use super::stop::{Outcome, Stop};

/// Most things to be said that wait.
const SAID_MAX: usize = 64;

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// It takes tasks.
    Taking,
    /// It takes no more, and finishes what it has.
    Finishing,
    /// What it has is ended.
    Ending,
}

/// Something to be said.
enum Said {
    /// A task is over: for programs, and for people.
    Over(Value, String),
    /// Anything else.
    Note(String),
}

/// What all hands of a worker share.
struct Worker {
    link: Link,
    name: String,
    queues: Vec<String>,
    lease: Duration,
    command: Vec<OsString>,
    phase: watch::Receiver<Phase>,
    said: mpsc::Sender<Said>,
}

pub(super) async fn run(verb: WorkerVerb, link: Link, output: &mut Output) -> Outcome {
    match verb {
        WorkerVerb::Run(args) => take_and_work(args, link, output).await,
    }
}

async fn take_and_work(args: WorkerRunArgs, link: Link, output: &mut Output) -> Outcome {
    let (said, mut to_say) = mpsc::channel(SAID_MAX);
    let (phase, of_phase) = watch::channel(Phase::Taking);
    let name = args.name.unwrap_or_else(own_name);
    let worker = Worker {
        link,
        name,
        queues: queues(&args.queue)?,
        lease: args.lease,
        command: args.command,
        phase: of_phase,
        said,
    };
    output.note(&format!("worker {} takes tasks of {}", line(&worker.name), worker.queues.join(", ")));
    let hands = if args.once { 1 } else { args.parallel };
    let work = async {
        // What is said is all said when no hand is left.
        let worker = worker;
        try_join_all((0..hands).map(|_| Box::pin(worker.hand(args.once)))).await.map(drop)
    };
    let said = async {
        while let Some(said) = to_say.recv().await {
            match said {
                Said::Over(data, text) => output.data(&data, |_| text)?,
                Said::Note(text) => output.note(&text),
            }
        }
        Ok::<_, Stop>(())
    };
    let asked = async {
        let mut signals = EndSignals::new()?;
        signals.next().await;
        phase.send_replace(Phase::Finishing);
        tokio::select! {
            () = tokio::time::sleep(args.grace) => {}
            _ = signals.next() => {}
        }
        phase.send_replace(Phase::Ending);
        std::future::pending::<Outcome>().await
    };
    tokio::select! {
        done = async { tokio::try_join!(work, said) } => done.map(drop),
        stop = asked => stop,
    }
}

/// The queues, each once.
fn queues(named: &[String]) -> Outcome<Vec<String>> {
    let mut queues: Vec<String> = Vec::new();
    for name in named {
        let queue = crate::api::workflow::Domain::new(name)?.to_string();
        if !queues.contains(&queue) {
            queues.push(queue);
        }
    }
    Ok(queues)
}

/// A name that no other worker is likely to have.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "worker" } else { host };
    format!("{host}-{}", std::process::id())
}

impl Worker {
    /// Takes one task after the other.
    async fn hand(&self, once: bool) -> Outcome {
        let mut phase = self.phase.clone();
        loop {
            let grant = tokio::select! {
                // First: who is to end asks for nothing more. What was granted to a claim that is dropped could be lost.
                biased;
                _ = phase.wait_for(|phase| *phase > Phase::Taking) => return Ok(()),
                grant = self.claim() => grant?,
            };
            self.work(grant).await?;
            if once {
                return Ok(());
            }
        }
    }

    /// Waits until a phase is reached.
    async fn reached(&self, wanted: Phase) {
        // The sender lives as long as the worker.
        let _ = self.phase.clone().wait_for(|phase| *phase >= wanted).await;
    }

    async fn say(&self, said: Said) {
        // Whoever says it has ended only when nobody is left to say something.
        let _ = self.said.send(said).await;
    }

    async fn note(&self, text: impl Into<String>) {
        self.say(Said::Note(text.into())).await;
    }
}
