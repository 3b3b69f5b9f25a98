//! Sums of windows as differences of running sums, for windows that overlap much.

/// Windows of fewer samples are summed one by one.
pub(super) const WINDOW_MIN: usize = 16;
/// Sums this small beside the running sum are not taken from it: their digits would be those that it lost.
const SHARE_MIN: f64 = 1e-13;

/// Running sums of a series, each with what rounding took from it: good for about 31 digits.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    sums: Vec<(f64, f64)>,
}

impl Prefix {
    /// `None` when a value is no number, or values are too large for a running sum.
    pub(super) fn new(values: &[f64]) -> Option<Self> {
        let mut sums = Vec::with_capacity(values.len() + 1);
        let (mut high, mut low) = (0.0_f64, 0.0_f64);
        sums.push((high, low));
        for &value in values {
            let (sum, lost) = two_sum(high, value);
            (high, low) = quick_two_sum(sum, lost + low);
            sums.push((high, low));
        }
        // An infinity or a NaN stays in the sum for good.
        (high.is_finite() && low.is_finite() && high.abs() < f64::MAX / 2.0).then_some(Self { sums })
    }

    /// The sum of `from..to`; `None` when it has to be added up.
    #[inline]
    pub(super) fn sum(&self, from: usize, to: usize) -> Option<f64> {
        let ((to_high, to_low), (from_high, from_low)) = (self.sums[to], self.sums[from]);
        let (difference, lost) = two_sum(to_high, -from_high);
        let sum = difference + (lost + (to_low - from_low));
        let scale = to_high.abs().max(from_high.abs());
        (sum.abs() >= scale * SHARE_MIN).then_some(sum)
    }
}

/// The sum, and exactly what rounding took from it (Knuth).
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// The same for `a` not less than `b` (Dekker).
#[inline]
fn quick_two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    (sum, b - (sum - a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_the_sums_of_windows_or_nothing() {
        let values: Vec<f64> = (0..1000).map(|at| f64::from(at) * 0.1 + 1e9).collect();
        let prefix = Prefix::new(&values).expect("finite");
        for (from, to) in [(0, 1), (0, 1000), (499, 517), (998, 1000)] {
            let exact = (from..to).map(|at| at as f64 * 0.1).sum::<f64>() + 1e9 * (to - from) as f64;
            let sum = prefix.sum(from, to).expect("large enough");
            assert!((sum - exact).abs() <= exact * 1e-14, "{from}..{to}: {sum} {exact}");
        }
        let lost = Prefix::new(&[1e300, 1.0, -1e300, 1e-3]).expect("finite");
        assert_eq!((lost.sum(1, 2), lost.sum(0, 1)), (None, Some(1e300)));
        assert!(Prefix::new(&[1.0, f64::NAN]).is_none() && Prefix::new(&[f64::MAX, f64::MAX]).is_none());
    }
}
