//! Agents at work: how a run begins, what its agent says, how it ends.

use super::approval;
use super::command::{Cause, Event, Finish, Outcome, Reply, Report};
use super::content::{HANDOFF_PATH, LogLine, OUTPUT_PATH, TODOS_PATH};
use super::limits::{
    AGENT_NAME_BYTES_MAX, CARRY_OVER_BYTES_MAX, HANDOFF_BYTES_MAX, LINE_BYTES_MAX, LINES_PER_REPORT_MAX,
    OUTPUT_BYTES_MAX, REPORT_LINES_BYTES_MAX, RUNS_PER_STAGE_MAX, SENTENCE_BYTES_MAX, SESSION_BYTES_MAX,
    TODO_BYTES_MAX, TODOS_MAX,
};
use super::state::{Problem, Run, StageState, StageStatus};
use super::tier::StageOutline;
use super::turn::{RUN, Turn};
use crate::domain::stored::encode;
use crate::domain::text::{check_line, cut};
use crate::domain::{Digest, Generation, Inherit, Rejection, StageId};

/// The score of something that could not be better.
const SCORE_MOST: u16 = 1000;

pub(super) fn run(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    let what = "running";
    let (outline, stage) = turn.current(what)?;
    match stage.status {
        StageStatus::Ready | StageStatus::Rejected => begin(turn, &outline, stage),
        StageStatus::Failed | StageStatus::Interrupted => {
            Err(refused(what, &outline, &stage, "retry it: it goes on with everything that is there"))
        }
        _ => Err(refused(what, &outline, &stage, hint_for(&stage))),
    }
}

pub(super) fn retry(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    let what = "retrying";
    let (outline, stage) = turn.current(what)?;
    match stage.status {
        StageStatus::Failed | StageStatus::Interrupted => begin(turn, &outline, stage),
        StageStatus::Ready | StageStatus::Rejected => Err(refused(what, &outline, &stage, "run it")),
        _ => Err(refused(what, &outline, &stage, hint_for(&stage))),
    }
}

fn refused(what: &str, outline: &StageOutline, stage: &StageState, hint: &str) -> Rejection {
    Rejection::conflict(format!("{what} {}", outline.id), format!("the stage is {}", stage.status), hint)
}

fn hint_for(stage: &StageState) -> &'static str {
    match stage.status {
        StageStatus::ToApprove => "approve or reject it",
        StageStatus::Running => "wait for its agent, or pause the task",
        _ => "wait until that is done",
    }
}

/// Runs the stage the task is in if it does so by itself, and can.
pub(super) fn go_on_by_itself(turn: &mut Turn<'_>) -> Result<(), Rejection> {
    let rests = turn.state.paused.is_some() || turn.state.blocked.is_some();
    match turn.state.current() {
        Some((outline, stage)) if turn.state.auto && !rests && stage.status == StageStatus::Ready => {
            let (outline, stage) = (outline.clone(), stage.clone());
            begin(turn, &outline, stage)
        }
        _ => Ok(()),
    }
}

/// Has an agent work on a stage, under a generation of its own.
fn begin(turn: &mut Turn<'_>, outline: &StageOutline, stage: StageState) -> Result<(), Rejection> {
    let what = format!("running {}", outline.id);
    turn.nothing_under_way(&what)?;
    turn.goes_on(&what)?;
    if turn.state.place.is_none() {
        return Err(Rejection::conflict(what, "the task has no worktree", "restart it in full, and start it again"));
    }
    if stage.runs >= RUNS_PER_STAGE_MAX {
        let most = usize::try_from(RUNS_PER_STAGE_MAX).unwrap_or(usize::MAX);
        return Err(Rejection::limit("runs of a stage", most));
    }
    let generation = turn.raise(&outline.id, Inherit::Current);
    let number = turn.state.runs.saturating_add(1);
    let running = StageState {
        status: StageStatus::Running,
        runs: stage.runs.saturating_add(1),
        last_run: number,
        candidate: None,
        approval: None,
        score: None,
        passed: None,
        ..stage
    };
    turn.set(&outline.id, Cause::Run, running);
    if turn.state.cleaned_up {
        turn.happen(Event::CleanedUp(false));
    }
    let (stage, since) = (outline.id.clone(), turn.input.now);
    turn.happen(Event::Run(Some(Run { number, stage: stage.clone(), generation, since, process: None })));
    turn.owe(RUN, super::Effect::Run { run: number });
    turn.log(format!("{stage}: run {number} begins"));
    turn.decision.reply = Reply::Running { run: number, stage, generation };
    Ok(())
}

/// Ends the run before its agent did. What its agent did is in the worktree.
pub(super) fn interrupt(turn: &mut Turn<'_>, run: &Run) {
    turn.happen(Event::Run(None));
    turn.owe_no_more(RUN);
    if let Ok(stage) = turn.state.stage(&run.stage).cloned() {
        turn.set(&run.stage, Cause::Interrupted, StageState { status: StageStatus::Interrupted, ..stage });
    }
    turn.log(format!("{}: run {} is ended", run.stage, run.number));
}

