//! One open file: the records behind its offset, handed over in order.

mod fingerprint;

use std::fs::Metadata;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use orszem_parse::Recogniser;

use super::content::Content;
use super::position::{FileId, Position, TAIL_BYTES};
use super::{FileFacts, Piece, Taken};
use fingerprint::Copied;

/// What one read takes, unless a record is longer.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// How long the last record of a rotated file is waited for.
const ROTATED_RECORD_WAIT: Duration = Duration::from_millis(200);
/// How much of a file a format is found out from.
const LEARN_BYTES: usize = 64 << 10;

/// A file that is read.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) content: Content,
    pub(super) position: Position,
    pub(super) group: usize,
    /// At the last look; for compressed content what is known of it.
    pub(super) size: u64,
    /// The largest size ever seen.
    pub(super) size_seen: u64,
    pub(super) modified: Timestamp,
    /// What was there when it was opened ends here; the rest was written while it was followed.
    pub(super) backlog_end: u64,
    /// Its name is gone or another file's; since the last growth after that.
    pub(super) rotated: Option<Instant>,
    /// It was found under a rotated name, in the order of age.
    pub(super) is_let_in: bool,
    pub(super) recogniser: Recogniser,
    has_learned: bool,
    /// A rest that is no whole record: the size of the file then, since when, and whether it was taken for complete.
    waiting: Option<(u64, Instant, bool)>,
    /// When that was first so after the file was rotated.
    waiting_rotated: Option<Instant>,
    /// The position is not in the queue yet.
    pub(super) is_changed: bool,
    /// Something may have been written.
    pub(super) is_dirty: bool,
    /// Since when it can't be read.
    failed: Option<Instant>,
    /// What a copy of it ends with, where that is not read yet. Without these bytes it is not what was copied any more.
    copied: Option<Copied>,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is nothing whole to hand over.
    Idle,
    /// The batch is full.
    Full,
    /// It had its share; there is more.
    More,
    /// The file is not what was read: cut, or written anew.
    Truncated,
}

/// What a reading needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) now: Timestamp,
    pub(super) tick: Instant,
    pub(super) slot: u64,
    /// How long a rotated file, or a line without its end, is waited for.
    pub(super) rotate_wait: Duration,
    /// How long a record's next line is waited for.
    pub(super) record_wait: Duration,
    pub(super) line_bytes_max: usize,
}

pub(super) fn modified(metadata: &Metadata) -> Timestamp {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Timestamp(since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0))
}

impl Followed {
    /// Reads on from `position`.
    pub(super) fn new(
        content: Content,
        metadata: &Metadata,
        position: Position,
        group: usize,
        recogniser: Recogniser,
    ) -> Self {
        let size = if content.is_compressed() { position.offset } else { metadata.len() };
        Self {
            content,
            position,
            group,
            size,
            size_seen: size,
            modified: modified(metadata),
            backlog_end: if size == 0 { 0 } else { metadata.len().max(size) },
            rotated: None,
            is_let_in: false,
            recogniser,
            has_learned: false,
            waiting: None,
            waiting_rotated: None,
            is_changed: true,
            is_dirty: true,
            failed: None,
            copied: None,
        }
    }

    /// Whether there may be something that is not read.
    pub(super) fn is_unread(&self) -> bool {
        self.is_dirty || self.lag() > 0
    }

    /// Whether it was rotated before another file of its name that changed at `at` and waits on disk.
    pub(super) fn is_before(&self, at: Timestamp) -> bool {
        self.rotated.is_some() && (self.modified < at || (self.modified == at && self.is_let_in))
    }

