//! A question to the engine, and its answer.

use orszem_model::{HistogramPoint, Labels};

use crate::annotation::Annotation;
use crate::ast::Expr;

/// The moments at which an expression is evaluated; milliseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moments {
    Instant(i64),
    /// `start`, `start + step`, … up to `end`; `step` is positive and `start <= end`.
    Range {
        start: i64,
        end: i64,
        step: i64,
    },
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub expr: &'a Expr,
    pub moments: Moments,
}

/// How the engine evaluates, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How far back an instant selector looks for a sample.
    pub lookback_ms: i64,
    /// The step of subqueries that name none.
    pub subquery_step_ms: i64,
    /// Samples in memory at once; a query that needs more fails with [`EvalError::TooManySamples`].
    pub samples_max: usize,
    /// Threads that one query may use.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { lookback_ms: 300_000, subquery_step_ms: 60_000, samples_max: 50_000_000, threads: 1 }
    }
}

/// Whoever may end a query before its time; asked often.
pub trait Interrupt: Sync {
    /// # Errors
    /// When the query is to stop.
    fn check(&self) -> Result<(), Interruption>;
}

/// Never interrupts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Never;

impl Interrupt for Never {
    fn check(&self) -> Result<(), Interruption> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interruption {
    #[error("query timed out in expression evaluation")]
    TimedOut,
    #[error("query was canceled in expression evaluation")]
    Cancelled,
}

/// The value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Scalar {
        time: i64,
        value: f64,
    },
    String {
        time: i64,
        value: String,
    },
    /// The answer of an instant query; the order is the order to show where a function sorted it.
    Vector(Vec<Sample>),
    /// Sorted by labels.
    Matrix(Vec<Series>),
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: Labels,
    pub point: Point,
    /// Milliseconds since 1970, UTC.
    pub time: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    Float(f64),
    Histogram(std::sync::Arc<orszem_model::Histogram>),
}

/// One series of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    pub labels: Labels,
    pub floats: Vec<(i64, f64)>,
    pub histograms: Vec<HistogramPoint>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub value: Value,
    /// Sorted, each once.
    pub annotations: Vec<Annotation>,
    pub statistics: Statistics,
}

/// What a query took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Series that selectors gave.
    pub series: u64,
    /// Samples read.
    pub samples: u64,
    /// The most samples in memory at once.
    pub peak_samples: u64,
    /// `(time, samples)` for each moment, as `stats=all` shows them.
    pub samples_per_step: Vec<(i64, u64)>,
}

/// Why there is no answer; the texts are Prometheus'.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("{0}")]
    Interrupted(#[from] Interruption),
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    #[error("{0}")]
    Source(#[from] crate::SourceError),
    /// What the asker did wrong.
    #[error("{0}")]
    Execution(String),
}
