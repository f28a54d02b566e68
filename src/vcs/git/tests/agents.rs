//! What agents do to a worktree that is not theirs to do, one act a test.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::repo::git_in;
use super::scene::Scene;
use crate::vcs::{Kept, Stays, To, Vcs as _, VcsError, VcsProblem};

fn problem<T: std::fmt::Debug>(result: Result<T, VcsError>) -> VcsProblem {
    result.unwrap_err().problem
}

/// A worktree with two stages and a change.
fn worked_in() -> Scene {
    let scene = Scene::new();
    scene.write("plan.md", "plan\n");
    scene.stage("plan", 1).unwrap();
    scene.write("code.rs", "code\n");
    scene.stage("implement", 1).unwrap();
    scene.write("code.rs", "more\n");
    scene
}

#[test]
fn a_lock_that_a_killed_git_left_is_removed_and_told() {
    let scene = worked_in();
    for lock in ["index.lock", "HEAD.lock"] {
        fs::write(scene.admin().join(lock), "").unwrap();
    }
    let branch = scene.place.common.join("refs/heads/task/t1.lock");
    fs::write(branch, "").unwrap();
    let went = scene.back(1, To::Commit(scene.base())).unwrap();
    assert_eq!(went.notes.iter().filter(|note| note.contains(".lock")).count(), 3, "{:?}", went.notes);
    scene.assert_at(scene.base());
    scene.assert_unharmed();
}

#[test]
fn a_lock_that_was_left_does_not_stop_a_stage_commit() {
    let scene = worked_in();
    fs::write(scene.admin().join("index.lock"), "").unwrap();
    fs::write(scene.place.common.join("refs/restage/tasks/t1/stages/plan/1.lock"), "").unwrap();
    scene.stage("plan", 1).unwrap();
    let commit = scene.stage("verify", 1).unwrap();
    scene.assert_at(commit);
    scene.assert_unharmed();
}

#[test]
fn a_look_at_a_broken_worktree_says_what_is_broken() {
    let acts: [fn(&Scene); 4] = [
        |scene| fs::remove_dir_all(scene.tree()).unwrap(),
        |scene| fs::write(scene.path(".git"), "gitdir: /nowhere\n").unwrap(),
        |scene| fs::write(scene.admin().join("index"), "DIRC").unwrap(),
        |scene| fs::write(scene.admin().join("HEAD"), "").unwrap(),
    ];
    for act in acts {
        let scene = worked_in();
        act(&scene);
        let look = scene.git.look(&scene.place, Some(&To::Commit(scene.base()))).unwrap();
        assert_eq!((look.head, look.commits.len(), look.notes.len()), (None, 2, 1), "{:?}", look.notes);
    }
}

#[test]
fn the_lock_of_another_worktree_stays() {
    let scene = worked_in();
    let lock = scene.place.common.join("index.lock");
    fs::write(&lock, "").unwrap();
    scene.back(1, To::Commit(scene.base())).unwrap();
    assert!(lock.exists());
    fs::remove_file(lock).unwrap();
    scene.assert_unharmed();
}

#[test]
fn a_switched_branch_is_refused_for_commits_and_switched_back_by_going_back() {
    let scene = worked_in();
    let tip = scene.tip();
    scene.run(&["switch", "-q", "-c", "mine"]);
    scene.run(&["commit", "-qam", "on mine"]);
    let mine = scene.run(&["rev-parse", "HEAD"]);
    assert!(matches!(problem(scene.stage("verify", 1)), VcsProblem::Identity { .. }));
    assert!(matches!(problem(scene.git.candidate(&scene.place)), VcsProblem::Identity { .. }));

    let before = scene.picture();
    let went = scene.back(1, To::Commit(scene.base())).unwrap();
    assert!(went.notes.iter().any(|note| note.contains("refs/heads/mine")), "{:?}", went.notes);
    scene.assert_at(scene.base());
    assert_eq!(scene.run(&["rev-parse", "mine"]), mine, "the other branch is not touched");
    assert_eq!(scene.run(&["rev-parse", &format!("{}^", went.snapshot)]), mine, "what was checked out is kept");

    scene.repo.git(&["branch", "-q", "-D", "mine"]);
    scene.back(2, To::Snapshot(1)).unwrap();
    let after = scene.picture();
    assert_eq!((after.files, after.branch), (before.files, tip.to_string()), "the branch is where it was");
    assert_eq!(scene.run(&["symbolic-ref", "HEAD"]), "refs/heads/task/t1");
    scene.assert_unharmed();
}

