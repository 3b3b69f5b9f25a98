//! Writes a paged file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{FileKind, PAGE_BYTES, TAIL_MAGIC};
use crate::error::{Error, Result};

/// A paged file being written; it can be read once [`PagedWriter::finish`] is through.
#[derive(Debug)]
pub(crate) struct PagedWriter {
    path: PathBuf,
    file: File,
    page: Vec<u8>,
    crcs: Vec<u8>,
    offset: u64,
}

impl PagedWriter {
    pub(crate) fn create(path: &Path, kind: FileKind) -> Result<Self> {
        let file = File::create_new(path).map_err(Error::create(path))?;
        let page = Vec::with_capacity(PAGE_BYTES);
        let mut writer = Self { path: path.to_owned(), file, page, crcs: Vec::new(), offset: 0 };
        writer.write(&kind.magic)?;
        writer.write(&kind.version.to_le_bytes())?;
        writer.write(&[0; 4])?;
        Ok(writer)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the next byte goes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.offset += bytes.len() as u64;
        while !bytes.is_empty() {
            let (head, tail) = bytes.split_at(bytes.len().min(PAGE_BYTES - self.page.len()));
            self.page.extend_from_slice(head);
            bytes = tail;
            if self.page.len() == PAGE_BYTES {
                self.write_page()?;
            }
        }
        Ok(())
    }

    fn write_page(&mut self) -> Result<()> {
        self.crcs.extend_from_slice(&crc32c::crc32c(&self.page).to_le_bytes());
        self.file.write_all(&self.page).map_err(Error::write(&self.path))?;
        self.page.clear();
        Ok(())
    }

    /// Writes the rest, `numbers` into the footer, and syncs the file. The directory is the caller's to sync.
    /// Answers the length of the file.
    pub(crate) fn finish(mut self, numbers: &[u64]) -> Result<u64> {
        if !self.page.is_empty() {
            self.write_page()?;
        }
        let mut footer = self.offset.to_le_bytes().to_vec();
        numbers.iter().for_each(|number| footer.extend_from_slice(&number.to_le_bytes()));
        let footer_length = footer.len() as u32;
        let footer_crc = crc32c::crc32c(&footer);
        let table_crc = crc32c::crc32c(&self.crcs);
        let mut end = std::mem::take(&mut self.crcs);
        end.extend_from_slice(&footer);
        for number in [footer_length, footer_crc, table_crc] {
            end.extend_from_slice(&number.to_le_bytes());
        }
        end.extend_from_slice(&TAIL_MAGIC);
        self.file.write_all(&end).map_err(Error::write(&self.path))?;
        self.file.sync_all().map_err(Error::sync(&self.path))?;
        Ok(self.offset + end.len() as u64)
    }
}
