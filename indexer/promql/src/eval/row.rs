//! Rows: series with a value for each step.

use std::collections::HashMap;
use std::sync::Arc;

use orszem_model::{Histogram, Labels, METRIC_NAME};
use orszem_vector::{ABSENT, is_absent};

use super::engine::same_labels;
use crate::EvalError;

/// One element of a vector, over all steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) labels: Labels,
    /// The name goes when the query is done: it is no longer that of what was measured.
    pub(super) drops_name: bool,
    /// One for each step.
    pub(super) floats: Vec<f64>,
    /// Empty, or one for each step, where the float is absent.
    pub(super) histograms: Vec<Option<Arc<Histogram>>>,
}

impl Row {
    /// A row without a value.
    pub(super) fn absent(labels: Labels, steps: usize) -> Self {
        Self { labels, drops_name: false, floats: vec![ABSENT; steps], histograms: Vec::new() }
    }

    /// Makes this a row of no values, keeping its memory.
    pub(super) fn reset(&mut self, steps: usize) {
        self.drops_name = false;
        self.floats.clear();
        self.floats.resize(steps, ABSENT);
        self.histograms.clear();
    }

    pub(super) fn histogram(&self, step: usize) -> Option<&Arc<Histogram>> {
        self.histograms.get(step).and_then(Option::as_ref)
    }

    pub(super) fn set_histogram(&mut self, step: usize, histogram: Arc<Histogram>) {
        if self.histograms.is_empty() {
            self.histograms.resize(self.floats.len(), None);
        }
        self.floats[step] = ABSENT;
        self.histograms[step] = Some(histogram);
    }

    pub(super) fn has(&self, step: usize) -> bool {
        !is_absent(self.floats[step]) || self.histogram(step).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        orszem_vector::column::is_empty(&self.floats) && self.histograms.iter().all(Option::is_none)
    }

    /// How much memory it takes, in samples. Absent ones count for a quarter: they take memory, too.
    pub(super) fn size(&self) -> usize {
        let histograms: usize = self.histograms.iter().flatten().map(|histogram| histogram_size(histogram)).sum();
        orszem_vector::column::present(&self.floats).max(self.floats.len() / 4) + histograms
    }

    /// The value of `step` from another row.
    pub(super) fn copy(&mut self, step: usize, other: &Self) {
        match other.histogram(step) {
            Some(histogram) => self.set_histogram(step, Arc::clone(histogram)),
            None => self.floats[step] = other.floats[step],
        }
    }

    pub(super) fn name(&self) -> &str {
        self.labels.get(METRIC_NAME).unwrap_or_default()
    }

    /// The same value for each of `steps` that the first step has.
    pub(super) fn spread(&mut self, steps: usize) {
        let first = self.floats.first().copied().unwrap_or(ABSENT);
        self.floats = vec![first; steps];
        if let Some(histogram) = self.histograms.first().cloned() {
            self.histograms = vec![histogram; steps];
        }
    }
}

/// How many samples of numbers a histogram takes the memory of.
pub(super) fn histogram_size(histogram: &Histogram) -> usize {
    let buckets = histogram.positive.counts.len() + histogram.negative.counts.len() + histogram.custom_bounds.len();
    let spans = histogram.positive.spans.len() + histogram.negative.spans.len();
    // A sample is 16 bytes, a bare histogram about 160.
    (168 + 8 * (buckets + spans)) / 16
}

/// Whether `name` says what was measured rather than of what.
pub(super) fn is_metadata(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// Drops the names that are to go ([`drop_names`]), and brings rows together that then have the same labels.
///
/// # Errors
/// When two of them have a value at the same step.
pub(super) fn named(mut rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    drop_names(&mut rows);
    merged(rows)
}

/// Drops the names that are to go.
pub(super) fn drop_names(rows: &mut [Row]) {
    for row in rows.iter_mut().filter(|row| row.drops_name) {
        row.drops_name = false;
        if row.labels.iter().any(|(name, _)| is_metadata(name)) {
            row.labels = row.labels.without(is_metadata);
        }
    }
}

/// Brings rows with the same labels together.
///
/// # Errors
/// When two of them have a value at the same step.
pub(super) fn merged(rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    if rows.len() < 2 {
        return Ok(rows);
    }
    let mut known: HashMap<Labels, usize> = HashMap::with_capacity(rows.len());
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match known.get(&row.labels) {
            None => {
                known.insert(row.labels.clone(), merged.len());
                merged.push(row);
            }
            Some(&at) => merge_into(&mut merged[at], &row)?,
        }
    }
    Ok(merged)
}

fn merge_into(held: &mut Row, row: &Row) -> Result<(), EvalError> {
    for step in 0..row.floats.len() {
        if !row.has(step) {
            continue;
        }
        if held.has(step) {
            return same_labels();
        }
        held.copy(step, row);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(labels: &[(&str, &str)], floats: &[f64], drops_name: bool) -> Row {
        Row { labels: Labels::new(labels.to_vec()), drops_name, floats: floats.to_vec(), histograms: Vec::new() }
    }

    #[test]
    fn rows_of_one_name_come_together_unless_they_meet() {
        let rows = |second: &[f64]| {
            vec![
                row(&[("__name__", "a"), ("x", "1")], &[1.0, ABSENT], true),
                row(&[("__name__", "b"), ("x", "1")], second, true),
            ]
        };
        let together = named(rows(&[ABSENT, 2.0])).expect("they don't meet");
        assert_eq!(together.len(), 1);
        assert_eq!(
            (&together[0].labels, together[0].floats.as_slice()),
            (&Labels::from([("x", "1")]), &[1.0, 2.0][..])
        );
        let error = named(rows(&[2.0, ABSENT])).expect_err("they meet");
        assert_eq!(error.to_string(), "vector cannot contain metrics with the same labelset");
    }
}
