//! The part of a backup that holds metrics.

use std::fs;
use std::path::Path;

use super::Samples;
use super::open::{journal_dir, store_dir};
use crate::error::Error;
use crate::wake::lock;

impl Samples {
    /// Copies everything acknowledged before the call into the data directory `target`, where no metrics are yet. The
    /// caller makes it durable.
    pub(crate) fn copy_to(&self, target: &Path) -> Result<(), Error> {
        let shared = self.shared();
        shared.flush()?;
        // Held, so that nothing is trimmed that the copied store still needs from the journal.
        let _checkpoint = lock(&shared.checkpoint);
        let journal_dir = journal_dir(target);
        fs::create_dir_all(&journal_dir)
            .map_err(|source| Error::CreateDirectory { path: journal_dir.clone(), source })?;
        // The store first: the journal then has all that follows it.
        shared.store.backup(&store_dir(target)).map_err(|source| Error::BackupSeries { source })?;
        shared.journal.copy_to(&journal_dir).map_err(|source| Error::BackupJournal { source })
    }
}
