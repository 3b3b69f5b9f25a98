//! Wakes the reader when something happens in a followed directory (inotify(7)). Only a hint: files are looked at once
//! a second anyway, so a file system without events works too.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// The most directories that are watched.
const DIRECTORIES_MAX: usize = 4_096;
const BUFFER_BYTES: usize = 16 << 10;

/// What happened since the last question.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// Files that may have been written.
    pub(crate) written: BTreeSet<PathBuf>,
    /// Files that came or went, or may be readable now.
    pub(crate) moved: BTreeSet<PathBuf>,
    /// Files or directories came or went.
    pub(crate) has_moved: bool,
    /// Some events were lost.
    pub(crate) has_lost: bool,
    /// The names of files do not tell all: directories came or went, or events were lost.
    pub(crate) needs_listing: bool,
}

/// The watches of all followed directories.
#[derive(Debug)]
pub(crate) struct Watch {
    /// `None` where the kernel gives none.
    inotify: Option<OwnedFd>,
    directories: HashMap<i32, PathBuf>,
    watched: BTreeSet<PathBuf>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        if let Err(error) = &inotify {
            tracing::warn!(%error, "the kernel gives no events for files; they are looked at once a second");
        }
        Self { inotify: inotify.ok(), directories: HashMap::new(), watched: BTreeSet::new() }
    }

    /// Watches these directories too; answers whether one is new, so that what happened in it since it was listed went
    /// unseen.
    pub(crate) fn add(&mut self, directories: &BTreeSet<PathBuf>) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        let mut is_new = false;
        for directory in directories {
            if self.watched.contains(directory) || self.watched.len() >= DIRECTORIES_MAX {
                continue;
            }
            let flags = WatchFlags::MODIFY
                | WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::ATTRIB
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            if let Ok(number) = inotify::add_watch(inotify, directory, flags) {
                self.directories.insert(number, directory.clone());
                self.watched.insert(directory.clone());
                is_new = true;
            }
        }
        is_new
    }

    /// Whether it tells what happens in all of them.
    pub(crate) fn covers(&self, directories: &BTreeSet<PathBuf>) -> bool {
        self.inotify.is_some() && directories.is_subset(&self.watched)
    }

    /// Sleeps until something happens, at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        let Some(inotify) = &self.inotify else { return std::thread::park_timeout(timeout) };
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => tracing::debug!(%error, "waiting for file events failed"),
        }
    }

    /// What happened; never waits.
    pub(crate) fn take(&mut self) -> Events {
        let mut events = Events::default();
        let Some(inotify) = &self.inotify else {
            return Events { has_moved: true, has_lost: true, needs_listing: true, ..events };
        };
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(inotify, &mut buffer);
        let mut gone = BTreeSet::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(error) => {
                    tracing::debug!(%error, "file events can't be read");
                    events.has_lost = true;
                    events.needs_listing = true;
                    break;
                }
            };
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                events.has_lost = true;
                events.has_moved = true;
                events.needs_listing = true;
                continue;
            }
            if what.contains(ReadFlags::IGNORED) {
                if let Some(directory) = self.directories.remove(&event.wd()) {
                    self.watched.remove(&directory);
                    events.has_moved = true;
                    events.needs_listing = true;
                }
                continue;
            }
            // One that is not watched any more.
            let Some(directory) = self.directories.get(&event.wd()) else { continue };
            let path = event.file_name().map(|name| path_in(directory, name.to_bytes()));
            let is_written = what.contains(ReadFlags::MODIFY);
            match path {
                Some(path) if what.contains(ReadFlags::ISDIR) => {
                    events.has_moved = true;
                    events.needs_listing = true;
                    if !what.contains(ReadFlags::ATTRIB) {
                        gone.insert(path);
                    }
                }
                Some(path) if is_written => drop(events.written.insert(path)),
                Some(path) => {
                    events.has_moved = true;
                    events.moved.insert(path);
                }
                None => {
                    events.has_moved = true;
                    events.needs_listing = true;
                    if what.contains(ReadFlags::MOVE_SELF) {
                        gone.insert(directory.clone());
                    }
                }
            }
        }
        self.forget(&gone);
        events
    }

    /// Watches neither these directories any more nor what is in them: under their names may be others now.
    fn forget(&mut self, gone: &BTreeSet<PathBuf>) {
        let Some(inotify) = self.inotify.as_ref().filter(|_| !gone.is_empty()) else { return };
        let is_gone = |directory: &PathBuf| gone.iter().any(|gone| directory.starts_with(gone));
        for (number, directory) in self.directories.extract_if(|_, directory| is_gone(directory)) {
            self.watched.remove(&directory);
            if let Err(error) = inotify::remove_watch(inotify, number) {
                tracing::debug!(directory = %directory.display(), %error, "a directory was not watched any more");
            }
        }
    }
}

fn path_in(directory: &Path, name: &[u8]) -> PathBuf {
    directory.join(OsString::from_vec(name.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_and_renaming_are_told() {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut watch = Watch::new();
        let directories = BTreeSet::from([dir.path().to_owned()]);
        assert!(watch.add(&directories));
        assert!(!watch.add(&directories), "it is watched already");
        assert_eq!(watch.take(), Events::default());
        let file = dir.path().join("a");
        std::fs::write(&file, "x").expect("writes");
        let written = BTreeSet::from([file.clone()]);
        let moved = written.clone();
        let expected =
            Events { written: written.clone(), moved, has_moved: true, has_lost: false, needs_listing: false };
        assert_eq!(watch.take(), expected);
        std::fs::write(&file, "xy").expect("writes");
        watch.wait(Duration::from_secs(10));
        assert_eq!(watch.take().written, written);
        let other = dir.path().join("b");
        std::fs::rename(&file, &other).expect("renames");
        let moved = BTreeSet::from([file, other]);
        assert_eq!(watch.take(), Events { moved, has_moved: true, ..Events::default() });
    }

    #[test]
    fn a_directory_that_takes_the_name_of_another_is_watched_anew() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (sub, file) = (dir.path().join("sub"), dir.path().join("sub/a"));
        std::fs::create_dir(&sub).expect("creates");
        let mut watch = Watch::new();
        let directories = BTreeSet::from([dir.path().to_owned(), sub.clone()]);
        assert!(watch.add(&directories) && watch.covers(&directories));
        std::fs::rename(&sub, dir.path().join("old")).expect("renames");
        std::fs::create_dir(&sub).expect("creates");
        let expected = Events { has_moved: true, needs_listing: true, ..Events::default() };
        assert_eq!(watch.take(), expected);
        assert!(!watch.covers(&directories) && watch.add(&directories));
        std::fs::write(&file, "").expect("writes");
        let moved = BTreeSet::from([file]);
        assert_eq!(watch.take(), Events { moved, has_moved: true, ..Events::default() });
    }
}
