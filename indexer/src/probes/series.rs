//! Verdicts as series, so that rules and graphs see them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orszem_availability::verdict::Verdict;
use orszem_model::{Labels, METRIC_NAME, STALE};
use orszem_series::Rejected;
use tokio::sync::mpsc;

use super::known::{Known, Target, TargetKey};
use super::metrics::ProbesMetrics;
use crate::error::chain;
use crate::samples::{SampleSubmission, Samples};

/// Samples that wait to be stored; when there are more, what is newest is left out, and told again in time.
pub(super) const WAITING_MAX: usize = 64;
/// Samples of one submission.
const SAMPLES_MAX: usize = 10_000;
/// Series of targets and collectors of which nothing was heard for so long end, in milliseconds.
const SILENT: i64 = 600_000;

/// One sample: the tenant, the series, milliseconds since 1970, the value.
pub(super) type Sample = (u32, Labels, i64, f64);

/// Which series are there, so that they can be ended.
#[derive(Debug, Default)]
pub(super) struct Shown(BTreeSet<(u32, Labels)>);

impl Shown {
    /// The samples of some targets.
    pub(super) fn of_targets<'t>(
        &mut self,
        known: &Known,
        targets: impl Iterator<Item = &'t TargetKey>,
        now: i64,
    ) -> Vec<Sample> {
        let found = targets.filter_map(|key| Some((key, known.targets.get(key)?)));
        let found = found.filter(|(_, target)| !is_silent(target, now));
        let samples: Vec<Sample> = found.flat_map(|(key, target)| of_target(known, key, target, now)).collect();
        self.0.extend(samples.iter().map(|(tenant, labels, ..)| (*tenant, labels.clone())));
        samples
    }

    /// The samples of everything, and the ends of what is silent.
    pub(super) fn all(&mut self, known: &Known, now: i64) -> Vec<Sample> {
        let before = std::mem::take(&mut self.0);
        let mut samples = self.of_targets(known, known.targets.keys(), now);
        for (key, collector) in &known.collectors {
            if now.saturating_sub(collector.seen_at) < SILENT {
                let labels = Labels::from([(METRIC_NAME, "probe_collector_isolated"), ("collector", key.1.as_str())]);
                self.0.insert((key.0, labels.clone()));
                samples.push((key.0, labels, now, f64::from(u8::from(known.isolated(key).is_some()))));
            }
        }
        let ended = before.into_iter().filter(|series| !self.0.contains(series));
        samples.extend(ended.map(|(tenant, labels)| (tenant, labels, now, STALE)));
        samples
    }
}

fn is_silent(target: &Target, now: i64) -> bool {
    target.watch.verdict == Verdict::Unknown && now.saturating_sub(target.voted_at) >= SILENT
}

fn of_target(known: &Known, key: &TargetKey, target: &Target, now: i64) -> [Sample; 2] {
    let labels = |name| {
        let mut pairs: BTreeMap<&str, &str> =
            target.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        pairs.extend([("job", "probe"), ("probe", &key.probe), ("instance", &key.instance), (METRIC_NAME, name)]);
        Labels::new(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
    };
    let dissent = known.dissent(key, target) as f64;
    [
        (key.tenant, labels("probe_verdict"), now, f64::from(target.watch.verdict.number())),
        (key.tenant, labels("probe_dissent"), now, dissent),
    ]
}

/// Stores samples until nobody has any.
pub(super) async fn store(samples: Samples, metrics: Arc<ProbesMetrics>, mut waiting: mpsc::Receiver<Vec<Sample>>) {
    while let Some(batch) = waiting.recv().await {
        let mut by_tenant: BTreeMap<u32, Vec<Sample>> = BTreeMap::new();
        for sample in batch {
            by_tenant.entry(sample.0).or_default().push(sample);
        }
        for (tenant, all) in by_tenant {
            for some in all.chunks(SAMPLES_MAX) {
                let unwritten = keep(&samples, tenant, some).await;
                metrics.unwritten_samples.inc_by(unwritten);
            }
        }
    }
}

/// How many were not stored.
async fn keep(samples: &Samples, tenant: u32, some: &[Sample]) -> u64 {
    let mut builder = samples.store().batch(tenant);
    let mut rejected = 0;
    for (_, labels, time, value) in some {
        let mut named = b"probes\0".to_vec();
        named.extend_from_slice(labels.identity());
        let key = xxhash_rust::xxh3::xxh3_128(&named);
        match builder.series::<Rejected>(key, || Ok(labels.clone())) {
            Ok(series) => builder.sample(series, *time, *value),
            Err(_) => rejected += 1,
        }
    }
    let batch = builder.finish();
    let frames = batch.encode();
    let submission = SampleSubmission { tenant, identity: None, idempotency_key: None, batch, frames };
    match samples.submit(submission).await {
        Ok(_) => rejected,
        Err(error) => {
            tracing::warn!(error = %chain(&error), samples = some.len(), "verdicts were not stored as samples");
            some.len() as u64
        }
    }
}
