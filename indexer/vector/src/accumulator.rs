//! Aggregating columns one after the other: each takes its share and can be dropped.

use crate::column::{ABSENT, is_absent};
use crate::kahan::{Mean, Sum};

/// How values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fold {
    Sum,
    Average,
    Count,
    /// 1 where there is any.
    Group,
    Min,
    Max,
    /// Of the population.
    Stddev,
    /// Of the population.
    Stdvar,
}

/// What has been accumulated of one group, for each step.
#[derive(Clone, Debug)]
pub struct Accumulator {
    fold: Fold,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// The value itself.
    Plain(Vec<f64>),
    Sums(Vec<Sum>),
    Means(Vec<Mean>),
    Variances(Vec<Variance>),
}

/// Welford's running variance.
#[derive(Clone, Copy, Debug, Default)]
struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Variance {
    fn add(&mut self, value: f64) {
        if self.count == 0.0 {
            *self = Self { count: 1.0, mean: value, squares: if value.is_finite() { 0.0 } else { f64::NAN } };
            return;
        }
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, other: Self) {
        if self.count == 0.0 || other.count == 0.0 {
            if self.count == 0.0 {
                *self = other;
            }
            return;
        }
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        self.squares += other.squares + delta * delta * self.count * other.count / count;
        self.mean += delta * other.count / count;
        self.count = count;
    }
}

impl Accumulator {
    pub fn new(fold: Fold, steps: usize) -> Self {
        let state = match fold {
            Fold::Sum => State::Sums(vec![Sum::of(ABSENT); steps]),
            Fold::Average => State::Means(vec![Mean { count: 0.0, ..Mean::of(0.0) }; steps]),
            Fold::Count | Fold::Group | Fold::Min | Fold::Max => State::Plain(vec![ABSENT; steps]),
            Fold::Stddev | Fold::Stdvar => State::Variances(vec![Variance::default(); steps]),
        };
        Self { fold, state }
    }

    /// Takes a column of as many steps.
    pub fn add(&mut self, column: &[f64]) {
        match &mut self.state {
            State::Plain(values) => {
                let fold = self.fold;
                values.iter_mut().zip(column).for_each(|(held, &value)| plain(fold, held, value));
            }
            State::Sums(sums) => sums.iter_mut().zip(column).for_each(|(sum, &value)| {
                if !is_absent(value) {
                    if is_absent(sum.sum) { *sum = Sum::of(value) } else { sum.add(value) }
                }
            }),
            State::Means(means) => means.iter_mut().zip(column).for_each(|(mean, &value)| {
                if !is_absent(value) {
                    if mean.count == 0.0 { *mean = Mean::of(value) } else { mean.add(value) }
                }
            }),
            State::Variances(variances) => variances.iter_mut().zip(column).for_each(|(variance, &value)| {
                if !is_absent(value) {
                    variance.add(value);
                }
            }),
        }
    }

    /// Counts an element that has no number, at one step; for [`Fold::Count`] and [`Fold::Group`].
    pub fn count(&mut self, step: usize) {
        if let State::Plain(values) = &mut self.state {
            plain(self.fold, &mut values[step], 1.0);
        }
    }

    /// Takes what another accumulator of the same fold and steps holds.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.state, &other.state) {
            (State::Plain(held), State::Plain(others)) => {
                for (held, &value) in held.iter_mut().zip(others) {
                    if self.fold == Fold::Count && !is_absent(value) && !is_absent(*held) {
                        *held += value;
                    } else if self.fold == Fold::Count && !is_absent(value) {
                        *held = value;
                    } else {
                        plain(self.fold, held, value);
                    }
                }
            }
            (State::Sums(held), State::Sums(others)) => {
                for (held, other) in held.iter_mut().zip(others).filter(|(_, other)| !is_absent(other.sum)) {
                    if is_absent(held.sum) {
                        *held = *other;
                    } else {
                        held.add(other.sum);
                        held.add(other.compensation);
                    }
                }
            }
            (State::Means(held), State::Means(others)) => {
                for (held, other) in held.iter_mut().zip(others).filter(|(_, other)| other.count > 0.0) {
                    if held.count == 0.0 { *held = *other } else { held.merge(*other) }
                }
            }
            (State::Variances(held), State::Variances(others)) => {
                held.iter_mut().zip(others).for_each(|(held, other)| held.merge(*other));
            }
            _ => debug_assert!(false, "accumulators of different folds"),
        }
    }

    /// The value of each step.
    pub fn finish(self) -> Vec<f64> {
        match self.state {
            State::Plain(values) => values,
            State::Sums(sums) => {
                sums.into_iter().map(|sum| if is_absent(sum.sum) { ABSENT } else { sum.value() }).collect()
            }
            State::Means(means) => {
                means.into_iter().map(|mean| if mean.count == 0.0 { ABSENT } else { mean.value() }).collect()
            }
            State::Variances(variances) => variances
                .into_iter()
                .map(|variance| match self.fold {
                    _ if variance.count == 0.0 => ABSENT,
                    Fold::Stddev => (variance.squares / variance.count).sqrt(),
                    _ => variance.squares / variance.count,
                })
                .collect(),
        }
    }
}

#[inline]
fn plain(fold: Fold, held: &mut f64, value: f64) {
    if is_absent(value) {
        return;
    }
    let is_first = is_absent(*held);
    match fold {
        Fold::Count => *held = if is_first { 1.0 } else { *held + 1.0 },
        Fold::Group => *held = 1.0,
        Fold::Min if is_first || *held > value || held.is_nan() => *held = value,
        Fold::Max if is_first || *held < value || held.is_nan() => *held = value,
        Fold::Min | Fold::Max | Fold::Sum | Fold::Average | Fold::Stddev | Fold::Stdvar => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [[f64; 4]; 3] =
        [[1.0, ABSENT, f64::NAN, ABSENT], [4.0, ABSENT, 2.0, 1e308], [7.0, ABSENT, ABSENT, 1e308]];

    /// All at once, and as two parts that are merged.
    fn check(fold: Fold, expected: [f64; 4]) {
        for split in 0..COLUMNS.len() {
            let mut parts = [Accumulator::new(fold, 4), Accumulator::new(fold, 4)];
            for (at, column) in COLUMNS.iter().enumerate() {
                parts[usize::from(at >= split)].add(column);
            }
            let [mut first, second] = parts;
            first.merge(&second);
            let bits = |values: &[f64]| {
                values
                    .iter()
                    .map(|value| if value.is_nan() && !is_absent(*value) { 0 } else { value.to_bits() })
                    .collect::<Vec<_>>()
            };
            assert_eq!(bits(&first.finish()), bits(&expected), "{fold:?} {split}");
        }
    }

    #[test]
    fn columns_fold_alike_in_one_go_and_in_parts() {
        check(Fold::Sum, [12.0, ABSENT, f64::NAN, f64::INFINITY]);
        check(Fold::Average, [4.0, ABSENT, f64::NAN, 1e308]);
        check(Fold::Count, [3.0, ABSENT, 2.0, 2.0]);
        check(Fold::Group, [1.0, ABSENT, 1.0, 1.0]);
        check(Fold::Min, [1.0, ABSENT, 2.0, 1e308]);
        check(Fold::Max, [7.0, ABSENT, 2.0, 1e308]);
        check(Fold::Stdvar, [6.0, ABSENT, f64::NAN, 0.0]);
        check(Fold::Stddev, [6f64.sqrt(), ABSENT, f64::NAN, 0.0]);
    }
}
