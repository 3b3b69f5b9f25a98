//! Scalars: one number for each step.

use orszem_vector::{ABSENT, is_absent};

use super::engine::Engine;
use super::stream::{Sink, Stream};
use super::wants::Wants;
use super::{engine::Scratch, row::Row};
use crate::EvalError;

#[derive(Clone, Debug)]
pub(super) enum Scalars {
    Constant(f64),
    Steps(Vec<f64>),
}

impl Scalars {
    #[inline]
    pub(super) fn at(&self, step: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Steps(values) => values[step],
        }
    }

    pub(super) fn steps(self, count: usize) -> Vec<f64> {
        match self {
            Self::Constant(value) => vec![value; count],
            Self::Steps(values) => values,
        }
    }

    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(f(value)),
            Self::Steps(values) => Self::Steps(values.into_iter().map(f).collect()),
        }
    }

    pub(super) fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::Constant(a), Self::Constant(b)) => Self::Constant(f(a, b)),
            (Self::Steps(a), other) => Self::Steps(a.iter().enumerate().map(|(at, &a)| f(a, other.at(at))).collect()),
            (a @ Self::Constant(_), Self::Steps(b)) => {
                Self::Steps(b.iter().enumerate().map(|(at, &b)| f(a.at(at), b)).collect())
            }
        }
    }

    /// The values of `count` steps.
    pub(super) fn iter(&self, count: usize) -> impl Iterator<Item = f64> {
        (0..count).map(|step| self.at(step))
    }
}

/// `scalar(v)`: the number of the only element that has one, else NaN.
pub(super) fn only(stream: Stream, engine: &Engine<'_>) -> Result<Scalars, EvalError> {
    let steps = stream.scope.grid.count;
    let found = stream
        .narrow(Wants::none())
        .fold(engine, || Only { values: vec![ABSENT; steps], several: vec![false; steps] })?;
    let mut all = Only { values: vec![ABSENT; steps], several: vec![false; steps] };
    for part in found {
        all.add(&part.values);
        all.several.iter_mut().zip(part.several).for_each(|(all, several)| *all |= several);
    }
    let value = |(value, several): (f64, bool)| if several || is_absent(value) { f64::NAN } else { value };
    Ok(Scalars::Steps(all.values.into_iter().zip(all.several).map(value).collect()))
}

struct Only {
    values: Vec<f64>,
    several: Vec<bool>,
}

impl Only {
    fn add(&mut self, floats: &[f64]) {
        for (step, &value) in floats.iter().enumerate().filter(|(_, value)| !is_absent(**value)) {
            if is_absent(self.values[step]) {
                self.values[step] = value;
            } else {
                self.several[step] = true;
            }
        }
    }
}

impl Sink for Only {
    fn take(&mut self, row: &mut Row, _: &mut Scratch) -> Result<(), EvalError> {
        self.add(&row.floats);
        Ok(())
    }
}
