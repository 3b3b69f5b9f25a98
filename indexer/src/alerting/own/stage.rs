//! One round after another: read what was applied, evaluate, tell the engine, save.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orszem_alerting::{AlertKey, Input, Maintenance, State as AlertState};
use orszem_model::{Fact, Timestamp};
use orszem_rules::own::{Events, Logs, OwnRules, Thresholds};
use tokio::sync::Notify;

use super::super::{AlertingHandle, INPUTS_MAX};
use super::feed::{self, Readers};
use super::saved::{self, State};
use super::{OwnMetrics, OwnParts, SUBSCRIBER, warm};
use crate::error::{Error, chain};
use crate::maintenance;
use crate::samples::Samples;
use crate::subscribers::Subscriber;
use crate::wake::lock;

/// Groups of the journal that are looked at in one round.
const GROUPS_MAX: usize = 64;
/// How often the state is saved; the journal is kept from there on.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// Alerts that were known before a start and whose series do not come back for so long are over.
const WAIT_FOR_SERIES: Duration = Duration::from_secs(600);

/// The evaluators between two rounds.
pub(super) struct Stage {
    data_dir: PathBuf,
    tenant: u32,
    samples: Samples,
    handle: AlertingHandle,
    subscriber: Subscriber,
    thresholds: Arc<Mutex<Thresholds>>,
    /// Told when thresholds have something to tell.
    wake: Arc<Notify>,
    logs: Logs,
    events: Events,
    /// Facts that the engine was not told yet.
    facts: Vec<Fact>,
    /// Not taken by the engine yet, oldest first.
    pending: Vec<Input>,
    /// What is in the journal up to here was looked at before: nothing of it is told by itself.
    caught_up: bool,
    saved_at: Instant,
    /// Up to where the last state that was saved has read.
    saved: Option<u64>,
    started: Instant,
    metrics: OwnMetrics,
}

impl Stage {
    pub(super) fn open(parts: OwnParts<'_>, metrics: OwnMetrics) -> Result<Self, Error> {
        let OwnParts { data_dir, tenant, rules, indexer, samples, handle } = parts;
        let now = maintenance::now();
        let loaded = saved::load(data_dir)?;
        let subscriber =
            Subscriber::open(indexer.shared(), SUBSCRIBER)?.from(loaded.as_ref().map(|state| state.position));
        let OwnRules { thresholds, logs, events } = rules;
        let mut thresholds = Thresholds::new(thresholds, now);
        let (mut logs, mut events) = (Logs::new(logs, now), Events::new(events));
        if let Some(state) = &loaded {
            let are_taken =
                [thresholds.restore(&state.thresholds), logs.restore(&state.logs), events.restore(&state.events)];
            if are_taken.contains(&false) {
                tracing::error!("a part of the state of own rules is of another version; it begins anew");
            }
        }
        let stage = Self {
            data_dir: data_dir.to_owned(),
            tenant,
            samples,
            handle,
            subscriber,
            thresholds: Arc::new(Mutex::new(Thresholds::default())),
            wake: Arc::new(Notify::new()),
            logs,
            events,
            facts: Vec::new(),
            pending: Vec::new(),
            caught_up: false,
            saved_at: Instant::now(),
            saved: loaded.as_ref().map(|state| state.position),
            started: Instant::now(),
            metrics,
        };
        stage.watch(thresholds, loaded.map(|state| state.at), now);
        Ok(stage)
    }

    /// Lets thresholds know what the store has, and from then on each sample as it is applied: between the two, none is.
    /// Where there are none, nobody looks at samples.
    fn watch(&self, mut thresholds: Thresholds, since: Option<Timestamp>, now: Timestamp) {
        if thresholds.rules().is_empty() {
            *lock(&self.thresholds) = thresholds;
            return;
        }
        let source = self.samples.source(self.tenant);
        let failed = |error: orszem_promql::SourceError| {
            self.metrics.failures.inc();
            tracing::error!(error = %error.message, "thresholds begin without a part of what the store has");
        };
        // Most of it while samples are taken in, the rest, which is little, while they wait.
        warm::warm(&mut thresholds, &source, since, now).unwrap_or_else(failed);
        let (shared, wake, tenant) = (Arc::clone(&self.thresholds), Arc::clone(&self.wake), self.tenant);
        let watch = Box::new(move |store: &orszem_series::SeriesStore, batches: &[orszem_series::Batch]| {
            let mut thresholds = lock(&shared);
            let now = maintenance::now();
            for batch in batches.iter().filter(|batch| batch.tenant() == tenant) {
                feed::samples(&mut thresholds, store, batch, now);
            }
            if thresholds.has_told() {
                wake.notify_one();
            }
        });
        self.samples.watch(Some(watch), || {
            let source = self.samples.source(self.tenant);
            warm::catch_up(&mut thresholds, &source, now, maintenance::now()).unwrap_or_else(failed);
            *lock(&self.thresholds) = thresholds;
        });
    }

