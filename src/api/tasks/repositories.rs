//! The repositories that tasks work in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::api::error::Error;
use crate::api::kind::Kind;
use crate::domain::repository::{Command, RepositoryFacts, RepositoryKind};
use crate::domain::{EntityId, Rejection};
use crate::engine::query;
use crate::vcs::{NewCommit, Vcs};

/// The registered repositories of a data folder. Cheap to clone.
#[derive(Clone)]
pub struct Repositories {
    kind: Kind<RepositoryKind>,
    vcs: Arc<dyn Vcs>,
    worktrees: PathBuf,
}

impl std::fmt::Debug for Repositories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repositories").field("worktrees", &self.worktrees).finish_non_exhaustive()
    }
}

impl Repositories {
    pub(super) fn new(kind: Kind<RepositoryKind>, vcs: Arc<dyn Vcs>, worktrees: PathBuf) -> Self {
        Self { kind, vcs, worktrees }
    }

    /// The kind below, for what this facade does not name.
    pub fn kind(&self) -> &Kind<RepositoryKind> {
        &self.kind
    }

    /// Looks whether tasks can work in a repository, and registers it under a name. Registered again, it is looked at
    /// again.
    ///
    /// # Errors
    /// What the repository is or uses that tasks can't work with; another repository has the name; the place where
    /// worktrees are made is inside of it.
    pub async fn add(&self, name: &EntityId, path: &Path, by: &str) -> Result<RepositoryFacts, Error> {
        let (vcs, path, worktrees) = (Arc::clone(&self.vcs), path.to_path_buf(), self.worktrees.clone());
        let (found, worktrees) = super::files::blocking(move || Ok((vcs.probe(&path)?, real(&worktrees)))).await?;
        if worktrees.starts_with(&found.root) {
            let problem = format!("worktrees would be made inside of it, in {}", worktrees.display());
            let hint = "name a data folder outside of the repository";
            return Err(Rejection::refused("inside_repository", problem, hint).into());
        }
        let text = |path: &Path| {
            let why = "its path is no text";
            path.to_str().map(str::to_owned).ok_or_else(|| Rejection::invalid("repository", why))
        };
        let (root, common) = (text(&found.root)?, text(&found.common)?);
        let facts = RepositoryFacts { root, common, base: found.base, notes: found.notes };
        self.kind.entity(name).by(by).send(Command::Register(facts.clone())).await?;
        Ok(facts)
    }

    /// Makes a repository of our own. One that is there already stays as it is.
    pub(in crate::api) async fn make(&self, root: &Path, commits: Vec<NewCommit>) -> Result<(), Error> {
        let (vcs, root) = (Arc::clone(&self.vcs), root.to_path_buf());
        super::files::blocking(move || if root.exists() { Ok(()) } else { vcs.new_repository(&root, &commits) }).await
    }

    /// A registered repository.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], and the store's.
    pub async fn get(&self, name: &EntityId) -> Result<RepositoryFacts, Error> {
        let of = name.clone();
        let view = self.kind.entity(name).read(move |store| query::view::<RepositoryKind>(store, &of)).await?;
        view.state.facts.ok_or_else(|| Rejection::not_found("repository", name).into())
    }

    /// Names of registered repositories, ascending, after one of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, after: Option<&EntityId>, most: usize) -> Result<Vec<EntityId>, Error> {
        self.kind.list(after, most).await
    }
}

/// A path without links, as far as it is there.
pub(super) fn real(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|there| Some((there.canonicalize().ok()?, path.strip_prefix(there).ok()?)));
    there.map_or_else(|| path.to_path_buf(), |(there, rest)| there.join(rest))
}
