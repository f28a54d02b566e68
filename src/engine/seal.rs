//! From proposal to batch: everything that one commit writes, put together while nothing has changed yet.

use std::collections::BTreeMap;

use super::audit::Audit;
use super::codec::Tag;
use super::instance::Instance;
use super::proposal::Proposal;
use super::record::{Change, Entry, Record, UndoPoint};
use super::request::{Failure, Terms};
use super::undo::EXPIRY_TIMER;
use crate::domain::limits::UNDO_POINTS_MAX;
use crate::domain::{Entity, Part, Timestamp};
use crate::store::Batch;

/// What one commit writes.
#[derive(Debug)]
pub(super) struct Sealed<E: Entity> {
    pub(super) batch: Batch,
    pub(super) entries: Vec<Entry<E>>,
    /// The record with all entries folded in, where it had to be made: `entries` are folded into the live one otherwise.
    pub(super) rebased: Option<Record<E>>,
    pub(super) timer: Option<Timestamp>,
    /// Whether content was left that nothing refers to any more.
    pub(super) garbage: bool,
    entry_bytes: usize,
}

impl<E: Entity> Sealed<E> {
    pub(super) fn new() -> Self {
        Self {
            batch: Batch::default(),
            entries: Vec::new(),
            rebased: None,
            timer: None,
            garbage: false,
            entry_bytes: 0,
        }
    }

    /// Adds held drafts as a turn of their own. The record is made anew of what goes to the journal, so that it is by
    /// construction what a replay will give.
    pub(super) fn held(&mut self, instance: &Instance<E>) -> Result<(), Failure> {
        let Some(held) = &instance.held else { return Ok(()) };
        let entry = held.entry();
        for (key, value) in held.all_content() {
            self.batch.put(key.clone(), value.clone());
        }
        self.note_timers(instance, &held.committed, &entry);
        let mut record = held.committed.clone();
        record.fold(&entry);
        self.put_entry(instance, &entry, record.revision)?;
        self.entries.push(entry);
        self.rebased = Some(record);
        Ok(())
    }

    /// Adds the turn itself.
    pub(super) fn own(
        &mut self,
        instance: &Instance<E>,
        proposal: Proposal<E>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let before = self.rebased.as_ref().unwrap_or(&instance.record);
        let revision = before.revision + 1;
        for (key, value) in proposal.content_by_key(&instance.keys, before) {
            self.batch.put(key, value);
        }
        for (key, effect) in &proposal.effects {
            let stored = instance.keys.effect(key);
            match effect {
                Some(effect) => self.batch.put(stored, instance.encode(Tag::Effect, &(revision, effect))?),
                None => self.batch.delete(stored),
            }
        }
        let mut changes = proposal.all_changes();
        for change in &mut changes {
            if let Change::Orphaned(orphan) = change {
                orphan.by.clone_from(&terms.by);
            }
        }
        if proposal.undoable() {
            let point = Self::undo_point(instance, &proposal, before, terms, now);
            let state = instance.encode_theirs(Tag::Undo, &before.state)?;
            self.batch.put(instance.keys.undo(point.number), state);
            let mut gone = Vec::new();
            if before.undo_points.len() >= UNDO_POINTS_MAX {
                let under_way = E::undoing(&before.state);
                let mut numbers = before.undo_points.iter().map(|point| point.number);
                gone.extend(numbers.find(|number| Some(*number) != under_way));
                changes.push(Change::UndoPointsGone(gone));
            }
            if !before.timers.contains_key(EXPIRY_TIMER) {
                changes.push(Change::Timer(EXPIRY_TIMER.into(), Some(point.until)));
            }
            changes.push(Change::UndoPoint(Box::new(point)));
        }
        // One that is finished was audited when it was begun, by who asked and why.
        if let Some(verb) = proposal.verb.as_ref().filter(|verb| !matches!(verb.part, Part::Finished { .. })) {
            let audit = Self::audit(instance, &proposal, verb, before, terms, now);
            self.batch.put(instance.keys.audit(revision), instance.encode(Tag::Audit, &audit)?);
            self.batch.put(instance.keys.audit_time(now, revision), Vec::new());
            changes.push(Change::Audited(audit.hash()));
        }
        self.batch.changes.extend(proposal.extra.changes);
        let entry = Entry { at: now, by: terms.by.clone(), reason: terms.reason.clone(), changes };
        self.put_entry(instance, &entry, revision)?;
        self.finish_own(instance, entry);
        Ok(())
    }

