//! Runs: an agent at work on a stage, from its prompt to what it made.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::files::blocking;
use super::host::{Host, Running, Slot};
use super::live_output::LiveOutput;
use super::operate::Trying;
use super::task::Task;
use crate::agents::{Agent, AgentSpec, Ended, Launch, Line, Said, Stream};
use crate::api::error::{Class, Error};
use crate::api::handle::Handle;
use crate::domain::task::{
    Candidate, Command, Earlier, Finish, LogLine, LogSource, ObjectId, Outcome, PromptParts, Report, Run, Score,
    Task as State, TaskKind, Todo, limits, prompt,
};
use crate::domain::{EntityId, Generation, Rejection, StageId, Timestamp};
use crate::vcs::Place;

/// Most lines of one report.
const LINES_PER_REPORT: usize = 1_000;
/// Most bytes of lines that are kept of a run that was fenced.
const LATE_BYTES_MAX: usize = 256 << 10;
/// Most lines that are kept of it: of more, the task would not take the end of the run in.
const LATE_LINES_MAX: usize = 1_000;
const _: () = assert!(LATE_LINES_MAX <= limits::LINES_PER_REPORT_MAX);
/// How often what an agent says is sent while there is no room for it, and the first wait; it doubles each time.
const SEND_TRIES: u32 = 7;
const SEND_WAIT: Duration = Duration::from_millis(100);

impl Host {
    /// Has an agent work on the stage of a run, and tells the task what it says and how it ends.
    pub(super) async fn run(self: &Arc<Self>, id: &EntityId, number: u64) -> Result<Option<Command>, String> {
        let text = |error: Error| error.to_string();
        let slot = self.slot(id);
        let turn = self.turn(&slot).await;
        let task = self.task(id).view().await.map_err(text)?.state;
        let Some(run) = task.run.clone().filter(|run| run.number == number) else { return Ok(None) };
        if let Some(finish) = slot.finished_of(number) {
            let done = self.finish(id, &run, finish).await;
            if done.is_ok() {
                slot.forget_finished(number);
            }
            return done;
        }
        // One that was ended by a pause may still have its grace.
        slot.stop(number.saturating_sub(1)).await;
        let place = match self.place(&task).await {
            Ok(Some(place)) => place,
            Ok(None) => return self.finish(id, &run, failed(number, "not_started", "the task has no worktree")).await,
            Err(error) => return self.finish(id, &run, failed(number, error.code(), error.to_string())).await,
        };
        for earlier in number.saturating_sub(1)..=number {
            self.end_leftovers(id, earlier, Some(&run), Some(&place.worktree)).await.map_err(text)?;
        }
        if run.process.is_some() {
            // It was started by an earlier life of this program, which ended before it did.
            let finish =
                Finish { run: number, outcome: Outcome::Interrupted, report: Report::default(), candidate: None };
            return self.finish(id, &run, finish).await;
        }
        let (agent, spec) = match self.start(id, &task, &run, &place).await {
            Ok(started) => started,
            Err(error) if error.passes() && !self.tries.failed(id, Trying::Run(number)) => {
                return Err(error.to_string());
            }
            Err(error) => {
                self.tries.over(id, Trying::Run(number));
                return self.finish(id, &run, failed(number, error.code(), error.to_string())).await;
            }
        };
        self.tries.over(id, Trying::Run(number));
        let (stop, stopped) = watch::channel(false);
        let (over_tx, over) = watch::channel(());
        let (told_tx, told) = watch::channel(());
        slot.set_running(Running { run: number, stop, over, told });
        drop(turn);

        let finish = self.follow(id, &run, agent, &spec, stopped, place).await;
        drop(over_tx);
        let done = match finish {
            Ok(finish) => {
                slot.set_finished(finish.clone());
                self.finish(id, &run, finish).await
            }
            Err(problem) => Err(problem),
        };
        if done.is_ok() {
            slot.forget_finished(number);
        }
        slot.forget_running(number);
        drop(told_tx);
        done
    }

