//! Worktrees are made as git makes them, once, and nothing that is another's is touched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::repo::{Repo, git_in, text, vcs, write};
use crate::vcs::{Created, NewWorktree, VcsError, VcsProblem};

fn create(new: &NewWorktree) -> Result<Created, VcsError> {
    vcs().make(new)
}

/// All files below a folder, without those whose being there is chance.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    fn walk(top: &Path, at: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            found.insert(path.strip_prefix(top).unwrap().to_path_buf());
            if path.symlink_metadata().unwrap().is_dir() {
                walk(top, &path, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(folder, folder, &mut found);
    found
}

#[test]
fn a_worktree_is_as_git_would_have_made_it() {
    let repo = Repo::new();
    let created = create(&repo.wanted("t1")).unwrap();
    let place = &created.place;
    assert_eq!((place.key.as_str(), place.branch.as_str()), ("t1", "task/t1"));
    assert_eq!((created.base.as_deref(), created.base_commit.to_string()), (Some("main"), repo.id("main")));
    assert_eq!(created.notes, Vec::<String>::new());

    let head = repo.id("HEAD");
    assert_eq!(repo.id("refs/heads/task/t1"), head);
    assert_eq!(repo.id("refs/restage/tasks/t1/base"), head);
    let told = repo.git(&["worktree", "list", "--porcelain"]);
    let own = format!(
        "worktree {}\nHEAD {head}\nbranch refs/heads/task/t1\nlocked restage task t1",
        place.worktree.display()
    );
    assert!(told.contains(&own), "{told}");
    assert_eq!(git_in(&place.worktree, &["status", "--porcelain", "--ignored"]), "");
    assert_eq!(git_in(&place.worktree, &["rev-parse", "--abbrev-ref", "HEAD"]), "task/t1");
    repo.assert_sound();

    let by_git = repo.place("g1");
    let admin = |name: &str| repo.common().join("worktrees").join(name);
    let mut expected = files(&admin("restage-g1"));
    // Both stand for what `git worktree add` does on the way: it resets, and it does not lock.
    expected.remove(Path::new("ORIG_HEAD"));
    expected.insert("locked".into());
    assert_eq!(files(&admin("restage-t1")), expected);
    for file in ["commondir", "gitdir", "HEAD"] {
        let ours = fs::read_to_string(admin("restage-t1").join(file)).unwrap();
        assert_eq!(ours, fs::read_to_string(admin("restage-g1").join(file)).unwrap().replace("g1", "t1"), "{file}");
    }
    let log = git_in(&place.worktree, &["reflog", "show", "--format=%H", "HEAD"]);
    assert_eq!(log, head);
    assert_eq!(files(&place.worktree), files(&by_git.worktree));
}

#[test]
fn a_repository_that_moved_is_put_right_by_git_worktree_repair() {
    let repo = Repo::new();
    let place = create(&repo.wanted("t1")).unwrap().place;
    let moved = repo.folder().join("moved");
    fs::rename(repo.root(), &moved).unwrap();
    git_in(&moved, &["worktree", "repair", text(&place.worktree)]);
    assert_eq!(git_in(&place.worktree, &["status", "--porcelain"]), "");
    let told = git_in(&moved, &["worktree", "list", "--porcelain"]);
    assert!(told.contains("refs/heads/task/t1") && !told.contains("prunable"), "{told}");
}

#[test]
fn asking_twice_makes_one_and_keeps_the_work_in_it() {
    let repo = Repo::new();
    let first = create(&repo.wanted("t1")).unwrap();
    write(&first.place.worktree, "new.txt", "work\n");
    write(&first.place.worktree, "a.txt", "work\n");
    git_in(&first.place.worktree, &["commit", "-q", "-am", "work"]);
    repo.commit_all("base moves on");
    let second = create(&repo.wanted("t1")).unwrap();
    assert_eq!(first, second);
    assert_eq!(git_in(&first.place.worktree, &["status", "--porcelain"]), "?? new.txt");
    assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 2);
}

