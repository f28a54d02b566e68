//! One entity in memory: loaded from the store, asked one thing at a time.

use std::collections::HashMap;
use std::sync::Arc;

use super::codec::{self, CodecError, Tag};
use super::content;
use super::held::Held;
use super::inflight::{Inflight, Ticket};
use super::keys::{EntityKeys, class, parse_number};
use super::record::{Entry, Record};
use super::request::{EngineOptions, Failure, Receipt, View};
use crate::domain::limits::TURN_BYTES_MAX;
use crate::domain::{Entity, EntityId, Fence, Read, Rejection, StageId, Timestamp};
use crate::store::{Batch, Change, Store, Urgency, batch_bytes};

/// A snapshot of the record is written when the journal since the last one has grown past this, or past the snapshot's
/// own size if that is more: so activation reads little, and writing snapshots costs less than the journal itself.
const SNAPSHOT_AFTER_BYTES: usize = 16 << 10;

/// One entity in memory. Not shared: its owner asks it one thing at a time and hands its commits to the store in order.
#[derive(Debug)]
pub struct Instance<E: Entity> {
    pub(super) keys: EntityKeys,
    pub(super) options: Arc<EngineOptions>,
    /// With everything applied that was decided: turns on their way to disk, and drafts.
    pub(super) record: Record<E>,
    pub(super) held: Option<Held<E>>,
    pub(super) inflight: Inflight,
    journal_bytes: usize,
    snapshot_bytes: usize,
}

/// What came of one request: something to commit or nothing, and what to answer once that, and everything committed
/// before, is durable.
#[derive(Debug)]
#[must_use = "a commit that is not handed to the store is lost, and the entity in memory is ahead of the disk"]
pub struct Handled<E: Entity> {
    /// What to commit.
    pub commit: Option<Commit<E>>,
    /// What to answer.
    pub outcome: Result<Receipt<E::Reply>, Failure>,
}

/// A turn to be committed.
#[derive(Debug)]
pub struct Commit<E: Entity> {
    /// What goes to the store. Room for it was set aside.
    pub batch: Batch,
    /// To be told when it is durable.
    pub ticket: Ticket,
    /// Effects that are owed from then on.
    pub effects: Vec<Owed<E>>,
    /// The earliest timer that this turn set.
    pub timer: Option<Timestamp>,
    /// Whether it left content that nothing refers to any more.
    pub garbage: bool,
    /// The verb that was done, or begun, by it.
    pub verb: Option<&'static str>,
}

/// An effect that is owed to the world.
#[derive(Clone, Debug)]
pub struct Owed<E: Entity> {
    /// The entity that owes it.
    pub id: EntityId,
    /// Its key within the entity.
    pub key: String,
    /// The revision that owes it.
    pub revision: u64,
    /// What is owed.
    pub effect: E::Effect,
}

impl<E: Entity> Instance<E> {
    /// Reads an entity; one that nobody has created is there too, at revision 0.
    ///
    /// # Errors
    /// The store's, and damage of what is stored for the entity.
    pub fn load(store: &dyn Store, id: EntityId, options: Arc<EngineOptions>) -> Result<Self, Failure> {
        let keys = EntityKeys::new(E::KIND, id);
        let (record, snapshot_bytes, journal_bytes) = load_record::<E>(store, &keys)?;
        let inflight = Inflight::new(record.revision);
        Ok(Self { keys, options, record, held: None, inflight, journal_bytes, snapshot_bytes })
    }

    /// The entity's id.
    #[cfg(test)]
    pub(super) fn id(&self) -> &EntityId {
        self.keys.id()
    }

    /// The entity as readers may see it once everything handed over is durable: drafts left out.
    pub fn view(&self) -> View<E> {
        View::of(self.committed(), self.pending())
    }

    pub(super) fn committed(&self) -> &Record<E> {
        self.held.as_ref().map_or(&self.record, |held| &held.committed)
    }

    /// Drafts that are not durable yet.
    pub fn pending(&self) -> usize {
        self.held.as_ref().map_or(0, Held::len)
    }