/// The run that a writer speaks of. The engine has turned away those of an older generation.
fn active(turn: &Turn<'_>, stage: &StageId, generation: Generation) -> Result<Run, Rejection> {
    turn.state.stage(stage)?;
    let run = turn.state.run.clone().filter(|run| run.stage == *stage && run.generation == generation);
    run.ok_or_else(|| {
        let why = format!("no agent is at work on it under generation {generation}");
        Rejection::conflict(format!("telling about {stage}"), why, "")
    })
}

pub(super) fn started(
    turn: &mut Turn<'_>,
    stage: &StageId,
    generation: Generation,
    agent: &str,
    process: &(u32, u64, String),
) -> Result<(), Rejection> {
    let run = active(turn, stage, generation)?;
    check_line("agent", agent, AGENT_NAME_BYTES_MAX)?;
    check_line("boot", &process.2, AGENT_NAME_BYTES_MAX)?;
    if run.process.as_ref() == Some(process) {
        return Ok(());
    }
    let (session, carry_over) = (turn.state.session.clone(), turn.state.carry_over.clone());
    turn.happen(Event::Agent { name: Some(agent.to_owned()), session, carry_over });
    turn.log(format!("{stage}: run {} is agent {agent}, process {}", run.number, process.0));
    turn.happen(Event::Run(Some(Run { process: Some(process.clone()), ..run })));
    Ok(())
}

pub(super) fn report(
    turn: &mut Turn<'_>,
    stage: &StageId,
    generation: Generation,
    report: &Report,
) -> Result<(), Rejection> {
    active(turn, stage, generation)?;
    check(report)?;
    hear(turn, stage, report)
}

pub(super) fn finish(turn: &mut Turn<'_>, stage: &StageId, finish: &Finish) -> Result<(), Rejection> {
    let known = turn.state.stage(stage)?.clone();
    check(&finish.report)?;
    if finish.run == 0 || finish.run > turn.state.runs {
        return Err(Rejection::invalid("run", format!("there was no run {} yet", finish.run)));
    }
    match turn.state.run.clone() {
        Some(run) if run.number == finish.run && run.stage == *stage => ended(turn, stage, finish),
        _ if known.last_ended == finish.run => {
            let why = "its end is known already";
            Err(Rejection::conflict(format!("ending run {} of {stage}", finish.run), why, ""))
        }
        _ => adopt(turn, stage, &known, finish),
    }
}

/// The run that is under way has ended.
fn ended(turn: &mut Turn<'_>, stage: &StageId, finish: &Finish) -> Result<(), Rejection> {
    hear(turn, stage, &finish.report)?;
    let outline = turn.state.tier.stages.iter().find(|outline| outline.id == *stage).cloned();
    let outline = outline.ok_or_else(|| Rejection::not_found("stage", stage))?;
    let heard = StageState { last_ended: finish.run, ..turn.state.stage(stage)?.clone() };
    turn.happen(Event::Run(None));
    turn.owe_no_more(RUN);
    let by_itself = turn.state.auto || !outline.approval;
    let (code, what, hint) = match (&finish.outcome, &finish.candidate) {
        (Outcome::Interrupted, _) => {
            turn.set(stage, Cause::Finished, StageState { status: StageStatus::Interrupted, ..heard });
            turn.log(format!("{stage}: run {} was interrupted", finish.run));
            return Ok(());
        }
        (Outcome::Failed { code, what }, _) => (code.as_str(), what.clone(), "retry it, or reject it with words"),
        (Outcome::Done, None) => {
            let what = format!("run {} is done, but the files it left could not be read", finish.run);
            ("unreadable_files", what, "look at the worktree, and retry it")
        }
        (Outcome::Done, Some(_)) if by_itself && outline.judged && heard.passed != Some(true) => {
            let found = if heard.passed == Some(false) { "does not hold" } else { "was not judged" };
            let what = format!("{stage} approves itself only if what it verifies holds, and that {found}");
            ("not_passed", what, "restart to the stage that has to be done better, or retry or reject this one")
        }
        (Outcome::Done, Some(candidate)) => {
            let to_approve = StageState { status: StageStatus::ToApprove, candidate: Some(candidate.clone()), ..heard };
            turn.set(stage, Cause::Finished, to_approve);
            let changed = candidate.changed;
            turn.log(format!("{stage}: run {} is done, files changed: {changed}, tree {}", finish.run, candidate.tree));
            return if by_itself { approval::approve_by_itself(turn, stage) } else { Ok(()) };
        }
    };
    let what = cut(&what, SENTENCE_BYTES_MAX);
    turn.set(stage, Cause::Finished, StageState { status: StageStatus::Failed, ..heard });
    turn.log(format!("{stage}: run {} failed: {what}", finish.run));
    let (code, hint) = (cut(code, SENTENCE_BYTES_MAX), hint.to_owned());
    turn.happen(Event::Problem(Problem { at: turn.input.now, doing: format!("run {stage}"), code, what, hint }));
    Ok(())
}

