//! Range vectors: for each step the samples of a window, and a function of them.

use std::sync::Arc;

use orszem_model::{Columns, CounterReset, HistogramPoint, is_stale};

use super::engine::{Grid, Scratch};
use super::row::{Row, histogram_size};
use super::scalar::Scalars;
use super::selection::Moment;
use super::stream::{Samples, SamplesReader};
use super::wants::Wants;
use crate::EvalError;
use crate::ast::{Extension, Span};
use crate::functions::Function;
use crate::histogram;

/// A function of a range vector.
pub(super) struct Ranges {
    pub(super) samples: Samples,
    pub(super) function: Function,
    pub(super) moment: Moment,
    pub(super) grid: Grid,
    /// Milliseconds.
    pub(super) range: i64,
    pub(super) lookback: i64,
    pub(super) extension: Option<Extension>,
    /// The scalar arguments.
    pub(super) parameters: Vec<Scalars>,
    /// The first argument.
    pub(super) span: Span,
    pub(super) derives_hints: bool,
}

/// The samples of one series in one window; `start` is outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    pub(super) times: &'a [i64],
    pub(super) values: &'a [f64],
    pub(super) start: i64,
    pub(super) end: i64,
    /// The time of the step.
    pub(super) now: i64,
    pub(super) step: usize,
}

impl Ranges {
    /// Makes `row` that of series `at`; false when it is empty.
    pub(super) fn compute(
        &self,
        at: usize,
        wants: &Wants,
        row: &mut Row,
        scratch: &mut Scratch,
        reader: &mut SamplesReader<'_>,
    ) -> Result<bool, EvalError> {
        let mut columns = std::mem::take(&mut scratch.columns);
        let columns_of = match reader {
            SamplesReader::Selection(reader) => {
                reader.read(at, &mut columns)?;
                drop_stale(&mut columns);
                if self.derives_hints {
                    derive_hints(&mut columns.histograms);
                }
                &columns
            }
            SamplesReader::Series(series) => &series[at].2,
        };
        row.reset(self.grid.count);
        let found = !columns_of.is_empty() && {
            if self.extension.is_some() || !columns_of.histograms.is_empty() {
                // What is said of histograms names the metric.
                (row.labels, row.drops_name) = reader.labels(at, &Wants::All)?;
                self.mixed(columns_of, row, scratch)
            } else {
                self.floats(&columns_of.times, &columns_of.values, row, scratch)?
            }
        };
        if found {
            let wants = if row.histograms.is_empty() { wants } else { &Wants::All };
            (row.labels, row.drops_name) = reader.labels(at, wants)?;
            row.drops_name |= !matches!(self.function, Function::LastOverTime | Function::FirstOverTime);
            if self.checks_name() && !orszem_vector::column::is_empty(&row.floats) {
                scratch.notes.check_counter_name(row.name(), self.span);
            }
        }
        scratch.columns = columns;
        Ok(found)
    }

    /// Whether the metric's name is looked at.
    fn checks_name(&self) -> bool {
        matches!(self.function, Function::Rate | Function::Increase)
    }

    /// What is wanted of labels, with what is looked at here.
    pub(super) fn wants(&self, wants: Wants) -> Wants {
        if self.checks_name() { wants.and_name() } else { wants }
    }

    /// The window of a step: `start < time <= end`.
    pub(super) fn bounds(&self, step: usize) -> (i64, i64) {
        let end = self.moment.of(self.grid.time(step));
        (end.saturating_sub(self.range), end)
    }

    /// Calls `each` with `step`, `from` and `to` for each window that has samples, the ones at `from..to`.
    #[inline]
    pub(super) fn slide(&self, times: &[i64], samples: &mut [u64], mut each: impl FnMut(usize, usize, usize)) {
        let (mut from, mut to) = (0, 0);
        for (step, samples) in samples.iter_mut().enumerate() {
            let (start, end) = self.bounds(step);
            while to < times.len() && times[to] <= end {
                to += 1;
            }
            while from < to && times[from] <= start {
                from += 1;
            }
            if from < to {
                *samples += (to - from) as u64;
                each(step, from, to);
            }
        }
    }

    pub(super) fn window<'a>(&self, times: &'a [i64], values: &'a [f64], step: usize) -> Window<'a> {
        let (start, end) = self.bounds(step);
        Window { times, values, start, end, now: self.grid.time(step), step }
    }

    /// A window of samples of both kinds counts as so many samples.
    pub(super) fn count(samples: &mut u64, floats: usize, histograms: &[HistogramPoint]) {
        let histograms: usize = histograms.iter().map(|point| histogram_size(&point.histogram)).sum();
        *samples += (floats + histograms) as u64;
    }
}

/// Makes histograms say whether their counter was reset, where they do not.
pub(super) fn derive_hints(points: &mut [HistogramPoint]) {
    for at in 1..points.len() {
        let (before, now) = points.split_at_mut(at);
        let (Some(before), Some(now)) = (before.last(), now.first_mut()) else { continue };
        if now.histogram.counter_reset == CounterReset::Unknown {
            let is_reset = histogram::detect_reset(&now.histogram, &before.histogram);
            let hint = if is_reset { CounterReset::Reset } else { CounterReset::NotReset };
            Arc::make_mut(&mut now.histogram).counter_reset = hint;
        }
    }
}

/// Drops stale markers.
pub(super) fn drop_stale(columns: &mut Columns) {
    if columns.values.iter().any(|&value| is_stale(value)) {
        let mut kept = 0;
        for at in 0..columns.values.len() {
            if !is_stale(columns.values[at]) {
                columns.values[kept] = columns.values[at];
                columns.times[kept] = columns.times[at];
                kept += 1;
            }
        }
        columns.values.truncate(kept);
        columns.times.truncate(kept);
    }
    if columns.histograms.iter().any(|point| is_stale(point.histogram.sum)) {
        columns.histograms.retain(|point| !is_stale(point.histogram.sum));
    }
}
