//! The checks that hold for every protocol, between a decoder and the sink.

use orszem_exposition::{Exemplar, HistogramParts};
use orszem_model::{Histogram, Labels, Timestamp};

use super::labels::shown;
use super::outcome::{Outcome, Reason};
use super::sink::{LabelProblem, Metadata, Refused, SeriesSink};
use crate::ingest::limits::Limits;

/// The most characters of all names and values of an exemplar together (OpenMetrics 1.0).
const EXEMPLAR_CHARS_MAX: usize = 128;
/// The first moment of the year 1 in milliseconds. What lies before is a mistake that arithmetic need not bear.
const TIME_MIN: i64 = -62_135_596_800_000;
const NANOS_PER_MS: i64 = 1_000_000;

/// Counts what goes to the sink and what does not.
pub(in crate::ingest) struct Intake<'i, S: SeriesSink> {
    pub(in crate::ingest) limits: &'i Limits,
    /// The moment the request came in, in milliseconds.
    pub(in crate::ingest) now: i64,
    time_max: i64,
    sink: &'i mut S,
    outcome: Outcome,
}

impl<'i, S: SeriesSink> Intake<'i, S> {
    pub(in crate::ingest) fn new(limits: &'i Limits, now: Timestamp, sink: &'i mut S) -> Self {
        let now = now.0.div_euclid(NANOS_PER_MS);
        let ahead = i64::try_from(limits.future_max_s).unwrap_or(i64::MAX).saturating_mul(1000);
        // The journal's times are in nanoseconds.
        let most = i64::MAX / NANOS_PER_MS;
        let time_max = if limits.future_max_s == 0 { most } else { now.saturating_add(ahead).min(most) };
        Self { limits, now, time_max, sink, outcome: Outcome::default() }
    }

    pub(in crate::ingest) fn finish(mut self, body_bytes: usize) -> Outcome {
        self.outcome.body_bytes = body_bytes;
        self.outcome
    }

    /// The sink's series. When there is none, what `lost` counts is rejected.
    #[inline]
    pub(in crate::ingest) fn series(
        &mut self,
        key: u128,
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
        lost: impl FnOnce() -> u64,
    ) -> Option<S::Series> {
        match self.sink.series(key, labels) {
            Ok(series) => Some(series),
            Err(refused) => {
                self.refuse(&refused, lost());
                None
            }
        }
    }

    pub(in crate::ingest) fn refuse(&mut self, refused: &Refused, count: u64) {
        self.outcome.reject(Reason::from(refused), count.max(1), || match refused {
            Refused::Labels(problem) => problem.to_string(),
            Refused::Limit(sentence) => sentence.clone(),
        });
    }

    pub(in crate::ingest) fn malformed(&mut self, first: impl FnOnce() -> String) {
        self.outcome.reject(Reason::Malformed, 1, first);
    }

    #[inline]
    pub(in crate::ingest) fn sample(
        &mut self,
        series: S::Series,
        (time, value, start): (i64, f64, i64),
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
    ) {
        if time > self.time_max || time < TIME_MIN {
            return self.out_of_bounds(time, labels);
        }
        // Zero means unknown.
        if start != 0 {
            self.sink.start(series, time, start);
        }
        self.sink.sample(series, time, value);
        self.outcome.samples += 1;
    }

    pub(in crate::ingest) fn histogram_parts(
        &mut self,
        series: S::Series,
        (time, parts, start): (i64, HistogramParts, i64),
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
    ) {
        match parts.finish() {
            Ok(histogram) => self.histogram(series, (time, histogram, start), labels),
            Err(problem) => self.outcome.reject(Reason::InvalidHistogram, 1, || {
                format!("invalid histogram: {problem} for series {}", show(labels))
            }),
        }
    }

    pub(in crate::ingest) fn histogram(
        &mut self,
        series: S::Series,
        (time, histogram, start): (i64, Histogram, i64),
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
    ) {
        if time > self.time_max || time < TIME_MIN {
            return self.out_of_bounds(time, labels);
        }
        if start != 0 {
            self.sink.start(series, time, start);
        }
        self.sink.histogram(series, time, histogram);
        self.outcome.histograms += 1;
    }

    /// An exemplar without a time gets the request's.
    pub(in crate::ingest) fn exemplar(
        &mut self,
        series: S::Series,
        mut exemplar: Exemplar,
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
    ) {
        let time = *exemplar.time.get_or_insert(self.now);
        if time > self.time_max || time < TIME_MIN {
            return self.out_of_bounds(time, labels);
        }
        let chars: usize =
            exemplar.labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if chars > EXEMPLAR_CHARS_MAX {
            return self.bad_exemplar(
                || "label length for exemplar exceeds maximum of 128 UTF-8 characters".to_owned(),
                labels,
            );
        }
        self.sink.exemplar(series, exemplar);
        self.outcome.exemplars += 1;
    }

    pub(in crate::ingest) fn bad_exemplar(
        &mut self,
        problem: impl FnOnce() -> String,
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
    ) {
        self.outcome.reject(Reason::InvalidExemplar, 1, || format!("{} for series {}", problem(), show(labels)));
    }

    /// Hands on what is known of a family; a family without a name or with too long a one is nothing to know.
    pub(in crate::ingest) fn metadata(&mut self, metadata: Metadata<'_>) {
        if !metadata.family.is_empty() && metadata.family.len() <= self.limits.name_bytes_max {
            self.sink.metadata(metadata);
        }
    }

    #[cold]
    fn out_of_bounds(&mut self, time: i64, labels: impl FnOnce() -> Result<Labels, LabelProblem>) {
        let (reason, what) = if time < TIME_MIN {
            (Reason::TooOld, "before the year 1")
        } else {
            (Reason::TooFarInFuture, "too far in the future")
        };
        self.outcome.reject(reason, 1, || {
            format!("out of bounds: timestamp is {what} for series {} at {time} ms", show(labels))
        });
    }
}

/// The labels of a series of the sink, for an error.
fn show(labels: impl FnOnce() -> Result<Labels, LabelProblem>) -> String {
    match labels() {
        Ok(labels) => shown(&labels.iter().collect::<Vec<_>>()),
        Err(problem) => problem.to_string(),
    }
}
