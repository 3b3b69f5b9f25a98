//! One `Metric` message and the samples that it stands for.

use orszem_model::{BucketSpan, CounterReset, Labels};

use super::{string, text};
use crate::entry::{Exemplar, MetricType};
use crate::histogram::{BucketParts, HistogramParts};
use crate::parser::Classic;
use crate::protobuf::{Fields, Value, zigzag};

/// A bucket of a classic histogram.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket<'b> {
    cumulative: f64,
    upper_bound: f64,
    exemplar: Option<&'b [u8]>,
}

/// A sample that is a number.
#[derive(Debug)]
pub(super) struct Number<'b> {
    pub(super) suffix: &'static str,
    pub(super) value: f64,
    /// The label made of a number.
    pub(super) made: Option<(&'static str, f64)>,
    pub(super) exemplar: Option<&'b [u8]>,
}

/// A metric, read once; its vectors are used again for the next.
#[derive(Debug, Default)]
pub(super) struct Metric<'b> {
    pub(super) labels: Vec<(&'b str, &'b str)>,
    pub(super) time: Option<i64>,
    pub(super) created: Option<i64>,
    value: f64,
    exemplar: Option<&'b [u8]>,
    count: f64,
    sum: f64,
    quantiles: Vec<(f64, f64)>,
    buckets: Vec<Bucket<'b>>,
    exemplars: Vec<&'b [u8]>,
    native: Option<HistogramParts>,
    /// Samples of the summary or the classic histogram.
    numbers: usize,
}

impl<'b> Metric<'b> {
    pub(super) fn read(&mut self, message: &'b [u8], kind: MetricType, classic: Classic) -> Result<(), String> {
        self.clear();
        for field in Fields::new(message) {
            let (number, value) = field.map_err(text)?;
            match (number, kind) {
                (1, _) => self.labels.push(label(value.bytes().map_err(text)?)?),
                (2, MetricType::Gauge) | (5, MetricType::Unknown) | (3, MetricType::Counter) => {
                    self.read_simple(value.bytes().map_err(text)?)?;
                }
                (4, MetricType::Summary) => self.read_summary(value.bytes().map_err(text)?)?,
                // Zero means none.
                (6, _) => self.time = Some(value.varint().map_err(text)? as i64).filter(|time| *time != 0),
                (7, MetricType::Histogram | MetricType::GaugeHistogram) => {
                    self.read_histogram(value.bytes().map_err(text)?, kind)?;
                }
                _ => {}
            }
        }
        self.settle(kind, classic);
        Ok(())
    }

    fn clear(&mut self) {
        self.labels.clear();
        self.quantiles.clear();
        self.buckets.clear();
        self.exemplars.clear();
        self.native = None;
        (self.time, self.created, self.exemplar) = (None, None, None);
        (self.value, self.count, self.sum) = (0.0, 0.0, 0.0);
    }

    /// Decides which samples the metric gives.
    fn settle(&mut self, kind: MetricType, classic: Classic) {
        let is_native = self.native.as_ref().is_some_and(|native| {
            !native.positive.spans.is_empty()
                || !native.negative.spans.is_empty()
                || native.zero_threshold > 0.0
                || native.zero_count > 0
                || native.zero_count_float > 0.0
        });
        if !is_native || classic == Classic::Only {
            self.native = None;
        }
        self.numbers = match kind {
            MetricType::Summary => 2 + self.quantiles.len(),
            MetricType::Histogram | MetricType::GaugeHistogram => {
                if self.native.is_some() && (classic == Classic::Unless || self.buckets.is_empty()) {
                    0
                } else {
                    let has_infinite = self.buckets.last().is_some_and(|last| last.upper_bound == f64::INFINITY);
                    2 + self.buckets.len() + usize::from(!has_infinite)
                }
            }
            MetricType::Unknown | MetricType::Counter | MetricType::Gauge | MetricType::Info | MetricType::StateSet => {
                1
            }
        };
    }

