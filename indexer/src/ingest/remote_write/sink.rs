//! Where decoded series go: what a store has to offer.

use orszem_exposition::{Exemplar, MetricType};
use orszem_model::{Histogram, Labels};

/// Takes in what a request says. Times are milliseconds since 1970, UTC, in no order.
pub trait SeriesSink {
    /// What stands for a series while a request is taken in.
    type Series: Copy;

    /// The series with this key. Equal keys mean equal labels; one label set may have several keys, for the key is made
    /// of the bytes of a request. `labels` is to be called for a key that is not known, and costs much more.
    fn series(
        &mut self,
        key: u128,
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
    ) -> Result<Self::Series, Refused>;

    fn sample(&mut self, series: Self::Series, time: i64, value: f64);

    fn histogram(&mut self, series: Self::Series, time: i64, histogram: Histogram);

    /// Its time is set.
    fn exemplar(&mut self, series: Self::Series, exemplar: Exemplar);

    /// The counter or histogram of the sample at `time` counts since `start`. Told before that sample.
    fn start(&mut self, series: Self::Series, time: i64, start: i64);

    /// May be told again and again.
    fn metadata(&mut self, metadata: Metadata<'_>);
}

/// What is known of a metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata<'a> {
    pub family: &'a str,
    pub kind: MetricType,
    pub help: &'a str,
    pub unit: &'a str,
}

/// Why a sink has no series for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    Labels(LabelProblem),
    /// There are too many series: a sentence that names the limit.
    Limit(String),
}

impl From<LabelProblem> for Refused {
    fn from(problem: LabelProblem) -> Self {
        Self::Labels(problem)
    }
}

/// What is wrong with a label set, which is shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelProblem {
    /// No metric name, a label without a name, or invalid UTF-8.
    #[error("invalid metric name or labels, got {0}")]
    Invalid(String),
    #[error("invalid labels for series, labels {labels}, duplicated label {name}")]
    Duplicate { labels: String, name: String },
    #[error("invalid labelRefs length {0}")]
    OddReferences(usize),
    #[error("labelRefs {name} (name) = {value} (value) outside of symbols table (size {size})")]
    UnknownReference { name: u32, value: u32, size: usize },
    #[error("series has {count} labels, at most {most} are taken (ingest.labels_max): {labels}")]
    TooMany { count: usize, most: usize, labels: String },
    #[error("label name of {length} bytes is longer than {most} (ingest.name_bytes_max): {labels}")]
    NameTooLong { length: usize, most: usize, labels: String },
    #[error("label value of {length} bytes is longer than {most} (ingest.label_value_bytes_max): {labels}")]
    ValueTooLong { length: usize, most: usize, labels: String },
    #[error("labels of {length} bytes together are longer than {most}: {labels}")]
    SetTooLong { length: usize, most: usize, labels: String },
}
