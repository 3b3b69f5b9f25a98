//! Sums that lose little: Kahan's method with Neumaier's improvement.

/// A running sum and what rounding took from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    pub sum: f64,
    pub compensation: f64,
}

impl Sum {
    /// A sum of one value.
    #[inline]
    pub fn of(value: f64) -> Self {
        Self { sum: value, compensation: 0.0 }
    }

    #[inline]
    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    /// Adds a sum: what it is, then what rounding took from it.
    pub fn add_sum(&mut self, other: Self) {
        self.add(other.sum);
        if other.compensation != 0.0 {
            self.add(other.compensation);
        }
    }

    /// The compensated sum.
    #[inline]
    pub fn value(self) -> f64 {
        self.sum + self.compensation
    }
}

/// A mean: a sum that turns into a running mean when it would overflow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The sum; the mean once `is_running`.
    pub total: Sum,
    pub count: f64,
    pub is_running: bool,
}

impl Mean {
    #[inline]
    pub fn of(value: f64) -> Self {
        Self { total: Sum::of(value), count: 1.0, is_running: false }
    }

    #[inline]
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_running {
            let mut total = self.total;
            total.add(value);
            if !total.sum.is_infinite() {
                self.total = total;
                return;
            }
            self.run(self.count - 1.0);
        }
        let share = (self.count - 1.0) / self.count;
        self.total = Sum { sum: share * self.total.sum, compensation: share * self.total.compensation };
        self.total.add(value / self.count);
    }

    fn run(&mut self, count: f64) {
        self.is_running = true;
        self.total.sum /= count;
        self.total.compensation /= count;
    }

    /// The mean of both.
    pub fn merge(&mut self, other: Self) {
        let mut other = other;
        if !self.is_running && !other.is_running {
            let mut total = self.total;
            total.add(other.total.sum);
            if !total.sum.is_infinite() {
                total.add(other.total.compensation);
                *self = Self { total, count: self.count + other.count, is_running: false };
                return;
            }
        }
        for mean in [&mut *self, &mut other] {
            if !mean.is_running {
                mean.run(mean.count);
            }
        }
        let count = self.count + other.count;
        let (share, rest) = (self.count / count, other.count / count);
        self.total = Sum { sum: share * self.total.sum, compensation: share * self.total.compensation };
        self.total.add(rest * other.total.value());
        self.count = count;
    }

    #[inline]
    pub fn value(self) -> f64 {
        if self.is_running {
            self.total.value()
        } else {
            self.total.sum / self.count + self.total.compensation / self.count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = Sum::default();
        values.iter().for_each(|&value| sum.add(value));
        sum.value()
    }

    fn mean(values: &[f64]) -> Mean {
        let mut mean = Mean::of(values[0]);
        values[1..].iter().for_each(|&value| mean.add(value));
        mean
    }

    #[test]
    fn small_values_survive_beside_large_ones() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[5.0, 1e100, 5.0, -1e100]), 10.0);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn a_mean_does_not_overflow_alone_or_merged() {
        assert_eq!(mean(&[1e308, 1e308, 1e308]).value(), 1e308);
        assert_eq!(mean(&[1.0, 2.0, 6.0]).value(), 3.0);
        let mut merged = mean(&[1e308, 1e308]);
        merged.merge(mean(&[1e308]));
        assert_eq!((merged.value(), merged.count), (1e308, 3.0));
        let mut merged = mean(&[1.0, 2.0]);
        merged.merge(mean(&[6.0, 7.0]));
        assert_eq!(merged.value(), 4.0);
    }
}