#[test]
fn a_worktree_that_was_deleted_is_made_anew_from_its_branch() {
    let repo = Repo::new();
    let first = create(&repo.wanted("t1")).unwrap();
    write(&first.place.worktree, "a.txt", "work\n");
    git_in(&first.place.worktree, &["commit", "-q", "-am", "work"]);
    fs::remove_dir_all(&first.place.worktree).unwrap();
    let again = create(&repo.wanted("t1")).unwrap();
    assert_eq!((&again.place, again.base_commit), (&first.place, first.base_commit));
    assert!(again.notes[0].contains("made again"), "{:?}", again.notes);
    assert_eq!(fs::read_to_string(first.place.worktree.join("a.txt")).unwrap(), "work\n");
    assert_eq!(git_in(&first.place.worktree, &["status", "--porcelain"]), "");
}

#[test]
fn the_base_is_what_is_named() {
    let repo = Repo::new();
    let first = repo.id("HEAD");
    repo.git(&["tag", "v1"]);
    repo.git(&["branch", "other"]);
    repo.commit_all("second");
    let with = |key: &str, base: &str| create(&NewWorktree { base: Some(base.to_owned()), ..repo.wanted(key) });
    let cases = [("a", "other", Some("other")), ("b", "v1", None), ("c", &first, None), ("d", &first[..9], None)];
    for (key, base, branch) in cases {
        let created = with(key, base).unwrap();
        assert_eq!((created.base.as_deref(), created.base_commit.to_string()), (branch, first.clone()), "{base}");
    }
    assert_eq!(with("e", "HEAD").unwrap().base.as_deref(), Some("main"));
    let absent = "0123456789012345678901234567890123456789";
    for base in
        ["nowhere", "", "-d", "--all", "main~1", "../main", ":/first", "a b", "\0", absent, "refs/heads/main^{tree}"]
    {
        let error = with("f", base).unwrap_err();
        assert!(matches!(&error.problem, VcsProblem::NoBase(name) if name == base), "{base:?}: {error:?}");
        assert!(error.hint.contains("main, other"), "{}", error.hint);
    }
    assert!(!repo.worktree("f").exists());
    assert_eq!(repo.git(&["for-each-ref", "refs/restage/tasks/f"]), "");
}

#[test]
fn names_that_are_not_names_make_nothing() {
    let repo = Repo::new();
    let before = repo.git(&["for-each-ref"]);
    for branch in ["-d", "task/-d", "../up", "a/../../b", "a b", "a;rm -rf b", "$(id)", "a.lock", "", "HEAD"] {
        let error = create(&NewWorktree { branch: branch.to_owned(), ..repo.wanted("t1") }).unwrap_err();
        assert!(matches!(error.problem, VcsProblem::BranchName(_)), "{branch:?}: {error:?}");
    }
    for key in ["../t1", "a/b", "-t", ".t", "", "a b"] {
        assert!(create(&NewWorktree { key: key.to_owned(), ..repo.wanted("t1") }).is_err(), "{key:?}");
    }
    let inside = NewWorktree { worktree: repo.root().join("tasks/t1"), ..repo.wanted("t1") };
    let error = create(&inside).unwrap_err();
    assert!(error.to_string().contains("inside"), "{error}");
    let data = repo.folder().join("data");
    fs::create_dir(&data).unwrap();
    git_in(&data, &["init", "-q"]);
    let notes = create(&repo.wanted("t1")).unwrap().notes;
    assert!(notes[0].contains("lies in the repository"), "{notes:?}");
    repo.git(&["worktree", "remove", "-f", "-f", text(&repo.worktree("t1"))]);
    for name in ["refs/heads/task/t1", "refs/restage/tasks/t1/base"] {
        repo.git(&["update-ref", "-d", name]);
    }
    let relative = NewWorktree { worktree: "t1".into(), ..repo.wanted("t1") };
    assert!(create(&relative).is_err());
    assert_eq!(repo.git(&["for-each-ref"]), before);
    assert!(!repo.common().join("worktrees").exists());
}

