//! How a plan is shown: what would happen to what, and why.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::files;
use super::output::{Cell, Table, Tone};
use super::time;
use crate::api::{Fate, Look, Plan, StageId};

/// What the stages of something are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Of a workshop.
    Step,
    /// Of a task.
    Stage,
    /// Of a workflow.
    Gate,
}

impl Unit {
    /// In JSON.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Stage => "stage",
            Self::Gate => "gate",
        }
    }

    /// Above a column.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Step => "STEP",
            Self::Stage => "STAGE",
            Self::Gate => "GATE",
        }
    }
}

/// A plan, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub(super) plan: Plan,
    pub(super) unit: Unit,
    /// What would happen to files; for what has files.
    pub(super) look: Option<Look>,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(to)
    }
}

impl Shown {
    /// A plan for something without files.
    pub(super) fn new(plan: Plan, unit: Unit) -> Self {
        Self { plan, unit, look: None }
    }

    pub(super) fn json(&self) -> Value {
        let (plan, unit) = (&self.plan, self.unit.key());
        let mut json = json!({
            "verb": plan.verb,
            unit: plan.stage,
            "lines": plan.lines.iter().map(|line| json!({
                "fate": line.fate, unit: line.stage, "what": line.what, "why": line.why,
            })).collect::<Vec<_>>(),
            "undo_until": plan.undo_until.map(|until| time::rfc3339(until.as_millis())),
            "revision": plan.revision,
            "drafts": plan.drafts,
            "token": plan.token,
        });
        if let (Some(look), Value::Object(json)) = (&self.look, &mut json) {
            json.insert("files".into(), files::json(look));
        }
        json
    }

    pub(super) fn text(&self, width: Option<u16>) -> String {
        let plan = &self.plan;
        let mut table = Table::new(["", self.unit.heading(), "WHAT", "WHY"]);
        for line in &plan.lines {
            let (word, tone) = fate(line.fate);
            let stage = line.stage.as_ref().map_or("", StageId::as_str);
            table.row([
                Cell::new(word, tone),
                stage.into(),
                line.what.as_str().into(),
                Cell::new(line.why.as_str(), Tone::Faint),
            ]);
        }
        let of = plan.stage.as_ref().map(|stage| format!(" {stage}")).unwrap_or_default();
        let mut text = format!("{}{of} would do this:\n{}", plan.verb, table.text(width));
        if plan.drafts > 0 {
            text.push_str(&format!("drafts written down first: {}\n", plan.drafts));
        }
        if let Some(look) = &self.look {
            text.push_str(&files::planned(look));
        }
        text.push_str(&match plan.undo_until {
            Some(until) => format!("it can be undone until {}\n", time::rfc3339(until.as_millis())),
            None => "it can't be undone\n".to_owned(),
        });
        text.push_str(&format!("to do exactly this: --plan {}", plan.token));
        text
    }
}

/// What happens to something, in a word.
pub(super) fn fate(fate: Fate) -> (&'static str, Tone) {
    match fate {
        Fate::Cleared => ("cleared", Tone::Bad),
        Fate::Kept => ("kept", Tone::Plain),
        Fate::Stale => ("stale", Tone::Attention),
        Fate::Restored => ("restored", Tone::Good),
        Fate::Archived => ("archived", Tone::Attention),
        Fate::Fenced => ("fenced", Tone::Busy),
        Fate::Deleted => ("deleted", Tone::Bad),
    }
}
