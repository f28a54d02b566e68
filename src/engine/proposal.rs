//! What a request would do, before any of it is done.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::codec::Tag;
use super::instance::Instance;
use super::keys::{self, EntityKeys};
use super::record::{Change, Record};
use super::request::{Answer, Ask, Failure, Terms};
use crate::domain::limits::{CONTENT_PATH_BYTES_MAX, STAGES_MAX, TIMERS_MAX};
use crate::domain::{Decision, Entity, Fence, Inherit, Part, Read, Rejection, StageId, Target, Timestamp, Verb};
use crate::store::{Batch, Store, Urgency};

/// What the keys of the engine's own timers begin with.
const RESERVED_TIMERS: &str = "restage.";

/// What a request would do.
#[derive(Debug)]
pub(super) struct Proposal<E: Entity> {
    pub(super) answer: Answer<E::Reply>,
    /// The stage that was asked about.
    pub(super) stage: Option<StageId>,
    pub(super) changes: Vec<Change<E>>,
    /// Stages that change, and whether content is written to them.
    pub(super) touched: BTreeMap<StageId, bool>,
    pub(super) content: Vec<(StageId, Vec<u8>, Vec<u8>)>,
    /// Whatever else goes into the batch.
    pub(super) extra: Batch,
    pub(super) effects: Vec<(String, Option<E::Effect>)>,
    pub(super) timers: Vec<(String, Option<Timestamp>)>,
    /// Set for what is audited and can be previewed.
    pub(super) verb: Option<Verb>,
    /// Whether the verb can't be taken back.
    pub(super) for_good: bool,
    /// Whether newer work would be put aside, so that a plan has to be confirmed.
    pub(super) needs_plan: bool,
    /// Set when the turn keeps late work, and refuses it.
    pub(super) late: Option<Rejection>,
}

impl<E: Entity> Proposal<E> {
    pub(super) fn nothing() -> Self {
        Self {
            answer: Answer::Done,
            stage: None,
            changes: Vec::new(),
            touched: BTreeMap::new(),
            content: Vec::new(),
            extra: Batch::default(),
            effects: Vec::new(),
            timers: Vec::new(),
            verb: None,
            for_good: false,
            needs_plan: false,
            late: None,
        }
    }

    /// What a decision of the kind comes to.
    pub(super) fn of(
        decision: Decision<E>,
        target: Option<Target>,
        found: &HashMap<Read, Vec<u8>>,
        record: &Record<E>,
    ) -> Result<Self, Rejection> {
        let mut proposal = Self::nothing();
        let changes_something = !decision.is_empty();
        for (stage, inherit) in decision.raises {
            let fence = proposal.fence(record, &stage).raised(inherit)?;
            proposal.touched.entry(stage.clone()).or_default();
            proposal.changes.push(Change::Raised(stage, fence));
        }
        // What is written after a verb goes to layers that its undo point does not remember: they never change. One that
        // takes an undo point back affects what the point remembers, and the undo raises that.
        for stage in decision.verb.iter().filter(|_| decision.undoes.is_none()).flat_map(|verb| &verb.affects) {
            if !proposal.touched.contains_key(stage) {
                let fence = record.fence(stage).raised(Inherit::Current)?;
                proposal.touched.insert(stage.clone(), false);
                proposal.changes.push(Change::Raised(stage.clone(), fence));
            }
        }
        for (stage, path, _) in &decision.content {
            if path.len() > CONTENT_PATH_BYTES_MAX {
                return Err(Rejection::limit("content path, in bytes", CONTENT_PATH_BYTES_MAX));
            }
            proposal.touched.insert(stage.clone(), true);
        }
        for stage in decision.touches {
            proposal.touched.entry(stage).or_default();
        }
        if let Some(target) = target {
            if changes_something {
                proposal.touched.entry(target.stage.clone()).or_default();
            }
            proposal.stage = Some(target.stage);
        }
        let stages = record.fences.keys().chain(proposal.touched.keys()).collect::<BTreeSet<_>>().len();
        if stages > STAGES_MAX {
            return Err(Rejection::limit("stages of an entity", STAGES_MAX));
        }
        if decision.timers.iter().any(|(key, _)| key.starts_with(RESERVED_TIMERS)) {
            let problem = format!("keys that begin with {RESERVED_TIMERS:?} are the engine's own");
            return Err(Rejection::invalid("timer", problem));
        }
        if record.timers.len() + decision.timers.len() > TIMERS_MAX {
            return Err(Rejection::limit("timers of an entity", TIMERS_MAX));
        }
        for (digest, bytes) in decision.shared {
            if !found.contains_key(&Read::Shared(digest)) {
                proposal.extra.put(keys::shared(digest), bytes);
            }
        }
        proposal.changes.extend(decision.events.into_iter().map(Change::Event));
        proposal.content = decision.content;
        proposal.effects = decision.effects;
        proposal.timers = decision.timers;
        proposal.for_good = decision.verb.as_ref().is_some_and(|verb| verb.for_good);
        proposal.verb = decision.verb;
        proposal.answer = Answer::Reply(decision.reply);
        Ok(proposal)
    }

    /// Whether it would change nothing at all.
    pub(super) fn is_nothing(&self) -> bool {
        self.changes.is_empty()
            && self.content.is_empty()
            && self.extra.changes.is_empty()
            && self.effects.is_empty()
            && self.timers.is_empty()
            && self.verb.is_none()
    }

