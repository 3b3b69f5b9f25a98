//! The series that a rule records (Prometheus, `rules/recording.go`).

use std::collections::HashSet;

use orszem_model::{Labels, METRIC_NAME};
use orszem_promql::Sample;

use super::alert::set;
use super::outcome::{NewSample, RuleError};
use crate::rule::Rule;

/// The samples to be stored at `time`.
pub(super) fn take(
    rule: &Rule,
    name: &str,
    limit: usize,
    time: i64,
    elements: Vec<Sample>,
) -> Result<Vec<NewSample>, RuleError> {
    let mut seen = HashSet::with_capacity(elements.len());
    let mut samples = Vec::with_capacity(elements.len());
    for element in elements {
        let mut pairs: Vec<(&str, &str)> = element.labels.iter().collect();
        set(&mut pairs, METRIC_NAME, name);
        for (name, value) in &rule.labels {
            set(&mut pairs, name, value.text());
        }
        let labels = Labels::from_sorted(pairs.into_iter());
        if !seen.insert(labels.clone()) {
            return Err(RuleError::SameLabels);
        }
        samples.push(NewSample { labels, time, point: element.point });
    }
    if limit > 0 && samples.len() > limit {
        return Err(RuleError::TooManySeries { limit, count: samples.len() });
    }
    Ok(samples)
}
