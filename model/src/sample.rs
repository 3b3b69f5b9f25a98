//! Samples of series: values, the stale marker, and the columns in which they are handed on.

use std::sync::Arc;

use crate::Histogram;

/// The bits of the NaN that says: the series has ended here (Prometheus, `model/value/value.go`).
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;
/// The NaN with [`STALE_BITS`]. Compare with [`is_stale`]; arithmetic does not keep it.
pub const STALE: f64 = f64::from_bits(STALE_BITS);

/// Whether `value` is the stale marker.
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// A native histogram at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramPoint {
    /// Milliseconds since 1970, UTC.
    pub time: i64,
    pub histogram: Arc<Histogram>,
}

/// The samples of one series. Times are milliseconds since 1970 (UTC), ascending, each once over both kinds.
///
/// Stale markers stand among the values, also where a series of histograms ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    pub times: Vec<i64>,
    /// One for each of `times`.
    pub values: Vec<f64>,
    /// Their times are not among `times`.
    pub histograms: Vec<HistogramPoint>,
}

impl Columns {
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histograms.clear();
    }

    pub fn push(&mut self, time: i64, value: f64) {
        self.times.push(time);
        self.values.push(value);
    }

    /// Samples of both kinds.
    pub fn len(&self) -> usize {
        self.times.len() + self.histograms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
