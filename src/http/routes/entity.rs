//! What can be asked of an entity of every kind: its history and audit, undo, and late work. One implementation; the
//! macro `entity_routes` gives each kind its routes.

use actix_web::web::Data;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::api::task::TaskKind;
use crate::api::workflow::WorkflowKind;
use crate::api::workshop::WorkshopKind;
use crate::api::{Entity, EntityId, Error, Handle, Kind, Rejection};
use crate::http::address::optional_number;
use crate::http::answer::{Done, Nothing};
use crate::http::caller::Caller;
use crate::http::confirm::require_plan;
use crate::http::page::{Page, Paging};
use crate::http::problem::Answer;
use crate::http::state::App;
use crate::http::terms::Terms;
use crate::http::wire::{
    AuditEntry, LateWork, Orphan, Plan, TurnOf, UndoPoint, Why, task_command, workflow_command, workshop_command,
};

/// A kind whose entities have these routes.
pub(super) trait Served: Entity {
    /// The entities.
    fn kind(app: &App) -> &Kind<Self>;

    /// The wire form of a command that came too late.
    fn late(command: &Self::Command) -> Value;
}

impl Served for WorkshopKind {
    fn kind(app: &App) -> &Kind<Self> {
        app.workshops.kind()
    }

    fn late(command: &Self::Command) -> Value {
        workshop_command(command)
    }
}

impl Served for WorkflowKind {
    fn kind(app: &App) -> &Kind<Self> {
        app.workflows.kind()
    }

    fn late(command: &Self::Command) -> Value {
        workflow_command(command)
    }
}

impl Served for TaskKind {
    fn kind(app: &App) -> &Kind<Self> {
        app.tasks.kind()
    }

    fn late(command: &Self::Command) -> Value {
        task_command(command)
    }
}

/// What to take back, and why.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Undo {
    /// The undo point; the newest that was not taken back where it is not given.
    pub(super) undo_point: Option<u64>,
    /// Why: goes into the audit.
    #[serde(default, deserialize_with = "crate::http::wire::reason")]
    #[schema(max_length = 2000)]
    pub(super) reason: Option<String>,
    /// Do it only if nothing moved since the plan of this token.
    pub(super) plan: Option<String>,
}

impl Undo {
    pub(super) fn why(&self) -> Why {
        Why { reason: self.reason.clone(), plan: self.plan.clone() }
    }
}

/// In which order a history is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// From the first turn on.
    #[default]
    Oldest,
    /// From the last turn back.
    Newest,
}

/// How a history is told.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// Which turns come first.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// Only turns after this revision.
    #[serde(default, deserialize_with = "optional_number")]
    after: Option<u64>,
}

/// One entity that exists, and its revision.
pub(super) async fn existing<E: Served>(app: &App, id: &EntityId) -> Answer<(Handle<E>, u64)> {
    let handle = E::kind(app).entity(id);
    let revision = handle.view().await?.revision;
    if revision == 0 { Err(Rejection::not_found(E::KIND, id).into()) } else { Ok((handle, revision)) }
}

pub(super) async fn history<E: Served>(
    app: Data<App>,
    id: &EntityId,
    params: &HistoryParams,
    paging: Paging,
) -> Answer<Page<TurnOf>> {
    let (_, last) = existing::<E>(&app, id).await?;
    let mark = paging.after_number()?;
    let floor = params.after.unwrap_or(0);
    let most = u64::try_from(paging.to_read()).unwrap_or(u64::MAX);
    let after = match params.order {
        Order::Oldest => mark.unwrap_or(floor),
        Order::Newest => mark.unwrap_or(last.saturating_add(1)).saturating_sub(most.saturating_add(1)).max(floor),
    };
    let before = if params.order == Order::Newest { mark.unwrap_or(u64::MAX) } else { u64::MAX };
    let turns = app.restage.turns(E::KIND, id, after, paging.to_read()).await?;
    let mut turns: Vec<TurnOf> = turns.into_iter().filter_map(TurnOf::of).collect();
    turns.retain(|turn| turn.revision() < before);
    if params.order == Order::Newest {
        turns.reverse();
    }
    Ok(paging.page(turns, |turn| turn.revision().to_string()))
}