#[test]
fn a_detached_head_and_a_branch_without_commits_are_put_right() {
    for args in [&["checkout", "-q", "--detach", "HEAD~1", "-f"][..], &["checkout", "-q", "--orphan", "none"]] {
        let scene = worked_in();
        let tip = scene.tip();
        scene.run(args);
        let before = scene.picture();
        let went = scene.back(1, To::Commit(scene.base())).unwrap();
        assert_eq!(went.from, tip);
        scene.assert_at(scene.base());
        scene.back(2, To::Snapshot(1)).unwrap();
        assert_eq!(scene.picture().files, before.files);
        assert_eq!(scene.tip(), tip);
        scene.assert_unharmed();
    }
}

/// A conflict on `code.rs`, left in the middle.
fn in_the_middle_of(scene: &Scene, args: &[&str]) {
    scene.run(&["commit", "-qam", "ours"]);
    scene.run(&["switch", "-q", "-c", "theirs", "HEAD~1"]);
    scene.write("code.rs", "theirs\n");
    scene.run(&["commit", "-qam", "theirs"]);
    scene.run(&["switch", "-q", "task/t1"]);
    assert!(!super::repo::run(scene.tree(), args).status.success(), "it has to end in a conflict");
}

#[test]
fn a_merge_rebase_or_cherry_pick_under_way_is_refused_for_commits_and_ended_by_going_back() {
    for (args, name) in [
        (&["merge", "-q", "theirs"][..], "a merge"),
        (&["rebase", "-q", "theirs"], "a rebase"),
        (&["cherry-pick", "theirs"], "a cherry-pick"),
    ] {
        let scene = worked_in();
        in_the_middle_of(&scene, args);
        let tip = scene.tip();
        assert!(scene.stage("verify", 1).is_err());
        if name != "a rebase" {
            assert_eq!(problem(scene.git.candidate(&scene.place)), VcsProblem::UnderWay(name.to_owned()));
        }
        let before = scene.picture();
        let went = scene.back(1, To::Commit(scene.base())).unwrap();
        assert!(went.notes.iter().any(|note| note.starts_with(name)), "{:?}", went.notes);
        scene.assert_at(scene.base());
        assert!(scene.git.candidate(&scene.place).is_ok(), "nothing is under way");
        scene.back(2, To::Snapshot(1)).unwrap();
        let after = scene.picture();
        assert_eq!((&after.files, &after.staged), (&before.files, &before.staged), "with its conflicts");
        assert_eq!(scene.tip(), tip);
        scene.assert_unharmed();
    }
}

