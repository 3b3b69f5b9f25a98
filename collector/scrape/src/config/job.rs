//! One element of `scrape_configs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orszem_exposition::{Escaping, ScrapeProtocol};
use orszem_transform::{NameValidation, RelabelConfig};
use serde::{Deserialize, Serialize};

use super::client::with_client;
use super::discovery::{DnsSdConfig, FileSdConfig, HttpSdConfig, StaticConfig};
use super::duration::PromDuration;
use super::global::GlobalConfig;
use super::size::BodySize;

/// A format with its version, by the name that `scrape_protocols` has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    PrometheusProto,
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetricsText1_0_0,
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetricsText0_0_1,
    #[serde(rename = "PrometheusText1.0.0")]
    PrometheusText1_0_0,
    #[serde(rename = "PrometheusText0.0.4")]
    PrometheusText0_0_4,
}

impl From<Protocol> for ScrapeProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::PrometheusProto => Self::PrometheusProto,
            Protocol::OpenMetricsText1_0_0 => Self::OpenMetricsText1_0_0,
            Protocol::OpenMetricsText0_0_1 => Self::OpenMetricsText0_0_1,
            Protocol::PrometheusText1_0_0 => Self::PrometheusText1_0_0,
            Protocol::PrometheusText0_0_4 => Self::PrometheusText0_0_4,
        }
    }
}

/// What targets are asked to do with other names than legacy ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameEscaping {
    #[serde(rename = "allow-utf-8")]
    AllowUtf8,
    Underscores,
    Dots,
    Values,
}

impl From<NameEscaping> for Escaping {
    fn from(escaping: NameEscaping) -> Self {
        match escaping {
            NameEscaping::AllowUtf8 => Self::AllowUtf8,
            NameEscaping::Underscores => Self::Underscores,
            NameEscaping::Dots => Self::Dots,
            NameEscaping::Values => Self::Values,
        }
    }
}

/// The schemes that are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

