//! The writing end: frames go to the last segment, one fsync confirms all groups written since the one before.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::frame::{self, Submission};
use crate::index::Index;
use crate::journal::{Appended, POSITION_MAX};
use crate::segment::{self, PREAMBLE_BYTES, Preamble};
use crate::{Error, paths};

/// Encoded bytes are handed to the kernel when there are this many, while they are still in the processor's cache.
const WRITE_BYTES: usize = 256 << 10;

/// Owns the last segment. At most one per journal.
pub(crate) struct Appender {
    directory: PathBuf,
    index: Arc<Index>,
    segment_bytes: u64,
    active: Option<Active>,
    /// Where the next segment starts, if there is no active one.
    next_position: u64,
    /// Where the acknowledged content of the last segment that is not active ends.
    previous_end: u64,
    buffer: Vec<u8>,
    header_scratch: Vec<u8>,
}

/// The segment that is written to. Offsets are in bytes from the start of the file.
struct Active {
    file: File,
    path: PathBuf,
    start: u64,
    /// Everything before is durable and published.
    durable: u64,
    /// Everything before was handed to the kernel; the buffer goes here.
    written: u64,
}

/// The results of one batch so far.
struct Batch {
    results: Vec<Result<Appended, Error>>,
    /// Successes from this index on still wait for the fsync.
    unsynced_from: usize,
}

impl Appender {
    /// An appender whose first frame opens a new segment at or behind `next_position`.
    pub(crate) fn new(directory: &Path, index: Arc<Index>, segment_bytes: u64, next: u64, previous_end: u64) -> Self {
        Appender {
            directory: directory.to_owned(),
            index,
            segment_bytes,
            active: None,
            next_position: next,
            previous_end,
            buffer: Vec::new(),
            header_scratch: Vec::new(),
        }
    }

    /// Goes on with an intact, durable segment of `length` bytes.
    pub(crate) fn resume(&mut self, file: File, start: u64, length: u64) {
        let path = paths::segment(&self.directory, start);
        self.active = Some(Active { file, path, start, durable: length, written: length });
    }

    /// Writes all submissions and makes them durable; one result for each, in order.
    pub(crate) fn append(&mut self, submissions: &[Submission]) -> Vec<Result<Appended, Error>> {
        let mut batch = Batch { results: Vec::with_capacity(submissions.len()), unsynced_from: 0 };
        for submission in submissions {
            let result = self.place(submission, &mut batch);
            batch.results.push(result);
        }
        self.commit(&mut batch);
        batch.results
    }

    /// Stages one submission behind the others of its batch. Where it needs a new segment, the others are made durable
    /// first; where the disk fails, they fail with it.
    fn place(&mut self, submission: &Submission, batch: &mut Batch) -> Result<Appended, Error> {
        let bytes = submission.check()?;
        if self.is_full_with(bytes) {
            self.commit(batch);
            self.close();
        }
        self.reserve(bytes)?;
        self.stage(submission).inspect_err(|error| {
            self.abandon();
            batch.fail(error);
        })
    }

    /// Opens a new segment, so that nothing is appended behind what the last one holds.
    pub(crate) fn roll(&mut self) -> Result<(), Error> {
        self.close();
        let preamble = Preamble { start: self.next_position, previous_end: self.previous_end };
        if preamble.start + PREAMBLE_BYTES >= POSITION_MAX {
            return Err(Error::PositionsExhausted { position: preamble.start });
        }
        // A name that a failed creation may have left behind is not tried again.
        self.next_position += PREAMBLE_BYTES;
        let file = segment::create(&self.directory, preamble)?;
        self.index.add(preamble.start);
        self.active = Some(Active {
            file,
            path: paths::segment(&self.directory, preamble.start),
            start: preamble.start,
            durable: PREAMBLE_BYTES,
            written: PREAMBLE_BYTES,
        });
        Ok(())
    }

