//! What happened, folded into the state.

use super::command::Event;
use super::state::{GateState, Workflow};

pub(super) fn apply(state: &mut Workflow, event: &Event) {
    match event {
        Event::Started { title, story, outline } => {
            *state = Workflow {
                title: title.clone(),
                story: story.clone(),
                gates: vec![GateState::default(); outline.gates.len()],
                outline: (**outline).clone(),
                ..Workflow::default()
            };
        }
        Event::Gate(gate) => state.gate = *gate,
        Event::GateIs(place, gate) => {
            if let Some(known) = state.gates.get_mut(usize::from(*place)) {
                known.clone_from(gate);
            }
        }
        Event::RunIs(run) => state.run = Some((**run).clone()),
        Event::LaneIs(id, lane) => {
            state.lanes.insert(id.clone(), (**lane).clone());
        }
        Event::TaskIs(id, Some(task)) => {
            let claim = task.lease.as_ref().map(|lease| lease.claim).unwrap_or_default();
            state.claims = state.claims.max(claim);
            state.under_way.insert(id.clone(), (**task).clone());
        }
        Event::TaskIs(id, None) => {
            state.under_way.remove(id);
        }
        Event::Error(error) => state.error.clone_from(error),
    }
}
