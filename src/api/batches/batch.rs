//! One batch: beginning it, looking at it, ending it, and beginning one that undoes it.

use super::Batches;
use crate::api::error::Error;
use crate::api::handle::{Handle, Receipt};
use crate::domain::batch::{
    BatchKind, Command, OUTCOMES_STAGE, Outcome, Status, StepResult, TARGETS_STAGE, Target, Work, outcome_path,
    place_in_chunk, targets_from_bytes, targets_path,
};
use crate::domain::{EntityId, Plan, PlanToken, Rejection, StageId};
use crate::engine::{PageRange, View};

/// Outcomes read at a time.
const READ_MOST: usize = 500;

/// One batch. Cheap to clone. Who asks and why is said on the way, as with a [`Handle`].
#[derive(Clone, Debug)]
pub struct Batch {
    handle: Handle<BatchKind>,
    batches: Batches,
    plan: Option<PlanToken>,
}

/// Builders that only pass through to the [`Handle`].
impl Batch {
    pub(super) fn new(handle: Handle<BatchKind>, batches: Batches) -> Self {
        Self { handle, batches, plan: None }
    }

    fn with(&self, handle: Handle<BatchKind>) -> Self {
        Self { handle, ..self.clone() }
    }

    /// The handle below, for what this facade does not name.
    pub fn handle(&self) -> &Handle<BatchKind> {
        &self.handle
    }

    /// The batch's id.
    pub fn id(&self) -> &EntityId {
        self.handle.id()
    }

    /// Says who asks; each target is told the same.
    #[must_use]
    pub fn by(&self, name: impl Into<String>) -> Self {
        self.with(self.handle.by(name))
    }

    /// Says where from.
    #[must_use]
    pub fn from(&self, place: impl Into<String>) -> Self {
        self.with(self.handle.from(place))
    }

    /// Says why; each target is told the same.
    #[must_use]
    pub fn reason(&self, reason: impl Into<String>) -> Self {
        self.with(self.handle.reason(reason))
    }

    /// Gives what is asked an idempotency key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(self.handle.key(key))
    }

    /// Has it done only at this revision.
    #[must_use]
    pub fn expect(&self, revision: u64) -> Self {
        self.with(self.handle.expect(revision))
    }

    /// Has it begun only if its [plan](Batches::preview) is still the same.
    #[must_use]
    pub fn plan(&self, token: PlanToken) -> Self {
        Self { plan: Some(token), ..self.clone() }
    }
}

/// What is asked of a batch.
impl Batch {
    /// The batch as it is.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and as of [`Handle::view`].
    pub async fn view(&self) -> Result<View<BatchKind>, Error> {
        let view = self.handle.view().await?;
        if view.revision == 0 {
            return Err(Rejection::not_found("batch", self.id()).into());
        }
        Ok(view)
    }

    /// Begins: the list is frozen by this, and the batch goes on by itself where somebody [serves](Batches::serve)
    /// them.
    ///
    /// # Errors
    /// [`Rejection::Exists`], a list that can't be, [`Rejection::PlanMoved`], and as of [`Handle::send`].
    pub async fn start(&self, work: Work, targets: Vec<EntityId>) -> Result<Receipt<()>, Error> {
        self.is_as_planned(&work, &targets).await?;
        let targets = targets.into_iter().map(|id| Target { id, undo_point: None }).collect();
        self.handle.send(Command::Start { work, targets }).await
    }

    /// Begins as one that undoes another: each target that was done, the last first. What newer work stands in the way
    /// of is left as it is, and told among what failed.
    ///
    /// # Errors
    /// The other goes on still, or did nothing; and as of [`start`](Self::start).
    pub async fn undo(&self, other: &EntityId) -> Result<Receipt<()>, Error> {
        let (work, targets) = self.batches.undoing(other).await?;
        let ids: Vec<EntityId> = targets.iter().map(|target| target.id.clone()).collect();
        self.is_as_planned(&work, &ids).await?;
        self.handle.send(Command::Start { work, targets }).await
    }

    /// Refuses what is not as it was when it was planned, if it was.
    async fn is_as_planned(&self, work: &Work, targets: &[EntityId]) -> Result<(), Error> {
        let Some(token) = &self.plan else { return Ok(()) };
        let plan = self.batches.preview(work, targets).await?;
        if plan.token == *token { Ok(()) } else { Err(Rejection::PlanMoved { plan: Box::new(plan) }.into()) }
    }

    /// Ends it: the target that is under way is the last.
    ///
    /// # Errors
    /// It is completed, and as of [`Handle::send`].
    pub async fn cancel(&self) -> Result<Receipt<()>, Error> {
        self.handle.send(Command::Cancel).await
    }

    /// What became of targets, in order, after a place.
    ///
    /// # Errors
    /// As of [`Handle::page`].
    pub async fn outcomes(&self, after: Option<u64>, most: usize) -> Result<Vec<(u64, Outcome)>, Error> {
        let range = PageRange { prefix: Vec::new(), after: after.map(outcome_path), most };
        let (_, page) = self.handle.page(&StageId::new(OUTCOMES_STAGE)?, range).await?;
        let mut outcomes = Vec::with_capacity(page.len());
        for (path, bytes) in page {
            let place = path.try_into().map(u64::from_be_bytes).map_err(|_| Error::unexpected())?;
            outcomes.push((place, Outcome::from_bytes(&bytes)?));
        }
        Ok(outcomes)
    }

    /// The target at a place.
    pub(super) async fn target(&self, place: u64) -> Result<Option<Target>, Error> {
        let path = targets_path(place);
        let range = PageRange { prefix: path.clone(), after: None, most: 1 };
        let (_, page) = self.handle.page(&StageId::new(TARGETS_STAGE)?, range).await?;
        let Some((_, bytes)) = page.into_iter().find(|(found, _)| *found == path) else { return Ok(None) };
        Ok(targets_from_bytes(&bytes)?.into_iter().nth(place_in_chunk(place)))
    }
}

impl Batches {
    /// What undoing a batch would do.
    ///
    /// # Errors
    /// It goes on still, or did nothing; and as of [`preview`](Self::preview).
    pub async fn preview_undo(&self, of: &EntityId) -> Result<Plan, Error> {
        let (work, targets) = self.undoing(of).await?;
        let ids: Vec<EntityId> = targets.into_iter().map(|target| target.id).collect();
        self.preview(&work, &ids).await
    }

    /// The work of a batch that undoes another, and its targets.
    async fn undoing(&self, other: &EntityId) -> Result<(Work, Vec<Target>), Error> {
        let undone = self.get(other);
        let view = undone.view().await?;
        let work = view.state.work.as_ref().ok_or_else(Error::unexpected)?;
        if view.state.status == Status::Running || view.state.under_way {
            let hint = "wait until it is completed, or cancel it first";
            return Err(Rejection::conflict("the batch can't be undone", "it goes on still", hint).into());
        }
        let work = Work::Undo { batch: other.clone(), of: work.of() };
        let mut targets = Vec::new();
        let mut after = None;
        loop {
            let page = undone.outcomes(after, READ_MOST).await?;
            let is_last = page.len() < READ_MOST;
            after = page.last().map(|(place, _)| *place);
            for (_, outcome) in page {
                if let StepResult::Done { undo_point: point @ Some(_), .. } = outcome.result {
                    targets.push(Target { id: outcome.target, undo_point: point });
                }
            }
            if is_last {
                break;
            }
        }
        if targets.is_empty() {
            return Err(Rejection::conflict("the batch can't be undone", "it did nothing", "").into());
        }
        targets.reverse();
        Ok((work, targets))
    }
}
