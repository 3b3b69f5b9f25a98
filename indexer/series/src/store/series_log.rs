//! The log of series: the labels of every series of the head that a flush has seen.
//!
//! Magic, version, the store's number, CRC-32C of those; then frames `{length u32, crc32c u32, definitions}`. Appended to by flushes,
//! written anew when most of its series are gone.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use orszem_model::Labels;

use crate::batch::definitions;
use crate::error::{Error, Result};

const MAGIC: [u8; 8] = *b"ORSZSERL";
const VERSION: u32 = 1;
/// Magic, version, the store's number, checksum.
pub(super) const HEADER_BYTES: u64 = 24;
/// Series of one frame.
const FRAME_SERIES: usize = 16 << 10;

/// Begins a log and answers its length. The name is the caller's to sync.
pub(super) fn create(path: &Path, id: u64) -> Result<u64> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&id.to_le_bytes());
    let crc = crc32c::crc32c(&header);
    header.extend_from_slice(&crc.to_le_bytes());
    let mut file = File::create(path).map_err(Error::create(path))?;
    file.write_all(&header).map_err(Error::write(path))?;
    file.sync_all().map_err(Error::sync(path))?;
    Ok(HEADER_BYTES)
}

/// Appends series behind the first `length` bytes and answers how long the log is then. What stood there before, the
/// remains of a flush that failed, is overwritten.
pub(super) fn append(
    path: &Path,
    length: u64,
    series: &[u32],
    labels: impl Fn(&[u32]) -> Vec<(u32, Labels)>,
) -> Result<u64> {
    if series.is_empty() {
        return Ok(length);
    }
    let mut file = File::options().write(true).open(path).map_err(Error::open(path))?;
    file.set_len(length).map_err(Error::write(path))?;
    file.seek(SeekFrom::Start(length)).map_err(Error::write(path))?;
    let mut end = length;
    let mut frame = Vec::new();
    for part in series.chunks(FRAME_SERIES) {
        frame.clear();
        frame.extend_from_slice(&[0; 8]);
        definitions::encode(&labels(part), &mut frame);
        let (head, body) = frame.split_at_mut(8);
        head[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        file.write_all(&frame).map_err(Error::write(path))?;
        end += frame.len() as u64;
    }
    file.sync_all().map_err(Error::sync(path))?;
    Ok(end)
}

/// What was read of a log.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The store's number.
    pub(super) id: Option<u64>,
    /// Frames that could not be read; what stands behind a damaged length is one of them.
    pub(super) damaged: u64,
    /// Bytes that were read.
    pub(super) length: u64,
}

/// Reads a log up to `length`, as far as it is intact, and hands each series to `visit`.
pub(super) fn load(path: &Path, length: Option<u64>, mut visit: impl FnMut(u32, &Labels)) -> Result<Loaded> {
    let bytes = fs::read(path).map_err(Error::read(path))?;
    let wanted = length.unwrap_or(bytes.len() as u64);
    let mut loaded = Loaded { damaged: u64::from((bytes.len() as u64) < wanted), ..Loaded::default() };
    let bytes = bytes.get(..usize::try_from(wanted).unwrap_or(usize::MAX)).unwrap_or(&bytes);
    let Some((header, mut rest)) = bytes.split_at_checked(HEADER_BYTES as usize) else {
        return Ok(Loaded { damaged: 1, ..loaded });
    };
    match take_header(header) {
        Some((VERSION, id)) => loaded.id = Some(id),
        Some((version, _)) => return Err(Error::Version { path: path.to_owned(), version, known: VERSION }),
        None => loaded.damaged += 1,
    }
    while !rest.is_empty() {
        let Some((body, crc, behind)) = take_frame(rest) else {
            loaded.damaged += 1;
            break;
        };
        rest = behind;
        let definitions = (crc32c::crc32c(body) == crc).then(|| definitions::decode(&mut &*body)).flatten();
        match definitions {
            Some(definitions) => definitions.iter().for_each(|(series, labels)| visit(*series, labels)),
            None => loaded.damaged += 1,
        }
    }
    loaded.length = (bytes.len() - rest.len()) as u64;
    Ok(loaded)
}

/// Version and the store's number, of an intact header.
fn take_header(header: &[u8]) -> Option<(u32, u64)> {
    let (content, crc) = header.split_last_chunk::<4>()?;
    let (magic, rest) = content.split_first_chunk::<8>()?;
    let (version, id) = rest.split_first_chunk::<4>()?;
    let is_intact = *magic == MAGIC && crc32c::crc32c(content) == u32::from_le_bytes(*crc);
    is_intact.then_some((u32::from_le_bytes(*version), u64::from_le_bytes(id.try_into().ok()?)))
}

/// The body of the first frame, its checksum, and what follows.
fn take_frame(bytes: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (body, behind) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((body, u32::from_le_bytes(*crc), behind))
}
