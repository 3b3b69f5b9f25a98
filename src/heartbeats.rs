//! Heartbeats: keeps what jobs say durably, and tells it as series.
//!
//! One task owns the state. What is answered with success is in `heartbeats.state` in the data directory and survives
//! kill -9 and power loss. Every 15 seconds, and at once when a verdict changes, the series are told.

mod routes;
mod saved;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use orszem_availability::verdict::Verdict;
use orszem_indexer::samples::{SampleSubmission, Samples};
use orszem_model::Labels;
use orszem_probe::{Heartbeat, HeartbeatConfig, Held, Signal};
use orszem_series::{Rejected, labels_hash};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::access::Identity;
use crate::collecting;
use saved::Saved;

/// Signals that wait to be written; more wait at their senders.
const WAITING_MAX: usize = 1_024;
/// How often the series are told.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// A signal on its way.
struct Told {
    name: String,
    signal: Signal,
    /// Whether it is kept; `None` where no job is called so.
    done: oneshot::Sender<Option<bool>>,
}

/// A job as the API shows it. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Shown {
    name: String,
    verdict: &'static str,
    reason: String,
    /// When that changes unless the job says something.
    until_ms: Option<i64>,
    #[serde(flatten)]
    heartbeat: Heartbeat,
}

/// The way to the task that keeps heartbeats.
#[derive(Clone)]
pub(crate) struct Heartbeats {
    told: mpsc::Sender<Told>,
    configs: watch::Sender<Vec<HeartbeatConfig>>,
    shown: watch::Receiver<Vec<Shown>>,
}

/// Its task, until it is stopped.
pub(crate) struct Keeping {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

struct Keeper {
    path: PathBuf,
    samples: Samples,
    configs: Vec<HeartbeatConfig>,
    saved: Saved,
    verdicts: BTreeMap<String, Verdict>,
    shown: watch::Sender<Vec<Shown>>,
}

/// The file that keeps them.
pub(crate) fn file(data_dir: &Path) -> PathBuf {
    saved::path(data_dir)
}

impl Heartbeats {
    /// Goes on where the last run ended. Blocks on the disk; must be called within a tokio runtime.
    pub(crate) fn start(
        configs: Vec<HeartbeatConfig>,
        data_dir: &Path,
        samples: Samples,
    ) -> anyhow::Result<(Self, Keeping)> {
        let (saved, path) = (saved::load(data_dir).context("can't go on with heartbeats")?, saved::path(data_dir));
        let (told, receiver) = mpsc::channel(WAITING_MAX);
        let (shown_sender, shown) = watch::channel(Vec::new());
        let (config_sender, config_receiver) = watch::channel(configs.clone());
        let mut keeper =
            Keeper { path, samples, configs: Vec::new(), saved, verdicts: BTreeMap::new(), shown: shown_sender };
        let now = now_ms();
        keeper.resume(&configs, now);
        keeper.configure(configs, now);
        let stop = CancellationToken::new();
        let task = tokio::spawn(keeper.run(receiver, config_receiver, stop.clone()));
        Ok((Self { told, configs: config_sender, shown }, Keeping { task, stop }))
    }

    /// Expects these jobs and no others; those of the same name go on.
    pub(crate) fn replace(&self, configs: Vec<HeartbeatConfig>) {
        self.configs.send_replace(configs);
    }

    /// The routes; each request needs an [`Identity`] in its extensions.
    pub(crate) fn routes(&self) -> Router {
        routes::router(self.clone())
    }

    /// Has a signal kept durably: whether it is; `None` where no job is called so.
    async fn tell(&self, name: String, signal: Signal) -> Option<bool> {
        let (done, answer) = oneshot::channel();
        if self.told.send(Told { name, signal, done }).await.is_err() {
            return Some(false);
        }
        answer.await.unwrap_or(Some(false))
    }
}

impl Keeping {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!(%error, "keeping heartbeats ended badly");
        }
    }
}

