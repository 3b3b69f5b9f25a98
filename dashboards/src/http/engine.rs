//! What the handlers ask of the log store, as plain types and a struct of functions.
//!
//! Every function blocks and is called off the async threads. It looks at its [`Budget`] as it goes: past the
//! deadline or the memory it answers what it has with `partial` set, and once cancelled it answers
//! [`EngineError::Cancelled`] soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use orszem_model::Record;
use orszem_search::Query;
use tokio::sync::mpsc;

/// A span of time in nanoseconds since 1970: `from` is in it, `to` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub from: i64,
    pub to: i64,
}

/// What a question is about.
#[derive(Clone, Debug)]
pub struct Scope {
    pub query: Query,
    pub tenant: u32,
    pub range: TimeRange,
}

/// How long and how much a question may take.
#[derive(Clone, Debug)]
pub struct Budget {
    pub deadline: Option<Instant>,
    /// Bytes of rows and tables held at once.
    pub memory_bytes: usize,
    /// Set when nobody waits for the answer any more.
    pub cancel: Arc<AtomicBool>,
}

impl Budget {
    /// Whether nobody waits any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// A record's place in the total order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub ts: i64,
    pub seq: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// A record with its sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub seq: u64,
    pub record: Record,
}

impl Row {
    pub fn cursor(&self) -> Cursor {
        Cursor { ts: self.record.timestamp.0, seq: self.seq }
    }
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    pub bytes_scanned: u64,
    pub records_scanned: u64,
}

/// Why an answer is not the whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Partial {
    Deadline,
    Memory,
    /// A part of the store is damaged; the log names it.
    Damage,
}

/// An answer with what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    pub value: T,
    pub stats: Stats,
    pub partial: Option<Partial>,
}

/// One page of rows is wanted.
#[derive(Clone, Debug)]
pub struct SearchAsk {
    pub scope: Scope,
    pub order: Order,
    pub limit: usize,
    /// Begin behind this row.
    pub after: Option<Cursor>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPage {
    pub rows: Vec<Row>,
    /// Where the next page begins; `None` if this was the last.
    pub next: Option<Cursor>,
}

#[derive(Clone, Debug)]
pub struct HistogramAsk {
    pub scope: Scope,
    /// In nanoseconds; buckets begin at its multiples.
    pub step: i64,
}

/// A bucket's begin and its records by severity band (`Severity::BANDS`). Empty buckets may be left out.
pub type Bucket = (i64, [u64; 7]);

#[derive(Clone, Debug)]
pub struct TopAsk {
    pub scope: Scope,
    pub field: String,
    pub limit: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// Most frequent first.
    pub values: Vec<(String, u64)>,
    /// Different values in all.
    pub distinct: u64,
    /// Records with a value that is not among them.
    pub other: u64,
    /// Records without the field.
    pub missing: u64,
}

#[derive(Clone, Debug)]
pub struct NumbersAsk {
    pub scope: Scope,
    pub field: String,
    /// 0 to 1 each.
    pub quantiles: Vec<f64>,
}

/// Figures of a numeric field; not a number where no record has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// Records whose value is a number.
    pub count: u64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    /// In the order asked for.
    pub quantiles: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSummary {
    pub name: String,
    /// Records that have it.
    pub count: u64,
}

#[derive(Clone, Debug)]
pub struct ContextAsk {
    pub tenant: u32,
    pub at: Cursor,
    pub before: usize,
    pub after: usize,
    /// Only neighbours that match; without it, all of the row's stream.
    pub filter: Option<Query>,
}

/// A row and its neighbours in its stream, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    pub before: Vec<Row>,
    pub row: Row,
    pub after: Vec<Row>,
}

#[derive(Clone, Debug)]
pub struct PatternsAsk {
    pub scope: Scope,
    pub limit: usize,
}

/// Lines that are alike but for their variable parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The fixed words, with a mark where the lines differ.
    pub skeleton: String,
    pub count: u64,
}

/// A live subscription. Dropping `rows` ends it.
#[derive(Debug)]
pub struct TailFeed {
    /// Bounded; whoever fills it drops a row when it is full and counts it in `dropped`.
    pub rows: mpsc::Receiver<Row>,
    pub dropped: Arc<AtomicU64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("the question was given up")]
    Cancelled,
    #[error("the log store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A function of the store.
pub type Ask<A, T> = Box<dyn Fn(&A, &Budget) -> Result<T, EngineError> + Send + Sync>;

/// The store, as far as the API needs it.
pub struct Engine {
    pub search: Ask<SearchAsk, Answer<RowPage>>,
    pub count: Ask<Scope, Answer<u64>>,
    pub histogram: Ask<HistogramAsk, Answer<Vec<Bucket>>>,
    pub top: Ask<TopAsk, Answer<Top>>,
    pub numbers: Ask<NumbersAsk, Answer<Numbers>>,
    pub fields: Ask<Scope, Answer<Vec<FieldSummary>>>,
    /// `None` if there is no such record.
    pub context: Ask<ContextAsk, Option<Context>>,
    pub patterns: Ask<PatternsAsk, Answer<Vec<Pattern>>>,
    /// The plan, a line each, after running the question.
    pub explain: Ask<Scope, Answer<Vec<String>>>,
    /// Deletes what matches; answers how many records once that is durable.
    pub delete: Ask<Scope, u64>,
    /// Must not block.
    pub tail: Box<dyn Fn(Scope) -> TailFeed + Send + Sync>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}
