//! Prometheus protobuf: length-delimited `io.prometheus.client.MetricFamily` messages.
//!
//! Sources: `io/prometheus/client/metrics.proto` of client_model, `model/textparse/protobufparse.go` of Prometheus 3.

mod metric;

use std::borrow::Cow;

use orszem_model::varint::take_bytes;

use crate::entry::{Entry, HistogramSample, MetricType, Sample, Series};
use crate::error::ParseError;
use crate::parser::Classic;
use crate::protobuf::{Fields, Malformed};
use crate::quote::quote;
use metric::{Metric, Number};

/// Where in a metric the parser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The family's metadata, one after the other.
    Help,
    Unit,
    Type,
    /// The next metric of the family.
    Metric,
    /// The `at`th sample of the metric.
    Sample(usize),
}

#[derive(Debug, Default)]
struct Family<'b> {
    name: &'b str,
    help: &'b str,
    unit: &'b str,
    kind: MetricType,
    fields: Fields<'b>,
}

#[derive(Debug)]
pub(crate) struct FamilyParser<'b> {
    rest: &'b [u8],
    classic: Classic,
    /// Families begun.
    count: usize,
    family: Family<'b>,
    metric: Metric<'b>,
    step: Step,
    name: String,
    made: String,
    raw: Vec<u8>,
}

impl<'b> FamilyParser<'b> {
    pub(crate) fn new(body: &'b [u8], classic: Classic) -> Self {
        Self {
            rest: body,
            classic,
            count: 0,
            family: Family::default(),
            metric: Metric::default(),
            step: Step::Metric,
            name: String::new(),
            made: String::new(),
            raw: Vec::new(),
        }
    }

    pub(crate) fn stop(&mut self) {
        self.rest = &[];
        self.family = Family::default();
        self.step = Step::Metric;
    }

