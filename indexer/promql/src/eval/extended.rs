//! Range vectors that are `anchored` to the sample before the window, or `smoothed` at its ends.

use orszem_model::{CounterReset, Histogram, HistogramPoint};

use super::mixed::Value;
use super::notes::{self, Doing, Notes};
use super::rate::Kind;
use super::window::{Ranges, Window};
use crate::ast::{Extension, Span};
use crate::functions::Function;
use crate::histogram::{self, Incompatible};

/// The functions that take anchored range vectors.
pub(super) const ANCHORED: [Function; 5] =
    [Function::Changes, Function::Delta, Function::Increase, Function::Rate, Function::Resets];
/// The functions that take smoothed range vectors.
pub(super) const SMOOTHED: [Function; 3] = [Function::Delta, Function::Increase, Function::Rate];

/// The value at `when` on the line between two samples; a counter that was reset between them starts at 0.
pub(super) fn between(before: (i64, f64), after: (i64, f64), when: i64, is_counter: bool) -> f64 {
    let start = if is_counter && after.1 < before.1 { 0.0 } else { before.1 };
    start + (after.1 - start) * (when - before.0) as f64 / (after.0 - before.0) as f64
}

/// The histogram at `when` between two; `None`, and a remark, when their schemas don't mix.
pub(super) fn between_histograms(
    before: &HistogramPoint,
    after: &HistogramPoint,
    when: i64,
    is_counter: bool,
    name: &str,
    span: Span,
    notes: &mut Notes,
) -> Option<Histogram> {
    if when == before.time {
        return Some(before.histogram.as_ref().clone());
    }
    let mut result = after.histogram.as_ref().clone();
    if when == after.time {
        return Some(result);
    }
    let fraction = (when - before.time) as f64 / (after.time - before.time) as f64;
    if is_counter && histogram::detect_reset(&after.histogram, &before.histogram) {
        histogram::mul(&mut result, fraction);
        return Some(result);
    }
    combine(&mut result, &before.histogram, Doing::Subtraction, name, span, notes)?;
    histogram::mul(&mut result, fraction);
    combine(&mut result, &before.histogram, Doing::Addition, name, span, notes)?;
    Some(result)
}

/// Adds or subtracts; `None`, and a remark, when schemas don't mix.
fn combine(
    to: &mut Histogram,
    other: &Histogram,
    doing: Doing,
    name: &str,
    span: Span,
    notes: &mut Notes,
) -> Option<()> {
    let found = if matches!(doing, Doing::Subtraction) { histogram::sub(to, other) } else { histogram::add(to, other) };
    match found {
        Ok(findings) => {
            if findings.bounds_reconciled {
                notes.add(notes::bounds_reconciled(doing, span));
            }
            Some(())
        }
        Err(Incompatible) => {
            notes.add(notes::mixed_schemas(name, span));
            None
        }
    }
}

impl Ranges {
    /// From after when to when samples count for a window.
    pub(super) fn reach(&self, start: i64, end: i64) -> (i64, i64) {
        match self.extension {
            None => (start, end),
            Some(Extension::Anchored) => (start.saturating_sub(self.lookback), end),
            Some(Extension::Smoothed) => (start.saturating_sub(self.lookback), end.saturating_add(self.lookback)),
        }
    }

    /// The function of one window, with the samples around it.
    pub(super) fn extended(
        &self,
        window: Window<'_>,
        points: &[HistogramPoint],
        name: &str,
        notes: &mut Notes,
    ) -> Option<Value> {
        let Some(kind) = Kind::of(self.function) else {
            return self.anchored_events(window, points).map(Value::Float);
        };
        match (window.values.is_empty(), points.is_empty()) {
            (false, false) => {
                notes.add(notes::mixed_floats_histograms(name, self.span));
                None
            }
            (true, false) => Value::of(self.histogram_change(kind, window, points, name, notes)),
            (false, true) => self.change(kind, window).map(Value::Float),
            (true, true) => None,
        }
    }

    fn is_smoothed(&self) -> bool {
        self.extension == Some(Extension::Smoothed)
    }

    /// The first and the last sample that count.
    fn ends(&self, window: Window<'_>, time: impl Fn(usize) -> i64, samples: usize) -> Option<(usize, usize)> {
        let mut last = samples.checked_sub(1)?;
        let search =
            |until: usize, beyond: &dyn Fn(i64) -> bool| (0..until).find(|&at| beyond(time(at))).unwrap_or(until);
        let first = search(last, &|time| time > window.start).saturating_sub(1);
        if self.is_smoothed() {
            last = search(last, &|time| time >= window.end);
        }
        let is_outside = time(last) <= window.start || self.is_smoothed() && time(first) > window.end;
        (!is_outside).then_some((first, last))
    }

