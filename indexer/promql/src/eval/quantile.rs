//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`, of classic and of native histograms.

use std::collections::HashMap;

use orszem_model::{Histogram, Labels};
use orszem_vector::{is_absent, put_pairs};

use super::call::text;
use super::engine::{Engine, Scope, failed};
use super::notes::{self, Notes};
use super::row::Row;
use super::scalar::Scalars;
use super::stream::Stream;
use crate::EvalError;
use crate::ast::{Expr, Span};
use crate::histogram::{self, ClassicBucket, NanEffect};

const BUCKET_LABEL: &str = "le";

/// What is computed of each histogram.
struct Estimate<'a> {
    what: What<'a>,
    /// The vector.
    span: Span,
}

enum What<'a> {
    Quantile(&'a Scalars),
    Fraction { lower: &'a Scalars, upper: &'a Scalars },
}

impl Engine<'_> {
    pub(super) fn histogram_quantile(&self, arguments: &[Expr], scope: Scope) -> Result<Stream, EvalError> {
        let [q, vector] = arguments else { return failed("histogram_quantile takes 2 arguments") };
        let (q, vector) = (q.unparen(), vector.unparen());
        let qs = self.scalars(q, scope)?;
        let histograms = self.histograms(vector, scope)?;
        let mut notes = Notes::default();
        check_quantiles(&qs, scope, q.span, &mut notes);
        let estimate = Estimate { what: What::Quantile(&qs), span: vector.span };
        let rows = histograms.estimate(&estimate, &mut notes, |labels| labels.clone());
        self.finish_histograms(rows, notes, scope)
    }

    pub(super) fn histogram_fraction(&self, arguments: &[Expr], scope: Scope) -> Result<Stream, EvalError> {
        let [lower, upper, vector] = arguments else { return failed("histogram_fraction takes 3 arguments") };
        let (lower, upper, vector) = (lower.unparen(), upper.unparen(), vector.unparen());
        let (lowers, uppers) = (self.scalars(lower, scope)?, self.scalars(upper, scope)?);
        let histograms = self.histograms(vector, scope)?;
        let mut notes = Notes::default();
        let what = What::Fraction { lower: &lowers, upper: &uppers };
        let estimate = Estimate { what, span: vector.span };
        let rows = histograms.estimate(&estimate, &mut notes, |labels| labels.clone());
        self.finish_histograms(rows, notes, scope)
    }

    pub(super) fn histogram_quantiles(&self, arguments: &[Expr], scope: Scope) -> Result<Stream, EvalError> {
        let [vector, label, qs @ ..] = arguments else {
            return failed("histogram_quantiles takes 3 arguments at least");
        };
        let vector = vector.unparen();
        let label = text(label)?;
        let histograms = self.histograms(vector, scope)?;
        let mut notes = Notes::default();
        let mut all = Vec::new();
        for q in qs.iter().map(Expr::unparen) {
            let values = self.scalars(q, scope)?;
            check_quantiles(&values, scope, q.span, &mut notes);
            // A quantile that changes from step to step is as many labels.
            let mut texts: Vec<(f64, String)> = Vec::new();
            for value in values.iter(scope.grid.count) {
                if !texts.iter().any(|(known, _)| known.to_bits() == value.to_bits()) {
                    texts.push((value, open_metrics(value)));
                }
            }
            let estimate = Estimate { what: What::Quantile(&values), span: vector.span };
            for (value, text) in &texts {
                let mut rows = histograms.estimate(&estimate, &mut notes, |labels| labels.with(label, text));
                if texts.len() > 1 {
                    for step in (0..scope.grid.count).filter(|&step| values.at(step).to_bits() != value.to_bits()) {
                        rows.iter_mut().for_each(|row| row.floats[step] = orszem_vector::ABSENT);
                    }
                    rows.retain(|row| !row.is_empty());
                }
                all.extend(rows);
            }
        }
        let rows = if scope.grid.count == 1 { all } else { super::row::merged(all)? };
        self.finish_histograms(rows, notes, scope)
    }

    fn finish_histograms(&self, rows: Vec<Row>, notes: Notes, scope: Scope) -> Result<Stream, EvalError> {
        let mut scratch = Engine::scratch(scope);
        scratch.notes = notes;
        self.gather(scope, scratch);
        self.hold(rows.iter().map(Row::size).sum())?;
        Ok(Stream::of_rows(rows, scope))
    }

    fn histograms(&self, vector: &Expr, scope: Scope) -> Result<Histograms, EvalError> {
        let rows = self.vector(vector, scope)?.collect(self)?;
        self.release(rows.iter().map(Row::size).sum());
        Ok(Histograms::new(rows, scope.grid.count))
    }
}

fn check_quantiles(qs: &Scalars, scope: Scope, span: Span, notes: &mut Notes) {
    for q in qs.iter(scope.grid.count).filter(|q| !(0.0..=1.0).contains(q)) {
        notes.add(notes::invalid_quantile(q, span));
    }
}

/// A number as `quantile` and `le` labels have it: `1.0`, `0.99`, `+Inf`.
fn open_metrics(value: f64) -> String {
    let text = notes::general(value);
    if value.is_finite() && !text.contains(['.', 'e']) { format!("{text}.0") } else { text }
}