/// Takes the last words of a run in that was ended before: what it put out, not what it left in the worktree.
fn adopt(turn: &mut Turn<'_>, stage: &StageId, known: &StageState, finish: &Finish) -> Result<(), Rejection> {
    let what = format!("taking in what run {} of {stage} said at last", finish.run);
    turn.nothing_under_way(&what)?;
    if let Some(run) = &turn.state.run {
        let why = format!("run {} of {} is under way", run.number, run.stage);
        return Err(Rejection::conflict(what, why, "wait for its end, or pause the task"));
    }
    let is_current = turn.state.current().is_some_and(|(outline, _)| outline.id == *stage);
    let is_open = matches!(
        known.status,
        StageStatus::Ready
            | StageStatus::Interrupted
            | StageStatus::Failed
            | StageStatus::Rejected
            | StageStatus::ToApprove
    );
    if !is_current || !is_open {
        let why = format!("the stage is {}, and the task is {}", known.status, turn.state.status());
        return Err(Rejection::conflict(what, why, "restart to the stage to take it in there"));
    }
    // What an earlier run left for whoever goes on belongs to a state of the worktree that is gone.
    let said = match finish.run == known.last_run {
        true => finish.report.clone(),
        false => Report { session: None, carry_over: None, ..finish.report.clone() },
    };
    hear(turn, stage, &said)?;
    let heard = turn.state.stage(stage)?.clone();
    let last_ended = heard.last_ended.max(finish.run);
    turn.set(stage, Cause::Adopted, StageState { last_ended, ..heard });
    turn.log(format!("{stage}: what run {} said at last is taken in", finish.run));
    Ok(())
}

/// Refuses a report of which anything is larger than it may be.
fn check(report: &Report) -> Result<(), Rejection> {
    let most = |what: &str, size: Option<usize>, most: usize| match size {
        Some(size) if size > most => Err(Rejection::limit(what, most)),
        _ => Ok(()),
    };
    most("lines in a report", Some(report.lines.len()), LINES_PER_REPORT_MAX)?;
    let bytes = |line: &LogLine| line.text.len();
    most("bytes of a line of the log", report.lines.iter().map(bytes).max(), LINE_BYTES_MAX)?;
    most("bytes of the lines in a report", Some(report.lines.iter().map(bytes).sum()), REPORT_LINES_BYTES_MAX)?;
    if let Some(todos) = &report.todos {
        most("things to do of a stage", Some(todos.len()), TODOS_MAX)?;
        most("bytes of a thing to do", todos.iter().map(|todo| todo.text.len()).max(), TODO_BYTES_MAX)?;
    }
    let bytes = |text: &Option<String>| text.as_ref().map(String::len);
    most("bytes of the id of a session", bytes(&report.session), SESSION_BYTES_MAX)?;
    most("bytes of what a run leaves for whoever goes on", bytes(&report.carry_over), CARRY_OVER_BYTES_MAX)?;
    most("bytes of an output", bytes(&report.output), OUTPUT_BYTES_MAX)?;
    most("bytes of a hand-off", bytes(&report.handoff), HANDOFF_BYTES_MAX)?;
    if report.score.is_some_and(|score| score.0 > SCORE_MOST) {
        return Err(Rejection::invalid("score", format!("it is at most {SCORE_MOST}, in thousandths")));
    }
    Ok(())
}

/// Keeps what an agent said.
fn hear(turn: &mut Turn<'_>, stage: &StageId, report: &Report) -> Result<(), Rejection> {
    turn.log_lines(&report.lines);
    let before = turn.state.stage(stage)?.clone();
    let mut heard = before.clone();
    if let Some(todos) = &report.todos {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        heard.todos = (count(todos.iter().filter(|todo| todo.done).count()), count(todos.len()));
        turn.write(stage, TODOS_PATH, encode("things to do", todos)?);
    }
    if let Some(output) = &report.output {
        heard.output = Some(Digest::of(output.as_bytes()));
        turn.write(stage, OUTPUT_PATH, output.as_bytes());
    }
    if let Some(handoff) = &report.handoff {
        heard.handoff = true;
        turn.write(stage, HANDOFF_PATH, handoff.as_bytes());
    }
    heard.score = report.score.or(heard.score);
    heard.passed = report.passed.or(heard.passed);
    if heard != before {
        turn.set(stage, Cause::Said, heard);
    }
    if report.session.is_some() || report.carry_over.is_some() {
        let name = turn.state.agent.clone();
        let session = report.session.clone().or_else(|| turn.state.session.clone());
        let carry_over = report.carry_over.clone().or_else(|| turn.state.carry_over.clone());
        turn.happen(Event::Agent { name, session, carry_over });
    }
    Ok(())
}
