use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::MemoryIndex;
use super::*;

const SMALL: SledOptions = SledOptions { cache_bytes: 64 << 20 };

fn put(key: &str, bytes: usize) -> Change {
    Change::Put(key.into(), (0..bytes).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect())
}

fn sled_keys(index: &SledIndex) -> usize {
    index.shared.read(|db| Ok(db.len())).unwrap_or_default()
}

#[test]
fn everything_is_there_after_closing_and_opening() {
    let folder = tempfile::tempdir().unwrap();
    let index = SledIndex::open(folder.path(), SMALL).unwrap();
    assert_eq!(index.applied().unwrap(), Position(0));
    index.apply(&[put("a", 10), put("b", 50_000)], Position(7)).unwrap();
    index.close().unwrap();
    assert!(matches!(index.get(b"a"), Err(StoreError::Closed)));
    let index = SledIndex::open(folder.path(), SMALL).unwrap();
    assert_eq!(index.applied().unwrap(), Position(7));
    assert_eq!(index.get(b"b").unwrap().unwrap().len(), 50_000);
    assert!(fs::read_dir(folder.path().join("blobs")).unwrap().next().is_none(), "no value is large for sled");
}

#[test]
fn no_chunk_outlives_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let index = SledIndex::open(folder.path(), SMALL).unwrap();
    let sizes = [CHUNK_BYTES, CHUNK_BYTES + 1, 100_000, 3 * CHUNK_BYTES, 0, 20_000];
    for (i, size) in (1..).zip(sizes) {
        index.apply(&[put("a", size)], Position(i)).unwrap();
        assert_eq!(index.get(b"a").unwrap().unwrap().len(), size);
        let chunks = if size > CHUNK_BYTES { size.div_ceil(CHUNK_BYTES) } else { 0 };
        assert_eq!(sled_keys(&index), 2 + chunks, "{size}");
    }
    index.apply(&[Change::Delete(b"a".to_vec())], Position(9)).unwrap();
    assert_eq!(sled_keys(&index), 1);
}

#[test]
fn after_a_failure_it_is_not_used_again_and_the_folder_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let index = SledIndex::open(folder.path(), SMALL).unwrap();
    index.apply(&[put("a", 1)], Position(1)).unwrap();
    let error = index.shared.read(|_| -> Result<(), Trouble> { panic!("tried to serialize") }).unwrap_err();
    assert!(error.to_string().contains("using the index"), "{error}");
    let error = index.get(b"a").unwrap_err();
    assert!(matches!(&error, StoreError::Poisoned { cause } if cause.contains("tried to serialize")), "{error}");
    assert!(index.apply(&[], Position(2)).is_err());
    assert!(index.close().is_err());
    assert!(folder.path().join(FAILED).exists());
}

#[test]
fn a_missing_chunk_is_an_error_and_no_shorter_value() {
    let folder = tempfile::tempdir().unwrap();
    let index = SledIndex::open(folder.path(), SMALL).unwrap();
    index.apply(&[put("a", 20_000)], Position(1)).unwrap();
    index.shared.read(|db| Ok(db.remove(chunk_key(b"a", 2)).map(drop)?)).unwrap();
    assert!(index.get(b"a").unwrap_err().to_string().contains("using the index"));
}

#[test]
fn damage_never_gets_out_as_a_panic() {
    let mut noticed = 0;
    for damage in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let index = SledIndex::open(folder.path(), SMALL).unwrap();
        for i in 0..100 {
            index.apply(&[put(&format!("key {i}"), 3000)], Position(i)).unwrap();
        }
        index.close().unwrap();
        let file = folder.path().join("db");
        let mut bytes = fs::read(&file).unwrap();
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let at = written * damage / 20;
        bytes[at..].iter_mut().take(1000).for_each(|byte| *byte ^= 0x55);
        fs::write(&file, bytes).unwrap();
        let read = SledIndex::open(folder.path(), SMALL)
            .and_then(|index| Ok((index.applied()?, index.scan(Bound::Unbounded, Bound::Unbounded, usize::MAX)?)));
        noticed += usize::from(!read.is_ok_and(|(applied, entries)| applied == Position(99) && entries.len() == 100));
    }
    assert!(noticed > 0, "nothing was damaged that sled looks at");
}

#[test]
fn bounds_that_hold_nothing_give_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let index = SledIndex::open(folder.path(), SMALL).unwrap();
    index.apply(&[put("a", 1), put("b", 1)], Position(1)).unwrap();
    let (a, b) = (b"a".as_slice(), b"b".as_slice());
    assert_eq!(index.scan(Bound::Included(b), Bound::Excluded(a), 9).unwrap(), []);
    assert_eq!(index.scan(Bound::Excluded(a), Bound::Excluded(a), 9).unwrap(), []);
    assert_eq!(index.scan(Bound::Excluded(a), Bound::Unbounded, 9).unwrap().len(), 1);
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 255]), 0..5),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        4 => 0_usize..100,
        2 => CHUNK_BYTES - 2..CHUNK_BYTES + 3,
        1 => 0_usize..=200_000,
    ];
    (len, any::<u8>()).prop_map(|(len, seed)| (0..len).map(|i| (i / 3).to_le_bytes()[0] ^ seed).collect())
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
}

type Step = (BTreeMap<Vec<u8>, Option<Vec<u8>>>, Bound<Vec<u8>>, Bound<Vec<u8>>, usize);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let changes = prop::collection::btree_map(key(), prop::option::weighted(0.7, content()), 0..12);
    prop::collection::vec((changes, bound(), bound(), 0_usize..20), 1..12)
}

/// What every index must do: the same as a sorted map.
fn behaves_as_a_sorted_map(index: &impl Index, steps: Vec<Step>) {
    let mut model = BTreeMap::new();
    for (position, (changes, from, to, most)) in (1..).map(Position).zip(steps) {
        let changes = changes.into_iter().map(|(key, value)| match value {
            Some(value) => Change::Put(key, value),
            None => Change::Delete(key),
        });
        let changes: Vec<_> = changes.collect();
        index.apply(&changes, position).unwrap();
        for change in &changes {
            match change.clone() {
                Change::Put(key, value) => drop(model.insert(key, value)),
                Change::Delete(key) => drop(model.remove(&key)),
            }
        }
        assert_eq!(index.applied().unwrap(), position);
        for change in &changes {
            let (Change::Put(key, _) | Change::Delete(key)) = change;
            assert!(index.get(key).unwrap().as_ref() == model.get(key));
        }
        let all = index.scan(Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
        assert!(all.iter().map(|(k, v)| (k, v)).eq(&model));
        if let (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) = (&from, &to)
            && a >= b
        {
            continue;
        }
        let found = index.scan(borrowed(&from), borrowed(&to), most).unwrap();
        assert!(found.iter().map(|(k, v)| (k, v)).eq(model.range((from, to)).take(most)));
    }
}

fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sled_behaves_as_a_sorted_map(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        behaves_as_a_sorted_map(&SledIndex::open(folder.path(), SMALL).unwrap(), steps);
    }

    #[test]
    fn memory_behaves_as_a_sorted_map(steps in steps()) {
        behaves_as_a_sorted_map(&MemoryIndex::default(), steps);
    }
}
