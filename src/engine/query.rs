//! Reading what is durable without an entity in memory: lists, histories, audits, what is owed and what is due.

use super::audit::Audit;
use super::codec::{self, Tag};
use super::content::{self, Page, PageRange};
use super::instance::{Owed, load_record};
use super::keys::{self, EntityKeys, class, parse_named, parse_number, parse_timed};
use super::record::{Entry, Orphan, UndoPoint};
use super::request::{Failure, View};
use crate::domain::{Entity, EntityId, Generation, StageId, Timestamp};
use crate::store::{Frame, Position, Store};

/// One turn of an entity's history.
#[derive(Clone, Debug)]
pub struct Turn<E: Entity> {
    /// The revision it made.
    pub revision: u64,
    /// What happened.
    pub entry: Entry<E>,
}

/// A timer that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTimer {
    /// When it is due.
    pub due: Timestamp,
    /// The kind of the entity that set it.
    pub kind: String,
    /// The entity.
    pub id: EntityId,
    /// Its key within the entity.
    pub key: String,
}

/// One committed turn, as the feed tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where in the feed. Turns that were committed together share it.
    pub position: Position,
    /// Whether it is the last of its position: a reader that has it misses nothing by going on after that.
    pub is_last: bool,
    /// The kind of the entity.
    pub kind: String,
    /// The entity.
    pub id: EntityId,
    /// The revision that the turn made.
    pub revision: u64,
    /// The turn, as it is stored.
    bytes: Vec<u8>,
}

impl Committed {
    /// The turn, if it is one of this kind and can be read.
    pub fn turn<E: Entity>(&self) -> Option<Turn<E>> {
        if self.kind != E::KIND {
            return None;
        }
        let entry = codec::decode(Tag::Journal, &self.bytes).ok()?;
        Some(Turn { revision: self.revision, entry })
    }

    /// When the turn was, who asked for it, and why: what every kind has, also one that this program does not know.
    pub fn asked(&self) -> Option<Asked> {
        // The order is that of `Entry`.
        let (at, by, reason) = codec::decode_start(Tag::Journal, &self.bytes).ok()?;
        Some(Asked { at, by, reason })
    }
}

/// When a turn was, who asked for it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why, if they said.
    pub reason: Option<String>,
}

/// A kind, an entity of it, and the number of something that it has.
pub type Place = (String, EntityId, u64);

/// Ids of a kind, ascending, after one of them.
pub fn list<E: Entity>(store: &dyn Store, after: Option<&EntityId>, most: usize) -> Result<Vec<EntityId>, Failure> {
    let prefix = keys::kind_prefix(class::HEAD, E::KIND);
    let after = after.map(|id| EntityKeys::new(E::KIND, id.clone()).head());
    let mut ids = Vec::new();
    if most == 0 {
        return Ok(ids);
    }
    content::each_key(store, &prefix, after, |key, _| {
        if let Some((_, id, _)) = parse_named(&key[1..]) {
            ids.push(id);
        }
        ids.len() < most
    })?;
    Ok(ids)
}

/// An entity as it is on disk; at revision 0 if nobody has created it.
pub fn view<E: Entity>(store: &dyn Store, id: &EntityId) -> Result<View<E>, Failure> {
    let (record, _, _) = load_record::<E>(store, &EntityKeys::new(E::KIND, id.clone()))?;
    Ok(View::of(&record, 0))
}

/// A page of a stage's content, through its layers, newest first.
pub fn content<E: Entity>(
    store: &dyn Store,
    id: &EntityId,
    stage: &StageId,
    layers: &[Generation],
    range: &PageRange,
) -> Result<Page, Failure> {
    Ok(content::page(store, &EntityKeys::new(E::KIND, id.clone()), stage, layers, range)?)
}

/// The command that an orphan holds.
pub fn orphan<E: Entity>(store: &dyn Store, id: &EntityId, number: u64) -> Result<Option<E::Command>, Failure> {
    let keys = EntityKeys::new(E::KIND, id.clone());
    let Some(bytes) = store.get(&keys.orphan(number))? else { return Ok(None) };
    let late: super::LateCommand<E> = decode(&keys, "orphan", Tag::Orphan, &bytes)?;
    Ok(Some(late.command))
}

/// Something that all entities share.
pub fn shared(store: &dyn Store, digest: crate::domain::Digest) -> Result<Option<Vec<u8>>, Failure> {
    Ok(store.get(&keys::shared(digest))?)
}

