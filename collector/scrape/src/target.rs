//! A target: where it is scraped, and the labels of its series.

use std::time::Duration;

use orszem_model::Labels;
use orszem_transform::LabelBuilder;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{NoDuration, PromDuration};
use crate::fetch::{Url, UrlError};
use crate::settings::Job;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const PARAM: &str = "__param_";
const META: &str = "__meta_";
const HIDDEN: &str = "__";

/// Why labels make no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("no address")]
    NoAddress,
    #[error("{0:?} is not a valid hostname")]
    Address(String),
    #[error("the URL of {address}")]
    Url {
        address: String,
        #[source]
        source: UrlError,
    },
    #[error("{label} {value:?}")]
    Duration {
        label: &'static str,
        value: String,
        #[source]
        source: NoDuration,
    },
    #[error("{0} cannot be 0")]
    Zero(&'static str),
    #[error("scrape timeout cannot be greater than scrape interval ({timeout} > {interval})")]
    Timeout { timeout: PromDuration, interval: PromDuration },
}

/// What becomes of discovered labels.
#[derive(Debug)]
pub(crate) enum Populated {
    Target(Target),
    /// A rule dropped what had these labels.
    Dropped(Labels),
}

/// Something to scrape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Before relabelling.
    pub(crate) discovered: Labels,
    /// After it, hidden ones included.
    pub(crate) all: Labels,
    /// Those that series get.
    pub(crate) labels: Labels,
    pub(crate) url: Url,
    pub(crate) interval: PromDuration,
    pub(crate) timeout: PromDuration,
}

impl Target {
    /// Makes a target of discovered labels, as `job` says.
    pub(crate) fn populate(labels: &[(String, String)], job: &Job) -> Result<Populated, TargetError> {
        let mut builder: LabelBuilder = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (interval, timeout) = (job.interval.to_string(), job.timeout.to_string());
        for (name, value) in [
            ("job", job.name()),
            (INTERVAL, &interval),
            (TIMEOUT, &timeout),
            (METRICS_PATH, job.config.metrics_path.as_deref().unwrap_or("/metrics")),
            (SCHEME, job.config.scheme.name()),
        ] {
            if builder.get(name).is_empty() {
                builder.set(name, value);
            }
        }
        for (name, values) in &job.config.params {
            if let Some(first) = values.first() {
                builder.set(&format!("{PARAM}{name}"), first);
            }
        }
        let discovered = builder.labels();
        if !job.relabel.apply(&mut builder) {
            return Ok(Populated::Dropped(discovered));
        }
        let address = builder.get(ADDRESS).to_owned();
        if address.is_empty() {
            return Err(TargetError::NoAddress);
        }
        if address.contains('/') {
            return Err(TargetError::Address(address));
        }
        let (interval, timeout) = times(&builder)?;
        builder.retain(|name| !name.starts_with(META));
        if builder.get("instance").is_empty() {
            builder.set("instance", &address);
        }
        let url = url(&builder, &address, job)?;
        let all = builder.labels();
        let labels = all.without(|name| name.starts_with(HIDDEN));
        Ok(Populated::Target(Self { discovered, all, labels, url, interval, timeout }))
    }

    /// What tells targets of a job apart.
    pub(crate) fn identity(&self) -> (Labels, String) {
        (self.all.clone(), self.url.to_string())
    }

    /// How long after `now_ns`, nanoseconds since 1970, the target's next turn is: at times that are always the same,
    /// and others for other targets and other values of `seed`.
    pub(crate) fn offset(&self, now_ns: u128, seed: u64) -> Duration {
        let interval = self.interval.duration().as_nanos().max(1);
        let hash = xxh3_64(self.labels.identity()).rotate_left(1) ^ xxh3_64(self.url.to_string().as_bytes());
        let turn = u128::from(hash ^ seed) % interval;
        let into = now_ns % interval;
        let wait = if turn >= into { turn - into } else { interval - into + turn };
        Duration::from_nanos(u64::try_from(wait).unwrap_or(0))
    }
}

fn url(labels: &LabelBuilder, address: &str, job: &Job) -> Result<Url, TargetError> {
    let mut params = job.config.params.clone();
    for (name, value) in labels.iter() {
        if let Some(param) = name.strip_prefix(PARAM) {
            let values = params.entry(param.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    Url::of_target(labels.get(SCHEME), address, labels.get(METRICS_PATH), &params)
        .map_err(|source| TargetError::Url { address: address.to_owned(), source })
}

fn times(labels: &LabelBuilder) -> Result<(PromDuration, PromDuration), TargetError> {
    let read = |label: &'static str, name: &'static str| {
        let value = labels.get(label);
        let wrong = |source| TargetError::Duration { label, value: value.to_owned(), source };
        let duration: PromDuration = value.parse().map_err(wrong)?;
        if duration.is_zero() { Err(TargetError::Zero(name)) } else { Ok(duration) }
    };
    let interval = read(INTERVAL, "scrape interval")?;
    let timeout = read(TIMEOUT, "scrape timeout")?;
    if timeout > interval { Err(TargetError::Timeout { timeout, interval }) } else { Ok((interval, timeout)) }
}

#[cfg(test)]
mod tests;
