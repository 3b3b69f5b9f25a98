//! Whether histograms are equal, and whether a counter was reset between two.

use std::iter::Peekable;

use orszem_model::{Buckets, CounterReset, Histogram};

use super::accumulator::{shared_bounds, shared_index};
use super::bounds::exponential_bound;
use super::buckets::{has_custom_bounds, indexed, negative_buckets, positive_buckets, reduced};

/// Equal as `==` says: the same numbers, bit by bit, in the same buckets. The counter reset hint does not count.
pub fn equals(a: &Histogram, b: &Histogram) -> bool {
    let numbers = |h: &Histogram| [h.zero_count, h.count, h.sum].map(f64::to_bits);
    let side = |a: &Buckets, b: &Buckets| {
        let bits = |pair: (i32, f64)| (pair.0, pair.1.to_bits());
        indexed(a).map(bits).eq(indexed(b).map(bits))
    };
    a.schema == b.schema
        && a.zero_threshold == b.zero_threshold
        && numbers(a) == numbers(b)
        && (!has_custom_bounds(a) || a.custom_bounds == b.custom_bounds)
        && side(&a.negative, &b.negative)
        && side(&a.positive, &b.positive)
}

/// Whether the counter was reset between `before` and `now`: `now` says so, or says nothing and something in it has
/// become less or finer.
pub fn detect_reset(now: &Histogram, before: &Histogram) -> bool {
    match now.counter_reset {
        CounterReset::Reset => return true,
        CounterReset::NotReset => return false,
        CounterReset::Unknown | CounterReset::Gauge => {}
    }
    if now.count < before.count {
        return true;
    }
    if has_custom_bounds(now) {
        if !has_custom_bounds(before) {
            return true;
        }
        if now.custom_bounds != before.custom_bounds {
            return has_fallen_in_shared_bounds(now, before);
        }
    }
    if now.schema > before.schema || now.zero_threshold < before.zero_threshold {
        return true;
    }
    match zero_count_within(before, now.zero_threshold) {
        None => return true,
        Some(count) if now.zero_count < count => return true,
        Some(_) => {}
    }
    has_fallen(now, before, |histogram| &histogram.positive) || has_fallen(now, before, |histogram| &histogram.negative)
}

/// The observations within a zero bucket of this width; `None` when that would cut a bucket that is not empty.
fn zero_count_within(histogram: &Histogram, threshold: f64) -> Option<f64> {
    let mut count = histogram.zero_count;
    if threshold == histogram.zero_threshold {
        return Some(count);
    }
    for bucket in positive_buckets(histogram).take_while(|bucket| bucket.lower < threshold) {
        if bucket.upper > threshold && bucket.count != 0.0 {
            return None;
        }
        count += bucket.count;
    }
    for bucket in negative_buckets(histogram).take_while(|bucket| bucket.upper > -threshold) {
        if bucket.lower < -threshold && bucket.count != 0.0 {
            return None;
        }
        count += bucket.count;
    }
    Some(count)
}

fn has_fallen(now: &Histogram, before: &Histogram, side: impl Fn(&Histogram) -> &Buckets) -> bool {
    let coarser;
    let earlier = if now.schema < before.schema && !has_custom_bounds(now) {
        coarser = reduced(side(before), before.schema, now.schema);
        &coarser
    } else {
        side(before)
    };
    let mut current = outside_zero(now, side(now)).peekable();
    outside_zero(now, earlier).any(|(index, count)| match at_index(&mut current, index) {
        Some(current) => current < count,
        None => count != 0.0,
    })
}

/// The buckets of `side` behind the zero bucket of `histogram`.
fn outside_zero<'a>(histogram: &Histogram, side: &'a Buckets) -> impl Iterator<Item = (i32, f64)> + 'a {
    let (schema, threshold) = (histogram.schema, histogram.zero_threshold);
    let is_custom = has_custom_bounds(histogram);
    indexed(side)
        .skip_while(move |pair| !is_custom && threshold != 0.0 && exponential_bound(pair.0, schema) <= threshold)
}

