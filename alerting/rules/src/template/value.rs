//! The values of templates, typed as Prometheus types them.

use std::collections::BTreeMap;
use std::sync::Arc;

use orszem_model::{Histogram, Labels, METRIC_NAME};
use orszem_promql::Point;

use super::format::general;

/// An element of what a template's query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct QueriedSample {
    pub labels: Labels,
    pub value: Point,
}

/// What a template begins with.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) labels: Labels,
    pub(super) external_labels: Labels,
    pub(super) external_url: Arc<str>,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Histogram(Arc<Histogram>),
    /// `map[string]string`: what it has not is the empty text.
    Labels(Labels),
    /// `map[string]interface {}`
    Map(Arc<BTreeMap<String, Value>>),
    Sample(Arc<QueriedSample>),
    Vector(Arc<[Arc<QueriedSample>]>),
    /// Milliseconds since 1970, UTC.
    Time(i64),
    /// Seconds.
    Duration(f64),
    Root(Arc<Root>),
}

impl From<&Point> for Value {
    fn from(point: &Point) -> Self {
        match point {
            Point::Float(value) => Self::Float(*value),
            Point::Histogram(histogram) => Self::Histogram(Arc::clone(histogram)),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl Value {
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Duration(seconds) => *seconds != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Vector(samples) => !samples.is_empty(),
            Self::Histogram(_) | Self::Sample(_) | Self::Time(_) | Self::Root(_) => true,
        }
    }

    /// As Go names it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Histogram(_) => "*histogram.FloatHistogram",
            Self::Labels(_) => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Sample(_) => "*template.sample",
            Self::Vector(_) => "template.queryResult",
            Self::Time(_) => "*time.Time",
            Self::Duration(_) => "*time.Duration",
            Self::Root(_) => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
            }
        }
    }

    /// A field, or a map's element.
    pub(super) fn field(&self, name: &str) -> Result<Self, String> {
        match (self, name) {
            (Self::Labels(labels), _) => Ok(labels.get(name).unwrap_or_default().into()),
            (Self::Map(map), _) => Ok(map.get(name).cloned().unwrap_or(Self::Nil)),
            (Self::Root(root), "Labels") => Ok(Self::Labels(root.labels.clone())),
            (Self::Root(root), "ExternalLabels") => Ok(Self::Labels(root.external_labels.clone())),
            (Self::Root(root), "ExternalURL") => Ok(Self::Text(Arc::clone(&root.external_url))),
            (Self::Root(root), "Value") => Ok(root.value.clone()),
            (Self::Sample(sample), "Labels") => Ok(Self::Labels(sample.labels.clone())),
            (Self::Sample(sample), "Value") => Ok(Self::from(&sample.value)),
            (Self::Histogram(histogram), "Count") => Ok(Self::Float(histogram.count)),
            (Self::Histogram(histogram), "Sum") => Ok(Self::Float(histogram.sum)),
            (Self::Time(at), _) => {
                super::humanize::time_part(*at, name).ok_or_else(|| self.no_field(name)).map(Self::Int)
            }
            (Self::Duration(seconds), "Seconds") => Ok(Self::Float(*seconds)),
            (Self::Nil, _) => Err(format!("nil data; no entry for key {name:?}")),
            _ => Err(self.no_field(name)),
        }
    }

    fn no_field(&self, name: &str) -> String {
        format!("can't evaluate field {name} in type {}", self.type_name())
    }

    /// As `%v` prints it.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => general(*value, None),
            Self::Text(text) => text.to_string(),
            Self::Histogram(histogram) => orszem_promql::histogram::text(histogram),
            Self::Labels(labels) => map(labels.iter().map(|(name, value)| (name, value.to_owned()))),
            Self::Map(entries) => map(entries.iter().map(|(name, value)| (name.as_str(), value.show()))),
            Self::Sample(sample) => sample_text(sample),
            Self::Vector(samples) => {
                format!("[{}]", samples.iter().map(|sample| sample_text(sample)).collect::<Vec<_>>().join(" "))
            }
            Self::Time(at) => super::humanize::timestamp_text(*at),
            Self::Duration(seconds) => super::humanize::go_duration(*seconds),
            Self::Root(root) => format!(
                "{{{} {} {} {}}}",
                Self::Labels(root.labels.clone()).show(),
                Self::Labels(root.external_labels.clone()).show(),
                root.external_url,
                root.value.show()
            ),
        }
    }

    /// As an action prints it.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Nil => "<no value>".to_owned(),
            other => other.show(),
        }
    }
}

fn map<'m>(entries: impl Iterator<Item = (&'m str, String)>) -> String {
    let entries: Vec<String> = entries.map(|(name, value)| format!("{name}:{value}")).collect();
    format!("map[{}]", entries.join(" "))
}

fn sample_text(sample: &QueriedSample) -> String {
    format!("{{{} {}}}", Value::Labels(sample.labels.clone()).show(), Value::from(&sample.value).show())
}

impl QueriedSample {
    /// The name of the metric, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.labels.get(METRIC_NAME)
    }
}