    /// Starts the agent of a run.
    async fn start(
        self: &Arc<Self>,
        id: &EntityId,
        task: &State,
        run: &Run,
        place: &Place,
    ) -> Result<(Agent, AgentSpec), Error> {
        let spec = self.agents.for_stage(run.stage.as_str()).clone();
        let (vcs, here, number) = (Arc::clone(&self.vcs), place.clone(), run.number);
        let notes = blocking(move || vcs.mend(&here, number)).await?;
        for note in notes {
            tracing::warn!(task = %id, note, "the worktree was mended");
        }
        let told = self.prompt(id, task, run).await?;
        let mut environment = spec.environment.clone();
        environment.insert("RESTAGE_TASK".into(), id.to_string());
        environment.insert("RESTAGE_STAGE".into(), run.stage.to_string());
        environment.insert("RESTAGE_ATTEMPT".into(), run.number.to_string());
        if let Some(session) = &task.session {
            environment.insert("RESTAGE_SESSION".into(), session.clone());
        }
        let launch = Launch {
            command: spec.command.clone(),
            worktree: place.worktree.clone(),
            environment,
            pass: spec.pass.clone(),
            prompt: told,
            prompt_by: spec.prompt_by,
            mark: self.mark(id, run.number),
            time_out: spec.time_out,
            grace: spec.grace,
            sandbox: spec.sandbox(&place.common),
            scratch: self.scratch(id, run.number),
        };
        Ok((Agent::start(launch)?, spec))
    }

    async fn prompt(self: &Arc<Self>, id: &EntityId, task: &State, run: &Run) -> Result<String, Error> {
        let of = Task::new(self.task(id), Arc::clone(self));
        let tier = of.tier().await?;
        let stage = tier.stage(&run.stage).ok_or_else(Error::unexpected)?;
        let mut earlier = Vec::new();
        for before in tier.stages.iter().map(|stage| &stage.outline.id).take_while(|id| **id != run.stage) {
            let (output, handoff) = (of.output(before).await?, of.handoff(before).await?);
            earlier.push(Earlier { stage: before.clone(), output, handoff });
        }
        let (brief, todos) = (of.brief().await?, of.todos(&run.stage).await?);
        let feedback = of.feedback(&run.stage).await?;
        let feedback = feedback.as_deref();
        Ok(prompt(&PromptParts { id, task, stage, brief: &brief, earlier: &earlier, feedback, todos: &todos }))
    }

    /// Follows an agent until it and all that came of it have ended.
    async fn follow(
        self: &Arc<Self>,
        id: &EntityId,
        run: &Run,
        mut agent: Agent,
        spec: &AgentSpec,
        mut stopped: watch::Receiver<bool>,
        place: Place,
    ) -> Result<Finish, String> {
        let started = agent.started().clone();
        let process = (started.pid, started.start_time, started.boot);
        let mut told = Telling::new(self.task(id), run, LiveOutput::new(&self.live, id, run));
        let (stage, generation) = (run.stage.clone(), run.generation);
        told.send(Command::Started { stage, generation, agent: spec.name.clone(), process }).await?;
        let mut closing = self.closing();
        loop {
            tokio::select! {
                lines = agent.lines() => match lines {
                    Some(lines) => told.take(lines).await?,
                    None => break,
                },
                () = is_set(&mut stopped), if !told.stopping => told.stopping = true,
                () = is_set(&mut closing), if !told.stopping => told.stopping = true,
            }
            told.stopping |= told.fenced;
            if told.stopping {
                agent.stop();
            }
        }
        let mut outcome = match agent.wait().await.map_err(|error| error.to_string())? {
            Ended::Exited(0) => Outcome::Done,
            Ended::Exited(code) => failure("exit_code", format!("the agent {} ended with code {code}", spec.name)),
            Ended::Signal(signal) => {
                failure("signal", format!("the agent {} was ended by signal {signal}, which is not ours", spec.name))
            }
            Ended::TimedOut => failure(
                "time_out",
                format!("the agent {} was not done after {} s, and was ended", spec.name, spec.time_out.as_secs()),
            ),
            Ended::Stopped => Outcome::Interrupted,
        };
        let mut candidate = None;
        if outcome == Outcome::Done {
            let vcs = Arc::clone(&self.vcs);
            match blocking(move || vcs.candidate(&place)).await {
                Ok(found) => {
                    candidate = Some(Candidate { tree: ObjectId(found.tree.to_string()), changed: found.changed });
                }
                Err(error) => outcome = failure(error.code(), format!("what the agent did can't be taken: {error}")),
            }
        }
        Ok(Finish { run: run.number, outcome, report: told.rest(), candidate })
    }

