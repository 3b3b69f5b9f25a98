//! Opening a queue.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::horizon::HorizonFile;
use crate::reader::Reader;
use crate::recovery;
use crate::shared::Shared;
use crate::storage::Storage;
use crate::writer::Writer;
use crate::{Damage, Positions, QueueError, paths};

/// The least size of a segment: smaller ones would be all preamble.
const SEGMENT_BYTES_MIN: u64 = 1024;
/// No segment takes more than this part of the queue, so that there is always an old one to remove.
const SEGMENTS_MIN: u64 = 4;

/// What happens when there is no room for an entry, in the queue or on its disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Full {
    /// The entry is refused; the caller keeps it.
    #[default]
    Block,
    /// The oldest segments of which nothing is being sent are removed, then the entry is taken.
    DropOldest,
    /// The entry's payload is dropped, its positions are kept.
    DropNewest,
}

/// How a queue is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The queue's own directory; created when missing.
    pub dir: PathBuf,
    /// The size of all segment files together, the quarantine apart. A batch is always taken when none is queued.
    pub bytes_max: u64,
    /// A segment that would hold more is closed first; at most a quarter of `bytes_max`.
    pub segment_bytes: u64,
    pub full: Full,
    /// The epoch of a new queue: random, so that no two queues ever have the same.
    pub new_epoch: u64,
}

impl Options {
    /// A queue in `dir` of at most 1 GiB in segments of 16 MiB that blocks when full.
    pub fn new(dir: PathBuf, new_epoch: u64) -> Options {
        Options { dir, bytes_max: 1 << 30, segment_bytes: 16 << 20, full: Full::Block, new_epoch }
    }
}

/// What opening found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The queue's identity: a number is never used twice in an epoch.
    pub epoch: u64,
    /// The number of the next batch.
    pub next_seq: u64,
    /// Where to go on in every source.
    pub positions: Positions,
    /// What can't be used; it is in the quarantine.
    pub damage: Vec<Damage>,
    /// Bytes at the end that were written but never synced, and incomplete: cut off. Nothing of them was ever sent, and
    /// the positions are those before.
    pub torn_bytes: u64,
}

/// The namespace of [`Queue::open`].
#[derive(Debug)]
pub struct Queue;

impl Queue {
    /// Opens or creates the queue. Damaged content never makes this fail; a directory that can't be used, or that is in
    /// use, does. Older segments are walked by their heads alone, the newest is checked whole.
    pub fn open(options: Options) -> Result<(Writer, Reader, Recovered), QueueError> {
        Queue::open_on(Storage::Disk, options)
    }

    pub(crate) fn open_on(storage: Storage, options: Options) -> Result<(Writer, Reader, Recovered), QueueError> {
        let Options { dir, bytes_max, segment_bytes, full, new_epoch } = options;
        fs::create_dir_all(&dir).map_err(QueueError::directory(&dir))?;
        let lock = lock(&dir)?;
        let found = recovery::recover(&dir, &storage, new_epoch)?;
        let horizon_file = HorizonFile::open(&dir).map_err(QueueError::horizon(&paths::horizon(&dir)))?;
        let shared = Arc::new(Shared::new(dir, found.recovered.epoch, found.state, lock));
        let limits = crate::writer::Limits {
            bytes_max,
            segment_bytes: segment_bytes.min(bytes_max / SEGMENTS_MIN).max(SEGMENT_BYTES_MIN),
            full,
        };
        let mut writer =
            Writer::new(Arc::clone(&shared), storage, limits, found.tail, found.recovered.positions.clone());
        writer.replace_unfit_tail();
        let reader = Reader::new(shared, horizon_file);
        Ok((writer, reader, found.recovered))
    }
}

/// Takes the lock that keeps a second process out; it is given back when the file is closed.
pub(crate) fn lock(directory: &Path) -> Result<File, QueueError> {
    let path = paths::lock(directory);
    let failed = |source| QueueError::Lock { path: path.clone(), source };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(QueueError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(QueueError::Lock { path, source }),
    }
}
