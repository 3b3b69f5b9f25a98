//! Buckets, one by one: their places, their bounds, and back into spans.

use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use orszem_model::{BucketSpan, Buckets, Histogram};

use super::bounds::{bound, reduced_index};

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub includes_lower: bool,
    pub includes_upper: bool,
    pub count: f64,
}

/// Whether the histogram has bounds of its own.
pub fn has_custom_bounds(histogram: &Histogram) -> bool {
    histogram.schema == CUSTOM_BUCKETS_SCHEMA
}

/// The zero bucket; meaningless for histograms with custom bounds.
pub fn zero_bucket(histogram: &Histogram) -> Bucket {
    Bucket {
        lower: -histogram.zero_threshold,
        upper: histogram.zero_threshold,
        includes_lower: true,
        includes_upper: true,
        count: histogram.zero_count,
    }
}

/// Positive buckets, ascending; empty ones too where the spans have them.
pub fn positive_buckets(histogram: &Histogram) -> impl Iterator<Item = Bucket> {
    let custom = has_custom_bounds(histogram);
    indexed(&histogram.positive).map(move |(index, count)| {
        let upper = bound(index, histogram.schema, &histogram.custom_bounds);
        let lower = bound(index.saturating_sub(1), histogram.schema, &histogram.custom_bounds);
        let (includes_lower, includes_upper) = if custom { (index == 0, true) } else { (lower < 0.0, upper > 0.0) };
        Bucket { lower, upper, includes_lower, includes_upper, count }
    })
}

/// Negative buckets, descending: away from zero.
pub fn negative_buckets(histogram: &Histogram) -> impl Iterator<Item = Bucket> {
    indexed(&histogram.negative).map(|(index, count)| {
        let lower = -bound(index, histogram.schema, &[]);
        let upper = -bound(index.saturating_sub(1), histogram.schema, &[]);
        Bucket { lower, upper, includes_lower: lower < 0.0, includes_upper: upper > 0.0, count }
    })
}

/// All buckets, ascending, the zero bucket only if it is not empty. Where buckets reach into the zero bucket they end
/// at its threshold.
pub fn all_buckets(histogram: &Histogram) -> Vec<Bucket> {
    let zero = histogram.zero_threshold;
    let mut buckets: Vec<Bucket> = negative_buckets(histogram).collect();
    buckets.reverse();
    for bucket in &mut buckets {
        if bucket.upper < 0.0 && bucket.upper > -zero {
            bucket.upper = -zero;
        }
    }
    if histogram.zero_count > 0.0 {
        buckets.push(zero_bucket(histogram));
    }
    buckets.extend(positive_buckets(histogram).map(|mut bucket| {
        if bucket.lower > 0.0 && bucket.lower < zero {
            bucket.lower = zero;
        } else if bucket.upper < 0.0 && bucket.upper > -zero {
            bucket.upper = -zero;
        }
        bucket
    }));
    buckets
}

/// Index and count of each bucket, ascending. Spans that promise more buckets than there are counts end with them.
pub(crate) fn indexed(buckets: &Buckets) -> impl Iterator<Item = (i32, f64)> {
    let mut end = 0_i32;
    let indices = buckets.spans.iter().flat_map(move |span| {
        let start = end.saturating_add(span.offset);
        end = start.saturating_add(i32::try_from(span.length).unwrap_or(i32::MAX));
        start..end
    });
    indices.zip(buckets.counts.iter().copied())
}

/// Spans and counts of buckets that are given by ascending index.
pub(crate) fn from_indexed(pairs: impl Iterator<Item = (i32, f64)>) -> Buckets {
    let mut buckets = Buckets::default();
    let mut end = 0_i32;
    for (index, count) in pairs {
        match buckets.spans.last_mut() {
            Some(span) if index == end => span.length += 1,
            _ => buckets.spans.push(BucketSpan { offset: index.saturating_sub(end), length: 1 }),
        }
        buckets.counts.push(count);
        end = index.saturating_add(1);
    }
    buckets
}

/// The same observations in the buckets of a coarser schema.
pub(crate) fn reduced(buckets: &Buckets, from: i32, to: i32) -> Buckets {
    let mut merged: Vec<(i32, f64)> = Vec::with_capacity(buckets.counts.len());
    for (index, count) in indexed(buckets) {
        let index = reduced_index(index, from, to);
        match merged.last_mut() {
            Some(last) if last.0 == index => last.1 += count,
            _ => merged.push((index, count)),
        }
    }
    from_indexed(merged.into_iter())
}

/// Brings an exponential histogram to a coarser schema; a finer one, and custom bounds, are left as they are.
pub fn reduce_resolution(histogram: &mut Histogram, schema: i32) {
    if has_custom_bounds(histogram) || schema >= histogram.schema || schema == CUSTOM_BUCKETS_SCHEMA {
        return;
    }
    histogram.positive = reduced(&histogram.positive, histogram.schema, schema);
    histogram.negative = reduced(&histogram.negative, histogram.schema, schema);
    histogram.schema = schema;
}

