//! Taking a verb back, and letting go of what that would need.
//!
//! An undo point remembers the kind's state and the fences as they were before its verb. Undo raises each fence to a new
//! layer over the remembered ones, which never changed since, and asks the kind to put the affected stages back as they
//! were. It is a verb itself, so it leaves an undo point of its own.
//!
//! Where the world has to be put back too, the kind begins the undo with a command of its own, and the turn that takes
//! the world's answer in finishes it ([`Decision::undoes`](crate::domain::Decision::undoes)).

use std::time::Duration;

use super::codec::Tag;
use super::instance::Instance;
use super::proposal::Proposal;
use super::record::{Change, UndoPoint};
use super::request::{Failure, Terms};
use crate::domain::{Entity, Fate, PlanLine, Rejection, Timestamp, Verb};
use crate::store::Store;

/// The timer that lets old undo points go.
pub(super) const EXPIRY_TIMER: &str = "restage.undo-expiry";
/// How long an undo point is let be that is needed beyond its time.
const EXPIRY_AGAIN: Duration = Duration::from_secs(60);

impl<E: Entity> Instance<E> {
    /// Takes back the verb of an undo point, or the newest that was not taken back; or begins to.
    pub(super) fn undo(
        &self,
        number: Option<u64>,
        terms: &Terms,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        let point = self.undo_point(number)?;
        let saved = self.saved(point, store)?;
        let stages: Vec<_> = point.fences.keys().cloned().collect();
        let begin = E::begin_undo(&saved, &stages, point.number);
        let whole = self.taken_back(point, saved, now)?;
        let Some(command) = begin else { return Ok(whole) };
        let mut begun = self.decide(&command, terms, store, now)?;
        begun.needs_plan = whole.needs_plan;
        // It may have been all that there is to do.
        let is_done = begun.changes.iter().any(|change| matches!(change, Change::Undone(..)));
        if let (Some(verb), Some(whole), false) = (&mut begun.verb, whole.verb, is_done) {
            verb.stage = whole.stage;
            verb.lines.splice(0..0, whole.lines);
        }
        Ok(begun)
    }

