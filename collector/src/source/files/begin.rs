//! Files that nothing is known of: where they are begun.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use orszem_model::Timestamp;
use tracing::info;

use super::FileSource;
use super::candidate::{Candidate, has_all_of};
use super::content::{Compression, Content};
use super::followed::Followed;
use super::position::{FileId, HEAD_BYTES, Head, Position, TAIL_BYTES};
use crate::counters::add;
use crate::{FileState, FileStatus, StartAt};

impl FileSource {
    /// Begins a file that is not known.
    pub(super) fn begin(
        &mut self,
        path: &Path,
        listed: FileId,
        group: usize,
        is_first: bool,
        now: Timestamp,
    ) -> io::Result<()> {
        if self.open.len() >= self.options.files_max {
            let fix = "narrow collector.include, or raise collector.files_max, in the configuration".to_owned();
            let reason = format!("more than {} files match", self.options.files_max);
            let state = FileState::Unreadable { reason, fix };
            let status = FileStatus { path: path.to_owned(), state, size: 0, position: 0, lag: 0 };
            self.unreadable.insert(path.to_owned(), status);
            return Ok(());
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let id = FileId::of(&metadata);
        if id != listed {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut content = Content::new(file, Compression::of(path))?;
        let head = content.head()?;
        if is_binary(&head) {
            self.binary.insert(id);
            return Ok(());
        }
        let mut candidate = Candidate { path: path.to_owned(), family: path.to_owned(), id, metadata, content, head };
        if let Some(slot) = self.moved(&mut candidate)? {
            let position = self.closed.remove(&slot).or_else(|| self.open.remove(&slot).map(|open| open.position));
            if let Some(position) = position {
                info!(path = %path.display(), offset = position.offset, "going on in a file that took another's place");
                let Candidate { id, metadata, content, .. } = candidate;
                let position = Position { id, ..position };
                let recogniser = self.options.recogniser(group);
                self.open.insert(slot, Followed::new(content, &metadata, position, group, recogniser));
                return Ok(());
            }
        }
        let Candidate { id, metadata, mut content, head, .. } = candidate;
        let offset = self.first_offset(&mut content, &metadata, is_first)?;
        let tail = tail_before(&mut content, offset)?;
        let (path, head) = (path.to_owned(), Head::of(&head));
        let position =
            Position { id, path: path.clone(), offset, head, tail, is_done: false, is_mid_line: false, seen: now };
        add(&self.counters.bytes_skipped, offset);
        info!(path = %path.display(), offset, "following");
        let slot = self.new_slot(&path);
        self.open.insert(slot, Followed::new(content, &metadata, position, group, self.options.recogniser(group)));
        Ok(())
    }

    /// The slot of a file of this name that is gone, and whose content the new file goes on with.
    fn moved(&self, candidate: &mut Candidate) -> io::Result<Option<u64>> {
        for slot in self.families.slots(&candidate.path) {
            let Some(position) = self.closed.get(&slot).filter(|position| !position.is_done) else { continue };
            let may_be = position.offset >= HEAD_BYTES as u64 && !self.present.contains(&position.id);
            if may_be && candidate.continues(position)? {
                return Ok(Some(slot));
            }
        }
        for slot in self.families.slots(&candidate.path) {
            let Some(followed) = self.open.get(&slot) else { continue };
            let is_gone = || followed.content.file().metadata().is_ok_and(|metadata| metadata.nlink() == 0);
            if is_gone() && has_all_of(candidate, followed)? {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    /// Where a file is begun that nothing is known of.
    fn first_offset(&self, content: &mut Content, metadata: &Metadata, is_first: bool) -> io::Result<u64> {
        let is_old = self.is_first_start && is_first;
        if !is_old || content.is_compressed() {
            return Ok(0);
        }
        let size = metadata.len();
        let begin = match self.options.from {
            StartAt::End => return last_line_begin(content, size, self.options.line_bytes_max),
            StartAt::Start => size.saturating_sub(self.options.first_read_bytes_max),
        };
        if begin == 0 {
            return Ok(0);
        }
        // The next line's beginning.
        let mut buffer = vec![0; 64 << 10];
        let mut at = begin - 1;
        loop {
            let got = content.read_at(at, &mut buffer)?;
            match memchr::memchr(b'\n', &buffer[..got]) {
                Some(newline) => return Ok(at + newline as u64 + 1),
                None if got == 0 => return Ok(at),
                None => at += got as u64,
            }
        }
    }
}

/// Where the line begins that goes on at `size`; a longer one than `line_bytes_max` is left out.
fn last_line_begin(content: &mut Content, size: u64, line_bytes_max: usize) -> io::Result<u64> {
    let begin = size.saturating_sub(line_bytes_max as u64);
    let mut buffer = vec![0; usize::try_from(size - begin).unwrap_or(line_bytes_max)];
    let got = content.read_at(begin, &mut buffer)?;
    buffer.truncate(got);
    let newline = memchr::memrchr(b'\n', &buffer).map(|at| begin + at as u64 + 1);
    Ok(newline.unwrap_or(if begin == 0 { 0 } else { size }))
}

/// The bytes before `offset` that a position remembers.
pub(super) fn tail_before(content: &mut Content, offset: u64) -> io::Result<Vec<u8>> {
    let len = TAIL_BYTES.min(usize::try_from(offset).unwrap_or(TAIL_BYTES));
    let mut tail = vec![0; len];
    let got = content.read_at(offset - len as u64, &mut tail)?;
    tail.truncate(got);
    Ok(tail)
}

/// A text log has no NUL, but for the hole that a program leaves that goes on writing to a file that was cut.
fn is_binary(head: &[u8]) -> bool {
    let is_hole = head.first() == Some(&0) && head.iter().all(|byte| *byte == 0);
    !is_hole && head.contains(&0)
}