/// Turns of an entity after a revision, in order.
pub fn history<E: Entity>(store: &dyn Store, id: &EntityId, after: u64, most: usize) -> Result<Vec<Turn<E>>, Failure> {
    numbered(store, &EntityKeys::new(E::KIND, id.clone()), class::JOURNAL, after, most, |keys, revision, bytes| {
        let entry = decode(keys, "turn", Tag::Journal, bytes)?;
        Ok(Turn { revision, entry })
    })
}

/// Turns of an entity of any kind after a revision, in order. They say nothing about where in the feed they are.
#[cfg(feature = "http")]
pub fn turns(store: &dyn Store, kind: &str, id: &EntityId, after: u64, most: usize) -> Result<Vec<Committed>, Failure> {
    let after = keys::numbered(class::JOURNAL, kind, id, after);
    let prefix = after[..after.len() - size_of::<u64>()].to_vec();
    let mut turns = Vec::new();
    if most == 0 {
        return Ok(turns);
    }
    content::each_key(store, &prefix, Some(after), |key, bytes| {
        let (kind, id, bytes) = (kind.to_owned(), id.clone(), bytes.to_vec());
        let revision = parse_number(&key[prefix.len()..]).unwrap_or_default();
        turns.push(Committed { position: Position::default(), is_last: true, kind, id, revision, bytes });
        turns.len() < most
    })?;
    Ok(turns)
}

/// Audit entries of an entity after a revision, in order.
pub fn audit<E: Entity>(store: &dyn Store, id: &EntityId, after: u64, most: usize) -> Result<Vec<Audit>, Failure> {
    numbered(store, &EntityKeys::new(E::KIND, id.clone()), class::AUDIT, after, most, |keys, _, bytes| {
        decode(keys, "audit entry", Tag::Audit, bytes)
    })
}

/// Audit entries of all entities, by kind, id and revision, after one of them.
pub fn audits(store: &dyn Store, after: Option<&Place>, most: usize) -> Result<Vec<Audit>, Failure> {
    let after = after.map(|(kind, id, revision)| keys::numbered(class::AUDIT, kind, id, *revision));
    let mut found = Vec::new();
    let mut failed = None;
    if most == 0 {
        return Ok(found);
    }
    content::each_key(store, &[class::AUDIT], after, |_, bytes| {
        match codec::decode(Tag::Audit, bytes) {
            Ok(audit) => found.push(audit),
            // One that can't be read is for verification to find, and no reason to show none of the others.
            Err(error) => failed = Some(error),
        }
        found.len() < most
    })?;
    if let Some(error) = failed {
        tracing::error!(%error, "audit entries that can't be read are left out");
    }
    Ok(found)
}

/// Audit entries of all entities, from the newest on, after one of them.
pub fn latest_audits(store: &dyn Store, after: Option<(Timestamp, Place)>, most: usize) -> Result<Vec<Audit>, Failure> {
    let after = after.map(|(at, (kind, id, revision))| keys::audit_time(at, &kind, &id, revision));
    let mut places = Vec::new();
    if most == 0 {
        return Ok(Vec::new());
    }
    content::each_key(store, &[class::AUDIT_TIME], after, |key, _| {
        places.extend(keys::parse_audit_time(key).map(|(kind, id, at)| keys::numbered(class::AUDIT, kind, &id, at)));
        places.len() < most
    })?;
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        match store.get(&place)?.map(|bytes| codec::decode(Tag::Audit, &bytes)) {
            Some(Ok(audit)) => found.push(audit),
            // As above: verification finds it.
            Some(Err(error)) => tracing::error!(%error, "an audit entry that can't be read is left out"),
            None => tracing::error!("an audit entry that is missing is left out"),
        }
    }
    Ok(found)
}

/// Orphans of all entities of a kind, by id and number, after one of them.
pub fn orphans<E: Entity>(
    store: &dyn Store,
    after: Option<(&EntityId, u64)>,
    most: usize,
) -> Result<Vec<(EntityId, Orphan)>, Failure> {
    kept::<E, _>(store, class::ORPHAN, after, most, |view, number| {
        view.orphans.iter().find(|orphan| orphan.number == number).cloned()
    })
}

/// Undo points of all entities of a kind, by id and number, after one of them.
pub fn undo_points<E: Entity>(
    store: &dyn Store,
    after: Option<(&EntityId, u64)>,
    most: usize,
) -> Result<Vec<(EntityId, UndoPoint)>, Failure> {
    kept::<E, _>(store, class::UNDO, after, most, |view, number| {
        view.undo_points.iter().find(|point| point.number == number).cloned()
    })
}

