//! The store's files on disk: the lock, opening what the catalogue names, quarantine, removal.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::paths::Paths;
use crate::segment::read::Segment;
use crate::store::{LiveSegment, Quarantined};

pub(crate) fn lock(root: &Path) -> Result<File> {
    let path = root.join("lock");
    let failed = |source| Error::OpenSegment { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: root.to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::OpenSegment { path, source }),
    }
}

pub(crate) fn open_segments(paths: &Paths, catalog: &Catalog) -> Result<(Vec<Arc<LiveSegment>>, Vec<Quarantined>)> {
    let (mut segments, mut quarantined, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for row in catalog.segments()? {
        let path = paths.segments().join(&row.file);
        match Segment::open(&path) {
            Ok(segment) => segments.push(Arc::new(LiveSegment { row, segment })),
            Err(error) if is_damage(&error) => {
                tracing::error!(path = %path.display(), rows = row.rows, %error, "a segment cannot be served and goes to quarantine");
                lost.push(row.id);
                let path = quarantine(paths, &path)?;
                quarantined.push(Quarantined { path, reason: error.to_string(), rows: row.rows });
            }
            Err(error) => return Err(error),
        }
    }
    if !lost.is_empty() {
        catalog.swap(&[], &lost, None)?;
    }
    Ok((segments, quarantined))
}

/// Whether the file itself is unusable; anything else (no descriptors, no permission) may be gone at the next start.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Corrupt { .. } => true,
        Error::OpenSegment { source, .. } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

fn quarantine(paths: &Paths, path: &Path) -> Result<PathBuf> {
    let directory = paths.quarantine();
    fs::create_dir_all(&directory).map_err(|source| Error::CreateDirectory { path: directory.clone(), source })?;
    let target = directory.join(path.file_name().unwrap_or_default());
    match fs::rename(path, &target) {
        Ok(()) => Ok(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(source) => Err(Error::Quarantine { path: path.to_owned(), source }),
    }
}

/// Removes segment files that the catalogue does not name: those of a flush or merge that was not committed. With
/// `keep`, when the catalogue was lost or has never named any and might have been, they go to quarantine instead.
pub(crate) fn remove_orphans(paths: &Paths, live: &[Arc<LiveSegment>], keep: bool) -> Result<()> {
    let known: HashSet<&Path> = live.iter().map(|live| live.segment.path()).collect();
    let mut directories = vec![paths.segments()];
    while let Some(directory) = directories.pop() {
        let failed = |source| Error::ListDirectory { path: directory.clone(), source };
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "seg") && !known.contains(path.as_path()) {
                if keep {
                    let kept = quarantine(paths, &path)?;
                    tracing::warn!(path = %kept.display(), "a segment that no catalogue names went to quarantine");
                    continue;
                }
                tracing::info!(path = %path.display(), "removing a segment that was not committed");
                fs::remove_file(&path).map_err(|source| Error::Remove { path, source })?;
            }
        }
    }
    Ok(())
}

pub(crate) fn remove_files(segments: &[Arc<LiveSegment>]) {
    for live in segments {
        remove_or_warn(live.segment.path());
        if let Some(directory) = live.segment.path().parent() {
            remove_if_empty(directory);
        }
    }
}

/// A file that stays behind wastes space and is removed at the next start.
pub(crate) fn remove_or_warn(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "cannot remove a file that is no longer used"),
    }
}

fn remove_if_empty(directory: &Path) {
    match fs::remove_dir(directory) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {}
        Err(error) => tracing::warn!(path = %directory.display(), %error, "cannot remove an empty directory"),
    }
}

/// Makes the names that lead to `path` durable, up to and with `root`.
pub(crate) fn sync_upwards(path: &Path, root: &Path) -> Result<()> {
    for directory in path.ancestors().skip(1).take_while(|directory| directory.starts_with(root)) {
        File::open(directory)
            .and_then(|file| file.sync_all())
            .map_err(|source| Error::WriteSegment { path: directory.to_owned(), source })?;
    }
    Ok(())
}