    /// The time since its last change.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        Duration::from_nanos(now.0.saturating_sub(self.modified.0).max(0).unsigned_abs())
    }

    /// Bytes that are not read yet, as far as that is known.
    pub(super) fn lag(&self) -> u64 {
        self.size.saturating_sub(self.position.offset)
    }

    /// Whether reading may give something.
    pub(super) fn wants_reading(&self, tick: Instant, record_wait: Duration, rotate_wait: Duration) -> bool {
        let is_due = self.waiting.is_some_and(|(_, since, was_tried)| {
            let waited = tick.saturating_duration_since(since);
            (waited >= record_wait && !was_tried) || waited >= rotate_wait
        });
        self.is_dirty || is_due
    }

    /// Whether what was written after this file was rotated has to wait, as the last record of this one is still to come.
    /// That is not waited for longer than twice: it may be written to for ever.
    pub(super) fn holds_back(&self, tick: Instant, record_wait: Duration) -> bool {
        let is_patient = || self.waiting_rotated.is_none_or(|at| tick.saturating_duration_since(at) < 2 * record_wait);
        self.is_dirty || (self.waiting.is_some_and(|(.., was_tried)| !was_tried) && is_patient())
    }

    /// How long the next line of its last record is waited for: not long after a rotation, as the next file's records
    /// have to wait for it.
    pub(super) fn patience(&self, record_wait: Duration) -> Duration {
        if self.rotated.is_some() { record_wait.min(ROTATED_RECORD_WAIT) } else { record_wait }
    }

    /// It belongs to another group now, whose records are told apart by `recogniser`.
    pub(super) fn regroup(&mut self, group: usize, recogniser: Recogniser) {
        self.group = group;
        self.recogniser = recogniser;
        self.has_learned = false;
    }

    /// Looks at size and time.
    pub(super) fn look(&mut self, tick: Instant) -> io::Result<()> {
        // What is rotated and not read yet is looked at when it is read.
        if self.content.is_compressed() || (self.rotated.is_some() && self.is_dirty) {
            return Ok(());
        }
        let metadata = self.content.file().metadata()?;
        let (size, changed) = (metadata.len(), modified(&metadata));
        if size != self.size || changed != self.modified {
            self.size = size;
            self.modified = changed;
            self.is_dirty = true;
            // What is not the same any more says nothing of how much there was.
            if size > self.size_seen && self.still_holds()? {
                self.size_seen = size;
            }
            if let Some(since) = &mut self.rotated {
                *since = tick;
            }
        }
        self.learn_beginning()
    }

    /// Hands over what there is, at most about `share` bytes.
    pub(super) fn read(
        &mut self,
        reading: &Reading,
        share: usize,
        buffer: &mut Vec<u8>,
        sink: &mut impl FnMut(&FileFacts<'_>, &mut Recogniser, Piece<'_>) -> Taken,
    ) -> io::Result<Outcome> {
        let mut want = CHUNK_BYTES;
        let mut left = share;
        loop {
            let tail = self.position.tail.len();
            buffer.resize(tail + want, 0);
            let got = self.content.read_at(self.position.offset - tail as u64, buffer)?;
            let is_end = got < buffer.len();
            let is_same = got >= tail && buffer[..tail] == self.position.tail;
            if !is_same || !self.begins_as_before()? || !self.holds_copied()? {
                return Ok(Outcome::Truncated);
            }
            self.failed = None;
            if self.position.offset == 0 {
                // Of the very bytes that are handed over.
                self.extend_head(&buffer[..got]);
            }
            self.grow_head()?;
            let unread = got - tail;
            self.size_seen = self.size_seen.max(self.position.offset + unread as u64);
            if self.content.is_compressed() {
                self.size = self.position.offset + unread as u64;
            }
            if unread == 0 {
                self.position.seen = reading.now;
                self.waiting = None;
                self.is_dirty = false;
                return Ok(Outcome::Idle);
            }
            let (consumed, is_full) = self.hand_over(&buffer[tail..got], is_end, reading, sink);
            if consumed > 0 {
                self.position.offset += consumed as u64;
                let end = tail + consumed;
                self.position.tail.clear();
                self.position.tail.extend_from_slice(&buffer[end.saturating_sub(TAIL_BYTES)..end]);
                self.is_changed = true;
                self.waiting = None;
            }
            if is_full {
                return Ok(Outcome::Full);
            }
            if is_end {
                self.is_dirty = false;
                if consumed < unread {
                    self.wait_on(reading);
                } else {
                    self.position.seen = reading.now;
                }
                return Ok(Outcome::Idle);
            }
            if consumed == 0 {
                want = (want * 2).min(2 * reading.line_bytes_max + CHUNK_BYTES);
            }
            left = left.saturating_sub(consumed);
            if left == 0 {
                return Ok(Outcome::More);
            }
        }
    }

    /// Notes that it can't be read, which is tried again later; answers whether it was so for `patience`.
    pub(super) fn fail(&mut self, tick: Instant, patience: Duration) -> bool {
        let since = *self.failed.get_or_insert(tick);
        self.is_dirty = false;
        self.waiting = Some((self.size, tick, false));
        if self.rotated.is_some() {
            self.waiting_rotated.get_or_insert(tick);
        }
        tick.saturating_duration_since(since) >= patience
    }

    /// Notes that the rest is waited on.
    fn wait_on(&mut self, reading: &Reading) {
        self.waiting = match self.waiting {
            Some((size, since, was_tried)) if size == self.size => {
                Some((size, since, was_tried || reading.tick - since >= reading.record_wait))
            }
            Some(_) | None => Some((self.size, reading.tick, false)),
        };
        if self.rotated.is_some() {
            self.waiting_rotated.get_or_insert(reading.tick);
        }
    }

    /// Takes whole records from the front of `data`; answers how many bytes they take, and whether the batch is full.
    fn hand_over(
        &mut self,
        data: &[u8],
        is_end: bool,
        reading: &Reading,
        sink: &mut impl FnMut(&FileFacts<'_>, &mut Recogniser, Piece<'_>) -> Taken,
    ) -> (usize, bool) {
        self.learn(data);
        let waited = self.waiting.filter(|(size, ..)| *size == self.size).map(|(_, since, _)| reading.tick - since);
        let is_over = self.content.is_compressed() && is_end;
        // Whether a record whose lines are whole is complete, and a line without its end is all there will be.
        // Nobody adds to a rotated file that has been left alone for as long as a record's next line is waited for.
        let is_left =
            self.rotated.is_some() && self.size == self.size_seen && self.age(reading.now) >= reading.record_wait;
        let ends_records = is_end && (is_over || is_left || waited.is_some_and(|waited| waited >= reading.record_wait));
        let ends_lines = is_end && (is_over || waited.is_some_and(|waited| waited >= reading.rotate_wait));
        let mut at = 0;
        while at < data.len() {
            let Some(end) = self.record_end(&data[at..], ends_records, ends_lines, reading.line_bytes_max) else {
                break;
            };
            let RecordEnd { len, taken, is_cut } = end;
            let begins_mid_line = self.position.is_mid_line;
            let bytes = without_nuls(&data[at..at + len]);
            let piece = Piece { bytes, is_split: begins_mid_line || is_cut };
            let facts = FileFacts {
                slot: reading.slot,
                path: &self.position.path,
                group: self.group,
                modified: self.modified,
                is_backlog: self.position.offset + (at as u64) < self.backlog_end,
            };
            if sink(&facts, &mut self.recogniser, piece) == Taken::Full {
                return (at, true);
            }
            self.position.is_mid_line = is_cut;
            at += taken;
        }
        (at, false)
    }

    /// The first record of `data`: without its line end, and with it.
    fn record_end(
        &self,
        data: &[u8],
        ends_records: bool,
        ends_lines: bool,
        line_bytes_max: usize,
    ) -> Option<RecordEnd> {
        let is_multiline = self.recogniser.is_multiline() && !self.position.is_mid_line;
        let mut end = 0;
        loop {
            let rest = &data[end..];
            let newline = memchr::memchr(b'\n', &rest[..rest.len().min(line_bytes_max + 1)]);
            let Some(newline) = newline else {
                // The rest has no line end.
                if rest.len() > line_bytes_max {
                    return if end == 0 {
                        Some(RecordEnd { len: line_bytes_max, taken: line_bytes_max, is_cut: true })
                    } else {
                        Some(RecordEnd::whole(data, end))
                    };
                }
                if rest.is_empty() {
                    return (ends_records && end > 0).then(|| RecordEnd::whole(data, end));
                }
                let begins_record = end > 0 && self.recogniser.is_start(&data[..end], rest);
                return match (ends_lines, begins_record) {
                    (true, false) => Some(RecordEnd { len: data.len(), taken: data.len(), is_cut: true }),
                    (true, true) => Some(RecordEnd::whole(data, end)),
                    (false, _) if end > 0 && ends_records && begins_record => Some(RecordEnd::whole(data, end)),
                    (false, _) => None,
                };
            };
            let line = trim(&rest[..newline]);
            if end > 0 && (self.recogniser.is_start(&data[..end], line) || end + newline > line_bytes_max) {
                return Some(RecordEnd::whole(data, end));
            }
            end += newline + 1;
            if !is_multiline {
                return Some(RecordEnd::whole(data, end));
            }
        }
    }

    /// Settles the format on the first lines that are seen.
    fn learn(&mut self, data: &[u8]) {
        if self.has_learned {
            return;
        }
        self.has_learned = true;
        let head = &data[..data.len().min(LEARN_BYTES)];
        let end = memchr::memrchr(b'\n', head).map_or(head.len(), |at| at + 1);
        self.recogniser.learn(&head[..end]);
    }

    /// The length of the file itself, packed or not; 0 when that can't be told.
    pub(super) fn file_len(&self) -> u64 {
        self.content.file().metadata().map_or(0, |metadata| metadata.len())
    }

    /// The identity of what is open.
    pub(super) fn id(&self) -> FileId {
        self.position.id
    }

    /// The name its records carry.
    pub(super) fn path(&self) -> &PathBuf {
        &self.position.path
    }
}

/// Where a record ends.
struct RecordEnd {
    len: usize,
    taken: usize,
    /// Its last line goes on.
    is_cut: bool,
}

impl RecordEnd {
    /// The lines up to `end`, which is behind a line end.
    fn whole(data: &[u8], end: usize) -> Self {
        Self { len: trim(&data[..end - 1]).len(), taken: end, is_cut: false }
    }
}

/// Without the carriage return of a line end.
fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A program that does not append leaves a hole where the file was cut.
fn without_nuls(bytes: &[u8]) -> &[u8] {
    match bytes.first() {
        Some(0) => bytes.iter().position(|byte| *byte != 0).map_or(&[], |at| &bytes[at..]),
        Some(_) | None => bytes,
    }
}
