//! Going back in a workshop: reset, revise and accept, each with its plan.

use actix_web::post;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::steps::Progress;
use crate::api;
use crate::http::address::{At, StageAt};
use crate::http::answer::Done;
use crate::http::body::Body;
use crate::http::caller::Resetter;
use crate::http::confirm::require_plan;
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{Message, Plan, Why};

/// Largest body that brings a message.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(plan_reset_step).service(reset_step);
    config.service(plan_revise_step).service(revise_step);
    config.service(plan_accept_step).service(accept_step);
}

/// What going back came to.
#[derive(Debug, Serialize, ToSchema)]
struct WentBack {
    /// The steps that are stale now.
    stale: Vec<String>,
}

impl From<api::WentBack> for WentBack {
    fn from(back: api::WentBack) -> Self {
        Self { stale: back.stale.into_iter().map(Into::into).collect() }
    }
}

/// What is to be different, and why.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revise {
    /// What the person wants changed, said in the step's main conversation in the same turn.
    message: Option<Message>,
    /// Why: goes into the audit.
    #[serde(default, deserialize_with = "crate::http::wire::reason")]
    #[schema(max_length = 2000)]
    reason: Option<String>,
    /// Do it only if nothing moved since the plan of this token.
    plan: Option<String>,
}

/// Shows what a reset would do.
///
/// Nothing is done. The plan's token can be given with the reset itself.
#[utoipa::path(tag = "workshops", security(("token" = ["reset"])), params(StageAt),
    responses((status = 200, description = "The plan.", body = Plan)))]
#[post("/v1/workshops/{id}/steps/{stage}/reset/plan")]
async fn plan_reset_step(app: Data<App>, _: Resetter, at: At<StageAt>) -> Answer<Json<Plan>> {
    Ok(Json(app.workshops.get(&at.id).preview_reset(&at.stage).await?.into()))
}

/// Starts a step over.
///
/// Its messages, artifact and summary are archived, what was made from it is stale. Never refused because somebody is
/// writing: they are fenced off, and what they still bring is kept as late work.
#[utoipa::path(tag = "workshops", security(("token" = ["reset"])), params(StageAt), request_body = Why,
    responses((status = 200, description = "It starts over.", body = Done<WentBack>)))]
#[post("/v1/workshops/{id}/steps/{stage}/reset")]
async fn reset_step(
    app: Data<App>,
    caller: Resetter,
    at: At<StageAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<WentBack>> {
    let workshop = app.workshops.get(&at.id);
    require_plan(&app, why.plan.as_deref(), workshop.preview_reset(&at.stage)).await?;
    let receipt = terms.verb(&workshop, &caller, &why).reset(&at.stage).await?;
    Ok(Done::new(receipt, WentBack::from))
}

/// Shows what a revision would do.
///
/// Nothing is done. The plan's token can be given with the revision itself, which then brings the same message.
#[utoipa::path(tag = "workshops", security(("token" = ["reset"])), params(StageAt), request_body = Revise,
    responses((status = 200, description = "The plan.", body = Plan)))]
#[post("/v1/workshops/{id}/steps/{stage}/revise/plan")]
async fn plan_revise_step(
    app: Data<App>,
    caller: Resetter,
    at: At<StageAt>,
    revise: Body<Revise, MESSAGE_BYTES_MAX>,
) -> Answer<Json<Plan>> {
    let message = revise.into_inner().message.map(TryInto::try_into).transpose()?;
    let workshop = Terms::default().handle(&app.workshops.get(&at.id), &caller);
    Ok(Json(workshop.preview_revise(&at.stage, message).await?.into()))
}

/// Reopens a complete step.
///
/// Nothing of it is deleted; what was made from it is stale.
#[utoipa::path(tag = "workshops", security(("token" = ["reset"])), params(StageAt), request_body = Revise,
    responses((status = 200, description = "It is open.", body = Done<WentBack>)))]
#[post("/v1/workshops/{id}/steps/{stage}/revise")]
async fn revise_step(
    app: Data<App>,
    caller: Resetter,
    at: At<StageAt>,
    terms: Terms,
    revise: Body<Revise, MESSAGE_BYTES_MAX>,
) -> Answer<Done<WentBack>> {
    let Revise { message, reason, plan } = revise.into_inner();
    let (message, why) = (message.map(api::workshop::Message::try_from).transpose()?, Why { reason, plan });
    let workshop = terms.verb(&app.workshops.get(&at.id), &caller, &why);
    require_plan(&app, why.plan.as_deref(), workshop.preview_revise(&at.stage, message.clone())).await?;
    Ok(Done::new(workshop.revise(&at.stage, message).await?, WentBack::from))
}

/// Shows what accepting would do.
///
/// Nothing is done. The plan's token can be given with the verb itself.
#[utoipa::path(tag = "workshops", security(("token" = ["reset"])), params(StageAt),
    responses((status = 200, description = "The plan.", body = Plan)))]
#[post("/v1/workshops/{id}/steps/{stage}/accept/plan")]
async fn plan_accept_step(app: Data<App>, _: Resetter, at: At<StageAt>) -> Answer<Json<Plan>> {
    Ok(Json(app.workshops.get(&at.id).preview_accept(&at.stage).await?.into()))
}

/// Calls a stale step fresh.
///
/// As it is, although something that it was made from changed. The reason goes into the audit.
#[utoipa::path(tag = "workshops", security(("token" = ["reset"])), params(StageAt), request_body = Why,
    responses((status = 200, description = "It is fresh.", body = Done<Progress>)))]
#[post("/v1/workshops/{id}/steps/{stage}/accept")]
async fn accept_step(
    app: Data<App>,
    caller: Resetter,
    at: At<StageAt>,
    terms: Terms,
    why: Body<Why>,
) -> Answer<Done<Progress>> {
    let workshop = app.workshops.get(&at.id);
    require_plan(&app, why.plan.as_deref(), workshop.preview_accept(&at.stage)).await?;
    let receipt = terms.verb(&workshop, &caller, &why).accept(&at.stage).await?;
    Ok(Done::new(receipt, Progress::from))
}