    /// When held drafts have to be committed, if there are any.
    pub fn due(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|held| held.due(&self.options))
    }

    /// Whether everything decided is durable and nothing is held: it may leave memory.
    pub fn is_settled(&self) -> bool {
        self.held.is_none() && self.is_durable()
    }

    /// Whether every turn handed over is durable.
    pub fn is_durable(&self) -> bool {
        self.inflight.durable() >= self.committed().revision
    }

    /// The fence of a stage, as readers may see it.
    pub fn fence(&self, stage: &StageId) -> Fence {
        self.committed().fence(stage)
    }

    /// The bytes under a key as the next turn has to see them.
    pub(super) fn fetch(&self, store: &dyn Store, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(value) = self.held.as_ref().and_then(|held| held.content(key)) {
            return Ok(Some(value.to_vec()));
        }
        if let Some(value) = self.inflight.get(key) {
            return Ok(value.map(<[u8]>::to_vec));
        }
        Ok(store.get(key)?)
    }

    /// A stored value as the next turn has to see it.
    pub(super) fn fetch_as<T: serde::de::DeserializeOwned>(
        &self,
        store: &dyn Store,
        key: &[u8],
        tag: Tag,
    ) -> Result<Option<T>, Failure> {
        let Some(bytes) = self.fetch(store, key)? else { return Ok(None) };
        codec::decode(tag, &bytes).map(Some).map_err(|problem| self.unreadable(format!("{tag:?}"), problem))
    }

    pub(super) fn unreadable(&self, what: impl Into<String>, problem: CodecError) -> Failure {
        Failure::Unreadable { kind: E::KIND, id: self.keys.id().clone(), what: what.into(), problem }
    }

    pub(super) fn encode<T: serde::Serialize>(&self, tag: Tag, value: &T) -> Result<Vec<u8>, Failure> {
        codec::encode(tag, value).map_err(|problem| self.unwritable(problem))
    }

    /// The stored form of what is made of a kind's own types.
    pub(super) fn encode_theirs<T>(&self, tag: Tag, value: &T) -> Result<Vec<u8>, Failure>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        codec::encode_theirs(tag, value).map_err(|problem| self.unwritable(problem))
    }

    fn unwritable(&self, problem: CodecError) -> Failure {
        match problem {
            CodecError::TooLarge { .. } => Rejection::limit("bytes of a turn", TURN_BYTES_MAX).into(),
            problem => Failure::Unwritable { kind: E::KIND, id: self.keys.id().clone(), problem },
        }
    }

    /// Reads what a decision asked for.
    pub(super) fn find(&self, store: &dyn Store, reads: Vec<Read>) -> Result<HashMap<Read, Vec<u8>>, Failure> {
        let mut found = HashMap::with_capacity(reads.len());
        for read in reads {
            let bytes = match &read {
                Read::Shared(digest) => self.fetch(store, &super::keys::shared(*digest))?,
                Read::Content(stage, path) => self.find_content(store, stage, path)?,
            };
            if let Some(bytes) = bytes {
                found.insert(read, bytes);
            }
        }
        Ok(found)
    }

    fn find_content(&self, store: &dyn Store, stage: &StageId, path: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        for generation in self.record.fence(stage).layers {
            if let Some(bytes) = self.fetch(store, &self.keys.content(stage, generation, path))? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Whether a journal entry of this size makes a snapshot of the record worth writing.
    pub(super) fn snapshot_is_due(&self, entry_bytes: usize) -> bool {
        self.journal_bytes + entry_bytes > SNAPSHOT_AFTER_BYTES.max(self.snapshot_bytes)
    }

    /// Asks the store for room, so that what can't be stored is refused while nothing has changed.
    pub(super) fn admit(store: &dyn Store, batch: &Batch, urgency: Urgency) -> Result<(), Failure> {
        Ok(store.admit(batch_bytes(batch), urgency)?)
    }

    /// The batch goes to the store: the record is at the revision that it makes.
    pub(super) fn sent(&mut self, batch: &Batch) -> Ticket {
        let snapshot = self.keys.snapshot();
        for change in &batch.changes {
            if let Change::Put(key, value) = change {
                match key.first() {
                    Some(&class::JOURNAL) => self.journal_bytes += value.len(),
                    Some(&class::SNAPSHOT) if *key == snapshot => {
                        self.snapshot_bytes = value.len();
                        self.journal_bytes = 0;
                    }
                    _ => {}
                }
            }
        }
        self.inflight.sent(self.record.revision, batch)
    }
}

/// Reads the record of an entity: the snapshot, if there is one, and the turns after it. With the sizes of both.
pub(super) fn load_record<E: Entity>(
    store: &dyn Store,
    keys: &EntityKeys,
) -> Result<(Record<E>, usize, usize), Failure> {
    let unreadable =
        |what: String, problem| Failure::Unreadable { kind: E::KIND, id: keys.id().clone(), what, problem };
    let (mut record, snapshot_bytes) = match store.get(&keys.snapshot())? {
        Some(bytes) => {
            let record: Record<E> =
                codec::decode(Tag::Snapshot, &bytes).map_err(|problem| unreadable("snapshot".into(), problem))?;
            (record, bytes.len())
        }
        None => (Record::default(), 0),
    };
    let mut journal_bytes = 0;
    let mut failed = None;
    let prefix = keys.journal(0);
    let prefix = &prefix[..prefix.len() - size_of::<u64>()];
    content::each_key(store, prefix, Some(keys.journal(record.revision)), |key, bytes| {
        let revision = parse_number(&key[prefix.len()..]).unwrap_or_default();
        if revision != record.revision + 1 {
            failed = Some(Failure::Gap { kind: E::KIND, id: keys.id().clone(), revision: record.revision + 1 });
            return false;
        }
        match codec::decode::<Entry<E>>(Tag::Journal, bytes) {
            Ok(entry) => record.fold(&entry),
            Err(problem) => failed = Some(unreadable(format!("turn {revision}"), problem)),
        }
        journal_bytes += bytes.len();
        failed.is_none()
    })?;
    match failed {
        Some(failure) => Err(failure),
        None => Ok((record, snapshot_bytes, journal_bytes)),
    }
}
