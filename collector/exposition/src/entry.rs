//! What a body consists of: metadata of families, and samples of series.

use std::borrow::Cow;

use orszem_model::{Histogram, Labels, METRIC_NAME};

use crate::number;

/// The type of a metric family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MetricType {
    #[default]
    Unknown = 0,
    Counter = 1,
    Gauge = 2,
    Histogram = 3,
    GaugeHistogram = 4,
    Summary = 5,
    Info = 6,
    StateSet = 7,
}

impl MetricType {
    /// Its name in OpenMetrics and in `/api/v1/metadata`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// The type with this code in remote write 1.0 and 2.0; codes of the future are unknown types.
    pub fn from_code(code: u64) -> Self {
        match code {
            1 => Self::Counter,
            2 => Self::Gauge,
            3 => Self::Histogram,
            4 => Self::GaugeHistogram,
            5 => Self::Summary,
            6 => Self::Info,
            7 => Self::StateSet,
            _ => Self::Unknown,
        }
    }

    /// The family that a series with this metric name belongs to: without the suffix of its part.
    pub fn family(self, metric_name: &str) -> &str {
        let suffixes: &[&str] = match self {
            Self::Histogram | Self::GaugeHistogram => &["_bucket", "_count", "_sum", "_gcount", "_gsum"],
            Self::Summary => &["_count", "_sum"],
            Self::Unknown | Self::Counter | Self::Gauge | Self::Info | Self::StateSet => &[],
        };
        suffixes.iter().find_map(|suffix| metric_name.strip_suffix(suffix)).unwrap_or(metric_name)
    }
}

/// One thing of a body, in its order.
#[derive(Debug)]
pub enum Entry<'p> {
    Type { family: Cow<'p, str>, kind: MetricType },
    Help { family: Cow<'p, str>, help: Cow<'p, str> },
    Unit { family: Cow<'p, str>, unit: Cow<'p, str> },
    Sample(Sample<'p>),
    Histogram(HistogramSample<'p>),
}

/// A number of a series.
#[derive(Debug)]
pub struct Sample<'p> {
    pub series: Series<'p>,
    pub value: f64,
    /// Milliseconds since 1970, UTC; without one it is the moment of the scrape.
    pub time: Option<i64>,
    pub exemplar: Option<Exemplar>,
    /// When the counter began, milliseconds since 1970; only protobuf tells. OpenMetrics' `_created` stay samples.
    pub created: Option<i64>,
}

/// A native histogram of a series.
#[derive(Debug)]
pub struct HistogramSample<'p> {
    pub series: Series<'p>,
    /// Without empty buckets.
    pub histogram: Histogram,
    /// Milliseconds since 1970, UTC; without one it is the moment of the scrape.
    pub time: Option<i64>,
    pub exemplars: Vec<Exemplar>,
    /// When the histogram began, milliseconds since 1970.
    pub created: Option<i64>,
}

/// An observation that stands for others, mostly with a trace's id.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    pub labels: Labels,
    pub value: f64,
    /// Milliseconds since 1970, UTC.
    pub time: Option<i64>,
}

/// The labels of a sample, not yet unescaped.
#[derive(Clone, Copy, Debug)]
pub struct Series<'p> {
    pub(crate) raw: &'p [u8],
    pub(crate) name: &'p str,
    pub(crate) pairs: &'p [(&'p str, &'p str)],
    /// Whether a backslash escapes in names and values.
    pub(crate) is_text: bool,
    /// The label whose value is a number to be written canonically.
    pub(crate) number_label: Option<&'static str>,
    /// The label that is made of a bucket's bound or a quantile.
    pub(crate) made_label: Option<(&'static str, &'p str)>,
}

/// A label that a series has twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("label name \"{0}\" is not unique")]
pub struct DuplicateLabel(pub String);

impl<'p> Series<'p> {
    /// Bytes that are equal for equal series of one target: the key of a cache that spares [`labels`](Self::labels).
    ///
    /// Equal series may have different ones. The type of the family counts too where the format is a text one: see
    /// [`label_with_number`](Self::label_with_number).
    pub fn raw(&self) -> &'p [u8] {
        self.raw
    }

    /// The label that is written canonically because of the family's type: `le`, `quantile` or none.
    pub fn label_with_number(&self) -> Option<&'static str> {
        self.number_label
    }

    /// The metric name.
    pub fn name(&self) -> Cow<'p, str> {
        self.unescape(self.name)
    }

    /// The labels in the order of the body, `__name__` first, empty ones included.
    pub fn pairs(&self) -> impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)> + '_ {
        let name = std::iter::once((Cow::Borrowed(METRIC_NAME), self.name()));
        let written = self.pairs.iter().map(|&(name, value)| self.pair(name, value));
        let made = self.made_label.iter().map(|&(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)));
        name.chain(written).chain(made)
    }

    /// The labels, sorted; those without a value are left out.
    pub fn labels(&self) -> Result<Labels, DuplicateLabel> {
        let mut pairs: Vec<_> = self.pairs().collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(DuplicateLabel(twice[0].0.clone().into_owned()));
        }
        let filled = pairs.iter().filter(|pair| !pair.1.is_empty());
        Ok(Labels::from_sorted(filled.map(|(name, value)| (name.as_ref(), value.as_ref()))))
    }

    fn pair(&self, name: &'p str, value: &'p str) -> (Cow<'p, str>, Cow<'p, str>) {
        let (name, mut value) = (self.unescape(name), self.unescape(value));
        if self.number_label.is_some_and(|number_label| number_label == name)
            && let Ok(number) = number::float(value.as_bytes())
        {
            value = Cow::Owned(number::canonical(number));
        }
        (name, value)
    }

    fn unescape(&self, text: &'p str) -> Cow<'p, str> {
        if self.is_text { unescape(text, true) } else { Cow::Borrowed(text) }
    }
}

/// Undoes `\\`, `\n` and, if asked, `\"`; other backslashes stay.
pub(crate) fn unescape(text: &str, with_quotes: bool) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let mut behind = letters.clone();
        let escaped = match behind.next() {
            Some('\\') => '\\',
            Some('n') => '\n',
            Some('"') if with_quotes => '"',
            _ => {
                out.push('\\');
                continue;
            }
        };
        out.push(escaped);
        letters = behind;
    }
    Cow::Owned(out)
}