pub(super) async fn audit<E: Served>(app: Data<App>, id: &EntityId, paging: Paging) -> Answer<Page<AuditEntry>> {
    let (handle, _) = existing::<E>(&app, id).await?;
    let after = paging.after_number()?.unwrap_or(0);
    let mut entries = handle.audit(after, paging.to_read()).await?;
    let next = entries.len() > paging.limit;
    entries.truncate(paging.limit);
    let next = entries.last().filter(|_| next).map(|entry| entry.revision.to_string());
    Ok(paging.page_until(entries.iter().filter_map(AuditEntry::of).collect(), next))
}

pub(super) async fn undo_points<E: Served>(app: Data<App>, id: &EntityId, paging: Paging) -> Answer<Page<UndoPoint>> {
    let (handle, _) = existing::<E>(&app, id).await?;
    let view = handle.view().await?;
    Ok(numbered(&view.undo_points, |point| point.number, &paging)?.map(UndoPoint::from))
}

pub(super) async fn orphans<E: Served>(app: Data<App>, id: &EntityId, paging: Paging) -> Answer<Page<Orphan>> {
    let (handle, _) = existing::<E>(&app, id).await?;
    let view = handle.view().await?;
    Ok(numbered(&view.orphans, |orphan| orphan.number, &paging)?.map(Orphan::from))
}

/// The page of a short list whose items have numbers, ascending.
fn numbered<'a, T>(all: &'a [T], number: impl Fn(&T) -> u64, paging: &Paging) -> Answer<Page<&'a T>> {
    let after = paging.after_number()?;
    let rest = all.iter().filter(|item| after.is_none_or(|after| number(item) > after));
    Ok(paging.page(rest.take(paging.to_read()).collect(), |item| number(item).to_string()))
}

pub(super) async fn orphan<E: Served>(app: Data<App>, id: &EntityId, number: u64) -> Answer<LateWork> {
    let (handle, _) = existing::<E>(&app, id).await?;
    let view = handle.view().await?;
    let found = view.orphans.iter().find(|orphan| orphan.number == number);
    let orphan = Orphan::from(found.ok_or_else(|| Rejection::not_found("orphan", number))?);
    Ok(LateWork { orphan, command: E::late(&handle.orphan(number).await?) })
}

/// A verb that all entities have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Undo(Option<u64>),
    Adopt(u64),
    Discard(u64),
    Purge,
}

pub(super) async fn plan<E: Served>(app: Data<App>, id: &EntityId, verb: Verb) -> Answer<Plan> {
    let (handle, _) = existing::<E>(&app, id).await?;
    Ok(preview(&handle, verb).await?.into())
}

async fn preview<E: Served>(handle: &Handle<E>, verb: Verb) -> Result<crate::api::Plan, Error> {
    match verb {
        Verb::Undo(point) => handle.preview_undo(point).await,
        Verb::Adopt(orphan) => handle.preview_adopt(orphan).await,
        Verb::Discard(orphan) => handle.preview_discard(orphan).await,
        Verb::Purge => handle.preview_purge().await,
    }
}

pub(super) async fn apply<E: Served>(
    app: Data<App>,
    id: &EntityId,
    verb: Verb,
    (caller, terms, why): (&Caller, &Terms, &Why),
) -> Answer<Done<Nothing>> {
    let (handle, _) = existing::<E>(&app, id).await?;
    require_plan(&app, why.plan.as_deref(), preview(&handle, verb)).await?;
    let handle = terms.verb(&handle, caller, why);
    let receipt = match verb {
        Verb::Undo(point) => handle.undo(point).await?,
        Verb::Adopt(orphan) => handle.adopt(orphan).await?.map(drop),
        Verb::Discard(orphan) => handle.discard(orphan).await?,
        Verb::Purge => handle.purge().await?,
    };
    Ok(Done::new(receipt, |()| Nothing {}))
}

