//! Worktrees as messy as agents leave them, and worse: each goes back, is compared with what the git program makes of a
//! copy, goes forth, is compared byte for byte with what it was, and goes back again.
//!
//! `RESTAGE_FUZZ_CASES` and `RESTAGE_FUZZ_SEED` for more, or for one again.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::repo::{Repo, run};
use super::scene::{Files, Scene, assert_same, files, output};
use crate::vcs::To;

const CASES: u64 = 300;
/// More than this is not saved when it is untracked.
const LARGE: usize = 4096;
/// Names that collide, with each other and with what is ignored.
const NAMES: &[&[u8]] =
    &[b"a", b"b", b"c", b"dir", b"a.b", b"a-b", b"dir.ignored", b"x.ignored", b"build", b"\xc3\xa9", b"\xff!", b"[a]*"];

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn path(&mut self) -> PathBuf {
        (0..=self.roll(3)).map(|_| OsStr::from_bytes(NAMES[self.roll(NAMES.len())])).collect()
    }

    fn content(&mut self) -> String {
        format!("{}\n", self.roll(6)).repeat(self.roll(4))
    }
}

/// Removes whatever is at a path.
fn remove(path: &Path) {
    if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        fs::remove_dir_all(path).unwrap();
    } else {
        let _ = fs::remove_file(path);
    }
}

/// Makes room for something at a path: directories on the way, nothing at it.
fn room(top: &Path, path: &Path) -> PathBuf {
    let mut at = top.to_path_buf();
    for part in path {
        at.push(part);
        if at != top.join(path) && !at.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            remove(&at);
            fs::create_dir(&at).unwrap();
        }
    }
    remove(&at);
    at
}

