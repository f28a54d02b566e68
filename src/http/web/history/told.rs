//! What events mean, in words.

use serde_json::Value;

use crate::api::events::Event;
use crate::http::web::marks::{Mark, Tone};
use crate::http::web::text::{Safe, line};

/// What happened, as people read it.
#[derive(Debug)]
pub(super) struct Told {
    /// The status that it comes to, or the sort of thing that it is.
    pub(super) mark: Mark,
    /// What happened.
    pub(super) text: Safe,
    /// Whether whoever wants it short reads it too.
    pub(super) is_notable: bool,
}

/// The sorts of things that happen.
enum Sort {
    /// Something went back, or was overruled.
    Back,
    /// Something was done for good.
    Done,
    /// Something begins or goes on.
    On,
    /// Somebody should look.
    Look,
    /// Something does not work.
    Fault,
    /// A small thing.
    Small,
}

impl Sort {
    fn mark(&self) -> Mark {
        match self {
            Self::Back => Mark::new(Tone::Warn, '↩', "went back"),
            Self::Done => Mark::new(Tone::Done, '✓', "done"),
            Self::On => Mark::new(Tone::Active, '▸', "goes on"),
            Self::Look => Mark::new(Tone::Warn, '!', "notice"),
            Self::Fault => Mark::new(Tone::Bad, '✕', "failed"),
            Self::Small => Mark::new(Tone::Idle, '·', "note"),
        }
    }
}

/// An event in words.
pub(super) fn told(event: &Event) -> Told {
    let name = event.r#type.split_once('.').map_or("", |(_, name)| name);
    let stage = event.stage.as_ref().map_or("", |stage| stage.as_str());
    let (sort, text) = common(name, stage, &event.data)
        .or_else(|| match event.kind.as_str() {
            "workshop" => workshop(name, stage, &event.data),
            "task" => task(name, stage, &event.data),
            "workflow" => workflow(name, &event.data),
            _ => None,
        })
        .unwrap_or_else(|| (Sort::Small, format!("{} {stage}", name.replace('_', " "))));
    Told { mark: sort.mark(), text: line(text.trim_end()), is_notable: !matches!(sort, Sort::Small) }
}

/// A member of an event's data as text.
fn of(data: &Value, name: &str) -> String {
    match data.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        Some(other) => other.to_string(),
    }
}

