//! Confirm mode: a verb that goes back is done only under the plan that was looked at.

use std::future::Future;

use actix_web::http::StatusCode;

use super::problem::{Answer, Problem};
use super::state::App;
use super::wire::{self, Why};
use crate::api::{Error, Plan};

/// Lets a verb through; where a plan has to be confirmed and none is, refuses it with the plan as it is now.
pub(in crate::http) async fn confirmed<P>(app: &App, why: &Why, plan: impl FnOnce() -> P) -> Answer<()>
where
    P: Future<Output = Result<Plan, Error>>,
{
    if !app.options.confirm || why.plan.is_some() {
        return Ok(());
    }
    let plan = plan().await?;
    let problem = Problem::new(StatusCode::PRECONDITION_REQUIRED, "plan_required", "this has to be confirmed");
    let problem = problem.hint("look at the plan, and ask again with its token as `plan`");
    Err(problem.with("plan", wire::Plan::from(plan)))
}
