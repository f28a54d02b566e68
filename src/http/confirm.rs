//! Confirm mode: what goes back is done only with the token of a plan, so that who asks has seen what will be cleared.

use super::problem::Answer;
use super::state::App;
use crate::api::{Error, Plan, Rejection};

/// Refuses a verb without a plan where one is required, with the plan as it is now.
pub(in crate::http) async fn require_plan(
    app: &App,
    plan: Option<&str>,
    preview: impl Future<Output = Result<Plan, Error>>,
) -> Answer<()> {
    if !app.options.confirm || plan.is_some() {
        return Ok(());
    }
    let plan = Box::new(preview.await?);
    Err(Rejection::PlanRequired { plan }.into())
}
