//! From a query to its answer.

use orszem_model::{Columns, HistogramPoint, Labels};
use orszem_vector::is_absent;

use super::engine::{Bounds, Engine, Grid, Hints, Scope, Tally, failed};
use super::expr::Output;
use super::order;
use super::row::{Row, drop_names, named};
use super::selection::Moment;
use super::trace::Trace;
use super::window::drop_stale;
use crate::ast::{Expr, ExprKind, Extension, Selector};
use crate::{Answer, EvalError, Interrupt, Moments, Options, Point, Query, Sample, Series, Source, Value};

/// Evaluates `query` over the series of `source`, by the rules of Prometheus 3.14: windows are open at their start, names
/// go when the query is done (`promql-delayed-name-removal`), and answers of instant queries are sorted by labels unless
/// a function sorted them.
///
/// # Errors
/// When the query is wrong in a way that shows in its evaluation only, needs more than `options` allows, was
/// interrupted, or the source fails.
pub fn evaluate(
    query: &Query<'_>,
    source: &dyn Source,
    options: &Options,
    interrupt: &dyn Interrupt,
) -> Result<Answer, EvalError> {
    evaluate_traced(query, source, options, interrupt, None).map(|(answer, _)| answer)
}

/// The times of a query as it was asked, and its steps.
pub(super) fn grid_of(moments: Moments) -> (Bounds, Grid) {
    match moments {
        Moments::Instant(time) => (Bounds { start: time, end: time, step: 0 }, Grid { start: time, step: 1, count: 1 }),
        Moments::Range { start, end, step } => (Bounds { start, end, step }, Grid::up_to(start, end, step)),
    }
}

/// Evaluates, and measures the nodes if there is a `trace`, which is given back.
pub(super) fn evaluate_traced(
    query: &Query<'_>,
    source: &dyn Source,
    options: &Options,
    interrupt: &dyn Interrupt,
    trace: Option<Trace>,
) -> Result<(Answer, Option<Trace>), EvalError> {
    let (bounds, grid) = grid_of(query.moments);
    let engine = Engine::new(source, options, interrupt, bounds, grid.count, trace);
    let scope = Scope { grid, tally: Tally::Each, hints: Hints::AsStored };
    let expr = query.expr.unparen();
    let value = match query.moments {
        Moments::Instant(time) => match &expr.kind {
            ExprKind::Matrix { selector, range } => {
                let range = super::duration::milliseconds(range, bounds, false)?;
                Value::Matrix(engine.matrix(selector, range, scope)?)
            }
            ExprKind::Subquery(subquery) => {
                let series = engine.subquery(subquery, scope)?.series;
                let series = series.into_iter().map(|(labels, drops_name, columns)| {
                    let labels = if drops_name { labels.without(super::row::is_metadata) } else { labels };
                    of_columns(labels, columns)
                });
                Value::Matrix(sorted(series.collect()))
            }
            _ => instant(&engine, expr, scope, time)?,
        },
        Moments::Range { .. } => Value::Matrix(range(&engine, expr, scope)?),
    };
    let (annotations, statistics, trace) = engine.finish(grid);
    Ok((Answer { value, annotations, statistics }, trace))
}

fn instant(engine: &Engine<'_>, expr: &Expr, scope: Scope, time: i64) -> Result<Value, EvalError> {
    Ok(match engine.eval(expr, scope)? {
        Output::Scalar(values) => Value::Scalar { time, value: values.at(0) },
        Output::Text(value) => Value::String { time, value },
        Output::Vector(stream) => {
            let is_ordered = stream.is_ordered;
            let mut rows = stream.collect(engine)?;
            drop_names(&mut rows);
            let mut samples: Vec<Sample> = rows.into_iter().filter_map(|row| sample(row, time)).collect();
            if is_ordered {
                let sorted = order::by_labels(samples.iter().collect(), |sample| &sample.labels);
                order::check_unique(&sorted, |sample| &sample.labels)?;
            } else {
                samples = order::by_labels(samples, |sample| &sample.labels);
                order::check_unique(&samples, |sample| &sample.labels)?;
            }
            Value::Vector(samples)
        }
    })
}

fn sample(row: Row, time: i64) -> Option<Sample> {
    let point = match row.histograms.into_iter().next().flatten() {
        Some(histogram) => Point::Histogram(histogram),
        None => Point::Float(row.floats.first().copied().filter(|value| !is_absent(*value))?),
    };
    Some(Sample { labels: row.labels, point, time })
}

