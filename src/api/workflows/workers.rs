//! Workers as they were seen by this process: in memory only, since a lease says all that the rules need.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::lease::LeaseOf;
use crate::domain::workflow::{Domain, Grant, TaskId};
use crate::domain::{EntityId, Timestamp};

/// Most workers remembered; the one unseen the longest is forgotten for a new one.
const WORKERS_MAX: usize = 10_000;
/// Queues remembered of one worker.
const QUEUES_MAX: usize = 32;
/// Leases remembered of one worker.
const HELD_MAX: usize = 1_000;

/// A worker, as it was seen since the program was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worker {
    /// Its name, as it says.
    pub name: String,
    /// The queues it asked.
    pub queues: BTreeSet<Domain>,
    /// How many of its polls wait now.
    pub waiting: usize,
    /// When it last asked for work.
    pub polled_at: Option<Timestamp>,
    /// When it was last heard of.
    pub seen_at: Timestamp,
    /// What it holds, as far as is known.
    pub holding: Vec<Held>,
    /// Tasks that it handed in as done.
    pub done: u64,
    /// Tasks that it handed in as failed.
    pub failed: u64,
}

/// A task that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// The workflow.
    pub workflow: EntityId,
    /// The task.
    pub task: TaskId,
    /// Until when, without a sign of life.
    pub until: Timestamp,
}

/// What a lease is known by: the workflow, and the number of the claim there.
type LeaseKey = (EntityId, u64);

#[derive(Default)]
struct Seen {
    worker: Worker,
    held: BTreeMap<LeaseKey, Held>,
}

#[derive(Default)]
struct All {
    seen: HashMap<String, Seen>,
    /// Who holds which lease.
    holders: HashMap<LeaseKey, String>,
}

/// All workers that were seen.
#[derive(Default)]
pub(super) struct Workers(Mutex<All>);

impl All {
    /// Notes something of a worker; one that is new takes the place of the one unseen the longest.
    fn see(&mut self, name: &str, now: Timestamp) -> Option<&mut Seen> {
        if self.seen.len() >= WORKERS_MAX && !self.seen.contains_key(name) {
            let idle = self.seen.iter().filter(|(_, seen)| seen.worker.waiting == 0);
            let oldest = idle.min_by_key(|(_, seen)| seen.worker.seen_at).map(|(name, _)| name.clone())?;
            let forgotten = self.seen.remove(&oldest)?;
            forgotten.held.keys().for_each(|lease| drop(self.holders.remove(lease)));
        }
        let seen = self.seen.entry(name.to_owned()).or_default();
        name.clone_into(&mut seen.worker.name);
        seen.worker.seen_at = now;
        Some(seen)
    }

    fn holder(&mut self, lease: &LeaseKey) -> Option<&mut Seen> {
        self.seen.get_mut(self.holders.get(lease)?)
    }
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker asks for work; it waits for as long as what is returned lives.
    pub(super) fn polls(&self, name: &str, domain: &Domain, now: Timestamp) -> Polling<'_> {
        if let Some(seen) = self.lock().see(name, now) {
            seen.worker.polled_at = Some(now);
            seen.worker.waiting += 1;
            if seen.worker.queues.len() < QUEUES_MAX {
                seen.worker.queues.insert(domain.clone());
            }
        }
        Polling { workers: self, name: name.to_owned() }
    }

    /// A worker got a task.
    pub(super) fn got(&self, name: &str, workflow: &EntityId, grant: &Grant, now: Timestamp) {
        let mut all = self.lock();
        let Some(seen) = all.see(name, now) else { return };
        let over: Vec<LeaseKey> =
            seen.held.iter().filter(|(_, held)| held.until <= now).map(|(lease, _)| lease.clone()).collect();
        over.iter().for_each(|lease| drop(seen.held.remove(lease)));
        let lease = (workflow.clone(), grant.claim);
        let has_room = seen.held.len() < HELD_MAX;
        if has_room {
            let held = Held { workflow: workflow.clone(), task: grant.id.clone(), until: grant.lease_until };
            seen.held.insert(lease.clone(), held);
        }
        over.iter().for_each(|lease| drop(all.holders.remove(lease)));
        if has_room {
            all.holders.insert(lease, name.to_owned());
        }
    }

    /// Whoever holds a lease gave a sign of life.
    pub(super) fn beat(&self, lease: &LeaseOf, until: Timestamp, now: Timestamp) {
        let key = (lease.workflow.clone(), lease.claim);
        if let Some(seen) = self.lock().holder(&key) {
            seen.worker.seen_at = now;
            if let Some(held) = seen.held.get_mut(&key) {
                held.until = until;
            }
        }
    }

    /// Whoever holds a lease handed in, and whether it was done; or gave the task back.
    pub(super) fn over(&self, lease: &LeaseOf, done: Option<bool>, now: Timestamp) {
        let key = (lease.workflow.clone(), lease.claim);
        let mut all = self.lock();
        if let Some(seen) = all.holder(&key) {
            seen.worker.seen_at = now;
            seen.held.remove(&key);
            match done {
                Some(true) => seen.worker.done += 1,
                Some(false) => seen.worker.failed += 1,
                None => {}
            }
        }
        all.holders.remove(&key);
    }

    /// Workers by name, after one of them.
    pub(super) fn list(&self, after: Option<&str>, most: usize, now: Timestamp) -> Vec<Worker> {
        let all = self.lock();
        let mut names: Vec<&String> =
            all.seen.keys().filter(|name| after.is_none_or(|after| name.as_str() > after)).collect();
        names.sort_unstable();
        names.into_iter().take(most).filter_map(|name| all.seen.get(name)).map(|seen| seen.as_of(now)).collect()
    }

    /// How many asked a queue for work not longer ago than `patience`, or wait now.
    pub(super) fn of_queue(&self, domain: &Domain, patience: Duration, now: Timestamp) -> usize {
        let lately = |at: Timestamp| now.since(at) <= patience;
        let asks = |worker: &Worker| worker.waiting > 0 || worker.polled_at.is_some_and(lately);
        self.lock().seen.values().filter(|seen| seen.worker.queues.contains(domain) && asks(&seen.worker)).count()
    }
}

