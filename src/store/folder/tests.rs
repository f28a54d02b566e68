use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use super::super::aside::ASIDE;
use super::super::sled::FAILED;
use super::super::trust::{CLEAN, RUNNING};
use super::super::{Change, IndexState, verify};
use super::*;

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// Small files, so that snapshots and segments come and go.
pub(in crate::store) fn small(id: u8) -> FolderOptions {
    let now = {
        let clock = std::sync::atomic::AtomicI64::new(0);
        Arc::new(move || clock.fetch_add(1, Ordering::Relaxed))
    };
    let log = LogOptions {
        segment_bytes: 64 << 10,
        snapshot_after_bytes: 200 << 10,
        feed_retention_bytes: 300 << 10,
        ..LogOptions::new(StoreId([id; 16]), now)
    };
    FolderOptions { log, index: SledOptions { cache_bytes: 64 << 20 } }
}

pub(in crate::store) fn commit(store: &dyn Store, batch: Batch) -> Result<Position, StoreError> {
    let (tell, told) = mpsc::channel();
    store.commit(batch, Box::new(move |outcome| tell.send(outcome).unwrap()));
    told.recv().unwrap()
}

/// Frames with keys that come, change and go, and large values among them.
pub(in crate::store) fn fill(store: &dyn Store, frames: std::ops::Range<u64>) {
    for i in frames {
        let mut batch = Batch::default();
        batch.put(
            format!("key {:03}", i % 97),
            vec![i.to_le_bytes()[0]; if i.is_multiple_of(20) { 30_000 } else { 200 }],
        );
        batch.delete(format!("key {:03}", i * 31 % 97));
        batch.put("last", i.to_le_bytes());
        commit(store, batch).unwrap();
    }
}

/// Has a snapshot written now.
pub(in crate::store) fn compact(store: &FolderStore) {
    while store.log.compact().unwrap() {}
}

fn state(store: &dyn Store) -> State {
    store.scan(Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap().into_iter().collect()
}

fn inode(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).unwrap().ino()
}

fn asides(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(ASIDE)).collect()
}

/// A closed store with a snapshot, and what it holds.
fn closed(folder: &Path) -> State {
    let store = open_folder(folder, small(1)).unwrap();
    fill(&store, 0..600);
    let held = state(&store);
    store.close().unwrap();
    held
}

/// Opens the store, checks what it holds, and tells whether the index was built anew.
fn reopened_anew(folder: &Path, held: &State) -> bool {
    let before = folder.join(INDEX).exists().then(|| inode(&folder.join(INDEX)));
    let asides_before = asides(folder);
    let store = open_folder(folder, small(2)).unwrap();
    assert_eq!(store.id(), StoreId([1; 16]), "an existing folder keeps its id");
    assert!(state(&store) == *held);
    let anew = asides(folder) != asides_before || before.is_none();
    assert!(anew || before == Some(inode(&folder.join(INDEX))));
    fill(&store, 600..610);
    store.close().unwrap();
    let report = verify(folder, small(2).index, &mut |_, _| {}).unwrap();
    assert_eq!(report.findings, []);
    assert!(matches!(report.index, IndexState::Compared { applied: Position(610), .. }), "{report:?}");
    anew
}

#[test]
fn after_a_clean_end_the_index_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let held = closed(folder.path());
    assert!(folder.path().join(CLEAN).exists() && !folder.path().join(RUNNING).exists());
    assert!(!reopened_anew(folder.path(), &held));
    assert_eq!(asides(folder.path()), [""; 0]);
}

#[test]
fn after_a_mere_death_the_index_is_used_but_not_after_another_boot() {
    for (field, expected) in [(None, false), (Some("boot"), true), (Some("mount"), true)] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_folder(folder.path(), small(1)).unwrap();
        fill(&store, 0..600);
        let held = state(&store);
        drop(store);
        let marker = folder.path().join(RUNNING);
        assert!(marker.exists() && !folder.path().join(CLEAN).exists());
        if let Some(field) = field {
            let mut session: serde_json::Value = serde_json::from_slice(&fs::read(&marker).unwrap()).unwrap();
            session[field] = "another".into();
            fs::write(&marker, session.to_string()).unwrap();
        }
        assert_eq!(reopened_anew(folder.path(), &held), expected, "{field:?}");
    }
}

