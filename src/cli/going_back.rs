//! Verbs that go back or overrule: the plan is shown and confirmed, and what is then done is that very plan.

use super::args::ApplyArgs;
use super::call::Call;
use super::plan::{Shown, Unit};
use super::stop::{Outcome, Stop};
use crate::api::PlanToken;

/// A verb that has a plan.
pub(super) trait Verb {
    /// What the stages in its plan are called.
    const UNIT: Unit;
    /// What comes of it.
    type Done;

    /// What it would do now.
    async fn preview(&self) -> Outcome<Shown>;

    /// Does it; only as this plan says, if one is named.
    async fn apply(self, plan: Option<PlanToken>) -> Outcome<Self::Done>;
}

/// Shows the plan, has it confirmed, and does that plan and no other. Gives nothing when it was only to be shown.
pub(super) async fn go_back<T, V: Verb>(
    call: &mut Call<'_, T>,
    verb: V,
    apply: &ApplyArgs,
) -> Outcome<Option<V::Done>> {
    let token = match &apply.plan {
        Some(token) if !call.global.dry_run => Some(PlanToken(token.clone())),
        _ => match (verb.preview().await, &apply.key) {
            (Ok(plan), _) if call.global.dry_run => {
                call.output.data(&plan, |width| plan.text(width))?;
                return Ok(None);
            }
            (Ok(plan), _) => {
                call.confirm(&plan.text(None)).await?;
                Some(plan.plan.token)
            }
            // Asked again under its key, there may be nothing left to plan: then the first answer comes back.
            (Err(_), Some(_)) if call.global.yes => None,
            (Err(stop), _) => return Err(stop),
        },
    };
    match verb.apply(token).await {
        Ok(done) => Ok(Some(done)),
        Err(stop) => {
            let stop = stop.in_units(V::UNIT);
            if let Some(plan) = stop.plan().filter(|_| !call.output.is_json()) {
                let text = plan.text(None);
                call.output.say(&text);
            }
            Err(stop)
        }
    }
}

/// Shows what a verb would do.
pub(super) async fn preview<T, V: Verb>(call: &mut Call<'_, T>, verb: &V) -> Outcome {
    let plan = verb.preview().await?;
    Ok(call.output.data(&plan, |width| plan.text(width))?)
}

/// A refusal to undo what nobody named: there is nothing.
pub(super) fn nothing_to_undo(stop: Stop) -> Stop {
    stop.map(|problem| {
        if problem.code == "not_found" {
            problem.what = "there is nothing to undo".into();
        }
    })
}
