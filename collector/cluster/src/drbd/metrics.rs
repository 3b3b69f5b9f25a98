//! The table as samples: under drbd-reactor's names, ha_cluster_exporter's, and our own in base units.

mod exporter;
mod own;
mod reactor;

use orszem_model::Timestamp;

use super::table::Table;

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    pub help: &'static str,
}

/// What its values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub metric: Metric,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

/// What besides the table is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A series for each state that there is, as drbd-reactor has them with `enums = true`.
    pub has_states: bool,
    /// The versions of the kernel module and of drbd-utils; empty where one is not known.
    pub versions: Option<(String, String)>,
}

impl Metric {
    const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Gauge, help }
    }

    const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Counter, help }
    }
}

/// All samples of now. What DRBD does not tell has none: 8.4 knows no quorum, for instance.
pub fn samples(table: &Table, options: &Options, now: Timestamp) -> Vec<Sample> {
    let mut out = Samples::default();
    reactor::put(table, options, &mut out);
    exporter::put(table, &mut out);
    own::put(table, now, &mut out);
    out.samples
}

/// Takes samples.
#[derive(Default)]
struct Samples {
    samples: Vec<Sample>,
}

/// Labels that several samples have.
type Labels<'a> = &'a [(&'static str, &'a str)];

impl Samples {
    fn put(&mut self, metric: Metric, labels: Labels<'_>, value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.samples.push(Sample { metric, labels, value });
    }

    fn number(&mut self, metric: Metric, labels: Labels<'_>, value: Option<u64>) {
        if let Some(value) = value {
            // Exact up to 2⁵³.
            self.put(metric, labels, value as f64);
        }
    }

    fn yes(&mut self, metric: Metric, labels: Labels<'_>, is: Option<bool>) {
        if let Some(is) = is {
            self.put(metric, labels, f64::from(u8::from(is)));
        }
    }
}

#[cfg(test)]
mod tests;
