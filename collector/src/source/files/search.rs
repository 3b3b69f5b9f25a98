//! Which files there are: those to follow, and those that were one of them before a rotation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::FileOptions;
use super::followed::modified;
use crate::{FileStatus, glob};

/// Directory entries beyond this many are not looked at in one search.
const ENTRIES_MAX: usize = 200_000;

/// What a search found, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files to follow, with the group that they are of.
    pub(super) live: Vec<(PathBuf, Metadata, usize)>,
    /// Names that may be rotations of a file to follow, with that file's name.
    pub(super) rotated: Vec<(PathBuf, Metadata, PathBuf)>,
    /// Directories and links that could not be looked into.
    pub(super) unreadable: Vec<FileStatus>,
    /// Where files to follow may appear.
    pub(super) directories: BTreeSet<PathBuf>,
}

/// Walks the fixed part of every pattern. Linked files are followed, linked directories are not. `known` are names that
/// files were followed under; their rotations are found though they are gone.
pub(super) fn search(options: &FileOptions, known: &BTreeSet<PathBuf>) -> Found {
    let mut walk = Walk { options, entries_left: ENTRIES_MAX, entries: Vec::new(), found: Found::default() };
    let roots: BTreeSet<PathBuf> =
        options.groups.iter().flat_map(|group| &group.include).map(|pattern| glob::fixed_part(pattern)).collect();
    for root in &roots {
        walk.directory(root, options.depth_max);
    }
    let Walk { mut entries, mut found, .. } = walk;
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.dedup_by(|a, b| a.0 == b.0);
    let groups: Vec<Option<usize>> = entries.iter().map(|(path, _)| options.group_of(path)).collect();
    let names: BTreeSet<&Path> = entries
        .iter()
        .zip(&groups)
        .filter(|(_, group)| group.is_some())
        .map(|((path, _), _)| path.as_path())
        .chain(known.iter().map(PathBuf::as_path))
        .collect();
    let families: Vec<Option<PathBuf>> =
        entries.iter().map(|(path, _)| family(path, &names).map(Path::to_owned)).collect();
    for (((path, metadata), group), family) in entries.into_iter().zip(groups).zip(families) {
        match (family, group) {
            (Some(family), _) => found.rotated.push((path, metadata, family)),
            (None, Some(group)) => found.live.push((path, metadata, group)),
            (None, None) => {}
        }
    }
    found
}

struct Walk<'a> {
    options: &'a FileOptions,
    entries_left: usize,
    entries: Vec<(PathBuf, Metadata)>,
    found: Found,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Path, depth_left: usize) {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) => return self.note(dir, &e),
        };
        self.found.directories.insert(dir.to_owned());
        for entry in entries {
            if self.entries_left == 0 {
                return;
            }
            self.entries_left -= 1;
            let (path, kind) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(known) => known,
                Err(e) => return self.note(dir, &e),
            };
            if kind.is_dir() {
                if depth_left > 1 {
                    self.directory(&path, depth_left - 1);
                }
                continue;
            }
            match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_file() => self.entries.push((path, metadata)),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound && !kind.is_symlink() => {}
                Err(_) if self.options.group_of(&path).is_none() => {}
                Err(e) => self.found.unreadable.push(FileStatus::unreadable(&path, &e)),
            }
        }
    }

    /// A directory that went away meanwhile is nothing to mend.
    fn note(&mut self, dir: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.found.unreadable.push(FileStatus::unreadable(dir, error));
        }
    }
}