    /// Entries of the metric: a native histogram, if there is one, then the numbers.
    pub(super) fn entry_count(&self) -> usize {
        usize::from(self.native.is_some()) + self.numbers
    }

    /// The native histogram, if it is the `at`th entry.
    pub(super) fn native_at(&self, at: usize) -> Option<HistogramParts> {
        if at == 0 { self.native.clone() } else { None }
    }

    /// The exemplars with a time: the native histogram's own, or else those of the buckets.
    pub(super) fn native_exemplars(&self) -> Result<Vec<Exemplar>, String> {
        let of_buckets = self.buckets.iter().filter_map(|bucket| bucket.exemplar);
        let messages: Vec<_> = if self.exemplars.is_empty() { of_buckets.collect() } else { self.exemplars.clone() };
        let mut exemplars = Vec::with_capacity(messages.len());
        for message in messages {
            exemplars.push(exemplar(message)?);
        }
        exemplars.retain(|exemplar| exemplar.time.is_some());
        Ok(exemplars)
    }

    /// The `at`th entry, which is no native histogram.
    pub(super) fn number_at(&self, at: usize, kind: MetricType) -> Number<'b> {
        let at = at - usize::from(self.native.is_some());
        let plain = |suffix, value| Number { suffix, value, made: None, exemplar: None };
        match (kind, at) {
            (MetricType::Summary | MetricType::Histogram | MetricType::GaugeHistogram, 0) => {
                plain("_count", self.count)
            }
            (MetricType::Summary | MetricType::Histogram | MetricType::GaugeHistogram, 1) => plain("_sum", self.sum),
            (MetricType::Summary, at) => {
                let (quantile, value) = self.quantiles.get(at - 2).copied().unwrap_or_default();
                Number { made: Some(("quantile", quantile)), ..plain("", value) }
            }
            (MetricType::Histogram | MetricType::GaugeHistogram, at) => {
                let infinite = Bucket { cumulative: self.count, upper_bound: f64::INFINITY, exemplar: None };
                let bucket = self.buckets.get(at - 2).copied().unwrap_or(infinite);
                Number {
                    made: Some(("le", bucket.upper_bound)),
                    exemplar: bucket.exemplar,
                    ..plain("_bucket", bucket.cumulative)
                }
            }
            _ => Number { exemplar: self.exemplar, ..plain("", self.value) },
        }
    }

    /// `Gauge`, `Untyped`, `Counter`: the value is field 1 of all.
    fn read_simple(&mut self, message: &'b [u8]) -> Result<(), String> {
        for field in Fields::new(message) {
            match field.map_err(text)? {
                (1, value) => self.value = value.double().map_err(text)?,
                (2, value) => self.exemplar = Some(value.bytes().map_err(text)?),
                (3, value) => self.created = Some(moment(value.bytes().map_err(text)?)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_summary(&mut self, message: &'b [u8]) -> Result<(), String> {
        for field in Fields::new(message) {
            match field.map_err(text)? {
                (1, value) => self.count = value.varint().map_err(text)? as f64,
                (2, value) => self.sum = value.double().map_err(text)?,
                (3, value) => {
                    let mut quantile = (0.0, 0.0);
                    for field in Fields::new(value.bytes().map_err(text)?) {
                        match field.map_err(text)? {
                            (1, value) => quantile.0 = value.double().map_err(text)?,
                            (2, value) => quantile.1 = value.double().map_err(text)?,
                            _ => {}
                        }
                    }
                    self.quantiles.push(quantile);
                }
                (4, value) => self.created = Some(moment(value.bytes().map_err(text)?)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_histogram(&mut self, message: &'b [u8], kind: MetricType) -> Result<(), String> {
        let mut native = HistogramParts::default();
        for field in Fields::new(message) {
            let (number, value) = field.map_err(text)?;
            match number {
                1 => native.count = value.varint().map_err(text)?,
                2 => native.sum = value.double().map_err(text)?,
                3 => self.buckets.push(bucket(value.bytes().map_err(text)?)?),
                4 => native.count_float = value.double().map_err(text)?,
                5 => native.schema = value.zigzag().map_err(text)?,
                6 => native.zero_threshold = value.double().map_err(text)?,
                7 => native.zero_count = value.varint().map_err(text)?,
                8 => native.zero_count_float = value.double().map_err(text)?,
                9..=11 => put_buckets(&mut native.negative, number - 9, value)?,
                12..=14 => put_buckets(&mut native.positive, number - 12, value)?,
                15 => self.created = Some(moment(value.bytes().map_err(text)?)?),
                16 => self.exemplars.push(value.bytes().map_err(text)?),
                _ => {}
            }
        }
        // Floats count where they are set.
        native.is_float = native.count_float > 0.0 || native.zero_count_float > 0.0;
        if kind == MetricType::GaugeHistogram {
            native.counter_reset = CounterReset::Gauge;
        }
        self.count = if native.count_float > 0.0 { native.count_float } else { native.count as f64 };
        self.sum = native.sum;
        self.native = Some(native);
        Ok(())
    }
}

fn put_buckets(parts: &mut BucketParts, field: u64, value: Value<'_>) -> Result<(), String> {
    match field {
        0 => parts.spans.push(span(value.bytes().map_err(text)?)?),
        1 => value.varints(|raw| parts.deltas.push(zigzag(raw))).map_err(text)?,
        _ => value.doubles(&mut parts.counts).map_err(text)?,
    }
    Ok(())
}

fn span(message: &[u8]) -> Result<BucketSpan, String> {
    let mut span = BucketSpan::default();
    for field in Fields::new(message) {
        match field.map_err(text)? {
            // Both are of 32 bits; protobuf cuts what is longer.
            (1, value) => span.offset = value.zigzag().map_err(text)? as i32,
            (2, value) => span.length = value.varint().map_err(text)? as u32,
            _ => {}
        }
    }
    Ok(span)
}

fn bucket(message: &[u8]) -> Result<Bucket<'_>, String> {
    let mut bucket = Bucket::default();
    let mut cumulative = 0;
    for field in Fields::new(message) {
        match field.map_err(text)? {
            (1, value) => cumulative = value.varint().map_err(text)?,
            (2, value) => bucket.upper_bound = value.double().map_err(text)?,
            (3, value) => bucket.exemplar = Some(value.bytes().map_err(text)?),
            (4, value) => bucket.cumulative = value.double().map_err(text)?,
            _ => {}
        }
    }
    if bucket.cumulative == 0.0 {
        bucket.cumulative = cumulative as f64;
    }
    Ok(bucket)
}

fn label(message: &[u8]) -> Result<(&str, &str), String> {
    let mut label = ("", "");
    for field in Fields::new(message) {
        match field.map_err(text)? {
            (1, value) => label.0 = string(value.bytes().map_err(text)?, "label name")?,
            (2, value) => label.1 = string(value.bytes().map_err(text)?, "label value")?,
            _ => {}
        }
    }
    if label.0.is_empty() {
        return Err("invalid label name: ".to_owned());
    }
    Ok(label)
}

/// An `Exemplar` message.
pub(super) fn exemplar(message: &[u8]) -> Result<Exemplar, String> {
    let mut labels = Vec::new();
    let mut exemplar = Exemplar { labels: Labels::default(), value: 0.0, time: None };
    for field in Fields::new(message) {
        match field.map_err(text)? {
            (1, value) => labels.push(label(value.bytes().map_err(text)?)?),
            (2, value) => exemplar.value = value.double().map_err(text)?,
            (3, value) => exemplar.time = Some(moment(value.bytes().map_err(text)?)?),
            _ => {}
        }
    }
    exemplar.labels = Labels::new(labels);
    Ok(exemplar)
}

/// A `google.protobuf.Timestamp` in milliseconds.
fn moment(message: &[u8]) -> Result<i64, String> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for field in Fields::new(message) {
        match field.map_err(text)? {
            (1, value) => seconds = value.varint().map_err(text)? as i64,
            (2, value) => nanos = value.varint().map_err(text)? as i64,
            _ => {}
        }
    }
    Ok(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}