    /// Folds the turn in where that is needed: to know what nothing refers to any more, or because drafts were.
    fn finish_own(&mut self, instance: &Instance<E>, entry: Entry<E>) {
        let drops = |change: &Change<E>| matches!(change, Change::Raised(..) | Change::UndoPointsGone(_));
        let before = self.rebased.as_ref().unwrap_or(&instance.record);
        let timers = Self::timer_changes(instance, before, &entry);
        if entry.changes.iter().any(drops) {
            let live_before = before.live_layers();
            let mut after = before.clone();
            after.fold(&entry);
            for (stage, generation) in live_before.difference(&after.live_layers()) {
                self.batch.put(instance.keys.garbage(stage, *generation), Vec::new());
                self.garbage = true;
            }
            for change in &entry.changes {
                if let Change::UndoPointsGone(gone) = change {
                    gone.iter().for_each(|number| self.batch.delete(instance.keys.undo(*number)));
                }
            }
            self.rebased = Some(after);
        } else if let Some(record) = &mut self.rebased {
            record.fold(&entry);
        }
        self.add_timers(timers);
        self.entries.push(entry);
    }

    /// Adds a snapshot of the record when the journal has grown enough.
    pub(super) fn snapshot(&mut self, instance: &Instance<E>) -> Result<(), Failure> {
        if self.entry_bytes == 0 || !instance.snapshot_is_due(self.entry_bytes) {
            return Ok(());
        }
        let record = match self.rebased.take() {
            Some(record) => record,
            None => {
                let mut record = instance.record.clone();
                self.entries.iter().for_each(|entry| record.fold(entry));
                record
            }
        };
        self.batch.put(instance.keys.snapshot(), instance.encode(Tag::Snapshot, &record)?);
        self.rebased = Some(record);
        Ok(())
    }

    fn put_entry(&mut self, instance: &Instance<E>, entry: &Entry<E>, revision: u64) -> Result<(), Failure> {
        if revision == 1 {
            self.batch.put(instance.keys.head(), instance.encode(Tag::Head, &entry.at)?);
        }
        let bytes = instance.encode_theirs(Tag::Journal, entry)?;
        self.entry_bytes += bytes.len();
        self.batch.put(instance.keys.journal(revision), bytes);
        Ok(())
    }

    fn note_timers(&mut self, instance: &Instance<E>, before: &Record<E>, entry: &Entry<E>) {
        let timers = Self::timer_changes(instance, before, entry);
        self.add_timers(timers);
    }

    fn add_timers(&mut self, (batch, earliest): (Batch, Option<Timestamp>)) {
        self.batch.changes.extend(batch.changes);
        self.timer = [self.timer, earliest].into_iter().flatten().min();
    }

    /// The timer keys that an entry sets and removes, and the earliest it sets.
    fn timer_changes(instance: &Instance<E>, before: &Record<E>, entry: &Entry<E>) -> (Batch, Option<Timestamp>) {
        let mut batch = Batch::default();
        let mut earliest: Option<Timestamp> = None;
        let set = entry.changes.iter().filter_map(|change| match change {
            Change::Timer(key, due) => Some((key, due)),
            _ => None,
        });
        // Of several in one turn, as drafts have it, the last holds.
        for (key, due) in set.collect::<BTreeMap<_, _>>() {
            if let Some(earlier) = before.timers.get(key) {
                batch.delete(instance.keys.timer(*earlier, key));
            }
            if let Some(due) = due {
                batch.put(instance.keys.timer(*due, key), Vec::new());
                earliest = Some(earliest.map_or(*due, |known| known.min(*due)));
            }
        }
        (batch, earliest)
    }

    fn undo_point(
        instance: &Instance<E>,
        proposal: &Proposal<E>,
        before: &Record<E>,
        terms: &Terms,
        now: Timestamp,
    ) -> UndoPoint {
        let verb = proposal.verb.as_ref();
        UndoPoint {
            number: before.numbered + 1,
            verb: verb.map_or("", |verb| verb.name).to_owned(),
            stage: verb.and_then(|verb| verb.stage.clone()),
            at: now,
            by: match verb.map(|verb| &verb.part) {
                Some(Part::Finished { by }) => by.clone(),
                _ => terms.by.clone(),
            },
            until: now.after(instance.options.undo_retention),
            revision: before.revision + 1,
            fences: proposal.affected().into_iter().map(|stage| (stage.clone(), before.fence(&stage))).collect(),
            undone_by: None,
        }
    }

    fn audit(
        instance: &Instance<E>,
        proposal: &Proposal<E>,
        verb: &crate::domain::Verb,
        before: &Record<E>,
        terms: &Terms,
        now: Timestamp,
    ) -> Audit {
        let raised = proposal.changes.iter().filter_map(|change| match change {
            Change::Raised(stage, fence) => Some((stage.clone(), (before.fence(stage).generation, fence.generation))),
            _ => None,
        });
        Audit {
            at: now,
            by: terms.by.clone(),
            reason: terms.reason.clone(),
            kind: E::KIND.to_owned(),
            id: instance.keys.id().clone(),
            verb: verb.name.to_owned(),
            stage: verb.stage.clone(),
            revision: before.revision + 1,
            undo_point: proposal.undoable().then_some(before.numbered + 1),
            generations: raised.collect(),
            lines: verb.lines.clone(),
            from: terms.from.clone(),
            previous: before.audited,
        }
    }
}