/// The routes that entities of every kind have, of one kind: the name of each operation, what it is, its path.
macro_rules! entity_routes {
    ($kind:ty, $tag:literal;
     $history:ident $history_path:tt;
     $audit:ident $audit_path:tt;
     $points:ident $points_path:tt;
     $orphans:ident $orphans_path:tt;
     $orphan:ident $orphan_path:tt;
     $plan_adopt:ident $plan_adopt_path:tt;
     $adopt:ident $adopt_path:tt;
     $plan_discard:ident $plan_discard_path:tt;
     $discard:ident $discard_path:tt;
     $plan_purge:ident $plan_purge_path:tt;
    ) => {
        /// What happened to it.
        ///
        /// Its turns, each with who asked for it, when, why, and what happened.
        #[utoipa::path(tag = $tag, security(("token" = ["read"])),
                            params(EntityAt, HistoryParams, PagingParameters),
                            responses((status = 200, description = "The turns.", body = Page<TurnOf>)))]
        #[get($history_path)]
        async fn $history(
            app: Data<App>,
            _: Reader,
            at: At<EntityAt>,
            params: Params<HistoryParams>,
            paging: Paging,
        ) -> Answer<Page<TurnOf>> {
            entity::history::<$kind>(app, &at.id, &params, paging).await
        }

        /// Its audit.
        ///
        /// Every verb that was done to it, oldest first: who, when, from where, why, and what it did. Each entry holds the
        /// hash of the one before it.
        #[utoipa::path(tag = $tag, security(("token" = ["read"])), params(EntityAt, PagingParameters),
                            responses((status = 200, description = "The entries.", body = Page<AuditEntry>)))]
        #[get($audit_path)]
        async fn $audit(app: Data<App>, _: Reader, at: At<EntityAt>, paging: Paging) -> Answer<Page<AuditEntry>> {
            entity::audit::<$kind>(app, &at.id, paging).await
        }

        /// What can be undone.
        ///
        /// The undo points that verbs left, oldest first, those that were taken back too.
        #[utoipa::path(tag = $tag, security(("token" = ["read"])), params(EntityAt, PagingParameters),
                            responses((status = 200, description = "The undo points.", body = Page<UndoPoint>)))]
        #[get($points_path)]
        async fn $points(app: Data<App>, _: Reader, at: At<EntityAt>, paging: Paging) -> Answer<Page<UndoPoint>> {
            entity::undo_points::<$kind>(app, &at.id, paging).await
        }

        /// Its late work.
        ///
        /// What came too late and was kept, oldest first.
        #[utoipa::path(tag = $tag, security(("token" = ["read"])), params(EntityAt, PagingParameters),
                            responses((status = 200, description = "The orphans.", body = Page<Orphan>)))]
        #[get($orphans_path)]
        async fn $orphans(app: Data<App>, _: Reader, at: At<EntityAt>, paging: Paging) -> Answer<Page<Orphan>> {
            entity::orphans::<$kind>(app, &at.id, paging).await
        }

        /// One piece of late work.
        ///
        /// With everything that it brought.
        #[utoipa::path(tag = $tag, security(("token" = ["read"])), params(OrphanAt),
                            responses((status = 200, description = "The orphan.", body = LateWork)))]
        #[get($orphan_path)]
        async fn $orphan(app: Data<App>, _: Reader, at: At<OrphanAt>) -> Answer<Json<LateWork>> {
            Ok(Json(entity::orphan::<$kind>(app, &at.id, at.orphan).await?))
        }

        /// Shows what adopting would do.
        ///
        /// Nothing is done. The plan's token can be given with the verb itself.
        #[utoipa::path(tag = $tag, security(("token" = ["write"])), params(OrphanAt),
                            responses((status = 200, description = "The plan.", body = Plan)))]
        #[post($plan_adopt_path)]
        async fn $plan_adopt(app: Data<App>, _: Writer, at: At<OrphanAt>) -> Answer<Json<Plan>> {
            Ok(Json(entity::plan::<$kind>(app, &at.id, Verb::Adopt(at.orphan)).await?))
        }

        /// Takes late work in.
        ///
        /// It is done as if it came now, under the generation that holds. If that is refused, the orphan stays.
        #[utoipa::path(tag = $tag, security(("token" = ["write"])), params(OrphanAt), request_body = Why,
                            responses((status = 200, description = "It is taken in.", body = Done<Nothing>)))]
        #[post($adopt_path)]
        async fn $adopt(
            app: Data<App>,
            caller: Writer,
            at: At<OrphanAt>,
            terms: Terms,
            why: Body<Why>,
        ) -> Answer<Done<Nothing>> {
            entity::apply::<$kind>(app, &at.id, Verb::Adopt(at.orphan), (&caller, &terms, &why)).await
        }

        /// Shows what discarding would do.
        ///
        /// Nothing is done. The plan's token can be given with the verb itself.
        #[utoipa::path(tag = $tag, security(("token" = ["reset"])), params(OrphanAt),
                            responses((status = 200, description = "The plan.", body = Plan)))]
        #[post($plan_discard_path)]
        async fn $plan_discard(app: Data<App>, _: Resetter, at: At<OrphanAt>) -> Answer<Json<Plan>> {
            Ok(Json(entity::plan::<$kind>(app, &at.id, Verb::Discard(at.orphan)).await?))
        }

        /// Lets late work go.
        ///
        /// For good: this can't be undone.
        #[utoipa::path(tag = $tag, security(("token" = ["reset"])), params(OrphanAt), request_body = Why,
                            responses((status = 200, description = "It is gone.", body = Done<Nothing>)))]
        #[post($discard_path)]
        async fn $discard(
            app: Data<App>,
            caller: Resetter,
            at: At<OrphanAt>,
            terms: Terms,
            why: Body<Why>,
        ) -> Answer<Done<Nothing>> {
            entity::apply::<$kind>(app, &at.id, Verb::Discard(at.orphan), (&caller, &terms, &why)).await
        }

        /// Shows what a purge would delete.
        ///
        /// Nothing is done. The plan's token can be given with the verb itself.
        #[utoipa::path(tag = $tag, security(("token" = ["admin"])), params(EntityAt),
                            responses((status = 200, description = "The plan.", body = Plan)))]
        #[post($plan_purge_path)]
        async fn $plan_purge(app: Data<App>, _: Admin, at: At<EntityAt>) -> Answer<Json<Plan>> {
            Ok(Json(entity::plan::<$kind>(app, &at.id, Verb::Purge).await?))
        }

        /// The routes that entities of every kind have.
        fn common_routes(config: &mut ServiceConfig<'_>) {
            config.service($history).service($audit).service($points);
            config.service($orphans).service($orphan);
            config.service($plan_adopt).service($adopt).service($plan_discard).service($discard);
            config.service($plan_purge);
        }
    };
}