#[test]
fn a_commit_that_was_rewritten_away_is_gone_back_to_if_the_task_has_it_and_only_then() {
    let scene = worked_in();
    let name = "refs/restage/tasks/t1/stages/plan/1";
    let plan = scene.repo.id(name).parse().unwrap();
    scene.run(&["commit", "-qam", "more"]);
    scene.run(&["reset", "-q", "--soft", &scene.base().to_string()]);
    scene.run(&["commit", "-qm", "squashed"]);
    scene.write("untracked", "u\n");
    let before = scene.picture();
    let missing = crate::vcs::CommitId([7; 20]);
    assert_eq!(problem(scene.back(1, To::Commit(missing))), VcsProblem::MissingCommit(missing));
    assert_eq!(problem(scene.back(1, To::Snapshot(9))), VcsProblem::NoSnapshot(9));
    scene.repo.git(&["update-ref", "-d", name]);
    let refused = problem(scene.back(1, To::Commit(plan)));
    assert_eq!(refused, VcsProblem::NotAnAncestor { commit: plan, branch: "task/t1".to_owned() });
    assert!(matches!(problem(scene.git.look(&scene.place, Some(&To::Commit(plan)))), VcsProblem::NotAnAncestor { .. }));
    assert_eq!(scene.picture(), before, "nothing was touched");
    assert_eq!(scene.repo.git(&["for-each-ref", "refs/restage/snapshots"]), "");

    scene.repo.git(&["update-ref", name, &plan.to_string()]);
    let tells = |notes: &[String]| notes.iter().any(|note| note.contains("rewritten"));
    assert!(tells(&scene.git.look(&scene.place, Some(&To::Commit(plan))).unwrap().notes));
    assert!(tells(&scene.back(1, To::Commit(plan)).unwrap().notes));
    scene.assert_at(plan);
    scene.back(2, To::Snapshot(1)).unwrap();
    assert_eq!(scene.picture(), before);
    scene.assert_unharmed();
}

#[test]
fn a_deleted_worktree_is_made_again_and_what_was_staged_is_kept() {
    let scene = worked_in();
    scene.run(&["add", "code.rs"]);
    fs::remove_dir_all(scene.tree()).unwrap();
    let look = scene.git.look(&scene.place, None).unwrap();
    assert_eq!(look.head, None);
    let went = scene.back(1, To::Commit(scene.base())).unwrap();
    assert!(went.notes.iter().any(|note| note.contains("made again")), "{:?}", went.notes);
    scene.assert_at(scene.base());
    assert_eq!(scene.run(&["show", &format!("{}^2:code.rs", went.snapshot)]), "more");
    scene.back(2, To::Snapshot(1)).unwrap();
    assert_eq!(scene.read("plan.md"), "plan\n");
    scene.assert_unharmed();
}

#[test]
fn a_worktree_that_git_no_longer_knows_is_known_again() {
    let scene = worked_in();
    fs::remove_dir_all(scene.admin()).unwrap();
    scene.back(1, To::Commit(scene.base())).unwrap();
    scene.assert_at(scene.base());
    assert!(scene.repo.git(&["worktree", "list", "--porcelain"]).contains(&scene.tree().display().to_string()));
    scene.back(2, To::Snapshot(1)).unwrap();
    assert_eq!(scene.read("code.rs"), "more\n");
    scene.assert_unharmed();
}

#[test]
fn writing_through_links_is_not_possible() {
    let scene = worked_in();
    scene.write("dir/sub/deep", "deep\n");
    scene.write("hard", "hard\n");
    let at = scene.stage("verify", 1).unwrap();
    fs::remove_dir_all(scene.path("dir")).unwrap();
    symlink(scene.outside().join("dir"), scene.path("dir")).unwrap();
    fs::remove_file(scene.path("plan.md")).unwrap();
    symlink(scene.outside().join("file"), scene.path("plan.md")).unwrap();
    fs::remove_file(scene.path("hard")).unwrap();
    fs::hard_link(scene.outside().join("hard"), scene.path("hard")).unwrap();
    let before = scene.picture();
    scene.back(1, To::Commit(at)).unwrap();
    scene.assert_at(at);
    assert_eq!((scene.read("plan.md"), scene.read("hard")), ("plan\n".to_owned(), "hard\n".to_owned()));
    scene.assert_unharmed();
    scene.back(2, To::Snapshot(1)).unwrap();
    assert_eq!(scene.picture(), before);
    scene.assert_unharmed();
}

/// A repository of somebody else, with a commit.
fn evil(scene: &Scene) -> std::path::PathBuf {
    let evil = scene.repo.folder().join("evil");
    fs::create_dir(&evil).unwrap();
    git_in(&evil, &["init", "-q"]);
    git_in(&evil, &["config", "core.worktree", &scene.outside().display().to_string()]);
    evil.join(".git")
}