/// What entities of a kind keep under numbers, as `find` gives it. What goes meanwhile is left out.
fn kept<E: Entity, T>(
    store: &dyn Store,
    class: u8,
    after: Option<(&EntityId, u64)>,
    most: usize,
    find: impl Fn(&View<E>, u64) -> Option<T>,
) -> Result<Vec<(EntityId, T)>, Failure> {
    let after = after.map(|(id, number)| keys::numbered(class, E::KIND, id, number));
    let mut places: Vec<(EntityId, u64)> = Vec::new();
    if most > 0 {
        content::each_key(store, &keys::kind_prefix(class, E::KIND), after, |key, _| {
            let parsed = parse_named(&key[1..]);
            places.extend(parsed.and_then(|(_, id, number)| Some((id, parse_number(number)?))));
            places.len() < most
        })?;
    }
    let mut found = Vec::with_capacity(places.len());
    let mut of: Option<(EntityId, View<E>)> = None;
    for (id, number) in places {
        let known = of.take().filter(|(known, _)| *known == id);
        let (id, view) = match known {
            Some(known) => known,
            None => (id.clone(), view::<E>(store, &id)?),
        };
        found.extend(find(&view, number).map(|one| (id.clone(), one)));
        of = Some((id, view));
    }
    Ok(found)
}

fn numbered<T>(
    store: &dyn Store,
    keys: &EntityKeys,
    of: u8,
    after: u64,
    most: usize,
    read: impl Fn(&EntityKeys, u64, &[u8]) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let after = if of == class::AUDIT { keys.audit(after) } else { keys.journal(after) };
    let prefix = after[..after.len() - size_of::<u64>()].to_vec();
    let mut found = Vec::new();
    if most == 0 {
        return Ok(found);
    }
    let mut failed = None;
    content::each_key(store, &prefix, Some(after), |key, bytes| {
        match read(keys, parse_number(&key[prefix.len()..]).unwrap_or_default(), bytes) {
            Ok(one) => found.push(one),
            Err(failure) => failed = Some(failure),
        }
        failed.is_none() && found.len() < most
    })?;
    failed.map_or(Ok(found), Err)
}

fn decode<T: serde::de::DeserializeOwned>(keys: &EntityKeys, what: &str, tag: Tag, bytes: &[u8]) -> Result<T, Failure> {
    codec::decode(tag, bytes).map_err(|problem| Failure::Unreadable {
        kind: keys.kind(),
        id: keys.id().clone(),
        what: what.to_owned(),
        problem,
    })
}

/// Effects of a kind that are owed, in no particular order.
pub fn owed<E: Entity>(store: &dyn Store, most: usize) -> Result<Vec<Owed<E>>, Failure> {
    let mut owed = Vec::new();
    content::each_key(store, &keys::kind_prefix(class::EFFECT, E::KIND), None, |key, bytes| {
        let Some((_, id, key)) = parse_named(&key[1..]) else { return true };
        match decode::<(u64, E::Effect)>(&EntityKeys::new(E::KIND, id.clone()), "effect", Tag::Effect, bytes) {
            Ok((revision, effect)) => {
                owed.push(Owed { id, key: String::from_utf8_lossy(key).into_owned(), revision, effect });
            }
            // One that can't be read is an error of its entity, not of all others.
            Err(error) => tracing::error!(%error, "an owed effect is left out"),
        }
        owed.len() < most
    })?;
    Ok(owed)
}

/// Timers, earliest first, after one of them.
pub fn timers(store: &dyn Store, after: Option<&DueTimer>, most: usize) -> Result<Vec<DueTimer>, Failure> {
    let mut timers = Vec::new();
    let after = after.map(|timer| keys::timer(timer.due, &timer.kind, &timer.id, &timer.key));
    content::each_key(store, &[class::TIMER], after, |key, _| {
        if let Some((due, kind, id, key)) = parse_timed(key) {
            timers.push(DueTimer { due, kind: kind.to_owned(), id, key: key.to_owned() });
        }
        timers.len() < most
    })?;
    Ok(timers)
}

/// The turns that a frame of the log commits.
pub fn committed(frame: &Frame) -> Vec<Committed> {
    let mut turns = Vec::new();
    for change in &frame.batch.changes {
        let crate::store::Change::Put(key, bytes) = change else { continue };
        if key.first() != Some(&class::JOURNAL) {
            continue;
        }
        if let Some((kind, id, rest)) = parse_named(&key[1..])
            && let Some(revision) = parse_number(rest)
        {
            turns.push(Committed {
                position: frame.position,
                is_last: false,
                kind: kind.to_owned(),
                id,
                revision,
                bytes: bytes.clone(),
            });
        }
    }
    if let Some(last) = turns.last_mut() {
        last.is_last = true;
    }
    turns
}
