//! A repository that is made, with its first commits.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{IndexEntry, IndexTime, Oid, Repository, RepositoryInitOptions};

use super::{Git, VcsError, VcsProblem, git, sync};
use crate::vcs::NewCommit;

/// The branch that it begins on.
const BRANCH: &str = "refs/heads/main";
/// A file that is not executable, in a tree.
const FILE_MODE: u32 = 0o100_644;

impl Git {
    /// See [`Vcs::new_repository`](crate::vcs::Vcs::new_repository). It is made beside its place and put there whole.
    pub(super) fn begin_repository(&self, root: &Path, commits: &[NewCommit]) -> Result<(), VcsError> {
        if fs::symlink_metadata(root).is_ok() {
            let hint = "name a place where nothing is";
            return Err(VcsError::new(VcsProblem::PlaceTaken(root.to_path_buf()), hint));
        }
        let parent = root.parent().unwrap_or(root);
        fs::create_dir_all(parent).map_err(|e| VcsError::io("making", parent, &e))?;
        let half = beside(root);
        if half.exists() {
            fs::remove_dir_all(&half).map_err(|e| VcsError::io("removing", &half, &e))?;
        }
        self.commit_all(&half, commits)?;
        sync::file_system(&half)?;
        fs::rename(&half, root).map_err(|e| VcsError::io("naming", root, &e))?;
        sync::below(parent, parent)
    }

    fn commit_all(&self, root: &Path, commits: &[NewCommit]) -> Result<(), VcsError> {
        let failed = |e: git2::Error| git("making a repository", &e);
        let mut options = RepositoryInitOptions::new();
        // Nothing of a template of the user's, whose hooks would be run by git later.
        options.no_reinit(true).mkdir(true).external_template(false).initial_head(BRANCH);
        let repository = Repository::init_opts(root, &options).map_err(failed)?;
        let mut index = repository.index().map_err(failed)?;
        let mut parent: Option<Oid> = None;
        for commit in commits {
            for (path, text) in &commit.files {
                index.add_frombuffer(&entry(path), text.as_bytes()).map_err(failed)?;
            }
            let tree = index.write_tree().and_then(|tree| repository.find_tree(tree)).map_err(failed)?;
            let author = self.signature(&repository)?;
            let before = parent.map(|id| repository.find_commit(id)).transpose().map_err(failed)?;
            let before: Vec<_> = before.iter().collect();
            let id = repository.commit(Some(BRANCH), &author, &author, &commit.message, &tree, &before);
            parent = Some(id.map_err(failed)?);
        }
        let mut checkout = git2::build::CheckoutBuilder::new();
        repository.checkout_head(Some(checkout.force())).map_err(failed)
    }
}

/// Where it is made.
fn beside(root: &Path) -> PathBuf {
    let mut name = root.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    root.with_file_name(name)
}

fn entry(path: &str) -> IndexEntry {
    let time = IndexTime::new(0, 0);
    IndexEntry {
        ctime: time,
        mtime: time,
        dev: 0,
        ino: 0,
        mode: FILE_MODE,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: Oid::ZERO_SHA1,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
