//! Instant vector selectors: the last sample before each step.

use std::sync::Arc;

use orszem_model::is_stale;

use super::engine::{Grid, Scratch};
use super::row::{Row, histogram_size};
use super::selection::Moment;
use super::wants::Wants;
use super::window::derive_hints;
use crate::ast::Span;
use crate::{EvalError, Selection, SeriesReader};

pub(super) struct Instants {
    pub(super) selection: Arc<dyn Selection>,
    pub(super) moment: Moment,
    pub(super) grid: Grid,
    pub(super) lookback: i64,
    /// Values are the times of samples, in seconds.
    pub(super) wants_time: bool,
    pub(super) is_smoothed: bool,
    pub(super) span: Span,
    pub(super) derives_hints: bool,
}

impl Instants {
    /// Makes `row` that of series `at`; false when it is empty.
    pub(super) fn compute(
        &self,
        at: usize,
        wants: &Wants,
        row: &mut Row,
        scratch: &mut Scratch,
        reader: &mut dyn SeriesReader,
    ) -> Result<bool, EvalError> {
        reader.read(at, &mut scratch.columns)?;
        if self.derives_hints {
            derive_hints(&mut scratch.columns.histograms);
        }
        let grid = self.grid;
        row.reset(grid.count);
        row.drops_name = self.wants_time;
        let found = if self.is_smoothed {
            row.labels = reader.labels(at)?;
            self.smooth(grid, row, scratch)
        } else if scratch.columns.histograms.is_empty() {
            self.floats(grid, row, scratch)
        } else {
            self.mixed(grid, row, scratch)
        };
        if found {
            // What is said of histograms names the metric.
            row.labels = if row.histograms.is_empty() { wants.read(at, reader)? } else { reader.labels(at)? };
        }
        Ok(found)
    }

    fn floats(&self, grid: Grid, row: &mut Row, scratch: &mut Scratch) -> bool {
        let (times, values) = (scratch.columns.times.as_slice(), scratch.columns.values.as_slice());
        let mut found = false;
        let mut next = 0;
        for step in 0..grid.count {
            let when = self.moment.of(grid.time(step));
            while next < times.len() && times[next] <= when {
                next += 1;
            }
            if next == 0 || times[next - 1] <= when.saturating_sub(self.lookback) || is_stale(values[next - 1]) {
                continue;
            }
            row.floats[step] = if self.wants_time { seconds(times[next - 1]) } else { values[next - 1] };
            scratch.samples[step] += 1;
            found = true;
        }
        found
    }

    fn mixed(&self, grid: Grid, row: &mut Row, scratch: &mut Scratch) -> bool {
        let columns = &scratch.columns;
        let (mut floats, mut histograms) = (0, 0);
        let mut found = false;
        for step in 0..grid.count {
            let when = self.moment.of(grid.time(step));
            let oldest = when.saturating_sub(self.lookback);
            while floats < columns.times.len() && columns.times[floats] <= when {
                floats += 1;
            }
            while histograms < columns.histograms.len() && columns.histograms[histograms].time <= when {
                histograms += 1;
            }
            let float = floats.checked_sub(1).map(|at| (columns.times[at], columns.values[at]));
            let histogram = histograms.checked_sub(1).map(|at| &columns.histograms[at]);
            match (float, histogram) {
                (Some((time, value)), histogram) if histogram.is_none_or(|histogram| histogram.time < time) => {
                    if time <= oldest || is_stale(value) {
                        continue;
                    }
                    row.floats[step] = if self.wants_time { seconds(time) } else { value };
                    scratch.samples[step] += 1;
                }
                (_, Some(histogram)) => {
                    if histogram.time <= oldest || is_stale(histogram.histogram.sum) {
                        continue;
                    }
                    if self.wants_time {
                        row.floats[step] = seconds(histogram.time);
                    } else {
                        row.set_histogram(step, Arc::clone(&histogram.histogram));
                    }
                    scratch.samples[step] += histogram_size(&histogram.histogram) as u64;
                }
                (_, None) => continue,
            }
            found = true;
        }
        found
    }
}

/// A time in seconds.
pub(super) fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}
