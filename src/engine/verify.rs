//! Looks at all entities of a kind: is every turn there, and does what is kept for them fit together?

use std::collections::BTreeMap;

use super::audit::Audit;
use super::codec::{self, CodecError, Tag};
use super::content::each_key;
use super::instance::load_record;
use super::keys::{EntityKeys, class, parse_number};
use super::orphan::LateCommand;
use super::query;
use super::record::{Change, Entry, Record};
use super::request::Failure;
use crate::domain::{Digest, Entity, EntityId, Generation, StageId};
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

/// What the journal says of the audit of a turn.
#[derive(Default)]
struct Told {
    /// Which stages a verb took to which generation.
    raised: BTreeMap<StageId, Generation>,
    /// The hash of the turn's entry.
    hash: Option<Digest>,
}

/// By revision.
type Verbs = BTreeMap<u64, Told>;

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
    let (replayed, verbs) = replay::<E>(store, keys, &mut problems)?;
    match load_record::<E>(store, keys) {
        Err(Failure::Store(error)) => return Err(error),
        Err(failure) => problems.push(failure.to_string()),
        Ok((loaded, ..)) => compare(&loaded, &replayed, &mut problems),
    }
    check_audit(store, keys, verbs, &mut problems)?;
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

/// Folds the journal from its first turn, and notes what it says of the audit.
fn replay<E: Entity>(
    store: &dyn Store,
    keys: &EntityKeys,
    problems: &mut Vec<String>,
) -> Result<(Record<E>, Verbs), StoreError> {
    let (mut record, mut verbs) = (Record::<E>::default(), Verbs::new());
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
                for change in &entry.changes {
                    match change {
                        Change::Raised(stage, fence) if is_verb => {
                            verbs.entry(revision).or_default().raised.insert(stage.clone(), fence.generation);
                        }
                        Change::Audited(hash) => verbs.entry(revision).or_default().hash = Some(*hash),
                        _ => {}
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
    Ok((record, verbs))
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
        ("audit", loaded.audited == replayed.audited),
    ];
    let differ = same.iter().filter(|(_, same)| !same);
    problems.extend(differ.map(|(what, _)| format!("the snapshot has other {what} than all turns together give")));
}

/// The entries must be those that the journal has the hashes of, each holding the hash of the one before, and every
/// generation that a verb raised must be in the entry of its turn.
fn check_audit(
    store: &dyn Store,
    keys: &EntityKeys,
    mut verbs: Verbs,
    problems: &mut Vec<String>,
) -> Result<(), StoreError> {
    let prefix = prefix(keys, class::AUDIT);
    let mut previous = None;
    each_key(store, &prefix, None, |key, bytes| {
        let revision = parse_number(&key[prefix.len()..]).unwrap_or_default();
        let later = verbs.split_off(&revision);
        for (revision, told) in std::mem::replace(&mut verbs, later) {
            problems.extend(told.missing(revision));
            previous = told.hash.or(previous);
        }
        let told = verbs.remove(&revision).unwrap_or_default();
        match codec::decode::<Audit>(Tag::Audit, bytes) {
            Ok(audit) => problems.extend(told.unlike(revision, &audit, previous)),
            Err(problem) => problems.push(format!("the audit entry of turn {revision} can't be read: {problem}")),
        }
        previous = told.hash.or(previous);
        true
    })?;
    problems.extend(verbs.into_iter().flat_map(|(revision, told)| told.missing(revision)));
    Ok(())
}

impl Told {
    /// What an entry differs in.
    fn unlike(&self, revision: u64, audit: &Audit, previous: Option<Digest>) -> Vec<String> {
        let known = |stage| audit.generations.get(stage).map(|(_, to)| to);
        let unaudited = self.raised.iter().filter(|(stage, to)| known(*stage) != Some(to));
        let mut problems: Vec<String> = unaudited.map(|(stage, to)| raised_unaudited(revision, stage, *to)).collect();
        let wrong = match self.hash {
            None => "was put in: the turn made none",
            Some(made) if made != audit.hash() => "was changed: the turn made another",
            Some(_) if audit.previous != previous => "does not follow the one before it",
            Some(_) => return problems,
        };
        problems.push(format!("the audit entry of turn {revision} {wrong}"));
        problems
    }

    /// What is to say when there is no entry.
    fn missing(&self, revision: u64) -> Vec<String> {
        let raised = self.raised.iter().map(|(stage, to)| raised_unaudited(revision, stage, *to));
        let missing = self.hash.map(|_| format!("the audit entry of turn {revision} is missing"));
        raised.chain(missing).collect()
    }
}

fn raised_unaudited(revision: u64, stage: &StageId, to: Generation) -> String {
    format!("turn {revision} raised {stage} to generation {to} without an audit entry")
}

fn prefix(keys: &EntityKeys, of: u8) -> Vec<u8> {
    let mut prefix = if of == class::AUDIT { keys.audit(0) } else { keys.journal(0) };
    prefix.truncate(prefix.len() - size_of::<u64>());
    prefix
}
