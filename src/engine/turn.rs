//! One request to one entity, from the checks to the batch.
//!
//! The order is: the answer to a known idempotency key; the expected revision; the proposal, which is pure; the plan
//! token; held drafts, which are committed in the same batch before it; room in the store; and only then does anything
//! change in memory.

use sha2::Digest as _;

use super::codec::Tag;
use super::held::{Held, HeldDraft};
use super::instance::{Commit, Handled, Instance, Owed};
use super::proposal::Proposal;
use super::record::{Change, Entry, Record};
use super::request::{Answer, Ask, Failure, Receipt, Request, Terms};
use super::seal::Sealed;
use crate::domain::limits::DRAFT_BYTES_HELD_MAX;
use crate::domain::{Entity, Fence, Generation, Input, Plan, PlanToken, Rejection, Timestamp, Verb};
use crate::store::Store;

/// What the answer to an idempotency key is stored as.
#[derive(serde::Serialize, serde::Deserialize)]
struct KnownAnswer<R> {
    at: Timestamp,
    asked: [u8; 32],
    receipt: Receipt<R>,
}

impl<E: Entity> Instance<E> {
    /// Decides one request. Nothing here waits, and nothing is durable before the commit is.
    pub fn handle(&mut self, request: Request<E>, store: &dyn Store, now: Timestamp) -> Handled<E> {
        match self.try_handle(request, store, now) {
            Ok(handled) => handled,
            Err(failure) => Handled { commit: None, outcome: Err(failure) },
        }
    }

    /// Commits held drafts, if there are any and they are due or `now` is `None`.
    ///
    /// # Errors
    /// The store has no room: they stay held, and are due again later.
    pub fn commit_held(&mut self, store: &dyn Store, now: Option<Timestamp>) -> Result<Option<Commit<E>>, Failure> {
        // Due that far ahead, the clock was set back meanwhile.
        let far = |now: Timestamp, due: Timestamp| due.since(now) > self.options.draft_most;
        let waits = |now: Timestamp| self.due().is_none_or(|due| due > now && !far(now, due));
        if now.is_some_and(waits) || self.held.is_none() {
            return Ok(None);
        }
        self.commit(Proposal::nothing(), &Terms::default(), None, store, Timestamp::default()).map(Some)
    }

    fn try_handle(&mut self, request: Request<E>, store: &dyn Store, now: Timestamp) -> Result<Handled<E>, Failure> {
        let Request { ask, terms } = request;
        terms.check()?;
        let asked = self.asked(&ask, &terms)?;
        if let Some(receipt) = self.known_answer(store, &terms, asked)? {
            return Ok(Handled { commit: None, outcome: Ok(receipt) });
        }
        // Drafts that are held are no turn yet: who saw the revision saw none of them, and often wrote them.
        let actual = self.committed().revision;
        if let Some(expected) = terms.expected.filter(|expected| *expected != actual) {
            return Err(Rejection::RevisionMoved { expected, actual }.into());
        }
        let draft_key = match &ask {
            Ask::Draft(_) if terms.key.is_some() => {
                let problem = "a draft takes none: saving the same again is harmless by itself";
                return Err(Rejection::invalid("idempotency key", problem).into());
            }
            Ask::Draft(command) => Some(E::draft_key(command)),
            _ => None,
        };
        let proposal = self.propose(ask, &terms, store, now)?;
        if let Some(plan) = self.checked_plan(&proposal, &terms, asked, now)? {
            return Ok(self.answered(Answer::Plan(Box::new(plan)), None));
        }
        if let Some(key) = draft_key
            && proposal.can_wait()
            && let Some(handled) = self.hold(key, &proposal, &terms, now)?
        {
            return Ok(handled);
        }
        self.turn(proposal, &terms, asked, store, now)
    }

