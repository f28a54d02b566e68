//! Work that a fence turned away: kept as the command it came as, until somebody adopts or discards it.

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::codec::Tag;
use super::instance::Instance;
use super::proposal::Proposal;
use super::record::{Change, Orphan};
use super::request::{Failure, Terms};
use crate::domain::limits::ORPHANS_MAX;
use crate::domain::{Entity, Fate, Generation, PlanLine, Rejection, Target, Timestamp, Verb};
use crate::store::Store;

/// A command that came too late, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct LateCommand<E: Entity> {
    /// The command, as it came.
    pub command: E::Command,
}

impl<E: Entity> Instance<E> {
    /// Refuses a command of an older generation, and keeps it if it is work.
    pub(super) fn late(
        &self,
        command: &E::Command,
        target: &Target,
        given: Generation,
        current: Generation,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        let stale = |orphan| Rejection::Stale { stage: target.stage.clone(), given, current, orphan };
        self.turned_away(command, target, given, &stale, store, now)
    }

    /// Refuses a command whose place somebody else has by now, and keeps it if it is work.
    pub(super) fn superseded(
        &self,
        command: &E::Command,
        target: &Target,
        rejection: Rejection,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        let Rejection::Superseded { stage, what, why, .. } = rejection else { return Err(rejection.into()) };
        let given = target.generation.unwrap_or(self.record.fence(&target.stage).generation);
        let superseded = |orphan| {
            let (stage, what, why) = (stage.clone(), what.clone(), why.clone());
            Rejection::Superseded { stage, what, why, orphan }
        };
        self.turned_away(command, target, given, &superseded, store, now)
    }

    /// Refuses a command, and keeps it if it is work; `refusal` is told under which number.
    fn turned_away(
        &self,
        command: &E::Command,
        target: &Target,
        given: Generation,
        refusal: &dyn Fn(Option<u64>) -> Rejection,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        if !target.work {
            return Err(refusal(None).into());
        }
        let stored = match self.encode_theirs(Tag::Orphan, &LateCommand::<E> { command: command.clone() }) {
            Ok(stored) => stored,
            Err(Failure::Rejected(_)) => return Err(refusal(None).into()),
            Err(failure) => return Err(failure),
        };
        // What is a version of nothing is kept once, however often it is sent.
        let of = E::draft_key(command).unwrap_or_else(|| sha2::Sha256::digest(&stored).to_vec());
        let same = |orphan: &&Orphan| orphan.of == of && orphan.stage == target.stage && orphan.generation == given;
        let known = self.record.orphans.iter().find(same);
        if let Some(known) = known {
            let earlier = self.late_command(known.number, store)?;
            if earlier.is_some_and(|earlier| !E::supersedes(command, &earlier.command)) {
                return Err(refusal(Some(known.number)).into());
            }
        } else if self.record.orphans.len() >= ORPHANS_MAX {
            return Err(refusal(None).into());
        }
        let number = known.map_or(self.record.numbered + 1, |known| known.number);
        let orphan = Orphan {
            number,
            stage: target.stage.clone(),
            generation: given,
            at: now,
            by: String::new(),
            bytes: stored.len() as u64,
            of,
        };
        let mut proposal = Proposal::nothing();
        proposal.changes.push(Change::Orphaned(orphan));
        proposal.extra.put(self.keys.orphan(number), stored);
        proposal.late = Some(refusal(Some(number)));
        Ok(proposal)
    }

    /// The command of an orphan.
    pub(super) fn late_command(&self, number: u64, store: &dyn Store) -> Result<Option<LateCommand<E>>, Failure> {
        self.fetch_as(store, &self.keys.orphan(number), Tag::Orphan)
    }

    fn orphan(&self, number: u64) -> Result<&Orphan, Rejection> {
        let found = self.record.orphans.iter().find(|orphan| orphan.number == number);
        found.ok_or_else(|| Rejection::not_found("orphan", number))
    }

    /// Runs an orphan's command under the generation that holds now. If the rules refuse it, the orphan stays.
    pub(super) fn adopt(
        &self,
        number: u64,
        terms: &Terms,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        let orphan = self.orphan(number)?;
        let late = self.late_command(number, store)?;
        let mut command = late.ok_or_else(|| Rejection::not_found("orphan", number))?.command;
        E::retarget(&mut command, self.record.fence(&orphan.stage).generation);
        let mut proposal = self.decide(&command, terms, store, now)?;
        if let Some(Rejection::Superseded { stage, what, why, .. }) = proposal.late {
            // It stays the orphan that it is.
            return Err(Rejection::Superseded { stage, what, why, orphan: Some(number) }.into());
        }
        if proposal.late.is_some() {
            // The kind does not retarget this command: it is kept as it is.
            return Ok(proposal);
        }
        proposal.changes.push(Change::OrphanGone(number));
        proposal.extra.delete(self.keys.orphan(number));
        if proposal.verb.is_none() {
            let what = format!("orphan {number}, {} bytes", orphan.bytes);
            let why = "it is written as if it came now";
            let lines = vec![PlanLine::new(Fate::Restored, &orphan.stage, what, why)];
            let stage = Some(orphan.stage.clone());
            proposal.verb = Some(Verb::new("adopt", stage, Vec::new(), lines));
            proposal.for_good = true;
        }
        Ok(proposal)
    }

    /// Lets an orphan go for good.
    pub(super) fn discard(&self, number: u64) -> Result<Proposal<E>, Failure> {
        let orphan = self.orphan(number)?;
        let what = format!("orphan {number}, {} bytes", orphan.bytes);
        let line = PlanLine::new(Fate::Deleted, &orphan.stage, what, "late work that nobody adopted");
        let mut proposal = Proposal::nothing();
        let stage = Some(orphan.stage.clone());
        proposal.changes.push(Change::OrphanGone(number));
        proposal.extra.delete(self.keys.orphan(number));
        proposal.verb = Some(Verb::new("discard", stage, Vec::new(), vec![line]));
        proposal.for_good = true;
        Ok(proposal)
    }
}
