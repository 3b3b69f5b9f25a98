//! Which files there are to follow.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::glob;
use crate::{CollectorConfig, FileStatus};

/// Directory entries beyond this many are not looked at in one search.
const ENTRIES_MAX: usize = 100_000;

/// What a search found, sorted by path.
#[derive(Default)]
pub(super) struct Found {
    pub(super) files: Vec<(PathBuf, Metadata)>,
    /// Directories and links that could not be looked into.
    pub(super) unreadable: Vec<FileStatus>,
}

/// Walks the fixed part of every pattern. Linked files are followed, linked directories are not.
pub(super) fn search(config: &CollectorConfig) -> Found {
    let roots: BTreeSet<PathBuf> = config.include.iter().map(|pattern| glob::fixed_part(pattern)).collect();
    let mut found = Found::default();
    let mut entries_left = ENTRIES_MAX;
    for root in &roots {
        walk(root, config.depth_max, config, &mut entries_left, &mut found);
    }
    found.files.sort_by(|a, b| a.0.cmp(&b.0));
    found.files.dedup_by(|a, b| a.0 == b.0);
    found
}

fn walk(dir: &Path, depth_left: usize, config: &CollectorConfig, entries_left: &mut usize, found: &mut Found) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) => return note(dir, &e, found),
    };
    for entry in entries {
        if *entries_left == 0 {
            return;
        }
        *entries_left -= 1;
        let kind = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
        let (path, kind) = match kind {
            Ok(known) => known,
            Err(e) => return note(dir, &e, found),
        };
        if kind.is_dir() {
            if depth_left > 1 {
                walk(&path, depth_left - 1, config, entries_left, found);
            }
            continue;
        }
        if !glob::any_matches(&config.include, &path) || glob::any_matches(&config.exclude, &path) {
            continue;
        }
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => found.files.push((path, metadata)),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound && !kind.is_symlink() => {}
            Err(e) => found.unreadable.push(FileStatus::unreadable(&path, &e)),
        }
    }
}

/// A directory that went away meanwhile is nothing to mend.
fn note(dir: &Path, error: &io::Error, found: &mut Found) {
    if error.kind() != io::ErrorKind::NotFound {
        found.unreadable.push(FileStatus::unreadable(dir, error));
    }
}

/// Uncompressed files beside `path` whose name is that of `path` and more, changed at `since` or later.
pub(super) fn rotations_of(path: &Path, since: SystemTime) -> Vec<PathBuf> {
    const COMPRESSED: [&str; 4] = ["gz", "xz", "zst", "bz2"];
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let is_rotation = |entry: &Path| {
        let rest = entry.file_name().and_then(|other| other.as_bytes().strip_prefix(name.as_bytes()));
        let is_compressed = entry.extension().is_some_and(|e| COMPRESSED.iter().any(|c| e == *c));
        let is_recent =
            || std::fs::metadata(entry).is_ok_and(|m| m.is_file() && m.modified().is_ok_and(|at| at >= since));
        rest.is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b"-")) && !is_compressed && is_recent()
    };
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|entry| is_rotation(entry)).collect()
}
