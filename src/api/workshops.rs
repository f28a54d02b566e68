//! Workshops, typed.

use super::error::Error;
use super::handle::{Handle, Receipt};
use super::kind::Kind;
use crate::domain::workshop::{
    self, Command, MAIN_SESSION, MESSAGES_PREFIX, Message, Outcome, Reply, SUMMARY_PATH, StoredMessage, Template,
    WorkshopKind, artifact_path, message_path, summary_from_bytes,
};
use crate::domain::{EntityId, Generation, Plan, PlanToken, Rejection, StageId};
use crate::engine::{PageRange, View, query};

/// Messages read at a time.
const MESSAGES_PER_PAGE: usize = 500;

/// The workshops of a data folder.
#[derive(Clone, Debug)]
pub struct Workshops(Kind<WorkshopKind>);

/// One workshop. Cheap to clone. Who asks, why, and under which generation is said on the way, as with a [`Handle`].
#[derive(Clone, Debug)]
pub struct Workshop {
    handle: Handle<WorkshopKind>,
    generation: Option<Generation>,
    session: String,
}

/// What completing or accepting a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The step to go on with.
    pub entered: Option<StageId>,
    /// Whether the workshop is completed by this.
    pub workshop_completed: bool,
    /// Stale steps that are again what they were.
    pub unblocked: Vec<StageId>,
}

/// What going back came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WentBack {
    /// The step's generation from now on.
    pub generation: Generation,
    /// The steps that are stale now.
    pub stale: Vec<StageId>,
}

impl Workshops {
    pub(super) fn new(kind: Kind<WorkshopKind>) -> Self {
        Self(kind)
    }

    /// The kind below, for what this facade does not name.
    pub fn kind(&self) -> &Kind<WorkshopKind> {
        &self.0
    }

    /// One workshop; it need not exist.
    pub fn get(&self, id: &EntityId) -> Workshop {
        Workshop { handle: self.0.entity(id), generation: None, session: MAIN_SESSION.to_owned() }
    }

    /// Ids of existing workshops, ascending, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, after: Option<&EntityId>, most: usize) -> Result<Vec<EntityId>, Error> {
        self.0.list(after, most).await
    }

    /// A workshop as it is on disk, without bringing it into memory: for lists.
    ///
    /// # Errors
    /// The store's.
    pub async fn peek(&self, id: &EntityId) -> Result<View<WorkshopKind>, Error> {
        self.0.peek(id).await
    }
}

/// Builders and calls that only pass through to the [`Handle`].
impl Workshop {
    fn with(&self, handle: Handle<WorkshopKind>) -> Self {
        Self { handle, generation: self.generation, session: self.session.clone() }
    }

    /// Says who asks.
    #[must_use]
    pub fn by(&self, name: impl Into<String>) -> Self {
        self.with(self.handle.by(name))
    }

    /// Says why.
    #[must_use]
    pub fn reason(&self, reason: impl Into<String>) -> Self {
        self.with(self.handle.reason(reason))
    }

    /// Gives what is asked an idempotency key.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.with(self.handle.key(key))
    }

    /// Says where from: an address, and which token.
    #[must_use]
    pub fn from(&self, place: impl Into<String>) -> Self {
        self.with(self.handle.from(place))
    }

    /// Has what is asked done only at this revision.
    #[must_use]
    pub fn expect(&self, revision: u64) -> Self {
        self.with(self.handle.expect(revision))
    }

    /// Has a verb done only if nothing moved since the plan of this token.
    #[must_use]
    pub fn plan(&self, token: PlanToken) -> Self {
        self.with(self.handle.plan(token))
    }

    /// Names the generation that the writer works under; without, what is written goes to the one that holds.
    #[must_use]
    pub fn under(&self, generation: Generation) -> Self {
        Self { generation: Some(generation), ..self.clone() }
    }

    /// Names the conversation within the step; without, the main one.
    #[must_use]
    pub fn session(&self, session: impl Into<String>) -> Self {
        Self { session: session.into(), ..self.clone() }
    }

    /// The handle below: undo, orphans, history, audit, purge.
    pub fn handle(&self) -> &Handle<WorkshopKind> {
        &self.handle
    }

    /// Whether it was said which generation the writer works under.
    pub(super) fn names_generation(&self) -> bool {
        self.generation.is_some()
    }

    /// The conversation within the step.
    pub(super) fn session_name(&self) -> &str {
        &self.session
    }

    /// The workshop's id.
    pub fn id(&self) -> &EntityId {
        self.handle.id()
    }
}

