//! How much histograms change over a window (`rate`, `increase`, `delta`, `irate`, `idelta`).

use orszem_model::{CounterReset, Histogram, HistogramPoint};

use super::arithmetic::{Incompatible, add, sub};
use super::buckets::{compact, has_custom_bounds, reduce_resolution};
use super::compare::detect_reset;

/// The change over a window, and what there is to remark on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// `None` when it can't be told. A gauge, compacted.
    pub histogram: Option<Histogram>,
    pub remarks: ChangeRemarks,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeRemarks {
    /// A gauge was asked for what only counters have.
    pub not_counter: bool,
    /// A counter was asked for what only gauges have.
    pub not_gauge: bool,
    /// Exponential and custom buckets in one window; there is no histogram.
    pub mixed_schemas: bool,
    /// Custom bounds were not the same ones, in a subtraction.
    pub bounds_reconciled_sub: bool,
    /// Same, in an addition: of what was counted before a reset.
    pub bounds_reconciled_add: bool,
}

impl ChangeRemarks {
    /// Mixed schemas are all that is said then.
    const MIXED: Self = Self {
        not_counter: false,
        not_gauge: false,
        mixed_schemas: true,
        bounds_reconciled_sub: false,
        bounds_reconciled_add: false,
    };
}

/// Last minus first, counter resets made up for when `is_counter` (`rate`, `increase`; else `delta`); not extrapolated,
/// not divided by time. There is no histogram with less than two points.
pub fn change(points: &[HistogramPoint], is_counter: bool) -> Change {
    let [first, second, ..] = points else { return Change::default() };
    let last: &Histogram = &points[points.len() - 1].histogram;
    let (first, second): (&Histogram, &Histogram) = (&first.histogram, &second.histogram);
    let is_gauge = |histogram: &Histogram| histogram.counter_reset == CounterReset::Gauge;
    let mut remarks = ChangeRemarks {
        not_counter: is_counter && points.iter().any(|point| is_gauge(&point.histogram)),
        not_gauge: !(is_counter || is_gauge(first) && is_gauge(last)),
        ..ChangeRemarks::default()
    };
    // Nothing of the first point counts when there was a reset behind it, not even its buckets.
    let nothing;
    let base = if is_counter && detect_reset(second, first) {
        nothing =
            Histogram { schema: second.schema, custom_bounds: second.custom_bounds.clone(), ..Histogram::default() };
        &nothing
    } else {
        first
    };
    if has_custom_bounds(base) != has_custom_bounds(last) {
        let remarks = ChangeRemarks { mixed_schemas: true, not_gauge: false, ..remarks };
        return Change { histogram: None, remarks };
    }
    let within = if is_counter { &points[1..points.len() - 1] } else { &[] };
    if within.iter().any(|point| has_custom_bounds(&point.histogram) != has_custom_bounds(base)) {
        return Change { histogram: None, remarks: ChangeRemarks::MIXED };
    }
    let schema = within.iter().map(|point| point.histogram.schema).fold(base.schema.min(last.schema), i32::min);
    let mut change = last.clone();
    reduce_resolution(&mut change, schema);
    match subtracted(&mut change, base, if is_counter { points } else { &[] }, &mut remarks) {
        Err(Incompatible) => Change { histogram: None, remarks: ChangeRemarks::MIXED },
        Ok(()) => Change { histogram: Some(as_gauge(change)), remarks },
    }
}

/// Takes `base` from `change` and adds what `points` counted before each reset.
fn subtracted(
    change: &mut Histogram,
    base: &Histogram,
    points: &[HistogramPoint],
    remarks: &mut ChangeRemarks,
) -> Result<(), Incompatible> {
    remarks.bounds_reconciled_sub |= sub(change, base)?.bounds_reconciled;
    let mut before = base;
    for point in points.iter().skip(1) {
        if detect_reset(&point.histogram, before) {
            remarks.bounds_reconciled_add |= add(change, before)?.bounds_reconciled;
        }
        before = &point.histogram;
    }
    Ok(())
}

