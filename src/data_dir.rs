//! The data directory: where it is, its lock, and the names of what lies in it.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("can't tell where to keep data: neither XDG_STATE_HOME nor HOME is set; name a directory with --data-dir")]
    NoDefault,
    #[error("can't create the data directory {}", path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't open the lock {}", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the data directory {} is in use by {holder}; stop it or name another directory with --data-dir", path.display())]
    InUse { path: PathBuf, holder: String },
}

/// A data directory that this process holds alone; dropping it gives it free.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDir {
    /// Creates the directory (mode 0700) where it is missing, and locks it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let create = |source| DataDirError::Create { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(create)?;
        let path = std::path::absolute(path).map_err(create)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// The directory itself, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the local certificate authority is kept.
    pub fn tls(&self) -> PathBuf {
        tls_of(&self.path)
    }

    /// Where it is noted that a test message reached the address of `up --mail`.
    pub fn mail_tested(&self) -> PathBuf {
        self.path.join("mail-tested")
    }

    /// Where the collector keeps its queue.
    pub fn collector(&self) -> PathBuf {
        collector_of(&self.path)
    }
}

/// Where the collector of the data directory `path` keeps its queue.
pub fn collector_of(path: &Path) -> PathBuf {
    path.join("collector")
}

/// The name of the lock in a data directory; never part of a backup.
pub const LOCK_NAME: &str = "lock";

/// The name of the directory in a data directory where a backup of a running server is put together; never part of one.
pub const STAGING_NAME: &str = "backup.part";

/// Where the local certificate authority of the data directory `path` is kept.
pub fn tls_of(path: &Path) -> PathBuf {
    path.join("tls")
}

/// The data directory when none is named: `/var/lib/orszem` for root, else `orszem` in the user's XDG state directory.
///
/// `variable` looks up an environment variable.
pub fn default_path(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, DataDirError> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    path_for(is_root, variable)
}

fn path_for(is_root: bool, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, DataDirError> {
    let directory = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if is_root {
        return Ok(PathBuf::from("/var/lib/orszem"));
    }
    directory("XDG_STATE_HOME")
        .or_else(|| directory("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("orszem"))
        .ok_or(DataDirError::NoDefault)
}

fn lock(directory: &Path) -> Result<File, DataDirError> {
    let path = directory.join(LOCK_NAME);
    let failed = |source| DataDirError::Lock { path: path.clone(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(failed)?;
            let holder = if holder.is_empty() { "another process".to_owned() } else { holder.trim_end().to_owned() };
            return Err(DataDirError::InUse { path: directory.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "orszem (pid {})", std::process::id()).map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_it_and_the_second_learns_who() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("a/b");
        let held = DataDir::open(&path).expect("free");
        let second = DataDir::open(&path).expect_err("in use").to_string();
        assert!(second.contains(&format!("in use by orszem (pid {})", std::process::id())), "{second}");
        assert_eq!(std::fs::metadata(&path).expect("made").mode() & 0o777, 0o700);
        drop(held);
        DataDir::open(&path).expect("free again");
    }

    #[test]
    fn the_default_follows_xdg() {
        let with = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let path = |is_root, pairs| path_for(is_root, with(pairs)).ok();
        assert_eq!(path(true, &[("HOME", "/root")]), Some("/var/lib/orszem".into()));
        assert_eq!(path(false, &[("HOME", "/home/a")]), Some("/home/a/.local/state/orszem".into()));
        assert_eq!(path(false, &[("HOME", "/home/a"), ("XDG_STATE_HOME", "/s")]), Some("/s/orszem".into()));
        assert_eq!(
            path(false, &[("HOME", "/home/a"), ("XDG_STATE_HOME", "s")]),
            Some("/home/a/.local/state/orszem".into())
        );
        assert_eq!(path(false, &[]), None);
    }
}
