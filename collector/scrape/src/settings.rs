//! The configuration as the scraper uses it: globals filled in, rules compiled, all of it valid.

use std::collections::HashMap;
use std::sync::Arc;

use orszem_exposition::{Classic, Format, SCRAPE_PROTOCOLS, ScrapeProtocol, accept};
use orszem_model::Labels;
use orszem_transform::{NameValidation, Relabel, Wrong};

use crate::config::{GlobalConfig, NameEscaping, PromDuration, ScrapeConfig, validate};

/// What to scrape, and how.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub(crate) jobs: Vec<Arc<Job>>,
    pub(crate) external_labels: Labels,
}

impl Settings {
    /// Checks and compiles; `key` is where the jobs stand in the configuration, such as `scrape`.
    ///
    /// # Errors
    /// All that is wrong, with keys such as `scrape[2].relabel_configs[0].regex`.
    pub fn new(global: &GlobalConfig, jobs: &[ScrapeConfig], key: &str) -> Result<Self, Vec<Wrong>> {
        let keyed: Vec<_> = jobs.iter().enumerate().map(|(at, job)| (format!("{key}[{at}]"), job.clone())).collect();
        Self::with_keys(global, "global", &keyed)
    }

    pub(crate) fn with_keys(
        global: &GlobalConfig,
        global_key: &str,
        configs: &[(String, ScrapeConfig)],
    ) -> Result<Self, Vec<Wrong>> {
        let mut wrongs = Vec::new();
        validate::global(global, global_key, &mut wrongs);
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut jobs = Vec::with_capacity(configs.len());
        for (key, config) in configs {
            if let Some(first) = names.insert(&config.job_name, key).filter(|_| !config.job_name.is_empty()) {
                let wrong = format!("is the name of {first} already");
                wrongs.push(Wrong::new(format!("{key}.job_name"), &config.job_name, wrong, "rename one of the two"));
            }
            jobs.push(Arc::new(Job::new(config.with_globals(global), key, &mut wrongs)));
        }
        let external_labels = Labels::new(global.external_labels.iter().collect());
        if wrongs.is_empty() { Ok(Self { jobs, external_labels }) } else { Err(wrongs) }
    }

    /// The names of the jobs, in the order of the configuration.
    pub fn job_names(&self) -> impl Iterator<Item = &str> {
        self.jobs.iter().map(|job| job.config.job_name.as_str())
    }
}

/// A job with all defaults filled in.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) config: ScrapeConfig,
    pub(crate) interval: PromDuration,
    pub(crate) timeout: PromDuration,
    pub(crate) accept: String,
    pub(crate) fallback: Option<Format>,
    pub(crate) classic: Classic,
    pub(crate) names: NameValidation,
    pub(crate) relabel: Relabel,
    pub(crate) metric_relabel: Relabel,
}

impl Job {
    fn new(config: ScrapeConfig, key: &str, wrongs: &mut Vec<Wrong>) -> Self {
        validate::job(&config, key, wrongs);
        let names = config.metric_name_validation_scheme.unwrap_or_default();
        let relabel = Relabel::new(&config.relabel_configs, names, &format!("{key}.relabel_configs"), wrongs);
        let metric_key = format!("{key}.metric_relabel_configs");
        let metric_relabel = Relabel::new(&config.metric_relabel_configs, names, &metric_key, wrongs);
        let takes_native = config.scrape_native_histograms == Some(true);
        let mut protocols: Vec<ScrapeProtocol> = match &config.scrape_protocols {
            Some(protocols) => protocols.iter().copied().map(ScrapeProtocol::from).collect(),
            None => SCRAPE_PROTOCOLS.to_vec(),
        };
        if takes_native && config.scrape_protocols.is_none() {
            protocols.insert(0, ScrapeProtocol::PrometheusProto);
        }
        let escaping = config.metric_name_escaping_scheme.unwrap_or(NameEscaping::AllowUtf8);
        Self {
            interval: config.scrape_interval.unwrap_or_default(),
            timeout: config.scrape_timeout.unwrap_or_default(),
            accept: accept(&protocols, escaping.into()),
            fallback: config.fallback_scrape_protocol.map(|protocol| ScrapeProtocol::from(protocol).format()),
            classic: match (takes_native, config.always_scrape_classic_histograms) {
                (false, _) => Classic::Only,
                (true, Some(true)) => Classic::Always,
                (true, _) => Classic::Unless,
            },
            names,
            relabel,
            metric_relabel,
            config,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.job_name
    }
}
