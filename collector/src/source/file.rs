//! One followed file: where it was read to, and the lines behind that.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::{FileId, Head, Position};
use crate::counters::{Counters, add, count};

/// A line beyond this is taken in pieces of this size. A piece must fit a batch (see `batch`).
pub(crate) const LINE_BYTES_MAX: usize = 1_000_000;
/// What one look at a file reads, unless one line is longer.
const CHUNK_BYTES: usize = 256 << 10;
/// How long a line without an end must stay as it is before it is taken.
const QUIET: Duration = Duration::from_secs(2);
/// The bytes that the hash of a file's head covers.
const HEAD_BYTES: u64 = 256;

/// What became of a line that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// The batch is full; the line is offered again later.
    Full,
}

/// A file that is followed.
#[derive(Debug)]
pub(crate) struct Followed {
    file: File,
    pub(crate) position: Position,
    /// At the last look.
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
    /// The program its lines are of where they don't say so.
    pub(crate) service: String,
    /// What was there when it was opened ends here; the rest was written while it was followed.
    pub(crate) backlog_end: u64,
    /// The stamp of the last line that had one, and when that line was read.
    pub(crate) last_stamp: Option<(Timestamp, Timestamp)>,
    /// Its name is gone or another file's, since this moment or the last growth after it.
    pub(crate) rotated: Option<Instant>,
    /// A rest without a line end: the size of the file then, and since when.
    unfinished: Option<(u64, Instant)>,
}

pub(crate) fn id_of(metadata: &Metadata) -> FileId {
    FileId { dev: metadata.dev(), inode: metadata.ino() }
}

impl Followed {
    /// Follows an open file from `offset` on.
    pub(crate) fn new(file: File, metadata: &Metadata, path: PathBuf, offset: u64) -> Self {
        let service = orszem_parse::label::service_of(&path);
        let position = Position { id: id_of(metadata), path, offset, head: Head::default(), mid_line: false };
        Self {
            file,
            position,
            size: metadata.len(),
            modified: modified(metadata),
            service,
            backlog_end: metadata.len(),
            last_stamp: None,
            rotated: None,
            unfinished: None,
        }
    }

    /// Follows it from a position of an earlier run, if the file still begins as it did then.
    pub(crate) fn resume(file: File, metadata: &Metadata, path: PathBuf, old: &Position) -> Result<Self, File> {
        let same = head(&file, old.head.len).is_ok_and(|head| head == old.head) && metadata.len() >= old.head.len;
        if !same {
            return Err(file);
        }
        let mut followed = Self::new(file, metadata, path, old.offset);
        followed.position.head = old.head;
        followed.position.mid_line = old.mid_line;
        Ok(followed)
    }

    /// Moves a fresh position behind the next line end, so that reading does not begin inside a line.
    pub(crate) fn skip_to_line(&mut self) -> io::Result<()> {
        let mut bytes = vec![0; LINE_BYTES_MAX];
        let len = read_at(&self.file, &mut bytes, self.position.offset)?;
        if let Some(end) = memchr::memchr(b'\n', &bytes[..len]) {
            self.position.offset += end as u64 + 1;
        }
        Ok(())
    }

    /// Whether the first 4 KiB hold a NUL byte. `None` while the file is empty.
    pub(crate) fn is_binary(&self) -> io::Result<Option<bool>> {
        let mut bytes = [0; 4096];
        let len = read_at(&self.file, &mut bytes, 0)?;
        Ok((len > 0).then(|| memchr::memchr(0, &bytes[..len]).is_some()))
    }

    /// Offers the lines behind the position to `take`, at most about [`CHUNK_BYTES`] of them.
    ///
    /// Answers whether more can be read at once. A file that shrank or begins otherwise is read from its
    /// beginning.
    pub(crate) fn advance(
        &mut self,
        tick: Instant,
        counters: &Counters,
        buffer: &mut Vec<u8>,
        take: &mut impl FnMut(&FileFacts<'_>, &[u8]) -> Taken,
    ) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        let grew = metadata.len() != self.size;
        self.size = metadata.len();
        self.modified = modified(&metadata);
        if self.size < self.position.offset || (self.size > self.position.offset && !self.begins_as_before()?) {
            count(&counters.files_truncated);
            self.position.offset = 0;
            self.position.head = Head::default();
            self.position.mid_line = false;
            self.unfinished = None;
            self.backlog_end = 0;
        }
        if grew && self.rotated.is_some() {
            self.rotated = Some(tick);
        }
        if self.size == self.position.offset {
            return Ok(false);
        }
        self.fill(buffer)?;
        let more = self.offer(tick, counters, buffer, take);
        self.extend_head()?;
        Ok(more)
    }