#[test]
fn an_index_that_is_damaged_or_gone_is_built_anew_with_the_same_state() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 8] = [
        ("deleted", |index| fs::remove_dir_all(index).unwrap()),
        ("emptied", |index| fs::remove_file(index.join("db")).unwrap()),
        ("truncated", |index| {
            let file = fs::File::options().write(true).open(index.join("db")).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("garbage", |index| fs::write(index.join("db"), [0xAA; 100_000]).unwrap()),
        ("failed", |index| fs::write(index.join(FAILED), "sled panicked").unwrap()),
        ("marker gone", |index| fs::remove_file(index.with_file_name(CLEAN)).unwrap()),
        ("frames lost", |index| {
            let marker = index.with_file_name(CLEAN);
            let said = fs::read_to_string(&marker).unwrap();
            assert!(said.contains("\"applied\":600"), "{said}");
            fs::write(marker, said.replace("\"applied\":600", "\"applied\":601")).unwrap();
        }),
        ("marker torn", |index| fs::write(index.with_file_name(CLEAN), "{\"applied\":6").unwrap()),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let held = closed(folder.path());
        damage(&folder.path().join(INDEX));
        assert!(reopened_anew(folder.path(), &held), "{what}");
    }
}

#[test]
fn damage_that_the_markers_do_not_show_is_noticed_when_sled_fails_or_has_lost_frames() {
    for garbage in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_folder(folder.path(), small(1)).unwrap();
        fill(&store, 0..600);
        let held = state(&store);
        drop(store);
        let index = folder.path().join(INDEX);
        if garbage {
            fs::write(index.join("db"), [0xAA; 100_000]).unwrap();
        } else {
            fs::write(index.join("db"), b"").unwrap();
        }
        let store = open_folder(folder.path(), small(1)).unwrap();
        assert!(state(&store) == held);
    }
}

#[test]
fn an_index_whose_building_was_stopped_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_folder(folder.path(), small(1)).unwrap();
    fill(&store, 0..600);
    compact(&store);
    let held = state(&store);
    store.close().unwrap();
    fs::remove_file(folder.path().join(CLEAN)).unwrap();
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let snapshot = names.into_iter().find(|path| path.to_str().unwrap().ends_with(".snap")).unwrap();
    let whole = fs::read(&snapshot).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&snapshot, damaged).unwrap();
    for _ in 0..2 {
        let error = open_folder(folder.path(), small(1)).err().unwrap();
        assert!(matches!(&error, StoreError::Damaged { file, .. } if *file == fs::canonicalize(&snapshot).unwrap()));
        assert!(folder.path().join(INDEX).exists() && !folder.path().join(RUNNING).exists());
    }
    fs::write(&snapshot, whole).unwrap();
    assert!(reopened_anew(folder.path(), &held));
}

#[test]
fn a_log_that_ends_before_what_the_index_has_is_refused_and_left_as_it_is() {
    for all in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        closed(folder.path());
        let names = || {
            let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let mut segments: Vec<_> =
            names().into_iter().filter(|name| name.to_str().unwrap().ends_with(".seg")).collect();
        assert!(segments.len() > 1);
        for gone in segments.drain(if all { 0 } else { segments.len() - 1 }..) {
            fs::remove_file(folder.path().join(gone)).unwrap();
        }
        for _ in 0..2 {
            let error = open_folder(folder.path(), small(1)).err().unwrap();
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
            assert_eq!(asides(folder.path()), [""; 0]);
        }
    }
}

#[test]
fn killed_at_any_time_it_has_what_it_acknowledged() {
    const CHILD: &str = "RESTAGE_TEST_KILLED_FOLDER";
    if let Some(folder) = std::env::var_os(CHILD) {
        let store = open_folder(Path::new(&folder), small(1)).unwrap();
        for i in store.durable().0.. {
            fill(&store, i..i + 1);
            println!("\nacknowledged {}", i + 1);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 1..=6 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::folder::tests::killed_at_any_time_it_has_what_it_acknowledged", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let mut numbers = lines.filter_map(|line| line.unwrap().strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let before = numbers.nth(37 * round).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = numbers.last().unwrap_or(before).max(acknowledged);
        let store = open_folder(folder.path(), small(1)).unwrap();
        let durable = store.durable().0;
        assert!((acknowledged..=acknowledged + 1).contains(&durable), "{acknowledged} {durable}");
        assert_eq!(store.get(b"last").unwrap().unwrap(), (durable - 1).to_le_bytes());
        drop(store);
        let report = verify(folder.path(), small(1).index, &mut |_, _| {}).unwrap();
        assert_eq!(report.findings, []);
        assert!(matches!(report.index, IndexState::Compared { .. }), "{report:?}");
    }
    assert_eq!(asides(folder.path()), [""; 0], "a kill is no reason to build the index anew");
}

#[test]
fn only_the_newest_index_set_aside_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let held = closed(folder.path());
    for _ in 0..2 {
        fs::remove_file(folder.path().join(CLEAN)).unwrap();
        let store = open_folder(folder.path(), small(1)).unwrap();
        assert!(state(&store) == held);
        store.close().unwrap();
    }
    assert_eq!(asides(folder.path()), ["index.aside-2"]);
}

