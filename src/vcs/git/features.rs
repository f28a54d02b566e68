//! What repositories can use that can't be handled right: each is told when a repository is registered, and again when a
//! worktree is made, instead of making wrong commits later.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use git2::{Config, ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

use super::{VcsError, VcsProblem, git_in};

/// The most that is read of one file of attributes: git itself reads no more of them.
const ATTRIBUTES_BYTES_MAX: u64 = 100 << 20;
/// Hooks that git would run where the program makes commits and checks files out by itself.
const HOOKS: [&str; 8] = [
    "pre-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "post-checkout",
    "pre-merge-commit",
    "post-merge",
    "reference-transaction",
];
/// The mode of a tree's entry that is a commit of another repository.
const GITLINK: i32 = 0o160_000;

/// What libgit2 says when it does not open a repository, what that means, and what to do.
const NOT_OPENED: [(&str, &str, &str); 4] = [
    (
        "extensions.refstorage",
        "it keeps its refs in a reftable",
        "move them to files: git refs migrate --ref-format=files",
    ),
    (
        "object format",
        "its object ids are SHA-256",
        "use a repository with SHA-1 ids; git has no way to change them in place",
    ),
    (
        "extensions.objectformat",
        "its object ids are SHA-256",
        "use a repository with SHA-1 ids; git has no way to change them in place",
    ),
    ("extensions.partialclone", PARTIAL, WHOLE_CLONE),
];
const PARTIAL: &str = "it is a partial clone: objects are missing until git fetches them";
const WHOLE_CLONE: &str = "clone it again without --filter";

/// Why libgit2 does not open a repository, where it says so only by its message.
pub(super) fn not_opened(path: &Path, error: &git2::Error) -> Option<VcsError> {
    let message = error.message().to_lowercase();
    let (_, what, hint) = NOT_OPENED.iter().find(|(part, _, _)| message.contains(part))?;
    Some(unsupported(path, what, *hint))
}

/// Refuses a repository of which a task's worktree at `base` would not be handled right; else what is good to know.
pub(super) fn check(repository: &Repository, base: Oid) -> Result<Vec<String>, VcsError> {
    let config = repository.config().map_err(|e| git_in(repository.path(), "reading the configuration", &e))?;
    let at = shown(repository.path());
    switches(&config, at)?;
    let mut attributes = Attributes::default();
    attributes.read_files(repository, &config);
    let mut notes = Vec::new();
    content(repository, base, &mut attributes, &mut notes)?;
    drivers(&config, &attributes, at)?;
    if config.get_bool("commit.gpgsign").unwrap_or(false) {
        notes.push("commits that restage makes are not signed, although commit.gpgsign is set".to_owned());
    }
    let hooks = hooks(repository, &config);
    if !hooks.is_empty() {
        notes.push(format!("commits that restage makes run no hooks; there are {}", hooks.join(", ")));
    }
    Ok(notes)
}

/// Switches in the configuration that change what a worktree or its index is.
fn switches(config: &Config, at: &Path) -> Result<(), VcsError> {
    let is_on = |name: &str| config.get_bool(name).unwrap_or(false);
    if is_on("core.sparsecheckout") {
        let what = "it is checked out sparsely: files left out would be committed as deleted";
        return Err(unsupported(at, what, "check all out: git sparse-checkout disable"));
    }
    if is_on("core.splitindex") {
        let hint = "turn it off: git config core.splitIndex false && git update-index --no-split-index";
        return Err(unsupported(at, "its index is split", hint));
    }
    if is_on("index.sparse") {
        return Err(unsupported(at, "its index is sparse", "turn it off: git config index.sparse false"));
    }
    let remotes = values(config, r"^remote\..*\.(promisor|partialclonefilter)$");
    let is_promised = remotes.iter().any(|(_, value)| !value.is_empty() && value != "false");
    if is_promised || config.get_entry("extensions.partialclone").is_ok() {
        return Err(unsupported(at, PARTIAL, WHOLE_CLONE));
    }
    Ok(())
}

/// Which attributes there are that change content between repository and worktree, and where.
#[derive(Debug, Default)]
struct Attributes {
    /// Names of filters.
    filters: BTreeSet<String>,
    /// Whether files are kept in another encoding than they are worked on.
    encodings: bool,
}

impl Attributes {
    /// Reads what attributes say. Which files a pattern matches is not looked at: what matches none today can tomorrow.
    fn read(&mut self, text: &[u8]) {
        for line in String::from_utf8_lossy(text).lines().filter(|line| !line.trim_start().starts_with('#')) {
            for word in line.split_ascii_whitespace().skip(1) {
                if let Some(name) = word.strip_prefix("filter=") {
                    self.filters.insert(name.to_owned());
                }
                self.encodings |= word.starts_with("working-tree-encoding=");
            }
        }
    }

