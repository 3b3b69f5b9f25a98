//! Reading of small files under the roots.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::Paths;
use crate::error::CollectError;

/// The most that is read of a file; beyond it the file counts as garbled.
const FILE_BYTES_MAX: usize = 16 << 20;
/// Kernel files are mostly shorter: one read takes them.
const READ_BYTES: usize = 8 << 10;
/// The most entries of a directory that are listed.
const ENTRIES_MAX: usize = 65_536;

/// The places where the files of the host are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    procfs: PathBuf,
    sysfs: PathBuf,
    rootfs: PathBuf,
}

impl Files {
    pub(crate) fn new(paths: Paths) -> Self {
        let Paths { procfs, sysfs, rootfs } = paths;
        Self { procfs, sysfs, rootfs }
    }

    pub(crate) fn proc(&self, path: &str) -> PathBuf {
        self.procfs.join(path)
    }

    pub(crate) fn sys(&self, path: &str) -> PathBuf {
        self.sysfs.join(path)
    }

    /// A path of the host, absolute or not.
    pub(crate) fn root(&self, path: &str) -> PathBuf {
        self.rootfs.join(path.trim_start_matches('/'))
    }
}

/// A text that is read into again and again.
#[derive(Debug, Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    text: String,
}

impl Page {
    /// The whole file; bytes that are no UTF-8 become `U+FFFD`.
    pub(crate) fn read(&mut self, path: &Path) -> Result<&str, CollectError> {
        match self.fill(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let what = format!("more than {FILE_BYTES_MAX} bytes");
                return Err(CollectError::Garbled { path: path.to_owned(), what });
            }
            Err(error) => return Err(CollectError::of_file(path.to_owned(), error)),
        }
        self.text.clear();
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(&self.bytes)),
        }
        Ok(&self.text)
    }

    /// What was read last.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The whole file, or `None` where there is none.
    pub(crate) fn read_if_there(&mut self, path: &Path) -> Result<Option<&str>, CollectError> {
        match self.read(path) {
            Ok(_) => Ok(Some(&self.text)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The file without white space at its end, or `None` if it cannot be read: many attributes of sysfs refuse to
    /// be read when they do not apply.
    pub(crate) fn attribute(&mut self, path: &Path) -> Option<&str> {
        self.read(path).ok().map(str::trim)
    }

    /// The number that an attribute of sysfs is.
    pub(crate) fn attribute_number(&mut self, path: &Path) -> Option<f64> {
        self.attribute(path).and_then(crate::fields::number)
    }

    /// The number that the whole file is; it must be one.
    pub(crate) fn number(&mut self, path: &Path) -> Result<f64, CollectError> {
        crate::fields::number(self.read(path)?).ok_or_else(|| garbled(path, "no number"))
    }

    fn fill(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut length = 0;
        loop {
            if self.bytes.len() < length + READ_BYTES {
                self.bytes.resize(length + READ_BYTES, 0);
            }
            match file.read(&mut self.bytes[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if length > FILE_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        self.bytes.truncate(length);
        Ok(())
    }
}

/// The names in a directory, sorted, numbers in their order (`cpu2` before `cpu10`).
pub(crate) fn names(path: &Path) -> Result<Vec<String>, CollectError> {
    let of_file = |error| CollectError::of_file(path.to_owned(), error);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(of_file)?.take(ENTRIES_MAX) {
        if let Ok(name) = entry.map_err(of_file)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    Ok(names)
}

/// The names in a directory; none where there is no directory.
pub(crate) fn names_if_there(path: &Path) -> Result<Vec<String>, CollectError> {
    match names(path) {
        Err(error) if error.is_missing() => Ok(Vec::new()),
        other => other,
    }
}

/// The last part of what a symbolic link leads to.
pub(crate) fn link_name(path: &Path) -> Option<String> {
    fs::read_link(path).ok()?.file_name()?.to_str().map(str::to_owned)
}

pub(crate) fn garbled(path: &Path, what: impl Into<String>) -> CollectError {
    CollectError::Garbled { path: path.to_owned(), what: what.into() }
}
