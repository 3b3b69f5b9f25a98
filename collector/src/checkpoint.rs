//! The one file that says how far everything was read and which batch is under way.
//!
//! ```text
//! "ORSZEMC1" · u32 crc32c of the rest · epoch · seq · bytes journal cursor
//! n · n × { dev · inode · offset · u8 flags · head length · u64 head hash · bytes path }
//! u8 has batch · [bytes batch]
//! ```
//! Integers are varints but for the fixed ones, which are little-endian. It is replaced as a whole (write,
//! fsync, rename, fsync of the directory), so a crash leaves the old one or the new one.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use orszem_model::varint::{put, put_bytes, take, take_bytes, take_exact};

use crate::CollectorError;

const MAGIC: &[u8; 8] = b"ORSZEMC1";
const FLAG_MID_LINE: u8 = 1;

/// What identifies a file across renames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId {
    pub(crate) dev: u64,
    pub(crate) inode: u64,
}

/// The hash of a file's first bytes, to notice that an inode number was given to another file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) len: u64,
    pub(crate) hash: u64,
}

/// How far one file was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) id: FileId,
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
    pub(crate) head: Head,
    /// The byte at `offset` continues a line of which a piece was already taken.
    pub(crate) mid_line: bool,
}

/// Everything that survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) epoch: u64,
    /// The number of the batch under way, or, without one, of the next.
    pub(crate) seq: u64,
    /// journald's cursor behind the last entry read; empty for none.
    pub(crate) cursor: String,
    /// Positions behind the batch under way.
    pub(crate) positions: Vec<Position>,
    pub(crate) batch: Option<Vec<u8>>,
}

impl Checkpoint {
    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256 + self.batch.as_ref().map_or(0, Vec::len));
        put(&mut body, self.epoch);
        put(&mut body, self.seq);
        put_bytes(&mut body, self.cursor.as_bytes());
        put(&mut body, self.positions.len() as u64);
        for position in &self.positions {
            put(&mut body, position.id.dev);
            put(&mut body, position.id.inode);
            put(&mut body, position.offset);
            body.push(if position.mid_line { FLAG_MID_LINE } else { 0 });
            put(&mut body, position.head.len);
            body.extend_from_slice(&position.head.hash.to_le_bytes());
            put_bytes(&mut body, position.path.as_os_str().as_bytes());
        }
        match &self.batch {
            None => body.push(0),
            Some(batch) => {
                body.push(1);
                put_bytes(&mut body, batch);
            }
        }
        let mut out = Vec::with_capacity(body.len() + 12);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        out.extend_from_slice(&body);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = bytes.strip_prefix(MAGIC)?;
        let crc = u32::from_le_bytes(take_exact(&mut input, 4)?.try_into().ok()?);
        if crc32c::crc32c(input) != crc {
            return None;
        }
        let mut read = Self { epoch: take(&mut input)?, seq: take(&mut input)?, ..Self::default() };
        read.cursor = String::from_utf8(take_bytes(&mut input)?.to_vec()).ok()?;
        for _ in 0..take(&mut input)? {
            read.positions.push(Position {
                id: FileId { dev: take(&mut input)?, inode: take(&mut input)? },
                offset: take(&mut input)?,
                mid_line: take_exact(&mut input, 1)?[0] & FLAG_MID_LINE != 0,
                head: Head {
                    len: take(&mut input)?,
                    hash: u64::from_le_bytes(take_exact(&mut input, 8)?.try_into().ok()?),
                },
                path: PathBuf::from(OsString::from_vec(take_bytes(&mut input)?.to_vec())),
            });
        }
        if take_exact(&mut input, 1)?[0] == 1 {
            read.batch = Some(take_bytes(&mut input)?.to_vec());
        }
        input.is_empty().then_some(read)
    }
}

/// What was found at start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// The first start.
    Nothing,
    /// Bytes that are no checkpoint; they were renamed to `*.corrupt`.
    Corrupt,
    Found(Checkpoint),
}

/// Where the checkpoint lives.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointFile {
    path: PathBuf,
}

impl CheckpointFile {
    /// Creates `dir` if it is missing.
    pub(crate) fn open(dir: &Path) -> Result<Self, CollectorError> {
        std::fs::create_dir_all(dir)
            .map_err(|source| CollectorError::CreateStateDir { path: dir.to_owned(), source })?;
        Ok(Self { path: dir.join("collector.checkpoint") })
    }

    pub(crate) fn load(&self) -> Result<Loaded, CollectorError> {
        let failed = |source| CollectorError::ReadCheckpoint { path: self.path.clone(), source };
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Loaded::Nothing),
            Err(e) => return Err(failed(e)),
        };
        match Checkpoint::decode(&bytes) {
            Some(checkpoint) => Ok(Loaded::Found(checkpoint)),
            None => {
                std::fs::rename(&self.path, self.path.with_extension("corrupt")).map_err(failed)?;
                Ok(Loaded::Corrupt)
            }
        }
    }

    /// When the checkpoint was last replaced.
    pub(crate) fn saved_at(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.path).and_then(|metadata| metadata.modified()).ok()
    }

    /// Replaces the checkpoint. What was saved survives power loss once this returns.
    pub(crate) fn save(&self, checkpoint: &Checkpoint) -> Result<(), CollectorError> {
        self.replace(&checkpoint.encode())
            .map_err(|source| CollectorError::WriteCheckpoint { path: self.path.clone(), source })
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        match self.path.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        Checkpoint {
            epoch: 1_795_341_600_000_000_000,
            seq: 7,
            cursor: "s=ab;i=1".into(),
            positions: vec![Position {
                id: FileId { dev: 1, inode: 99 },
                path: PathBuf::from(OsString::from_vec(b"/var/log/caf\xe9".to_vec())),
                offset: 1 << 40,
                head: Head { len: 256, hash: u64::MAX },
                mid_line: true,
            }],
            batch: Some(vec![0, 255]),
        }
    }

    #[test]
    fn what_is_saved_is_loaded_and_a_flipped_bit_is_set_aside() {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = CheckpointFile::open(dir.path()).expect("opens");
        assert_eq!(file.load().expect("loads"), Loaded::Nothing);
        for batch in [Some(vec![0, 255]), None] {
            let checkpoint = Checkpoint { batch, ..sample() };
            file.save(&checkpoint).expect("saves");
            assert_eq!(file.load().expect("loads"), Loaded::Found(checkpoint));
        }
        let mut bytes = std::fs::read(&file.path).expect("reads");
        *bytes.last_mut().expect("bytes") ^= 1;
        std::fs::write(&file.path, bytes).expect("writes");
        assert_eq!(file.load().expect("loads"), Loaded::Corrupt);
        assert_eq!(file.load().expect("loads"), Loaded::Nothing);
    }

    #[test]
    fn no_cut_checkpoint_decodes() {
        let bytes = sample().encode();
        assert_eq!(Checkpoint::decode(&bytes), Some(sample()));
        for end in 0..bytes.len() {
            assert_eq!(Checkpoint::decode(&bytes[..end]), None, "cut at {end}");
        }
    }
}