    /// Reads the files of attributes that are in no tree.
    fn read_files(&mut self, repository: &Repository, config: &Config) {
        let own = config.get_path("core.attributesfile").ok();
        let usual = std::env::home_dir().map(|home| home.join(".config/git/attributes"));
        for path in [Some(repository.path().join("info/attributes")), own.or(usual)].into_iter().flatten() {
            let mut text = Vec::new();
            if fs::File::open(&path).and_then(|file| file.take(ATTRIBUTES_BYTES_MAX).read_to_end(&mut text)).is_ok() {
                self.read(&text);
            }
        }
    }
}

/// Reads the attributes in the tree of `base`, and looks for other repositories in it.
fn content(
    repository: &Repository,
    base: Oid,
    attributes: &mut Attributes,
    notes: &mut Vec<String>,
) -> Result<(), VcsError> {
    let failed = |error: git2::Error| git_in(repository.path(), "reading the base commit", &error);
    let tree = repository.find_commit(base).and_then(|commit| commit.tree()).map_err(failed)?;
    let mut links = Vec::new();
    let walked = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let name = entry.name_bytes();
        if entry.filemode() == GITLINK {
            links.push(format!("{folder}{}", String::from_utf8_lossy(name)));
        } else if name == b".gitattributes"
            && entry.kind() == Some(ObjectType::Blob)
            && let Ok(blob) = repository.find_blob(entry.id())
        {
            attributes.read(blob.content());
        }
        TreeWalkResult::Ok
    });
    walked.map_err(failed)?;
    if links.is_empty() {
        return Ok(());
    }
    if tree.get_name(".gitmodules").is_some() {
        let what = format!("it has submodules ({}), which would be empty and never committed", links.join(", "));
        return Err(unsupported(shown(repository.path()), &what, "use a repository without submodules"));
    }
    notes.push(format!("{} is another repository that .gitmodules does not name: it stays empty", links.join(", ")));
    Ok(())
}

/// Attributes that only a program could follow.
fn drivers(config: &Config, attributes: &Attributes, at: &Path) -> Result<(), VcsError> {
    for (name, value) in values(config, r"^filter\..*\.(clean|smudge|process)$") {
        let driver =
            name.strip_prefix("filter.").and_then(|rest| rest.rsplit_once('.')).map_or("", |(driver, _)| driver);
        if !value.is_empty() && attributes.filters.contains(driver) {
            let what = format!("its files go through the filter {driver:?}, a program that restage does not run");
            let hint = if driver == "lfs" {
                "Git LFS is not supported: use a repository without it, or take the `filter=lfs` lines out of .gitattributes"
            } else {
                "take the `filter=` lines out of .gitattributes, or use another repository"
            };
            return Err(unsupported(at, &what, hint));
        }
    }
    if attributes.encodings {
        let what = "its .gitattributes set a working-tree-encoding, which libgit2 does not follow";
        return Err(unsupported(at, what, "keep those files in UTF-8 and take the attribute out"));
    }
    Ok(())
}

/// Entries of the configuration whose names match, with their values.
fn values(config: &Config, pattern: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Ok(entries) = config.entries(Some(pattern)) {
        let read = entries.for_each(|entry| {
            let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
            let value = if entry.has_value() {
                String::from_utf8_lossy(entry.value_bytes()).into_owned()
            } else {
                String::new()
            };
            found.push((name, value));
        });
        drop(read);
    }
    found
}

/// Hooks that are there and would run.
fn hooks(repository: &Repository, config: &Config) -> Vec<&'static str> {
    let folder = config
        .get_path("core.hookspath")
        .map_or_else(|_| repository.path().join("hooks"), |path| own(repository, path));
    let runs = |name: &&&str| {
        fs::metadata(folder.join(name)).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    HOOKS.iter().filter(runs).copied().collect()
}

/// A path of the configuration: from the top of the main worktree if it is relative.
fn own(repository: &Repository, path: PathBuf) -> PathBuf {
    shown(repository.path()).join(path)
}

/// The repository as people name it: by the folder that `.git` is in.
pub(super) fn shown(common: &Path) -> &Path {
    if common.file_name().is_some_and(|name| name == ".git") { common.parent().unwrap_or(common) } else { common }
}

pub(super) fn unsupported(repository: &Path, what: &str, hint: impl Into<String>) -> VcsError {
    VcsError::new(VcsProblem::Unsupported { repository: repository.to_path_buf(), what: what.to_owned() }, hint)
}
