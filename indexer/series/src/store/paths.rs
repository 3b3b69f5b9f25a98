//! Every name the series store gives a file or directory.

use std::path::{Path, PathBuf};

/// The places of a series store under its directory.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    root: PathBuf,
}

impl Paths {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What the head consists of.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.root.join("MANIFEST")
    }

    pub(crate) fn head(&self) -> PathBuf {
        self.root.join("head")
    }

    pub(crate) fn blocks(&self) -> PathBuf {
        self.root.join("blocks")
    }

    /// Files that could not be used, kept for a closer look.
    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// The samples of one flush.
    pub(crate) fn chunks(&self, number: u64) -> PathBuf {
        self.head().join(format!("{number:010}.chunks"))
    }

    /// The series that have samples in it.
    pub(crate) fn keys(&self, number: u64) -> PathBuf {
        self.head().join(format!("{number:010}.keys"))
    }

    /// Metadata and exemplars.
    pub(crate) fn aside(&self, number: u64) -> PathBuf {
        self.head().join(format!("{number:010}.aside"))
    }

    /// The log of series.
    pub(crate) fn log(&self, number: u64) -> PathBuf {
        self.head().join(format!("{number:010}.series"))
    }

    /// The number and the extension of a file of the head.
    pub(crate) fn parse(path: &Path) -> Option<(u64, &str)> {
        let number = path.file_stem()?.to_str()?.parse().ok()?;
        Some((number, path.extension()?.to_str()?))
    }
}
