//! Classic histograms made into native ones with custom bounds (`load_with_nhcb`).

use std::collections::BTreeMap;
use std::sync::Arc;

use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use orszem_model::{BucketSpan, Buckets, Histogram, Labels, METRIC_NAME};
use orszem_promql::Point;
use orszem_promql::notation::{Line, float};

#[derive(Default)]
struct Classic {
    /// Bound and cumulative count.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// The histograms of `_bucket`, `_count` and `_sum` series: labels, the number of the step, and the sample.
pub(crate) fn converted(lines: &[Line]) -> Vec<(Labels, usize, Point)> {
    let mut histograms: BTreeMap<(Labels, usize), Classic> = BTreeMap::new();
    for (labels, values) in lines {
        let name = labels.get(METRIC_NAME).unwrap_or_default();
        let Some((base, suffix)) = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).map(|base| (base, *suffix)))
        else {
            continue;
        };
        let bound = labels.get("le").and_then(|bound| float(bound).ok());
        if suffix == "_bucket" && bound.is_none_or(f64::is_nan) {
            continue;
        }
        let series = labels.without(|name| name == "le").with(METRIC_NAME, base);
        for (at, value) in values.iter().enumerate() {
            let Some(Point::Float(value)) = value else { continue };
            let classic = histograms.entry((series.clone(), at)).or_default();
            match (suffix, bound) {
                ("_bucket", Some(bound)) => classic.buckets.push((bound, *value)),
                ("_count", _) => classic.count = Some(*value),
                _ => classic.sum = *value,
            }
        }
    }
    let native =
        |((labels, at), classic): ((Labels, usize), Classic)| (labels, at, Point::Histogram(Arc::new(native(classic))));
    histograms.into_iter().map(native).collect()
}

fn native(mut classic: Classic) -> Histogram {
    classic.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = classic.count.unwrap_or(classic.buckets.last().map_or(0.0, |last| last.1));
    if classic.buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
        classic.buckets.push((f64::INFINITY, count));
    }
    let mut before = 0.0;
    let counts: Vec<f64> =
        classic.buckets.iter().map(|bucket| bucket.1 - std::mem::replace(&mut before, bucket.1)).collect();
    let bounds = classic.buckets.iter().map(|bucket| bucket.0).filter(|bound| *bound != f64::INFINITY).collect();
    let mut histogram = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum: classic.sum,
        positive: Buckets { spans: vec![BucketSpan { offset: 0, length: counts.len() as u32 }], counts },
        custom_bounds: bounds,
        ..Histogram::default()
    };
    orszem_promql::histogram::compact(&mut histogram, 0);
    histogram
}
