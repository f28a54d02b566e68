//! Looking after a data folder: verifying it, checking a backup, restoring one.

use std::path::PathBuf;
use std::sync::Arc;

use super::database::Restage;
use super::error::Error;
use super::kind::Kind;
use crate::domain::Entity;
use crate::domain::access::AccessKind;
use crate::domain::batch::BatchKind;
use crate::domain::queue::QueueKind;
#[cfg(feature = "tasks")]
use crate::domain::repository::RepositoryKind;
#[cfg(feature = "tasks")]
use crate::domain::task::TaskKind;
use crate::domain::webhook::WebhookKind;
use crate::domain::workflow::WorkflowKind;
use crate::domain::workshop::WorkshopKind;
use crate::engine::{self, Failure};
use crate::runtime::random_id;
use crate::store::{self, BackupInfo, Position, SledOptions, Store, StoreError, StoreId, UpTo, VerifyReport};

pub use crate::engine::Unsound;

impl Restage {
    /// Reads all files of a data folder that nobody has open, and says what is wrong with them. Nothing is repaired.
    ///
    /// # Errors
    /// It can't be looked at: it is in use, no data folder, or of a newer format. Damage is no error but a finding.
    pub async fn verify(
        folder: impl Into<PathBuf>,
        mut progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<VerifyReport, Error> {
        let folder = folder.into();
        blocking(move || store::verify(&folder, SledOptions::default(), &mut progress)).await
    }

    /// Reads all of a backup, and says what is in it.
    ///
    /// # Errors
    /// It is cut short, damaged, or no backup.
    pub async fn check_backup(
        file: impl Into<PathBuf>,
        mut progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<BackupInfo, Error> {
        let file = file.into();
        blocking(move || store::check_backup(&file, &mut progress)).await
    }

    /// Makes a data folder of a backup, up to a point or all of it. The folder must be new or empty; nothing is written
    /// unless all of the backup is in order. Gives the last position of the new folder.
    ///
    /// # Errors
    /// As of [`check_backup`](Self::check_backup), a point that the backup does not reach, a folder that holds anything.
    pub async fn restore(
        file: impl Into<PathBuf>,
        folder: impl Into<PathBuf>,
        upto: Option<UpTo>,
        mut progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<Position, Error> {
        let (file, folder) = (file.into(), folder.into());
        blocking(move || {
            let id = random_id().map_err(|error| StoreError::io("getting random bytes for", &folder, error))?;
            store::restore_backup(&file, &folder, StoreId(id), upto, &mut progress)
        })
        .await
    }
}

impl Restage {
    /// Checks what is kept for every entity of every kind of this crate, as [`Kind::verify`] does for one kind. Gives how many
    /// there are of each, and what does not fit. `progress` is told how many are done.
    ///
    /// # Errors
    /// The store's. Damage is no error but a finding.
    pub async fn verify_entities(
        &self,
        progress: impl FnMut(u64) + Send + 'static,
    ) -> Result<(Vec<(&'static str, u64)>, Vec<Unsound>), Error> {
        let store = Arc::clone(self.runtime().store());
        let done = tokio::task::spawn_blocking(move || {
            let mut check = Check { store: store.as_ref(), progress, counts: Vec::new(), unsound: Vec::new() };
            check.kind::<WorkshopKind>()?;
            #[cfg(feature = "tasks")]
            check.kind::<TaskKind>()?;
            #[cfg(feature = "tasks")]
            check.kind::<RepositoryKind>()?;
            check.kind::<WorkflowKind>()?;
            check.kind::<QueueKind>()?;
            check.kind::<BatchKind>()?;
            check.kind::<AccessKind>()?;
            check.kind::<WebhookKind>()?;
            Ok::<_, Failure>((check.counts, check.unsound))
        });
        Ok(done.await.unwrap_or(Err(StoreError::Closed.into()))?)
    }
}

/// A look at all kinds, one after the other.
struct Check<'a, P> {
    store: &'a dyn Store,
    progress: P,
    counts: Vec<(&'static str, u64)>,
    unsound: Vec<Unsound>,
}

impl<P: FnMut(u64)> Check<'_, P> {
    fn kind<E: Entity>(&mut self) -> Result<(), Failure> {
        let before: u64 = self.counts.iter().map(|(_, count)| count).sum();
        let (count, unsound) = engine::verify::<E>(self.store, |done| (self.progress)(before + done))?;
        self.counts.push((E::KIND, count));
        self.unsound.extend(unsound);
        Ok(())
    }
}

impl<E: Entity> Kind<E> {
    /// Checks what is kept for every entity of the kind: no turn is missing, snapshot and journal agree, every generation
    /// that a verb raised has its audit entry, and the audit is the chain that the turns made. Gives how many there are, and what does not fit. `progress` is told how many are
    /// done.
    ///
    /// # Errors
    /// The store's. Damage is no error but a finding.
    pub async fn verify(&self, progress: impl FnMut(u64) + Send + 'static) -> Result<(u64, Vec<Unsound>), Error> {
        let store = self.store();
        let done = tokio::task::spawn_blocking(move || engine::verify::<E>(store.as_ref(), progress)).await;
        Ok(done.unwrap_or(Err(StoreError::Closed.into()))?)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Error> {
    Ok(tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))?)
}
