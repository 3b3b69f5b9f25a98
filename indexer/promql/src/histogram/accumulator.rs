//! A histogram to which others are added, whatever their schemas, zero buckets and bounds.

use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use orszem_model::{CounterReset, Histogram};
use orszem_vector::kahan::Sum;

use super::arithmetic::{Findings, Incompatible};
use super::bounds::{exponential_bound, reduced_index};
use super::buckets::{from_indexed, indexed};

/// Counts that keep what rounding loses. Dropping that ([`Self::into_plain`]) gives what plain addition would have.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    counter_reset: CounterReset,
    schema: i32,
    zero_threshold: f64,
    zero_count: Sum,
    count: Sum,
    sum: Sum,
    positive: Vec<(i32, Sum)>,
    negative: Vec<(i32, Sum)>,
    custom_bounds: Vec<f64>,
}

impl Accumulator {
    pub(crate) fn new(histogram: &Histogram) -> Self {
        let side = |buckets| indexed(buckets).map(|(index, count)| (index, Sum::of(count))).collect();
        Self {
            counter_reset: histogram.counter_reset,
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            zero_count: Sum::of(histogram.zero_count),
            count: Sum::of(histogram.count),
            sum: Sum::of(histogram.sum),
            positive: side(&histogram.positive),
            negative: side(&histogram.negative),
            custom_bounds: histogram.custom_bounds.clone(),
        }
    }

    /// Adds `other` `times` 1 or -1.
    pub(crate) fn add(&mut self, other: &Histogram, times: f64) -> Result<Findings, Incompatible> {
        if (self.schema == CUSTOM_BUCKETS_SCHEMA) != (other.schema == CUSTOM_BUCKETS_SCHEMA) {
            return Err(Incompatible);
        }
        let (counter_reset, conflicting_resets) = joined_hint(self.counter_reset, other.counter_reset);
        self.counter_reset = counter_reset;
        let mut findings = Findings { conflicting_resets, bounds_reconciled: false };
        self.count.add(times * other.count);
        self.sum.add(times * other.sum);
        let is_alike = self.schema == other.schema
            && self.zero_threshold == other.zero_threshold
            && self.custom_bounds == other.custom_bounds;
        if is_alike {
            self.zero_count.add(times * other.zero_count);
            let side = |buckets| indexed(buckets).map(|(index, count)| (index, Sum::of(count)));
            self.add_buckets(side(&other.positive), side(&other.negative), times);
            return Ok(findings);
        }
        let mut other = Self::new(other);
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            findings.bounds_reconciled = self.share_bounds(&mut other);
        } else {
            self.share_zero_bucket(&mut other);
            let schema = self.schema.min(other.schema);
            self.reduce(schema);
            other.reduce(schema);
        }
        self.zero_count.add(times * other.zero_count.sum);
        self.zero_count.add(times * other.zero_count.compensation);
        self.add_buckets(other.positive.into_iter(), other.negative.into_iter(), times);
        Ok(findings)
    }

    /// Adds buckets, but for those within the zero bucket: they have been counted there.
    fn add_buckets(
        &mut self,
        positive: impl Iterator<Item = (i32, Sum)>,
        negative: impl Iterator<Item = (i32, Sum)>,
        times: f64,
    ) {
        let (schema, threshold) = (self.schema, self.zero_threshold);
        let is_custom = schema == CUSTOM_BUCKETS_SCHEMA;
        let is_within = |pair: &(i32, Sum)| !is_custom && exponential_bound(pair.0, schema) <= threshold;
        let scaled = |(index, count): (i32, Sum)| {
            (index, Sum { sum: times * count.sum, compensation: times * count.compensation })
        };
        merge(&mut self.positive, positive.skip_while(is_within).map(scaled));
        merge(&mut self.negative, negative.skip_while(is_within).map(scaled));
    }

    /// Applies `change` to every count and to the sum, and to what they lost.
    pub(crate) fn for_each_number(&mut self, change: impl Fn(f64) -> f64) {
        let buckets = self.positive.iter_mut().chain(&mut self.negative).map(|pair| &mut pair.1);
        for number in [&mut self.zero_count, &mut self.count, &mut self.sum].into_iter().chain(buckets) {
            *number = Sum { sum: change(number.sum), compensation: change(number.compensation) };
        }
    }

    /// Whether a count or the sum has become infinite.
    pub(crate) fn has_overflow(&self) -> bool {
        let buckets = self.positive.iter().chain(&self.negative).map(|pair| &pair.1);
        [&self.zero_count, &self.count, &self.sum].into_iter().chain(buckets).any(|number| number.sum.is_infinite())
    }

    /// The histogram without what rounding lost.
    pub(crate) fn into_plain(self) -> Histogram {
        self.into_histogram(|number| number.sum)
    }

    /// The histogram with what rounding lost.
    pub(crate) fn into_total(self) -> Histogram {
        self.into_histogram(Sum::value)
    }

    fn into_histogram(self, number: impl Fn(Sum) -> f64) -> Histogram {
        let side =
            |buckets: Vec<(i32, Sum)>| from_indexed(buckets.into_iter().map(|(index, count)| (index, number(count))));
        Histogram {
            counter_reset: self.counter_reset,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: number(self.zero_count),
            count: number(self.count),
            sum: number(self.sum),
            positive: side(self.positive),
            negative: side(self.negative),
            custom_bounds: self.custom_bounds,
        }
    }

    fn reduce(&mut self, schema: i32) {
        if schema >= self.schema {
            return;
        }
        let from = self.schema;
        for side in [&mut self.positive, &mut self.negative] {
            let buckets = std::mem::take(side);
            merge(side, buckets.into_iter().map(|(index, count)| (reduced_index(index, from, schema), count)));
        }
        self.schema = schema;
    }

    /// Maps both to the bounds that both have; false when those are the same ones already.
    fn share_bounds(&mut self, other: &mut Self) -> bool {
        if self.custom_bounds == other.custom_bounds {
            return false;
        }
        let shared = shared_bounds(&self.custom_bounds, &other.custom_bounds);
        for one in [&mut *self, other] {
            let buckets = std::mem::take(&mut one.positive);
            let mapped =
                buckets.into_iter().map(|(index, count)| (shared_index(index, &one.custom_bounds, &shared), count));
            merge(&mut one.positive, mapped);
            one.custom_bounds.clone_from(&shared);
        }
        true
    }

    /// Widens the zero buckets until both have one width that cuts no bucket in two.
    fn share_zero_bucket(&mut self, other: &mut Self) {
        // No number equals a NaN: it would never end.
        if self.zero_threshold.is_nan() || other.zero_threshold.is_nan() {
            return;
        }
        while self.zero_threshold != other.zero_threshold {
            if self.zero_threshold > other.zero_threshold {
                other.widen_zero_bucket(self.zero_threshold);
            } else {
                self.widen_zero_bucket(other.zero_threshold);
            }
        }
    }

    fn widen_zero_bucket(&mut self, threshold: f64) {
        let (threshold, swallowed) = self.wider_threshold(threshold);
        for (side, swallowed) in [&mut self.positive, &mut self.negative].into_iter().zip(swallowed) {
            for (_, count) in side.drain(..swallowed) {
                self.zero_count.add(count.sum);
                self.zero_count.add(count.compensation);
            }
        }
        self.zero_threshold = threshold;
    }

    /// The threshold, wider where it would cut a bucket that is not empty, and how many buckets it swallows on the
    /// positive and on the negative side.
    fn wider_threshold(&self, mut threshold: f64) -> (f64, [usize; 2]) {
        'again: loop {
            let mut swallowed = [0, 0];
            for (at, side) in [&self.positive, &self.negative].into_iter().enumerate() {
                for (index, count) in side {
                    if exponential_bound(index.saturating_sub(1), self.schema) >= threshold {
                        break;
                    }
                    let upper = exponential_bound(*index, self.schema);
                    if upper > threshold && count.sum != 0.0 {
                        threshold = upper;
                        continue 'again;
                    }
                    swallowed[at] += 1;
                }
            }
            return (threshold, swallowed);
        }
    }
}

