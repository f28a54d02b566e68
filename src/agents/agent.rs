//! A running agent: what it says, and how it ends.

use std::fs;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::ending::end_all;
use super::start::{Child, start};
use super::{AgentError, Ended, Launch, Line, Started, reader};

/// An agent that was started.
///
/// One task can follow it:
///
/// ```ignore
/// let mut agent = Agent::start(launch)?;
/// loop {
///     tokio::select! {
///         lines = agent.lines() => match lines {
///             Some(lines) => keep(lines),
///             None => break,
///         },
///         () = somebody_asks_to_stop() => agent.stop(),
///     }
/// }
/// let ended = agent.wait().await?;
/// ```
///
/// Its time is watched, and its end seen to, whether it is followed or not. An agent that is dropped is asked to stop, and
/// if the runtime ends as well, it is killed.
#[derive(Debug)]
pub struct Agent {
    started: Started,
    batches: mpsc::Receiver<Vec<Line>>,
    stop: Option<oneshot::Sender<()>>,
    outcome: Outcome,
}

/// How it ended, once that is known.
#[derive(Debug)]
enum Outcome {
    Awaited(oneshot::Receiver<Result<Ended, AgentError>>),
    Known(Result<Ended, AgentError>),
}

impl Agent {
    /// Starts an agent, in a session of its own and, where the system lets us, in a control group of its own.
    ///
    /// Must be called within a tokio runtime that has its I/O and its time enabled.
    ///
    /// # Errors
    /// [`AgentError::NoProgram`], [`AgentError::NoSandbox`], [`AgentError::Start`] for a command, variable or worktree
    /// that can't be, and [`AgentError::Io`]. Then nothing runs.
    pub fn start(launch: Launch) -> Result<Self, AgentError> {
        let child = start(&launch)?;
        let started = child.started.clone();
        let (to, batches) = mpsc::channel(reader::BATCHES_MAX);
        let (stop, stopped) = oneshot::channel();
        let (tell, outcome) = oneshot::channel();
        tokio::spawn(async move {
            let _ = tell.send(see_to_its_end(child, launch, to, stopped).await);
        });
        Ok(Self { started, batches, stop: Some(stop), outcome: Outcome::Awaited(outcome) })
    }

    /// What finds it again after a crash of ours: to be kept at once.
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// The next lines, gathered for a moment. `None` once it and all that came of it have ended and all was read.
    ///
    /// While nobody asks for lines, reading waits, and so does the agent when its pipes are full. Nothing is lost if the
    /// future is dropped.
    pub async fn lines(&mut self) -> Option<Vec<Line>> {
        let lines = self.batches.recv().await;
        if lines.is_none() {
            // It may close its streams long before it ends.
            let _ = self.outcome().await;
        }
        lines
    }

    /// Asks it to end. [`Agent::lines`] goes on until it has, for what it says at last.
    pub fn stop(&mut self) {
        self.stop = None;
    }

    /// Waits for its end and that of all that came of it. What it says from here on is dropped.
    ///
    /// # Errors
    /// [`AgentError::Alive`] if a process of it could not be ended: then nobody else may have the worktree yet.
    pub async fn wait(&mut self) -> Result<Ended, AgentError> {
        self.batches.close();
        while self.batches.try_recv().is_ok() {}
        self.outcome().await
    }

    /// Asks it to end, and waits until it has, with all that came of it.
    ///
    /// # Errors
    /// As [`Agent::wait`].
    #[cfg(test)]
    pub async fn end(mut self) -> Result<Ended, AgentError> {
        self.stop();
        self.wait().await
    }

    async fn outcome(&mut self) -> Result<Ended, AgentError> {
        if let Outcome::Awaited(outcome) = &mut self.outcome {
            let lost = || Err(AgentError::Alive(vec![self.started.pid]));
            self.outcome = Outcome::Known(outcome.await.unwrap_or_else(|_| lost()));
        }
        match &self.outcome {
            Outcome::Known(outcome) => outcome.clone(),
            Outcome::Awaited(_) => Err(AgentError::Alive(vec![self.started.pid])),
        }
    }
}

/// Why an agent ends.
enum Why {
    ByItself,
    TimedOut,
    Stopped,
}

/// Follows an agent to its end, then ends what it left behind, reads what is left to read, and clears up.
async fn see_to_its_end(
    child: Child,
    launch: Launch,
    to: mpsc::Sender<Vec<Line>>,
    stopped: oneshot::Receiver<()>,
) -> Result<Ended, AgentError> {
    let (over, is_over) = oneshot::channel();
    let reading = tokio::spawn(reader::read(child.out, child.err, is_over, to));
    let prompting = tokio::spawn(child.prompting);
    let why = tokio::select! {
        _ = child.exited => Why::ByItself,
        () = sleep(launch.time_out) => Why::TimedOut,
        _ = stopped => Why::Stopped,
    };
    let ended = end_all(child.trail, launch.grace).await;
    prompting.abort();
    let status = child.leash.let_go().await;
    let _ = over.send(());
    let _ = reading.await;
    let _ = fs::remove_dir_all(&launch.scratch);
    ended?;
    match why {
        Why::ByItself => status,
        Why::TimedOut => Ok(Ended::TimedOut),
        Why::Stopped => Ok(Ended::Stopped),
    }
}
