//! The contract of an entity kind: what a turn may read, how it decides, and how what happened is folded into the state.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Digest as _;

use super::fence::{Fence, Generation, Inherit};
use super::id::{EntityId, StageId};
use super::plan::PlanLine;
use super::rejection::Rejection;
use super::time::Timestamp;

/// A kind of entity: its state, what can be asked of it, and what then happens.
///
/// All of it is pure. [`decide`](Entity::decide) refuses or answers with a [`Decision`]; [`apply`](Entity::apply) is
/// total and has no rules, so that replaying the journal gives the state that the live actor had. Reset, undo, drafts,
/// orphans and previews come from the engine: a kind says which stage a command writes to, and raises fences.
///
/// All types are stored with a format that does not describe itself: append enum variants and never reorder them, and
/// use no `skip_serializing_if` and no untagged enums.
pub trait Entity: Sized + Clone + Debug + Send + Sync + 'static {
    /// The name of the kind: part of every key, so never changed. Lower case letters, digits and `-`.
    const KIND: &'static str;

    /// What the rules need to know, kept small: content lies apart, by stage and path. The default is an entity that
    /// nobody has created.
    type State: Clone + Default + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What can be asked.
    type Command: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What happened.
    type Event: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What the asker is told.
    type Reply: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;
    /// What is owed to the world.
    type Effect: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;

    /// The stage that a command works on, and under which generation. Checked before anything else.
    fn target(command: &Self::Command) -> Option<Target>;

    /// Points a command at `generation`: how an orphan is adopted.
    fn retarget(command: &mut Self::Command, generation: Generation);

    /// The content that [`decide`](Entity::decide) will look at; the engine reads it beforehand. Nothing by default.
    fn reads(state: &Self::State, command: &Self::Command) -> Vec<Read> {
        let _ = (state, command);
        Vec::new()
    }

    /// Refuses, or says what happens.
    ///
    /// # Errors
    /// The rule that refuses. Nothing changed then; but a command that carries work and is
    /// [superseded](Rejection::Superseded) is kept as an orphan, just as one that a fence turns away.
    fn decide(state: &Self::State, command: &Self::Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection>;

    /// Folds what happened at `at` into the state.
    fn apply(state: &mut Self::State, event: &Self::Event, at: Timestamp);

    /// Puts back what a verb that affected `stages` changed, as `saved` had it; other stages may have moved since, and
    /// stay as they are. Their content comes back by itself.
    fn restore(state: &mut Self::State, saved: &Self::State, stages: &[StageId], at: Timestamp);

    /// Two drafts, or two late commands, of the same key are versions of one thing: only the better one is kept.
    ///
    /// Where a draft has a key, its events must be such that the last of that key alone gives the same state as all of
    /// them in turn.
    fn draft_key(command: &Self::Command) -> Option<Vec<u8>> {
        let _ = command;
        None
    }

    /// Whether `new` takes the place of `old`, both late and of the same [`draft_key`](Entity::draft_key).
    fn supersedes(new: &Self::Command, old: &Self::Command) -> bool {
        let _ = (new, old);
        true
    }

    /// The command that a timer of this key stands for when it is due.
    fn on_timer(key: &str) -> Option<Self::Command> {
        let _ = key;
        None
    }

    /// What a state that an undo put back owes to the world, and when it has to be woken. Nothing by default.
    fn after_undo(state: &Self::State, at: Timestamp) -> Owes<Self> {
        let _ = (state, at);
        Owes::default()
    }

    /// The command that begins the undo of a verb which the world has to take back first; `saved` is the state before
    /// that verb, which affected `stages`. What finishes it says so with [`Decision::undoes`]. With none, the undo is one
    /// turn.
    fn begin_undo(saved: &Self::State, stages: &[StageId], point: u64) -> Option<Self::Command> {
        let _ = (saved, stages, point);
        None
    }

    /// The undo point that an undo under way needs: it is neither purged nor let go meanwhile.
    fn undoing(state: &Self::State) -> Option<u64> {
        let _ = state;
        None
    }
}

