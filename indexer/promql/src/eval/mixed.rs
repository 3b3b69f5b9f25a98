//! Windows that may hold histograms beside numbers.

use std::sync::Arc;

use orszem_model::{Columns, Histogram, HistogramPoint};

use super::engine::Scratch;
use super::instant::seconds;
use super::native;
use super::notes::{self, Notes};
use super::rate::Kind;
use super::row::Row;
use super::window::{Ranges, Window};
use crate::functions::Function;
use crate::histogram;

/// What comes of a window.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Float(f64),
    Histogram(Arc<Histogram>),
}

impl Value {
    pub(super) fn of(histogram: Option<Histogram>) -> Option<Self> {
        histogram.map(|histogram| Self::Histogram(Arc::new(histogram)))
    }
}

/// A sample of either kind.
#[derive(Clone, Copy, Debug)]
enum Either<'a> {
    Float(f64),
    Histogram(&'a Histogram),
}

impl Ranges {
    /// All windows of a series that has histograms, or of a selector that is extended. The labels of `row` are there.
    pub(super) fn mixed(&self, columns: &Columns, row: &mut Row, scratch: &mut Scratch) -> bool {
        let mut found = false;
        for step in 0..self.grid.count {
            let (start, end) = self.bounds(step);
            let (oldest, newest) = self.reach(start, end);
            let floats = columns.times.partition_point(|&time| time <= oldest)
                ..columns.times.partition_point(|&time| time <= newest);
            let within = |bound: i64| columns.histograms.partition_point(|point| point.time <= bound);
            let points = &columns.histograms[within(oldest)..within(newest)];
            if floats.is_empty() && points.is_empty() {
                continue;
            }
            Self::count(&mut scratch.samples[step], floats.len(), points);
            let window = self.window(&columns.times[floats.clone()], &columns.values[floats], step);
            let value = if self.extension.is_some() {
                self.extended(window, points, row.name(), &mut scratch.notes)
            } else {
                self.value(window, points, row.name(), &mut scratch.notes, &mut scratch.sorted)
            };
            match value {
                None => continue,
                Some(Value::Float(value)) => row.floats[step] = value,
                Some(Value::Histogram(histogram)) => row.set_histogram(step, histogram),
            }
            found = true;
        }
        found
    }

    fn value(
        &self,
        window: Window<'_>,
        points: &[HistogramPoint],
        name: &str,
        notes: &mut Notes,
        sorted: &mut Vec<f64>,
    ) -> Option<Value> {
        if points.is_empty() {
            self.note_quantile(window, notes);
            return self.float(window, sorted).map(Value::Float);
        }
        let numbers = window.values.len();
        match self.function {
            Function::CountOverTime => Some(Value::Float((numbers + points.len()) as f64)),
            Function::PresentOverTime | Function::AbsentOverTime => Some(Value::Float(1.0)),
            Function::TsOfFirstOverTime => {
                let first = window.times.first().map_or(i64::MAX, |&time| time);
                Some(Value::Float(seconds(first.min(points[0].time))))
            }
            Function::TsOfLastOverTime => {
                let last = window.times.last().map_or(i64::MIN, |&time| time);
                Some(Value::Float(seconds(last.max(points[points.len() - 1].time))))
            }
            Function::FirstOverTime => Some(match window.times.first() {
                Some(&time) if time < points[0].time => Value::Float(window.values[0]),
                _ => Value::Histogram(Arc::clone(&points[0].histogram)),
            }),
            Function::LastOverTime => {
                let last = &points[points.len() - 1];
                Some(match window.times.last() {
                    Some(&time) if time > last.time => Value::Float(window.values[numbers - 1]),
                    _ => Value::Histogram(Arc::clone(&last.histogram)),
                })
            }
            Function::Changes | Function::Resets => Some(Value::Float(self.events(window, points))),
            Function::Irate | Function::Idelta => self.last_two_mixed(window, points, name, notes),
            Function::SumOverTime | Function::AvgOverTime | Function::Rate | Function::Increase | Function::Delta => {
                if numbers > 0 {
                    notes.add(notes::mixed_floats_histograms(name, self.span));
                    return None;
                }
                Value::of(match Kind::of(self.function) {
                    Some(kind) => native::rate(kind, self, window, points, name, notes),
                    None if self.function == Function::SumOverTime => native::sum(points, name, self.span, notes),
                    None => native::mean(points, name, self.span, notes),
                })
            }
            Function::Deriv | Function::PredictLinear | Function::DoubleExponentialSmoothing => {
                if numbers > 0 {
                    notes.add(notes::histogram_ignored_in_range(name, self.span));
                }
                self.float(window, sorted).map(Value::Float)
            }
            _ => {
                if numbers == 0 {
                    return None;
                }
                self.note_quantile(window, notes);
                notes.add(notes::histogram_ignored_in_range(name, self.span));
                self.float(window, sorted).map(Value::Float)
            }
        }
    }