#[test]
fn a_git_file_that_names_another_repository_is_never_followed() {
    for kind in ["file", "link", "directory", "gone"] {
        let scene = worked_in();
        let evil = evil(&scene);
        let link = scene.path(".git");
        fs::remove_file(&link).unwrap();
        match kind {
            "file" => fs::write(&link, format!("gitdir: {}\n", evil.display())).unwrap(),
            "link" => symlink(&evil, &link).unwrap(),
            "directory" => {
                let copied = std::process::Command::new("cp").arg("-a").arg(&evil).arg(&link).status().unwrap();
                assert!(copied.success());
            }
            _ => {}
        }
        assert!(matches!(problem(scene.stage("verify", 1)), VcsProblem::Identity { .. }), "{kind}");
        let went = scene.back(1, To::Commit(scene.base())).unwrap();
        assert!(went.notes.iter().any(|note| note.contains(".git")), "{kind}: {:?}", went.notes);
        scene.assert_at(scene.base());
        assert_eq!(scene.aside(1, ".git").is_dir(), kind == "directory");
        scene.assert_unharmed();
        scene.back(2, To::Snapshot(1)).unwrap();
        assert_eq!(scene.read("code.rs"), "more\n");
        scene.assert_unharmed();
    }
}

#[test]
fn what_the_administrative_directory_says_of_others_is_not_believed() {
    let scene = worked_in();
    let evil = evil(&scene);
    let admin = scene.admin();
    fs::write(admin.join("commondir"), format!("{}\n", evil.display())).unwrap();
    fs::write(admin.join("gitdir"), format!("{}/.git\n", scene.outside().display())).unwrap();
    fs::rename(admin.join("index"), scene.repo.folder().join("stolen")).unwrap();
    symlink(scene.outside().join("file"), admin.join("index")).unwrap();
    fs::remove_file(admin.join("HEAD")).unwrap();
    symlink(scene.outside().join("a"), admin.join("HEAD")).unwrap();
    let log = admin.join("logs/HEAD");
    let _ = fs::remove_file(&log);
    fs::create_dir_all(admin.join("logs")).unwrap();
    fs::hard_link(scene.outside().join("hard"), &log).unwrap();
    let went = scene.back(1, To::Commit(scene.base())).unwrap();
    assert!(went.notes.len() >= 5, "{:?}", went.notes);
    scene.assert_at(scene.base());
    scene.assert_unharmed();
}

#[test]
fn core_worktree_leads_nowhere() {
    let scene = worked_in();
    let outside = scene.outside().display().to_string();
    scene.repo.git(&["config", "extensions.worktreeConfig", "true"]);
    scene.repo.git(&["config", "core.worktree", &outside]);
    fs::write(scene.admin().join("config.worktree"), format!("[core]\n\tworktree = {outside}\n\tbare = true\n"))
        .unwrap();
    scene.back(1, To::Commit(scene.base())).unwrap();
    assert!(!scene.path("plan.md").exists());
    fs::remove_file(scene.admin().join("config.worktree")).unwrap();
    scene.repo.git(&["config", "--unset", "core.worktree"]);
    scene.assert_at(scene.base());
    scene.assert_unharmed();
}

#[test]
fn a_link_on_the_way_to_the_branch_is_refused() {
    let scene = worked_in();
    let branch = scene.place.common.join("refs/heads/task/t1");
    let stolen = scene.repo.folder().join("stolen");
    fs::rename(&branch, &stolen).unwrap();
    symlink(&stolen, &branch).unwrap();
    let before = super::scene::files(scene.tree());
    assert!(matches!(problem(scene.back(1, To::Commit(scene.base()))), VcsProblem::Identity { .. }));
    assert_eq!(super::scene::files(scene.tree()), before);
}

