//! What a metric is called and means, and who takes its samples.

use orszem_exposition::MetricType;

/// A metric family. The unit follows from the name: see [`unit`](Self::unit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family<'f> {
    pub name: &'f str,
    pub kind: MetricType,
    pub help: &'f str,
}

impl<'f> Family<'f> {
    pub const fn counter(name: &'f str, help: &'f str) -> Self {
        Self { name, kind: MetricType::Counter, help }
    }

    pub const fn gauge(name: &'f str, help: &'f str) -> Self {
        Self { name, kind: MetricType::Gauge, help }
    }

    /// One that Prometheus text calls `untyped`.
    pub const fn unknown(name: &'f str, help: &'f str) -> Self {
        Self { name, kind: MetricType::Unknown, help }
    }

    /// The base unit that the name ends in (before `_total`), as OpenMetrics has it; empty if there is none.
    pub fn unit(&self) -> &'static str {
        const UNITS: &[&str] = &["seconds", "bytes", "celsius", "hertz", "volts", "ratio", "bits", "amps", "joule"];
        let stem = self.name.strip_suffix("_total").unwrap_or(self.name);
        let is_suffix = |unit: &&&str| stem.strip_suffix(**unit).is_some_and(|rest| rest.ends_with('_'));
        UNITS.iter().find(is_suffix).copied().unwrap_or_default()
    }
}

/// Takes the samples of a pass.
pub trait Sink {
    /// A sample of now. `name` is the family's but for parts of histograms and summaries (`_bucket`, `_sum`, …).
    ///
    /// The samples of a family may be apart from each other. A label may be empty, which means that it is not there.
    fn sample(&mut self, family: &Family<'_>, name: &str, labels: &[(&str, &str)], value: f64);
}

impl dyn Sink + '_ {
    /// A sample that is called as its family.
    pub(crate) fn put(&mut self, family: &Family<'_>, labels: &[(&str, &str)], value: f64) {
        self.sample(family, family.name, labels, value);
    }
}
