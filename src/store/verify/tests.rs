use std::fs;

use super::super::folder::tests::{commit, compact, fill, small};
use super::super::trust::{CLEAN, RUNNING};
use super::super::{Batch, Change, Store, open_folder};
use super::*;

fn closed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open_folder(folder.path(), small(1)).unwrap();
    fill(&store, 0..560);
    compact(&store);
    fill(&store, 560..600);
    store.close().unwrap();
    folder
}

fn check(folder: &Path) -> VerifyReport {
    let mut last = (0, 0);
    let report = verify(folder, small(1).index, &mut |done, total| {
        assert!(done >= last.0 && done <= total);
        last = (done, total);
    });
    assert_eq!(last.0, last.1);
    report.unwrap()
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.to_str().unwrap().ends_with(end)).collect();
    paths.sort();
    paths
}

fn damaged(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 4;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_sound_folder_has_no_findings_and_stays_as_it_is() {
    let folder = closed();
    let report = check(folder.path());
    assert_eq!(report.findings, []);
    assert_eq!(report.newest, Position(600));
    assert_eq!(report.index, IndexState::Compared { keys: report.keys, applied: Position(600) });
    assert!(report.snapshot.is_some() && report.segments > 2 && report.frames > 100, "{report:?}");
    assert!(folder.path().join(CLEAN).exists() && !folder.path().join(RUNNING).exists());
    assert_eq!(check(folder.path()), report, "the index is still trusted");
}

#[test]
fn a_folder_in_use_and_a_foreign_one_are_errors() {
    let folder = closed();
    let store = open_folder(folder.path(), small(1)).unwrap();
    let refused = verify(folder.path(), small(1).index, &mut |_, _| {});
    assert!(matches!(refused, Err(StoreError::InUse { .. })));
    drop(store);
    let empty = tempfile::tempdir().unwrap();
    let refused = verify(empty.path(), small(1).index, &mut |_, _| {});
    assert!(matches!(refused, Err(StoreError::NotADataFolder { .. })));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn after_a_mere_death_the_index_is_compared_as_far_as_it_got() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_folder(folder.path(), small(1)).unwrap();
    fill(&store, 0..600);
    drop(store);
    let report = check(folder.path());
    assert_eq!(report.findings, []);
    assert!(matches!(report.index, IndexState::Compared { .. }), "{report:?}");
}

#[test]
fn an_index_that_is_behind_the_log_is_compared_where_it_can_be() {
    let folder = closed();
    let (disk, path, older) = (OsDisk::new(folder.path()), folder.path().join(INDEX), folder.path().join("older"));
    fs::create_dir(&older).unwrap();
    for file in ["conf", "db"] {
        fs::copy(path.join(file), older.join(file)).unwrap();
    }
    let store = open_folder(folder.path(), small(1)).unwrap();
    fill(&store, 600..640);
    store.close().unwrap();
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&older, &path).unwrap();
    trust::end(&disk, &path, Position(600)).unwrap();
    let report = check(folder.path());
    assert_eq!((report.findings.len(), report.newest), (0, Position(640)), "{report:?}");
    assert!(matches!(report.index, IndexState::Compared { applied: Position(600), .. }), "{report:?}");
}

#[test]
fn a_flipped_bit_is_found_in_snapshot_and_segments() {
    for end in [".snap", ".seg"] {
        let folder = closed();
        let file = files(folder.path(), end).remove(0);
        damaged(&file, 5000);
        let report = check_unfinished(folder.path());
        assert_eq!(report.findings.len(), 1, "{report:?}");
        assert_eq!((&report.findings[0].file, report.index), (&file, IndexState::Incomparable));
    }
}

#[test]
fn missing_frames_are_found() {
    let folder = closed();
    let segments = files(folder.path(), ".seg");
    fs::remove_file(&segments[1]).unwrap();
    let report = check_unfinished(folder.path());
    assert!(report.findings[0].problem.contains("are missing"), "{report:?}");
    let folder = closed();
    fs::remove_file(files(folder.path(), ".seg").pop().unwrap()).unwrap();
    let report = check_unfinished(folder.path());
    assert!(report.findings[0].problem.contains("but the index has frame 600"), "{report:?}");
    let folder = closed();
    fs::remove_file(files(folder.path(), ".snap").remove(0)).unwrap();
    let report = check_unfinished(folder.path());
    assert!(report.findings[0].problem.contains("no snapshot has them"), "{report:?}");
}

#[test]
fn keys_of_the_index_that_differ_are_found() {
    let truth: [(&str, &[Change]); 3] = [
        ("has another value", &[Change::Put(b"last".to_vec(), b"wrong".to_vec())]),
        ("is missing", &[Change::Delete(b"last".to_vec())]),
        ("is not in the log", &[Change::Put(b"a".to_vec(), b"extra".to_vec())]),
    ];
    for (problem, changes) in truth {
        let folder = closed();
        let (disk, path) = (OsDisk::new(folder.path()), folder.path().join(INDEX));
        let index = SledIndex::open(&path, small(1).index).unwrap();
        index.apply(changes, Position(600)).unwrap();
        index.close().unwrap();
        trust::end(&disk, &path, Position(600)).unwrap();
        let report = check(folder.path());
        assert_eq!(report.findings.len(), 1);
        assert!(report.findings[0].problem.starts_with("1 keys differ"), "{report:?}");
        assert!(report.findings[0].problem.ends_with(problem), "{report:?}");
    }
}

#[test]
fn an_index_that_is_not_trusted_is_not_compared() {
    let folder = closed();
    fs::remove_file(folder.path().join(CLEAN)).unwrap();
    let report = check(folder.path());
    assert_eq!(report.findings, []);
    assert!(matches!(report.index, IndexState::Unused(reason) if reason.contains("nothing says")));
}

#[test]
fn what_was_never_acknowledged_is_no_damage() {
    use std::os::unix::fs::FileExt;
    let folder = tempfile::tempdir().unwrap();
    let store = open_folder(folder.path(), small(1)).unwrap();
    fill(&store, 0..3);
    commit(&store, Batch::default()).unwrap();
    store.close().unwrap();
    let file = files(folder.path(), ".seg").remove(0);
    let file = fs::File::options().write(true).open(file).unwrap();
    file.write_all_at(&[7; 300], file.metadata().unwrap().len()).unwrap();
    assert_eq!(check(folder.path()).findings, []);
}

/// Damage ends the reading, so the progress does not come to its end.
fn check_unfinished(folder: &Path) -> VerifyReport {
    verify(folder, small(1).index, &mut |_, _| {}).unwrap()
}
