//! Looks at all entities of a kind: is every turn there, and does what is kept for them fit together?

use std::collections::{BTreeMap, BTreeSet};

use super::codec::{self, CodecError, Tag};
use super::content::each_key;
use super::instance::load_record;
use super::keys::{EntityKeys, class, parse_number};
use super::orphan::LateCommand;
use super::query;
use super::record::{Change, Entry, Record};
use super::request::Failure;
use super::seal::Audit;
use crate::domain::{Entity, EntityId, Generation, StageId};
use crate::store::{Store, StoreError};

/// Entities read at a time.
const ENTITIES_PER_PAGE: usize = 500;

/// Something that is kept for an entity and does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsound {
    /// The kind.
    pub kind: &'static str,
    /// The entity.
    pub id: EntityId,
    /// What does not fit, as a sentence.
    pub problem: String,
}

/// Which stage went to which generation, in which turn.
type Raises = BTreeMap<u64, BTreeMap<StageId, Generation>>;

/// Checks every entity of a kind. `progress` is told how many are done. Damage is no error but a finding.
pub(crate) fn verify<E: Entity>(
    store: &dyn Store,
    mut progress: impl FnMut(u64),
) -> Result<(u64, Vec<Unsound>), Failure> {
    let (mut done, mut findings, mut after) = (0, Vec::new(), None);
    loop {
        let page = query::list::<E>(store, after.as_ref(), ENTITIES_PER_PAGE)?;
        let Some(last) = page.last().cloned() else { return Ok((done, findings)) };
        for id in page {
            let keys = EntityKeys::new(E::KIND, id.clone());
            let problems = check::<E>(store, &keys)?;
            findings.extend(problems.into_iter().map(|problem| Unsound { kind: E::KIND, id: id.clone(), problem }));
            done += 1;
            progress(done);
        }
        after = Some(last);
    }
}

fn check<E: Entity>(store: &dyn Store, keys: &EntityKeys) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    let (replayed, raises) = replay::<E>(store, keys, &mut problems)?;
    match load_record::<E>(store, keys) {
        Err(Failure::Store(error)) => return Err(error),
        Err(failure) => problems.push(failure.to_string()),
        Ok((loaded, ..)) => compare(&loaded, &replayed, &mut problems),
    }
    check_audit(store, keys, raises, &mut problems)?;
    for point in &replayed.undo_points {
        let bytes = store.get(&keys.undo(point.number))?;
        let name = || format!("the state of undo point {}", point.number);
        problems.extend(bytes_problem::<E::State>(Tag::Undo, bytes.as_deref()).map(|why| format!("{}: {why}", name())));
    }
    for orphan in &replayed.orphans {
        let bytes = store.get(&keys.orphan(orphan.number))?;
        let name = || format!("orphan {}", orphan.number);
        let problem = bytes_problem::<LateCommand<E>>(Tag::Orphan, bytes.as_deref());
        problems.extend(problem.map(|why| format!("{}: {why}", name())));
    }
    Ok(problems)
}

fn bytes_problem<T: serde::de::DeserializeOwned>(tag: Tag, bytes: Option<&[u8]>) -> Option<String> {
    match bytes {
        None => Some("it is missing".into()),
        Some(bytes) => codec::decode::<T>(tag, bytes).err().map(|problem: CodecError| problem.to_string()),
    }
}

/// Folds the journal from its first turn, and notes which turns raised which generations.
fn replay<E: Entity>(
    store: &dyn Store,
    keys: &EntityKeys,
    problems: &mut Vec<String>,
) -> Result<(Record<E>, Raises), StoreError> {
    let (mut record, mut raises) = (Record::<E>::default(), Raises::new());
    let prefix = prefix(keys, class::JOURNAL);
    each_key(store, &prefix, None, |key, bytes| {
        let revision = parse_number(&key[prefix.len()..]).unwrap_or_default();
        if revision != record.revision + 1 {
            problems.push(format!("turns {} to {} are missing", record.revision + 1, revision.saturating_sub(1)));
            return false;
        }
        match codec::decode::<Entry<E>>(Tag::Journal, bytes) {
            Ok(entry) => {
                // A kind may raise fences without a verb, as a run of its own does; a verb is audited.
                let is_verb = entry.changes.iter().any(|change| matches!(change, Change::UndoPoint(_)));
                for change in entry.changes.iter().filter(|_| is_verb) {
                    if let Change::Raised(stage, fence) = change {
                        raises.entry(revision).or_default().insert(stage.clone(), fence.generation);
                    }
                }
                record.fold(&entry);
                true
            }
            Err(problem) => {
                problems.push(format!("turn {revision} can't be read: {problem}"));
                false
            }
        }
    })?;
    Ok((record, raises))
}

/// What is loaded, from a snapshot and the turns after it, must be what all turns give.
fn compare<E: Entity>(loaded: &Record<E>, replayed: &Record<E>, problems: &mut Vec<String>) {
    let same = [
        ("revision", loaded.revision == replayed.revision),
        ("times", loaded.created_at == replayed.created_at && loaded.updated_at == replayed.updated_at),
        ("generations", loaded.fences == replayed.fences),
        ("undo points", loaded.undo_points == replayed.undo_points),
        ("orphans", loaded.orphans == replayed.orphans),
        ("timers", loaded.timers == replayed.timers),
    ];
    let differ = same.iter().filter(|(_, same)| !same);
    problems.extend(differ.map(|(what, _)| format!("the snapshot has other {what} than all turns together give")));
}

/// Every generation that a verb raised must be in the audit entry of its turn.
fn check_audit(
    store: &dyn Store,
    keys: &EntityKeys,
    mut raises: Raises,
    problems: &mut Vec<String>,
) -> Result<(), StoreError> {
    let prefix = prefix(keys, class::AUDIT);
    let mut unreadable = BTreeSet::new();
    each_key(store, &prefix, None, |key, bytes| {
        let revision = parse_number(&key[prefix.len()..]).unwrap_or_default();
        match codec::decode::<Audit>(Tag::Audit, bytes) {
            Ok(audit) => {
                if let Some(raised) = raises.get_mut(&revision) {
                    raised.retain(|stage, to| audit.generations.get(stage).is_none_or(|(_, known)| known != to));
                }
            }
            Err(problem) => {
                unreadable.insert(revision);
                problems.push(format!("the audit entry of turn {revision} can't be read: {problem}"));
            }
        }
        true
    })?;
    for (revision, raised) in raises.into_iter().filter(|(revision, _)| !unreadable.contains(revision)) {
        problems.extend(raised.iter().map(|(stage, generation)| {
            format!("turn {revision} raised {stage} to generation {generation} without an audit entry")
        }));
    }
    Ok(())
}

fn prefix(keys: &EntityKeys, of: u8) -> Vec<u8> {
    let mut prefix = if of == class::AUDIT { keys.audit(0) } else { keys.journal(0) };
    prefix.truncate(prefix.len() - size_of::<u64>());
    prefix
}