/// The name that `path` was rotated from, if one of `names` is.
fn family<'n>(path: &Path, names: &BTreeSet<&'n Path>) -> Option<&'n Path> {
    let name = path.file_name()?.as_bytes();
    let unpacked = [&b".gz"[..], b".zst"].iter().find_map(|end| name.strip_suffix(*end));
    let parent = path.parent()?;
    let known = |candidate: &[u8]| -> Option<&'n Path> {
        let candidate = parent.join(std::ffi::OsStr::from_bytes(candidate));
        names.get(candidate.as_path()).copied().filter(|known| *known != path)
    };
    if let Some(found) = unpacked.and_then(known) {
        return Some(found);
    }
    let name = unpacked.unwrap_or(name);
    // `app.log.1`, `app.log-20261122`, `app.log.2026-11-22_10`, `app.log.old`
    for (at, byte) in name.iter().enumerate().rev() {
        if matches!(byte, b'.' | b'-' | b'_')
            && is_rotation_mark(&name[at + 1..])
            && let Some(found) = known(&name[..at])
        {
            return Some(found);
        }
    }
    // `app-20261122.log`, `app.1.log`
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let (stem, extension) = (&name[..dot], &name[dot..]);
    for (at, byte) in stem.iter().enumerate().rev() {
        if matches!(byte, b'.' | b'-' | b'_') && is_rotation_mark(&stem[at + 1..]) {
            let candidate = [&stem[..at], extension].concat();
            if let Some(found) = known(&candidate) {
                return Some(found);
            }
        }
    }
    None
}

/// Sorts rotated files of one name, the oldest first: by the numbers of their generations if all have one, else by the
/// time of their last change.
pub(super) fn sort_oldest_first(rotated: &mut [(PathBuf, Metadata, PathBuf)]) {
    let numbered: BTreeSet<PathBuf> = {
        let mut all: BTreeMap<&PathBuf, bool> = BTreeMap::new();
        for (path, _, family) in rotated.iter() {
            *all.entry(family).or_insert(true) &= generation(path).is_some();
        }
        all.into_iter().filter(|(_, is_numbered)| *is_numbered).map(|(family, _)| family.clone()).collect()
    };
    rotated.sort_by_cached_key(|(path, metadata, family)| {
        let number = numbered.contains(family).then(|| generation(path)).flatten();
        (family.clone(), std::cmp::Reverse(number), modified(metadata), path.clone())
    });
}

/// The number at the end of a rotated file's name, if it counts generations: at most four digits.
fn generation(path: &Path) -> Option<u32> {
    let name = path.file_name()?.as_bytes();
    let name = [&b".gz"[..], b".zst"].iter().find_map(|end| name.strip_suffix(*end)).unwrap_or(name);
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, number) = name.split_at(name.len() - digits);
    let counts = (1..=4).contains(&digits) && matches!(rest.last(), Some(b'.' | b'-' | b'_'));
    if counts { std::str::from_utf8(number).ok()?.parse().ok() } else { None }
}

/// A number, a date, or one of the words that rotations use.
fn is_rotation_mark(mark: &[u8]) -> bool {
    matches!(mark, b"old" | b"bak" | b"orig" | b"prev" | b"save")
        || (mark.first().is_some_and(u8::is_ascii_digit)
            && mark.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'T' | b':' | b'.' | b'Z' | b'+')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_told_from_other_files() {
        let known: Vec<PathBuf> = ["/l/app.log", "/l/syslog", "/l/catalina.out"].map(PathBuf::from).to_vec();
        let names: BTreeSet<&Path> = known.iter().map(PathBuf::as_path).collect();
        for (path, expected) in [
            ("/l/app.log.1", Some("/l/app.log")),
            ("/l/app.log.12.gz", Some("/l/app.log")),
            ("/l/app.log-20261122.zst", Some("/l/app.log")),
            ("/l/app.log-20261122-1795", Some("/l/app.log")),
            ("/l/app.log.2026-11-22_10", Some("/l/app.log")),
            ("/l/app-20261122.log", Some("/l/app.log")),
            ("/l/app.1.log", Some("/l/app.log")),
            ("/l/syslog.old", Some("/l/syslog")),
            ("/l/catalina.out.2026-11-22T10:00:00Z", Some("/l/catalina.out")),
            ("/l/app.log", None),
            ("/l/app.log.gz", Some("/l/app.log")),
            ("/l/app.log.1.swp", None),
            ("/l/app2.log", None),
            ("/k/app.log.1", None),
            ("/l/app-error.log", None),
        ] {
            assert_eq!(family(Path::new(path), &names), expected.map(Path::new), "{path}");
        }
    }
}