/// The rows of a vector, by the histogram they are of.
struct Histograms {
    rows: Vec<Row>,
    series: Vec<Series>,
    steps: usize,
}

/// Series with the same labels but for `le`.
struct Series {
    labels: Labels,
    /// Buckets of a classic histogram: their bound, `None` when it is no number, and their row.
    buckets: Vec<(Option<f64>, usize)>,
    /// Rows that may be native histograms: those with exactly these labels.
    natives: Vec<usize>,
}

/// Where series are, by bytes that are equal for equal labels: most rows are of a series that is known.
#[derive(Default)]
struct Places {
    known: HashMap<Vec<u8>, usize>,
    key: Vec<u8>,
}

impl Places {
    /// The place of the series with those of `labels` that `keeps` says yes to; it is added when there is none.
    fn of(&mut self, labels: &Labels, keeps: impl Fn(&str) -> bool, series: &mut Vec<Series>) -> usize {
        self.key.clear();
        put_pairs(labels.iter().filter(|(name, _)| keeps(name)), &mut self.key);
        if let Some(&place) = self.known.get(&self.key) {
            return place;
        }
        let labels = labels.without(|name| !keeps(name));
        self.known.insert(self.key.clone(), series.len());
        series.push(Series { labels, buckets: Vec::new(), natives: Vec::new() });
        series.len() - 1
    }
}

impl Histograms {
    fn new(rows: Vec<Row>, steps: usize) -> Self {
        let mut places = Places::default();
        let mut series: Vec<Series> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let has_histograms = row.histograms.iter().any(Option::is_some);
            if has_histograms {
                let place = places.of(&row.labels, |_| true, &mut series);
                series[place].natives.push(at);
            }
            if !orszem_vector::column::is_empty(&row.floats) {
                let bound = row.labels.get(BUCKET_LABEL).and_then(float);
                let place = places.of(&row.labels, |name| name != BUCKET_LABEL, &mut series);
                series[place].buckets.push((bound, at));
            }
        }
        Self { rows, series, steps }
    }

    /// A row for each histogram; `relabel` names it.
    fn estimate(&self, estimate: &Estimate<'_>, notes: &mut Notes, relabel: impl Fn(&Labels) -> Labels) -> Vec<Row> {
        let mut results = Vec::new();
        let mut buckets: Vec<ClassicBucket> = Vec::new();
        for series in &self.series {
            let mut result = Row::absent(relabel(&series.labels), self.steps);
            result.drops_name = true;
            let name = series.labels.get(orszem_model::METRIC_NAME).unwrap_or_default();
            for step in 0..self.steps {
                buckets.clear();
                for &(bound, at) in &series.buckets {
                    let count = self.rows[at].floats[step];
                    match bound {
                        _ if is_absent(count) => {}
                        Some(upper) => buckets.push(ClassicBucket { upper, count }),
                        None => {
                            let label = self.rows[at].labels.get(BUCKET_LABEL).unwrap_or_default();
                            notes.add(notes::bad_bucket_label(name, label, estimate.span));
                        }
                    }
                }
                let native = series.natives.iter().find_map(|&at| self.rows[at].histogram(step));
                result.floats[step] = match native {
                    Some(_) if !buckets.is_empty() => {
                        notes.add(notes::mixed_classic_native(name, estimate.span));
                        continue;
                    }
                    Some(native) => estimate.native(native, step, name, notes),
                    None if buckets.is_empty() => continue,
                    None => estimate.classic(&mut buckets, step, name, notes),
                };
            }
            if !result.is_empty() {
                results.push(result);
            }
        }
        results
    }
}

impl Estimate<'_> {
    fn native(&self, native: &Histogram, step: usize, name: &str, notes: &mut Notes) -> f64 {
        match self.what {
            What::Quantile(qs) => {
                let (value, effect) = histogram::quantile(qs.at(step), native);
                match effect {
                    None => {}
                    Some(NanEffect::Result) => notes.add(notes::quantile_nan(name, self.span)),
                    Some(NanEffect::Skew) => notes.add(notes::quantile_skewed(name, self.span)),
                }
                value
            }
            What::Fraction { lower, upper } => {
                let (value, has_nan) = histogram::fraction(lower.at(step), upper.at(step), native);
                if has_nan {
                    notes.add(notes::fraction_nan(name, self.span));
                }
                value
            }
        }
    }

    fn classic(&self, buckets: &mut Vec<ClassicBucket>, step: usize, name: &str, notes: &mut Notes) -> f64 {
        match self.what {
            What::Quantile(qs) => {
                let (value, mended) = histogram::bucket_quantile(qs.at(step), buckets);
                if mended.is_forced {
                    notes.add(notes::forced_monotonicity(name, self.span));
                }
                value
            }
            What::Fraction { lower, upper } => histogram::bucket_fraction(lower.at(step), upper.at(step), buckets),
        }
    }
}

/// A bound as Go reads numbers: no spaces; infinities by name.
fn float(text: &str) -> Option<f64> {
    text.parse().ok()
}
