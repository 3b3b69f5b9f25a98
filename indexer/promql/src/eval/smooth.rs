//! `smoothed` instant selectors: values between two samples.

use std::sync::Arc;

use orszem_model::{CounterReset, HistogramPoint, is_stale};

use super::engine::{Grid, Scratch};
use super::extended::between_histograms;
use super::instant::Instants;
use super::notes;
use super::row::{Row, histogram_size};
use crate::histogram::has_custom_bounds;

impl Instants {
    /// Fills `row`, whose labels are there.
    pub(super) fn smooth(&self, grid: Grid, row: &mut Row, scratch: &mut Scratch) -> bool {
        let columns = &mut scratch.columns;
        super::window::drop_stale(columns);
        let mut found = false;
        for step in 0..grid.count {
            let when = self.moment.of(grid.time(step));
            let (start, end) = (when.saturating_sub(self.lookback), when.saturating_add(self.lookback));
            let floats = columns.times.partition_point(|&time| time <= start)
                ..columns.times.partition_point(|&time| time <= end);
            let after = |point: &HistogramPoint, bound: i64| point.time <= bound;
            let histograms = columns.histograms.partition_point(|point| after(point, start))
                ..columns.histograms.partition_point(|point| after(point, end));
            let (times, values) = (&columns.times[floats.clone()], &columns.values[floats]);
            let points = &columns.histograms[histograms];
            if !times.is_empty() && !points.is_empty() {
                scratch.notes.add(notes::mixed_floats_histograms(row.name(), self.span));
                continue;
            }
            if let Some(value) = float_at(times, values, when) {
                row.floats[step] = value;
                scratch.samples[step] += 1;
                found = true;
                continue;
            }
            let next = points.partition_point(|point| point.time < when);
            let histogram = match (next.checked_sub(1).map(|before| &points[before]), points.get(next)) {
                (_, Some(exact)) if exact.time == when => Arc::clone(&exact.histogram),
                (Some(before), Some(after))
                    if has_custom_bounds(&before.histogram) != has_custom_bounds(&after.histogram) =>
                {
                    scratch.notes.add(notes::mixed_schemas(row.name(), self.span));
                    continue;
                }
                (Some(before), Some(after)) => {
                    let is_counter =
                        [before, after].iter().any(|point| point.histogram.counter_reset != CounterReset::Gauge);
                    match between_histograms(before, after, when, is_counter, row.name(), self.span, &mut scratch.notes)
                    {
                        Some(histogram) => Arc::new(histogram),
                        None => continue,
                    }
                }
                (Some(before), None) => Arc::clone(&before.histogram),
                (None, _) => continue,
            };
            if is_stale(histogram.sum) {
                continue;
            }
            scratch.samples[step] += histogram_size(&histogram) as u64;
            row.set_histogram(step, histogram);
            found = true;
        }
        found
    }
}

fn float_at(times: &[i64], values: &[f64], when: i64) -> Option<f64> {
    let next = times.partition_point(|&time| time < when);
    if times.get(next) == Some(&when) {
        return Some(values[next]);
    }
    let before = next.checked_sub(1)?;
    if next == times.len() {
        return Some(values[before]);
    }
    Some(super::extended::between((times[before], values[before]), (times[next], values[next]), when, false))
}