#[test]
fn a_folder_is_made_with_all_above_it_and_others_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let nested = root.path().join("a").join("b");
    let store = open_folder(&nested, small(1)).unwrap();
    let error = open_folder(&nested, small(1)).err().unwrap();
    assert!(error.to_string().contains(&format!("process {} (", std::process::id())), "{error}");
    store.close().unwrap();
    store.close().unwrap();
    assert!(matches!(commit(&store, Batch::default()), Err(StoreError::Closed)));
    drop(open_folder(&nested, small(1)).unwrap());

    let error = open_folder(root.path(), small(1)).err().unwrap();
    assert!(matches!(&error, StoreError::NotADataFolder { problem, .. } if problem.contains("\"a\"")), "{error}");
    assert!(!root.path().join(LOCK).exists(), "nothing is left in a foreign folder");
    fs::write(root.path().join("file"), b"").unwrap();
    assert!(open_folder(&root.path().join("file"), small(1)).is_err());

    fs::write(nested.join(MANIFEST), b"something else that is longer than a manifest").unwrap();
    assert!(matches!(open_folder(&nested, small(1)), Err(StoreError::NotADataFolder { .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn where_nothing_can_be_made_the_error_says_so() {
    let error = open_folder(Path::new("/sys/restage"), small(1)).err().unwrap();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_backup_under_load_is_a_prefix_and_restores_to_any_point() {
    let root = tempfile::tempdir().unwrap();
    let (data, file) = (root.path().join("data"), root.path().join("backup"));
    let store = open_folder(&data, small(1)).unwrap();
    fill(&store, 0..500);
    let ended = AtomicBool::new(false);
    let (before, info) = thread::scope(|scope| {
        let (store, ended) = (&store, &ended);
        scope.spawn(move || {
            for i in (500..).take_while(|_| !ended.load(Ordering::Relaxed)) {
                fill(store, i..i + 1);
            }
        });
        let before = store.durable();
        let info = store.backup(&file, &mut |_, _| {}).unwrap();
        ended.store(true, Ordering::Relaxed);
        (before, info)
    });
    assert!(info.newest.0 >= before, "what was acknowledged before it began is in it");
    assert_eq!(check_backup(&file, &mut |_, _| {}).unwrap(), info);

    let mut expected: Vec<State> = vec![State::new()];
    // What frames do is known here, so no frame has to be left in the log.
    for i in 0..info.newest.0.0 {
        let mut state = expected.last().unwrap().clone();
        let value = vec![i.to_le_bytes()[0]; if i.is_multiple_of(20) { 30_000 } else { 200 }];
        state.insert(format!("key {:03}", i % 97).into(), value);
        state.remove(format!("key {:03}", i * 31 % 97).as_bytes());
        state.insert(b"last".to_vec(), i.to_le_bytes().to_vec());
        expected.push(state);
    }
    let points = [info.oldest.0.0, info.oldest.0.0.midpoint(info.newest.0.0), info.newest.0.0];
    for (i, position) in points.into_iter().enumerate() {
        let folder = root.path().join(format!("restored {i}"));
        let upto = Some(UpTo::Position(Position(position)));
        let restored = restore_backup(&file, &folder, StoreId([9; 16]), upto, &mut |_, _| {}).unwrap();
        assert_eq!(restored, Position(position));
        let store = open_folder(&folder, small(1)).unwrap();
        assert_eq!((store.id(), store.durable()), (StoreId([9; 16]), Position(position)));
        assert!(state(&store) == expected[usize::try_from(position).unwrap()]);
        assert!(matches!(store.frames(Position(0), 1), Err(StoreError::Gone { .. })) || position == 0);
        fill(&store, 0..3);
        assert_eq!(store.durable(), Position(position + 3));
        store.close().unwrap();
        assert_eq!(verify(&folder, small(1).index, &mut |_, _| {}).unwrap().findings, []);
    }
}

#[test]
fn a_restore_goes_into_a_new_folder_only_and_a_bad_backup_makes_none() {
    let root = tempfile::tempdir().unwrap();
    let (data, file) = (root.path().join("data"), root.path().join("backup"));
    let store = open_folder(&data, small(1)).unwrap();
    fill(&store, 0..50);
    store.backup(&file, &mut |_, _| {}).unwrap();
    store.close().unwrap();
    let restore = |folder: &Path| restore_backup(&file, folder, StoreId([9; 16]), None, &mut |_, _| {});
    assert!(matches!(restore(&data), Err(StoreError::NotADataFolder { .. })));
    assert!(matches!(restore(root.path()), Err(StoreError::NotADataFolder { .. })));
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let new = root.path().join("new");
    assert!(matches!(restore(&new), Err(StoreError::Damaged { .. })));
    assert!(!new.exists());
    fs::write(&file, bytes).unwrap();
    assert_eq!(restore(&new).unwrap(), Position(50));
}

#[test]
fn a_deleted_key_is_gone_after_every_way_of_opening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_folder(folder.path(), small(1)).unwrap();
    fill(&store, 0..600);
    let changes = state(&store).into_keys().map(Change::Delete).collect();
    commit(&store, Batch { changes }).unwrap();
    drop(store);
    for _ in 0..2 {
        let store = open_folder(folder.path(), small(1)).unwrap();
        assert_eq!(state(&store), State::new());
        store.close().unwrap();
        fs::remove_file(folder.path().join(CLEAN)).unwrap();
    }
}
