//! Copies the store for a backup while it is written to.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::files::sync_directory;

use super::paths::Paths;
use super::{SeriesStore, lock};

impl SeriesStore {
    /// Copies what is on disk into `target`, which must be missing or empty; the copy opens as a store whose journal is
    /// to be replayed from its [`Self::flushed`] on. Flush first to have all that was applied in it. On the same file
    /// system all but the log of series and the manifest are hard links: these files never change. Batches are applied
    /// and queries answered meanwhile; flushes, merges and deletions wait. The caller makes the copy durable.
    ///
    /// # Errors
    /// When a file can't be read, linked or written.
    pub fn backup(&self, target: &Path) -> Result<()> {
        let inner = &*self.inner;
        let _flushing = lock(&inner.flushing);
        // A merge that is under way would hold up flushes, so it is done again later.
        inner.interrupted.store(true, Ordering::Release);
        let _rewriting = lock(&inner.rewriting);
        inner.interrupted.store(false, Ordering::Release);
        let _committing = lock(&inner.committing);
        let (manifest, blocks) = {
            let state = inner.state();
            (state.manifest.clone(), Arc::clone(&state.blocks))
        };
        let to = Paths::new(target);
        for directory in [to.head(), to.blocks()] {
            fs::create_dir_all(&directory).map_err(Error::create(&directory))?;
        }
        for block in blocks.iter() {
            let copy = to.blocks().join(block.path().file_name().unwrap_or_default());
            fs::create_dir(&copy).map_err(Error::create(&copy))?;
            for file in block.files() {
                link(&file, &copy.join(file.file_name().unwrap_or_default()))?;
            }
        }
        for (number, _) in &manifest.files {
            link(&inner.paths.chunks(*number), &to.chunks(*number))?;
            link(&inner.paths.keys(*number), &to.keys(*number))?;
        }
        if let Some(number) = manifest.aside {
            link(&inner.paths.aside(number), &to.aside(number))?;
        }
        let (log, length) = manifest.log;
        copy_front(&inner.paths.log(log), &to.log(log), length)?;
        // As it is on disk: a deletion that no flush has written yet is repeated by the journal.
        copy_front(&inner.paths.manifest(), &to.manifest(), u64::MAX)?;
        sync_directory(&to.head())
    }
}

/// Links a file that is never written to again, or copies it to another file system.
fn link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop)).map_err(Error::create(to))
}

/// Copies the first `length` bytes.
fn copy_front(from: &Path, to: &Path, length: u64) -> Result<()> {
    let file = File::open(from).map_err(Error::open(from))?;
    let mut copy = File::create(to).map_err(Error::create(to))?;
    io::copy(&mut io::Read::take(file, length), &mut copy).map_err(Error::write(to))?;
    Ok(())
}