    fn note_quantile(&self, window: Window<'_>, notes: &mut Notes) {
        if self.function == Function::QuantileOverTime {
            let q = self.parameters.first().map_or(f64::NAN, |values| values.at(window.step));
            if !(0.0..=1.0).contains(&q) {
                notes.add(notes::invalid_quantile(q, self.span));
            }
        }
    }

    /// `irate` and `idelta` of the last two samples, of which one at least is a histogram or behind one.
    fn last_two_mixed(
        &self,
        window: Window<'_>,
        points: &[HistogramPoint],
        name: &str,
        notes: &mut Notes,
    ) -> Option<Value> {
        let is_rate = self.function == Function::Irate;
        let mut last: Vec<(i64, Either<'_>)> = samples(window, points);
        let start = last.len().checked_sub(2)?;
        let (before, now) = (last[start], last[start + 1]);
        last.clear();
        let length = (now.0 - before.0) as f64 / 1000.0;
        match (before.1, now.1) {
            (Either::Float(_), Either::Float(_)) => super::rate::last_two(window, is_rate).map(Value::Float),
            (Either::Histogram(before), Either::Histogram(now)) => {
                let change = histogram::instant_change(before, now, is_rate);
                native::remark(change.remarks, name, self.span, notes);
                let mut change = change.histogram?;
                if is_rate {
                    histogram::div(&mut change, length);
                }
                Value::of(Some(change))
            }
            _ => {
                notes.add(notes::mixed_floats_histograms(name, self.span));
                None
            }
        }
    }

    /// How often the samples of a window change, or are reset.
    pub(super) fn events(&self, window: Window<'_>, points: &[HistogramPoint]) -> f64 {
        let samples = samples(window, points);
        let is_event = |pair: &&[(i64, Either<'_>)]| match (pair[0].1, pair[1].1) {
            (Either::Float(before), Either::Float(now)) if self.function == Function::Resets => now < before,
            (Either::Float(before), Either::Float(now)) => now != before && !(now.is_nan() && before.is_nan()),
            (Either::Histogram(before), Either::Histogram(now)) if self.function == Function::Resets => {
                histogram::detect_reset(now, before)
            }
            (Either::Histogram(before), Either::Histogram(now)) => !histogram::equals(now, before),
            _ => true,
        };
        samples.windows(2).filter(is_event).count() as f64
    }
}

/// Samples of both kinds, by time.
fn samples<'a>(window: Window<'_>, points: &'a [HistogramPoint]) -> Vec<(i64, Either<'a>)> {
    let floats = window.times.iter().zip(window.values).map(|(&time, &value)| (time, Either::Float(value)));
    let mut samples: Vec<(i64, Either<'a>)> = floats.collect();
    samples.extend(points.iter().map(|point| (point.time, Either::Histogram(&point.histogram))));
    samples.sort_by_key(|sample| sample.0);
    samples
}