    /// The digest of what is asked; left out where nothing rests on it, since most turns are commands without a key.
    fn asked(&self, ask: &Ask<E>, terms: &Terms) -> Result<Option<[u8; 32]>, Failure> {
        let plain = matches!(ask, Ask::Command(_) | Ask::Draft(_));
        match (&terms.key, &terms.plan, terms.preview) {
            (None, None, false) if plain => Ok(None),
            _ => self.digest_of(ask).map(Some),
        }
    }

    /// The plan, if it was asked for; and whether a verb may be done as it was asked.
    fn checked_plan(
        &self,
        proposal: &Proposal<E>,
        terms: &Terms,
        asked: Option<[u8; 32]>,
        now: Timestamp,
    ) -> Result<Option<Plan>, Failure> {
        let Some(verb) = &proposal.verb else {
            if terms.preview || terms.plan.is_some() {
                return Err(Rejection::invalid("plan", "this takes nothing back, so there is no plan of it").into());
            }
            return Ok(None);
        };
        if !terms.preview && terms.plan.is_none() && !proposal.needs_plan {
            return Ok(None);
        }
        let plan = self.plan_of(verb, proposal, asked, now)?;
        match &terms.plan {
            _ if terms.preview => Ok(Some(plan)),
            Some(token) if *token == plan.token => Ok(None),
            Some(_) => Err(Rejection::PlanMoved { plan: Box::new(plan) }.into()),
            None => Err(Rejection::PlanRequired { plan: Box::new(plan) }.into()),
        }
    }

