//! Which actor owns which entity now. An entity has at most one; the first message to it starts it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Addr;
use tokio::sync::Semaphore;

use super::actor::EntityActor;
use super::clock::Moment;
use crate::domain::{Entity, EntityId};

const SHARDS: usize = 64;

type Shard<E> = HashMap<EntityId, Slot<E>>;

struct Slot<E: Entity> {
    addr: Addr<EntityActor<E>>,
    /// One for each message that waits or whose turn is not durable yet. A mailbox alone bounds neither: actix lets
    /// every new sender in, and an actor hands turns on faster than they are synced.
    room: Arc<Semaphore>,
    serial: u64,
    used: Moment,
}

/// The active entities of one kind.
pub(super) struct Registry<E: Entity> {
    shards: Vec<Mutex<Shard<E>>>,
    active: AtomicUsize,
    next_serial: AtomicU64,
}

impl<E: Entity> Default for Registry<E> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, active: AtomicUsize::new(0), next_serial: AtomicU64::new(0) }
    }
}

/// A number that is the same for the same id, to spread entities over shards and arbiters.
pub(super) fn spread(id: &EntityId) -> usize {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    usize::try_from(hasher.finish() >> 1).unwrap_or_default()
}

impl<E: Entity> Registry<E> {
    fn shard(&self, id: &EntityId) -> MutexGuard<'_, Shard<E>> {
        // A shard is only changed by single inserts and removals, so a panic beside one leaves it whole.
        self.shards[spread(id) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of the entity's actor, and the room for `most` messages to it; `start` makes one if there is none.
    pub(super) fn addr(
        &self,
        id: &EntityId,
        most: usize,
        start: impl FnOnce(u64) -> Addr<EntityActor<E>>,
    ) -> (Addr<EntityActor<E>>, Arc<Semaphore>) {
        let mut shard = self.shard(id);
        if let Some(slot) = shard.get_mut(id) {
            slot.used = Moment::current();
            return (slot.addr.clone(), Arc::clone(&slot.room));
        }
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let (addr, room) = (start(serial), Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))));
        let slot = Slot { addr: addr.clone(), room: Arc::clone(&room), serial, used: Moment::current() };
        shard.insert(id.clone(), slot);
        self.active.fetch_add(1, Ordering::Relaxed);
        (addr, room)
    }

    /// The actor of this serial number no longer owns the entity.
    pub(super) fn forget(&self, id: &EntityId, serial: u64) {
        let mut shard = self.shard(id);
        if shard.get(id).is_some_and(|slot| slot.serial == serial) {
            shard.remove(id);
            self.active.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Drops the entry of an actor whose mailbox is closed.
    pub(super) fn forget_closed(&self, id: &EntityId) {
        let mut shard = self.shard(id);
        if shard.get(id).is_some_and(|slot| !slot.addr.connected()) {
            shard.remove(id);
            self.active.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many entities are in memory.
    pub(super) fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// The actors that were not used for `idle`, and the least recently used of those beyond `most`.
    pub(super) fn to_passivate(&self, idle: Duration, most: usize) -> Vec<Addr<EntityActor<E>>> {
        let mut used: Vec<(Duration, Addr<EntityActor<E>>)> = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            used.extend(shard.values().map(|slot| (slot.used.ago(), slot.addr.clone())));
        }
        used.sort_by_key(|(unused_for, _)| std::cmp::Reverse(*unused_for));
        let too_many = used.len().saturating_sub(most);
        let leaves = |(at, (unused_for, _)): &(usize, (Duration, _))| *at < too_many || *unused_for >= idle;
        used.into_iter().enumerate().filter(leaves).map(|(_, (_, addr))| addr).collect()
    }
}
