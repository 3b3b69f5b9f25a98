//! What is in the followed directories: listed as a whole now and then, and in between looked at again under the names
//! where something happened.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::FileOptions;
use super::position::FileId;
use super::search::{family, packed_name};
use crate::{FileStatus, glob};

/// Directory entries beyond this many are not looked at.
const ENTRIES_MAX: usize = 200_000;

/// A file in one of the directories.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) metadata: Metadata,
    pub(super) id: FileId,
    /// The group that it is of, when it matches one.
    group: Option<usize>,
    /// The file to follow whose name it was rotated from.
    family: Option<PathBuf>,
}

/// The files of all followed directories.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: BTreeMap<PathBuf, Entry>,
    /// No event tells what happens to the files that these lead to, or may lead to.
    links: BTreeSet<PathBuf>,
    /// Names that files may have been rotated from: of those that match, and those that were followed.
    names: BTreeSet<PathBuf>,
    known: BTreeSet<PathBuf>,
    /// Directories and links that could not be looked into.
    unreadable: BTreeMap<PathBuf, FileStatus>,
    /// Where files to follow may appear.
    directories: BTreeSet<PathBuf>,
}

impl Listing {
    /// Walks the fixed part of every pattern. Linked files are followed, linked directories are not. `known` are names
    /// that files were followed under; their rotations are found though they are gone.
    pub(super) fn of(options: &FileOptions, known: BTreeSet<PathBuf>) -> Self {
        let mut listing = Self { known, ..Self::default() };
        let roots: BTreeSet<PathBuf> =
            options.groups.iter().flat_map(|group| &group.include).map(|pattern| glob::fixed_part(pattern)).collect();
        let mut entries_left = ENTRIES_MAX;
        for root in &roots {
            listing.walk(options, root, options.depth_max, &mut entries_left);
        }
        let matching = listing.entries.iter().filter(|(_, entry)| entry.group.is_some()).map(|(path, _)| path);
        listing.names = matching.chain(&listing.known).cloned().collect();
        for (path, entry) in &mut listing.entries {
            entry.family = family(path, &listing.names).map(Path::to_owned);
        }
        listing
    }