    /// Commits a turn, or answers at once if there is nothing to commit.
    fn turn(
        &mut self,
        mut proposal: Proposal<E>,
        terms: &Terms,
        asked: Option<[u8; 32]>,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Handled<E>, Failure> {
        if proposal.is_nothing() && self.held.is_none() && terms.key.is_none() {
            let generation = proposal.stage.as_ref().map(|stage| self.record.fence(stage).generation);
            return Ok(self.answered(proposal.answer, generation));
        }
        let late = proposal.late.take().map(Failure::from);
        let receipt = self.receipt_after(&proposal, terms.key.is_some());
        // A refusal is not remembered, though it came with a turn that keeps the work: asked again, it is refused again.
        let known = asked.filter(|_| late.is_none()).map(|asked| (asked, &receipt));
        let commit = self.commit(proposal, terms, known, store, now)?;
        Ok(Handled { commit: Some(commit), outcome: late.map_or(Ok(receipt), Err) })
    }

    fn answered(&self, answer: Answer<E::Reply>, generation: Option<Generation>) -> Handled<E> {
        let revision = self.committed().revision;
        let pending = self.pending();
        let receipt = Receipt { answer, revision, generation, undo_point: None, pending, replayed: false };
        Handled { commit: None, outcome: Ok(receipt) }
    }

    /// What a turn of this proposal will answer.
    fn receipt_after(&self, proposal: &Proposal<E>, keyed: bool) -> Receipt<E::Reply> {
        let generation = proposal.stage.as_ref().map(|stage| proposal.fence(&self.record, stage).generation);
        let held = u64::from(self.held.is_some());
        let own = u64::from(keyed || !proposal.is_nothing());
        Receipt {
            answer: proposal.answer.clone(),
            revision: self.committed().revision + held + own,
            generation,
            undo_point: proposal.undoable().then_some(self.record.numbered + 1),
            pending: 0,
            replayed: false,
        }
    }

    /// Applies a draft in memory and holds its commit back; `None` if it is too much to be held.
    fn hold(
        &mut self,
        key: Option<Vec<u8>>,
        proposal: &Proposal<E>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Option<Handled<E>>, Failure> {
        let generation = proposal.stage.as_ref().map(|stage| self.record.fence(stage).generation);
        if proposal.is_nothing() {
            return Ok(Some(self.answered(proposal.answer.clone(), generation)));
        }
        let changes = proposal.all_changes();
        let content = proposal.content_by_key(&self.keys, &self.record);
        let journal_bytes = self.encode(Tag::Digested, &changes)?.len();
        let bytes = journal_bytes + content.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        let fits = self.held.as_ref().map_or(bytes <= DRAFT_BYTES_HELD_MAX, |held| held.has_room_for(bytes));
        if !fits {
            return Ok(None);
        }
        let held = self.held.get_or_insert_with(|| Held::new(self.record.clone(), now));
        // The revision that they will be, all together.
        self.record.revision = held.committed.revision + 1;
        for change in &changes {
            self.record.take_in(change, now);
        }
        held.push(key, HeldDraft { at: now, by: terms.by.clone(), changes, bytes: journal_bytes }, content);
        Ok(Some(self.answered(proposal.answer.clone(), generation)))
    }

    /// Makes one batch of held drafts and the proposal, and takes both in.
    fn commit(
        &mut self,
        proposal: Proposal<E>,
        terms: &Terms,
        known: Option<([u8; 32], &Receipt<E::Reply>)>,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Commit<E>, Failure> {
        let urgency = proposal.urgency();
        let effects = proposal.effects.clone();
        let verb = proposal.begun_or_done();
        let mut sealed = Sealed::new();
        sealed.held(self)?;
        // One with a key is a turn even if it changes nothing: its answer is remembered.
        if !proposal.is_nothing() || terms.key.is_some() {
            sealed.own(self, proposal, terms, now)?;
        }
        if let (Some(key), Some((asked, receipt))) = (&terms.key, known) {
            let known = KnownAnswer { at: now, asked, receipt: receipt.clone() };
            sealed.batch.put(self.keys.answer(key), self.encode(Tag::Answer, &known)?);
            sealed.batch.put(self.keys.answer_age(now, key), Vec::new());
        }
        sealed.snapshot(self)?;
        Self::admit(store, &sealed.batch, urgency)?;
        let Sealed { batch, entries, rebased, timer, garbage, .. } = sealed;
        self.take_in(&entries, rebased);
        let revision = self.record.revision;
        let owed = |(key, effect): (String, Option<_>)| {
            effect.map(|effect| Owed { id: self.keys.id().clone(), key, revision, effect })
        };
        let effects = effects.into_iter().filter_map(owed).collect();
        let ticket = self.sent(&batch);
        Ok(Commit { batch, ticket, effects, timer, garbage, verb })
    }

    /// The point of no return: what was sealed is what the entity is from now on.
    fn take_in(&mut self, entries: &[Entry<E>], rebased: Option<Record<E>>) {
        if let Some(rebased) = rebased {
            self.record = rebased;
        } else {
            entries.iter().for_each(|entry| self.record.fold(entry));
        }
        self.held = None;
    }

    /// The answer that was given to the same key, if one was.
    fn known_answer(
        &self,
        store: &dyn Store,
        terms: &Terms,
        asked: Option<[u8; 32]>,
    ) -> Result<Option<Receipt<E::Reply>>, Failure> {
        let (Some(key), Some(asked), false) = (&terms.key, asked, terms.preview) else { return Ok(None) };
        let known: Option<KnownAnswer<E::Reply>> = self.fetch_as(store, &self.keys.answer(key), Tag::Answer)?;
        match known {
            None => Ok(None),
            Some(known) if known.asked != asked => Err(Rejection::KeyReused { key: key.clone() }.into()),
            Some(known) => Ok(Some(Receipt { replayed: true, ..known.receipt })),
        }
    }

    /// What tells one thing that is asked from another.
    fn digest_of(&self, ask: &Ask<E>) -> Result<[u8; 32], Failure> {
        let bytes = match ask {
            Ask::Command(command) | Ask::Draft(command) => self.encode(Tag::Digested, &("command", command))?,
            Ask::Undo(point) => self.encode(Tag::Digested, &("undo", point))?,
            Ask::Adopt(number) => self.encode(Tag::Digested, &("adopt", number))?,
            Ask::Discard(number) => self.encode(Tag::Digested, &("discard", number))?,
            Ask::Purge => self.encode(Tag::Digested, &"purge")?,
            Ask::Flush => self.encode(Tag::Digested, &"flush")?,
            Ask::Timer { key, due } => self.encode(Tag::Digested, &("timer", key, due))?,
            Ask::Answer { key, revision, .. } => self.encode(Tag::Digested, &("answer", key, revision))?,
        };
        Ok(sha2::Sha256::digest(bytes).into())
    }

    fn plan_of(
        &self,
        verb: &Verb,
        proposal: &Proposal<E>,
        asked: Option<[u8; 32]>,
        now: Timestamp,
    ) -> Result<Plan, Failure> {
        let revision = self.committed().revision;
        let asked = asked.unwrap_or_default();
        let rests_on = match verb.rests_on {
            Some(digest) => self.encode(Tag::Digested, &digest)?,
            None => self.encode(Tag::Digested, &(revision, self.held.as_ref().map(Held::version)))?,
        };
        let seen = self.encode(Tag::Digested, &(E::KIND, self.keys.id().as_str(), asked, rests_on))?;
        let token: String = sha2::Sha256::digest(seen).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Plan {
            verb: verb.name.to_owned(),
            stage: verb.stage.clone(),
            lines: verb.lines.clone(),
            undo_until: (!proposal.for_good).then(|| now.after(self.options.undo_retention)),
            revision,
            drafts: self.pending(),
            token: PlanToken(token),
        })
    }

    /// Runs a command of the kind: its fence, what it reads, its rules.
    pub(super) fn decide(
        &self,
        command: &E::Command,
        terms: &Terms,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        let target = E::target(command);
        let given = target.as_ref().and_then(|target| target.generation);
        if let (Some(target), Some(given)) = (&target, given) {
            let current = self.record.fence(&target.stage).generation;
            if given < Generation::FIRST {
                return Err(Rejection::invalid("generation", "the first one is 1").into());
            }
            if given < current {
                return self.late(command, target, given, current, store, now);
            }
        }
        let found = self.find(store, E::reads(&self.record.state, command))?;
        let Record { revision, fences, .. } = &self.record;
        let (by, reason) = (terms.by.as_str(), terms.reason.as_deref());
        let input = Input { id: self.keys.id(), by, reason, now, revision: *revision, fences, found: &found };
        let decision = match E::decide(&self.record.state, command, &input) {
            Err(rejection) if !matches!(rejection, Rejection::Superseded { .. }) => return Err(rejection.into()),
            decision => decision,
        };
        // Asked last, so that a stage that does not exist is refused as such.
        if let (Some(target), Some(given)) = (&target, given) {
            let current = self.record.fence(&target.stage).generation;
            if given > current {
                let problem = format!("there is no generation {given} of {}, the newest is {current}", target.stage);
                return Err(Rejection::invalid("generation", problem).into());
            }
        }
        let decision = match (decision, &target) {
            (Ok(decision), _) => decision,
            (Err(superseded), Some(target)) => return self.superseded(command, target, superseded, store, now),
            (Err(superseded), None) => return Err(superseded.into()),
        };
        let undoes = decision.undoes;
        let proposal = Proposal::of(decision, target, &found, &self.record)?;
        match undoes {
            Some(point) => self.finish_undo(point, proposal, store, now),
            None => Ok(proposal),
        }
    }

    /// The fence that a stage has once the changes are in.
    pub(super) fn fence_after(record: &Record<E>, changes: &[Change<E>], stage: &crate::domain::StageId) -> Fence {
        let raised = changes.iter().rev().find_map(|change| match change {
            Change::Raised(raised, fence) if raised == stage => Some(fence.clone()),
            _ => None,
        });
        raised.unwrap_or_else(|| record.fence(stage))
    }
}