/// Adds buckets, given by ascending index, to others.
fn merge(into: &mut Vec<(i32, Sum)>, buckets: impl Iterator<Item = (i32, Sum)>) {
    let mut at = 0;
    for (index, count) in buckets {
        while into.get(at).is_some_and(|pair| pair.0 < index) {
            at += 1;
        }
        match into.get_mut(at) {
            Some(pair) if pair.0 == index => pair.1.add_sum(count),
            _ => into.insert(at, (index, count)),
        }
    }
}

/// The bounds that are in both, ascending.
pub(crate) fn shared_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut rest = b.iter().peekable();
    let mut shared = Vec::new();
    for &bound in a {
        while rest.next_if(|&&other| other < bound).is_some() {}
        if rest.peek() == Some(&&bound) {
            shared.push(bound);
        }
    }
    shared
}

/// The bucket of `shared` bounds into which bucket `index` of `bounds` falls.
pub(crate) fn shared_index(index: i32, bounds: &[f64], shared: &[f64]) -> i32 {
    let upper = usize::try_from(index).ok().and_then(|index| bounds.get(index)).copied().unwrap_or(f64::INFINITY);
    shared.partition_point(|&bound| bound < upper) as i32
}

/// The hint of a sum or difference, and whether one says reset and the other not.
pub(crate) fn joined_hint(a: CounterReset, b: CounterReset) -> (CounterReset, bool) {
    match (a, b) {
        _ if a == b => (a, false),
        (CounterReset::Gauge, _) | (_, CounterReset::Gauge) => (CounterReset::Gauge, false),
        (CounterReset::Unknown, _) | (_, CounterReset::Unknown) => (CounterReset::Unknown, false),
        (CounterReset::Reset | CounterReset::NotReset, CounterReset::Reset | CounterReset::NotReset) => {
            (CounterReset::Unknown, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_bounds_are_those_of_both() {
        assert_eq!(shared_bounds(&[1.0, 2.0, 5.0, 9.0], &[2.0, 3.0, 9.0, 10.0]), [2.0, 9.0]);
        assert_eq!(shared_bounds(&[1.0], &[]), [0.0; 0]);
        assert_eq!([0, 1, 2, 3, 4].map(|at| shared_index(at, &[1.0, 2.0, 5.0, 9.0], &[2.0, 9.0])), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn reset_against_not_reset_is_a_conflict() {
        use CounterReset::{Gauge, NotReset, Reset, Unknown};
        assert_eq!(joined_hint(Reset, NotReset), (Unknown, true));
        assert_eq!(joined_hint(NotReset, NotReset), (NotReset, false));
        assert_eq!(joined_hint(Gauge, Reset), (Gauge, false));
        assert_eq!(joined_hint(NotReset, Gauge), (Gauge, false));
        assert_eq!(joined_hint(NotReset, Unknown), (Unknown, false));
    }
}
