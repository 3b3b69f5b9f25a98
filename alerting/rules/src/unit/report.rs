//! How tests of rules went.

use orszem_model::Labels;
use orszem_promql::{Point, histogram};
use serde::Serialize;

use crate::problem::Problem;

/// How one test of a file went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestReport {
    /// Its name, else `unnamed#` and its place.
    pub name: String,
    /// Empty when it passed.
    pub failures: Vec<Failure>,
}

/// One thing that was not as wanted. Times are milliseconds from the start of the test.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Failure {
    /// A rule file is not in order.
    RuleFile { file: String, problems: Vec<Problem> },
    /// A rule could not be evaluated; the test ends there.
    Rule { rule: String, time_ms: i64, error: String },
    /// A test names no alert.
    NoAlertname { time_ms: i64 },
    /// Other alerts fire.
    Alerts { alertname: String, time_ms: i64, expected: Vec<Alerted>, got: Vec<Alerted> },
    /// A query gives something else.
    Expr { expr: String, time_ms: i64, expected: Vec<Measured>, got: Vec<Measured> },
    /// A query has no answer.
    ExprFailed { expr: String, time_ms: i64, error: String },
    /// A series is given twice at one time.
    Input { error: String },
}

/// An alert that fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Alerted {
    #[serde(serialize_with = "as_map")]
    pub labels: Labels,
    #[serde(serialize_with = "as_map")]
    pub annotations: Labels,
}

/// An element that a query gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    #[serde(serialize_with = "as_map")]
    pub labels: Labels,
    /// A number, or a histogram, as text.
    pub value: String,
}

impl Measured {
    pub(super) fn of(labels: &Labels, point: &Point) -> Self {
        let value = match point {
            Point::Float(value) => value.to_string(),
            Point::Histogram(histogram) => histogram::text(histogram),
        };
        Self { labels: labels.clone(), value }
    }
}

fn as_map<S: serde::Serializer>(labels: &Labels, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter())
}