/// The undo and the purge of a kind that has nothing beside the store: the name of each operation, its path.
macro_rules! undo_routes {
    ($kind:ty, $tag:literal;
     $plan_undo:ident $plan_undo_path:tt;
     $undo:ident $undo_path:tt;
     $purge:ident $purge_path:tt;
    ) => {
        /// Shows what an undo would do.
        ///
        /// Nothing is done. The plan's token can be given with the undo itself.
        #[utoipa::path(tag = $tag, security(("token" = ["reset"])), params(EntityAt), request_body = Undo,
                                    responses((status = 200, description = "The plan.", body = Plan)))]
        #[post($plan_undo_path)]
        async fn $plan_undo(app: Data<App>, _: Resetter, at: At<EntityAt>, undo: Body<Undo>) -> Answer<Json<Plan>> {
            Ok(Json(entity::plan::<$kind>(app, &at.id, Verb::Undo(undo.undo_point)).await?))
        }

        /// Takes a verb back.
        ///
        /// Everything that it changed is as it was before. It leaves an undo point of its own. Where newer work would be
        /// put aside, it is refused without the token of a plan that says so.
        #[utoipa::path(tag = $tag, security(("token" = ["reset"])), params(EntityAt), request_body = Undo,
                                    responses((status = 200, description = "It is undone.", body = Done<Nothing>)))]
        #[post($undo_path)]
        async fn $undo(
            app: Data<App>,
            caller: Resetter,
            at: At<EntityAt>,
            terms: Terms,
            undo: Body<Undo>,
        ) -> Answer<Done<Nothing>> {
            entity::apply::<$kind>(app, &at.id, Verb::Undo(undo.undo_point), (&caller, &terms, &undo.why())).await
        }

        /// Deletes for good what undo points and orphans keep.
        ///
        /// What is read now is not touched. Nothing that was done before can be undone after this.
        #[utoipa::path(tag = $tag, security(("token" = ["admin"])), params(EntityAt), request_body = Why,
                                    responses((status = 200, description = "It is deleted.", body = Done<Nothing>)))]
        #[post($purge_path)]
        async fn $purge(
            app: Data<App>,
            caller: Admin,
            at: At<EntityAt>,
            terms: Terms,
            why: Body<Why>,
        ) -> Answer<Done<Nothing>> {
            entity::apply::<$kind>(app, &at.id, Verb::Purge, (&caller, &terms, &why)).await
        }

        /// The routes of undo and purge.
        fn undo_routes(config: &mut ServiceConfig<'_>) {
            config.service($plan_undo).service($undo).service($purge);
        }
    };
}

pub(super) use {entity_routes, undo_routes};