impl Scheme {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

with_client! {
    /// A job: targets, and how they are scraped. What is absent, or a limit of 0, is as in `global`.
    pub struct ScrapeConfig {
        pub job_name: String,
        pub scrape_interval: Option<PromDuration>,
        pub scrape_timeout: Option<PromDuration>,
        /// `/metrics` if absent.
        pub metrics_path: Option<String>,
        pub scheme: Scheme,
        pub params: BTreeMap<String, Vec<String>>,
        /// Whether a label of the target's own wins over one that the scrape would add.
        pub honor_labels: bool,
        /// True if absent.
        pub honor_timestamps: Option<bool>,
        /// Whether series with times of their own end, when they are gone, as others do.
        pub track_timestamps_staleness: bool,
        pub scrape_protocols: Option<Vec<Protocol>>,
        /// How a body is read whose type the target does not say.
        pub fallback_scrape_protocol: Option<Protocol>,
        pub scrape_native_histograms: Option<bool>,
        #[serde(alias = "scrape_classic_histograms")]
        pub always_scrape_classic_histograms: Option<bool>,
        pub convert_classic_histograms_to_nhcb: Option<bool>,
        /// Read, without effect: failures are told by `up`, the targets' state and the log.
        pub scrape_failure_log_file: Option<String>,
        /// True if absent.
        pub enable_compression: Option<bool>,
        /// Of the uncompressed body.
        pub body_size_limit: BodySize,
        pub sample_limit: u64,
        pub target_limit: u64,
        pub label_limit: u64,
        pub label_name_length_limit: u64,
        pub label_value_length_limit: u64,
        pub native_histogram_bucket_limit: u64,
        pub native_histogram_min_bucket_factor: f64,
        pub keep_dropped_targets: u64,
        pub metric_name_validation_scheme: Option<NameValidation>,
        pub metric_name_escaping_scheme: Option<NameEscaping>,
        pub extra_scrape_metrics: Option<bool>,
        pub static_configs: Vec<StaticConfig>,
        pub file_sd_configs: Vec<FileSdConfig>,
        pub dns_sd_configs: Vec<DnsSdConfig>,
        pub http_sd_configs: Vec<HttpSdConfig>,
        pub relabel_configs: Vec<RelabelConfig>,
        pub metric_relabel_configs: Vec<RelabelConfig>,
    }
}

const INTERVAL: PromDuration = PromDuration::secs(60);
const TIMEOUT: PromDuration = PromDuration::secs(10);

impl ScrapeConfig {
    /// This job with what `global` says where it is silent.
    #[must_use]
    pub fn with_globals(&self, global: &GlobalConfig) -> Self {
        let or = |own: u64, other: u64| if own == 0 { other } else { own };
        let written = |duration: Option<PromDuration>| duration.filter(|duration| !duration.is_zero());
        let global_interval = written(global.scrape_interval).unwrap_or(INTERVAL);
        let global_timeout = written(global.scrape_timeout).unwrap_or(TIMEOUT.min(global_interval));
        let interval = written(self.scrape_interval).unwrap_or(global_interval);
        let native = self.scrape_native_histograms.or(global.scrape_native_histograms);
        let validation = self.metric_name_validation_scheme.or(global.metric_name_validation_scheme);
        let body_size_limit = if self.body_size_limit.0 == 0 { global.body_size_limit } else { self.body_size_limit };
        Self {
            scrape_interval: Some(interval),
            scrape_timeout: Some(written(self.scrape_timeout).unwrap_or(global_timeout.min(interval))),
            scrape_protocols: self.scrape_protocols.clone().or_else(|| global.scrape_protocols.clone()),
            body_size_limit,
            sample_limit: or(self.sample_limit, global.sample_limit),
            target_limit: or(self.target_limit, global.target_limit),
            label_limit: or(self.label_limit, global.label_limit),
            label_name_length_limit: or(self.label_name_length_limit, global.label_name_length_limit),
            label_value_length_limit: or(self.label_value_length_limit, global.label_value_length_limit),
            keep_dropped_targets: or(self.keep_dropped_targets, global.keep_dropped_targets),
            scrape_native_histograms: Some(native.unwrap_or(false)),
            always_scrape_classic_histograms: self
                .always_scrape_classic_histograms
                .or(Some(global.always_scrape_classic_histograms)),
            convert_classic_histograms_to_nhcb: self
                .convert_classic_histograms_to_nhcb
                .or(Some(global.convert_classic_histograms_to_nhcb)),
            extra_scrape_metrics: self.extra_scrape_metrics.or(Some(global.extra_scrape_metrics)),
            metric_name_validation_scheme: Some(validation.unwrap_or_default()),
            metric_name_escaping_scheme: Some(self.escaping(global, validation.unwrap_or_default())),
            ..self.clone()
        }
    }

    fn escaping(&self, global: &GlobalConfig, validation: NameValidation) -> NameEscaping {
        let own = self.metric_name_escaping_scheme;
        let inherited = || match self.metric_name_validation_scheme {
            None => global.metric_name_escaping_scheme,
            Some(_) => None,
        };
        own.or_else(inherited).unwrap_or(match validation {
            NameValidation::Utf8 => NameEscaping::AllowUtf8,
            NameValidation::Legacy => NameEscaping::Underscores,
        })
    }

    /// Makes relative paths of files begin at `directory`, that of the configuration's file.
    pub fn set_directory(&mut self, directory: &Path) {
        let mut join = |file: &mut PathBuf| {
            if file.is_relative() && !file.as_os_str().is_empty() {
                *file = directory.join(&file);
            }
        };
        self.for_client_files(&mut join);
        self.file_sd_configs.iter_mut().flat_map(|config| &mut config.files).for_each(&mut join);
        self.http_sd_configs.iter_mut().for_each(|config| config.for_files(&mut join));
    }
}
