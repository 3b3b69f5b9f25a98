//! The quarantine: a directory where damaged bytes are set aside for a human before anything else happens to them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{numbered, sync_directory};

/// The most bytes that a quarantine holds when something is copied into it; what is more stays only where it is.
pub const QUARANTINE_BYTES_MAX: u64 = 256 << 20;
/// How many files of the same name the quarantine holds before the last is replaced.
const NAMESAKES_MAX: u32 = 100;
/// How much is copied at once.
const COPY_BYTES: u64 = 1 << 20;

/// The quarantine of a directory; it is made when it is needed.
#[derive(Clone, Debug)]
pub struct Quarantine {
    above: PathBuf,
    directory: PathBuf,
}

/// What became of bytes that were to be copied aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copied {
    /// They are in this file now.
    Now(PathBuf),
    /// They have been in this file since an earlier run.
    Before(PathBuf),
    /// The quarantine is full.
    Not,
}

impl Quarantine {
    /// That of `directory`.
    pub fn of(directory: &Path) -> Self {
        Self { above: directory.to_owned(), directory: directory.join("quarantine") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// The bytes in it.
    pub fn bytes(&self) -> io::Result<u64> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut total = 0;
        for entry in entries {
            total += entry?.metadata()?.len();
        }
        Ok(total)
    }

    /// Moves a file of the directory here, durably; answers where it is then. There is no limit to what is moved.
    pub fn move_in(&self, path: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.directory)?;
        let target = self.free_name(path)?;
        fs::rename(path, &target)?;
        sync_directory(&self.directory)?;
        sync_directory(&self.above)?;
        Ok(target)
    }

    /// Copies `bytes` at `offset` of the file with this number, unless they are here already.
    pub fn copy_in(&self, file: &File, number: u64, offset: u64, bytes: u64) -> io::Result<Copied> {
        fs::create_dir_all(&self.directory)?;
        let target = self.directory.join(numbered::damaged(number, offset));
        if fs::metadata(&target).is_ok_and(|kept| kept.len() == bytes) {
            return Ok(Copied::Before(target));
        }
        if self.bytes()?.saturating_add(bytes) > QUARANTINE_BYTES_MAX {
            return Ok(Copied::Not);
        }
        let temporary = target.with_extension("tmp");
        let out = File::create(&temporary)?;
        let mut chunk = Vec::new();
        let mut done = 0;
        while done < bytes {
            chunk.resize((bytes - done).min(COPY_BYTES) as usize, 0);
            file.read_exact_at(&mut chunk, offset + done)?;
            out.write_all_at(&chunk, done)?;
            done += chunk.len() as u64;
        }
        out.sync_all()?;
        fs::rename(&temporary, &target)?;
        sync_directory(&self.directory)?;
        Ok(Copied::Now(target))
    }

    fn free_name(&self, path: &Path) -> io::Result<PathBuf> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for number in 0..NAMESAKES_MAX {
            let candidate = self.directory.join(format!("{name}.{number}"));
            if !candidate.try_exists()? {
                return Ok(candidate);
            }
        }
        Ok(self.directory.join(format!("{name}.{NAMESAKES_MAX}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_bytes_are_copied_once_and_no_more_than_fit() {
        let directory = tempfile::tempdir().expect("a directory");
        let quarantine = Quarantine::of(directory.path());
        assert_eq!(quarantine.bytes().expect("counts"), 0);
        let path = directory.path().join("segment");
        fs::write(&path, "0123456789").expect("writes");
        let file = File::open(&path).expect("opens");
        let copy = |offset, bytes| quarantine.copy_in(&file, 7, offset, bytes);
        let target = quarantine.path().join("00000000000000000007-00000000000000000003.damaged");
        assert_eq!(copy(3, 4).expect("copies"), Copied::Now(target.clone()));
        assert_eq!(fs::read(&target).expect("reads"), b"3456");
        assert_eq!(copy(3, 4).expect("looks"), Copied::Before(target.clone()));
        assert_eq!(copy(3, 7).expect("copies"), Copied::Now(target.clone()), "more of it is damaged than was known");
        assert_eq!(fs::read(&target).expect("reads"), b"3456789");
        assert_eq!(quarantine.bytes().expect("counts"), 7);
        assert_eq!(copy(4, QUARANTINE_BYTES_MAX - 6).expect("looks"), Copied::Not);
        assert_eq!(copy(8, 3).map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn a_file_that_is_moved_replaces_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let quarantine = Quarantine::of(directory.path());
        let path = directory.path().join("cursors");
        for (content, name) in [("a", "cursors.0"), ("b", "cursors.1")] {
            fs::write(&path, content).expect("writes");
            let moved = quarantine.move_in(&path).expect("moves");
            assert_eq!(moved, quarantine.path().join(name));
            assert_eq!(fs::read_to_string(moved).expect("reads"), content);
            assert!(!path.try_exists().expect("looks"));
        }
        assert_eq!(quarantine.move_in(&path).map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
    }
}