fn range(engine: &Engine<'_>, expr: &Expr, scope: Scope) -> Result<Vec<Series>, EvalError> {
    let refused = |found: &str| {
        failed(format!("invalid expression type \"{found}\" for range query, must be Scalar or instant Vector"))
    };
    if matches!(expr.kind, ExprKind::Matrix { .. } | ExprKind::Subquery(_)) {
        return refused("range vector");
    }
    let rows = match engine.eval(expr, scope)? {
        Output::Text(_) => return refused("string"),
        Output::Scalar(values) => Engine::unlabelled(values, scope).collect(engine)?,
        Output::Vector(stream) => named(stream.collect(engine)?)?,
    };
    let grid = scope.grid;
    let series = rows.into_iter().map(|row| {
        let floats = row.floats.iter().enumerate().filter(|(_, value)| !is_absent(**value));
        let histograms = row.histograms.iter().enumerate();
        Series {
            labels: row.labels.clone(),
            floats: floats.map(|(step, &value)| (grid.time(step), value)).collect(),
            histograms: histograms
                .filter_map(|(step, histogram)| {
                    let histogram = histogram.clone()?;
                    Some(HistogramPoint { time: grid.time(step), histogram })
                })
                .collect(),
        }
    });
    Ok(sorted(series.filter(|series| !series.floats.is_empty() || !series.histograms.is_empty()).collect()))
}

fn sorted(series: Vec<Series>) -> Vec<Series> {
    order::by_labels(series, |series| &series.labels)
}

fn of_columns(labels: Labels, columns: Columns) -> Series {
    let floats = columns.times.into_iter().zip(columns.values).collect();
    Series { labels, floats, histograms: columns.histograms }
}

impl Engine<'_> {
    /// The samples of a range vector selector.
    fn matrix(&self, selector: &Selector, range: i64, scope: Scope) -> Result<Vec<Series>, EvalError> {
        let moment = Moment::new(&selector.modifiers, self.bounds)?;
        let end = moment.of(scope.grid.start);
        let start = end.saturating_sub(range);
        let lookback = self.options.lookback_ms;
        let (before, after) = match selector.extension {
            None => (0, 0),
            Some(Extension::Anchored) => (lookback, 0),
            Some(Extension::Smoothed) => (lookback, lookback),
        };
        let selection = self.select(&selector.matchers, start.saturating_sub(before), end.saturating_add(after))?;
        let mut scratch = Engine::scratch(scope);
        let mut all = Vec::new();
        let mut reader = selection.reader();
        for at in 0..selection.len() {
            self.check()?;
            let mut columns = Columns::default();
            reader.read(at, &mut columns)?;
            drop_stale(&mut columns);
            if let Some(extension) = selector.extension {
                if !columns.histograms.is_empty() {
                    return failed("anchored modifier is not supported with histograms");
                }
                columns = extend(&columns, start, end, extension);
            }
            if columns.is_empty() {
                continue;
            }
            self.hold(columns.len())?;
            scratch.samples[0] += columns.len() as u64;
            all.push(of_columns(reader.labels(at)?, columns));
        }
        self.gather(scope, scratch);
        Ok(sorted(all))
    }
}

/// The samples of a window with one at each of its ends.
fn extend(columns: &Columns, start: i64, end: i64, extension: Extension) -> Columns {
    let mut extended = Columns::default();
    let (times, values) = (&columns.times, &columns.values);
    let Some(mut last) = times.len().checked_sub(1) else { return extended };
    let is_smoothed = extension == Extension::Smoothed;
    let first = times[..last].partition_point(|&time| time <= start).saturating_sub(1);
    if is_smoothed {
        last = times[..last].partition_point(|&time| time < end);
    }
    if times[last] <= start {
        return extended;
    }
    let point = |at: usize| (times[at], values[at]);
    let left = if is_smoothed && times[first] < start {
        super::extended::between(point(first), point(first + 1), start, false)
    } else {
        values[first]
    };
    let right = if is_smoothed && last > 0 && times[last] > end {
        super::extended::between(point(last - 1), point(last), end, false)
    } else {
        values[last]
    };
    extended.push(start, left);
    for at in first..=last {
        if times[at] > start && times[at] < end {
            extended.push(times[at], values[at]);
        }
    }
    extended.push(end, right);
    extended
}