    /// Reads a chunk at the position; more only if there is no line end in it.
    fn fill(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        for limit in [CHUNK_BYTES, LINE_BYTES_MAX + 2] {
            buffer.resize(limit.min(usize::try_from(self.size - self.position.offset).unwrap_or(limit)), 0);
            let len = read_at(&self.file, buffer, self.position.offset)?;
            buffer.truncate(len);
            if len < limit || memchr::memchr(b'\n', buffer).is_some() {
                break;
            }
        }
        Ok(())
    }

    fn offer(
        &mut self,
        tick: Instant,
        counters: &Counters,
        buffer: &[u8],
        take: &mut impl FnMut(&FileFacts<'_>, &[u8]) -> Taken,
    ) -> bool {
        let mut rest = buffer;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (line, used, ends) = match end {
                Some(end) if without_return(&rest[..end]).len() <= LINE_BYTES_MAX => {
                    (without_return(&rest[..end]), end + 1, true)
                }
                _ if rest.len() > LINE_BYTES_MAX => (&rest[..LINE_BYTES_MAX], LINE_BYTES_MAX, false),
                _ if self.is_quiet(rest, tick) => (rest, rest.len(), false),
                _ => break,
            };
            let is_split = !ends && used == LINE_BYTES_MAX;
            let is_piece = self.position.mid_line || is_split;
            if line.is_empty() {
                if !is_piece {
                    count(&counters.lines_read);
                    count(&counters.lines_empty);
                }
            } else {
                if take(&self.facts(is_piece), line) == Taken::Full {
                    return true;
                }
                count(&counters.lines_read);
                add(&counters.bytes_read, line.len() as u64);
                if is_split {
                    count(&counters.lines_split);
                } else if !ends {
                    count(&counters.lines_unfinished);
                }
            }
            self.position.offset += used as u64;
            self.position.mid_line = !ends;
            self.unfinished = None;
            rest = &rest[used..];
        }
        self.position.offset + (rest.len() as u64) < self.size
    }

    /// Whether `rest`, which has no line end, is the end of the file and has been so for [`QUIET`].
    fn is_quiet(&mut self, rest: &[u8], tick: Instant) -> bool {
        if self.position.offset + rest.len() as u64 != self.size {
            return false;
        }
        match self.unfinished {
            Some((size, since)) if size == self.size => tick.saturating_duration_since(since) >= QUIET,
            _ => {
                self.unfinished = Some((self.size, tick));
                false
            }
        }
    }

    fn facts(&self, is_piece: bool) -> FileFacts<'_> {
        FileFacts {
            position: &self.position,
            service: &self.service,
            is_piece,
            is_backlog: self.position.offset < self.backlog_end,
            modified: self.modified,
        }
    }

    fn begins_as_before(&self) -> io::Result<bool> {
        Ok(head(&self.file, self.position.head.len)? == self.position.head)
    }

    fn extend_head(&mut self) -> io::Result<()> {
        let len = self.position.offset.min(HEAD_BYTES);
        if len > self.position.head.len {
            self.position.head = head(&self.file, len)?;
        }
        Ok(())
    }
}

/// What is known of a line from the file it stands in.
pub(crate) struct FileFacts<'a> {
    pub(crate) position: &'a Position,
    pub(crate) service: &'a str,
    pub(crate) is_piece: bool,
    pub(crate) is_backlog: bool,
    pub(crate) modified: Timestamp,
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn head(file: &File, len: u64) -> io::Result<Head> {
    let mut bytes = vec![0; len.min(HEAD_BYTES) as usize];
    let read = read_at(file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Head { len: read as u64, hash: if read == 0 { 0 } else { xxh3_64(&bytes) } })
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

fn modified(metadata: &Metadata) -> Timestamp {
    Timestamp(metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()))
}