/// Where a command works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The stage.
    pub stage: StageId,
    /// The generation the writer works under; `None` for the one that holds when the turn is decided.
    pub generation: Option<Generation>,
    /// Whether the command carries work, which is kept as an orphan when it comes too late.
    pub work: bool,
}

/// A piece of content that a decision looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// Content of a stage, as its current generation sees it.
    Content(StageId, Vec<u8>),
    /// Something that all entities share, by its digest.
    Shared(Digest),
}

/// The SHA-256 of something that all entities share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }
}

/// Sixty-four hexadecimal digits.
impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a decision knows beside state and command.
#[derive(Debug)]
pub struct Input<'a> {
    /// The entity that is asked.
    pub id: &'a EntityId,
    /// Who asks.
    pub by: &'a str,
    /// Why, if they said.
    pub reason: Option<&'a str>,
    /// The time of the turn.
    pub now: Timestamp,
    /// How many turns the entity has had; 0 if nobody has created it.
    pub revision: u64,
    /// The fences of the stages that have one.
    pub fences: &'a BTreeMap<StageId, Fence>,
    /// What [`Entity::reads`] asked for, where there is something.
    pub found: &'a HashMap<Read, Vec<u8>>,
}

impl Input<'_> {
    /// The generation of a stage.
    pub fn generation(&self, stage: &StageId) -> Generation {
        self.fences.get(stage).map_or(Generation::FIRST, |fence| fence.generation)
    }

    /// Content of a stage that [`Entity::reads`] asked for.
    pub fn content(&self, stage: &StageId, path: &[u8]) -> Option<&[u8]> {
        self.found.get(&Read::Content(stage.clone(), path.to_vec())).map(Vec::as_slice)
    }

    /// Something shared that [`Entity::reads`] asked for.
    pub fn shared(&self, digest: Digest) -> Option<&[u8]> {
        self.found.get(&Read::Shared(digest)).map(Vec::as_slice)
    }
}

/// What happens in a turn. Fences are raised first; content is then written under the new generation.
#[derive(Debug)]
pub struct Decision<E: Entity> {
    /// What the asker is told.
    pub reply: E::Reply,
    /// What happened, in order.
    pub events: Vec<E::Event>,
    /// Stages whose generation is raised, and what the new one inherits.
    pub raises: Vec<(StageId, Inherit)>,
    /// Content written: stage, path below it, bytes.
    pub content: Vec<(StageId, Vec<u8>, Vec<u8>)>,
    /// Things that all entities share, stored once by their digest.
    pub shared: Vec<(Digest, Vec<u8>)>,
    /// Effects owed (`Some`), or owed no longer (`None`), by key. One of the same key that is still owed is replaced. What
    /// the key has before its first `/` is its lane: lanes don't wait for each other.
    pub effects: Vec<(String, Option<E::Effect>)>,
    /// Timers set (`Some`) or stopped (`None`), by key.
    pub timers: Vec<(String, Option<Timestamp>)>,
    /// Stages that changed without content written to them.
    pub touches: Vec<StageId>,
    /// Set when the turn goes back or overrules: it can be previewed and undone, and is audited.
    pub verb: Option<Verb>,
    /// The undo point that this turn takes back, the world having taken it back before: [`Entity::begin_undo`]. What
    /// happened comes after that. Fences are raised as the undo has it, so the decision raises none.
    pub undoes: Option<u64>,
}

/// Effects and timers, by key, each as a [`Decision`] has it.
#[derive(Debug)]
pub struct Owes<E: Entity> {
    /// Effects owed (`Some`), or owed no longer (`None`).
    pub effects: Vec<(String, Option<E::Effect>)>,
    /// Timers set (`Some`) or stopped (`None`).
    pub timers: Vec<(String, Option<Timestamp>)>,
}

