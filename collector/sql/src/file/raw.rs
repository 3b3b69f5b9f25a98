//! What serde sees of a metric file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A file: `[[metric]]` in TOML, `metrics:` in YAML.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawFile {
    metric: Vec<RawMetric>,
    metrics: Vec<RawMetric>,
}

impl RawFile {
    /// The metrics, each with its key.
    pub(super) fn metrics(self) -> impl Iterator<Item = (String, RawMetric)> {
        let Self { metric, metrics } = self;
        let keyed =
            |section: &'static str| move |(at, metric): (usize, RawMetric)| (format!("{section}[{at}]"), metric);
        metric.into_iter().enumerate().map(keyed("metric")).chain(metrics.into_iter().enumerate().map(keyed("metrics")))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawMetric {
    pub(super) context: String,
    pub(super) labels: Vec<String>,
    pub(super) metricsdesc: BTreeMap<String, String>,
    pub(super) metricstype: BTreeMap<String, String>,
    pub(super) metricsbuckets: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) fieldtoappend: String,
    pub(super) request: String,
    pub(super) ignorezeroresult: bool,
    pub(super) querytimeout: String,
    pub(super) scrapeinterval: String,
    pub(super) databases: Option<Vec<String>>,
    // What follows is ours.
    pub(super) interval: String,
    pub(super) cron: String,
    pub(super) unit: String,
    pub(super) thresholds: OneOrMore<RawThresholds>,
    pub(super) row_limit: Option<u64>,
    pub(super) label_limit: Option<u64>,
    pub(super) iterator: Option<RawIterator>,
    pub(super) startup_sql: OneOrMore<String>,
    pub(super) static_labels: BTreeMap<String, String>,
    pub(super) timestamp: String,
    pub(super) on_error: String,
    pub(super) role: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawThresholds {
    pub(super) field: String,
    pub(super) warning: String,
    pub(super) critical: String,
    #[serde(rename = "for")]
    pub(super) held: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawIterator {
    pub(super) request: String,
    pub(super) labels: Vec<String>,
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMore<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let text = serde::de::value::StrDeserializer::new(text);
                Ok(OneOrMore(vec![T::deserialize(text)?]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Ok(OneOrMore(vec![T::deserialize(MapAccessDeserializer::new(map))?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
                Ok(OneOrMore(Vec::deserialize(SeqAccessDeserializer::new(items))?))
            }
        }
        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}
