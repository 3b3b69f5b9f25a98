//! Native histograms (Prometheus, `model/histogram/float_histogram.go`), counts as floats.

/// The schema of histograms with bounds of their own ([`Histogram::custom_bounds`]).
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// Whether a histogram goes on from the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum CounterReset {
    #[default]
    Unknown = 0,
    Reset = 1,
    NotReset = 2,
    /// Not a counter.
    Gauge = 3,
}

impl CounterReset {
    /// The hint with this code, as in remote write: 0 to 3.
    pub fn from_code(code: u64) -> Option<Self> {
        [Self::Unknown, Self::Reset, Self::NotReset, Self::Gauge].get(usize::try_from(code).ok()?).copied()
    }
}

/// A run of buckets without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BucketSpan {
    /// The gap to the end of the span before, or the index of the first bucket (may be negative).
    pub offset: i32,
    /// Buckets in the span.
    pub length: u32,
}

/// The buckets of one sign.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    pub spans: Vec<BucketSpan>,
    /// The count of each bucket (not cumulative, not deltas); as many as the spans' lengths together.
    pub counts: Vec<f64>,
}

/// A native histogram.
///
/// Bucket `i` of the positive side is `(base^(i-1), base^i]` with `base = 2^(2^-schema)`, for schema -4 to 8; with
/// [`CUSTOM_BUCKETS_SCHEMA`] it is `(custom_bounds[i-1], custom_bounds[i]]`, from -Inf and to +Inf at the ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    pub counter_reset: CounterReset,
    pub schema: i32,
    /// The zero bucket is `[-zero_threshold, zero_threshold]`.
    pub zero_threshold: f64,
    pub zero_count: f64,
    /// Observations, those of NaN included.
    pub count: f64,
    pub sum: f64,
    pub positive: Buckets,
    pub negative: Buckets,
    /// Ascending upper bounds; empty but for [`CUSTOM_BUCKETS_SCHEMA`].
    pub custom_bounds: Vec<f64>,
}
