//! Queries over a snapshot: what they are asked with and what they answer.

pub(crate) mod aggregate;
pub(crate) mod explain;
pub(crate) mod plan;
mod planner;
mod rows;
mod select;
mod visit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use orszem_model::{Record, Stream};

use crate::error::{Error, Result};

/// A half-open span of time, `[from, to)`, in nanoseconds since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: i64,
    pub to: i64,
}

impl Range {
    /// All times there are (but the last nanosecond).
    pub const ALL: Self = Self { from: i64::MIN, to: i64::MAX };

    pub(crate) fn contains(self, timestamp: i64) -> bool {
        self.from <= timestamp && timestamp < self.to
    }

    /// Whether all of `[min, max]` lies in it.
    pub(crate) fn covers(self, min: i64, max: i64) -> bool {
        self.from <= min && max < self.to
    }

    pub(crate) fn meets(self, min: i64, max: i64) -> bool {
        self.from <= max && min < self.to
    }
}

/// Which records come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// A place in the total order of records; a page ends at one and the next starts behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    pub timestamp: i64,
    pub seq: u64,
}

/// What a query may use. Where a limit is met the answer is what was found so far, marked partial.
#[derive(Clone, Debug)]
pub struct Budget {
    pub deadline: Option<Instant>,
    /// Bytes of rows or of distinct values that may be held.
    pub memory_bytes: usize,
    /// Set from outside to end the query with [`Error::Cancelled`].
    pub cancel: Arc<AtomicBool>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { deadline: None, memory_bytes: 256 << 20, cancel: Arc::default() }
    }
}

/// Why an answer is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partial {
    Deadline,
    Memory,
    /// A block could not be read; [`Stats::damaged`] names it.
    Damage,
}

impl Partial {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Damage => "damage",
        }
    }
}

/// What a query cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub segments: u64,
    /// Segments that index or time ruled out at once.
    pub segments_skipped: u64,
    pub blocks_read: u64,
    /// Decompressed bytes of those blocks and bytes of the memtable.
    pub bytes_scanned: u64,
    /// Records that were put together and compared with the query.
    pub records_verified: u64,
    /// Records found.
    pub matched: u64,
    /// Files with damage that was met.
    pub damaged: Vec<String>,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub record: Record,
    pub seq: u64,
}

impl Row {
    /// Its place in the order.
    pub fn cursor(&self) -> Cursor {
        Cursor { timestamp: self.record.timestamp.0, seq: self.seq }
    }
}

/// The answer to [`crate::Snapshot::search`].
#[derive(Clone, Debug, Default)]
pub struct SearchResult {
    pub rows: Vec<Row>,
    /// Where the next page starts, if there may be one.
    pub next: Option<Cursor>,
    pub stats: Stats,
    pub partial: Option<Partial>,
}

/// What [`crate::Snapshot::search`] is asked for beside the query.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    pub range: Range,
    pub order: Order,
    /// The rows wanted.
    pub limit: usize,
    /// Only what comes behind it in the order.
    pub after: Option<Cursor>,
    /// Only this stream.
    pub stream: Option<&'a Stream>,
}

/// A value and what the query cost.
#[derive(Clone, Debug, Default)]
pub struct Answer<T> {
    pub value: T,
    pub stats: Stats,
    pub partial: Option<Partial>,
}

/// Watches a budget while a query runs.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    budget: &'a Budget,
    pub(crate) stats: Stats,
    pub(crate) partial: Option<Partial>,
    held: usize,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(budget: &'a Budget) -> Self {
        Self { budget, stats: Stats::default(), partial: None, held: 0 }
    }

    /// Fails once nobody waits for the answer any more.
    pub(crate) fn check_cancelled(&self) -> Result<()> {
        if self.budget.cancel.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Called before each piece of work; `false` ends the query with what it has.
    pub(crate) fn go_on(&mut self) -> Result<bool> {
        self.check_cancelled()?;
        if self.budget.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.partial = Some(Partial::Deadline);
        }
        Ok(!matches!(self.partial, Some(Partial::Deadline | Partial::Memory)))
    }

    /// Notes `bytes` more held; `false` once they are too many.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        self.held += bytes;
        if self.held > self.budget.memory_bytes {
            self.partial = Some(Partial::Memory);
            return false;
        }
        true
    }

    /// Swallows damage after naming it: the rest is served, and the answer says that it is partial.
    pub(crate) fn survive<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Corrupt { path, what }) => {
                tracing::error!(path = %path.display(), what, "a query met a damaged segment");
                self.partial.get_or_insert(Partial::Damage);
                let name = path.display().to_string();
                if !self.stats.damaged.contains(&name) {
                    self.stats.damaged.push(name);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn answer<T>(self, value: T) -> Answer<T> {
        Answer { value, stats: self.stats, partial: self.partial }
    }
}
