//! Workflows and their gates, as they are.

use serde_json::json;

use super::{Call, status};
use crate::api::EntityId;
use crate::api::View;
use crate::api::workflow::{GateOutline, GateState, RunState, WorkflowKind};
use crate::cli::args::workflow::OneArgs;
use crate::cli::output::{Cell, Table, Tone, line};
use crate::cli::stop::Outcome;
use crate::cli::time;

/// Workflows read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn list(call: &mut Call<'_>) -> Outcome {
    let mut table = Table::new(["WORKFLOW", "TITLE", "STORY", "STATUS", "GATE", "PASSED", "CHANGED"]);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = call.all.list(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().cloned() else { break };
        for id in page {
            let view = call.all.peek(&id).await?;
            let state = &view.state;
            let (word, tone) = status(state.status());
            let gate = state.current().map(|(outline, _)| outline.id.clone());
            let changed = time::rfc3339(view.updated_at.as_millis());
            table.row([
                id.as_str().into(),
                state.title.as_str().into(),
                state.story.as_str().into(),
                Cell::new(word, tone),
                gate.as_ref().map(|gate| gate.as_str()).unwrap_or_default().into(),
                format!("{}/{}", state.gate, state.gates.len()).into(),
                Cell::new(changed.as_str(), Tone::Faint),
            ]);
            all.push(json!({
                "workflow": id,
                "title": state.title,
                "story": state.story,
                "template": state.outline.template,
                "status": word,
                "gate": gate,
                "phase": state.phase(),
                "passed": state.gate,
                "gates": state.gates.len(),
                "updated_at": changed,
            }));
        }
        after = Some(last);
    }
    if all.is_empty() {
        call.output.note("there are no workflows yet; make one: restage workflow start ID --title TEXT");
    }
    Ok(call.output.data(&json!({ "workflows": all }), |width| table.text(width))?)
}

pub(super) async fn show(call: &mut Call<'_>, args: &OneArgs) -> Outcome {
    let (workflow, view) = call.workflow(&args.workflow, None).await?;
    let (id, state) = (workflow.id(), &view.state);
    let (word, _) = status(state.status());
    let mut table =
        Table::new(["", "GATE", "PHASE", "GEN", "TASKS", "WAITING", "UNDER WAY", "RESULTS", "APPROVAL", "PASSED"]);
    let mut gates = Vec::new();
    for (place, (outline, gate)) in (0_u16..).zip(state.gates()) {
        let ahead: u64 = state.lanes_of(place).map(|(_, lane)| lane.ahead()).sum();
        let under_way = state.under_way_of(place).count();
        let generation = view.generation(&outline.id);
        let (approval, tone) = approval(outline, gate);
        table.row([
            if place == state.gate { ">".into() } else { "".into() },
            format!("{place} {}", outline.id).into(),
            Cell::new(outline.phase.as_str(), Tone::Faint),
            generation.to_string().into(),
            state.tasks_of(place).to_string().into(),
            ahead.to_string().into(),
            under_way.to_string().into(),
            gate.results.to_string().into(),
            Cell::new(approval, tone),
            Cell::new(gate.passed_at.map(|at| time::rfc3339(at.as_millis())).unwrap_or_default(), Tone::Faint),
        ]);
        gates.push(json!({
            "gate": outline.id,
            "place": place,
            "name": outline.name,
            "phase": outline.phase,
            "generation": generation,
            "tasks": state.tasks_of(place),
            "waiting": ahead,
            "under_way": under_way,
            "results": gate.results,
            "cancelled": gate.given_up,
            "needs_approval": outline.approval,
            "approved_by": gate.approval.as_ref().filter(|_| gate.is_approved()).map(|approval| approval.by.clone()),
            "passed_at": gate.passed_at.map(|at| time::rfc3339(at.as_millis())),
        }));
    }
    let answer = json!({
        "workflow": id,
        "title": state.title,
        "story": state.story,
        "template": state.outline.template,
        "status": word,
        "gate": state.current().map(|(outline, _)| &outline.id),
        "phase": state.phase(),
        "error": state.error,
        "run": state.run.as_ref().map(|run| json!({
            "number": run.number, "status": run.status, "until": run.until, "by": run.by,
            "started_at": time::rfc3339(run.started_at.as_millis()),
        })),
        "gates": gates,
        "undo_points": view.undo_points.len(),
        "orphans": view.orphans.len(),
        "revision": view.revision,
    });
    Ok(call.output.data(&answer, |width| heading(id, &view, word) + &table.text(width))?)
}

fn heading(id: &EntityId, view: &View<WorkflowKind>, word: &str) -> String {
    let state = &view.state;
    let of = if state.story.is_empty() { String::new() } else { format!(", story {}", line(&state.story)) };
    let mut text = format!("{id}: {}{of}\n{word}{}\n", line(&state.title), run_text(state.run.as_ref()));
    if let Some(error) = &state.error {
        text.push_str(&format!("problem: {}\n", line(error)));
    }
    if !view.orphans.is_empty() {
        text.push_str(&format!("late work: {}; see it: restage workflow orphans {id}\n", view.orphans.len()));
    }
    text.push('\n');
    text
}

fn run_text(run: Option<&RunState>) -> String {
    let Some(run) = run else { return String::new() };
    let until = run.until.as_ref().map(|gate| format!(" until {gate}")).unwrap_or_default();
    format!(", run {}{until}, begun by {}", run.number, line(&run.by))
}

/// Whether a person has given their word, where one is asked.
fn approval(outline: &GateOutline, gate: &GateState) -> (String, Tone) {
    match &gate.approval {
        Some(approval) if gate.is_approved() => (format!("by {}", approval.by), Tone::Good),
        Some(_) => ("fell".into(), Tone::Attention),
        None if outline.approval => ("needed".into(), Tone::Faint),
        None => (String::new(), Tone::Plain),
    }
}
