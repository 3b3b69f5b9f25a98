//! Reading groups back in order of position.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::frame::{Frame, Group};
use crate::index::Index;
use crate::scanner::{FrameView, Scanned, Scanner};
use crate::segment::{PREAMBLE_BYTES, Segment};
use crate::{Damage, Error, Identity, Reason, paths};

/// Iterates over durable groups. Holds one group and a read buffer in memory.
///
/// `None` means that the end is reached for now: asking again later goes on with what was appended since. After an
/// [`Error::Damaged`] reading goes on behind the damage; after any other error the reader gives nothing more.
pub struct Reader {
    directory: PathBuf,
    index: Arc<Index>,
    /// Groups before this were asked to be left out.
    from: u64,
    /// Where to read on.
    position: u64,
    current: Option<(u64, Scanner)>,
    has_failed: bool,
}

impl Reader {
    pub(crate) fn new(directory: PathBuf, index: Arc<Index>, from: u64) -> Reader {
        Reader { directory, index, from, position: from, current: None, has_failed: false }
    }

    /// The position behind what was read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next group in `segment`; `None` when it holds no more.
    fn read(&mut self, segment: &Segment) -> Result<Option<Group>, Error> {
        let path = paths::segment(&self.directory, segment.start);
        let limit = segment.end - segment.start;
        let mut scanner = match self.current.take() {
            Some((start, scanner)) if start == segment.start => scanner,
            _ => self.open(segment, limit).map_err(|error| Error::read(&path, error))?,
        };
        let mut identity = None;
        let mut frames = Vec::new();
        let scanned = scanner.next(limit, |view| keep(view, &mut identity, &mut frames));
        self.current = Some((segment.start, scanner));
        let (offset, end, reason) = match scanned.map_err(|error| Error::read(&path, error))? {
            Scanned::End => {
                self.position = segment.end;
                return Ok(None);
            }
            Scanned::Group { start, end } => {
                self.position = segment.start + end;
                let first = segment.start + start;
                let group = Group { first, end: self.position, identity, frames };
                return Ok((first >= self.from).then_some(group));
            }
            Scanned::Damage { start, end, reason } => (start, end, reason),
            Scanned::Torn { start } => (start, limit, Reason::Cut),
        };
        self.position = segment.start + end;
        if segment.known_damage.binary_search(&(segment.start + offset)).is_ok() || self.position <= self.from {
            return Ok(None);
        }
        Err(Error::Damaged(Damage { path, offset, bytes: end - offset, reason, kept: None }))
    }

    /// Opens the segment at the group that starts at the reader's position. If none starts there, at the first one.
    fn open(&self, segment: &Segment, limit: u64) -> std::io::Result<Scanner> {
        let file = File::open(paths::segment(&self.directory, segment.start))?;
        let mut scanner = Scanner::new(file, segment.start);
        let offset = self.position.saturating_sub(segment.start);
        if offset > PREAMBLE_BYTES {
            scanner.seek(offset, limit)?;
        }
        Ok(scanner)
    }
}

impl Iterator for Reader {
    type Item = Result<Group, Error>;

    fn next(&mut self) -> Option<Result<Group, Error>> {
        while !self.has_failed {
            let segment = self.index.holding(self.position)?;
            match self.read(&segment) {
                Ok(Some(group)) => return Some(Ok(group)),
                Ok(None) => {}
                Err(damaged @ Error::Damaged(_)) => return Some(Err(damaged)),
                // Trimmed since it was looked up: go on with the segment that is now the first.
                Err(_) if self.index.start() > segment.start => self.current = None,
                Err(error) => {
                    self.has_failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn keep(view: FrameView<'_>, identity: &mut Option<Identity>, frames: &mut Vec<Frame>) {
    let payload = Bytes::copy_from_slice(view.payload);
    frames.push(Frame { position: view.position, kind: view.header.kind, payload });
    *identity = view.header.identity;
}