impl Workshop {
    /// Makes the workshop.
    ///
    /// # Errors
    /// [`Rejection::Exists`], a title that can't be, and as of [`Handle::send`].
    pub async fn create(&self, title: &str, template: &Template) -> Result<Receipt<StageId>, Error> {
        let command = Command::Create { title: title.to_owned(), template: Box::new(template.clone()) };
        let receipt = self.handle.send(command).await?;
        let Reply::Created { first } = receipt.reply.clone() else { return Err(Error::unexpected()) };
        Ok(receipt.map(|_| first))
    }

    /// The workshop as it is; everything in it is durable.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and as of [`Handle::view`].
    pub async fn view(&self) -> Result<View<WorkshopKind>, Error> {
        let view = self.handle.view().await?;
        if view.state.exists() { Ok(view) } else { Err(self.not_found()) }
    }

    /// Saves messages, durably. What became of each is told in order.
    ///
    /// # Errors
    /// [`Rejection::Stale`] for an older generation: the messages are kept as an orphan. A step not begun, or complete.
    pub async fn save(&self, step: &StageId, messages: Vec<Message>) -> Result<Receipt<Vec<(String, Outcome)>>, Error> {
        let command = self.save_command(step, messages);
        saved(self.handle.send(command).await?)
    }

    /// Saves messages as a draft: the answer is immediate and says how much is pending; the commit follows after some
    /// quiet, and before anything else that happens to the workshop.
    ///
    /// # Errors
    /// As of [`save`](Self::save).
    pub async fn auto_save(
        &self,
        step: &StageId,
        messages: Vec<Message>,
    ) -> Result<Receipt<Vec<(String, Outcome)>>, Error> {
        let command = self.save_command(step, messages);
        saved(self.handle.draft(command).await?)
    }

    fn save_command(&self, step: &StageId, messages: Vec<Message>) -> Command {
        let (stage, generation, session) = (step.clone(), self.generation, self.session.clone());
        let messages = messages.into_iter().map(|message| self.signed(message)).collect();
        Command::Save { stage, generation, session, messages }
    }

    /// The message with the name of who asks, where it names nobody.
    fn signed(&self, message: Message) -> Message {
        Message { by: message.by.or_else(|| self.handle.asker().map(str::to_owned)), ..message }
    }

    /// Replaces a message on purpose, a finished one too.
    ///
    /// # Errors
    /// As of [`save`](Self::save).
    pub async fn edit(&self, step: &StageId, message: Message) -> Result<Receipt<Vec<(String, Outcome)>>, Error> {
        let (stage, generation, session) = (step.clone(), self.generation, self.session.clone());
        let message = self.signed(message);
        saved(self.handle.send(Command::Edit { stage, generation, session, message }).await?)
    }

    /// Saves what a person said, durably, and has the facilitator answer it. Asked again with the same message, an answer that
    /// came to nothing is tried again.
    ///
    /// # Errors
    /// A message that is not a person's finished one, another conversation of the step that is being answered, a workshop
    /// that is paused, and as of [`save`](Self::save).
    pub async fn ask(&self, step: &StageId, message: Message) -> Result<Receipt<Vec<(String, Outcome)>>, Error> {
        let (stage, generation, session) = (step.clone(), self.generation, self.session.clone());
        let message = self.signed(message);
        saved(self.handle.send(Command::Ask { stage, generation, session, message }).await?)
    }

    /// Has the facilitator make the artifact of a step from its conversation.
    ///
    /// # Errors
    /// A step in which nothing was said, a workshop that is paused, and as of [`save`](Self::save).
    pub async fn extract(&self, step: &StageId) -> Result<Receipt<()>, Error> {
        let command = Command::Extract { stage: step.clone(), generation: self.generation };
        Ok(self.handle.send(command).await?.map(|_| ()))
    }

