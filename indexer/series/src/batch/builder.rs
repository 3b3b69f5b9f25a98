//! Builds a batch: finds the number of each series, or gives it one within the limits.

use std::sync::Arc;

use orszem_model::{Histogram, Labels, METRIC_NAME};

use super::{Batch, Exemplar, HistogramSample, Metadata};
use crate::hash::labels_hash;
use crate::head::table::Table;
use crate::head::{SeriesRef, TENANT_LABEL};
use crate::store::SeriesStore;

/// Why a series is not taken in. Its samples are lost, the others of the submission are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("a series needs at least one label")]
    Empty,
    #[error("the label name {TENANT_LABEL:?} is reserved")]
    Reserved,
    #[error("there are {limit} series already, the most that the limit series_max allows; send fewer label values")]
    TenantSeries { limit: u64 },
    #[error("the metric {metric:?} has {limit} series already, the most that the limit metric_series_max allows")]
    MetricSeries { metric: String, limit: u64 },
    #[error("a request may bring {limit} new series at most; send fewer at once")]
    BatchSeries { limit: usize },
    #[error("the numbers of series are used up")]
    Exhausted,
}

impl Rejected {
    /// A word for counters.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "empty_series",
            Self::Reserved => "reserved_label",
            Self::TenantSeries { .. } => "series_limit",
            Self::MetricSeries { .. } => "metric_series_limit",
            Self::BatchSeries { .. } => "request_series_limit",
            Self::Exhausted => "series_exhausted",
        }
    }
}

/// Builds a batch of one tenant. Series that are new are in the head at once, without samples; they leave it again if
/// the batch is dropped.
#[derive(Debug)]
pub struct BatchBuilder {
    store: SeriesStore,
    batch: Batch,
    /// Tenant 0 leaves keys as they are.
    key_mask: u128,
    new_series: usize,
}

impl BatchBuilder {
    pub(crate) fn new(store: SeriesStore, tenant: u32) -> Self {
        let lease = Some(store.inner().epochs.lease());
        let batch = Batch { store: store.inner().id, tenant, lease, ..Batch::default() };
        // Any odd constant: no two tenants share a mask.
        let key_mask = u128::from(tenant).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Self { store, batch, key_mask, new_series: 0 }
    }

    /// Room for so many samples.
    pub fn reserve(&mut self, samples: usize) {
        self.batch.series.reserve(samples);
        self.batch.times.reserve(samples);
        self.batch.values.reserve(samples);
    }

    /// The number of a series. `raw_key` is a 128-bit hash (xxh3) of the bytes that the sender named it with: equal
    /// bytes must mean equal labels. `labels` is called when the key was not seen lately. Labels with an empty value
    /// count as absent.
    ///
    /// # Errors
    /// What `labels` answers, and when the series is new and a limit stands against it, or its labels cannot be taken.
    pub fn series<E: From<Rejected>>(
        &mut self,
        raw_key: u128,
        labels: impl FnOnce() -> Result<Labels, E>,
    ) -> Result<SeriesRef, E> {
        let key = raw_key ^ self.key_mask;
        if let Some(series) = self.store.inner().keys.get(key)
            && (series < self.store.inner().known_below() || self.define(series))
        {
            return Ok(SeriesRef(series));
        }
        let series = self.resolve(&labels()?)?;
        self.store.inner().keys.insert(key, series);
        Ok(SeriesRef(series))
    }

    /// Adds the definition of a series that journal and log may not have yet; `false` when the series is gone.
    fn define(&mut self, series: u32) -> bool {
        let table = self.store.inner().table();
        let Some(entry) = table.get(series) else { return false };
        if !entry.is_known
            && !self.is_defined(series)
            && let Some(labels) = table.labels(series)
        {
            drop(table);
            self.batch.definitions.push((series, labels));
        }
        true
    }

    /// Whether the batch has the definition. Those of a batch mostly come in ascending order.
    fn is_defined(&self, series: u32) -> bool {
        self.batch.definitions.last().is_some_and(|last| last.0 == series)
    }

    fn resolve(&mut self, labels: &Labels) -> Result<u32, Rejected> {
        if labels.get(TENANT_LABEL).is_some() {
            return Err(Rejected::Reserved);
        }
        let mut clean = labels.clone();
        if labels.iter().any(|(_, value)| value.is_empty()) {
            clean = Labels::from_sorted(labels.iter().filter(|(_, value)| !value.is_empty()));
        }
        if clean.is_empty() {
            return Err(Rejected::Empty);
        }
        if self.batch.tenant != 0 {
            clean = clean.with(TENANT_LABEL, &self.batch.tenant.to_string());
        }
        let hash = labels_hash(&clean);
        let store = self.store.clone();
        let mut table = store.inner().table_mut();
        let (series, is_known) = match table.find(hash, &clean) {
            Some(series) => {
                table.keep(series);
                (series, table.get(series).is_some_and(|entry| entry.is_known))
            }
            None => {
                self.check_limits(&table, &clean)?;
                self.new_series += 1;
                (table.add(hash, &clean, false).ok_or(Rejected::Exhausted)?, false)
            }
        };
        drop(table);
        if !is_known && !self.is_defined(series) {
            self.batch.definitions.push((series, clean));
        }
        Ok(series)
    }

    fn check_limits(&self, table: &Table, labels: &Labels) -> Result<(), Rejected> {
        let options = &self.store.inner().options;
        if self.new_series >= options.batch_series_max {
            return Err(Rejected::BatchSeries { limit: options.batch_series_max });
        }
        if table.tenant_series(self.batch.tenant) >= options.series_max {
            return Err(Rejected::TenantSeries { limit: options.series_max });
        }
        let limit = options.metric_series_max;
        match labels.get(METRIC_NAME) {
            Some(metric) if table.metric_series(self.batch.tenant, metric) >= limit => {
                Err(Rejected::MetricSeries { metric: metric.to_owned(), limit })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Adds a sample; `time` in milliseconds since 1970, the two utmost ones are moved inwards. Of two of one series
    /// and time the later counts.
    #[inline]
    pub fn sample(&mut self, series: SeriesRef, time: i64, value: f64) {
        self.batch.series.push(series.0);
        self.batch.times.push(within(time));
        self.batch.values.push(value);
    }

    /// Adds a native histogram.
    pub fn histogram(&mut self, series: SeriesRef, time: i64, histogram: Arc<Histogram>) {
        self.batch.histograms.push(HistogramSample { series: series.0, time: within(time), histogram });
    }

    /// Adds an exemplar.
    pub fn exemplar(&mut self, series: SeriesRef, exemplar: Exemplar) {
        self.batch.exemplars.push((series.0, exemplar));
    }

    /// Says what a metric is.
    pub fn metadata(&mut self, metric: &str, metadata: Metadata) {
        self.batch.metadata.push((metric.to_owned(), metadata));
    }

    /// Samples so far, histograms among them.
    pub fn samples(&self) -> usize {
        self.batch.samples()
    }

    /// New series so far.
    pub fn new_series(&self) -> usize {
        self.new_series
    }

    /// The batch, to be journaled and applied.
    pub fn finish(self) -> Batch {
        self.batch
    }
}

/// Ranges are half open in places, so the ends of `i64` are no times.
#[inline]
fn within(time: i64) -> i64 {
    time.clamp(i64::MIN + 1, i64::MAX - 1)
}