fn at_index(buckets: &mut Peekable<impl Iterator<Item = (i32, f64)>>, index: i32) -> Option<f64> {
    while buckets.next_if(|pair| pair.0 < index).is_some() {}
    buckets.peek().filter(|pair| pair.0 == index).map(|pair| pair.1)
}

fn has_fallen_in_shared_bounds(now: &Histogram, before: &Histogram) -> bool {
    let shared = shared_bounds(&now.custom_bounds, &before.custom_bounds);
    let counts = |histogram: &Histogram| {
        let mut counts = vec![0.0; shared.len() + 1];
        for (index, count) in indexed(&histogram.positive) {
            let at = shared_index(index, &histogram.custom_bounds, &shared);
            if let Some(sum) = usize::try_from(at).ok().and_then(|at| counts.get_mut(at)) {
                *sum += count;
            }
        }
        counts
    };
    counts(now).iter().zip(counts(before)).any(|(now, before)| *now < before)
}

#[cfg(test)]
mod tests {
    use orszem_model::BucketSpan;
    use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;

    use super::*;

    fn buckets(offset: i32, counts: &[f64]) -> Buckets {
        Buckets { spans: vec![BucketSpan { offset, length: counts.len() as u32 }], counts: counts.to_vec() }
    }

    fn sample(schema: i32, counts: &[f64]) -> Histogram {
        Histogram { schema, count: 20.0, positive: buckets(1, counts), ..Histogram::default() }
    }

    #[test]
    fn histograms_are_equal_bit_by_bit() {
        let nan = Histogram { sum: f64::NAN, ..sample(0, &[1.0]) };
        assert!(equals(&nan, &nan.clone()));
        assert!(equals(&nan, &Histogram { counter_reset: CounterReset::Gauge, ..nan.clone() }));
        assert!(!equals(&nan, &Histogram { sum: -f64::NAN, ..nan.clone() }));
        assert!(!equals(&sample(0, &[1.0]), &sample(1, &[1.0])));
        assert!(!equals(&sample(0, &[1.0]), &sample(0, &[1.0, 0.0])));
    }

    #[test]
    fn a_reset_is_anything_that_falls() {
        let before = sample(0, &[1.0, 2.0, 0.0]);
        let check = |now: &Histogram| detect_reset(now, &before);
        assert!(!check(&before));
        assert!(!check(&sample(0, &[1.0, 2.0])));
        assert!(!check(&sample(0, &[5.0, 2.0, 1.0])));
        assert!(check(&sample(0, &[1.0, 1.0, 9.0])));
        assert!(check(&sample(0, &[9.0])));
        assert!(check(&sample(1, &[9.0, 9.0, 9.0, 9.0])));
        assert!(check(&Histogram { count: 19.0, ..sample(0, &[9.0, 9.0]) }));
        assert!(check(&Histogram { counter_reset: CounterReset::Reset, ..before.clone() }));
        assert!(!check(&Histogram { counter_reset: CounterReset::NotReset, ..sample(1, &[]) }));
    }

    #[test]
    fn a_coarser_schema_and_a_wider_zero_bucket_are_no_reset() {
        // (1, √2], (√2, 2], (2, 2√2]
        let before = sample(1, &[1.0, 2.0, 3.0]);
        assert!(!detect_reset(&sample(0, &[3.0, 3.0]), &before));
        assert!(detect_reset(&sample(0, &[2.0, 9.0]), &before));
        let wide = |zero_threshold, zero_count| Histogram { zero_threshold, zero_count, ..sample(1, &[0.0, 0.0, 3.0]) };
        assert!(!detect_reset(&wide(2.0, 3.0), &before));
        assert!(detect_reset(&wide(2.0, 2.0), &before));
        assert!(detect_reset(&wide(1.9, 9.0), &before));
    }

    #[test]
    fn custom_bounds_are_compared_where_both_have_them() {
        let of = |bounds: &[f64], counts: &[f64]| Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: 20.0,
            positive: buckets(0, counts),
            custom_bounds: bounds.to_vec(),
            ..Histogram::default()
        };
        let before = of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]);
        assert!(!detect_reset(&of(&[2.0, 4.0], &[3.0, 6.0, 1.0]), &before));
        assert!(detect_reset(&of(&[2.0, 4.0], &[2.0, 9.0, 9.0]), &before));
    }
}
