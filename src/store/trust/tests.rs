use std::path::PathBuf;

use super::super::{Fault, Keep, SimDisk};
use super::*;

struct Found {
    root: tempfile::TempDir,
    disk: SimDisk,
}

impl Found {
    fn new() -> Self {
        let found = Self { root: tempfile::tempdir().unwrap(), disk: SimDisk::new() };
        fs::create_dir_all(found.index().join("blobs")).unwrap();
        fs::write(found.index().join("db"), b"content").unwrap();
        found
    }

    fn index(&self) -> PathBuf {
        self.root.path().join("index")
    }

    fn judge(&self, disk: &SimDisk, now: &Session) -> Trust {
        judge(disk, &self.index(), Some(now)).unwrap()
    }

    fn closed() -> Self {
        let found = Self::new();
        begin(&found.disk, Some(&today())).unwrap();
        end(&found.disk, &found.index(), Position(5)).unwrap();
        assert_eq!(found.judge(&found.disk, &today()), Trust::Clean(Position(5)));
        found
    }
}

fn today() -> Session {
    Session { boot: "b".to_owned(), mount: "m".to_owned(), folder_inode: 1, index_inode: 2 }
}

fn after_reboot() -> Session {
    Session { boot: "b2".to_owned(), ..today() }
}

#[test]
fn without_markers_the_answer_is_no() {
    let found = Found::new();
    assert_eq!(found.judge(&found.disk, &today()), Trust::No("nothing says how it was left".to_owned()));
    fs::remove_dir_all(found.index()).unwrap();
    assert_eq!(found.judge(&found.disk, &today()), Trust::No("there is none".to_owned()));
}

#[test]
fn a_dead_process_is_trusted_in_the_same_session_only() {
    let found = Found::new();
    begin(&found.disk, Some(&today())).unwrap();
    assert_eq!(found.judge(&found.disk.kill(), &today()), Trust::SameBoot);
    let others = [
        (after_reboot(), "the machine was started anew"),
        (Session { mount: "m2".to_owned(), ..today() }, "the disk was mounted anew"),
        (Session { folder_inode: 9, ..today() }, "it is a copy"),
        (Session { index_inode: 9, ..today() }, "it is a copy"),
    ];
    for (other, why) in others {
        let trust = found.judge(&found.disk, &other);
        assert!(matches!(&trust, Trust::No(said) if said.starts_with(why)), "{trust:?}");
    }
    assert!(matches!(judge(&found.disk, &found.index(), None).unwrap(), Trust::No(_)));
}

#[test]
fn where_the_system_tells_no_session_nothing_but_a_clean_end_is_trusted() {
    let found = Found::new();
    begin(&found.disk, None).unwrap();
    assert_eq!(found.judge(&found.disk, &today()), Trust::No("RUNNING can't be read".to_owned()));
    end(&found.disk, &found.index(), Position(5)).unwrap();
    assert_eq!(judge(&found.disk, &found.index(), None).unwrap(), Trust::Clean(Position(5)));
}

#[test]
fn after_a_clean_end_any_change_of_a_file_is_noticed() {
    type Damage = fn(&Path);
    let changes: [(&str, Damage); 5] = [
        ("grown", |index| fs::write(index.join("db"), b"content and more").unwrap()),
        ("written", |index| fs::write(index.join("db"), b"CONTENT").unwrap()),
        ("removed", |index| fs::remove_file(index.join("db")).unwrap()),
        ("added", |index| fs::write(index.join("blobs").join("1"), b"").unwrap()),
        ("copied", |index| {
            let modified = fs::metadata(index.join("db")).unwrap().modified().unwrap();
            fs::copy(index.join("db"), index.join("copy")).unwrap();
            fs::rename(index.join("copy"), index.join("db")).unwrap();
            fs::File::options().append(true).open(index.join("db")).unwrap().set_modified(modified).unwrap();
        }),
    ];
    for (what, change) in changes {
        let found = Found::closed();
        change(&found.index());
        assert!(matches!(found.judge(&found.disk, &today()), Trust::No(_)), "{what}");
    }
}

#[test]
fn a_failed_index_and_a_distrusted_one_are_not_used() {
    let found = Found::closed();
    fs::write(found.index().join(FAILED), b"").unwrap();
    assert_eq!(found.judge(&found.disk, &today()), Trust::No("it failed when it was last used".to_owned()));
    let found = Found::closed();
    distrust(&found.disk).unwrap();
    assert!(matches!(found.judge(&found.disk.crash(1, Keep::Nothing), &today()), Trust::No(_)));
}

#[test]
fn a_damaged_marker_is_no_reason_to_trust() {
    for name in [RUNNING, CLEAN] {
        let found = Found::closed();
        if name == RUNNING {
            begin(&found.disk, Some(&today())).unwrap();
        }
        found.disk.truncate(name, 10).unwrap();
        assert_eq!(found.judge(&found.disk, &today()), Trust::No(format!("{name} can't be read")));
    }
}

#[test]
fn a_cut_between_begin_and_end_is_never_taken_for_a_clean_end() {
    let whole = Found::closed();
    let before = whole.disk.kill();
    let count = |work: &dyn Fn(&SimDisk)| {
        let disk = before.kill();
        work(&disk);
        disk.operations()
    };
    let opened = count(&|disk| begin(disk, Some(&today())).unwrap());
    let closed = count(&|disk| {
        begin(disk, Some(&today())).unwrap();
        end(disk, &whole.index(), Position(6)).unwrap();
    });
    for k in 1..=closed + 1 {
        for seed in 0..30 {
            let disk = before.kill();
            disk.fail_at(k, Fault::Tear);
            let began = begin(&disk, Some(&today())).is_ok();
            let ended = began && end(&disk, &whole.index(), Position(6)).is_ok();
            let trust = whole.judge(&disk.crash(seed, Keep::Random), &after_reboot());
            match trust {
                Trust::No(_) => assert!(!ended, "operation {k}"),
                Trust::Clean(Position(5)) => assert!(!began, "operation {k}: the old end is taken for the new one"),
                Trust::Clean(position) => assert!(position == Position(6) && k > opened, "operation {k}"),
                Trust::SameBoot => panic!("operation {k}: another boot is not the same"),
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_session_is_the_same_until_the_folder_is_another() {
    let root = tempfile::tempdir().unwrap();
    let index = root.path().join("index");
    assert_eq!(session(root.path(), &index), None);
    fs::create_dir(&index).unwrap();
    let now = session(root.path(), &index).unwrap();
    assert_eq!(session(root.path(), &index).unwrap(), now);
    assert_eq!(now.boot.len(), 36);
    fs::rename(&index, root.path().join("aside")).unwrap();
    fs::create_dir(&index).unwrap();
    assert_ne!(session(root.path(), &index).unwrap(), now);
}
