//! What is done to one row without looking at another.

use std::sync::Arc;

use orszem_model::Histogram;
use orszem_vector::{ABSENT, is_absent};

use super::element::{self, Side};
use super::engine::{Grid, Scratch};
use super::instant::seconds;
use super::math;
use super::mixed::Value;
use super::notes::Notes;
use super::row::Row;
use super::scalar::Scalars;
use super::trace::Probe;
use crate::ast::{BinaryOp, Span};
use crate::histogram;

pub(super) enum Stage {
    /// A function of numbers; histograms are dropped.
    Number(fn(f64) -> f64),
    /// A function of histograms; numbers are dropped.
    Histogram(fn(&Histogram) -> f64),
    Clamp {
        min: Scalars,
        max: Scalars,
    },
    Round(Scalars),
    Negate,
    /// The time of the step for each value.
    Timestamp(Grid),
    /// An operator with a scalar on one side.
    Binary(Box<ScalarBinary>),
    /// Changes nothing: measures what came so far.
    Probe(Arc<Probe>),
}

pub(super) struct ScalarBinary {
    pub(super) op: BinaryOp,
    pub(super) scalar: Scalars,
    pub(super) scalar_is_left: bool,
    pub(super) returns_bool: bool,
    pub(super) span: Span,
}

impl Stage {
    pub(super) fn apply(&self, row: &mut Row, scratch: &mut Scratch) {
        match self {
            Self::Number(function) => numbers(row, |_, value| function(value)),
            Self::Round(nearest) => numbers(row, |step, value| math::round(value, nearest.at(step))),
            Self::Clamp { min, max } => numbers(row, |step, value| {
                let (min, max) = (min.at(step), max.at(step));
                if max < min { ABSENT } else { math::max(min, math::min(max, value)) }
            }),
            Self::Negate => {
                for value in row.floats.iter_mut().filter(|value| !is_absent(**value)) {
                    *value = -*value;
                }
                for histogram in row.histograms.iter_mut().flatten() {
                    histogram::negate(Arc::make_mut(histogram));
                }
            }
            Self::Timestamp(grid) => {
                for step in 0..row.floats.len() {
                    if row.has(step) {
                        row.floats[step] = seconds(grid.time(step));
                    }
                }
                row.histograms.clear();
            }
            Self::Histogram(function) => {
                row.floats.fill(ABSENT);
                for (step, histogram) in std::mem::take(&mut row.histograms).into_iter().enumerate() {
                    if let Some(histogram) = histogram {
                        row.floats[step] = function(&histogram);
                    }
                }
            }
            Self::Binary(binary) => return binary.apply(row, &mut scratch.notes),
            Self::Probe(probe) => return probe.row(row, scratch.begun),
        }
        row.drops_name = true;
    }
}

#[inline]
fn numbers(row: &mut Row, function: impl Fn(usize, f64) -> f64) {
    row.histograms.clear();
    for (step, value) in row.floats.iter_mut().enumerate().filter(|(_, value)| !is_absent(**value)) {
        *value = function(step, *value);
    }
}

impl ScalarBinary {
    fn apply(&self, row: &mut Row, notes: &mut Notes) {
        row.drops_name |= element::changes_meaning(self.op) || self.returns_bool;
        if !row.histograms.is_empty() || matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
            return self.mixed(row, notes);
        }
        // The operator is told apart once, not for each step.
        match self.op {
            BinaryOp::Add => self.floats(row, |a, b| a + b),
            BinaryOp::Sub => self.floats(row, |a, b| a - b),
            BinaryOp::Mul => self.floats(row, |a, b| a * b),
            BinaryOp::Div => self.floats(row, |a, b| a / b),
            op if !op.is_comparison() || self.returns_bool => self.floats(row, |a, b| math::number(op, a, b)),
            op => {
                for (step, value) in row.floats.iter_mut().enumerate().filter(|(_, value)| !is_absent(**value)) {
                    let scalar = self.scalar.at(step);
                    let (left, right) = if self.scalar_is_left { (scalar, *value) } else { (*value, scalar) };
                    if !math::holds(op, left, right) {
                        *value = ABSENT;
                    }
                }
            }
        }
    }

    #[inline]
    fn floats(&self, row: &mut Row, operate: impl Fn(f64, f64) -> f64) {
        for (step, value) in row.floats.iter_mut().enumerate() {
            if !is_absent(*value) {
                let scalar = self.scalar.at(step);
                *value = if self.scalar_is_left { operate(scalar, *value) } else { operate(*value, scalar) };
            }
        }
    }

    fn mixed(&self, row: &mut Row, notes: &mut Notes) {
        for step in 0..row.floats.len() {
            if !row.has(step) {
                continue;
            }
            let histogram = row.histogram(step).cloned();
            let vector = histogram.as_ref().map_or(Side::Float(row.floats[step]), Side::Histogram);
            let scalar = Side::Float(self.scalar.at(step));
            let (left, right) = if self.scalar_is_left { (scalar, vector) } else { (vector, scalar) };
            let result = element::apply(self.op, left, right, self.span, notes);
            if let Some(slot) = row.histograms.get_mut(step) {
                *slot = None;
            }
            row.floats[step] = ABSENT;
            match result {
                None => {}
                Some((_, holds)) if self.returns_bool => row.floats[step] = f64::from(u8::from(holds)),
                Some((_, false)) => {}
                // A comparison gives the element of the vector, on whichever side that is.
                Some((_, true)) if self.op.is_comparison() => match (&histogram, vector) {
                    (Some(histogram), _) => row.set_histogram(step, Arc::clone(histogram)),
                    (None, Side::Float(value)) => row.floats[step] = value,
                    (None, Side::Histogram(_)) => {}
                },
                Some((Value::Float(value), true)) => row.floats[step] = value,
                Some((Value::Histogram(histogram), true)) => row.set_histogram(step, histogram),
            }
        }
    }
}
