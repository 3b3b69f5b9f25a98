//! Sums and means of the native histograms of a group.

use orszem_model::{CounterReset, Histogram};
use orszem_vector::Fold;

use super::notes::{self, Doing, Notes};
use crate::ast::Span;
use crate::histogram::{self, KahanSum, Mean};

/// Histograms of a group at a step.
pub(super) struct Native {
    state: State,
    number: f64,
    saw_reset: bool,
    saw_no_reset: bool,
}

enum State {
    Sum(Box<KahanSum>),
    Mean(Box<Mean>),
    Done(Box<Histogram>),
    /// Exponential and custom buckets.
    Incompatible,
}

impl Native {
    pub(super) fn new(first: &Histogram, fold: Fold) -> Self {
        let state = if fold == Fold::Sum {
            State::Sum(Box::new(KahanSum::new(first)))
        } else {
            State::Mean(Box::new(Mean::new(first)))
        };
        let mut native = Self { state, number: 1.0, saw_reset: false, saw_no_reset: false };
        native.see(first);
        native
    }

    fn see(&mut self, histogram: &Histogram) {
        self.saw_reset |= histogram.counter_reset == CounterReset::Reset;
        self.saw_no_reset |= histogram.counter_reset == CounterReset::NotReset;
    }

    pub(super) fn add(&mut self, histogram: &Histogram, name: &str, span: Span, notes: &mut Notes) {
        let found = match &mut self.state {
            State::Sum(sum) => sum.add(histogram),
            State::Mean(mean) => mean.add(histogram),
            State::Done(_) | State::Incompatible => return,
        };
        self.number += 1.0;
        self.see(histogram);
        match found {
            Ok(findings) if findings.bounds_reconciled => {
                notes.add(notes::bounds_reconciled(Doing::Aggregation, span));
            }
            Ok(_) => {}
            Err(histogram::Incompatible) => {
                notes.add(notes::mixed_schemas(name, span));
                self.state = State::Incompatible;
            }
        }
    }

    /// One says that its counter was reset, another that it was not.
    pub(super) fn has_conflicting_resets(&self) -> bool {
        self.saw_reset && self.saw_no_reset && !matches!(self.state, State::Incompatible)
    }

    /// `None` when they don't mix.
    pub(super) fn finish(self) -> Option<Histogram> {
        self.state.finish()
    }

    /// Brings together what two threads have.
    pub(super) fn merge(self, other: Self) -> Self {
        let number = self.number + other.number;
        let is_mean = matches!(self.state, State::Mean(_) | State::Done(_)) && matches!(other.state, State::Mean(_));
        let share = |number_of: f64| if is_mean { number_of / number } else { 1.0 };
        let (first, second) = (share(self.number), share(other.number));
        let state = match (self.state.finish(), other.state.finish()) {
            (Some(mut held), Some(mut other)) => {
                histogram::mul(&mut held, first);
                histogram::mul(&mut other, second);
                let mut sum = KahanSum::new(&held);
                match sum.add(&other) {
                    Ok(_) if is_mean => State::Done(Box::new(sum.finish())),
                    Ok(_) => State::Sum(Box::new(sum)),
                    Err(histogram::Incompatible) => State::Incompatible,
                }
            }
            _ => State::Incompatible,
        };
        Self {
            state,
            number,
            saw_reset: self.saw_reset || other.saw_reset,
            saw_no_reset: self.saw_no_reset || other.saw_no_reset,
        }
    }
}

impl State {
    fn finish(self) -> Option<Histogram> {
        match self {
            Self::Sum(sum) => Some(sum.finish()),
            Self::Mean(mean) => Some(mean.finish()),
            Self::Done(histogram) => Some(*histogram),
            Self::Incompatible => None,
        }
    }
}