    fn change(&self, kind: Kind, window: Window<'_>) -> Option<f64> {
        let Window { times, values, .. } = window;
        let (mut first, last) = self.ends(window, |at| times[at], times.len())?;
        let point = |at: usize| (times[at], values[at]);
        let left = if self.is_smoothed() && times[first] < window.start {
            between(point(first), point(first + 1), window.start, kind.is_counter)
        } else {
            values[first]
        };
        let right = if self.is_smoothed() && last > 0 && times[last] > window.end {
            between(point(last - 1), point(last), window.end, kind.is_counter)
        } else {
            values[last]
        };
        let mut change = right - left;
        if kind.is_counter {
            if times[first] <= window.start {
                first += 1;
            }
            let behind = if times[last] >= window.end { last } else { last + 1 };
            let mut correction = 0.0;
            let mut before = left;
            for &value in values.get(first..behind).unwrap_or_default().iter().chain([&right]) {
                if value < before {
                    correction += before;
                }
                before = value;
            }
            change += correction;
        }
        Some(if kind.is_rate { change / (self.range as f64 / 1000.0) } else { change })
    }

    fn histogram_change(
        &self,
        kind: Kind,
        window: Window<'_>,
        points: &[HistogramPoint],
        name: &str,
        notes: &mut Notes,
    ) -> Option<Histogram> {
        let (first, last) = self.ends(window, |at| points[at].time, points.len())?;
        let used = &points[first..=last];
        let is_gauge = |histogram: &Histogram| histogram.counter_reset == CounterReset::Gauge;
        for point in used {
            if histogram::has_custom_bounds(&point.histogram) != histogram::has_custom_bounds(&used[0].histogram) {
                notes.add(notes::mixed_schemas(name, self.span));
                return None;
            }
            if kind.is_counter && is_gauge(&point.histogram) {
                notes.add(notes::not_counter(name, self.span));
            }
        }
        let left = if self.is_smoothed() && points[first].time < window.start {
            let (before, after) = (&points[first], &points[first + 1]);
            between_histograms(before, after, window.start, kind.is_counter, name, self.span, notes)?
        } else {
            points[first].histogram.as_ref().clone()
        };
        let right = if self.is_smoothed() && last > 0 && points[last].time > window.end {
            let (before, after) = (&points[last - 1], &points[last]);
            between_histograms(before, after, window.end, kind.is_counter, name, self.span, notes)?
        } else {
            points[last].histogram.as_ref().clone()
        };
        if !kind.is_counter && (!is_gauge(&left) || !is_gauge(&right)) {
            notes.add(notes::not_gauge(name, self.span));
        }
        let mut change = right.clone();
        combine(&mut change, &left, Doing::Subtraction, name, self.span, notes)?;
        if kind.is_counter {
            self.make_up_resets(&mut change, window, used, (&left, &right), name, notes)?;
        }
        if kind.is_rate {
            histogram::div(&mut change, self.range as f64 / 1000.0);
        }
        change.counter_reset = CounterReset::Gauge;
        histogram::compact(&mut change, 0);
        Some(change)
    }

    /// Adds what was counted before each reset between the ends of the window, which are `used`'s first and last.
    fn make_up_resets(
        &self,
        change: &mut Histogram,
        window: Window<'_>,
        used: &[HistogramPoint],
        (left, right): (&Histogram, &Histogram),
        name: &str,
        notes: &mut Notes,
    ) -> Option<()> {
        let mut before = left;
        let mut from = 1;
        if self.is_smoothed()
            && used[0].time < window.start
            && let [first, second, ..] = used
            && histogram::detect_reset(&second.histogram, &first.histogram)
        {
            // The left end lies in that reset, which is made up for already.
            before = &second.histogram;
            from = 2;
        }
        // Both ends lie in the same step between two samples.
        if from > used.len() - 1 {
            return Some(());
        }
        let mut correction: Option<Histogram> = None;
        let inner = used[from..used.len() - 1].iter().map(|point| point.histogram.as_ref());
        for now in inner.chain([right]) {
            if histogram::detect_reset(now, before) {
                match &mut correction {
                    None => correction = Some(before.clone()),
                    Some(correction) => combine(correction, before, Doing::Addition, name, self.span, notes)?,
                }
            }
            before = now;
        }
        match correction {
            None => Some(()),
            Some(correction) => combine(change, &correction, Doing::Addition, name, self.span, notes),
        }
    }

    /// `changes` and `resets` from the sample at or before the start of the window on; `None` without one behind it.
    fn anchored_events(&self, window: Window<'_>, points: &[HistogramPoint]) -> Option<f64> {
        let floats = window.times.partition_point(|&time| time <= window.start);
        let histograms = points.partition_point(|point| point.time <= window.start);
        if floats == window.times.len() && histograms == points.len() {
            return None;
        }
        let (last_float, last_histogram) = (floats.checked_sub(1), histograms.checked_sub(1));
        let (from_float, from_histogram) = match (last_float, last_histogram) {
            (None, None) => (0, 0),
            (Some(float), None) => (float, histograms),
            (Some(float), Some(histogram)) if window.times[float] >= points[histogram].time => (float, histograms),
            (_, Some(histogram)) => (floats, histogram),
        };
        let window = Window { times: &window.times[from_float..], values: &window.values[from_float..], ..window };
        Some(self.events(window, &points[from_histogram..]))
    }
}
