//! Looking after a data folder: verifying it, checking a backup, restoring one.

use std::path::PathBuf;

use super::database::Restage;
use super::error::Error;
use super::kind::Kind;
use crate::domain::Entity;
use crate::engine;
use crate::runtime::random_id;
use crate::store::{self, BackupInfo, Position, SledOptions, StoreError, StoreId, UpTo, VerifyReport};

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

impl<E: Entity> Kind<E> {
    /// Checks what is kept for every entity of the kind: no turn is missing, snapshot and journal agree, every generation
    /// that a verb raised has its audit entry. Gives how many there are, and what does not fit. `progress` is told how many are
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
