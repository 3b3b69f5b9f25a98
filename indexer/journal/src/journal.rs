//! The journal over a local directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::appender::Appender;
use crate::index::Index;
use crate::reader::Reader;
use crate::recovery::{self, RecoveryReport};
use crate::{Error, Submission, copy, paths};

/// Positions stay below this, so that `position << 20 | index in frame` fits in a `u64`.
pub const POSITION_MAX: u64 = 1 << 44;

/// How a journal is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A segment that would grow over this many bytes is closed first; a larger group gets a segment of its own.
    pub segment_bytes: u64,
    /// No position below this is given out: the highest that any consumer has stored. It keeps a position from being
    /// used twice if the journal's files were lost or cut.
    pub end_at_least: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_bytes: 64 << 20, end_at_least: 0 }
    }
}

/// Where a submission stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The position of the first frame.
    pub first: u64,
    /// The position behind the last frame.
    pub end: u64,
    /// The position of every frame.
    pub positions: Vec<u64>,
}

/// A handle to the journal in one directory. Clones share the journal. One process at a time may have it open; the
/// caller holds the lock on the data directory.
#[derive(Clone)]
pub struct LocalJournal {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    index: Arc<Index>,
    appender: Mutex<Appender>,
}

impl LocalJournal {
    /// Opens or creates the journal in `directory`, checks all it holds, and repairs what can be repaired: a tail that
    /// was cut short is cut off, damage is copied to `quarantine/` and skipped from then on. Damaged content never
    /// makes this fail; a directory that can't be read or created does.
    pub fn open(directory: &Path, options: Options) -> Result<(LocalJournal, RecoveryReport), Error> {
        let recovery::Recovered { index, appender, report } = recovery::recover(directory, options)?;
        let shared = Shared { directory: directory.to_owned(), index, appender: Mutex::new(appender) };
        Ok((LocalJournal { shared: Arc::new(shared) }, report))
    }

    /// Writes one submission. On success it is durable. On failure it is cut off again; only if the process dies before
    /// that may it come back on the next start, as a write does that was finished but not yet confirmed.
    pub fn append(&self, submission: &Submission) -> Result<Appended, Error> {
        let mut results = self.append_all(std::slice::from_ref(submission));
        results.pop().unwrap_or(Err(Error::EmptySubmission))
    }

    /// Writes many submissions with one fsync (one more for every segment that fills up); one result for each, in
    /// order. Positions ascend in that order. Failures are single where the submission is at fault, and common to all
    /// that were waiting for the same fsync where the disk is.
    pub fn append_all(&self, submissions: &[Submission]) -> Vec<Result<Appended, Error>> {
        self.lock_appender().append(submissions)
    }

    /// Reads the groups that start at or behind `position`, up to the end of what is durable. Below [`start`], reading
    /// begins there.
    ///
    /// [`start`]: LocalJournal::start
    pub fn read_from(&self, position: u64) -> Reader {
        Reader::new(self.shared.directory.clone(), Arc::clone(&self.shared.index), position)
    }

    /// Deletes the segments that lie wholly below `before`, except the last, and returns how many.
    pub fn trim(&self, before: u64) -> Result<usize, Error> {
        let starts = self.shared.index.below(before);
        for &start in &starts {
            let path = paths::segment(&self.shared.directory, start);
            if let Err(source) = fs::remove_file(&path) {
                return Err(Error::RemoveSegment { path, source: Arc::new(source) });
            }
            self.shared.index.remove(start);
        }
        if !starts.is_empty() {
            let directory = &self.shared.directory;
            orszem_durable::sync_directory(directory).map_err(|error| Error::directory(directory, error))?;
        }
        Ok(starts.len())
    }

    /// Goes on in a new segment when the last one holds at least `bytes` of groups, so that [`trim`] can delete it once
    /// they are done with; answers whether it does.
    ///
    /// [`trim`]: LocalJournal::trim
    pub fn roll_from(&self, bytes: u64) -> Result<bool, Error> {
        let mut appender = self.lock_appender();
        let is_due = appender.active_bytes() >= bytes.max(1);
        if is_due {
            appender.roll()?;
        }
        Ok(is_due)
    }

    /// The lowest position that can be read from.
    pub fn start(&self) -> u64 {
        self.shared.index.start()
    }

    /// The position behind the last durable group. The next one may start further on.
    pub fn end(&self) -> u64 {
        self.shared.index.end()
    }

    /// The bytes of all segments, the quarantine apart.
    pub fn disk_bytes(&self) -> u64 {
        self.shared.index.bytes()
    }

    /// How many fsyncs have confirmed submissions since the journal was opened.
    pub fn syncs(&self) -> u64 {
        self.shared.index.syncs()
    }

    /// Copies what is durable, the cursors and the deduplication checkpoint into `target`, an empty directory; the copy
    /// opens as a journal. The caller holds back trimming and checkpoints meanwhile, and syncs the copy.
    pub fn copy_to(&self, target: &Path) -> Result<(), Error> {
        copy::copy(&self.shared.directory, &self.shared.index, target)
    }

    /// Whoever panicked while appending left a segment in an unknown state, so it is given up.
    fn lock_appender(&self) -> MutexGuard<'_, Appender> {
        self.shared.appender.lock().unwrap_or_else(|poisoned| {
            self.shared.appender.clear_poison();
            let mut appender = poisoned.into_inner();
            appender.abandon();
            appender
        })
    }

    #[cfg(test)]
    pub(crate) fn replace_file(&self, file: fs::File) {
        self.lock_appender().replace_file(file);
    }

    #[cfg(test)]
    pub(crate) fn roll(&self) -> Result<(), Error> {
        self.lock_appender().roll()
    }
}
