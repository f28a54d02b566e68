//! The key layout: a byte for the class, then the kind and the id of the entity, each ended by a zero byte.
//!
//! Kinds, ids and stages have no zero byte, so no id is the prefix of another's keys. Numbers are big endian, so that
//! keys sort as numbers do.
//!
//! | class | rest of the key | value |
//! |---|---|---|
//! | `e` | kind, id | the entity exists |
//! | `j` | kind, id, revision | journal entry of that turn |
//! | `s` | kind, id | record of the entity at some revision |
//! | `c` | kind, id, stage, generation, path | content |
//! | `u` | kind, id, number | state that an undo point goes back to |
//! | `o` | kind, id, number | a command that came too late |
//! | `d` | kind, id, idempotency key | the answer that was given |
//! | `k` | time, kind, id, idempotency key | when that answer may be forgotten |
//! | `a` | kind, id, revision | audit entry |
//! | `y` | time, kind, id, revision; times and revisions from the newest on | there is an audit entry |
//! | `x` | kind, id, effect key | effect owed |
//! | `t` | due time, kind, id, timer key | a timer |
//! | `g` | kind, id, stage, generation | content that nothing refers to any more |
//! | `b` | SHA-256 | something that all entities share |

use std::ops::Bound;

use crate::domain::{Digest, EntityId, Generation, StageId, Timestamp};

/// The classes of keys.
pub(crate) mod class {
    pub(crate) const HEAD: u8 = b'e';
    pub(crate) const JOURNAL: u8 = b'j';
    pub(crate) const SNAPSHOT: u8 = b's';
    pub(crate) const CONTENT: u8 = b'c';
    pub(crate) const UNDO: u8 = b'u';
    pub(crate) const ORPHAN: u8 = b'o';
    pub(crate) const ANSWER: u8 = b'd';
    pub(crate) const ANSWER_AGE: u8 = b'k';
    pub(crate) const AUDIT: u8 = b'a';
    pub(crate) const AUDIT_TIME: u8 = b'y';
    pub(crate) const EFFECT: u8 = b'x';
    pub(crate) const TIMER: u8 = b't';
    pub(crate) const GARBAGE: u8 = b'g';
    pub(crate) const SHARED: u8 = b'b';

    /// Whether a turn ever looks at a key of this class. The rest, such as the journal, is read where an entity is not
    /// in memory.
    pub(crate) fn is_read_by_turns(key: &[u8]) -> bool {
        matches!(key.first(), Some(&(CONTENT | UNDO | ORPHAN | ANSWER | EFFECT | SHARED)))
    }
}

/// The keys of one entity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EntityKeys {
    kind: &'static str,
    id: EntityId,
}

impl EntityKeys {
    pub(crate) fn new(kind: &'static str, id: EntityId) -> Self {
        Self { kind, id }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn id(&self) -> &EntityId {
        &self.id
    }

    fn of(&self, class: u8, extra_bytes: usize) -> Vec<u8> {
        let mut key = Vec::with_capacity(3 + self.kind.len() + self.id.as_str().len() + extra_bytes);
        key.push(class);
        self.name(&mut key);
        key
    }

    fn name(&self, key: &mut Vec<u8>) {
        name(key, self.kind, &self.id);
    }

    fn numbered(&self, class: u8, number: u64) -> Vec<u8> {
        numbered(class, self.kind, &self.id, number)
    }

    fn named(&self, class: u8, name: &[u8]) -> Vec<u8> {
        let mut key = self.of(class, name.len());
        key.extend_from_slice(name);
        key
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        self.of(class::HEAD, 0)
    }

    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.of(class::SNAPSHOT, 0)
    }

    pub(crate) fn journal(&self, revision: u64) -> Vec<u8> {
        self.numbered(class::JOURNAL, revision)
    }

    pub(crate) fn audit(&self, revision: u64) -> Vec<u8> {
        self.numbered(class::AUDIT, revision)
    }

    pub(crate) fn audit_time(&self, at: Timestamp, revision: u64) -> Vec<u8> {
        audit_time(at, self.kind, &self.id, revision)
    }

    pub(crate) fn undo(&self, number: u64) -> Vec<u8> {
        self.numbered(class::UNDO, number)
    }

    pub(crate) fn orphan(&self, number: u64) -> Vec<u8> {
        self.numbered(class::ORPHAN, number)
    }

    pub(crate) fn answer(&self, key: &str) -> Vec<u8> {
        self.named(class::ANSWER, key.as_bytes())
    }

    pub(crate) fn effect(&self, key: &str) -> Vec<u8> {
        self.named(class::EFFECT, key.as_bytes())
    }

    pub(crate) fn answer_age(&self, at: Timestamp, key: &str) -> Vec<u8> {
        self.timed(class::ANSWER_AGE, at, key)
    }

    pub(crate) fn timer(&self, due: Timestamp, key: &str) -> Vec<u8> {
        self.timed(class::TIMER, due, key)
    }

    fn timed(&self, class: u8, at: Timestamp, key: &str) -> Vec<u8> {
        timed(class, at, self.kind, &self.id, key)
    }

    /// The common beginning of one layer's content.
    pub(crate) fn layer(&self, stage: &StageId, generation: Generation) -> Vec<u8> {
        self.staged(class::CONTENT, stage, generation)
    }

    pub(crate) fn content(&self, stage: &StageId, generation: Generation, path: &[u8]) -> Vec<u8> {
        let mut key = self.layer(stage, generation);
        key.extend_from_slice(path);
        key
    }

