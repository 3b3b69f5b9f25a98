//! What a query reads and computes: the tree of its expression, each node with what it selects, and what it took.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use orszem_model::Matcher;

use crate::ast::{Span, ValueType};
use crate::{Annotation, Statistics};

/// A clock that does not go backwards; only differences of what it says count.
#[derive(Clone)]
pub struct Watch(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Watch {
    pub fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Duration {
        (self.0)()
    }
}

impl Debug for Watch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// An explained query.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub root: Node,
    /// What it took, if it was run.
    pub run: Option<Run>,
}

/// What a run took, as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub annotations: Vec<Annotation>,
    pub statistics: Statistics,
    /// Samples that were read, whatever became of them.
    pub samples_read: u64,
    pub time: Duration,
}

/// One node; parentheses have none.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Span,
    /// As `parse_query` names it; `infoSelector` stands for the info series that `info` reads beside its vector.
    pub kind: &'static str,
    /// The node without what is below it: `sum by (job)`, `/ on (job)`; selectors and literals as they are written.
    pub text: String,
    pub value_type: ValueType,
    /// At how many moments it is evaluated; 1 for what is the same at all of them.
    pub steps: u64,
    /// For selectors. Of info series, before a run, all that are asked for; then only those of the `instance` and `job` of
    /// the vector.
    pub selected: Option<Selected>,
    /// What came of it, if it was run; selectors of range vectors and of info series, and subqueries, are part of the
    /// function that they are for.
    pub actual: Option<Actual>,
    pub children: Vec<Node>,
}

/// What a selector reads: samples with `start < time <= end`, milliseconds since 1970, with `@`, `offset`, ranges,
/// lookback and the steps of subqueries accounted for.
#[derive(Clone, Debug, PartialEq)]
pub struct Selected {
    pub matchers: Vec<Matcher>,
    pub start: i64,
    pub end: i64,
    /// Series found in the index.
    pub series: u64,
    /// Stored pieces that hold them, where the source knows.
    pub parts: Option<u64>,
    /// From the samples of a few of them.
    pub estimated_samples: u64,
    /// If it was run. Selectors that read the same are read together, and each shows all of it.
    pub read: Option<Read>,
}

/// What was read of a selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub series: u64,
    pub samples: u64,
    /// Summed over threads.
    pub time: Duration,
}

/// What came of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// How often it was evaluated.
    pub evaluations: u64,
    /// Series that were not empty; 0 for scalars and strings.
    pub series: u64,
    /// Their values at all steps.
    pub samples: u64,
    /// With all that is below it. What is computed one series at a time is summed over threads.
    pub time: Duration,
}