    /// Whether its commit can wait for more of the same: it changes state and content, and nothing beside.
    pub(super) fn can_wait(&self) -> bool {
        let raises = |change: &Change<E>| matches!(change, Change::Raised(..));
        self.late.is_none()
            && self.verb.is_none()
            && self.effects.is_empty()
            && self.extra.changes.is_empty()
            && !self.changes.iter().any(raises)
    }

    /// How much it matters when the disk is full: going back and what frees space go through on the reserve. What leaves
    /// nothing but a line in the audit does not: whoever is refused often must not use it up.
    pub(super) fn urgency(&self) -> Urgency {
        let frees = self.changes.iter().any(|change| matches!(change, Change::UndoPointsGone(_)));
        let ends = self.content.is_empty() && !self.changes.is_empty();
        let goes_back = self.verb.is_some() && (!self.for_good || ends);
        if frees || goes_back { Urgency::Reserved } else { Urgency::Ordinary }
    }

    /// The verb that is done or begun. One that is finished was counted, and audited, when it was begun.
    pub(super) fn begun_or_done(&self) -> Option<&'static str> {
        self.verb.as_ref().filter(|verb| !matches!(verb.part, Part::Finished { .. })).map(|verb| verb.name)
    }

    /// Whether it leaves an undo point.
    pub(super) fn undoable(&self) -> bool {
        self.verb.as_ref().is_some_and(|verb| verb.part != Part::Begun) && !self.for_good
    }

    /// The fence that a stage has once this is done.
    pub(super) fn fence(&self, record: &Record<E>, stage: &StageId) -> Fence {
        Instance::<E>::fence_after(record, &self.changes, stage)
    }

    /// What is written, by full key, under the generations that hold once this is done.
    pub(super) fn content_by_key(&self, keys: &EntityKeys, record: &Record<E>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let place = |(stage, path, bytes): &(StageId, Vec<u8>, Vec<u8>)| {
            (keys.content(stage, self.fence(record, stage).generation, path), bytes.clone())
        };
        self.content.iter().map(place).collect()
    }

    /// All changes, those of touched stages included.
    pub(super) fn all_changes(&self) -> Vec<Change<E>> {
        let mut changes = self.changes.clone();
        changes.extend(self.touched.iter().map(|(stage, written)| Change::Touched(stage.clone(), *written)));
        changes.extend(self.timers.iter().map(|(key, due)| Change::Timer(key.clone(), *due)));
        changes
    }

    /// The stages whose fences an undo point has to remember.
    pub(super) fn affected(&self) -> BTreeSet<StageId> {
        let raised = self.changes.iter().filter_map(|change| match change {
            Change::Raised(stage, _) => Some(stage.clone()),
            _ => None,
        });
        self.verb.iter().flat_map(|verb| verb.affects.iter().cloned()).chain(raised).collect()
    }
}

impl<E: Entity> Instance<E> {
    /// What a request would do now. Changes nothing.
    pub(super) fn propose(
        &self,
        ask: Ask<E>,
        terms: &Terms,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        match ask {
            Ask::Command(command) | Ask::Draft(command) => self.decide(&command, terms, store, now),
            Ask::Flush => Ok(Proposal::nothing()),
            Ask::Undo(point) => self.undo(point, terms, store, now),
            Ask::Adopt(number) => self.adopt(number, terms, store, now),
            Ask::Discard(number) => self.discard(number),
            Ask::Purge => self.purge(),
            Ask::Timer { key, due } => self.timer(&key, due, terms, store, now),
            Ask::Answer { key, revision, command } => {
                let Some(mut proposal) = self.answer(&key, revision, command, terms, store, now)? else {
                    return Ok(Proposal::nothing());
                };
                if !proposal.effects.iter().any(|(owed, _)| *owed == key) {
                    proposal.effects.push((key, None));
                }
                Ok(proposal)
            }
        }
    }

    /// A timer is due. One that was set anew or stopped meanwhile does nothing.
    fn timer(
        &self,
        key: &str,
        due: Timestamp,
        terms: &Terms,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        if self.record.timers.get(key) != Some(&due) {
            // Nothing, but that a key which nobody will ever ask for again goes.
            let mut proposal = Proposal::nothing();
            proposal.extra.delete(self.keys.timer(due, key));
            return Ok(proposal);
        }
        let mut proposal = if key == super::undo::EXPIRY_TIMER {
            self.expire(now)
        } else {
            self.refused_is_nothing(E::on_timer(key), terms, store, now)?
        };
        if !proposal.timers.iter().any(|(set, _)| set == key) {
            proposal.timers.push((key.to_owned(), None));
        }
        Ok(proposal)
    }

    /// The world answered an effect. One that was replaced or answered meanwhile is none.
    fn answer(
        &self,
        key: &str,
        revision: u64,
        command: Option<E::Command>,
        terms: &Terms,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Option<Proposal<E>>, Failure> {
        let owed: Option<(u64, E::Effect)> = self.fetch_as(store, &self.keys.effect(key), Tag::Effect)?;
        if owed.is_none_or(|(owed, _)| owed != revision) {
            return Ok(None);
        }
        self.refused_is_nothing(command, terms, store, now).map(Some)
    }

    /// A command that nobody waits for: if the rules refuse it, the rest of the turn goes on without it.
    fn refused_is_nothing(
        &self,
        command: Option<E::Command>,
        terms: &Terms,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        match command.map(|command| self.decide(&command, terms, store, now)) {
            None => Ok(Proposal::nothing()),
            Some(Err(Failure::Rejected(rejection))) => {
                tracing::info!(kind = E::KIND, id = %self.keys.id(), %rejection, "a timer's or an effect's command was refused");
                Ok(Proposal::nothing())
            }
            Some(decided) => decided,
        }
    }
}
