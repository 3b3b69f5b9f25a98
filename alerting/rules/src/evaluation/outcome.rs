//! What an evaluation gives.

use orszem_model::Labels;
use orszem_promql::{Annotation, EvalError, Point};

use super::alert::AlertState;

/// A sample to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSample {
    pub labels: Labels,
    /// Milliseconds since 1970, UTC.
    pub time: i64,
    /// The stale marker where the series has ended.
    pub point: Point,
}

/// What came of a group.
#[derive(Debug, Default)]
pub struct GroupOutcome {
    /// In the order in which they are to be stored: of two samples of a series the first counts, and a stale marker
    /// for which there is no room is no error. `ALERTS`, `ALERTS_FOR_STATE`, recorded series.
    pub samples: Vec<NewSample>,
    /// One a rule, in the group's order.
    pub rules: Vec<RuleOutcome>,
}

/// What came of a rule.
#[derive(Debug, Default)]
pub struct RuleOutcome {
    /// Why it failed; it has no samples then, and its alerts stay as they were.
    pub error: Option<RuleError>,
    /// What the query engine remarked.
    pub annotations: Vec<Annotation>,
    /// One for each alert that is active, or was at the evaluation before.
    pub observations: Vec<RuleObservation>,
    /// Templates that were not expanded, as `name: reason`.
    pub template_errors: Vec<String>,
}

/// What a rule says about one label set.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleObservation {
    /// The place of the rule in its group.
    pub rule: usize,
    /// With `alertname`.
    pub labels: Labels,
    /// Names and texts.
    pub annotations: Labels,
    /// The value, while there is an element; an alert may go on firing without one.
    pub value: Option<f64>,
    pub state: AlertState,
    /// Since when there is an element; milliseconds since 1970, UTC.
    pub active_at: i64,
    /// The time of the evaluation.
    pub at: i64,
}

/// Why a rule failed, in Prometheus' words.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("{0}")]
    Evaluate(#[from] EvalError),
    #[error("rule result is not a vector or scalar")]
    NoVector,
    #[error("vector contains metrics with the same labelset after applying alert labels")]
    SameAlertLabels,
    #[error("vector contains metrics with the same labelset after applying rule labels")]
    SameLabels,
    #[error("exceeded limit of {limit} with {count} alerts")]
    TooManyAlerts { limit: usize, count: usize },
    #[error("exceeded limit of {limit} with {count} series")]
    TooManySeries { limit: usize, count: usize },
}
