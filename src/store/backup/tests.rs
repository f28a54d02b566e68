use std::collections::BTreeMap;
use std::ops::Bound;

use super::super::restore::{self, UpTo};
use super::super::{Batch, DiskFile, Done, Entry, Fault, SimDisk, Urgency};
use super::*;

const STORE: StoreId = StoreId([1; 16]);
const RESTORED: StoreId = StoreId([2; 16]);
const NAME: &str = "backup";

/// The frames of a store, and a snapshot of the first ones in a folder.
struct Frames {
    folder: SimDisk,
    frames: Vec<Frame>,
}

type State = BTreeMap<Vec<u8>, Vec<u8>>;

impl Frames {
    fn new(frames: u64, snapshot: Option<u64>) -> Self {
        let frames: Vec<_> = (1..=frames).map(frame).collect();
        let this = Self { folder: SimDisk::new(), frames };
        if let Some(position) = snapshot {
            this.snapshot(position);
        }
        this
    }

    fn snapshot(&self, position: u64) {
        let state = self.state(position);
        let mut entries = state.into_iter().map(Ok);
        snapshot::write(&self.folder, STORE, Position(position), at_ms(position), &mut entries).unwrap();
    }

    fn state(&self, position: u64) -> State {
        let mut state = State::new();
        for frame in self.frames.iter().take_while(|frame| frame.position.0 <= position) {
            for change in frame.batch.changes.clone() {
                match change {
                    Change::Put(key, value) => drop(state.insert(key, value)),
                    Change::Delete(key) => drop(state.remove(&key)),
                }
            }
        }
        state
    }

    fn backup(&self, to: &SimDisk) -> Result<BackupInfo, StoreError> {
        write(&self.folder, STORE, self, to, NAME, &mut |done, total| assert!(done <= total))
    }
}

fn at_ms(position: u64) -> i64 {
    i64::try_from(position).unwrap() * 1000
}

/// Keys come, change and go; one frame in ten has a large value.
fn frame(position: u64) -> Frame {
    let mut batch = Batch::default();
    let bytes = if position.is_multiple_of(10) { 70_000 } else { 100 };
    batch.put(format!("{:03}", position % 37), vec![position.to_le_bytes()[0]; bytes]);
    batch.delete(format!("{:03}", position * 7 % 37));
    batch.put(format!("new {position:03}"), position.to_le_bytes());
    Frame { position: Position(position), at_ms: at_ms(position), batch }
}

