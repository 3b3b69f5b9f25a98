//! Sums, differences, multiples and means of histograms.

use orszem_model::{Buckets, CounterReset, Histogram};

use super::accumulator::{Accumulator, joined_hint};
use super::bounds::exponential_bound;
use super::buckets::{compact, has_custom_bounds};

/// What adding or subtracting two histograms found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// One says that its counter was reset, the other that it was not.
    pub conflicting_resets: bool,
    /// Both have custom bounds, not the same ones; the result has those that both have.
    pub bounds_reconciled: bool,
}

/// One has custom bounds and the other has exponential ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
pub struct Incompatible;

/// `to += other`. Not compacted; call [`compact`] with 0 as the binary operators do.
///
/// # Errors
/// When one has custom bounds and the other has not; `to` is as it was.
pub fn add(to: &mut Histogram, other: &Histogram) -> Result<Findings, Incompatible> {
    combine(to, other, 1.0)
}

/// `from -= other`. That the result of the `-` operator is a gauge is the caller's business.
///
/// # Errors
/// When one has custom bounds and the other has not; `from` is as it was.
pub fn sub(from: &mut Histogram, other: &Histogram) -> Result<Findings, Incompatible> {
    combine(from, other, -1.0)
}

fn combine(to: &mut Histogram, other: &Histogram, times: f64) -> Result<Findings, Incompatible> {
    if has_same_buckets(to, other) {
        let (counter_reset, conflicting_resets) = joined_hint(to.counter_reset, other.counter_reset);
        to.counter_reset = counter_reset;
        to.zero_count += times * other.zero_count;
        to.count += times * other.count;
        to.sum += times * other.sum;
        for (to, other) in [(&mut to.positive, &other.positive), (&mut to.negative, &other.negative)] {
            to.counts.iter_mut().zip(&other.counts).for_each(|(to, other)| *to += times * other);
        }
        return Ok(Findings { conflicting_resets, bounds_reconciled: false });
    }
    let mut sum = Accumulator::new(to);
    let findings = sum.add(other, times)?;
    *to = sum.into_plain();
    Ok(findings)
}

/// Whether counts can be added one by one, none of them within the zero bucket.
fn has_same_buckets(a: &Histogram, b: &Histogram) -> bool {
    let side = |a: &Buckets, b: &Buckets| a.spans == b.spans && a.counts.len() == b.counts.len();
    let is_outside = |side: &Buckets| {
        side.spans.first().is_none_or(|first| exponential_bound(first.offset, b.schema) > b.zero_threshold)
    };
    a.schema == b.schema
        && a.zero_threshold == b.zero_threshold
        && a.custom_bounds == b.custom_bounds
        && side(&a.positive, &b.positive)
        && side(&a.negative, &b.negative)
        && (has_custom_bounds(b) || (is_outside(&b.positive) && is_outside(&b.negative)))
}

/// Multiplies all counts and the sum; a gauge when `factor` is negative.
pub fn mul(histogram: &mut Histogram, factor: f64) {
    for_each_number(histogram, |number| number * factor);
    if factor < 0.0 {
        histogram.counter_reset = CounterReset::Gauge;
    }
}

/// Divides all counts and the sum; a gauge when `divisor` is negative. Division by zero drops the buckets.
pub fn div(histogram: &mut Histogram, divisor: f64) {
    if divisor == 0.0 {
        histogram.positive = Buckets::default();
        histogram.negative = Buckets::default();
    }
    for_each_number(histogram, |number| number / divisor);
    if divisor < 0.0 {
        histogram.counter_reset = CounterReset::Gauge;
    }
}

/// Unary minus.
pub fn negate(histogram: &mut Histogram) {
    mul(histogram, -1.0);
}

fn for_each_number(histogram: &mut Histogram, change: impl Fn(f64) -> f64) {
    let Histogram { zero_count, count, sum, positive, negative, .. } = histogram;
    for number in [zero_count, count, sum].into_iter().chain(&mut positive.counts).chain(&mut negative.counts) {
        *number = change(*number);
    }
}

/// Which counter reset hints have been seen, and whether bounds were reconciled.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    reset: bool,
    not_reset: bool,
    bounds_reconciled: bool,
}

impl Seen {
    fn see(&mut self, histogram: &Histogram) {
        self.reset |= histogram.counter_reset == CounterReset::Reset;
        self.not_reset |= histogram.counter_reset == CounterReset::NotReset;
    }

    fn findings(self) -> Findings {
        Findings { conflicting_resets: self.reset && self.not_reset, bounds_reconciled: self.bounds_reconciled }
    }
}