    /// Tells a task how a run ended. One that has gone on without it keeps this as late work.
    async fn finish(&self, id: &EntityId, run: &Run, finish: Finish) -> Result<Option<Command>, String> {
        let (stage, generation, finish) = (run.stage.clone(), run.generation, Box::new(finish));
        match self.task(id).send(Command::Finish { stage, generation, finish }).await {
            Ok(_) => Ok(None),
            Err(error) if error.rejection().is_some() => {
                tracing::info!(task = %id, run = run.number, %error, "the end of a run came too late");
                Ok(None)
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Waits until somebody sets it.
async fn is_set(flag: &mut watch::Receiver<bool>) {
    drop(flag.wait_for(|set| *set).await);
}

fn failure(code: &str, what: impl Into<String>) -> Outcome {
    Outcome::Failed { code: code.to_owned(), what: what.into() }
}

fn failed(run: u64, code: &str, what: impl Into<String>) -> Finish {
    Finish { run, outcome: failure(code, what), report: Report::default(), candidate: None }
}

/// Tells a task what its agent says, and keeps the rest when the task does not listen any more.
struct Telling {
    task: Handle<TaskKind>,
    stage: StageId,
    generation: Generation,
    fenced: bool,
    stopping: bool,
    /// What was said since the fence.
    late: Report,
    late_bytes: usize,
    output: LiveOutput,
}

impl Telling {
    fn new(task: Handle<TaskKind>, run: &Run, output: LiveOutput) -> Self {
        let (stage, generation, late) = (run.stage.clone(), run.generation, Report::default());
        Self { task, stage, generation, fenced: false, stopping: false, late, late_bytes: 0, output }
    }

    /// Sends something that is not kept if it is too late: the stage has gone on to another generation, or the run was
    /// ended by a pause and its generation holds.
    async fn send(&mut self, command: Command) -> Result<(), String> {
        let mut wait = SEND_WAIT;
        let mut sent = self.task.send(command.clone()).await;
        for _ in 1..SEND_TRIES {
            // A full disk or a full mailbox: nothing was done, so nothing is said twice.
            if !sent.as_ref().is_err_and(|error| error.class() == Class::Unavailable) {
                break;
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
            sent = self.task.send(command.clone()).await;
        }
        match sent {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.rejection(), Some(Rejection::Stale { .. } | Rejection::Conflict { .. })) => {
                self.fenced = true;
                Ok(())
            }
            Err(error) if error.rejection().is_some() => {
                tracing::warn!(task = %self.task.id(), %error, "what an agent said was refused");
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes in what was said.
    async fn take(&mut self, lines: Vec<Line>) -> Result<(), String> {
        let at = self.task.now();
        self.show(&lines);
        let mut report = Report::default();
        for line in lines {
            self.put(&mut report, line, at);
            if report.lines.len() >= LINES_PER_REPORT {
                self.tell(std::mem::take(&mut report)).await?;
            }
        }
        if report != Report::default() {
            self.tell(report).await?;
        }
        Ok(())
    }

    /// Shows lines to those who look on. What is said after the fence is no part of the task any more.
    fn show(&mut self, lines: &[Line]) {
        if self.fenced || self.stopping {
            return;
        }
        for line in lines {
            if let Line::Text { text, .. } = line {
                self.output.line(text);
            }
        }
        self.output.show();
    }

    async fn tell(&mut self, report: Report) -> Result<(), String> {
        if !self.fenced {
            let (stage, generation) = (self.stage.clone(), self.generation);
            self.send(Command::Report { stage, generation, report: Box::new(report.clone()) }).await?;
        }
        if self.fenced {
            self.keep(report);
        }
        Ok(())
    }

    fn keep(&mut self, said: Report) {
        let Report { lines, todos, session, carry_over, output, handoff, score, passed } = said;
        for line in lines {
            self.late_bytes = self.late_bytes.saturating_add(line.text.len());
            if self.late_bytes <= LATE_BYTES_MAX && self.late.lines.len() < LATE_LINES_MAX {
                self.late.lines.push(line);
            }
        }
        let late = &mut self.late;
        late.todos = todos.or(late.todos.take());
        late.session = session.or(late.session.take());
        late.carry_over = carry_over.or(late.carry_over.take());
        late.output = output.or(late.output.take());
        late.handoff = handoff.or(late.handoff.take());
        late.score = score.or(late.score);
        late.passed = passed.or(late.passed);
    }

    fn put(&self, report: &mut Report, line: Line, at: Timestamp) {
        match line {
            Line::Text { stream, text, .. } => {
                let of = (self.stage.clone(), self.generation);
                let source = match stream {
                    Stream::Out => LogSource::Out(of.0, of.1),
                    Stream::Err => LogSource::Err(of.0, of.1),
                };
                report.lines.push(LogLine { at, source, text });
            }
            Line::Left(bytes) => {
                let text = format!("{bytes} bytes of output were left out: the agent said too much");
                report.lines.push(LogLine { at, source: LogSource::Restage, text });
            }
            Line::Said(said) => self.put_said(report, said, at),
        }
    }

    /// What is longer than a task takes is left out, and that is said: the rest of the report is not refused for it.
    fn put_said(&self, report: &mut Report, said: Said, at: Timestamp) {
        let longest =
            |todos: &[crate::agents::Todo]| todos.iter().map(|todo| todo.text.len()).max().unwrap_or_default();
        let (what, bytes, most) = match &said {
            Said::Todos(todos) => ("a thing to do", longest(todos), limits::TODO_BYTES_MAX),
            Said::Output(text) => ("the output", text.len(), limits::OUTPUT_BYTES_MAX),
            Said::Handoff(text) => ("the hand-off", text.len(), limits::HANDOFF_BYTES_MAX),
            Said::Continue(text) => ("what is left for the next run", text.len(), limits::CARRY_OVER_BYTES_MAX),
            Said::Session(_) | Said::Score(_) | Said::Result(_) => ("", 0, 0),
        };
        if bytes > most {
            let text = format!("{what} has {bytes} bytes, the most is {most}: it was not taken");
            report.lines.push(LogLine { at, source: LogSource::Restage, text });
            return;
        }
        match said {
            Said::Todos(todos) => {
                let todo = |todo: crate::agents::Todo| Todo { text: todo.text, done: todo.done };
                report.todos = Some(todos.into_iter().map(todo).collect());
            }
            Said::Output(text) => report.output = Some(text),
            Said::Handoff(text) => report.handoff = Some(text),
            Said::Continue(text) => report.carry_over = Some(text),
            Said::Session(id) => report.session = Some(id),
            Said::Score(score) => report.score = Some(thousandths(score)),
            Said::Result(passed) => report.passed = Some(passed),
        }
    }

    /// What the task was not told.
    fn rest(self) -> Report {
        self.late
    }
}

impl Slot {
    fn set_running(&self, running: Running) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// A run is over. The next one may have begun before this one's end was told.
    fn forget_running(&self, run: u64) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take_if(|running| running.run == run);
    }

    fn set_finished(&self, finish: Finish) {
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(finish);
    }

    /// What came of a run, if the task was not told. It stays until the task was.
    fn finished_of(&self, run: u64) -> Option<Finish> {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.clone().filter(|finish| finish.run == run)
    }

    fn forget_finished(&self, run: u64) {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).take_if(|finish| finish.run == run);
    }
}

/// A score of 0 to 1; what is beyond is the nearest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 1000")]
fn thousandths(score: f64) -> Score {
    Score((score.clamp(0.0, 1.0) * 1_000.0).round() as u16)
}