    /// Commits pending messages.
    ///
    /// # Errors
    /// As of [`Handle::flush`].
    pub async fn flush(&self) -> Result<Receipt<()>, Error> {
        self.handle.flush().await
    }

    /// The step that a request for `step` leads to. Pending messages are committed first, under the step they were
    /// written for; nothing else changes.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] for the workshop or the step, and as of [`Handle::flush`].
    pub async fn open(&self, step: &StageId) -> Result<StageId, Error> {
        self.handle.flush().await?;
        let view = self.view().await?;
        Ok(workshop::enter(&view.state, step)?.clone())
    }

    /// The step before `step`, in template order. Changes nothing but that pending messages are committed.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub async fn back(&self, step: &StageId) -> Result<StageId, Error> {
        self.handle.flush().await?;
        let view = self.view().await?;
        let ids: Vec<&StageId> = view.state.steps().map(|(id, _)| id).collect();
        let at = ids.iter().position(|id| *id == step).ok_or_else(|| Rejection::not_found("step", step))?;
        Ok(ids[at.saturating_sub(1)].clone())
    }

    /// A page of a step's conversation, all sessions, from a place on, with the workshop as it is at that moment.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and as of [`Handle::page`].
    pub async fn page(
        &self,
        step: &StageId,
        from: u64,
        most: usize,
    ) -> Result<(View<WorkshopKind>, Vec<StoredMessage>), Error> {
        let after = from.checked_sub(1).map(message_path);
        let range = PageRange { prefix: MESSAGES_PREFIX.to_vec(), after, most };
        let (view, page) = self.handle.page(step, range).await?;
        if !view.state.exists() {
            return Err(self.not_found());
        }
        view.state.step(step)?;
        let messages = page.iter().map(|(_, bytes)| StoredMessage::from_bytes(bytes)).collect::<Result<_, _>>()?;
        Ok((view, messages))
    }

    /// The whole conversation of a step, all sessions, in order: of one generation, though a long one is read in pages.
    ///
    /// # Errors
    /// [`Rejection::Conflict`] if the step went back while it was read; as of [`page`](Self::page).
    pub async fn conversation(&self, step: &StageId) -> Result<Vec<StoredMessage>, Error> {
        let (view, mut all) = self.page(step, 0, MESSAGES_PER_PAGE).await?;
        let generation = view.generation(step);
        let mut read = all.len();
        while read == MESSAGES_PER_PAGE {
            let from = all.last().map_or(0, |last| last.ordinal.saturating_add(1));
            let (view, page) = self.page(step, from, MESSAGES_PER_PAGE).await?;
            if view.generation(step) != generation {
                let why = "the step went back while it was read";
                return Err(Rejection::conflict("the conversation can't be read", why, "read it again").into());
            }
            read = page.len();
            all.extend(page);
        }
        Ok(all)
    }

    /// The conversation of a step as it was in an older generation, as long as an undo point keeps that.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] when that generation is not kept, and as of [`view`](Self::view).
    pub async fn archived(&self, step: &StageId, generation: Generation) -> Result<Vec<StoredMessage>, Error> {
        let view = self.view().await?;
        view.state.step(step)?;
        let remembered = view.undo_points.iter().filter_map(|point| point.fences.get(step));
        let fence = remembered.chain(view.fences.get(step)).find(|fence| fence.generation == generation);
        let layers = fence.map(|fence| fence.layers.clone());
        let layers = layers.ok_or_else(|| Rejection::not_found(format!("generation of {step}"), generation))?;
        let (id, stage) = (self.id().clone(), step.clone());
        let range = PageRange { prefix: MESSAGES_PREFIX.to_vec(), after: None, most: usize::MAX };
        let read =
            move |store: &dyn crate::store::Store| query::content::<WorkshopKind>(store, &id, &stage, &layers, &range);
        let page = self.handle.read(read).await?;
        Ok(page.iter().map(|(_, bytes)| StoredMessage::from_bytes(bytes)).collect::<Result<_, _>>()?)
    }

    /// Goes to another sub-step.
    ///
    /// # Errors
    /// A sub-step that the step does not have, and as of [`Handle::send`].
    pub async fn sub_step(&self, step: &StageId, sub_step: &StageId) -> Result<Receipt<()>, Error> {
        let command = Command::SubStep { stage: step.clone(), sub_step: sub_step.clone() };
        Ok(self.handle.send(command).await?.map(|_| ()))
    }

    /// Writes the artifact as a new version; `expected` is the version that the writer saw, 0 for none.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with what breaks the schema, [`Rejection::VersionMoved`], [`Rejection::Stale`].
    pub async fn artifact(&self, step: &StageId, json: &str, expected: Option<u64>) -> Result<Receipt<u64>, Error> {
        let command = Command::Artifact {
            stage: step.clone(),
            generation: self.generation,
            json: json.to_owned(),
            expected_version: expected,
        };
        let receipt = self.handle.send(command).await?;
        let Reply::Artifact { version } = receipt.reply else { return Err(Error::unexpected()) };
        Ok(receipt.map(|_| version))
    }

    /// The artifact of a step, byte for byte as it came in.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] where there is none, and as of [`Handle::page`].
    pub async fn artifact_json(&self, step: &StageId) -> Result<String, Error> {
        Ok(self.artifact_version(step).await?.1)
    }

    /// The artifact of a step with its version, byte for byte as it came in.
    ///
    /// # Errors
    /// As of [`artifact_json`](Self::artifact_json).
    pub async fn artifact_version(&self, step: &StageId) -> Result<(u64, String), Error> {
        let view = self.view().await?;
        let found = view.state.step(step)?;
        let version = found.artifact.ok_or_else(|| Rejection::not_found("artifact of step", step))?.version;
        let bytes = self.content(step, artifact_path(version)).await?;
        let bytes = bytes.ok_or_else(|| Rejection::not_found("artifact of step", step))?;
        Ok((version, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// An artifact of a step as it was at a version, if the step still has it: those before a reset are archived.
    ///
    /// # Errors
    /// As of [`Handle::page`].
    pub async fn artifact_at(&self, step: &StageId, version: u64) -> Result<Option<String>, Error> {
        let bytes = self.content(step, artifact_path(version)).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The points of a step's summary.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] where there is none, and as of [`Handle::page`].
    pub async fn summary_points(&self, step: &StageId) -> Result<Vec<String>, Error> {
        let view = self.view().await?;
        let found = view.state.step(step)?;
        if found.summary != workshop::Summary::Written {
            return Err(Rejection::not_found("summary of step", step).into());
        }
        let bytes = self.content(step, SUMMARY_PATH.to_vec()).await?;
        let bytes = bytes.ok_or_else(|| Rejection::not_found("summary of step", step))?;
        Ok(summary_from_bytes(&bytes)?)
    }

    async fn content(&self, step: &StageId, path: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
        let range = PageRange { prefix: path.clone(), after: None, most: 1 };
        let (_, page) = self.handle.page(step, range).await?;
        Ok(page.into_iter().find(|(found, _)| *found == path).map(|(_, bytes)| bytes))
    }

    /// Confirms the artifact, as of the version that the person looked at.
    ///
    /// # Errors
    /// No artifact, [`Rejection::VersionMoved`], and as of [`Handle::send`].
    pub async fn confirm(&self, step: &StageId, version: Option<u64>) -> Result<Receipt<()>, Error> {
        let command = Command::Confirm { stage: step.clone(), generation: self.generation, version };
        Ok(self.handle.send(command).await?.map(|_| ()))
    }

    /// Writes the summary of a complete step.
    ///
    /// # Errors
    /// Too few or too many points or words, a step that is not complete, and as of [`Handle::send`].
    pub async fn summary(&self, step: &StageId, points: Vec<String>) -> Result<Receipt<()>, Error> {
        let command = Command::Summary { stage: step.clone(), generation: self.generation, points };
        Ok(self.handle.send(command).await?.map(|_| ()))
    }

    /// Completes a step and begins the next one.
    ///
    /// # Errors
    /// A dependency that is not complete, an artifact that is missing or not confirmed, and as of [`Handle::send`].
    pub async fn next(&self, step: &StageId, summary: Option<Vec<String>>) -> Result<Receipt<Progress>, Error> {
        let command = Command::Next { stage: step.clone(), generation: self.generation, summary };
        progressed(self.handle.send(command).await?)
    }

    /// Lets the workshop rest.
    ///
    /// # Errors
    /// As of [`Handle::send`].
    pub async fn pause(&self) -> Result<Receipt<()>, Error> {
        Ok(self.handle.send(Command::Pause).await?.map(|_| ()))
    }

    /// Goes on after a pause.
    ///
    /// # Errors
    /// As of [`Handle::send`].
    pub async fn resume(&self) -> Result<Receipt<()>, Error> {
        Ok(self.handle.send(Command::Resume).await?.map(|_| ()))
    }

    /// Starts a step over: its content is archived, what was made from it is stale. Never refused because somebody is
    /// writing: they are fenced off.
    ///
    /// # Errors
    /// A step not begun, [`Rejection::PlanMoved`], and as of [`Handle::send`].
    pub async fn reset(&self, step: &StageId) -> Result<Receipt<WentBack>, Error> {
        went_back(self.handle.send(Command::Reset { stage: step.clone() }).await?)
    }

    /// What [`reset`](Self::reset) would do.
    ///
    /// # Errors
    /// As of [`reset`](Self::reset).
    pub async fn preview_reset(&self, step: &StageId) -> Result<Plan, Error> {
        self.handle.preview(Command::Reset { stage: step.clone() }).await
    }

    /// Reopens a complete step: its content is kept, what was made from it is stale.
    ///
    /// # Errors
    /// A step that is not complete, [`Rejection::PlanMoved`], and as of [`Handle::send`].
    pub async fn revise(&self, step: &StageId, message: Option<Message>) -> Result<Receipt<WentBack>, Error> {
        let message = message.map(|message| self.signed(message));
        went_back(self.handle.send(Command::Revise { stage: step.clone(), message }).await?)
    }

    /// What [`revise`](Self::revise) would do, with the same message.
    ///
    /// # Errors
    /// As of [`revise`](Self::revise).
    pub async fn preview_revise(&self, step: &StageId, message: Option<Message>) -> Result<Plan, Error> {
        let message = message.map(|message| self.signed(message));
        self.handle.preview(Command::Revise { stage: step.clone(), message }).await
    }

    /// Calls a stale step fresh as it is.
    ///
    /// # Errors
    /// A step that is not stale, [`Rejection::PlanMoved`], and as of [`Handle::send`].
    pub async fn accept(&self, step: &StageId) -> Result<Receipt<Progress>, Error> {
        progressed(self.handle.send(Command::Accept { stage: step.clone() }).await?)
    }

    /// What [`accept`](Self::accept) would do.
    ///
    /// # Errors
    /// As of [`accept`](Self::accept).
    pub async fn preview_accept(&self, step: &StageId) -> Result<Plan, Error> {
        self.handle.preview(Command::Accept { stage: step.clone() }).await
    }

    /// The template that the workshop was made from.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and the store's.
    pub async fn template(&self) -> Result<Template, Error> {
        let digest = self.view().await?.state.outline.digest;
        let bytes = self.handle.shared(digest).await?;
        let bytes = bytes.ok_or_else(|| Rejection::not_found("template of workshop", self.id()))?;
        Ok(Template::from_bytes(&bytes)?)
    }

    fn not_found(&self) -> Error {
        Rejection::not_found("workshop", self.id()).into()
    }
}

fn saved(receipt: Receipt<Reply>) -> Result<Receipt<Vec<(String, Outcome)>>, Error> {
    let Reply::Saved(outcomes) = receipt.reply.clone() else { return Err(Error::unexpected()) };
    Ok(receipt.map(|_| outcomes))
}

fn progressed(receipt: Receipt<Reply>) -> Result<Receipt<Progress>, Error> {
    let progress = match receipt.reply.clone() {
        Reply::Completed { entered, workshop_completed, unblocked }
        | Reply::Accepted { entered, workshop_completed, unblocked } => {
            Progress { entered, workshop_completed, unblocked }
        }
        _ => return Err(Error::unexpected()),
    };
    Ok(receipt.map(|_| progress))
}

fn went_back(receipt: Receipt<Reply>) -> Result<Receipt<WentBack>, Error> {
    let Reply::WentBack { generation, stale, .. } = receipt.reply.clone() else { return Err(Error::unexpected()) };
    Ok(receipt.map(|_| WentBack { generation, stale }))
}