#[test]
fn a_truncated_index_and_an_empty_head_are_written_anew() {
    let scene = worked_in();
    fs::write(scene.admin().join("index"), "DIRC").unwrap();
    fs::write(scene.admin().join("HEAD"), "").unwrap();
    let went = scene.back(1, To::Commit(scene.base())).unwrap();
    assert_eq!(went.notes.len(), 2, "{:?}", went.notes);
    scene.assert_at(scene.base());
    scene.back(2, To::Snapshot(1)).unwrap();
    assert_eq!(scene.read("code.rs"), "more\n");
    scene.assert_unharmed();
}

#[test]
fn flags_in_the_index_hide_nothing() {
    let scene = worked_in();
    scene.run(&["update-index", "--assume-unchanged", "code.rs"]);
    scene.run(&["update-index", "--skip-worktree", "plan.md"]);
    scene.write("plan.md", "hidden\n");
    let commit = scene.stage("verify", 1).unwrap();
    assert_eq!(scene.run(&["show", &format!("{commit}:code.rs")]), "more");
    assert_eq!(scene.run(&["show", &format!("{commit}:plan.md")]), "hidden");
}

#[test]
fn what_git_can_not_take_is_left_out_and_listed() {
    let scene = worked_in();
    fs::create_dir(scene.path("nested")).unwrap();
    git_in(&scene.path("nested"), &["init", "-q"]);
    scene.write("nested/inner", "inner\n");
    scene.write("large", &"x".repeat(5000));
    scene.write("GIT~1", "a name of git's\n");
    scene.write("dir/.Git", "another\n");
    scene.write("some.ignored", "ignored\n");
    let pipe = scene.path("dir/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    let listed = |kept: &[Kept]| {
        let mut list: Vec<(String, Stays)> = kept.iter().map(|kept| (kept.path.clone(), kept.why)).collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        list
    };
    let expected = vec![
        ("GIT~1".to_owned(), Stays::Name),
        ("dir/.Git".to_owned(), Stays::Name),
        ("dir/pipe".to_owned(), Stays::Special),
        ("large".to_owned(), Stays::TooLarge(5000)),
        ("nested/".to_owned(), Stays::NestedRepository),
        ("some.ignored".to_owned(), Stays::Ignored),
    ];
    let candidate = scene.git.candidate(&scene.place).unwrap();
    assert_eq!(listed(&candidate.kept), expected);
    assert_eq!(candidate.changed, 1);
    let went = scene.back(1, To::Commit(scene.base())).unwrap();
    assert_eq!(listed(&went.kept), expected);
    for (path, _) in expected {
        assert!(scene.path(&path).symlink_metadata().is_ok(), "{path} stays");
    }
    scene.assert_unharmed();
}

#[test]
fn what_is_ignored_and_in_the_way_is_saved() {
    let scene = Scene::new();
    scene.write("notes.ignored", "tracked\n");
    scene.write("place", "a file\n");
    scene.run(&["add", "-f", "."]);
    let at = scene.stage("plan", 1).unwrap();
    scene.run(&["rm", "-q", "--cached", "notes.ignored", "place"]);
    fs::remove_file(scene.path("place")).unwrap();
    scene.stage("implement", 1).unwrap();
    scene.write("notes.ignored", "mine\n");
    scene.write("place/deep/x.ignored", "mine too\n");
    let before = scene.picture();
    scene.write("place/git~1", "no name for git\n");
    scene.back(1, To::Commit(at)).unwrap();
    assert_eq!((scene.read("notes.ignored"), scene.read("place")), ("tracked\n".to_owned(), "a file\n".to_owned()));
    assert_eq!(fs::read_to_string(scene.aside(1, "git~1")).unwrap(), "no name for git\n");
    scene.back(2, To::Snapshot(1)).unwrap();
    assert_eq!(scene.picture(), before);
    scene.assert_unharmed();
}

