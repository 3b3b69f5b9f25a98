//! Series and their samples as tests write them (Prometheus, `promql/parser`, `ParseSeriesDesc`): `m{a="b"} 1+2x3 _ stale {{schema:0 count:2 buckets:[1 1]}}x5`.

use std::sync::{Arc, LazyLock};

use orszem_model::{BucketSpan, Buckets, CounterReset, Histogram, Labels, METRIC_NAME, STALE};
use regex::Regex;

use crate::ast::ExprKind;
use crate::histogram;
use crate::{ParseOptions, Point, parse};

/// Labels and one sample a step; `None` where there is none.
pub type Line = (Labels, Vec<Option<Point>>);

/// The most samples that a line may stand for; longer repetitions are refused.
const SAMPLES_MAX: usize = 10_000_000;

/// Why a text is no series, or none of its samples.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotationError(String);

impl From<String> for NotationError {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

/// Reads one line.
///
/// # Errors
/// When it is no series with samples behind it.
pub fn series(line: &str) -> Result<Line, NotationError> {
    let mut rest = line.trim();
    let mut pairs: Vec<(String, String)> = Vec::new();
    let name = IDENTIFIER.find(rest).map_or("", |found| found.as_str());
    if !name.is_empty() {
        pairs.push((METRIC_NAME.into(), name.into()));
        rest = rest.split_at(name.len()).1.trim_start();
    }
    if let Some(inner) = rest.strip_prefix('{').filter(|_| !rest.starts_with("{{")) {
        rest = labels(inner, &mut pairs)?;
    }
    Ok((Labels::new(pairs), read_values(rest)?))
}

/// Reads a series without samples, such as `up{job="x"}`.
///
/// # Errors
/// When it is none.
pub fn metric(text: &str) -> Result<Labels, NotationError> {
    match series(text)? {
        (labels, values) if values.is_empty() => Ok(labels),
        _ => Err(NotationError(format!("values behind the labels: {text}"))),
    }
}

/// Reads samples.
///
/// # Errors
/// When they are none.
pub fn values(text: &str) -> Result<Vec<Option<Point>>, NotationError> {
    Ok(read_values(text)?)
}

/// Reads labels up to the brace; gives what is behind it.
fn labels<'a>(text: &'a str, pairs: &mut Vec<(String, String)>) -> Result<&'a str, String> {
    let mut rest = text.trim_start();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok(behind);
        }
        let found = LABEL.captures(rest).ok_or_else(|| format!("labels: {rest}"))?;
        let name = match found.get(1) {
            Some(quoted) => unquote(quoted.as_str())?,
            None => found[2].to_owned(),
        };
        match found.get(3) {
            Some(value) => pairs.push((name, unquote(value.as_str())?)),
            None => pairs.push((METRIC_NAME.into(), name)),
        }
        rest = rest.split_at(found[0].len()).1.trim_start();
    }
}

fn read_values(text: &str) -> Result<Vec<Option<Point>>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = if rest.starts_with("{{") { HISTOGRAMS.find(rest) } else { TOKEN.find(rest) };
        let token = end.ok_or_else(|| format!("value: {rest}"))?.as_str();
        if token.starts_with("{{") {
            histograms(token, &mut values)?
        } else {
            floats(token, &mut values)?
        }
        rest = rest.split_at(token.len()).1;
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return Err(format!("value: {token}{rest}"));
        }
        rest = rest.trim_start();
    }
    Ok(values)
}

/// How often a sample is repeated, behind `count` that there are already.
fn repetitions(token: &str, text: &str, count: usize) -> Result<usize, String> {
    let times: usize = text.parse().map_err(|error| format!("{token}: {error}"))?;
    if count.saturating_add(times) > SAMPLES_MAX {
        Err(format!("{token}: more than {SAMPLES_MAX} samples"))
    } else {
        Ok(times)
    }
}

fn floats(token: &str, values: &mut Vec<Option<Point>>) -> Result<(), String> {
    let before = values.len();
    let times = |text: &str| repetitions(token, text, before);
    if token == "stale" {
        values.push(Some(Point::Float(STALE)));
        return Ok(());
    }
    if let Some(repeat) = token.strip_prefix('_') {
        let count = repeat.strip_prefix('x').map_or(Ok(1), times)?;
        values.extend((0..count).map(|_| None));
        return Ok(());
    }
    let found = FLOATS.captures(token).ok_or_else(|| format!("value: {token}"))?;
    let mut value = float(&found[1])?;
    let step = found.get(2).map_or(Ok(0.0), |step| float(step.as_str()))?;
    let repeat = found.get(3).map_or(Ok(0), |count| times(count.as_str()))?;
    values.push(Some(Point::Float(value)));
    for _ in 0..repeat {
        if found.get(2).is_some() {
            value += step;
        }
        values.push(Some(Point::Float(value)));
    }
    Ok(())
}