    /// The bytes of groups in the segment that is written to.
    pub(crate) fn active_bytes(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.durable - PREAMBLE_BYTES)
    }

    fn is_full_with(&self, bytes: u64) -> bool {
        let staged = self.buffer.len() as u64;
        self.active.as_ref().is_some_and(|active| {
            let length = active.written + staged;
            length > PREAMBLE_BYTES && length + bytes > self.segment_bytes
        })
    }

    /// Makes sure that there is a segment and that `bytes` more have positions.
    fn reserve(&mut self, bytes: u64) -> Result<(), Error> {
        if self.active.is_none() {
            self.roll()?;
        }
        let position = self.position();
        if position + bytes > POSITION_MAX {
            return Err(Error::PositionsExhausted { position });
        }
        Ok(())
    }

    fn position(&self) -> u64 {
        match &self.active {
            Some(active) => active.start + active.written + self.buffer.len() as u64,
            None => self.next_position,
        }
    }

    /// Encodes a group into the buffer, and writes what is there when it is enough.
    fn stage(&mut self, submission: &Submission) -> Result<Appended, Error> {
        let first = self.position();
        let mut positions = Vec::with_capacity(submission.frames.len());
        for (part, input) in submission.frames.iter().enumerate() {
            let position = self.position();
            let is_last = part + 1 == submission.frames.len();
            let identity = submission.identity.as_ref();
            let (buffer, scratch) = (&mut self.buffer, &mut self.header_scratch);
            frame::encode(buffer, scratch, position, input, part as u32, is_last, identity);
            positions.push(position);
            if self.buffer.len() >= WRITE_BYTES {
                self.write()?;
            }
        }
        Ok(Appended { first, end: self.position(), positions })
    }

    fn write(&mut self) -> Result<(), Error> {
        if let Some(active) = &mut self.active {
            active.file.write_all_at(&self.buffer, active.written).map_err(|e| Error::write(&active.path, e))?;
            active.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Makes everything staged durable, or fails everything staged.
    fn commit(&mut self, batch: &mut Batch) {
        if let Err(error) = self.sync() {
            self.abandon();
            batch.fail(&error);
        }
        batch.unsynced_from = batch.results.len();
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.write()?;
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.written > active.durable {
            active.file.sync_data().map_err(|e| Error::sync(&active.path, e))?;
            active.durable = active.written;
            self.index.publish(active.start + active.durable);
        }
        Ok(())
    }

    /// Gives up the active segment after a failed write or fsync: what an fsync has refused once must never be taken
    /// for durable because a second one succeeds. What is behind the durable part is cut off; if that fails too, the
    /// next segment's preamble declares it void.
    pub(crate) fn abandon(&mut self) {
        let failed_end = self.position();
        self.buffer.clear();
        let Some(active) = self.active.take() else { return };
        self.next_position = failed_end;
        let tidied = if active.durable == PREAMBLE_BYTES {
            fs::remove_file(&active.path).map(|()| self.index.remove(active.start))
        } else {
            self.previous_end = active.start + active.durable;
            segment::truncate(&active.path, active.durable)
        };
        if let Err(error) = tidied {
            self.previous_end = active.start + active.durable;
            tracing::warn!(path = %active.path.display(), %error, "a failed journal write could not be cut off");
        }
    }

    /// Leaves the active segment, all of which is durable.
    fn close(&mut self) {
        if let Some(active) = self.active.take() {
            self.next_position = active.start + active.durable;
            self.previous_end = self.next_position;
        }
    }

    /// Replaces the active segment's file handle, so that a test can make writing or syncing fail.
    #[cfg(test)]
    pub(crate) fn replace_file(&mut self, file: File) {
        if let Some(active) = &mut self.active {
            active.file = file;
        }
    }
}

impl Batch {
    /// Turns the successes that still wait for the fsync into failures.
    fn fail(&mut self, error: &Error) {
        for result in self.results.iter_mut().skip(self.unsynced_from) {
            if result.is_ok() {
                *result = Err(error.clone());
            }
        }
        self.unsynced_from = self.results.len();
    }
}