impl Keeper {
    async fn run(
        mut self,
        mut told: mpsc::Receiver<Told>,
        mut configs: watch::Receiver<Vec<HeartbeatConfig>>,
        stop: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(TELL_EVERY);
        loop {
            let mut waiting = Vec::new();
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = configs.changed() => {
                    let fresh = configs.borrow_and_update().clone();
                    self.configure(fresh, now_ms());
                    self.save(now_ms()).await;
                }
                count = told.recv_many(&mut waiting, WAITING_MAX) => {
                    if count == 0 {
                        break;
                    }
                    self.take(waiting).await;
                    // Only what changes is told before its time.
                    if !self.judge(now_ms()) {
                        continue;
                    }
                }
                _ = ticks.tick() => {
                    if self.configs.is_empty() {
                        continue;
                    }
                    self.save(now_ms()).await;
                }
                () = tokio::time::sleep(self.until_change(now_ms())) => {}
            }
            let now = now_ms();
            self.judge(now);
            self.submit(now).await;
        }
        self.save(now_ms()).await;
    }

    /// What was down before stays so; nobody is held to what they may have said while nobody listened.
    fn resume(&mut self, configs: &[HeartbeatConfig], now: i64) {
        let seen = self.saved.seen;
        for config in configs {
            if let Some(heartbeat) = self.saved.heartbeats.get_mut(&config.name) {
                heartbeat.resume(config, seen, now);
            }
        }
    }

    fn configure(&mut self, configs: Vec<HeartbeatConfig>, now: i64) {
        self.saved.heartbeats.retain(|name, _| configs.iter().any(|config| config.name == *name));
        self.verdicts.retain(|name, _| configs.iter().any(|config| config.name == *name));
        for config in &configs {
            self.saved.heartbeats.entry(config.name.clone()).or_insert_with(|| Heartbeat::new(now));
        }
        self.configs = configs;
        self.judge(now);
    }

    /// Applies the signals, writes the file once, and answers all.
    async fn take(&mut self, waiting: Vec<Told>) {
        let now = now_ms();
        let mut known = Vec::new();
        for Told { name, signal, done } in waiting {
            match self.saved.heartbeats.get_mut(&name) {
                Some(heartbeat) => {
                    heartbeat.take(signal, now);
                    known.push(done);
                }
                None => answer(done, None),
            }
        }
        if !known.is_empty() {
            let is_kept = self.save(now).await;
            known.into_iter().for_each(|done| answer(done, Some(is_kept)));
        }
    }

    /// Whether the state is durable.
    async fn save(&mut self, now: i64) -> bool {
        self.saved.seen = now;
        let (path, saved) = (self.path.clone(), self.saved.clone());
        match tokio::task::spawn_blocking(move || saved::save(&path, &saved)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                error!(error = crate::cli::chain(&error), "heartbeats are not kept; who sent them was told");
                false
            }
            Err(error) => {
                error!(%error, "writing heartbeats ended badly");
                false
            }
        }
    }

    /// Whether a verdict is another one than before.
    fn judge(&mut self, now: i64) -> bool {
        let mut is_other = false;
        let mut all = Vec::with_capacity(self.configs.len());
        for config in &self.configs {
            let Some(heartbeat) = self.saved.heartbeats.get(&config.name) else { continue };
            let Held { verdict, reason, until } = heartbeat.held(config, now);
            let before = self.verdicts.insert(config.name.clone(), verdict);
            is_other |= before != Some(verdict);
            let name = config.name.as_str();
            match (before, verdict) {
                (Some(Verdict::Down), Verdict::Up) => info!(heartbeat = name, "a job is up again"),
                (before, Verdict::Down) if before != Some(Verdict::Down) => {
                    warn!(heartbeat = name, reason, "a job is down");
                }
                _ => {}
            }
            let (name, verdict) = (config.name.clone(), verdict.as_str());
            all.push(Shown { name, verdict, reason, until_ms: until, heartbeat: *heartbeat });
        }
        self.shown.send_replace(all);
        is_other
    }

    /// Until a verdict changes if nobody says anything.
    fn until_change(&self, now: i64) -> Duration {
        let next = self.shown.borrow().iter().filter_map(|shown| shown.until_ms).min();
        let left = next.map_or(i64::MAX, |next| next.saturating_sub(now).saturating_add(1).max(1));
        Duration::from_millis(u64::try_from(left).unwrap_or(1)).min(Duration::from_secs(3600))
    }

    /// Tells the series of all jobs.
    async fn submit(&self, now: i64) {
        let tenant = Identity::local().tenant;
        let mut builder = self.samples.store().batch(tenant);
        let mut is_empty = true;
        for config in &self.configs {
            let Some(heartbeat) = self.saved.heartbeats.get(&config.name) else { continue };
            let verdict = heartbeat.held(config, now).verdict;
            for (name, value) in samples(heartbeat, verdict) {
                let labels = labels(name, config);
                let key = u128::from(labels_hash(&labels));
                match builder.series(key, || Ok::<_, Rejected>(labels)) {
                    Ok(series) => builder.sample(series, now, value),
                    Err(error) => warn!(heartbeat = config.name, ?error, "a series of a heartbeat is refused"),
                }
                is_empty = false;
            }
        }
        if is_empty {
            return;
        }
        let batch = builder.finish();
        let frames = batch.encode();
        let submission = SampleSubmission { tenant, identity: None, idempotency_key: None, batch, frames };
        if let Err(error) = self.samples.submit(submission).await {
            warn!(?error, "the series of heartbeats are not kept; they are told again soon");
        }
    }
}