    pub(crate) fn next(&mut self) -> Option<Result<Entry<'_>, ParseError>> {
        match self.advance() {
            Ok(true) => Some(self.entry()),
            Ok(false) => None,
            Err(reason) => {
                let family = self.count;
                self.stop();
                Some(Err(ParseError::in_family(family, reason)))
            }
        }
    }

    /// Goes to the next step that gives an entry; `false` at the end of the body.
    fn advance(&mut self) -> Result<bool, String> {
        loop {
            match self.step {
                Step::Help | Step::Unit | Step::Type => return Ok(true),
                Step::Sample(at) if at < self.metric.entry_count() => return Ok(true),
                Step::Sample(_) => self.step = Step::Metric,
                Step::Metric => match self.next_metric()? {
                    Some(message) => {
                        self.metric.read(message, self.family.kind, self.classic)?;
                        self.step = Step::Sample(0);
                    }
                    None if self.rest.is_empty() => return Ok(false),
                    None => self.next_family()?,
                },
            }
        }
    }

    fn entry(&mut self) -> Result<Entry<'_>, ParseError> {
        let family = Cow::Borrowed(self.family.name);
        match self.step {
            Step::Help => {
                self.step = if self.family.unit.is_empty() { Step::Type } else { Step::Unit };
                Ok(Entry::Help { family, help: Cow::Borrowed(self.family.help) })
            }
            Step::Unit => {
                self.step = Step::Type;
                Ok(Entry::Unit { family, unit: Cow::Borrowed(self.family.unit) })
            }
            Step::Type | Step::Metric => {
                self.step = Step::Metric;
                Ok(Entry::Type { family, kind: self.family.kind })
            }
            Step::Sample(at) => {
                self.step = Step::Sample(at + 1);
                self.sample(at)
            }
        }
    }

    fn sample(&mut self, at: usize) -> Result<Entry<'_>, ParseError> {
        if let Some(native) = self.metric.native_at(at) {
            self.spell("", None);
            let (time, created) = (self.metric.time, self.metric.created);
            let exemplars = self.metric.native_exemplars().map_err(|reason| self.error(reason))?;
            let mut histogram =
                native.finish().map_err(|problem| self.error(format!("{problem} in {}", quote(&self.raw))))?;
            crate::histogram::compact(&mut histogram);
            let series = self.series(None);
            return Ok(Entry::Histogram(HistogramSample { series, histogram, time, exemplars, created }));
        }
        let Number { suffix, value, made, exemplar } = self.metric.number_at(at, self.family.kind);
        self.spell(suffix, made);
        let exemplar = exemplar.map(metric::exemplar).transpose().map_err(|reason| self.error(reason))?;
        let (time, created) = (self.metric.time, self.metric.created);
        let series = self.series(made.map(|(name, _)| name));
        Ok(Entry::Sample(Sample { series, value, time, exemplar, created }))
    }

    fn error(&self, reason: String) -> ParseError {
        ParseError::in_family(self.count, reason)
    }

    /// Writes the name and the made label, and the bytes that identify both with the labels.
    fn spell(&mut self, suffix: &str, made: Option<(&'static str, f64)>) {
        self.name.clear();
        self.name.push_str(self.family.name);
        self.name.push_str(suffix);
        self.made.clear();
        self.raw.clear();
        self.raw.extend_from_slice(self.name.as_bytes());
        if let Some((_, bound)) = made {
            self.made.push_str(&crate::number::canonical(bound));
        }
        let made = made.map(|(name, _)| (name, self.made.as_str()));
        for (name, value) in self.metric.labels.iter().copied().chain(made) {
            // No byte of UTF-8.
            self.raw.push(0xff);
            self.raw.extend_from_slice(name.as_bytes());
            self.raw.push(0xff);
            self.raw.extend_from_slice(value.as_bytes());
        }
    }

    fn series(&self, made: Option<&'static str>) -> Series<'_> {
        Series {
            raw: &self.raw,
            name: &self.name,
            pairs: &self.metric.labels,
            is_text: false,
            number_label: None,
            made_label: made.map(|name| (name, self.made.as_str())),
        }
    }

    /// The family's next `Metric` message.
    fn next_metric(&mut self) -> Result<Option<&'b [u8]>, String> {
        for field in self.family.fields.by_ref() {
            if let (4, value) = field.map_err(text)? {
                return value.bytes().map(Some).map_err(text);
            }
        }
        Ok(None)
    }

    /// Begins the next family; one without metrics is skipped.
    fn next_family(&mut self) -> Result<(), String> {
        self.count += 1;
        let message = take_bytes(&mut self.rest).ok_or_else(|| "a message is cut short".to_owned())?;
        let mut family = Family { fields: Fields::new(message), ..Family::default() };
        let mut code = 0;
        let mut has_metrics = false;
        for field in Fields::new(message) {
            match field.map_err(text)? {
                (1, value) => family.name = string(value.bytes().map_err(text)?, "metric name")?,
                (2, value) => family.help = string(value.bytes().map_err(text)?, "help")?,
                (3, value) => code = value.varint().map_err(text)?,
                (4, _) => has_metrics = true,
                (5, value) => family.unit = string(value.bytes().map_err(text)?, "unit")?,
                _ => {}
            }
        }
        if !has_metrics {
            return Ok(());
        }
        if family.name.is_empty() {
            return Err("invalid metric name: ".to_owned());
        }
        family.kind = match code {
            0 => MetricType::Counter,
            1 => MetricType::Gauge,
            2 => MetricType::Summary,
            3 => MetricType::Unknown,
            4 => MetricType::Histogram,
            5 => MetricType::GaugeHistogram,
            code => return Err(format!("unknown metric type for metric {}: {code}", quote(family.name.as_bytes()))),
        };
        check_unit(&family)?;
        self.family = family;
        self.step = Step::Help;
        Ok(())
    }
}

fn check_unit(family: &Family<'_>) -> Result<(), String> {
    let total = if family.kind == MetricType::Counter { family.name.strip_suffix("_total") } else { None };
    let stem = total.unwrap_or(family.name);
    let is_suffix = stem.strip_suffix(family.unit).is_some_and(|rest| rest.ends_with('_'));
    if family.unit.is_empty() || is_suffix {
        return Ok(());
    }
    let what = if total.is_some() { "counter" } else { "metric" };
    let (unit, name) = (quote(family.unit.as_bytes()), quote(family.name.as_bytes()));
    Err(format!("unit {unit} not a suffix of {what} {name}"))
}

fn text(malformed: Malformed) -> String {
    malformed.to_string()
}

fn string<'b>(bytes: &'b [u8], what: &str) -> Result<&'b str, String> {
    std::str::from_utf8(bytes).map_err(|_| format!("invalid {what}: {}", quote(bytes)))
}
