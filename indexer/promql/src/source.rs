//! Where the engine reads series from.

use orszem_model::{Columns, Labels, Matcher};

/// What a selector asks for: samples with `start < time <= end`, in milliseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug)]
pub struct Select<'a> {
    /// At least one does not match the empty value.
    pub matchers: &'a [Matcher],
    pub start: i64,
    pub end: i64,
}

/// Storage, or anything else that has series.
pub trait Source: Send + Sync {
    /// The series that match, each label set once.
    ///
    /// # Errors
    /// When they can't be read, or are more than the source may give.
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError>;

    /// How many parts of series were left out of what was selected and read because they are damaged.
    fn damaged(&self) -> u64 {
        0
    }
}

/// Selected series.
pub trait Selection: Send + Sync {
    /// How many series.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many stored pieces hold the series, where the source knows: what a series has in one block or file is one.
    fn parts(&self) -> Option<u64> {
        None
    }

    /// Reads the series, one at a time; one for each thread, as it may keep what series share.
    fn reader(&self) -> Box<dyn SeriesReader + '_>;
}

/// Reads the series of a [`Selection`], each by its place, below [`Selection::len`].
pub trait SeriesReader {
    /// The labels of series `at`.
    ///
    /// # Errors
    /// When they can't be read.
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError>;

    /// Those labels of series `at` that are called one of `names`, which are sorted; others may be among them. Of many
    /// series much cheaper than [`Self::labels`] where a source has its own.
    ///
    /// # Errors
    /// When they can't be read.
    fn labels_among(&mut self, at: usize, _names: &[String]) -> Result<Labels, SourceError> {
        self.labels(at)
    }

    /// Replaces the content of `into` with the samples of series `at`.
    ///
    /// # Errors
    /// When they can't be read.
    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError>;
}

/// Why series could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    pub message: String,
    /// A limit, which the asker can stay below; otherwise the storage's failure.
    pub is_limit: bool,
}