/// A sum of histograms that keeps what rounding loses, for `sum` and `sum_over_time`.
#[derive(Clone, Debug)]
pub struct KahanSum {
    sum: Accumulator,
    seen: Seen,
}

impl KahanSum {
    pub fn new(first: &Histogram) -> Self {
        let mut seen = Seen::default();
        seen.see(first);
        Self { sum: Accumulator::new(first), seen }
    }

    /// Adds one; what is found is over all histograms so far.
    ///
    /// # Errors
    /// When one has custom bounds and others have not; the sum is as it was.
    pub fn add(&mut self, other: &Histogram) -> Result<Findings, Incompatible> {
        self.seen.see(other);
        self.seen.bounds_reconciled |= self.sum.add(other, 1.0)?.bounds_reconciled;
        Ok(self.seen.findings())
    }

    /// The sum, compacted.
    pub fn finish(self) -> Histogram {
        compacted(self.sum.into_total())
    }
}

/// The mean of histograms, for `avg` and `avg_over_time`: the sum by the number of them; once that overflows, the mean
/// is carried on.
#[derive(Clone, Debug)]
pub struct Mean {
    /// The sum so far, or the mean.
    sum: Accumulator,
    is_mean: bool,
    number: f64,
    seen: Seen,
}

impl Mean {
    pub fn new(first: &Histogram) -> Self {
        let mut seen = Seen::default();
        seen.see(first);
        Self { sum: Accumulator::new(first), is_mean: false, number: 1.0, seen }
    }

    /// Adds one; what is found is over all histograms so far.
    ///
    /// # Errors
    /// When one has custom bounds and others have not.
    pub fn add(&mut self, other: &Histogram) -> Result<Findings, Incompatible> {
        self.seen.see(other);
        self.number += 1.0;
        let number = self.number;
        if !self.is_mean {
            let before = self.sum.clone();
            let findings = self.sum.add(other, 1.0)?;
            if !self.sum.has_overflow() {
                self.seen.bounds_reconciled |= findings.bounds_reconciled;
                return Ok(self.seen.findings());
            }
            self.is_mean = true;
            self.sum = before;
            self.sum.for_each_number(|value| value / (number - 1.0));
        }
        let weight = (number - 1.0) / number;
        self.sum.for_each_number(|value| value * weight);
        let mut part = other.clone();
        div(&mut part, number);
        self.seen.bounds_reconciled |= self.sum.add(&part, 1.0)?.bounds_reconciled;
        Ok(self.seen.findings())
    }

    /// The mean, compacted.
    pub fn finish(mut self) -> Histogram {
        if !self.is_mean {
            self.sum.for_each_number(|value| value / self.number);
        }
        compacted(self.sum.into_total())
    }
}

fn compacted(mut histogram: Histogram) -> Histogram {
    compact(&mut histogram, 0);
    histogram
}

#[cfg(test)]
mod tests {
    use orszem_model::BucketSpan;
    use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;

    use super::*;

    fn buckets(offset: i32, counts: &[f64]) -> Buckets {
        Buckets { spans: vec![BucketSpan { offset, length: counts.len() as u32 }], counts: counts.to_vec() }
    }

    fn exponential(schema: i32, offset: i32, counts: &[f64]) -> Histogram {
        let count = counts.iter().sum();
        Histogram { schema, count, sum: count, positive: buckets(offset, counts), ..Histogram::default() }
    }

    fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
        Histogram { custom_bounds: bounds.to_vec(), ..exponential(CUSTOM_BUCKETS_SCHEMA, 0, counts) }
    }

    #[test]
    fn adding_takes_the_coarser_schema_and_the_wider_zero_bucket() {
        let mut sum = exponential(1, 1, &[1.0, 2.0, 4.0]);
        let other = Histogram { zero_threshold: 1.5, zero_count: 3.0, count: 11.0, ..exponential(0, 1, &[0.0, 8.0]) };
        assert_eq!(add(&mut sum, &other), Ok(Findings::default()));
        compact(&mut sum, 0);
        // Of schema 1, (1, √2] and (√2, 2] are swallowed: the threshold would cut the latter.
        let expected =
            Histogram { zero_threshold: 2.0, zero_count: 6.0, count: 18.0, sum: 15.0, ..exponential(0, 2, &[12.0]) };
        assert_eq!(sum, expected);
    }

    #[test]
    fn what_is_subtracted_and_added_again_is_there() {
        let (a, b) = (exponential(0, -1, &[1.0, 0.0, 3.0]), exponential(0, 1, &[1.0, 2.0, 7.0]));
        let mut turned = a.clone();
        assert_eq!(sub(&mut turned, &b).and_then(|_| add(&mut turned, &b)), Ok(Findings::default()));
        compact(&mut turned, 0);
        assert_eq!(turned, compacted(a));
    }

    #[test]
    fn custom_bounds_are_reconciled_but_not_with_exponential_ones() {
        let mut sum = custom(&[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0]);
        let found = add(&mut sum, &custom(&[2.0, 5.0, 8.0], &[10.0, 20.0, 30.0, 40.0]));
        assert_eq!(found, Ok(Findings { conflicting_resets: false, bounds_reconciled: true }));
        assert_eq!(sum, custom(&[2.0, 5.0], &[13.0, 23.0, 74.0]));
        let before = sum.clone();
        assert_eq!(add(&mut sum, &exponential(0, 0, &[1.0])), Err(Incompatible));
        assert_eq!(sum, before);
    }

    #[test]
    fn factors_scale_and_negative_ones_make_gauges() {
        let mut histogram = exponential(0, 0, &[2.0, 4.0]);
        mul(&mut histogram, 0.5);
        assert_eq!(histogram, exponential(0, 0, &[1.0, 2.0]));
        negate(&mut histogram);
        assert_eq!((histogram.count, histogram.counter_reset), (-3.0, CounterReset::Gauge));
        div(&mut histogram, 0.0);
        assert_eq!((histogram.count, histogram.positive), (f64::NEG_INFINITY, Buckets::default()));
    }

    #[test]
    fn sums_and_means_keep_what_rounding_loses() {
        let of = |sum: f64| Histogram { sum, ..exponential(0, 0, &[1.0]) };
        let terms = [1.0, 1e100, 1.0, -1e100].map(of);
        let (first, rest) = (&terms[0], &terms[1..]);
        let (mut sum, mut mean) = (KahanSum::new(first), Mean::new(first));
        for term in rest {
            assert_eq!((sum.add(term), mean.add(term)), (Ok(Findings::default()), Ok(Findings::default())));
        }
        assert_eq!((sum.finish().sum, mean.finish().sum), (2.0, 0.5));
    }

    #[test]
    fn a_mean_survives_a_sum_that_overflows() {
        let of = |sum: f64| Histogram { sum, ..exponential(0, 0, &[1.0]) };
        let mut mean = Mean::new(&of(f64::MAX));
        assert_eq!(mean.add(&of(f64::MAX)), Ok(Findings::default()));
        assert_eq!(mean.finish(), of(f64::MAX));
    }

    #[test]
    fn conflicting_hints_are_seen_through_others() {
        let hinted = |counter_reset| Histogram { counter_reset, ..exponential(0, 0, &[1.0]) };
        let mut sum = KahanSum::new(&hinted(CounterReset::Reset));
        assert_eq!(sum.add(&hinted(CounterReset::Gauge)), Ok(Findings::default()));
        let conflict = Findings { conflicting_resets: true, bounds_reconciled: false };
        assert_eq!(sum.add(&hinted(CounterReset::NotReset)), Ok(conflict));
        assert_eq!(sum.finish().counter_reset, CounterReset::Gauge);
    }

    proptest::proptest! {
        /// Whole numbers have one sum, whatever the way and the order.
        #[test]
        fn all_ways_of_adding_agree(
            a in proptest::collection::vec(0..9_u8, 1..9), b in proptest::collection::vec(0..9_u8, 1..9),
            offsets in (-4..5_i32, -4..5_i32), schemas in (-1..3_i32, -1..3_i32), thresholds in (0..3_u8, 0..3_u8),
        ) {
            let of = |schema, offset, counts: &[u8], threshold: u8| {
                let counts: Vec<f64> = counts.iter().copied().map(f64::from).collect();
                let zero_threshold = exponential_bound(offset - 1, schema) * f64::from(threshold) / 2.0;
                Histogram { zero_threshold, ..exponential(schema, offset, &counts) }
            };
            let a = of(schemas.0, offsets.0, &a, thresholds.0);
            let b = of(schemas.1, offsets.1, &b, thresholds.1);
            let (mut sum, mut turned, mut kahan) = (a.clone(), b.clone(), KahanSum::new(&a));
            proptest::prop_assert_eq!(add(&mut sum, &b), Ok(Findings::default()));
            proptest::prop_assert_eq!(add(&mut turned, &a), Ok(Findings::default()));
            proptest::prop_assert_eq!(kahan.add(&b), Ok(Findings::default()));
            proptest::prop_assert_eq!(compacted(sum.clone()), compacted(turned));
            proptest::prop_assert_eq!(compacted(sum.clone()), kahan.finish());
            let in_buckets: f64 = sum.positive.counts.iter().sum();
            proptest::prop_assert_eq!(in_buckets + sum.zero_count, sum.count);
        }
    }
}
