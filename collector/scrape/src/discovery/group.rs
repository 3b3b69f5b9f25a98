//! Targets that share labels.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::StaticConfig;

/// Names and values.
pub(crate) type Pairs = Vec<(String, String)>;

/// Some targets, and labels that all of them have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) targets: Vec<Pairs>,
    pub(crate) labels: Pairs,
}

/// A group as files and servers write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WrittenGroup {
    targets: Vec<String>,
    labels: BTreeMap<String, String>,
}

impl Group {
    /// The labels of each target: its own win over the group's.
    pub(crate) fn each(&self) -> impl Iterator<Item = Pairs> + '_ {
        self.targets.iter().map(|target| {
            let of_group = self.labels.iter().filter(|(name, _)| !target.iter().any(|own| own.0 == *name));
            target.iter().chain(of_group).cloned().collect()
        })
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    fn new(targets: &[String], labels: &BTreeMap<String, String>) -> Self {
        let address = |target: &String| vec![("__address__".to_owned(), target.clone())];
        let labels = labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { targets: targets.iter().map(address).collect(), labels }
    }
}

impl From<&StaticConfig> for Group {
    fn from(config: &StaticConfig) -> Self {
        Self::new(&config.targets, &config.labels)
    }
}

impl From<WrittenGroup> for Group {
    fn from(written: WrittenGroup) -> Self {
        Self::new(&written.targets, &written.labels)
    }
}
