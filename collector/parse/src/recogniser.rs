//! What one file's lines are: which of them begin a record, and how a record is read.

use super::{Moment, Parsed};

/// Knows the format of one source, or finds it out from what it is shown.
#[derive(Clone, Debug, Default)]
pub struct Recogniser {}

impl Recogniser {
    /// Finds the format out by itself.
    pub fn auto() -> Self {
        Self::default()
    }

    /// Looks at the beginning of a file (whole lines, at most 64 KiB) to settle on a format.
    pub fn learn(&mut self, head: &[u8]) {
        if head.is_empty() {}
    }

    /// Whether a record may have several lines, so that its end is known only by the next one's start or by time.
    pub fn is_multiline(&self) -> bool {
        true
    }

    /// Whether `line`, without its line end, begins a record.
    pub fn is_start(&self, line: &[u8]) -> bool {
        !matches!(line.first(), Some(b' ' | b'\t') | None) && !line.starts_with(b"Caused by: ")
    }

    /// Reads a record: one line, or several joined by line feeds.
    pub fn parse<'a>(&mut self, record: &'a [u8], moment: &Moment<'_>) -> Parsed<'a> {
        super::parse(record, moment)
    }
}
