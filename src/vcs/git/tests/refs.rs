//! Names, compare-and-swap, and worktrees that are not what they were.

use std::fs;
use std::os::unix::fs::symlink;

use git2::Oid;

use super::super::{open, refs};
use super::repo::{Repo, git_in, text, vcs};
use crate::vcs::{Place, VcsProblem};

fn id(repo: &Repo, name: &str) -> Oid {
    repo.id(name).parse().unwrap()
}

#[test]
fn names_that_are_no_plain_part_of_a_ref_are_refused() {
    for bad in
        ["", ".", "..", ".a", "-a", "a.", "a..b", "a.lock", "a/b", "a b", "a\n", "ä", "a~1", "a*", &"x".repeat(201)]
    {
        assert!(refs::check_part(bad).is_err(), "{bad:?}");
    }
    for good in ["t1", "t1.2", "code_review", "a-b", "9"] {
        assert!(refs::check_part(good).is_ok(), "{good:?}");
    }
}

#[test]
fn branch_names_that_could_be_options_or_climb_or_run_are_refused() {
    let bad = [
        "", "-d", "--force", "task/-d", "../main", "a/../b", "a/..", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a b",
        "a;b", "$(id)", "`id`", "a|b", "a&b", "a>b", "a'b", "a\"b", "a\\b", "a\nb", "a\0b", "a~1", "a^", "a:b", "a?b",
        "a*", "a[b", "@", "a@{1}", "HEAD", "ä",
    ];
    for name in bad {
        let error = refs::check_branch(name).unwrap_err();
        assert!(matches!(error.problem, VcsProblem::BranchName(_)), "{name:?}: {error:?}");
        assert!(!error.hint.is_empty());
    }
    for good in ["task/1-fix", "main", "feature/a.b_c+d#4"] {
        assert!(refs::check_branch(good).is_ok(), "{good:?}");
    }
}

#[test]
fn a_ref_is_made_once_moved_only_from_where_it_was_and_removed_only_where_it_is() {
    let repo = Repo::new();
    let (one, two) = (id(&repo, "HEAD"), repo.commit_all("second").parse::<Oid>().unwrap());
    let git = vcs();
    let handle = open::common(&repo.common()).unwrap();
    let name = "refs/restage/tasks/t1/base";
    let moved = |result: Result<(), crate::vcs::VcsError>| {
        let error = result.unwrap_err();
        assert!(matches!(&error.problem, VcsProblem::Moved { name: n } if n == name), "{error:?}");
    };

    for packed in [false, true] {
        git.make_ref(&handle, name, one).unwrap();
        git.make_ref(&handle, name, one).unwrap();
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        moved(git.make_ref(&handle, name, two));
        moved(git.move_ref(&handle, name, Oid::from_bytes(&[7; 20]).unwrap(), two));
        assert_eq!(id(&repo, name), one);
        git.move_ref(&handle, name, one, two).unwrap();
        git.move_ref(&handle, name, one, two).unwrap();
        assert_eq!(id(&repo, name), two);
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        moved(git.drop_ref(&handle, name, one));
        git.drop_ref(&handle, name, two).unwrap();
        git.drop_ref(&handle, name, two).unwrap();
        assert_eq!(refs::read(&handle, name).unwrap(), None);
        moved(git.move_ref(&handle, name, one, two));
    }
    repo.assert_sound();
}

#[test]
fn a_ref_that_would_lie_under_or_over_another_names_the_other() {
    let repo = Repo::new();
    let one = id(&repo, "HEAD");
    let handle = open::common(&repo.common()).unwrap();
    for packed in [false, true] {
        repo.git(&["update-ref", "refs/heads/task", "HEAD"]);
        repo.git(&["update-ref", "refs/heads/deep/er/ref", "HEAD"]);
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        let under = vcs().make_ref(&handle, "refs/heads/task/one", one).unwrap_err();
        assert!(under.to_string().contains("refs/heads/task is in the way"), "{under}");
        let over = vcs().make_ref(&handle, "refs/heads/deep", one).unwrap_err();
        assert!(over.to_string().contains("refs/heads/deep/er/ref is in the way"), "{over}");
    }
}

