//! What came against what was wanted.

use std::collections::BTreeMap;
use std::fmt::Write;

use orszem_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use orszem_model::{Histogram, Labels};
use orszem_promql::histogram::{compact, is_close, text};
use orszem_promql::notation::Line;
use orszem_promql::{Moments, Point, Sample, Series, Value};

use super::script::{Eval, Expected};

/// The relative error that numbers may have.
const TOLERANCE: f64 = 1e-6;

/// Compares a value with what `eval` wants.
pub(crate) fn compare(value: &Value, eval: &Eval) -> Result<(), String> {
    match (value, &eval.expected) {
        (Value::Scalar { value, .. }, Expected::Scalar(wanted)) => numbers(*value, *wanted),
        (Value::String { value, .. }, Expected::String(wanted)) if value == wanted => Ok(()),
        (Value::Vector(got), Expected::Series(wanted)) => vector(got, wanted, eval.is_ordered),
        (Value::Vector(got), Expected::Nothing) => vector(got, &[], false),
        (Value::Matrix(got), Expected::Series(wanted)) => matrix(got, wanted, eval.range.unwrap_or(eval.moments)),
        (Value::Matrix(got), Expected::Nothing) => matrix(got, &[], eval.moments),
        (got, Expected::Nothing) => Err(format!("nothing expected, got {got:?}")),
        (got, Expected::Scalar(wanted)) => Err(format!("expected {wanted}, got {got:?}")),
        (got, Expected::String(wanted)) => Err(format!("expected {wanted:?}, got {got:?}")),
        (got, Expected::Series(_)) => Err(format!("expected series, got {got:?}")),
    }
}

/// The part of a range query's answer that is at `time`, in the form of an instant query's.
pub(crate) fn at_moment(matrix: &[Series], time: i64, is_scalar: bool) -> Value {
    let mut samples = Vec::new();
    for series in matrix {
        let float = series.floats.iter().find(|point| point.0 == time).map(|point| Point::Float(point.1));
        let histogram = series.histograms.iter().find(|point| point.time == time);
        let point = float.or_else(|| histogram.map(|point| Point::Histogram(std::sync::Arc::clone(&point.histogram))));
        samples.extend(point.map(|point| Sample { labels: series.labels.clone(), point, time }));
    }
    match (is_scalar, samples.first().map(|sample| &sample.point)) {
        (true, Some(Point::Float(value))) => Value::Scalar { time, value: *value },
        _ => Value::Vector(samples),
    }
}

fn vector(got: &[Sample], wanted: &[Line], is_ordered: bool) -> Result<(), String> {
    let places: BTreeMap<&Labels, usize> = wanted.iter().enumerate().map(|(at, line)| (&line.0, at)).collect();
    for (at, sample) in got.iter().enumerate() {
        let place = *places
            .get(&sample.labels)
            .ok_or_else(|| format!("unexpected {:?} {}", sample.labels, shown(&sample.point)))?;
        if is_ordered && place != at {
            return Err(format!("{:?} is at {at}, expected at {place}", sample.labels));
        }
        match wanted[place].1.as_slice() {
            [Some(number)] => point(&sample.point, number).map_err(|error| format!("{:?}: {error}", sample.labels))?,
            other => return Err(format!("{} values expected in a vector", other.len())),
        }
    }
    missing(got.iter().map(|sample| &sample.labels), &places)
}

fn matrix(got: &[Series], wanted: &[Line], moments: Moments) -> Result<(), String> {
    let (start, step) = match moments {
        Moments::Instant(time) => (time, 0),
        Moments::Range { start, step, .. } => (start, step),
    };
    let places: BTreeMap<&Labels, usize> = wanted.iter().enumerate().map(|(at, line)| (&line.0, at)).collect();
    if !got.is_sorted_by(|a, b| a.labels <= b.labels) {
        return Err("series are not sorted".into());
    }
    for series in got {
        let place = *places.get(&series.labels).ok_or_else(|| format!("unexpected {}", shown_series(series)))?;
        let mut points: BTreeMap<i64, Point> =
            series.floats.iter().map(|&(time, value)| (time, Point::Float(value))).collect();
        for point in &series.histograms {
            points.insert(point.time, Point::Histogram(std::sync::Arc::clone(&point.histogram)));
        }
        for (at, number) in (0..).zip(&wanted[place].1) {
            let time = start + at * step;
            let compared = match (points.remove(&time), number) {
                (None, None) => Ok(()),
                (Some(got), Some(number)) => point(&got, number),
                (None, Some(number)) => Err(format!("expected {number:?}")),
                (Some(got), None) => Err(format!("unexpected {}", shown(&got))),
            };
            compared.map_err(|error| format!("{} at {time}: {error}", shown_series(series)))?;
        }
        if let Some((time, got)) = points.first_key_value() {
            return Err(format!("{}: unexpected {} at {time}", shown_series(series), shown(got)));
        }
    }
    missing(got.iter().map(|series| &series.labels), &places)
}

fn missing<'a>(got: impl Iterator<Item = &'a Labels>, wanted: &BTreeMap<&Labels, usize>) -> Result<(), String> {
    let got: Vec<&Labels> = got.collect();
    match wanted.keys().find(|labels| !got.contains(labels)) {
        Some(labels) => Err(format!("{labels:?} is missing of {got:?}")),
        None => Ok(()),
    }
}

fn point(got: &Point, wanted: &Point) -> Result<(), String> {
    match (got, wanted) {
        (Point::Float(got), Point::Float(wanted)) => numbers(*got, *wanted),
        (Point::Histogram(got), Point::Histogram(wanted)) => histograms(got, wanted),
        (got, Point::Float(wanted)) => Err(format!("got {}, wanted {wanted}", shown(got))),
        (got, Point::Histogram(wanted)) => Err(format!("got {}, wanted {}", shown(got), text(wanted))),
    }
}

fn numbers(got: f64, wanted: f64) -> Result<(), String> {
    if is_close(got, wanted, TOLERANCE) { Ok(()) } else { Err(format!("got {got}, wanted {wanted}")) }
}

fn histograms(got: &Histogram, wanted: &Histogram) -> Result<(), String> {
    let [mut a, mut b] = [got.clone(), wanted.clone()];
    compact(&mut a, 0);
    compact(&mut b, 0);
    let close = |a: f64, b: f64| is_close(a, b, TOLERANCE);
    let all_close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(*a, *b));
    let is_same = a.schema == b.schema
        && a.zero_threshold == b.zero_threshold
        && close(a.count, b.count)
        && close(a.sum, b.sum)
        && close(a.zero_count, b.zero_count)
        && (a.schema != CUSTOM_BUCKETS_SCHEMA || a.custom_bounds == b.custom_bounds)
        && a.positive.spans == b.positive.spans
        && a.negative.spans == b.negative.spans
        && all_close(&a.positive.counts, &b.positive.counts)
        && all_close(&a.negative.counts, &b.negative.counts);
    if is_same { Ok(()) } else { Err(format!("got {a:?}, wanted {b:?}")) }
}

fn shown(point: &Point) -> String {
    match point {
        Point::Float(value) => value.to_string(),
        Point::Histogram(histogram) => text(histogram),
    }
}

fn shown_series(series: &Series) -> String {
    let mut out = format!("{:?}", series.labels);
    for (time, value) in &series.floats {
        write!(out, " {value}@{time}").expect("a string takes all");
    }
    for point in &series.histograms {
        write!(out, " {}@{}", text(&point.histogram), point.time).expect("a string takes all");
    }
    out
}