#[test]
fn a_branch_or_a_key_that_is_taken_gets_a_suffix_and_is_left_alone() {
    let repo = Repo::new();
    repo.commit_all("second");
    repo.git(&["branch", "task/t1", "HEAD~1"]);
    repo.git(&["branch", "task/t1-2/deep", "HEAD~1"]);
    repo.git(&["update-ref", "refs/restage/snapshots/t1/4", "HEAD"]);
    repo.git(&["update-ref", "refs/restage/tasks/t1.2/stages/plan/1", "HEAD"]);
    let place = create(&repo.wanted("t1")).unwrap().place;
    assert_eq!((place.key.as_str(), place.branch.as_str()), ("t1.3", "task/t1-3"));
    assert_eq!(repo.id("task/t1"), repo.id("HEAD~1"));
    assert_eq!(create(&repo.wanted("t1")).unwrap().place, place);

    repo.git(&["branch", "task-x"]);
    let error = create(&NewWorktree { branch: "task-x/t2".to_owned(), ..repo.wanted("t2") }).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::BranchName(_)), "{error:?}");
    assert!(error.hint.contains("refs/heads/task-x"), "{}", error.hint);
    assert!(!repo.common().join("worktrees/restage-t2").exists());
}

#[test]
fn two_data_folders_with_the_same_task_share_nothing() {
    let repo = Repo::new();
    let here = create(&repo.wanted("t1")).unwrap().place;
    let other = NewWorktree { worktree: repo.folder().join("data2/t1"), ..repo.wanted("t1") };
    let there = create(&other).unwrap().place;
    assert_eq!((there.key.as_str(), there.branch.as_str()), ("t1.2", "task/t1-2"));
    assert_eq!(create(&repo.wanted("t1")).unwrap().place, here);
    assert_eq!(create(&other).unwrap().place, there);
    write(&here.worktree, "a.txt", "here\n");
    git_in(&here.worktree, &["commit", "-q", "-am", "here"]);
    assert_eq!(fs::read_to_string(there.worktree.join("a.txt")).unwrap(), "a\n");
    assert_ne!(repo.id("task/t1"), repo.id("task/t1-2"));
}

#[test]
fn a_place_that_is_taken_is_left_as_it_is() {
    let repo = Repo::new();
    let taken = |key: &str| {
        let error = create(&repo.wanted(key)).unwrap_err();
        assert!(matches!(error.problem, VcsProblem::PlaceTaken(_)), "{error:?}");
        assert_eq!(repo.git(&["for-each-ref", &format!("refs/restage/tasks/{key}")]), "");
    };
    write(&repo.worktree("dir"), "mine.txt", "mine\n");
    taken("dir");
    assert_eq!(fs::read_to_string(repo.worktree("dir").join("mine.txt")).unwrap(), "mine\n");
    fs::write(repo.worktree("file"), "mine\n").unwrap();
    taken("file");
    std::os::unix::fs::symlink(repo.worktree("dir"), repo.worktree("link")).unwrap();
    taken("link");
    repo.git(&["worktree", "add", "-q", text(&repo.worktree("user")), "-b", "user"]);
    taken("user");
    assert_eq!(git_in(&repo.worktree("user"), &["status", "--porcelain"]), "");
}

#[test]
fn what_a_crash_left_is_finished() {
    type Crash = fn(&Repo, &NewWorktree);
    let crashes: [(&str, Crash); 8] = [
        ("the key alone", |repo, new| {
            fs::remove_dir_all(&new.worktree).unwrap();
            repo.git(&["update-ref", "-d", "refs/heads/task/t1"]);
            repo.git(&["update-ref", "-d", "refs/restage/tasks/t1/base"]);
        }),
        ("no branch yet", |repo, new| {
            fs::remove_dir_all(&new.worktree).unwrap();
            repo.git(&["update-ref", "-d", "refs/heads/task/t1"]);
        }),
        ("no directory yet", |_, new| fs::remove_dir_all(&new.worktree).unwrap()),
        ("an empty directory", |_, new| {
            fs::remove_dir_all(&new.worktree).unwrap();
            fs::create_dir(&new.worktree).unwrap();
        }),
        ("a link half written", |_, new| {
            fs::remove_dir_all(&new.worktree).unwrap();
            write(&new.worktree, ".git.new", "gitd");
        }),
        ("half of the files", |_, new| {
            fs::remove_dir_all(new.worktree.join("dir")).unwrap();
            fs::write(new.worktree.join("a.txt"), "").unwrap();
        }),
        ("a locked index", |repo, _| write(&repo.common(), "worktrees/restage-t1/index.lock", "")),
        ("all but the last word", |_, _| {}),
    ];
    for (what, crash) in crashes {
        let repo = Repo::new();
        let new = repo.wanted("t1");
        let first = create(&new).unwrap();
        crash(&repo, &new);
        let lock = repo.common().join("worktrees/restage-t1/locked");
        fs::write(&lock, "restage is making this worktree\n").unwrap();
        let again = create(&new).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(again, first, "{what}");
        assert_eq!(git_in(&new.worktree, &["status", "--porcelain"]), "", "{what}");
        assert_eq!(fs::read_to_string(&lock).unwrap(), "restage task t1\n", "{what}");
        assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 2, "{what}");
        repo.assert_sound();
    }
}

