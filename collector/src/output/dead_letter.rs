//! Keeps what no server takes, so that somebody can look at it: the batch as sent, and why beside it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use serde::Serialize;

use super::Signal;

/// All dead letters together; beyond it the oldest are removed.
pub(super) const TOTAL_BYTES_MAX: u64 = 256 << 20;
const REASON: &str = "json";

/// Why a dead letter could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("can't keep a dead letter in {}", path.display())]
pub(super) struct DeadLetterError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// One dead letter.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    /// Its file's name without an ending: `<epoch>-<seq>`, with `-<path>` for a piece.
    pub(super) name: String,
    /// As it was sent, in protobuf and zstd.
    pub(super) payload: Bytes,
    pub(super) about: About,
}

/// What stands beside it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct About {
    /// The status and the server's sentence.
    pub(super) reason: String,
    pub(super) server: String,
    /// When, RFC 3339.
    pub(super) time: String,
    pub(super) source: String,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) records: u64,
}

/// The directory of dead letters.
#[derive(Clone, Debug)]
pub(super) struct DeadLetters {
    directory: PathBuf,
    /// How payloads end.
    ending: &'static str,
    total_bytes_max: u64,
}

impl DeadLetters {
    /// The dead letters of a signal in `state_dir`.
    pub(super) fn new(state_dir: &Path, signal: Signal) -> Self {
        let directory = state_dir.join(signal.dead_letters());
        Self { directory, ending: signal.payload_ending(), total_bytes_max: TOTAL_BYTES_MAX }
    }

    /// Writes a dead letter durably; answers where it is and how many older ones made room.
    pub(super) fn keep(&self, letter: &DeadLetter) -> Result<(PathBuf, u64), DeadLetterError> {
        let path = self.path(&letter.name, self.ending);
        let kept = || {
            fs::create_dir_all(&self.directory)?;
            let mut about = serde_json::to_vec_pretty(&letter.about)?;
            about.push(b'\n');
            write(&self.path(&letter.name, REASON), &about)?;
            write(&path, &letter.payload)?;
            File::open(&self.directory)?.sync_all()?;
            self.make_room(&path)
        };
        match kept() {
            Ok(removed) => Ok((path, removed)),
            Err(source) => Err(DeadLetterError { path, source }),
        }
    }

    /// Removes one that turned out to be none.
    pub(super) fn remove(&self, path: &Path) -> Result<(), DeadLetterError> {
        let failed = |source| DeadLetterError { path: path.to_owned(), source };
        self.remove_pair(path).map_err(failed)
    }

    fn path(&self, name: &str, ending: &str) -> PathBuf {
        self.directory.join(format!("{name}.{ending}"))
    }

    /// Removes the oldest but `newest` until all together are small enough.
    fn make_room(&self, newest: &Path) -> io::Result<u64> {
        let mut letters: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let path = entry.path();
            if path.to_string_lossy().ends_with(self.ending) {
                let metadata = entry.metadata()?;
                letters.push((metadata.modified()?, path, metadata.len()));
            }
        }
        letters.sort();
        let mut total: u64 = letters.iter().map(|(.., bytes)| bytes).sum();
        let mut removed = 0;
        for (_, path, bytes) in letters.iter().filter(|(_, path, _)| path != newest) {
            if total <= self.total_bytes_max {
                break;
            }
            self.remove_pair(path)?;
            total -= bytes;
            removed += 1;
        }
        Ok(removed)
    }

    fn remove_pair(&self, payload: &Path) -> io::Result<()> {
        fs::remove_file(payload)?;
        let name = payload.to_string_lossy();
        let about = PathBuf::from(format!("{}{REASON}", name.strip_suffix(self.ending).unwrap_or(&name)));
        match fs::remove_file(about) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn letter(name: &str, bytes: usize) -> DeadLetter {
        let about = About {
            reason: "400: no".into(),
            server: "http://a".into(),
            time: "2026-11-22T10:00:00Z".into(),
            source: "n1".into(),
            epoch: 1,
            seq: 2,
            records: 3,
        };
        DeadLetter { name: name.into(), payload: vec![7; bytes].into(), about }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("lists");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_make_room_and_the_newest_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let letters = DeadLetters { total_bytes_max: 250, ..DeadLetters::new(directory.path(), Signal::Logs) };
        for (at, name) in ["1-9", "1-10", "1-11"].into_iter().enumerate() {
            let (path, removed) = letters.keep(&letter(name, 100)).expect("keeps");
            assert_eq!(removed, u64::from(at == 2), "{name}");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(at as u64);
            File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("sets the time");
        }
        assert_eq!(names(&letters.directory), ["1-10.json", "1-10.otlp.zst", "1-11.json", "1-11.otlp.zst"]);
        let (path, removed) = letters.keep(&letter("1-12", 1000)).expect("keeps");
        assert_eq!((removed, names(&letters.directory)), (2, vec!["1-12.json".into(), "1-12.otlp.zst".into()]));
        assert_eq!(fs::read(&path).expect("reads").len(), 1000);
        letters.remove(&path).expect("removes");
        assert_eq!(names(&letters.directory), Vec::<String>::new());
        assert!(letters.remove(&path).is_err());
    }
}
