//! Functions of a range vector of numbers.

use std::collections::VecDeque;

use orszem_vector::kahan::{Mean, Sum};
use orszem_vector::quantile;

use super::engine::{Scratch, failed};
use super::instant::seconds;
use super::prefix::{self, Prefix};
use super::rate::{Kind, last_two};
use super::row::Row;
use super::window::{Ranges, Window};
use super::{notes, regression};
use crate::EvalError;
use crate::functions::Function;

impl Ranges {
    /// All windows of a series that has numbers alone.
    pub(super) fn floats(
        &self,
        times: &[i64],
        values: &[f64],
        row: &mut Row,
        scratch: &mut Scratch,
    ) -> Result<bool, EvalError> {
        if let Some(kind) = Kind::of(self.function) {
            return Ok(self.rates(kind, times, values, row, scratch));
        }
        self.check_parameters()?;
        let mut found = false;
        match self.function {
            Function::MinOverTime | Function::MaxOverTime => found = self.extremes(times, values, row, scratch),
            Function::Changes | Function::Resets => {
                let is_event = if self.function == Function::Changes { changed } else { fell };
                let mut events = vec![0_u32; values.len()];
                for at in 1..values.len() {
                    events[at] = events[at - 1] + u32::from(is_event(values[at - 1], values[at]));
                }
                self.slide(times, &mut scratch.samples, |step, from, to| {
                    row.floats[step] = f64::from(events[to - 1] - events[from]);
                    found = true;
                });
            }
            Function::QuantileOverTime => found = self.quantiles(times, values, row, scratch),
            Function::SumOverTime | Function::AvgOverTime => found = self.sums(times, values, row, scratch),
            _ => {
                let mut sorted = std::mem::take(&mut scratch.sorted);
                self.slide(times, &mut scratch.samples, |step, from, to| {
                    let window = self.window(&times[from..to], &values[from..to], step);
                    if let Some(value) = self.float(window, &mut sorted) {
                        row.floats[step] = value;
                        found = true;
                    }
                });
                scratch.sorted = sorted;
            }
        }
        Ok(found)
    }

    /// The function of one window, which is not empty.
    pub(super) fn float(&self, window: Window<'_>, sorted: &mut Vec<f64>) -> Option<f64> {
        let Window { times, values, .. } = window;
        let (first, last) = (*values.first()?, *values.last()?);
        let parameter = |at: usize| self.parameters.get(at).map_or(f64::NAN, |values| values.at(window.step));
        if let Some(kind) = Kind::of(self.function) {
            return self.rate(kind, window);
        }
        Some(match self.function {
            Function::SumOverTime => sum(values),
            Function::AvgOverTime => mean(values),
            Function::CountOverTime => values.len() as f64,
            Function::PresentOverTime | Function::AbsentOverTime => 1.0,
            Function::LastOverTime => last,
            Function::FirstOverTime => first,
            Function::TsOfFirstOverTime => seconds(times[0]),
            Function::TsOfLastOverTime => seconds(times[times.len() - 1]),
            Function::MinOverTime => values[extreme(values, |a, b| a < b)],
            Function::MaxOverTime => values[extreme(values, |a, b| a > b)],
            Function::TsOfMinOverTime => seconds(times[extreme(values, |a, b| a <= b)]),
            Function::TsOfMaxOverTime => seconds(times[extreme(values, |a, b| a >= b)]),
            Function::StdvarOverTime => variance(values),
            Function::StddevOverTime => variance(values).sqrt(),
            Function::QuantileOverTime => {
                values.clone_into(sorted);
                quantile::of(parameter(0), sorted)
            }
            Function::MadOverTime => deviation(values, sorted),
            Function::Changes => count(values, changed),
            Function::Resets => count(values, fell),
            Function::Irate => return last_two(window, true),
            Function::Idelta => return last_two(window, false),
            Function::Deriv => regression::line(window, times[0])?.slope,
            Function::PredictLinear => {
                let line = regression::line(window, window.now)?;
                line.slope * parameter(0) + line.intercept
            }
            Function::DoubleExponentialSmoothing => return regression::smoothed(values, parameter(0), parameter(1)),
            _ => return None,
        })
    }

