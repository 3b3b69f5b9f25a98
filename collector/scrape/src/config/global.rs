//! Prometheus' `global` section.

use std::collections::BTreeMap;

use orszem_transform::NameValidation;
use serde::{Deserialize, Serialize};

use super::duration::PromDuration;
use super::job::{NameEscaping, Protocol};
use super::size::BodySize;

/// What jobs have unless they say otherwise. What concerns rules and queries is read, without effect here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GlobalConfig {
    /// `1m` if absent.
    pub scrape_interval: Option<PromDuration>,
    /// `10s`, or the interval where that is shorter, if absent.
    pub scrape_timeout: Option<PromDuration>,
    pub scrape_protocols: Option<Vec<Protocol>>,
    pub evaluation_interval: Option<PromDuration>,
    pub rule_query_offset: Option<PromDuration>,
    pub query_log_file: Option<String>,
    pub scrape_failure_log_file: Option<String>,
    /// Labels of every series, where it does not have them already.
    pub external_labels: BTreeMap<String, String>,
    pub body_size_limit: BodySize,
    pub sample_limit: u64,
    pub target_limit: u64,
    pub label_limit: u64,
    pub label_name_length_limit: u64,
    pub label_value_length_limit: u64,
    pub keep_dropped_targets: u64,
    pub metric_name_validation_scheme: Option<NameValidation>,
    pub metric_name_escaping_scheme: Option<NameEscaping>,
    pub scrape_native_histograms: Option<bool>,
    pub convert_classic_histograms_to_nhcb: bool,
    #[serde(alias = "scrape_classic_histograms")]
    pub always_scrape_classic_histograms: bool,
    pub extra_scrape_metrics: bool,
}
