//! What the Prometheus API asks of the series store, as plain types and a struct of functions.
//!
//! Every function blocks and is called off the async threads. Times are milliseconds since 1970 (UTC), both ends
//! included.

use std::sync::Arc;

use orszem_model::{Labels, Matcher};
use orszem_promql::{Source, SourceError};

/// Which series: those that match one of the sets and have samples in the range.
#[derive(Clone, Debug, Default)]
pub struct SeriesAsk {
    pub tenant: u32,
    /// Empty: all series.
    pub sets: Vec<Vec<Matcher>>,
    pub start: i64,
    pub end: i64,
    /// At most this many answers; 0 for no limit.
    pub limit: usize,
}

/// An answer that may have been cut by the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limited<T> {
    pub items: Vec<T>,
    pub is_cut: bool,
    /// Parts of series that were left out because they are damaged.
    pub damaged: u64,
}

/// What is known of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricMetadata {
    pub metric: String,
    /// `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset` or `unknown`.
    pub kind: String,
    pub help: String,
    pub unit: String,
}

/// The exemplars of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExemplarSeries {
    pub labels: Labels,
    pub exemplars: Vec<Exemplar>,
}

/// One exemplar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplar {
    pub labels: Labels,
    pub value: f64,
    pub time: i64,
}

/// How many series there are, and of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cardinality {
    /// Series in memory.
    pub series: u64,
    /// Label pairs in memory.
    pub label_pairs: u64,
    /// Chunks or parts of series in memory and in unmerged files.
    pub chunks: u64,
    pub min_time: i64,
    pub max_time: i64,
    /// Each with its count, the largest first.
    pub series_by_metric: Vec<(String, u64)>,
    pub values_by_label: Vec<(String, u64)>,
    pub bytes_by_label: Vec<(String, u64)>,
    pub series_by_pair: Vec<(String, u64)>,
}

/// How the server is doing, for `/api/v1/status/runtimeinfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// When the server started, milliseconds since 1970.
    pub started: i64,
    /// When the configuration in force was read, milliseconds since 1970.
    pub config_loaded: i64,
    /// Whether the last attempt to read it succeeded.
    pub is_config_good: bool,
    /// As configured, in words.
    pub retention: String,
    /// Damaged parts found so far.
    pub corruptions: u64,
    /// The working directory.
    pub directory: String,
    pub host: String,
    pub threads: u64,
}

/// Whether the last scrape of a target succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    Up,
    Down,
}

/// Something that is scraped, for `/api/v1/targets`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    pub discovered: Labels,
    pub labels: Labels,
    pub pool: String,
    pub url: String,
    /// The same from elsewhere: with a name of this host where `url` says `localhost`.
    pub global_url: String,
    pub last_error: String,
    /// Milliseconds since 1970; `None` before the first scrape.
    pub last_scrape: Option<i64>,
    pub last_duration_s: f64,
    pub health: Health,
    pub interval_ms: u64,
    pub timeout_ms: u64,
}

/// A target that relabelling dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DroppedTarget {
    pub pool: String,
    pub discovered: Labels,
}

/// All that is scraped, and what is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    pub pools: Vec<String>,
    /// By pool.
    pub active: Vec<Target>,
    /// By pool; maybe not all.
    pub dropped: Vec<DroppedTarget>,
    /// All dropped ones of each pool.
    pub dropped_counts: Vec<(String, u64)>,
}

/// Which metadata of targets.
#[derive(Clone, Debug, Default)]
pub struct TargetMetadataAsk {
    /// Of the targets' labels; empty for all targets.
    pub matchers: Vec<Matcher>,
    pub metric: Option<String>,
    /// No further target is asked once so many are there.
    pub limit: Option<usize>,
}

/// What a target says of a metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetMetadata {
    /// The target's labels.
    pub target: Labels,
    pub metadata: MetricMetadata,
}

/// A function of the store.
pub type Ask<A, T> = Box<dyn Fn(&A) -> Result<T, SourceError> + Send + Sync>;

/// The series store, as far as the API needs it.
pub struct SeriesEngine {
    /// The series of a tenant, for queries.
    pub source: Box<dyn Fn(u32) -> Arc<dyn Source> + Send + Sync>,
    pub series: Ask<SeriesAsk, Limited<Labels>>,
    /// Sorted.
    pub label_names: Ask<SeriesAsk, Limited<String>>,
    /// The values of the label that is named; sorted.
    pub label_values: Ask<(String, SeriesAsk), Limited<String>>,
    /// Sorted by metric.
    pub metadata: Ask<u32, Vec<MetricMetadata>>,
    pub exemplars: Ask<SeriesAsk, Vec<ExemplarSeries>>,
    /// The report of a tenant with as many lines a list as asked for.
    pub cardinality: Ask<(u32, usize), Cardinality>,
    /// Deletes samples durably; answers when that is done.
    pub delete: Ask<SeriesAsk, ()>,
    pub runtime: Box<dyn Fn() -> Runtime + Send + Sync>,
    pub targets: Box<dyn Fn() -> Targets + Send + Sync>,
    pub target_metadata: Ask<TargetMetadataAsk, Vec<TargetMetadata>>,
    /// The configuration in force, as YAML, without secrets.
    pub configuration: Box<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for SeriesEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeriesEngine")
    }
}
