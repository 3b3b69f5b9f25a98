//! A metric of a file, checked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use croner::Cron;
use orszem_exposition::MetricType;

/// A query and the series that its rows are.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The middle of its names; may be empty.
    pub context: String,
    /// Columns that are labels, in lower case.
    pub labels: Vec<String>,
    /// Columns that are values, in lower case, with help and type.
    pub fields: BTreeMap<String, FieldType>,
    /// The column whose value ends the names instead of the field's.
    pub field_to_append: Option<String>,
    pub request: String,
    /// No rows are no error.
    pub ignore_zero_result: bool,
    /// How long a run may take; `None` for the database's own.
    pub timeout: Option<Duration>,
    /// When it runs; `None` for the database's interval.
    pub schedule: Option<Schedule>,
    /// The databases it is for; `None` for all.
    pub databases: Option<Vec<String>>,
    /// The unit of its fields, for the metadata; empty for none.
    pub unit: String,
    /// By field.
    pub thresholds: BTreeMap<String, Thresholds>,
    /// Further rows are left out.
    pub row_limit: usize,
    /// The longest value of a label in bytes; longer ones are cut.
    pub label_limit: usize,
    pub iterator: Option<ForEach>,
    /// Run before the request, in the same session.
    pub startup_sql: Vec<String>,
    pub static_labels: BTreeMap<String, String>,
    /// The column that holds the samples' time.
    pub timestamp: Option<String>,
    pub on_error: OnError,
    pub role: Role,
    /// Where it stands.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
}

impl Metric {
    /// Whether a database of this name is asked.
    pub fn is_for(&self, database: &str) -> bool {
        self.databases.as_ref().is_none_or(|names| names.iter().any(|name| name == database))
    }

    /// Two metrics of one context with the same fields are one: the later replaces the earlier.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.context == other.context && self.fields.keys().eq(other.fields.keys())
    }
}

/// What a column of values is.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldType {
    pub help: String,
    pub kind: MetricType,
    /// Of a histogram: the column of each upper bound; counts are cumulative. The field itself is the sum, and the
    /// column `count` the count.
    pub buckets: Vec<(String, f64)>,
}

/// When a query runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    Every(Duration),
    /// At these moments, in the zone of the host.
    Cron(Box<Cron>),
}

/// When a value is a warning, and when critical.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    pub warning: Option<Bound>,
    pub critical: Option<Bound>,
    /// How long it must hold.
    pub held: Duration,
}

/// `>= 85`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    pub operator: Operator,
    pub value: f64,
}

/// How a value is compared with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
}

impl Bound {
    /// Whether the value is beyond it.
    pub fn is_crossed(&self, value: f64) -> bool {
        match self.operator {
            Operator::Greater => value > self.value,
            Operator::GreaterOrEqual => value >= self.value,
            Operator::Less => value < self.value,
            Operator::LessOrEqual => value <= self.value,
            Operator::Equal => value == self.value,
            Operator::NotEqual => value != self.value,
        }
    }

    /// Reads `>= 85`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let operators = [
            (">=", Operator::GreaterOrEqual),
            ("<=", Operator::LessOrEqual),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            (">", Operator::Greater),
            ("<", Operator::Less),
        ];
        let (rest, operator) =
            operators.iter().find_map(|(sign, operator)| Some((text.strip_prefix(sign)?, *operator)))?;
        let value = rest.trim().parse::<f64>().ok().filter(|value| value.is_finite())?;
        Some(Self { operator, value })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.operator {
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
        };
        write!(f, "{sign} {}", self.value)
    }
}

/// A query whose rows the request is run for, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForEach {
    pub request: String,
    /// Its columns that become labels, in lower case.
    pub labels: Vec<String>,
}

/// What becomes of a query's series when it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// They end.
    #[default]
    Stale,
    /// They are 0.
    Zero,
    /// Nothing is told.
    Drop,
}

/// Where a query runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    Primary,
    Standby,
    #[default]
    Any,
}
