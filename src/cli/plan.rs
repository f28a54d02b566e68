//! How a plan is shown: what would happen to what, and why.

use serde::{Serialize as _, Serializer};
use serde_json::{Value, json};

use super::output::{Cell, Table, Tone};
use super::time;
use crate::api::{Fate, Plan, StageId};

/// A plan within something else.
#[expect(clippy::ref_option, reason = "serde hands it over like this")]
pub(super) fn serialize<S: Serializer>(plan: &Option<Box<Plan>>, to: S) -> Result<S::Ok, S::Error> {
    plan.as_deref().map(json).serialize(to)
}

pub(super) fn json(plan: &Plan) -> Value {
    json!({
        "verb": plan.verb,
        "step": plan.stage,
        "lines": plan.lines.iter().map(|line| json!({
            "fate": line.fate, "step": line.stage, "what": line.what, "why": line.why,
        })).collect::<Vec<_>>(),
        "undo_until": plan.undo_until.map(|until| time::rfc3339(until.as_millis())),
        "revision": plan.revision,
        "drafts": plan.drafts,
        "token": plan.token,
    })
}

pub(super) fn text(plan: &Plan, width: Option<u16>) -> String {
    let mut table = Table::new(["", "STEP", "WHAT", "WHY"]);
    for line in &plan.lines {
        let (word, tone) = fate(line.fate);
        let step = line.stage.as_ref().map_or("", StageId::as_str);
        table.row([
            Cell::new(word, tone),
            step.into(),
            line.what.as_str().into(),
            Cell::new(line.why.as_str(), Tone::Faint),
        ]);
    }
    let of = plan.stage.as_ref().map(|step| format!(" {step}")).unwrap_or_default();
    let mut text = format!("{}{of} would do this:\n{}", plan.verb, table.text(width));
    if plan.drafts > 0 {
        text.push_str(&format!("drafts written down first: {}\n", plan.drafts));
    }
    text.push_str(&match plan.undo_until {
        Some(until) => format!("it can be undone until {}\n", time::rfc3339(until.as_millis())),
        None => "it can't be undone\n".to_owned(),
    });
    text.push_str(&format!("to do exactly this: --plan {}", plan.token));
    text
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