    /// Reads on, evaluates, and saves when it is time. Answers whether more is to be read at once. Blocks on the disk.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        if !self.pending.is_empty() {
            return Ok(false);
        }
        let now = maintenance::now();
        for _ in 0..GROUPS_MAX {
            let Some(group) = self.subscriber.try_next()? else {
                self.tick(now);
                if self.caught_up && self.saved_at.elapsed() >= SAVE_EVERY && self.has_changed() {
                    self.save()?;
                }
                return Ok(false);
            };
            for (position, payload) in &group.batches {
                let Self { tenant, logs, events, facts, .. } = self;
                let mut readers = Readers { tenant: *tenant, logs, events, facts };
                if !feed::records(&mut readers, *position, payload, now) {
                    self.metrics.undecodable.inc();
                }
            }
        }
        Ok(true)
    }

    fn tick(&mut self, now: Timestamp) {
        self.handle.own_looked_at.store(now.0, Ordering::Relaxed);
        self.logs.tick(now);
        self.events.tick(now);
        let mut thresholds = lock(&self.thresholds);
        thresholds.tick(now);
        if self.started.elapsed() >= WAIT_FOR_SERIES {
            thresholds.give_up_waiting(now);
        }
        let (watched, overlooked) = thresholds.counts();
        drop(thresholds);
        let overlooked = overlooked + self.logs.overlooked() + self.events.overlooked();
        self.metrics.watched.set(i64::try_from(watched).unwrap_or(i64::MAX));
        self.metrics.overlooked.set(i64::try_from(overlooked).unwrap_or(i64::MAX));
        self.metrics.lag_bytes.set(i64::try_from(self.subscriber.behind()).unwrap_or(i64::MAX));
    }

    /// Tells the engine what there is. What it has taken is durable.
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        if !self.caught_up {
            self.reconcile().await?;
        }
        if self.pending.is_empty() {
            self.pending = lock(&self.thresholds).drain();
            self.pending.append(&mut self.logs.drain());
            self.pending.append(&mut self.events.drain());
            // After what begins an incident, so that they are in its timeline.
            self.pending.extend(self.facts.drain(..).map(Input::Fact));
        }
        while !self.pending.is_empty() {
            let count = self.pending.len().min(INPUTS_MAX);
            let inputs: Vec<Input> = self.pending.iter().take(count).cloned().collect();
            let refused = self.handle.submit(inputs).await?;
            for refusal in refused.into_iter().flatten() {
                self.metrics.failures.inc();
                tracing::warn!(%refusal, "the engine of alerts did not take what an own rule told");
            }
            self.pending.drain(..count);
            self.metrics.told.inc_by(count as u64);
        }
        Ok(())
    }

    /// What came before the start was told then, or was lost: only what differs from what the engine knows is told.
    async fn reconcile(&mut self) -> Result<(), Error> {
        let names: Vec<String> = self.names();
        let known = self.handle.read(move |engine, _| {
            let own = engine.alerts().filter(|alert| names.contains(&alert.key.rule));
            own.map(|alert| (alert.key.clone(), alert.state)).collect::<Vec<(AlertKey, AlertState)>>()
        });
        let known = known.await?;
        let now = maintenance::now();
        let mut thresholds = lock(&self.thresholds);
        thresholds.drain();
        thresholds.reconcile(&known, now);
        drop(thresholds);
        self.logs.drain();
        self.logs.reconcile(&known, now);
        self.events.drain();
        self.events.reconcile(&known, now);
        // Windows may not have been told of; they are the same ones when they were.
        self.facts.retain(|fact| Maintenance::is_told_by(fact.kind));
        self.caught_up = true;
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        let thresholds = lock(&self.thresholds);
        let names = thresholds.rules().iter().map(|rule| &rule.about);
        let names = names.chain(self.logs.rules().map(|rule| &rule.about));
        names.chain(self.events.rules().map(|rule| &rule.about)).map(|about| about.name.clone()).collect()
    }

    /// Puts other rules in force.
    pub(super) fn replace(&mut self, rules: OwnRules) {
        let now = maintenance::now();
        let OwnRules { thresholds, logs, events } = rules;
        let (mut new_logs, mut new_events) = (Logs::new(logs, now), Events::new(events));
        // What they encode they can read.
        new_logs.restore(&self.logs.encode());
        new_events.restore(&self.events.encode());
        (self.logs, self.events) = (new_logs, new_events);
        let mut new = Thresholds::new(thresholds, now);
        new.restore(&lock(&self.thresholds).encode());
        self.samples.watch(None, || {});
        self.watch(new, Some(now), now);
        (self.caught_up, self.started) = (false, Instant::now());
    }

    /// Whether there may be more to save than was: thresholds know more all the time, the rest when it has read on.
    fn has_changed(&self) -> bool {
        self.saved != Some(self.subscriber.position()) || !lock(&self.thresholds).rules().is_empty()
    }

    fn save(&mut self) -> Result<(), Error> {
        let position = self.subscriber.position();
        let state = State {
            position,
            at: maintenance::now(),
            thresholds: lock(&self.thresholds).encode(),
            logs: self.logs.encode(),
            events: self.events.encode(),
        };
        saved::save(&self.data_dir, &state)?;
        (self.saved, self.saved_at) = (Some(position), Instant::now());
        self.subscriber.commit(position)
    }

    /// Saves for the last time. What is not told yet is found different by the next start.
    pub(super) fn end(&mut self) {
        self.samples.watch(None, || {});
        if let Err(error) = self.save() {
            tracing::warn!(error = %chain(&error), "the state of own rules was not saved; the next start reads on from before");
        }
    }

    pub(super) fn failed(&self, error: &Error) {
        self.metrics.failures.inc();
        tracing::error!(error = %chain(error), "own rules are late: they are tried again");
    }

    /// Told when a threshold has something to tell.
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Waits until more has been applied.
    pub(super) async fn changed(&mut self) -> Result<(), Error> {
        self.subscriber.changed().await
    }
}