    /// # Errors
    /// When a scalar argument is out of its range at some step.
    pub(super) fn check_parameters(&self) -> Result<(), EvalError> {
        if self.function != Function::DoubleExponentialSmoothing {
            return Ok(());
        }
        for (values, name) in self.parameters.iter().zip([("smoothing", "sf"), ("trend", "tf")]) {
            if let Some(bad) = values.iter(self.grid.count).find(|&factor| factor <= 0.0 || factor >= 1.0) {
                let (name, short) = name;
                return failed(format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {bad:.6}"));
            }
        }
        Ok(())
    }

    fn extremes(&self, times: &[i64], values: &[f64], row: &mut Row, scratch: &mut Scratch) -> bool {
        let is_max = self.function == Function::MaxOverTime;
        // Positions of values that none behind them in the window beats, best first.
        let mut best: VecDeque<usize> = VecDeque::new();
        let mut taken = 0;
        let mut found = false;
        self.slide(times, &mut scratch.samples, |step, from, to| {
            taken = taken.max(from);
            while taken < to {
                let value = values[taken];
                if !value.is_nan() {
                    while best.back().is_some_and(|&at| if is_max { values[at] < value } else { values[at] > value }) {
                        best.pop_back();
                    }
                    best.push_back(taken);
                }
                taken += 1;
            }
            while best.front().is_some_and(|&at| at < from) {
                best.pop_front();
            }
            row.floats[step] = best.front().map_or(f64::NAN, |&at| values[at]);
            found = true;
        });
        found
    }

    fn sums(&self, times: &[i64], values: &[f64], row: &mut Row, scratch: &mut Scratch) -> bool {
        let is_mean = self.function == Function::AvgOverTime;
        // Tried when the first large window comes.
        let mut prefix: Option<Option<Prefix>> = None;
        let mut found = false;
        self.slide(times, &mut scratch.samples, |step, from, to| {
            let window = &values[from..to];
            let quick = if to - from < prefix::WINDOW_MIN || self.grid.count < 2 {
                None
            } else {
                prefix.get_or_insert_with(|| Prefix::new(values)).as_ref().and_then(|prefix| prefix.sum(from, to))
            };
            row.floats[step] = match quick {
                Some(total) if is_mean => total / window.len() as f64,
                Some(total) => total,
                None if is_mean => mean(window),
                None => sum(window),
            };
            found = true;
        });
        found
    }

    /// Keeps the values of the window sorted as it moves.
    fn quantiles(&self, times: &[i64], values: &[f64], row: &mut Row, scratch: &mut Scratch) -> bool {
        let mut sorted = std::mem::take(&mut scratch.sorted);
        sorted.clear();
        let (mut held_from, mut held_to) = (0, 0);
        let mut found = false;
        let Scratch { samples, notes, .. } = scratch;
        self.slide(times, samples, |step, from, to| {
            if held_to <= from || (from - held_from) + (to - held_to) > 8 {
                sorted.clear();
                sorted.extend_from_slice(&values[from..to]);
                sorted.sort_unstable_by(|a, b| quantile::ascending(*a, *b));
            } else {
                for &value in &values[held_from..from] {
                    let at = sorted.partition_point(|held| quantile::ascending(*held, value).is_lt());
                    sorted.remove(at);
                }
                for &value in &values[held_to..to] {
                    let at = sorted.partition_point(|held| quantile::ascending(*held, value).is_lt());
                    sorted.insert(at, value);
                }
            }
            (held_from, held_to) = (from, to);
            let q = self.parameters.first().map_or(f64::NAN, |values| values.at(step));
            if !(0.0..=1.0).contains(&q) {
                notes.add(notes::invalid_quantile(q, self.span));
            }
            row.floats[step] = quantile::of_sorted(q, &sorted);
            found = true;
        });
        scratch.sorted = sorted;
        found
    }
}

fn changed(before: f64, now: f64) -> bool {
    now != before && !(now.is_nan() && before.is_nan())
}

fn fell(before: f64, now: f64) -> bool {
    now < before
}

fn count(values: &[f64], is_event: fn(f64, f64) -> bool) -> f64 {
    values.windows(2).filter(|pair| is_event(pair[0], pair[1])).count() as f64
}

fn sum(values: &[f64]) -> f64 {
    let mut sum = Sum::default();
    values.iter().for_each(|&value| sum.add(value));
    if sum.sum.is_infinite() { sum.sum } else { sum.value() }
}

fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::of(values[0]);
    values[1..].iter().for_each(|&value| mean.add(value));
    mean.value()
}

/// The position of the value that beats all before it; NaN is beaten by all.
fn extreme(values: &[f64], beats: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for (at, &value) in values.iter().enumerate() {
        if beats(value, values[best]) || values[best].is_nan() {
            best = at;
        }
    }
    best
}

fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    let mut count = 0.0;
    for &value in values {
        count += 1.0;
        let delta = value - mean.value();
        mean.add(delta / count);
        squares.add(delta * (value - mean.value()));
    }
    squares.value() / count
}

/// The median of the distances from the median.
fn deviation(values: &[f64], sorted: &mut Vec<f64>) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    values.clone_into(sorted);
    let median = quantile::of(0.5, sorted);
    sorted.iter_mut().for_each(|value| *value = (*value - median).abs());
    quantile::of(0.5, sorted)
}
