//! What does not go on by itself in a workshop: work that came late, steps that nobody makes again, and a long rest.

use std::time::Duration;

use super::state::{Status, Workshop, WorkshopStatus};
use crate::domain::stuck::{LateWork, Stuck};
use crate::domain::{EntityId, Timestamp};

/// Everything in a workshop that does not go on by itself. What people may yet do is given so much time.
pub fn stuck(
    workshop: &Workshop,
    id: &EntityId,
    orphans: &[LateWork],
    now: Timestamp,
    patience: Duration,
) -> Vec<Stuck> {
    let since = last_moved(workshop);
    let mut found = Vec::new();
    if now.since(since) >= patience {
        found.extend(workshop.steps().filter(|(_, step)| step.status == Status::NeedsRegeneration).map(
            |(stage, _)| Stuck {
                what: "stale",
                part: Some(stage.to_string()),
                since,
                why: format!("what {stage} was made from has changed, and nobody has made it again"),
                cure: format!("restage workshop accept {id} {stage} --reason REASON"),
            },
        ));
        if workshop.status() == WorkshopStatus::Paused {
            found.push(Stuck {
                what: "paused",
                part: None,
                since,
                why: "the workshop is paused, and no step is completed meanwhile".into(),
                cure: format!("restage workshop resume {id}"),
            });
        }
    }
    found.extend(orphans.iter().map(|late| late.stuck(format!("restage workshop adopt {id} {}", late.number))));
    found
}

/// When a step was last begun, reopened or completed.
fn last_moved(workshop: &Workshop) -> Timestamp {
    let times = workshop.steps.iter().flat_map(|step| [step.started_at, step.completed_at]).flatten();
    times.max().unwrap_or(workshop.created_at)
}