impl<E: Entity> Default for Owes<E> {
    fn default() -> Self {
        Self { effects: Vec::new(), timers: Vec::new() }
    }
}

impl<E: Entity> Decision<E> {
    /// A decision in which nothing happens yet but the reply.
    pub fn reply(reply: E::Reply) -> Self {
        Self {
            reply,
            events: Vec::new(),
            raises: Vec::new(),
            content: Vec::new(),
            shared: Vec::new(),
            effects: Vec::new(),
            timers: Vec::new(),
            touches: Vec::new(),
            verb: None,
            undoes: None,
        }
    }

    /// And this happened.
    #[must_use]
    pub fn event(mut self, event: E::Event) -> Self {
        self.events.push(event);
        self
    }

    /// And the generation of `stage` is raised.
    #[must_use]
    pub fn raise(mut self, stage: &StageId, inherit: Inherit) -> Self {
        self.raises.push((stage.clone(), inherit));
        self
    }

    /// And this content is written.
    #[must_use]
    pub fn write(mut self, stage: &StageId, path: impl Into<Vec<u8>>, bytes: impl Into<Vec<u8>>) -> Self {
        self.content.push((stage.clone(), path.into(), bytes.into()));
        self
    }

    /// And this is owed to the world.
    #[must_use]
    pub fn effect(mut self, key: impl Into<String>, effect: E::Effect) -> Self {
        self.effects.push((key.into(), Some(effect)));
        self
    }

    /// And this is owed no longer.
    #[must_use]
    pub fn no_effect(mut self, key: impl Into<String>) -> Self {
        self.effects.push((key.into(), None));
        self
    }

    /// And the turn is a verb that can be previewed and undone.
    #[must_use]
    pub fn verb(mut self, verb: Verb) -> Self {
        self.verb = Some(verb);
        self
    }

    /// Whether the turn would change nothing at all.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.raises.is_empty()
            && self.content.is_empty()
            && self.shared.is_empty()
            && self.effects.is_empty()
            && self.timers.is_empty()
            && self.verb.is_none()
            && self.undoes.is_none()
    }
}

/// A turn that goes back or overrules, as its preview, its undo point and its audit entry tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verb {
    /// Its name: "reset", "revise", "accept".
    pub name: &'static str,
    /// The stage that was named.
    pub stage: Option<StageId>,
    /// Every stage whose state or content it changes: what undo gives back. Those that the decision does not raise go to
    /// a new generation with all they have, so that what is written later is not among what undo gives back.
    pub affects: Vec<StageId>,
    /// What happens to what, and why.
    pub lines: Vec<PlanLine>,
    /// How much of it is this turn.
    pub part: Part,
    /// What a plan of it rests on: the plan holds as long as this is the same. `None` for everything: it holds as long as
    /// the entity has no other turn.
    pub rests_on: Option<Digest>,
    /// Whether it can't be taken back: it leaves no undo point.
    pub for_good: bool,
}

impl Verb {
    /// A verb that is one turn, and whose plan rests on everything.
    pub fn new(name: &'static str, stage: Option<StageId>, affects: Vec<StageId>, lines: Vec<PlanLine>) -> Self {
        Self { name, stage, affects, lines, part: Part::Whole, rests_on: None, for_good: false }
    }

    /// A verb that is one turn, belongs to no stage, and can't be taken back.
    pub fn for_good(name: &'static str, lines: Vec<PlanLine>) -> Self {
        Self { for_good: true, ..Self::new(name, None, Vec::new(), lines) }
    }
}

/// How much of a verb a turn is. One that moves more than the entity is begun, done in the world, and finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: it can be previewed, is audited and leaves an undo point.
    Whole,
    /// The beginning: it can be previewed and is audited. An effect is owed whose answer finishes it.
    Begun,
    /// The end: it leaves the undo point, on behalf of who began it.
    Finished {
        /// Who began it.
        by: String,
    },
}