    /// A turn of the kind that finishes the undo of a point: that, and then what it does itself.
    pub(super) fn finish_undo(
        &self,
        number: u64,
        finish: Proposal<E>,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Proposal<E>, Failure> {
        let point = self.undo_point(Some(number))?;
        let mut whole = self.taken_back(point, self.saved(point, store)?, now)?;
        whole.needs_plan = false;
        if let (Some(verb), Some(finish)) = (&mut whole.verb, &finish.verb) {
            (verb.part, verb.rests_on) = (finish.part.clone(), finish.rests_on);
        }
        whole.changes.extend(finish.changes);
        finish.touched.into_iter().for_each(|(stage, written)| *whole.touched.entry(stage).or_default() |= written);
        whole.effects.extend(finish.effects);
        whole.timers.extend(finish.timers);
        let Proposal { answer, stage, content, extra, .. } = finish;
        Ok(Proposal { answer, stage, content, extra, ..whole })
    }

    fn saved(&self, point: &UndoPoint, store: &dyn Store) -> Result<E::State, Failure> {
        let saved = self.fetch_as::<E::State>(store, &self.keys.undo(point.number), Tag::Undo)?;
        Ok(saved.ok_or_else(|| Rejection::not_found("undo point", point.number))?)
    }

    fn taken_back(&self, point: &UndoPoint, saved: E::State, now: Timestamp) -> Result<Proposal<E>, Failure> {
        let by = self.record.numbered + 1;
        let stages: Vec<_> = point.fences.keys().cloned().collect();
        let mut proposal = Proposal::nothing();
        let mut lines = Vec::new();
        for (stage, remembered) in &point.fences {
            let now = self.record.fence(stage);
            let why = format!("as it was before the {} at revision {}", point.verb, point.revision);
            lines.push(PlanLine::new(Fate::Restored, stage, "conversation, results and status", why));
            if now.touched > point.revision {
                proposal.needs_plan = true;
                let why = format!("it is newer than the {}; undoing this undo brings it back", point.verb);
                lines.push(PlanLine::new(Fate::Archived, stage, "what was done since", why));
            }
            lines.push(PlanLine::new(
                Fate::Fenced,
                stage,
                format!("whoever writes under generation {}", now.generation),
                "the stage goes to a new generation",
            ));
            proposal.changes.push(Change::Raised(stage.clone(), now.raised_over(remembered.base())?));
            proposal.touched.insert(stage.clone(), false);
        }
        let mut state = self.record.state.clone();
        E::restore(&mut state, &saved, &stages, now);
        let owes = E::after_undo(&state, now);
        (proposal.effects, proposal.timers) = (owes.effects, owes.timers);
        proposal.changes.push(Change::Undone(point.number, Box::new(saved), stages.clone(), by));
        proposal.stage.clone_from(&point.stage);
        proposal.verb = Some(Verb::new("undo", point.stage.clone(), stages, lines));
        Ok(proposal)
    }

    fn undo_point(&self, number: Option<u64>) -> Result<&UndoPoint, Rejection> {
        let points = &self.record.undo_points;
        let Some(number) = number else {
            let newest = points.iter().rev().find(|point| point.undone_by.is_none());
            return newest.ok_or_else(|| Rejection::not_found("undo point", "of this entity"));
        };
        let point = points.iter().find(|point| point.number == number);
        let point = point.ok_or_else(|| Rejection::not_found("undo point", number))?;
        match point.undone_by {
            None => Ok(point),
            Some(by) => Err(Rejection::conflict(
                format!("undo point {number} can't be undone again"),
                "it was undone already",
                format!("undo that undo instead: its undo point is {by}"),
            )),
        }
    }

    /// Lets go of the undo points whose time has come, and sets the timer for the next.
    pub(super) fn expire(&self, now: Timestamp) -> Proposal<E> {
        let mut proposal = Proposal::nothing();
        let under_way = E::undoing(&self.record.state);
        let over = |point: &&UndoPoint| point.until <= now && Some(point.number) != under_way;
        let (gone, kept): (Vec<_>, Vec<_>) = self.record.undo_points.iter().partition(over);
        if !gone.is_empty() {
            proposal.changes.push(Change::UndoPointsGone(gone.iter().map(|point| point.number).collect()));
        }
        // One that is kept beyond its time is looked at again soon, and not at once over and over.
        let again = now.after(EXPIRY_AGAIN);
        let next = |point: &&UndoPoint| if point.until <= now { again } else { point.until };
        proposal.timers.push((EXPIRY_TIMER.into(), kept.iter().map(next).min()));
        proposal
    }

    /// Deletes for good what undo points and orphans keep. What is read now is not touched.
    pub(super) fn purge(&self) -> Result<Proposal<E>, Failure> {
        if let Some(point) = E::undoing(&self.record.state) {
            let why = format!("undo point {point} is being taken back");
            return Err(Rejection::conflict("purging", why, "ask again when that is done").into());
        }
        if self.record.undo_points.is_empty() && self.record.orphans.is_empty() {
            let why = "there are no undo points and no orphans";
            return Err(Rejection::conflict("there is nothing to purge", why, "").into());
        }
        let mut proposal = Proposal::nothing();
        let mut lines = Vec::new();
        for point in &self.record.undo_points {
            lines.push(PlanLine {
                fate: Fate::Deleted,
                stage: point.stage.clone(),
                what: format!("undo point {}, and the content that only it refers to", point.number),
                why: format!("the {} at revision {} can't be undone after this", point.verb, point.revision),
            });
        }
        for orphan in &self.record.orphans {
            let what = format!("orphan {}, {} bytes", orphan.number, orphan.bytes);
            lines.push(PlanLine::new(Fate::Deleted, &orphan.stage, what, "late work that nobody adopted"));
            proposal.changes.push(Change::OrphanGone(orphan.number));
            proposal.extra.delete(self.keys.orphan(orphan.number));
        }
        let gone = self.record.undo_points.iter().map(|point| point.number).collect();
        proposal.changes.push(Change::UndoPointsGone(gone));
        if self.record.timers.contains_key(EXPIRY_TIMER) {
            proposal.timers.push((EXPIRY_TIMER.into(), None));
        }
        proposal.verb = Some(Verb::new("purge", None, Vec::new(), lines));
        proposal.for_good = true;
        Ok(proposal)
    }
}
