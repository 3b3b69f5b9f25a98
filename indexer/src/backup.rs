//! Backup and restore: journals and stores together, so that the copy opens like a server that was stopped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::alerting;
use crate::collectors;
use crate::error::Error;
use crate::facts;
use crate::indexer::Indexer;
use crate::open::{journal_dir, store_dir};
use crate::probes;
use crate::samples::Samples;
use crate::shared::Shared;
use crate::topology;
use crate::wake::lock;

/// Written last into a backup; says that it is whole, and in which version.
const FINISHED: &str = "BACKUP";
const FINISHED_TEXT: &str = "orszem backup 1\n";
/// Lies in a data directory while it is restored into.
const RESTORING: &str = "RESTORING";
/// What may lie in the target of a restore: the lock of whoever restores.
const LOCK: &str = "lock";

/// Copies everything that `indexer` and `samples` acknowledged before the call into `target`, which must be missing or
/// empty, while both go on taking in. It is laid out as a data directory, so it opens where it is and where
/// [`restore`] puts it. On the same file system segments and blocks are hard links. What it returned without error
/// survives power loss. Blocks on the disk.
///
/// # Errors
/// When something can't be written out, read or copied; what is in `target` then is no finished backup.
pub fn backup(indexer: &Indexer, samples: &Samples, target: &Path) -> Result<(), Error> {
    refuse_content(target, &[])?;
    indexer.shared().copy_to(target)?;
    samples.copy_to(target)?;
    sync_tree(target)?;
    write_durably(&target.join(FINISHED), FINISHED_TEXT)
}

impl Shared {
    fn copy_to(&self, target: &Path) -> Result<(), Error> {
        self.flush()?;
        // Held, so that nothing is trimmed that the copied store still needs from the journal.
        let _checkpoint = lock(&self.checkpoint);
        // Held, so that the copied journal has no facts that the copied state knows nothing of.
        let _facts = lock(&self.facts_saved);
        let journal_dir = journal_dir(target);
        fs::create_dir_all(&journal_dir)
            .map_err(|source| Error::CreateDirectory { path: journal_dir.clone(), source })?;
        // The stores first: the journal then has all that follows them.
        let topology_dir = topology::directory(target);
        fs::create_dir_all(&topology_dir)
            .map_err(|source| Error::CreateDirectory { path: topology_dir.clone(), source })?;
        self.topology.copy_to(&topology_dir)?;
        alerting::copy(&self.data_dir, target)?;
        probes::copy(&self.data_dir, target)?;
        self.store.backup(&store_dir(target)).map_err(|source| Error::BackupStore { source })?;
        self.journal.copy_to(&journal_dir).map_err(|source| Error::BackupJournal { source })?;
        // The first is replaced only together with the checkpoint, so it goes with the copied one.
        for name in [collectors::FILE_NAME, facts::FILE_NAME] {
            let known = self.data_dir.join(name);
            match fs::copy(&known, target.join(name)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::Copy { path: known, source }),
            }
        }
        Ok(())
    }
}

/// Puts the backup in `from` into `data_dir`, which must be missing or empty but for a lock. Until it is whole, an
/// indexer refuses to open there. Blocks on the disk.
///
/// # Errors
/// When `from` is no finished backup, `data_dir` is in use, or something can't be copied.
pub fn restore(from: &Path, data_dir: &Path) -> Result<(), Error> {
    let is_whole = fs::read_to_string(from.join(FINISHED)).is_ok_and(|text| text == FINISHED_TEXT);
    if !is_whole {
        return Err(Error::NoBackup { path: from.to_owned() });
    }
    refuse_content(data_dir, &[LOCK])?;
    fs::create_dir_all(data_dir).map_err(|source| Error::CreateDirectory { path: data_dir.to_owned(), source })?;
    let marker = data_dir.join(RESTORING);
    write_durably(&marker, "")?;
    copy_tree(from, data_dir)?;
    let finished = data_dir.join(FINISHED);
    fs::remove_file(&finished).map_err(|source| Error::Copy { path: finished, source })?;
    sync_tree(data_dir)?;
    fs::remove_file(&marker).map_err(|source| Error::Copy { path: marker, source })?;
    sync(data_dir)
}

/// Refuses a data directory that a restore has left half-way.
pub(crate) fn refuse_unfinished_restore(data_dir: &Path) -> Result<(), Error> {
    let marker = data_dir.join(RESTORING);
    match marker.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::UnfinishedRestore { path: data_dir.to_owned() }),
        Err(source) => Err(Error::CreateDirectory { path: marker, source }),
    }
}

fn refuse_content(directory: &Path, allowed: &[&str]) -> Result<(), Error> {
    let mut names = match entries(directory) {
        Ok(paths) => paths.into_iter(),
        Err(Error::Copy { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let is_foreign = |path: PathBuf| !allowed.iter().any(|name| path.file_name() == Some(OsStr::new(name)));
    if names.any(is_foreign) { Err(Error::NotEmpty { path: directory.to_owned() }) } else { Ok(()) }
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(|source| Error::CreateDirectory { path: to.to_owned(), source })?;
    for path in entries(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(|source| Error::Copy { path, source })?;
        }
    }
    Ok(())
}

/// Makes a directory with everything beneath it durable.
fn sync_tree(directory: &Path) -> Result<(), Error> {
    for path in entries(directory)? {
        if path.is_dir() { sync_tree(&path)? } else { sync(&path)? }
    }
    sync(directory)
}

fn sync(path: &Path) -> Result<(), Error> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::Copy { path: path.to_owned(), source })
}

fn write_durably(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::Copy { path: path.to_owned(), source })?;
    sync(path)?;
    path.parent().map_or(Ok(()), sync)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let listed = fs::read_dir(directory).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    listed.map_err(|source| Error::Copy { path: directory.to_owned(), source })
}
