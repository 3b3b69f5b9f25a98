//! Answers in the JSON of the Prometheus HTTP API, written straight into bytes.

use orszem_model::Labels;
use orszem_promql::histogram::api_buckets;
use orszem_promql::{Annotation, Answer, Level, Point, Statistics, Value};

use super::number::{put_time, put_value};

/// How many warnings, and how many remarks, an answer shows; the rest is counted.
const ANNOTATIONS_MAX: usize = 10;

/// What is said beside the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

impl Remarks {
    /// What the engine said of `query`.
    pub(super) fn of(query: &str, annotations: &[Annotation]) -> Self {
        let shown = |level| {
            let of_level = || annotations.iter().filter(move |annotation| annotation.level == level);
            let mut texts: Vec<String> =
                of_level().take(ANNOTATIONS_MAX).map(|annotation| placed(query, annotation)).collect();
            let more = of_level().count().saturating_sub(ANNOTATIONS_MAX);
            if more > 0 {
                texts.push(format!(
                    "{more} more {} omitted",
                    if level == Level::Info { "info annotations" } else { "warning annotations" }
                ));
            }
            texts
        };
        Self { warnings: shown(Level::Warning), infos: shown(Level::Info) }
    }

    /// What is said when a limit cut the answer.
    pub(super) fn cut(is_cut: bool) -> Self {
        let warnings = if is_cut { vec!["results truncated due to limit".to_owned()] } else { Vec::new() };
        Self { warnings, infos: Vec::new() }
    }

    /// With a warning if so many parts of series were left out.
    pub(super) fn with_damage(mut self, parts: u64) -> Self {
        if parts > 0 {
            let told = format!(
                "the answer is incomplete: damaged parts of series were left out ({parts}); the server's log names their files"
            );
            self.warnings.push(told);
        }
        self
    }
}

/// The message with its place: line and column, counted in bytes from 1.
fn placed(query: &str, annotation: &Annotation) -> String {
    let before = query.as_bytes().get(..annotation.span.start).unwrap_or_default();
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    format!("{} ({line}:{column})", annotation.message)
}

/// `{"status":"success","data":…}` around what `data` writes.
pub(super) fn success(remarks: &Remarks, data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = br#"{"status":"success","data":"#.to_vec();
    data(&mut out);
    for (name, texts) in [("warnings", &remarks.warnings), ("infos", &remarks.infos)] {
        if !texts.is_empty() {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            put_list(&mut out, texts.iter(), |out, text| put_string(out, text));
        }
    }
    out.push(b'}');
    out
}

/// Writes a part of an answer.
pub(super) type Put<'a> = dyn Fn(&mut Vec<u8>) + 'a;

/// A query's value, with statistics where they were asked for.
pub(super) fn put_answer(out: &mut Vec<u8>, answer: &Answer, statistics: Option<&Put<'_>>) {
    let kind = match &answer.value {
        Value::Scalar { .. } => "scalar",
        Value::String { .. } => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    out.extend_from_slice(format!("{{\"resultType\":\"{kind}\",\"result\":").as_bytes());
    match &answer.value {
        Value::Scalar { time, value } => put_pair(out, *time, |out| put_value(out, *value)),
        Value::String { time, value } => put_pair(out, *time, |out| put_string(out, value)),
        Value::Vector(samples) => put_list(out, samples.iter(), |out, sample| {
            out.extend_from_slice(b"{\"metric\":");
            put_labels(out, &sample.labels);
            match &sample.point {
                Point::Float(value) => {
                    out.extend_from_slice(b",\"value\":");
                    put_pair(out, sample.time, |out| put_value(out, *value));
                }
                Point::Histogram(histogram) => {
                    out.extend_from_slice(b",\"histogram\":");
                    put_pair(out, sample.time, |out| put_histogram(out, histogram));
                }
            }
            out.push(b'}');
        }),
        Value::Matrix(series) => put_list(out, series.iter(), |out, series| {
            out.extend_from_slice(b"{\"metric\":");
            put_labels(out, &series.labels);
            if !series.floats.is_empty() || series.histograms.is_empty() {
                out.extend_from_slice(b",\"values\":");
                put_list(out, series.floats.iter(), |out, (time, value)| {
                    put_pair(out, *time, |out| put_value(out, *value));
                });
            }
            if !series.histograms.is_empty() {
                out.extend_from_slice(b",\"histograms\":");
                put_list(out, series.histograms.iter(), |out, point| {
                    put_pair(out, point.time, |out| put_histogram(out, &point.histogram));
                });
            }
            out.push(b'}');
        }),
    }
    if let Some(statistics) = statistics {
        out.extend_from_slice(b",\"stats\":");
        statistics(out);
    }
    out.push(b'}');
}

/// Statistics as `stats=all` shows them; without `all` not those of each step.
pub(super) fn put_statistics(out: &mut Vec<u8>, statistics: &Statistics, seconds: f64, all: bool) {
    let Statistics { series, samples, peak_samples, samples_per_step } = statistics;
    let timings = format!(
        "{{\"timings\":{{\"evalTotalTime\":{seconds},\"resultSortTime\":0,\"queryPreparationTime\":0,\
         \"innerEvalTime\":{seconds},\"execQueueTime\":0,\"execTotalTime\":{seconds}}},\"samples\":{{\
         \"totalQueryableSamples\":{samples},\"peakSamples\":{peak_samples},\"series\":{series}"
    );
    out.extend_from_slice(timings.as_bytes());
    if all {
        out.extend_from_slice(b",\"totalQueryableSamplesPerStep\":");
        put_list(out, samples_per_step.iter(), |out, (time, count)| {
            put_pair(out, *time, |out| out.extend_from_slice(count.to_string().as_bytes()));
        });
    }
    out.extend_from_slice(b"}}");
}

fn put_histogram(out: &mut Vec<u8>, histogram: &orszem_model::Histogram) {
    out.extend_from_slice(b"{\"count\":");
    put_value(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    put_value(out, histogram.sum);
    let buckets = api_buckets(histogram);
    if !buckets.is_empty() {
        out.extend_from_slice(b",\"buckets\":");
        put_list(out, buckets.iter(), |out, bucket| {
            out.extend_from_slice(format!("[{},", bucket.rule).as_bytes());
            put_value(out, bucket.lower);
            out.push(b',');
            put_value(out, bucket.upper);
            out.push(b',');
            put_value(out, bucket.count);
            out.push(b']');
        });
    }
    out.push(b'}');
}

fn put_pair(out: &mut Vec<u8>, time: i64, value: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'[');
    put_time(out, time);
    out.push(b',');
    value(out);
    out.push(b']');
}

/// A label set as an object.
pub(super) fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put_string(out, name);
        out.push(b':');
        put_string(out, value);
    }
    out.push(b'}');
}

/// An array.
pub(super) fn put_list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, put: impl Fn(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put(out, item);
    }
    out.push(b']');
}

/// A string.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    let is_plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if is_plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}