impl Seen {
    fn as_of(&self, now: Timestamp) -> Worker {
        let holding = self.held.values().filter(|held| held.until > now).cloned().collect();
        Worker { holding, ..self.worker.clone() }
    }
}

/// A poll that waits.
pub(super) struct Polling<'a> {
    workers: &'a Workers,
    name: String,
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        if let Some(seen) = self.workers.lock().seen.get_mut(&self.name) {
            seen.worker.waiting = seen.worker.waiting.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn fe() -> Domain {
        Domain::new("fe").unwrap()
    }

    fn lease(claim: u64) -> LeaseOf {
        LeaseOf {
            workflow: EntityId::new("w").unwrap(),
            task: "0-fe-5-1".parse().unwrap(),
            gate: crate::domain::StageId::new("g").unwrap(),
            generation: crate::domain::Generation::FIRST,
            claim,
        }
    }

    fn grant(claim: u64, until: Timestamp) -> Grant {
        let LeaseOf { task: id, gate, generation, .. } = lease(claim);
        let (title, input, by) = ("t".into(), "null".into(), "ann".into());
        let task = crate::domain::workflow::Task {
            title,
            input,
            attempts_most: 3,
            timeout_seconds: 60,
            created_at: at(0),
            by,
        };
        Grant { id, task, gate, generation, claim, attempt: 1, lease_until: until, deadline: until }
    }

    #[test]
    fn a_worker_is_seen_with_what_it_asked_got_and_did() {
        let workers = Workers::default();
        let polling = workers.polls("ann", &fe(), at(1));
        assert_eq!(workers.list(None, 10, at(1))[0].waiting, 1);
        drop(polling);
        let workflow = EntityId::new("w").unwrap();
        (1..=3).for_each(|claim| workers.got("ann", &workflow, &grant(claim, at(10)), at(2)));
        workers.beat(&lease(3), at(100), at(3));
        workers.over(&lease(1), Some(true), at(4));
        workers.over(&lease(2), Some(false), at(5));
        let seen = workers.list(None, 10, at(50));
        let [worker] = seen.as_slice() else { panic!("{seen:?}") };
        assert_eq!((worker.waiting, worker.polled_at, worker.seen_at), (0, Some(at(1)), at(5)));
        assert_eq!((worker.done, worker.failed, worker.holding.len()), (1, 1, 1));
        assert!(workers.list(None, 10, at(101))[0].holding.is_empty(), "the lease is over");
    }

    #[test]
    fn who_asked_lately_or_waits_now_counts_for_the_queue() {
        let workers = Workers::default();
        let minute = Duration::from_secs(60);
        let waits = workers.polls("waits", &fe(), at(0));
        drop(workers.polls("asked", &fe(), at(0)));
        drop(workers.polls("elsewhere", &Domain::new("be").unwrap(), at(0)));
        assert_eq!(workers.of_queue(&fe(), minute, at(30)), 2);
        assert_eq!(workers.of_queue(&fe(), minute, at(300)), 1);
        drop(waits);
        assert_eq!(workers.of_queue(&fe(), minute, at(300)), 0);
    }

    #[test]
    fn there_is_a_most_of_workers_and_the_one_unseen_the_longest_is_forgotten() {
        let workers = Workers::default();
        let waits = workers.polls("waits", &fe(), at(0));
        let count = i64::try_from(WORKERS_MAX).unwrap();
        (1..=count)
            .for_each(|n| workers.got(&format!("w{n:06}"), &EntityId::new("w").unwrap(), &grant(1, at(9)), at(n)));
        let all = workers.list(None, usize::MAX, at(0));
        assert_eq!(all.len(), WORKERS_MAX);
        assert!(all.iter().any(|worker| worker.name == "waits") && !all.iter().any(|worker| worker.name == "w000001"));
        drop(waits);
        assert_eq!(workers.list(Some("w000003"), 2, at(0)).len(), 2);
        assert!(workers.lock().holders.len() <= WORKERS_MAX);
    }
}