    /// Looks again at `changed`, at what is linked and at what could not be looked at; the rest is taken to be as it was.
    pub(super) fn refresh(&mut self, options: &FileOptions, changed: BTreeSet<PathBuf>, known: BTreeSet<PathBuf>) {
        let mut paths = changed;
        paths.append(&mut self.links);
        paths.extend(self.unreadable.keys().filter(|path| !path.is_dir()).cloned());
        let before = std::mem::replace(&mut self.known, known);
        let mut names: BTreeSet<PathBuf> = before.symmetric_difference(&self.known).cloned().collect();
        for path in &paths {
            let was = self.entries.remove(path);
            self.unreadable.remove(path);
            if path.parent().is_some_and(|parent| self.directories.contains(parent)) {
                self.look(options, path);
            }
            let matches = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.group.is_some());
            if matches(was.as_ref()) != matches(self.entries.get(path)) {
                names.insert(path.clone());
            }
        }
        let mut renamed = paths;
        for name in names {
            let is_name =
                self.known.contains(&name) || self.entries.get(&name).is_some_and(|entry| entry.group.is_some());
            let is_changed = if is_name { self.names.insert(name.clone()) } else { self.names.remove(&name) };
            if is_changed {
                renamed.extend(self.may_be_rotated_from(&name));
            }
        }
        for path in renamed {
            if let Some(entry) = self.entries.get_mut(&path) {
                entry.family = family(&path, &self.names).map(Path::to_owned);
            }
        }
    }

    /// The entries for which [`family`] asks about `name`.
    fn may_be_rotated_from(&self, name: &Path) -> Vec<PathBuf> {
        let Some(bytes) = name.file_name().map(OsStrExt::as_bytes) else { return Vec::new() };
        let (stem, extension) = bytes.split_at(bytes.iter().rposition(|byte| *byte == b'.').unwrap_or(bytes.len()));
        let from = name.with_file_name(OsStr::from_bytes(stem));
        let of_directory = self.entries.range(from..).take_while(|(path, _)| path.parent() == name.parent());
        let file_names = of_directory.filter_map(|(path, _)| Some((path, path.file_name()?.as_bytes())));
        let alike = file_names.take_while(|(_, file_name)| file_name.starts_with(stem));
        let rotated = alike.filter(|(_, file_name)| {
            file_name.starts_with(bytes) || packed_name(file_name).unwrap_or(file_name).ends_with(extension)
        });
        rotated.map(|(path, _)| path.clone()).collect()
    }

    /// Files to follow, with the group that they are of; sorted by path.
    pub(super) fn live(&self) -> impl Iterator<Item = (&PathBuf, &Entry, usize)> {
        let own = self.entries.iter().filter(|(_, entry)| entry.family.is_none());
        own.filter_map(|(path, entry)| Some((path, entry, entry.group?)))
    }

    /// Names that may be rotations of a file to follow, with that file's name; sorted by path.
    pub(super) fn rotated(&self) -> impl Iterator<Item = (&PathBuf, &Entry, &PathBuf)> {
        self.entries.iter().filter_map(|(path, entry)| Some((path, entry, entry.family.as_ref()?)))
    }

    pub(super) fn is_rotated(&self, path: &Path) -> bool {
        self.entries.get(path).is_some_and(|entry| entry.family.is_some())
    }

    pub(super) fn unreadable(&self) -> &BTreeMap<PathBuf, FileStatus> {
        &self.unreadable
    }

    pub(super) fn directories(&self) -> &BTreeSet<PathBuf> {
        &self.directories
    }

    fn walk(&mut self, options: &FileOptions, dir: &Path, depth_left: usize, entries_left: &mut usize) {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => return self.note(dir, &error),
        };
        self.directories.insert(dir.to_owned());
        for entry in entries {
            if *entries_left == 0 {
                return;
            }
            *entries_left -= 1;
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?.is_dir()))) {
                Ok((path, false)) => self.look(options, &path),
                Ok((path, true)) if depth_left > 1 => self.walk(options, &path, depth_left - 1, entries_left),
                Ok(_) => {}
                Err(error) => self.note(dir, &error),
            }
        }
    }

    /// Looks at what is no directory.
    fn look(&mut self, options: &FileOptions, path: &Path) {
        let own = std::fs::symlink_metadata(path);
        let is_link = own.as_ref().is_ok_and(Metadata::is_symlink);
        if is_link {
            self.links.insert(path.to_owned());
        }
        match if is_link { std::fs::metadata(path) } else { own } {
            Ok(metadata) if metadata.is_file() && self.entries.len() < ENTRIES_MAX => {
                let (id, group) = (FileId::of(&metadata), options.group_of(path));
                self.entries.insert(path.to_owned(), Entry { metadata, id, group, family: None });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_link => {}
            Err(_) if options.group_of(path).is_none() => {}
            Err(error) => drop(self.unreadable.insert(path.to_owned(), FileStatus::unreadable(path, &error))),
        }
    }

    /// A directory that went away meanwhile is nothing to mend.
    fn note(&mut self, dir: &Path, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.unreadable.insert(dir.to_owned(), FileStatus::unreadable(dir, error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::tests::options;
    use super::*;

    type Seen = (Vec<(PathBuf, u64, Option<usize>, Option<PathBuf>)>, BTreeSet<PathBuf>, Vec<PathBuf>);

    fn seen(listing: &Listing) -> Seen {
        let entry =
            |(path, entry): (&PathBuf, &Entry)| (path.clone(), entry.metadata.len(), entry.group, entry.family.clone());
        let Listing { entries, names, unreadable, .. } = listing;
        (entries.iter().map(entry).collect(), names.clone(), unreadable.keys().cloned().collect())
    }

    /// Names that are rotations of each other in every way.
    const NAMES: [&str; 12] = [
        "app.log",
        "app.log.1",
        "app.log.1.gz",
        "app.log.1-2",
        "app-1.log",
        "app-1.log.zst",
        "app",
        "app.1",
        "app-1",
        "b.1.log",
        "b.log",
        "link.log",
    ];

    proptest! {
        #[test]
        fn looking_where_something_happened_comes_to_the_same_as_listing_all(
            pattern in prop::sample::select(vec!["*.log", "*"]),
            rounds in prop::collection::vec(
                (prop::collection::vec((0..NAMES.len(), 0..4usize), 0..6), prop::collection::btree_set(0..NAMES.len(), 0..3)),
                1..8,
            ),
        ) {
            let dir = tempfile::tempdir().expect("tempdir");
            let path = |at: usize| dir.path().join(NAMES[at]);
            let options = options(vec![format!("{}/{pattern}", dir.path().display())]);
            let mut listing = Listing::of(&options, BTreeSet::new());
            for (steps, known) in rounds {
                let mut changed = BTreeSet::new();
                for (at, what) in steps {
                    let (path, other) = (path(at), path((at + what) % NAMES.len()));
                    changed.extend([path.clone(), other.clone()]);
                    match what {
                        0 if !path.is_symlink() => fs::write(&path, "x".repeat(at)).expect("writes"),
                        1 if path.is_symlink() || path.is_file() => fs::remove_file(&path).expect("removes"),
                        2 if path.is_file() && path != other => fs::rename(&path, &other).expect("renames"),
                        3 if !path.is_symlink() && !path.is_file() => {
                            std::os::unix::fs::symlink(&other, &path).expect("links");
                        }
                        _ => {}
                    }
                }
                let known: BTreeSet<PathBuf> = known.into_iter().map(path).collect();
                listing.refresh(&options, changed, known.clone());
                prop_assert_eq!(seen(&listing), seen(&Listing::of(&options, known)));
            }
        }
    }

    #[test]
    fn what_no_event_told_of_is_as_it_was() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("a.log");
        fs::write(&path, "1").expect("writes");
        let options = options(vec![format!("{}/*.log", dir.path().display())]);
        let mut listing = Listing::of(&options, BTreeSet::new());
        fs::write(&path, "12").expect("writes");
        fs::create_dir(dir.path().join("sub")).expect("creates");
        let unlisted = dir.path().join("sub/b.log");
        fs::write(&unlisted, "1").expect("writes");
        listing.refresh(&options, BTreeSet::from([unlisted]), BTreeSet::new());
        assert_eq!(seen(&listing).0, [(path.clone(), 1, Some(0), None)], "a directory is found by listing all");
        listing.refresh(&options, BTreeSet::from([path.clone()]), BTreeSet::new());
        assert_eq!(seen(&listing).0, [(path, 2, Some(0), None)]);
    }
}