fn histograms(token: &str, values: &mut Vec<Option<Point>>) -> Result<(), String> {
    let found = HISTOGRAMS.captures(token).ok_or_else(|| format!("value: {token}"))?;
    let mut value = histogram(&found[1])?;
    let step = found.get(3).map(|step| histogram(step.as_str())).transpose()?;
    let repeat = found.get(4).map_or(Ok(0), |count| repetitions(token, count.as_str(), values.len()))?;
    let push = |values: &mut Vec<_>, value: &Histogram| {
        values.push(Some(Point::Histogram(Arc::new(value.clone()))));
    };
    push(values, &value);
    for _ in 0..repeat {
        if let Some(step) = &step {
            let combine = if &found[2] == "-" { histogram::sub } else { histogram::add };
            combine(&mut value, step).map_err(|error| error.to_string())?;
        }
        push(values, &value);
    }
    Ok(())
}

/// Reads what is between the braces.
fn histogram(text: &str) -> Result<Histogram, String> {
    let mut histogram = Histogram::default();
    let (mut offset, mut negative_offset) = (0, 0);
    let (mut counts, mut negative_counts) = (Vec::new(), Vec::new());
    let whole = |text: &str| text.parse::<i32>().map_err(|error| format!("{text}: {error}"));
    let other = FIELD.replace_all(text, "");
    if !other.trim().is_empty() {
        return Err(format!("histogram: {}", other.trim()));
    }
    for found in FIELD.captures_iter(text) {
        let value = &found[2];
        let list = || value.trim_matches(['[', ']']).split_whitespace().map(float).collect::<Result<Vec<f64>, _>>();
        match &found[1] {
            "schema" => histogram.schema = whole(value)?,
            "sum" => histogram.sum = float(value)?,
            "count" => histogram.count = float(value)?,
            "z_bucket" => histogram.zero_count = float(value)?,
            "z_bucket_w" => histogram.zero_threshold = float(value)?,
            "custom_values" => histogram.custom_bounds = list()?,
            "buckets" => counts = list()?,
            "offset" => offset = whole(value)?,
            "n_buckets" => negative_counts = list()?,
            "n_offset" => negative_offset = whole(value)?,
            "counter_reset_hint" => {
                histogram.counter_reset = match value {
                    "unknown" => CounterReset::Unknown,
                    "reset" => CounterReset::Reset,
                    "not_reset" => CounterReset::NotReset,
                    "gauge" => CounterReset::Gauge,
                    _ => return Err(format!("hint: {value}")),
                }
            }
            other => return Err(format!("histogram: {other}")),
        }
    }
    let side = |offset, counts: Vec<f64>| {
        let spans =
            if counts.is_empty() { Vec::new() } else { vec![BucketSpan { offset, length: counts.len() as u32 }] };
        Buckets { spans, counts }
    };
    histogram.positive = side(offset, counts);
    histogram.negative = side(negative_offset, negative_counts);
    Ok(histogram)
}

/// What a string literal means.
///
/// # Errors
/// When it is none.
pub fn unquote(literal: &str) -> Result<String, String> {
    match parse(literal, &ParseOptions { is_experimental: false }).map(|expr| expr.kind) {
        Ok(ExprKind::String(text)) => Ok(text),
        Ok(_) => Err(format!("no string: {literal}")),
        Err(error) => Err(format!("{literal}: {}", error.message)),
    }
}

/// Reads a number.
///
/// # Errors
/// When it is none.
pub fn float(text: &str) -> Result<f64, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a good regex")
}

static IDENTIFIER: LazyLock<Regex> = LazyLock::new(|| regex("^[a-zA-Z_:][a-zA-Z0-9_:]*"));
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    let quoted = r#""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`"#;
    regex(&format!(r"^\s*(?:({quoted})|([a-zA-Z_:][a-zA-Z0-9_:.]*))\s*(?:=\s*({quoted}))?\s*,?"))
});
static TOKEN: LazyLock<Regex> = LazyLock::new(|| regex(r"^\S+"));
static FIELD: LazyLock<Regex> = LazyLock::new(|| regex(r"(\w+):(\[[^\]]*\]|\S+)"));
static HISTOGRAMS: LazyLock<Regex> = LazyLock::new(|| regex(r"^\{\{([^}]*)\}\}(?:([+-])\{\{([^}]*)\}\})?(?:x(\d+))?"));
static FLOATS: LazyLock<Regex> = LazyLock::new(|| {
    let number = r"(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI]nf|[nN]a[nN])";
    regex(&format!(r"^([+-]?{number})([+-]{number})?(?:x([0-9]+))?$"))
});