/// From `before` to `now`, or `now` where a counter was reset between them; not divided by time. `is_counter` for
/// `irate`, else `idelta`.
pub fn instant_change(before: &Histogram, now: &Histogram, is_counter: bool) -> Change {
    let gauges = [before, now].map(|histogram| histogram.counter_reset == CounterReset::Gauge);
    let mut remarks = ChangeRemarks {
        not_counter: is_counter && gauges != [false, false],
        not_gauge: !is_counter && gauges != [true, true],
        ..ChangeRemarks::default()
    };
    let mut change = now.clone();
    if !is_counter || !detect_reset(now, before) {
        match sub(&mut change, before) {
            Ok(findings) => remarks.bounds_reconciled_sub = findings.bounds_reconciled,
            Err(Incompatible) => {
                return Change { histogram: None, remarks: ChangeRemarks { mixed_schemas: true, ..remarks } };
            }
        }
    }
    Change { histogram: Some(as_gauge(change)), remarks }
}

fn as_gauge(mut histogram: Histogram) -> Histogram {
    histogram.counter_reset = CounterReset::Gauge;
    compact(&mut histogram, 0);
    histogram
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
    use orszem_model::{BucketSpan, Buckets};

    use super::*;

    fn sample(schema: i32, counts: &[f64]) -> Histogram {
        let spans = vec![BucketSpan { offset: 1, length: counts.len() as u32 }];
        let count = counts.iter().sum();
        let positive = Buckets { spans, counts: counts.to_vec() };
        Histogram { schema, count, sum: count * 10.0, positive, ..Histogram::default() }
    }

    fn gauge(histogram: Histogram) -> Histogram {
        Histogram { counter_reset: CounterReset::Gauge, ..histogram }
    }

    fn window(histograms: &[Histogram]) -> Vec<HistogramPoint> {
        let point =
            |(time, histogram): (i64, &Histogram)| HistogramPoint { time, histogram: Arc::new(histogram.clone()) };
        (0..).zip(histograms).map(point).collect()
    }

    #[test]
    fn a_counter_goes_on_over_resets() {
        let points =
            window(&[sample(0, &[4.0, 1.0]), sample(0, &[6.0, 1.0]), sample(0, &[1.0, 1.0]), sample(0, &[2.0, 5.0])]);
        assert_eq!(
            change(&points, true),
            Change { histogram: Some(gauge(sample(0, &[4.0, 5.0]))), remarks: ChangeRemarks::default() }
        );
    }

    #[test]
    fn a_reset_behind_the_first_point_makes_it_nothing() {
        let custom = Histogram { schema: CUSTOM_BUCKETS_SCHEMA, custom_bounds: vec![7.0], ..sample(0, &[90.0]) };
        let points = window(&[custom.clone(), sample(0, &[1.0]), sample(0, &[3.0])]);
        assert_eq!(change(&points, true).histogram, Some(gauge(sample(0, &[3.0]))));
        let mixed = ChangeRemarks { mixed_schemas: true, ..ChangeRemarks::default() };
        assert_eq!(change(&window(&[sample(0, &[1.0]), sample(0, &[2.0]), custom]), true).remarks, mixed);
    }

    #[test]
    fn the_coarsest_schema_of_a_window_is_that_of_its_change() {
        let points = window(&[sample(1, &[1.0, 1.0]), sample(0, &[5.0]), sample(0, &[9.0])]);
        assert_eq!(change(&points, true).histogram, Some(gauge(sample(0, &[7.0]))));
    }

    #[test]
    fn gauges_and_counters_are_told_apart() {
        let counters = window(&[sample(0, &[1.0]), sample(0, &[3.0])]);
        let gauges = window(&[gauge(sample(0, &[3.0])), gauge(sample(0, &[1.0]))]);
        let of = |points: &[HistogramPoint], is_counter| {
            let Change { histogram, remarks } = change(points, is_counter);
            (histogram.map(|histogram| histogram.count), remarks.not_counter, remarks.not_gauge)
        };
        assert_eq!(of(&counters, true), (Some(2.0), false, false));
        assert_eq!(of(&counters, false), (Some(2.0), false, true));
        assert_eq!(of(&gauges, true), (Some(1.0), true, false));
        assert_eq!(of(&gauges, false), (Some(-2.0), false, false));
        assert_eq!(of(&gauges[..1], false), (None, false, false));
    }

    #[test]
    fn an_instant_change_is_of_two_points() {
        let (before, now) = (sample(0, &[5.0]), sample(0, &[2.0]));
        assert_eq!(instant_change(&before, &now, true).histogram, Some(gauge(sample(0, &[2.0]))));
        let change = instant_change(&before, &now, false);
        assert_eq!(change.histogram, Some(gauge(sample(0, &[-3.0]))));
        assert_eq!(change.remarks, ChangeRemarks { not_gauge: true, ..ChangeRemarks::default() });
    }
}
