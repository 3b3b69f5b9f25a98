//! A name whose file is not known by device and inode, and how it is told what the file is.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::content::{Compression, Content};
use super::followed::{Followed, modified};
use super::position::{FileId, HEAD_BYTES, Position, SHORTEST_MARK};

/// How much older a copy may be than what was read of the original before it was cut.
const COPIED_WITHIN_NS: i64 = 60_000_000_000;
/// What is compared to tell a copy from another file.
const COMPARE_BYTES: usize = 1 << 10;

/// A rotated name whose file is not known by device and inode.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) family: PathBuf,
    pub(super) id: FileId,
    pub(super) metadata: Metadata,
    pub(super) content: Content,
    /// Its first bytes.
    pub(super) head: Vec<u8>,
}

impl Candidate {
    pub(super) fn open(path: PathBuf, family: PathBuf) -> io::Result<Self> {
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        let mut content = Content::new(file, Compression::of(&path))?;
        let head = content.head()?;
        Ok(Self { id: FileId::of(&metadata), path, family, metadata, content, head })
    }

    /// Whether it holds what was read up to `position`.
    pub(super) fn continues(&mut self, position: &Position) -> io::Result<bool> {
        if position.head.len == 0 || !(position.head.begins(&self.head) || self.begins_short(position)) {
            return Ok(false);
        }
        let mut tail = vec![0; position.tail.len()];
        let begin = position.offset - tail.len() as u64;
        Ok(self.content.read_at(begin, &mut tail)? == tail.len() && tail == position.tail)
    }

    /// Whether it may be a copy that was made before the fingerprint of the file's beginning had grown to what it is.
    fn begins_short(&self, position: &Position) -> bool {
        let is_short = (self.head.len() as u64) < position.head.len && self.head.len() as u64 >= position.offset;
        let is_all_in_tail = !position.tail.is_empty() && position.tail.len() as u64 == position.offset;
        is_short && (is_all_in_tail || position.head.is_like(&self.head))
    }

    /// Whether it is a copy that was made before all up to `position` was written, as far as that can be told.
    pub(super) fn is_shorter(&mut self, position: &Position) -> io::Result<bool> {
        let is_of_then = modified(&self.metadata).0 >= position.seen.0.saturating_sub(COPIED_WITHIN_NS);
        let is_like = is_of_then && position.head.is_like(&self.head);
        Ok(is_like && self.len()? < position.offset)
    }

    /// Its length, unless it holds more than a fingerprint covers.
    pub(super) fn len_if_small(&self) -> Option<u64> {
        (self.head.len() < HEAD_BYTES).then_some(self.head.len() as u64)
    }

    /// What it holds, uncompressed.
    pub(super) fn len(&mut self) -> io::Result<u64> {
        if !self.content.is_compressed() {
            return Ok(self.metadata.len());
        }
        let mut buffer = vec![0; 64 << 10];
        let mut len = 0;
        loop {
            match self.content.read_at(len, &mut buffer)? {
                0 => return Ok(len),
                got => len += got as u64,
            }
        }
    }
}

/// Whether `candidate` is what `followed` holds, or the beginning of it: a copy, perhaps under way.
pub(super) fn is_copy(candidate: &mut Candidate, followed: &Followed) -> io::Result<bool> {
    if candidate.head.is_empty() || followed.content.is_compressed() || !may_be_alike(candidate, followed) {
        return Ok(false);
    }
    let file = followed.content.file();
    let same = |candidate: &mut Content, at: u64, len: usize| -> io::Result<bool> {
        let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
        let got = candidate.read_at(at, &mut ours)?;
        Ok(file.read_exact_at(&mut theirs[..got], at).is_ok() && ours[..got] == theirs[..got])
    };
    if !same(&mut candidate.content, 0, candidate.head.len())? {
        return Ok(false);
    }
    let end = candidate.len()?;
    let len = COMPARE_BYTES.min(usize::try_from(end).unwrap_or(COMPARE_BYTES));
    same(&mut candidate.content, end - len as u64, len)
}

/// Whether their beginnings do not tell them apart, as far as that is known without reading.
fn may_be_alike(candidate: &Candidate, followed: &Followed) -> bool {
    let head = &followed.position.head;
    head.len == 0 || candidate.head.len() < SHORTEST_MARK || head.is_like(&candidate.head)
}

/// Whether `candidate` begins with all that a file holds that is gone: an editor saved it.
pub(super) fn has_all_of(candidate: &mut Candidate, followed: &Followed) -> io::Result<bool> {
    if followed.position.offset == 0 || followed.content.is_compressed() || !candidate.continues(&followed.position)? {
        return Ok(false);
    }
    let file = followed.content.file();
    let end = file.metadata()?.len();
    let len = COMPARE_BYTES.min(usize::try_from(end).unwrap_or(COMPARE_BYTES));
    let (mut ours, mut theirs) = (vec![0; len], vec![0; len]);
    let at = end - len as u64;
    let got = candidate.content.read_at(at, &mut ours)?;
    Ok(got == len && file.read_exact_at(&mut theirs, at).is_ok() && ours == theirs)
}