/// Drops empty buckets, but for runs of up to `empty_max` between others, which it also fills in.
pub fn compact(histogram: &mut Histogram, empty_max: usize) {
    for side in [&mut histogram.positive, &mut histogram.negative] {
        let is_compact = empty_max == 0
            && side.counts.iter().all(|&count| count != 0.0)
            && side.spans.iter().enumerate().all(|(at, span)| span.length > 0 && (at == 0 || span.offset > 0));
        if !is_compact {
            *side = compacted(side, empty_max);
        }
    }
}

fn compacted(buckets: &Buckets, empty_max: usize) -> Buckets {
    let empty_max = i64::try_from(empty_max).unwrap_or(i64::MAX);
    let mut kept: Vec<(i32, f64)> = Vec::with_capacity(buckets.counts.len());
    for (index, count) in indexed(buckets).filter(|pair| pair.1 != 0.0) {
        if let Some(&(last, _)) = kept.last() {
            let gap = i64::from(index) - i64::from(last) - 1;
            // Gaps wider than what the spans had are not filled: with a large `empty_max` they could be endless.
            if gap > 0 && gap <= empty_max && gap <= GAP_MAX {
                kept.extend((last + 1..index).map(|index| (index, 0.0)));
            }
        }
        kept.push((index, count));
    }
    from_indexed(kept.into_iter())
}

/// The widest gap that compacting fills in.
const GAP_MAX: i64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: i32, length: u32) -> BucketSpan {
        BucketSpan { offset, length }
    }

    fn sample() -> Histogram {
        Histogram {
            zero_threshold: 0.25,
            zero_count: 2.0,
            count: 13.0,
            sum: 1.0,
            positive: Buckets { spans: vec![span(-1, 2), span(2, 1)], counts: vec![1.0, 0.0, 4.0] },
            negative: Buckets { spans: vec![span(0, 1), span(0, 1)], counts: vec![5.0, 1.0] },
            ..Histogram::default()
        }
    }

    #[test]
    fn all_buckets_ascend_through_the_zero_bucket() {
        let seen: Vec<(f64, f64, f64)> =
            all_buckets(&sample()).iter().map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect();
        assert_eq!(
            seen,
            [
                (-2.0, -1.0, 1.0),
                (-1.0, -0.5, 5.0),
                (-0.25, 0.25, 2.0),
                (0.25, 0.5, 1.0),
                (0.5, 1.0, 0.0),
                (4.0, 8.0, 4.0)
            ]
        );
    }

    #[test]
    fn buckets_end_at_the_zero_bucket() {
        let histogram = Histogram { zero_threshold: 0.3, ..sample() };
        let lowers: Vec<f64> = all_buckets(&histogram).iter().map(|bucket| bucket.lower).collect();
        assert_eq!(lowers, [-2.0, -1.0, -0.3, 0.3, 0.5, 4.0]);
    }

    #[test]
    fn compacting_drops_empty_buckets_or_fills_gaps() {
        let mut dense = sample();
        compact(&mut dense, 3);
        assert_eq!(dense.positive, Buckets { spans: vec![span(-1, 5)], counts: vec![1.0, 0.0, 0.0, 0.0, 4.0] });
        let mut bare = sample();
        compact(&mut bare, 0);
        assert_eq!(bare.positive, Buckets { spans: vec![span(-1, 1), span(3, 1)], counts: vec![1.0, 4.0] });
        assert_eq!(bare.negative, Buckets { spans: vec![span(0, 2)], counts: vec![5.0, 1.0] });
    }

    #[test]
    fn reducing_merges_neighbours() {
        let mut histogram = sample();
        reduce_resolution(&mut histogram, -1);
        assert_eq!(histogram.schema, -1);
        assert_eq!(histogram.positive, Buckets { spans: vec![span(0, 1), span(1, 1)], counts: vec![1.0, 4.0] });
        assert_eq!(histogram.negative, Buckets { spans: vec![span(0, 2)], counts: vec![5.0, 1.0] });
        let before = histogram.clone();
        reduce_resolution(&mut histogram, 3);
        assert_eq!(histogram, before);
    }

    #[test]
    fn spans_without_counts_are_no_buckets() {
        let broken = Buckets { spans: vec![span(i32::MAX, u32::MAX), span(i32::MAX, 4)], counts: vec![1.0] };
        assert_eq!(indexed(&broken).count(), 0);
        let short = Buckets { spans: vec![span(3, 9)], counts: vec![1.0, 2.0] };
        assert_eq!(indexed(&short).collect::<Vec<_>>(), [(3, 1.0), (4, 2.0)]);
    }
}