impl Store for Frames {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Err(StoreError::Closed)
    }

    fn scan(&self, _: Bound<&[u8]>, _: Bound<&[u8]>, _: usize) -> Result<Vec<Entry>, StoreError> {
        Err(StoreError::Closed)
    }

    fn admit(&self, _: usize, _: Urgency) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    fn commit(&self, _: Batch, done: Done) {
        done(Err(StoreError::Closed));
    }

    fn barrier(&self, done: Done) {
        done(Err(StoreError::Closed));
    }

    fn durable(&self) -> Position {
        Position(self.frames.len() as u64)
    }

    fn frames(&self, after: Position, _: usize) -> Result<Vec<Frame>, StoreError> {
        Ok(self.frames.iter().filter(|frame| frame.position > after).take(7).cloned().collect())
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn restored(from: &SimDisk, upto: Option<UpTo>) -> Result<(Position, State), StoreError> {
    let to = SimDisk::new();
    let position = restore(from, NAME, &to, RESTORED, upto, &mut |done, total| assert!(done <= total))?;
    assert_eq!(manifest_id(&to), Some(RESTORED));
    let info = snapshot::latest(&to)?.unwrap();
    assert_eq!((info.store, info.position, info.at_ms), (RESTORED, position, at_ms(position.0)));
    let state = SnapshotReader::open(&to, &info)?.collect::<Result<_, _>>()?;
    Ok((position, state))
}

fn restore(
    from: &SimDisk,
    name: &str,
    to: &SimDisk,
    id: StoreId,
    upto: Option<UpTo>,
    progress: Progress<'_>,
) -> Result<Position, StoreError> {
    let plan = restore::plan(from, name, upto, progress)?;
    restore::restore(plan, to, id, progress)
}

fn manifest_id(disk: &SimDisk) -> Option<StoreId> {
    super::super::manifest::read(disk).unwrap()
}

#[test]
fn a_backup_restores_to_any_frame_from_its_snapshot_on() {
    for snapshot in [None, Some(20)] {
        let store = Frames::new(60, snapshot);
        let to = SimDisk::new();
        let info = store.backup(&to).unwrap();
        let oldest = snapshot.unwrap_or(0);
        assert_eq!((info.oldest.0, info.newest.0, info.frames), (Position(oldest), Position(60), 60 - oldest));
        assert_eq!(check(&to, NAME, &mut |_, _| {}).unwrap(), info);
        assert_eq!(to.list().unwrap(), [NAME]);
        assert_eq!(restored(&to, None).unwrap(), (Position(60), store.state(60)));
        for position in oldest..=60 {
            let expected = (Position(position), store.state(position));
            assert_eq!(restored(&to, Some(UpTo::Position(Position(position)))).unwrap(), expected);
            assert_eq!(restored(&to, Some(UpTo::AtMs(at_ms(position) + 999))).unwrap(), expected);
        }
    }
}

#[test]
fn a_point_outside_of_the_backup_is_refused() {
    let to = SimDisk::new();
    Frames::new(60, Some(20)).backup(&to).unwrap();
    for upto in [UpTo::Position(Position(19)), UpTo::Position(Position(61)), UpTo::AtMs(at_ms(20) - 1)] {
        let error = restored(&to, Some(upto)).unwrap_err();
        assert!(matches!(error, StoreError::NotInBackup { oldest: Position(20), newest: Position(60) }), "{error}");
    }
    assert_eq!(restored(&to, Some(UpTo::AtMs(i64::MAX))).unwrap().0, Position(60));
}

#[test]
fn a_backup_cut_short_anywhere_or_damaged_anywhere_is_refused_before_anything_is_written() {
    let whole = SimDisk::new();
    let info = Frames::new(30, Some(10)).backup(&whole).unwrap();
    let refused = |from: &SimDisk| {
        let to = SimDisk::new();
        let error = restore(from, NAME, &to, RESTORED, None, &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert_eq!(to.operations(), 0);
    };
    let mut boundaries = Vec::new();
    let mut blocks = BlockReader::open(&whole, NAME).unwrap();
    while let Some(block) = blocks.next_block().unwrap() {
        boundaries.push(block.offset);
    }
    assert!(boundaries.len() > 5, "{boundaries:?}");
    for at in boundaries.into_iter().chain((0..info.bytes).step_by(997)) {
        for cut in [at, at + 1, at + 12] {
            let from = whole.kill();
            from.truncate(NAME, cut.min(info.bytes - 1)).unwrap();
            refused(&from);
        }
        let from = whole.kill();
        from.flip(NAME, at, 3).unwrap();
        refused(&from);
    }
    let longer = whole.kill();
    longer.open(NAME).unwrap().write_at(b"x", info.bytes).unwrap();
    refused(&longer);
}

#[test]
fn a_backup_that_fails_leaves_the_one_before() {
    let store = Frames::new(30, Some(10));
    let to = SimDisk::new();
    store.backup(&to).unwrap();
    let first = to.operations();
    let to = to.kill();
    for k in 1..=first {
        let to = to.kill();
        to.fail_at(k, Fault::FailOnce(std::io::ErrorKind::StorageFull));
        // The first operation removes a file that is not there.
        assert!(store.backup(&to).is_err(), "{k}");
        assert_eq!(restored(&to, None).unwrap().0, Position(30));
    }
}

#[test]
fn a_restore_cut_at_any_operation_is_no_data_folder() {
    let from = SimDisk::new();
    Frames::new(30, Some(10)).backup(&from).unwrap();
    let whole = SimDisk::new();
    restore(&from, NAME, &whole, RESTORED, None, &mut |_, _| {}).unwrap();
    for k in 1..=whole.operations() {
        let to = SimDisk::new();
        to.fail_at(k, Fault::Tear);
        restore(&from, NAME, &to, RESTORED, None, &mut |_, _| {}).unwrap_err();
        for seed in 0..10 {
            let after = to.crash(seed, super::super::Keep::Random);
            if manifest_id(&after).is_some() {
                let info = snapshot::latest(&after).unwrap().unwrap();
                assert_eq!(SnapshotReader::open(&after, &info).unwrap().filter(Result::is_err).count(), 0);
            }
        }
    }
}