fn is(data: &Value, name: &str) -> bool {
    data.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// What happens to entities of every kind.
fn common(name: &str, stage: &str, data: &Value) -> Option<(Sort, String)> {
    Some(match name {
        "went_back" => (Sort::Back, format!("{} {stage}", of(data, "verb"))),
        "undone" => (Sort::Back, format!("undo: point {} was taken back", of(data, "undone"))),
        "undo_points_gone" => (Sort::Small, format!("can't be undone any more: {}", of(data, "undo_points"))),
        "orphan_kept" => (Sort::Look, format!("late work for {stage} was kept aside: orphan {}", of(data, "orphan"))),
        "orphan_gone" => (Sort::Small, format!("orphan {} was adopted or discarded", of(data, "orphan"))),
        "paused" => (Sort::Look, "paused".to_owned()),
        "resumed" => (Sort::On, "resumed".to_owned()),
        "changed" => (Sort::Small, "something small".to_owned()),
        _ => return None,
    })
}

fn workshop(name: &str, stage: &str, data: &Value) -> Option<(Sort, String)> {
    let version = of(data, "artifact_version");
    Some(match name {
        "created" => (Sort::On, format!("created: {}", of(data, "title"))),
        "message_saved" => (Sort::Small, format!("message {} of {stage} was saved", of(data, "ordinal"))),
        "step_began" => (Sort::On, format!("{stage} was begun")),
        "sub_step_entered" => (Sort::Small, format!("{stage}: went to {}", of(data, "sub_step"))),
        "artifact_written" => (Sort::Small, format!("artifact of {stage}: version {version}")),
        "artifact_confirmed" => (Sort::Done, format!("artifact of {stage} was confirmed: version {version}")),
        "summary_written" => (Sort::Small, format!("summary of {stage} was written")),
        "step_completed" => (Sort::Done, format!("{stage} is complete")),
        "step_reset" => (Sort::Back, format!("{stage} starts over")),
        "step_revised" => (Sort::Back, format!("{stage} was reopened")),
        "step_stale" => (Sort::Look, format!("{stage} needs regeneration")),
        "step_waits" => (Sort::Small, format!("{stage} waits for less")),
        "step_fresh" => (Sort::Done, format!("{stage} is fresh again")),
        "facilitator_asked" => (Sort::Small, format!("{stage}: the facilitator was asked")),
        "facilitator_settled" => (Sort::Small, format!("{stage}: the facilitator is done")),
        "step_accepted" => (Sort::Done, format!("{stage} was accepted as it is")),
        _ => return None,
    })
}

fn task(name: &str, stage: &str, data: &Value) -> Option<(Sort, String)> {
    let fault = || format!("{}: {}", of(data, "doing"), of(data, "what"));
    let short = |name: &str| of(data, name).chars().take(10).collect::<String>();
    Some(match name {
        "created" => (Sort::On, format!("created: {}", of(data, "title"))),
        "stage_changed" => (Sort::Small, format!("now {}", of(data, "status").replace('_', " "))),
        "stage_entered" => (Sort::On, format!("{stage} was entered")),
        "stage_run" => (Sort::On, format!("{stage}: run {}", of(data, "run"))),
        "stage_said" => (Sort::Small, format!("{stage}: its agent said something")),
        "stage_finished" => (Sort::Small, format!("{stage}: run {} ended", of(data, "run"))),
        "stage_interrupted" => (Sort::Look, format!("{stage}: run {} was ended before it was done", of(data, "run"))),
        "stage_approved" => (Sort::Done, format!("{stage} was approved")),
        "approval_fell" => (Sort::Look, format!("{stage}: its approval fell, the files changed")),
        "stage_rejected" => (Sort::Back, format!("{stage} was rejected")),
        "stage_completed" => (Sort::Done, format!("{stage} is complete")),
        "stage_cleared" => (Sort::Back, format!("{stage} was cleared")),
        "stage_adopted" => (Sort::Done, format!("{stage}: late work was taken in")),
        "operation_began" => (Sort::Small, format!("{} began", of(data, "does").replace('_', " "))),
        "operation_ended" => (Sort::Small, "the files are moved".to_owned()),
        "operation_failed" | "run_failed" => (Sort::Fault, fault()),
        "rolled_back" => (Sort::Back, format!("files went back to {}; {}", short("to"), of(data, "snapshot"))),
        "agent_began" => (Sort::Small, format!("{stage}: an agent is at work")),
        "agent_ended" => (Sort::Small, "no agent is at work".to_owned()),
        "worktree_made" => (Sort::Small, format!("worktree made, branch {}", of(data, "branch"))),
        "worktree_removed" => (Sort::Small, "worktree removed".to_owned()),
        "worktree_back" => (Sort::Small, "worktree is there again".to_owned()),
        "merged" => (Sort::Done, format!("merged: {}", short("commit"))),
        "blocked" => (Sort::Fault, format!("blocked: {}", of(data, "why"))),
        "unblocked" => (Sort::On, "not blocked any more".to_owned()),
        "dependency_changed" if is(data, "done") => (Sort::On, format!("task {} is done", of(data, "task"))),
        "dependency_changed" => (Sort::Look, format!("task {} is not done", of(data, "task"))),
        "log_grew" => (Sort::Small, "its log grew".to_owned()),
        _ => return None,
    })
}

fn workflow(name: &str, data: &Value) -> Option<(Sort, String)> {
    let gate = data.get("gate").and_then(Value::as_u64).map_or(0, |gate| gate.saturating_add(1));
    let (task, attempt) = (of(data, "task"), of(data, "attempt"));
    Some(match name {
        "started" => (Sort::On, format!("started: {}", of(data, "title"))),
        "gate_entered" => (Sort::On, format!("stands before gate {gate}")),
        "gate_changed" if is(data, "passed") => (Sort::Done, format!("gate {gate} is passed")),
        "gate_changed" if is(data, "approved") => (Sort::Done, format!("gate {gate} was approved")),
        "gate_changed" => (Sort::Small, format!("gate {gate}: {} results", of(data, "results"))),
        "run_changed" => (Sort::On, format!("run {} is {}", of(data, "run"), of(data, "status"))),
        "tasks_changed" => (Sort::Small, format!("tasks for {} were handed out or taken", of(data, "domain"))),
        "task_claimed" => (Sort::Small, format!("{task}: {} has it, attempt {attempt}", of(data, "worker"))),
        "task_heartbeat" => (Sort::Small, format!("{task}: {} is alive {}", of(data, "worker"), of(data, "progress"))),
        "task_waiting" => (Sort::Small, format!("{task}: to be handed out again {}", of(data, "problem"))),
        "task_failed" => (Sort::Fault, format!("{task} failed, attempt {attempt}: {}", of(data, "problem"))),
        "task_settled" => (Sort::Small, format!("{task} is over")),
        "stuck" => (Sort::Fault, format!("it can't go on: {}", of(data, "why"))),
        "unstuck" => (Sort::On, "it goes on".to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::*;
    use crate::api::EntityId;
    use crate::api::events::Offset;

    fn event(r#type: &str, stage: Option<&str>, data: Value) -> Event {
        Event {
            position: "1.1".parse::<Offset>().unwrap(),
            r#type: Cow::Owned(r#type.to_owned()),
            kind: r#type.split('.').next().unwrap().to_owned(),
            id: EntityId::new("a").unwrap(),
            revision: 1,
            at: None,
            by: String::new(),
            reason: None,
            stage: stage.map(|stage| crate::api::StageId::new(stage).unwrap()),
            generation: None,
            data,
        }
    }

    #[test]
    fn what_happened_is_told_in_words() {
        let cases = [
            (event("workshop.went_back", Some("goals"), json!({ "verb": "reset" })), "reset goals", true),
            (
                event("workshop.message_saved", Some("goals"), json!({ "ordinal": 3 })),
                "message 3 of goals was saved",
                false,
            ),
            (event("task.blocked", None, json!({ "why": "<b>" })), "blocked: &lt;b&gt;", true),
            (event("workflow.gate_changed", None, json!({ "gate": 0, "passed": true })), "gate 1 is passed", true),
            (event("task.new_thing", Some("plan"), json!({})), "new thing plan", false),
            (event("else.some_thing", None, json!({})), "some thing", false),
        ];
        for (event, text, is_notable) in cases {
            let told = told(&event);
            assert_eq!((told.text.as_str(), told.is_notable), (&*format!("<bdi>{text}</bdi>"), is_notable));
        }
    }

    #[test]
    fn every_type_of_the_documentation_has_words() {
        let documented = include_str!("../../../../docs/events.md");
        let types = documented.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut seen = 0;
        for name in types.map(|(name, _)| name) {
            let (kind, name) = match name.split_once('.') {
                Some(("KIND", name)) => ("task", name),
                Some((kind @ ("workshop" | "task" | "workflow"), name)) => (kind, name),
                _ => continue,
            };
            let event = event(&format!("{kind}.{name}"), Some("plan"), json!({}));
            let fallback = format!("<bdi>{} plan</bdi>", name.replace('_', " "));
            assert_ne!(told(&event).text.as_str(), fallback, "{kind}.{name}");
            seen += 1;
        }
        assert!(seen > 60, "{seen}");
    }
}
