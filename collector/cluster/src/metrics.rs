//! Samples, and the families that they belong to.

/// What a family's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Counter,
    Gauge,
}

/// A metric family.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    /// `seconds`, `bytes`; empty for what is counted.
    pub unit: &'static str,
    pub help: &'static str,
}

impl Family {
    pub(crate) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit: "", help }
    }

    pub(crate) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, unit: "", help }
    }

    pub(crate) const fn of(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }
}

/// A value of now. An empty label is the same as none.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub family: &'static Family,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

impl Sample {
    pub(crate) fn new(family: &'static Family, labels: &[(&'static str, &str)], value: f64) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { family, labels, value }
    }

    /// The metric and its labels as text: `name{label="value"}`.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        let labels: Vec<String> =
            self.labels.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| format!("{n}={v:?}")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        format!("{}{labels} {}", self.family.name, self.value)
    }
}

pub(crate) fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}
