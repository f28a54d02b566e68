//! Group commit: everything that waits is written together, synced once, and only then acknowledged.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Core;
use super::queue::{Submission, Wake};
use super::{Batch, Disk, Done, Index, Position, StoreError};

/// With nothing to do for so long, the committing thread tidies up behind the last group.
const IDLE: Duration = Duration::from_millis(20);

/// A submission on its way through a group.
enum Outcome {
    /// It gets the next position.
    Frame(Done),
    /// It gets the position before it.
    Barrier(Done),
    /// It is refused, alone.
    Refused(Done, StoreError),
}

impl<D: Disk, I: Index> Core<D, I> {
    /// Commits one group of what waits. `false` when nothing waits. One caller at a time.
    pub(super) fn step(&self) -> bool {
        let group = self.queue.take(self.options.group_turns_max, self.options.group_bytes_max);
        if group.is_empty() {
            return false;
        }
        let (mut released, mut commits) = (0, 0);
        let mut batches = Vec::with_capacity(group.len());
        let mut outcomes = Vec::with_capacity(group.len());
        for submission in group {
            outcomes.push(match submission {
                Submission::Barrier { done } => Outcome::Barrier(done),
                Submission::Commit { batch, bytes, done } => {
                    released += bytes as u64;
                    commits += 1;
                    let most = self.options.frame_bytes_max;
                    if bytes > most {
                        Outcome::Refused(done, StoreError::TooLarge { bytes, most })
                    } else {
                        batches.push(batch);
                        Outcome::Frame(done)
                    }
                }
            });
        }
        let before = self.durable();
        let written = self.write(batches);
        self.space.release(released, commits);
        self.tell(outcomes, before, &written);
        if written.is_ok() {
            self.keep_room();
        }
        true
    }

    /// Makes the batches durable and visible.
    fn write(&self, batches: Vec<Batch>) -> Result<(), StoreError> {
        self.check_poison()?;
        if batches.is_empty() {
            return Ok(());
        }
        let mut log = self.log();
        let started = self.now_ms();
        if log.end >= self.options.segment_bytes {
            let room = self.space.admitted().saturating_add(self.options.growth_bytes);
            log.roll(room).map_err(|e| self.poison(&e))?;
        }
        let group = log.append(batches.iter(), started).map_err(|e| self.poison(&e))?;
        let last = group.last;
        self.space.set_room(log.room());
        drop(log);
        let add = |counter: &std::sync::atomic::AtomicU64, n: u64| counter.fetch_add(n, Ordering::Relaxed);
        add(&self.counts.groups, 1);
        add(&self.counts.frames, batches.len() as u64);
        add(&self.counts.bytes, group.bytes.len() as u64);
        add(&self.counts.uncovered, group.bytes.len() as u64);
        add(&self.counts.sync_ms, u64::try_from(self.now_ms() - started).unwrap_or(0));
        self.feed.push(group);
        self.overlay.insert(batches.into_iter(), last);
        self.durable.store(last.0, Ordering::Release);
        Ok(())
    }

    fn tell(&self, outcomes: Vec<Outcome>, before: Position, written: &Result<(), StoreError>) {
        let mut position = before;
        for outcome in outcomes {
            match (outcome, written) {
                (Outcome::Refused(done, error), _) => done(Err(error)),
                (Outcome::Frame(done) | Outcome::Barrier(done), Err(error)) => done(Err(error.clone())),
                (Outcome::Frame(done), Ok(())) => {
                    position.0 += 1;
                    done(Ok(position));
                }
                (Outcome::Barrier(done), Ok(())) => done(Ok(position)),
            }
        }
    }

    /// Extends the log ahead of time, so that a commit seldom has to wait for it.
    fn keep_room(&self) {
        let step = self.options.growth_bytes;
        let wanted = self.space.admitted().saturating_add(step / 2);
        if self.space.room() < wanted {
            self.grow_ahead(wanted);
        }
    }

    /// `false` when the disk is full or has failed.
    fn grow_ahead(&self, room: u64) -> bool {
        match self.free_bytes() {
            Ok(free) if free >= self.options.free_bytes_min => {}
            Ok(_) => {
                self.space.set_full(true, self.now_ms());
                return false;
            }
            Err(_) => return false,
        }
        // A failure has poisoned the store: whoever commits next is told.
        let grown = self.grow(&mut self.log(), room).unwrap_or(false);
        if !grown && self.poisoned().is_none() {
            self.space.set_full(true, self.now_ms());
        }
        grown
    }

    /// One piece of what can wait until nothing else is to be done: a mark behind the last group, more room. `false`
    /// when nothing is left.
    pub(super) fn idle(&self) -> bool {
        if self.poisoned().is_some() {
            return false;
        }
        let mut log = self.log();
        if log.wants_mark() {
            return log.mark().map_err(|e| self.poison(&e)).is_ok();
        }
        drop(log);
        let room = self.space.room();
        let missing = room < self.options.reserve_bytes && !self.space.is_full();
        if !missing || !self.grow_ahead(room + 1) {
            return false;
        }
        // Now, so that the next commit does not have to sync all of it.
        self.log().sync().map_err(|e| self.poison(&e)).is_ok()
    }

    /// The committing thread.
    pub(super) fn run_committer(&self) {
        let _guard = FailAll(self);
        let mut tidy = true;
        loop {
            match self.queue.wait(tidy.then_some(IDLE)) {
                Wake::Work => {
                    self.wait_for_overlay();
                    self.step();
                    tidy = true;
                }
                Wake::Idle => tidy = self.idle(),
                Wake::Closed => return,
            }
        }
    }

    /// Waits while too much is durable and not in the index yet. On a full disk the index stands still, and what may
    /// still be committed is bounded by the room in the log.
    fn wait_for_overlay(&self) {
        let most = self.options.overlay_bytes_max;
        if self.overlay.bytes() > most {
            let free = |bytes| bytes <= most || self.space.is_full() || self.poisoned().is_some();
            self.overlay.wait(|bytes, _| free(bytes) || !self.may_write_beside().unwrap_or(false));
        }
    }
}

/// Answers everyone who waits when the committing thread ends by a panic of a [`Done`].
struct FailAll<'a, D: Disk, I: Index>(&'a Core<D, I>);

impl<D: Disk, I: Index> Drop for FailAll<'_, D, I> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue.close();
            self.0.poison(&StoreError::Poisoned { cause: "the committing thread panicked".to_owned() });
            while self.0.step() {}
        }
    }
}