    pub(crate) fn garbage(&self, stage: &StageId, generation: Generation) -> Vec<u8> {
        self.staged(class::GARBAGE, stage, generation)
    }

    fn staged(&self, class: u8, stage: &StageId, generation: Generation) -> Vec<u8> {
        let mut key = self.of(class, stage.as_str().len() + 1 + 8 + 16);
        key.extend_from_slice(stage.as_str().as_bytes());
        key.push(0);
        key.extend_from_slice(&generation.0.to_be_bytes());
        key
    }
}

fn name(key: &mut Vec<u8>, kind: &str, id: &EntityId) {
    key.extend_from_slice(kind.as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_str().as_bytes());
    key.push(0);
}

/// The key of something of an entity of any kind that has a number.
pub(crate) fn numbered(class: u8, kind: &str, id: &EntityId, number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(3 + kind.len() + id.as_str().len() + size_of::<u64>());
    key.push(class);
    name(&mut key, kind, id);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn timed(class: u8, at: Timestamp, kind: &str, id: &EntityId, key: &str) -> Vec<u8> {
    let mut bytes = vec![class];
    bytes.extend_from_slice(&time_bytes(at));
    name(&mut bytes, kind, id);
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The key of a timer of any kind.
pub(crate) fn timer(due: Timestamp, kind: &str, id: &EntityId, key: &str) -> Vec<u8> {
    timed(class::TIMER, due, kind, id, key)
}

pub(crate) fn shared(digest: Digest) -> Vec<u8> {
    let mut key = vec![class::SHARED];
    key.extend_from_slice(&digest.0);
    key
}

/// The key that finds an audit entry by its time: what is newer comes first.
pub(crate) fn audit_time(at: Timestamp, kind: &str, id: &EntityId, revision: u64) -> Vec<u8> {
    let mut key = vec![class::AUDIT_TIME];
    key.extend_from_slice(&time_bytes(at).map(|byte| !byte));
    name(&mut key, kind, id);
    key.extend_from_slice(&(!revision).to_be_bytes());
    key
}

/// Which audit entry such a key finds.
pub(crate) fn parse_audit_time(key: &[u8]) -> Option<(&str, EntityId, u64)> {
    let (kind, id, number) = parse_named(key.get(1 + size_of::<u64>()..)?)?;
    Some((kind, id, !parse_number(number)?))
}

/// The beginning of all keys of a class for one kind.
pub(crate) fn kind_prefix(class: u8, kind: &str) -> Vec<u8> {
    let mut key = vec![class];
    key.extend_from_slice(kind.as_bytes());
    key.push(0);
    key
}

/// Milliseconds as bytes that sort as times do, before 1970 too.
fn time_bytes(at: Timestamp) -> [u8; 8] {
    (at.as_millis().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// What a timed key says: when, which kind, which id, which key.
pub(crate) fn parse_timed(key: &[u8]) -> Option<(Timestamp, &str, EntityId, &str)> {
    let (time, rest) = key.get(1..)?.split_first_chunk::<8>()?;
    let at = Timestamp::from_millis((u64::from_be_bytes(*time) ^ (1 << 63)).cast_signed());
    let (kind, id, key) = parse_named(rest)?;
    Some((at, kind, id, std::str::from_utf8(key).ok()?))
}

/// Kind, id and rest of a key without its class.
pub(crate) fn parse_named(rest: &[u8]) -> Option<(&str, EntityId, &[u8])> {
    let (kind, rest) = split_at_zero(rest)?;
    let (id, rest) = split_at_zero(rest)?;
    Some((kind, EntityId::new(id).ok()?, rest))
}

/// The number at the end of a numbered key.
pub(crate) fn parse_number(rest: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(rest.try_into().ok()?))
}

fn split_at_zero(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|b| *b == 0)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

/// The first key after all that begin with `prefix`.
pub(crate) fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Bound::Excluded(end);
        }
    }
    Bound::Unbounded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: &str) -> EntityKeys {
        EntityKeys::new("workshop", EntityId::new(id).unwrap())
    }

    #[test]
    fn no_entity_s_keys_lie_among_another_s() {
        let prefix = keys("t1").numbered(class::JOURNAL, 0);
        let prefix = &prefix[..prefix.len() - 8];
        assert!(!keys("t11").journal(1).starts_with(prefix));
        assert!(keys("t1").journal(7).starts_with(prefix));
    }

    #[test]
    fn times_sort_as_times_do() {
        let at = |ms| keys("a").timer(Timestamp::from_millis(ms), "x");
        assert!(at(i64::MIN) < at(-1) && at(-1) < at(0) && at(0) < at(1) && at(1) < at(i64::MAX));
        let key = at(-5);
        let (due, kind, id, key) = parse_timed(&key).unwrap();
        assert_eq!((due.as_millis(), kind, id.as_str(), key), (-5, "workshop", "a", "x"));
    }

    #[test]
    fn a_garbage_mark_is_the_layer_s_key_with_another_class() {
        let stage = StageId::new("persona").unwrap();
        assert_eq!(keys("a").garbage(&stage, Generation(3))[1..], keys("a").layer(&stage, Generation(3))[1..]);
    }

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(after_prefix(b"ab"), Bound::Excluded(b"ac".to_vec()));
        assert_eq!(after_prefix(&[1, 255, 255]), Bound::Excluded(vec![2]));
        assert_eq!(after_prefix(&[255]), Bound::Unbounded);
    }
}
