//! Decoded requests into a batch of the store.

use std::sync::Arc;

use orszem_exposition::Exemplar;
use orszem_model::{Histogram, Labels};
use orszem_series::{BatchBuilder, Rejected, SeriesRef};

use crate::ingest::remote_write::{LabelProblem, Metadata, Refused, SeriesSink};

/// The batch of one request.
#[derive(Debug)]
pub struct BatchSink(pub BatchBuilder);

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Empty | Rejected::Reserved => Self::Labels(LabelProblem::Invalid(rejected.to_string())),
            Rejected::TenantSeries { .. }
            | Rejected::MetricSeries { .. }
            | Rejected::BatchSeries { .. }
            | Rejected::Exhausted => Self::Limit(rejected.to_string()),
        }
    }
}

impl SeriesSink for BatchSink {
    type Series = SeriesRef;

    #[inline]
    fn series(
        &mut self,
        key: u128,
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
    ) -> Result<SeriesRef, Refused> {
        self.0.series(key, || labels().map_err(Refused::from))
    }

    #[inline]
    fn sample(&mut self, series: SeriesRef, time: i64, value: f64) {
        self.0.sample(series, time, value);
    }

    fn histogram(&mut self, series: SeriesRef, time: i64, histogram: Histogram) {
        // A histogram whose sum is the stale marker ends its series (remote write 1.0).
        if orszem_model::is_stale(histogram.sum) {
            self.0.sample(series, time, orszem_model::STALE);
        } else {
            self.0.histogram(series, time, Arc::new(histogram));
        }
    }

    fn exemplar(&mut self, series: SeriesRef, exemplar: Exemplar) {
        let Exemplar { labels, value, time } = exemplar;
        if let Some(time) = time {
            self.0.exemplar(series, orszem_series::Exemplar { time, value, labels });
        }
    }

    /// Start times are not kept: resets are found in the values.
    fn start(&mut self, _series: SeriesRef, _time: i64, _start: i64) {}

    fn metadata(&mut self, metadata: Metadata<'_>) {
        let Metadata { family, kind, help, unit } = metadata;
        let metadata =
            orszem_series::Metadata { kind: kind.name().to_owned(), unit: unit.to_owned(), help: help.to_owned() };
        self.0.metadata(family, metadata);
    }
}