#[test]
fn a_lock_that_goes_away_is_waited_for_and_one_that_stays_is_told() {
    let repo = Repo::new();
    let one = id(&repo, "HEAD");
    let handle = open::common(&repo.common()).unwrap();
    let name = "refs/restage/tasks/t1/base";
    let lock = repo.common().join(format!("{name}.lock"));
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "").unwrap();
    let error = vcs().make_ref(&handle, name, one).unwrap_err();
    assert!(matches!(error.problem, VcsProblem::Locked { .. }), "{error:?}");
    assert!(error.passes());

    let mut tries = 0;
    let waited = vcs().retried(|| {
        tries += 1;
        if tries == 3 { Ok(tries) } else { Err(error.clone()) }
    });
    assert_eq!(waited, Ok(3));
    fs::remove_file(&lock).unwrap();
    vcs().make_ref(&handle, name, one).unwrap();
    assert_eq!(id(&repo, name), one);
}

#[test]
fn a_worktree_made_by_git_is_opened() {
    let repo = Repo::new();
    let place = repo.place("t1");
    let worktree = open::worktree(&place).unwrap_or_else(|e| panic!("{e}"));
    assert!(open::same(worktree.workdir().unwrap(), &place.worktree));
    // No configuration sends git elsewhere: neither the shared one nor the worktree's own.
    repo.git(&["init", "-q", "../victim"]);
    let victim = repo.folder().join("victim");
    repo.git(&["config", "extensions.worktreeConfig", "true"]);
    git_in(&place.worktree, &["config", "--worktree", "core.worktree", text(&victim)]);
    repo.git(&["config", "core.worktree", text(&victim)]);
    let worktree = open::worktree(&place).unwrap_or_else(|e| panic!("{e}"));
    assert!(open::same(worktree.workdir().unwrap(), &place.worktree));
}

/// Does something to a worktree and tells what is then said of it.
#[track_caller]
fn spoiled(spoil: impl FnOnce(&Repo, &Place)) -> String {
    let repo = Repo::new();
    let place = repo.place("t1");
    repo.git(&["init", "-q", "../victim"]);
    spoil(&repo, &place);
    match open::worktree(&place) {
        Ok(_) => panic!("it was opened"),
        Err(error) => {
            assert!(!error.hint.is_empty(), "{error}");
            error.to_string()
        }
    }
}

#[test]
fn a_worktree_that_is_not_as_it_was_made_is_not_opened() {
    let admin = |repo: &Repo| repo.common().join("worktrees/restage-t1");
    let gone = spoiled(|_, place| fs::remove_dir_all(&place.worktree).unwrap());
    assert!(gone.contains("it is missing"), "{gone}");
    let no_link = spoiled(|_, place| fs::remove_file(place.worktree.join(".git")).unwrap());
    assert!(no_link.contains(".git file is gone"), "{no_link}");
    let other = spoiled(|repo, place| {
        fs::write(place.worktree.join(".git"), format!("gitdir: {}\n", repo.folder().join("victim/.git").display()))
            .unwrap();
    });
    assert!(other.contains("names another repository"), "{other}");
    let own = spoiled(|_, place| {
        fs::remove_file(place.worktree.join(".git")).unwrap();
        git_in(&place.worktree, &["init", "-q"]);
    });
    assert!(own.contains(".git file is gone"), "{own}");
    let linked = spoiled(|repo, place| {
        fs::remove_dir_all(&place.worktree).unwrap();
        symlink(repo.folder().join("victim"), &place.worktree).unwrap();
    });
    assert!(linked.contains("no directory"), "{linked}");
    let common = spoiled(|repo, _| {
        fs::write(admin(repo).join("commondir"), text(&repo.folder().join("victim/.git"))).unwrap();
    });
    assert!(common.contains("commondir names another"), "{common}");
    let gitdir = spoiled(|repo, _| {
        fs::write(admin(repo).join("gitdir"), text(&repo.folder().join("victim/.git"))).unwrap();
    });
    assert!(gitdir.contains("gitdir names another"), "{gitdir}");
    let moved = spoiled(|_, place| {
        let away = place.worktree.with_extension("away");
        fs::rename(&place.worktree, &away).unwrap();
        symlink(&away, &place.worktree).unwrap();
    });
    assert!(moved.contains("no directory"), "{moved}");
    let switched = spoiled(|_, place| drop(git_in(&place.worktree, &["switch", "-q", "-c", "other"])));
    assert!(switched.contains("refs/heads/other is checked out"), "{switched}");
    let detached = spoiled(|_, place| drop(git_in(&place.worktree, &["switch", "-q", "--detach"])));
    assert!(detached.contains("a commit without a branch"), "{detached}");
}

#[test]
fn a_folder_inside_a_repository_is_no_repository() {
    let repo = Repo::new();
    for path in [repo.root().join("dir"), repo.root(), repo.folder()] {
        let error = open::common(&path).err().unwrap();
        assert!(matches!(error.problem, VcsProblem::NotARepository(_)), "{}: {error:?}", path.display());
    }
}
