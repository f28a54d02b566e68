//! Ignored files that a new worktree is given, and those that it is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;

use super::super::patterns::Patterns;
use super::repo::{NOW, Repo, git_in, run, vcs};
use crate::vcs::{Git, Limits, NewWorktree, Vcs as _};

/// A repository that ignores `.env*`, `secrets/`, `node_modules/` and `link*`, with such files in it.
fn furnished(patterns: &str) -> Repo {
    let repo = Repo::new();
    repo.write(".gitignore", ".env*\nsecrets/\nnode_modules/\nlink*\n");
    repo.write(".worktreeinclude", patterns);
    repo.commit_all("ignores");
    repo.write(".env", "A=1\n");
    repo.write(".env.local", "B=2\n");
    repo.write("dir/.env", "C=3\n");
    repo.write("secrets/key", "key\n");
    repo.write("secrets/deep/other", "other\n");
    repo.write("node_modules/big/index.js", "big\n");
    repo.write("untracked.txt", "work\n");
    fs::set_permissions(repo.root().join("secrets/key"), fs::Permissions::from_mode(0o600)).unwrap();
    repo
}

/// What is in a new worktree beside what is checked out.
fn brought(repo: &Repo) -> Vec<String> {
    let created = vcs().create(&repo.wanted("t1")).unwrap();
    assert_eq!(created.notes, Vec::<String>::new());
    let tree = &created.place.worktree;
    assert_eq!(git_in(tree, &["status", "--porcelain"]), "");
    let ignored = git_in(tree, &["ls-files", "--others", "--ignored", "--exclude-standard"]);
    ignored.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_named_and_ignored_is_brought() {
    let repo = furnished("# settings\n.env*\n!.env.local\nsecrets/\nuntracked.txt\na.txt\n");
    assert_eq!(brought(&repo), [".env", "dir/.env", "secrets/deep/other", "secrets/key"]);
    let key = repo.worktree("t1").join("secrets/key");
    assert_eq!(fs::read_to_string(&key).unwrap(), "key\n");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(brought(&furnished("/.env\nsecrets/**/other\n")), [".env", "secrets/deep/other"]);
    assert_eq!(brought(&furnished("")), Vec::<String>::new());
}

#[test]
fn no_link_is_followed_out_or_in() {
    let repo = furnished("link*\nsecrets/\n/.env\n");
    let outside = repo.folder().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "precious\n").unwrap();
    symlink(&outside, repo.root().join("link-folder")).unwrap();
    symlink(outside.join("precious"), repo.root().join("link-file")).unwrap();
    symlink(&outside, repo.root().join("secrets/away")).unwrap();
    fs::remove_file(repo.root().join(".env")).unwrap();
    symlink(outside.join("precious"), repo.root().join(".env")).unwrap();
    assert_eq!(brought(&repo), ["secrets/deep/other", "secrets/key"]);

    // In the new worktree `secrets` is a link that is tracked: nothing is written where it leads.
    let repo = furnished("secrets/\n");
    let outside = repo.folder().join("outside");
    fs::create_dir(&outside).unwrap();
    repo.git(&["switch", "-q", "-c", "linked"]);
    fs::rename(repo.root().join("secrets"), repo.folder().join("secrets")).unwrap();
    symlink(&outside, repo.root().join("secrets")).unwrap();
    repo.git(&["add", "-f", "secrets"]);
    repo.git(&["commit", "-q", "-m", "link"]);
    repo.git(&["switch", "-q", "main"]);
    fs::rename(repo.folder().join("secrets"), repo.root().join("secrets")).unwrap();
    let new = NewWorktree { base: Some("linked".to_owned()), ..repo.wanted("t1") };
    vcs().create(&new).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn more_than_the_limit_is_told_and_not_brought() {
    let repo = furnished("secrets/\n.env*\n");
    let limits = [
        Limits { include_files_max: 2, ..Limits::default() },
        Limits { include_bytes_max: 5, ..Limits::default() },
        Limits { include_looks_max: 2, ..Limits::default() },
    ];
    for (nth, limits) in limits.into_iter().enumerate() {
        let created = Git::new(limits, || NOW).create(&repo.wanted(&format!("t{nth}"))).unwrap();
        assert!(created.notes[0].contains("names more than is brought"), "{:?}", created.notes);
    }
}

#[test]
fn a_list_that_is_a_link_or_too_long_is_not_followed() {
    let repo = furnished(".env\n");
    fs::remove_file(repo.root().join(".worktreeinclude")).unwrap();
    symlink("/etc/passwd", repo.root().join(".worktreeinclude")).unwrap();
    assert_eq!(brought(&repo), Vec::<String>::new());
    let repo = furnished(&"x\n".repeat(40_000));
    assert!(vcs().create(&repo.wanted("t1")).unwrap().notes[0].contains("longer than"));
}

/// Whether git takes a path for ignored by these patterns.
fn git_ignores(repo: &Repo, patterns: &str, path: &str) -> bool {
    fs::write(repo.root().join(".gitignore"), patterns).unwrap();
    run(&repo.root(), &["-c", "core.excludesFile=", "check-ignore", "-q", "--no-index", "--", path]).status.success()
}

#[test]
fn patterns_mean_what_they_mean_in_gitignore() {
    let repo = Repo::empty(&[]);
    let patterns = [
        "a", "/a", "a/", "a/b", "/a/b/", "*.env", "**/b", "a/**", "a/**/c", "**", "*", "?", "[ab]", "[!a]", "[^a]b",
        "[a-c]x", "\\#a", "#a", "\\!a", "!a", "a ", "a\\ ", "a*b*c", "[]a]", "[a", "a\\", "*/b", "a//b", "/", "",
        "x[\\]]", "a**b", "***/b", "**a", "a\n!a/b", "*\n!b", "a/\n!a/b", "b\r",
    ];
    let paths = [
        "a", "b", "c", "a/b", "a/b/c", "b/a", "a/x/c", "x.env", "a/x.env", "#a", "!a", "a ", "abc", "axbyc", "]", "ax",
        "x]", "aab",
    ];
    for pattern in patterns {
        for path in paths {
            let ours = Patterns::read(pattern.as_bytes()).name(path.as_bytes());
            assert_eq!(ours, git_ignores(&repo, pattern, path), "{pattern:?} on {path:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_patterns_mean_what_they_mean_in_gitignore(
        patterns in "([!/]?[ab*?/]{1,6}(\\[[!^]?[ab-]{1,3}\\])?/?\n){1,3}",
        path in "[ab]{1,3}(/[ab]{1,3}){0,3}",
    ) {
        let repo = Repo::empty(&[]);
        let ours = Patterns::read(patterns.as_bytes()).name(path.as_bytes());
        prop_assert_eq!(ours, git_ignores(&repo, &patterns, &path));
    }
}