fn samples(heartbeat: &Heartbeat, verdict: Verdict) -> Vec<(&'static str, f64)> {
    let mut all = vec![("probe_verdict", f64::from(verdict.number()))];
    if verdict != Verdict::Unknown {
        all.push(("probe_success", f64::from(u8::from(verdict == Verdict::Up))));
    }
    if let Some(at) = heartbeat.succeeded {
        all.push(("probe_heartbeat_last_success_timestamp_seconds", at as f64 / 1e3));
    }
    if let Some(took) = heartbeat.took {
        all.push(("probe_heartbeat_run_seconds", took as f64 / 1e3));
    }
    all
}

fn labels(name: &str, config: &HeartbeatConfig) -> Labels {
    let own = [("__name__", name), ("job", "probe"), ("probe", &config.name), ("instance", "heartbeat")];
    let more = config.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Labels::new(own.into_iter().chain(more.filter(|(_, value)| !value.is_empty())).collect::<Vec<_>>())
}

fn answer(done: oneshot::Sender<Option<bool>>, told: Option<bool>) {
    if done.send(told).is_err() {
        tracing::debug!("who sent a heartbeat does not wait for the answer");
    }
}

fn now_ms() -> i64 {
    collecting::now().0 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_say_what_is_known() {
        let heartbeat = Heartbeat { succeeded: Some(1_500), took: Some(250), ..Heartbeat::default() };
        let expected = [
            ("probe_verdict", 4.0),
            ("probe_success", 0.0),
            ("probe_heartbeat_last_success_timestamp_seconds", 1.5),
            ("probe_heartbeat_run_seconds", 0.25),
        ];
        assert_eq!(samples(&heartbeat, Verdict::Down), expected);
        assert_eq!(samples(&Heartbeat::default(), Verdict::Unknown), [("probe_verdict", 0.0)]);
        let config = HeartbeatConfig {
            name: "a".into(),
            labels: BTreeMap::from([("team".into(), "x".into())]),
            ..HeartbeatConfig::default()
        };
        let expected = [("__name__", "up"), ("instance", "heartbeat"), ("job", "probe"), ("probe", "a"), ("team", "x")];
        assert_eq!(labels("up", &config), Labels::from(expected));
    }
}
