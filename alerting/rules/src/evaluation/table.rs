//! The last samples of one metric's series, for many rules that each want a few of them.

use std::collections::HashMap;
use std::sync::Arc;

use orszem_model::{Columns, Labels, METRIC_NAME, MatchOp, Matcher, is_stale};
use orszem_promql::{Point, Sample, Select, Selection, Source, SourceError};

/// A metric with more series than this for each rule that asks is not read as a whole.
const SERIES_PER_RULE_MAX: usize = 16;
/// One with fewer always is.
const SERIES_ALWAYS: usize = 256;

/// The series that have a value.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<(Labels, Point)>,
    /// By a label's name: the rows of each value.
    indexes: HashMap<String, HashMap<String, Vec<usize>>>,
}

impl Table {
    /// Reads the series of metric `name` at `at`, in milliseconds since 1970 (UTC); `None` where they are too many for
    /// `rules` rules.
    pub(super) fn read(
        source: &dyn Source,
        name: &str,
        at: i64,
        lookback_ms: i64,
        rules: usize,
    ) -> Result<Option<Self>, SourceError> {
        let matchers = [Matcher::equal(METRIC_NAME, name)];
        let selection =
            source.select(&Select { matchers: &matchers, start: at.saturating_sub(lookback_ms), end: at })?;
        if selection.len() > rules.saturating_mul(SERIES_PER_RULE_MAX).max(SERIES_ALWAYS) {
            return Ok(None);
        }
        Ok(Some(Self { rows: rows(&*selection)?, indexes: HashMap::new() }))
    }

    /// The elements that match, sorted by labels.
    pub(super) fn find(&mut self, matchers: &[Matcher], at: i64) -> Vec<Sample> {
        let matches = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
        };
        let sample =
            |(labels, point): &(Labels, Point)| Sample { labels: labels.clone(), point: point.clone(), time: at };
        let equal = matchers.iter().find(|matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty());
        let mut found: Vec<Sample> = match equal {
            None => self.rows.iter().filter(|row| matches(&row.0)).map(sample).collect(),
            Some(equal) => {
                if !self.indexes.contains_key(&equal.name) {
                    self.indexes.insert(equal.name.clone(), index(&self.rows, &equal.name));
                }
                let places = self.indexes.get(&equal.name).and_then(|values| values.get(&equal.value));
                let places = places.map_or(&[][..], Vec::as_slice);
                places.iter().filter_map(|at| self.rows.get(*at)).filter(|row| matches(&row.0)).map(sample).collect()
            }
        };
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }
}

fn index(rows: &[(Labels, Point)], name: &str) -> HashMap<String, Vec<usize>> {
    let mut values: HashMap<String, Vec<usize>> = HashMap::with_capacity(rows.len());
    for (at, (labels, _)) in rows.iter().enumerate() {
        let Some(value) = labels.get(name) else { continue };
        match values.get_mut(value) {
            Some(places) => places.push(at),
            None => {
                values.insert(value.to_owned(), vec![at]);
            }
        }
    }
    values
}

/// The last value of each series that has one.
fn rows(selection: &dyn Selection) -> Result<Vec<(Labels, Point)>, SourceError> {
    let mut reader = selection.reader();
    let mut columns = Columns::default();
    let mut rows = Vec::with_capacity(selection.len());
    for at in 0..selection.len() {
        reader.read(at, &mut columns)?;
        if let Some(point) = last(&columns) {
            rows.push((reader.labels(at)?, point));
        }
    }
    Ok(rows)
}

fn last(columns: &Columns) -> Option<Point> {
    let histogram = columns.histograms.last();
    match (columns.times.last(), columns.values.last()) {
        (Some(time), Some(value)) if histogram.is_none_or(|point| point.time < *time) => {
            (!is_stale(*value)).then_some(Point::Float(*value))
        }
        _ => histogram.map(|point| Point::Histogram(Arc::clone(&point.histogram))),
    }
}
