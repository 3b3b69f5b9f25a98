//! Reads a paged file; a page's checksum is compared when it is first read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::{FileKind, HEADER_BYTES, PAGE_BYTES, TAIL_BYTES, TAIL_MAGIC};
use crate::error::{Error, Result};

/// A paged file, open. Opening reads header and footer; it takes 4 bytes for each 64 KiB of file to check.
#[derive(Debug)]
pub(crate) struct PagedFile {
    path: PathBuf,
    map: Mmap,
    /// Bytes of header and content.
    content: usize,
    numbers: Vec<u64>,
    /// A bit for each page whose checksum has been compared.
    checked: Box<[AtomicU64]>,
}

/// Whether the page that holds the header is not what was written, so that its version says nothing; `None` where the end
/// of the file does not tell, as that of another version may not.
fn is_first_page_damaged(map: &[u8]) -> Option<bool> {
    let tail = map.len().checked_sub(TAIL_BYTES)?;
    let footer_start = tail.checked_sub(u32_at(map, tail)? as usize)?;
    let footer = map.get(footer_start..tail)?;
    if map.get(tail + 12..)? != TAIL_MAGIC || u32_at(map, tail + 4)? != crc32c::crc32c(footer) {
        return None;
    }
    let content = usize::try_from(u64::from_le_bytes(footer.first_chunk().copied()?)).ok()?;
    let table = map.get(content..footer_start)?;
    if u32_at(map, tail + 8)? != crc32c::crc32c(table) {
        return None;
    }
    let page = map.get(..content.min(PAGE_BYTES))?;
    Some(u32_at(table, 0)? != crc32c::crc32c(page))
}

impl PagedFile {
    /// # Errors
    /// When the file can't be read, is cut short, of another kind or version, or its footer has not `numbers` numbers.
    pub(crate) fn open(path: &Path, kind: FileKind, numbers: usize) -> Result<Self> {
        let file = File::open(path).map_err(Error::open(path))?;
        let length = file.metadata().map_err(Error::read(path))?.len();
        let foreign = || Error::Foreign { path: path.to_owned(), kind: kind.name };
        let damaged = || Error::Damaged { path: path.to_owned(), section: "footer" };
        if length < (HEADER_BYTES + TAIL_BYTES) as u64 {
            return Err(foreign());
        }
        let map = map(&file).map_err(Error::read(path))?;
        let map_length = map.len();
        if map[..8] != kind.magic {
            return Err(foreign());
        }
        let version = u32_at(&map, 8).ok_or_else(foreign)?;
        if version != kind.version {
            if is_first_page_damaged(&map) == Some(true) {
                return Err(Error::Damaged { path: path.to_owned(), section: "header" });
            }
            return Err(Error::Version { path: path.to_owned(), version, known: kind.version });
        }
        if map[12..HEADER_BYTES] != [0; 4] {
            return Err(Error::Damaged { path: path.to_owned(), section: "header" });
        }
        let tail = map_length - TAIL_BYTES;
        if map[tail + 12..] != TAIL_MAGIC {
            return Err(foreign());
        }
        let field = |at: usize| u32_at(&map, tail + at).ok_or_else(damaged);
        let (footer_length, footer_crc, table_crc) = (field(0)? as usize, field(4)?, field(8)?);
        let footer_start = tail.checked_sub(footer_length).ok_or_else(damaged)?;
        let footer = &map[footer_start..tail];
        if footer_length != 8 * (numbers + 1) || crc32c::crc32c(footer) != footer_crc {
            return Err(damaged());
        }
        let mut fields = footer.chunks_exact(8).map(|bytes| bytes.try_into().map_or(0, u64::from_le_bytes));
        let content = fields.next().and_then(|content| usize::try_from(content).ok()).ok_or_else(damaged)?;
        let numbers: Vec<u64> = fields.collect();
        let pages = content.div_ceil(PAGE_BYTES);
        if content < HEADER_BYTES || content.checked_add(pages * 4) != Some(footer_start) {
            return Err(damaged());
        }
        if crc32c::crc32c(&map[content..footer_start]) != table_crc {
            return Err(Error::Damaged { path: path.to_owned(), section: "page table" });
        }
        let checked = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { path: path.to_owned(), map, content, numbers, checked })
    }

    /// The numbers of the footer.
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    pub(crate) fn damaged(&self, section: &'static str) -> Error {
        Error::Damaged { path: self.path.clone(), section }
    }

    /// `length` bytes from `offset` of the file on, intact.
    ///
    /// # Errors
    /// When they are not, or not within the content.
    #[inline]
    pub(crate) fn bytes(&self, section: &'static str, offset: u64, length: usize) -> Result<&[u8]> {
        let start = usize::try_from(offset).map_err(|_| self.damaged(section))?;
        let end = start.checked_add(length).filter(|&end| end <= self.content).ok_or_else(|| self.damaged(section))?;
        if length == 0 {
            return Ok(&[]);
        }
        for page in start / PAGE_BYTES..=(end - 1) / PAGE_BYTES {
            if self.checked[page / 64].load(Ordering::Relaxed) & 1 << (page % 64) == 0 {
                self.check(section, page)?;
            }
        }
        Ok(&self.map[start..end])
    }

    #[cold]
    fn check(&self, section: &'static str, page: usize) -> Result<()> {
        let start = page * PAGE_BYTES;
        let bytes = &self.map[start..self.content.min(start + PAGE_BYTES)];
        if u32_at(&self.map, self.content + page * 4) != Some(crc32c::crc32c(bytes)) {
            return Err(self.damaged(section));
        }
        self.checked[page / 64].fetch_or(1 << (page % 64), Ordering::Relaxed);
        Ok(())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[expect(unsafe_code, reason = "a memory map; the store never changes or cuts a file that it has finished writing")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: files of this kind are written once under another name and renamed; they are removed, never rewritten.
    unsafe { Mmap::map(file) }
}