#[test]
fn an_approval_of_other_content_commits_nothing() {
    let scene = worked_in();
    let approved = scene.git.candidate(&scene.place).unwrap().tree;
    scene.write("code.rs", "sneaked in\n");
    let tip = scene.tip();
    let commit = |expected| crate::vcs::StageCommit {
        stage: "verify".to_owned(),
        run: 1,
        message: "task/t1: complete verify stage\n".to_owned(),
        expected: Some(expected),
    };
    let now = scene.git.candidate(&scene.place).unwrap().tree;
    let refused = problem(scene.git.commit_stage(&scene.place, &commit(approved)));
    assert_eq!(refused, VcsProblem::ContentChanged { now });
    assert_eq!(scene.tip(), tip);
    let made = scene.git.commit_stage(&scene.place, &commit(now)).unwrap();
    scene.assert_at(made);
    assert_eq!(problem(scene.git.commit_stage(&scene.place, &commit(approved))), VcsProblem::ContentChanged { now });
}

#[test]
fn write_protected_directories_do_not_stop_going_back() {
    let scene = worked_in();
    scene.write("cache/mod/file", "f\n");
    for directory in ["cache/mod", "cache"] {
        fs::set_permissions(scene.path(directory), fs::Permissions::from_mode(0o555)).unwrap();
    }
    scene.back(1, To::Commit(scene.base())).unwrap();
    assert!(!scene.path("cache").exists());
    scene.assert_at(scene.base());
}

#[test]
fn the_users_stash_is_not_touched_and_a_snapshot_can_be_applied_as_one() {
    let scene = worked_in();
    scene.repo.write("a.txt", "stashed\n");
    scene.repo.git(&["stash", "push", "-q"]);
    let stash = scene.repo.git(&["stash", "list", "--format=%H %gd"]);
    scene.write("untracked", "u\n");
    let went = scene.back(1, To::Commit(scene.base())).unwrap();
    assert_eq!(scene.repo.git(&["stash", "list", "--format=%H %gd"]), stash);
    let rescue = scene.repo.folder().join("rescue");
    let head = format!("{}^1", went.snapshot_ref);
    scene.repo.git(&["worktree", "add", "-q", "--detach", rescue.to_str().unwrap(), &head]);
    git_in(&rescue, &["stash", "apply", "-q", &went.snapshot_ref]);
    assert_eq!(fs::read_to_string(rescue.join("code.rs")).unwrap(), "more\n");
    assert_eq!(fs::read_to_string(rescue.join("untracked")).unwrap(), "u\n");
}

#[test]
fn a_look_tells_what_would_go_and_changes_nothing() {
    let scene = worked_in();
    scene.write("untracked", "u\n");
    scene.run(&["rm", "-q", "plan.md"]);
    let before = scene.picture();
    let look = scene.git.look(&scene.place, Some(&To::Commit(scene.base()))).unwrap();
    let subjects: Vec<&str> = look.commits.iter().map(|(_, subject)| subject.as_str()).collect();
    assert_eq!(subjects, ["task/t1: complete implement stage", "task/t1: complete plan stage"]);
    let files: Vec<(&str, &str)> = look.files.iter().map(|file| (file.path.as_str(), file.what)).collect();
    assert_eq!(files, [("code.rs", "modified"), ("plan.md", "deleted"), ("untracked", "untracked")]);
    assert_eq!((look.head, look.more_files, look.notes), (Some(scene.tip()), 0, Vec::new()));
    assert_eq!(scene.picture(), before);
    assert!(!Path::new(&scene.place.common).join("refs/restage/snapshots").exists());
}

#[test]
fn a_branch_that_somebody_moved_while_going_back_was_under_way_is_left_alone() {
    let scene = worked_in();
    let (base, tip) = (scene.base(), scene.tip());
    scene.back(1, To::Commit(base)).unwrap();
    let tree = scene.run(&["rev-parse", "HEAD^{tree}"]);
    let other = scene.run(&["commit-tree", &tree, "-m", "other", "-p", &tip.to_string()]);
    scene.run(&["update-ref", "refs/heads/task/t1", &other]);
    assert_eq!(problem(scene.back(1, To::Commit(base))), VcsProblem::Moved { name: "refs/heads/task/t1".to_owned() });
    assert_eq!(scene.tip().to_string(), other);
}