#[test]
fn a_draft_that_a_crash_left_is_in_nobodys_way() {
    let repo = Repo::new();
    let new = repo.wanted("t1");
    create(&new).unwrap();
    let admin = repo.common().join("worktrees/restage-t1");
    let before: BTreeSet<_> = files(&admin.join(".."));
    repo.git(&["worktree", "remove", "-f", "-f", text(&new.worktree)]);
    repo.git(&["update-ref", "-d", "refs/heads/task/t1"]);
    repo.git(&["update-ref", "-d", "refs/restage/tasks/t1/base"]);
    // The name of a draft is not told; one is caught where its rename can't be.
    fs::create_dir_all(admin.join("in-the-way")).unwrap();
    assert_eq!(create(&new).unwrap().place.key, "t1.2");
    assert!(before.iter().all(|path| !path.to_string_lossy().contains("new-")));
    let left = files(&admin.join(".."));
    assert!(left.iter().all(|path| !path.to_string_lossy().contains("new-")), "{left:?}");
}

#[test]
fn a_half_made_worktree_whose_branch_or_place_went_to_others_takes_nothing_from_them() {
    let repo = Repo::new();
    let new = repo.wanted("t1");
    create(&new).unwrap();
    let lock = repo.common().join("worktrees/restage-t1/locked");
    let half = |lock: &Path| fs::write(lock, "restage is making this worktree\n").unwrap();
    half(&lock);
    fs::remove_dir_all(&new.worktree).unwrap();
    repo.commit_all("second");
    repo.git(&["update-ref", "refs/heads/task/t1", "HEAD"]);
    let place = create(&new).unwrap().place;
    assert_eq!(place.branch, "task/t1-2");
    assert_eq!(repo.id("task/t1"), repo.id("HEAD"));

    half(&lock);
    fs::remove_dir_all(&new.worktree).unwrap();
    write(&new.worktree, "mine.txt", "mine\n");
    let error = create(&new).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::PlaceTaken(_)), "{error:?}");
    assert_eq!(fs::read_to_string(new.worktree.join("mine.txt")).unwrap(), "mine\n");
}

#[test]
fn eight_at_once_are_eight() {
    let repo = Repo::new();
    let git = vcs();
    let places: Vec<_> = std::thread::scope(|threads| {
        let workers: Vec<_> = (0..8)
            .map(|n| {
                // Half of them share a lock, as within one process; half do not, as two processes would not.
                let (git, repo) = (if n % 2 == 0 { git.clone() } else { vcs() }, &repo);
                let new = NewWorktree { worktree: repo.worktree(&format!("w{n}")), ..repo.wanted("same") };
                threads.spawn(move || git.make(&new).unwrap().place)
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let keys: BTreeSet<_> = places.iter().map(|place| &place.key).collect();
    let branches: BTreeSet<_> = places.iter().map(|place| &place.branch).collect();
    assert_eq!((keys.len(), branches.len()), (8, 8), "{places:?}");
    for place in &places {
        assert_eq!(git_in(&place.worktree, &["status", "--porcelain"]), "");
        assert_eq!(git_in(&place.worktree, &["rev-parse", "--abbrev-ref", "HEAD"]), place.branch);
    }
    repo.assert_sound();
}