/// One thing that may happen to the files.
fn mess_file(scene: &Scene, dice: &mut Dice) {
    let path = dice.path();
    if dice.roll(4) == 0 {
        let at = scene.tree().join(&path);
        // A name on the way may be a link to outside: what is outside is no business of a mess.
        if at.parent().is_some_and(|p| p.canonicalize().is_ok_and(|p| p.starts_with(scene.tree()))) {
            remove(&at);
        }
        return;
    }
    let at = room(scene.tree(), &path);
    // libgit2 takes a link to a directory for a directory when a rule is for directories alone.
    let is_for_directories = ["build", "dir"].map(OsStr::new).contains(&path.file_name().unwrap());
    match dice.roll(16) {
        9 | 10 if is_for_directories => fs::create_dir(&at).unwrap(),
        0..=7 => fs::write(&at, dice.content()).unwrap(),
        8 => {
            fs::write(&at, dice.content()).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
        }
        9 => symlink(["a", "dir", "../b", "nowhere", "."][dice.roll(5)], &at).unwrap(),
        10 => symlink(scene.outside().join(["file", "dir", "dir/a", ""][dice.roll(4)]), &at).unwrap(),
        11 => fs::hard_link(scene.outside().join("hard"), &at).unwrap(),
        12 => fs::create_dir(&at).unwrap(),
        13 => {
            let rules = ["b\n", "*.ignored\n!x.ignored\n", "dir/\n", "a*\n", "*\n", ""];
            let at = room(scene.tree(), &path.with_file_name(".gitignore"));
            fs::write(at, rules[dice.roll(rules.len())]).unwrap();
        }
        14 => rustix::fs::mknodat(rustix::fs::CWD, &at, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap(),
        _ => fs::write(&at, vec![b'x'; [0, 1, LARGE + 1][dice.roll(3)]]).unwrap(),
    }
}

fn nested_repository(scene: &Scene, dice: &mut Dice) {
    let at = room(scene.tree(), &dice.path());
    fs::create_dir(&at).unwrap();
    let made = run(&at, &["init", "-q"]);
    assert!(made.status.success());
    fs::write(at.join("inner"), "inner\n").unwrap();
}

/// One thing that may happen to the index. It may fail, as it may for agents.
fn mess_index(scene: &Scene, dice: &mut Dice) {
    let path = dice.path();
    let path = if dice.roll(3) == 0 { OsStr::new(".") } else { path.as_os_str() };
    let command: &[&str] = match dice.roll(8) {
        0..=2 => &["add", "--"],
        3 => &["add", "-N", "--"],
        4 => &["rm", "-q", "-r", "--cached", "-f", "--"],
        5 => &["update-index", "--assume-unchanged", "--"],
        6 => &["update-index", "--skip-worktree", "--"],
        _ => &["add", "-f", "--"],
    };
    git_at(scene.tree(), command, path);
}

fn git_at(folder: &Path, command: &[&str], path: &OsStr) {
    let mut git = Command::new("git");
    git.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_LITERAL_PATHSPECS", "1");
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.arg("-C").arg(folder).args(command).arg(path).output().unwrap();
}

/// Unmerged files, as a merge leaves them.
fn mess_conflict(scene: &Scene, dice: &mut Dice) {
    let blob = |n: u8| {
        let file = scene.repo.folder().join("blob");
        fs::write(&file, [b'0' + n, b'\n']).unwrap();
        scene.run(&["hash-object", "-w", file.to_str().unwrap()])
    };
    let name = ["a", "b", "dir/a", "c/dir"][dice.roll(4)];
    let mut lines = format!("0 {} 0\t{name}\n", "0".repeat(40));
    for stage in 1..=3u8 {
        if dice.roll(4) > 0 {
            lines += &format!("100644 {} {stage}\t{name}\n", blob(stage + 10));
        }
    }
    let file = scene.repo.folder().join("info");
    fs::write(&file, lines).unwrap();
    let git = Command::new("git")
        .arg("-C")
        .arg(scene.tree())
        .args(["update-index", "--index-info"])
        .stdin(fs::File::open(&file).unwrap())
        .output();
    assert!(git.is_ok());
}

/// What the git program makes of a copy: everything untracked removed, everything tracked reset.
fn reset_by_git(scene: &Scene, commit: &str) -> Files {
    let top = scene.repo.folder().join("oracle");
    remove(&top);
    fs::create_dir(&top).unwrap();
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    let (tree, common) = (top.join("tree"), top.join("common"));
    copy(scene.tree(), &tree);
    copy(&scene.place.common, &common);
    fs::remove_file(tree.join(".git")).unwrap();
    fs::remove_dir_all(common.join("worktrees")).unwrap();
    copy(&scene.admin().join("index"), &common.join("index"));
    fs::write(common.join("HEAD"), format!("{}\n", scene.tip())).unwrap();
    let (common, work) = (format!("--git-dir={}", common.display()), format!("--work-tree={}", tree.display()));
    let git = |args: &[&str]| output(&tree, &[&[common.as_str(), work.as_str()], args].concat());
    // Flags in the index hide files from git, so what is tracked is removed by hand.
    let lists = [&["ls-files", "-z"][..], &["ls-files", "--others", "--exclude-standard", "-z"]].map(git);
    for list in lists {
        for path in list.split(|b| *b == 0).filter(|path| !path.is_empty() && !path.ends_with(b"/")) {
            let path = Path::new(OsStr::from_bytes(path));
            let is_directory = |p: &Path| tree.join(p).symlink_metadata().is_ok_and(|found| found.is_dir());
            if path.ancestors().skip(1).all(is_directory) && !is_directory(path) {
                remove(&tree.join(path));
            }
        }
    }
    git(&["read-tree", "--empty"]);
    git(&["reset", "-q", "--hard", commit]);
    // Rules that are removed uncover files that they ignored.
    (0..8).for_each(|_| drop(git(&["clean", "-fdq"])));
    files(&tree)
}

/// Two pictures of files without those of nested repositories in either.
fn without_nested(mut files: [Files; 2]) -> [Files; 2] {
    let top_of = |path: &PathBuf| -> Option<PathBuf> {
        let parts: Vec<&OsStr> = path.iter().collect();
        let at = parts.iter().position(|part| *part == ".git")?;
        Some(parts[..at].iter().collect())
    };
    let nested: Vec<PathBuf> = files.iter().flatten().filter_map(|(path, _)| top_of(path)).collect();
    for files in &mut files {
        files.retain(|path, _| !nested.iter().any(|top| path.starts_with(top)));
    }
    files
}

fn case(seed: u64) {
    let dice = &mut Dice(seed);
    let repo = Repo::empty(&[]);
    repo.write(".gitignore", "*.ignored\nbuild/\n");
    repo.commit_all("first");
    let scene = Scene::over(repo);
    let mut commits = vec![scene.base()];
    for run in 1..=2 {
        (0..dice.roll(12)).for_each(|_| mess_file(&scene, dice));
        commits.push(scene.stage("plan", run).unwrap());
    }
    (0..dice.roll(14)).for_each(|_| mess_file(&scene, dice));
    (0..dice.roll(4)).for_each(|_| mess_index(&scene, dice));
    if dice.roll(4) == 0 {
        mess_conflict(&scene, dice);
    }
    if dice.roll(4) == 0 {
        nested_repository(&scene, dice);
    }
    (0..dice.roll(6)).for_each(|_| mess_file(&scene, dice));

    let to = commits[dice.roll(commits.len())];
    let before = scene.picture();
    let by_git = reset_by_git(&scene, &to.to_string());
    let went = scene.back(1, To::Commit(to)).unwrap();
    assert_eq!((went.from, went.to), (commits[2], to));
    let (mut after, mut by_git) = (files(scene.tree()), by_git);
    for files in [&mut after, &mut by_git] {
        files.retain(|_, (_, content)| content.0.len() <= LARGE);
    }
    let [after, by_git] = without_nested([after, by_git]);
    assert_same(&after, &by_git, "going back");
    scene.assert_unharmed();
    let back = scene.picture();
    let staged = scene.run(&["diff-index", "--cached", "--name-status", &to.to_string()]);
    assert_eq!(staged, "", "nothing is staged");

    let undone = scene.back(2, To::Snapshot(1)).unwrap();
    let forth = scene.picture();
    let [was, is] = without_nested([before.files.clone(), forth.files.clone()]);
    assert_same(&is, &was, "files come back");
    assert_eq!(forth.staged, before.staged, "what was staged comes back");
    scene.back(3, To::Snapshot(2)).unwrap();
    let again = scene.picture();
    let [was, is] = without_nested([back.files.clone(), again.files.clone()]);
    assert_same(&is, &was, "and goes again");
    assert_eq!(again.staged, back.staged);
    // What was in the way and is neither file nor link does not come back.
    if went.notes.is_empty() && undone.notes.is_empty() {
        assert_eq!(forth, before, "everything comes back");
        assert_eq!(again, back, "and goes again");
    }
    scene.assert_unharmed();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A share of the cases, so that shares run at once.
fn cases(share: u64) {
    if let Some(seed) = number("RESTAGE_FUZZ_SEED") {
        if share == 0 {
            case(seed);
        }
        return;
    }
    for seed in (0..number("RESTAGE_FUZZ_CASES").unwrap_or(CASES)).filter(|seed| seed % 3 == share) {
        let failed = std::panic::catch_unwind(|| case(seed)).is_err();
        assert!(!failed, "RESTAGE_FUZZ_SEED={seed} fails");
    }
}

#[test]
fn messy_worktrees_go_back_as_git_would_and_forth_byte_for_byte() {
    cases(0);
}

#[test]
fn messy_worktrees_go_back_as_git_would_and_forth_byte_for_byte_second_share() {
    cases(1);
}

#[test]
fn messy_worktrees_go_back_as_git_would_and_forth_byte_for_byte_third_share() {
    cases(2);
}
