//! The final labels of a series: the target's added, relabelled, checked.

use std::sync::Arc;

use orszem_exposition::Series;
use orszem_model::{Labels, METRIC_NAME};
use orszem_transform::LabelBuilder;

use crate::error::ScrapeError;
use crate::settings::Job;
use crate::target::Target;

/// In front of a label of the target's own that the scrape's would hide.
const EXPORTED: &str = "exported_";

#[derive(Debug)]
pub(super) struct Naming {
    job: Arc<Job>,
    target: Labels,
    external: Labels,
}

impl Naming {
    pub(super) fn new(job: &Arc<Job>, target: &Target, external: &Labels) -> Self {
        Self { job: Arc::clone(job), target: target.labels.clone(), external: external.clone() }
    }

    /// The labels of a series; `None` if a rule drops it.
    pub(super) fn labels(&self, series: &Series<'_>) -> Result<Option<Labels>, ScrapeError> {
        // Tells of a label that is there twice.
        series.labels()?;
        let exposed: Vec<_> = series.pairs().collect();
        let mut labels: LabelBuilder = exposed.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        if self.job.config.honor_labels {
            // One that is there with an empty value says that the target's is not to be added.
            for (name, value) in self.target.iter().filter(|(name, _)| !exposed.iter().any(|pair| pair.0 == *name)) {
                labels.set(name, value);
            }
        } else {
            self.override_exposed(&mut labels);
        }
        if !self.job.metric_relabel.apply(&mut labels) || labels.is_empty() {
            return Ok(None);
        }
        self.check(&labels)?;
        add_external(&mut labels, &self.external);
        Ok(Some(labels.labels()))
    }

    fn override_exposed(&self, labels: &mut LabelBuilder) {
        let mut hidden: Vec<(&str, String)> = Vec::new();
        for (name, value) in self.target.iter() {
            let exposed = labels.get(name);
            if !exposed.is_empty() {
                hidden.push((name, exposed.to_owned()));
            }
            labels.set(name, value);
        }
        hidden.sort_by_key(|(name, _)| name.len());
        for (name, value) in hidden {
            let mut name = format!("{EXPORTED}{name}");
            while !labels.get(&name).is_empty() {
                name.insert_str(0, EXPORTED);
            }
            labels.set(&name, &value);
        }
    }

    fn check(&self, labels: &LabelBuilder) -> Result<(), ScrapeError> {
        let metric = labels.get(METRIC_NAME);
        if metric.is_empty() {
            return Err(ScrapeError::NoName);
        }
        let names = self.job.names;
        if !names.is_metric_name(metric) || !labels.iter().all(|(name, _)| names.is_label_name(name)) {
            return Err(ScrapeError::InvalidName(format!("{:?}", labels.labels())));
        }
        let config = &self.job.config;
        let exceeds = |length: usize, limit: u64| limit > 0 && length as u64 > limit;
        let metric = || metric.to_owned();
        if exceeds(labels.len(), config.label_limit) {
            let (count, limit) = (labels.len() as u64, config.label_limit);
            return Err(ScrapeError::LabelLimit { metric: metric(), count, limit });
        }
        for (name, value) in labels.iter() {
            let owned = name.to_owned();
            if exceeds(name.len(), config.label_name_length_limit) {
                let (length, limit) = (name.len() as u64, config.label_name_length_limit);
                return Err(ScrapeError::LabelNameLength { metric: metric(), name: owned, length, limit });
            }
            if exceeds(value.len(), config.label_value_length_limit) {
                let (length, limit) = (value.len() as u64, config.label_value_length_limit);
                let value = value.to_owned();
                return Err(ScrapeError::LabelValueLength { metric: metric(), name: owned, value, length, limit });
            }
        }
        Ok(())
    }
}

/// Adds the labels that series don't have already.
pub(super) fn add_external(labels: &mut LabelBuilder, external: &Labels) {
    for (name, value) in external.iter() {
        if labels.get(name).is_empty() {
            labels.set(name, value);
        }
    }
}
