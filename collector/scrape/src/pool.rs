//! One job: its targets as they come and go, a loop for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use orszem_model::{Labels, STALE};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::counters::add;
use crate::discovery::{Discovery, Group};
use crate::error::chain;
use crate::output::Scraped;
use crate::settings::Job;
use crate::shared::{Shared, millis};
use crate::status::{DroppedTarget, OutcomeCell, TargetStatus};
use crate::target::{Populated, Target};
use crate::target_loop::TargetLoop;

/// After a reload, series of targets that are not found again end no later than this.
const FOUND_AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// New settings for a job that runs.
#[derive(Debug)]
pub(crate) struct Reconfigure {
    pub(crate) job: Arc<Job>,
    pub(crate) external: Labels,
    pub(crate) done: oneshot::Sender<()>,
}

/// What others see of a job.
#[derive(Debug, Default)]
pub(crate) struct View(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    active: Vec<(Arc<Target>, Labels, Arc<OutcomeCell>)>,
    dropped: Vec<Labels>,
    dropped_count: u64,
}

impl View {
    pub(crate) fn active(&self, pool: &Arc<str>) -> Vec<TargetStatus> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |(target, discovered, outcome): &(Arc<Target>, Labels, Arc<OutcomeCell>)| {
            TargetStatus::new(pool, target, discovered, outcome.get())
        };
        let mut active: Vec<_> = seen.active.iter().map(status).collect();
        active.sort_by(|a, b| a.url.cmp(&b.url));
        active
    }

    /// Those that were kept, and how many there are.
    pub(crate) fn dropped(&self, pool: &Arc<str>) -> (Vec<DroppedTarget>, u64) {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = seen.dropped.iter().cloned();
        let dropped = dropped.map(|discovered_labels| DroppedTarget { pool: Arc::clone(pool), discovered_labels });
        (dropped.collect(), seen.dropped_count)
    }
}

struct Active {
    target: Arc<Target>,
    discovered: Labels,
    outcome: Arc<OutcomeCell>,
    cancel: CancellationToken,
    task: JoinHandle<Vec<Labels>>,
}

/// What a loop leaves to the one that follows it.
#[derive(Default)]
struct Inherited {
    live: Vec<Labels>,
    outcome: Arc<OutcomeCell>,
}

/// The task of a job.
pub(crate) struct Pool {
    job: Arc<Job>,
    external: Labels,
    shared: Arc<Shared>,
    view: Arc<View>,
    discovery: Discovery,
    known: BTreeMap<usize, Vec<Group>>,
    active: BTreeMap<(Labels, String), Active>,
    /// Open series of targets as they were before a reload, by labels and URL.
    inherited: BTreeMap<(Labels, String), Inherited>,
    found_again_by: Option<Instant>,
    limit: watch::Sender<Option<(u64, u64)>>,
}

impl Pool {
    pub(crate) fn new(job: Arc<Job>, external: Labels, shared: Arc<Shared>, view: Arc<View>) -> Self {
        Self {
            discovery: Discovery::start(&job, &shared),
            job,
            external,
            shared,
            view,
            known: BTreeMap::new(),
            active: BTreeMap::new(),
            inherited: BTreeMap::new(),
            found_again_by: None,
            limit: watch::Sender::new(None),
        }
    }

    /// Runs until `cancel`; all series have ended then.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Reconfigure>, cancel: CancellationToken) {
        loop {
            let found_again_by = self.found_again_by.unwrap_or_else(|| Instant::now() + FOUND_AGAIN_WITHIN);
            tokio::select! {
                Some(update) = self.discovery.updates.recv() => {
                    self.known.insert(update.provider, update.groups);
                    self.sync().await;
                }
                Some(command) = commands.recv() => self.reconfigure(command).await,
                () = sleep_until(found_again_by), if self.found_again_by.is_some() => self.end_inherited().await,
                () = cancel.cancelled() => break,
            }
        }
        for active in self.active.values() {
            active.cancel.cancel();
        }
        for (_, active) in std::mem::take(&mut self.active) {
            let live = self.stop(active).await;
            self.end(live).await;
        }
        self.end_inherited().await;
    }

    /// Replaces the settings. Loops begin anew; what they know to be open is handed to those that follow them.
    async fn reconfigure(&mut self, command: Reconfigure) {
        let Reconfigure { job, external, done } = command;
        for active in self.active.values() {
            active.cancel.cancel();
        }
        for (_, active) in std::mem::take(&mut self.active) {
            let key = (active.target.labels.clone(), active.target.url.to_string());
            let outcome = Arc::clone(&active.outcome);
            let live = self.stop(active).await;
            self.inherited.insert(key, Inherited { live, outcome });
        }
        self.discovery = Discovery::start(&job, &self.shared);
        self.known.clear();
        self.job = job;
        self.external = external;
        self.found_again_by = Some(Instant::now() + FOUND_AGAIN_WITHIN);
        if done.send(()).is_err() {
            tracing::debug!(job = self.job.name(), "nobody waits for the reload any more");
        }
    }

    /// Starts and stops loops, so that there is one for each target that is known now.
    async fn sync(&mut self) {
        let mut seen = Seen::default();
        let mut found: BTreeSet<(Labels, String)> = BTreeSet::new();
        let mut fresh: Vec<Target> = Vec::new();
        for labels in self.known.values().flatten().flat_map(Group::each) {
            match Target::populate(&labels, &self.job) {
                Ok(Populated::Target(target)) => {
                    if !found.insert(target.identity()) {
                        continue;
                    }
                    match self.active.get_mut(&target.identity()) {
                        Some(active) => active.discovered = target.discovered,
                        None => fresh.push(target),
                    }
                }
                Ok(Populated::Dropped(labels)) => {
                    let keep = self.job.config.keep_dropped_targets;
                    seen.dropped_count += 1;
                    if keep == 0 || (seen.dropped.len() as u64) < keep {
                        seen.dropped.push(labels);
                    }
                }
                Err(error) => {
                    add(&self.shared.counters.invalid_targets, 1);
                    tracing::error!(job = self.job.name(), error = chain(&error), ?labels, "no target can be made");
                }
            }
        }
        let (count, limit) = (found.len() as u64, self.job.config.target_limit);
        self.limit.send_replace((limit > 0 && count > limit).then_some((count, limit)));
        let gone: Vec<_> = self.active.keys().filter(|key| !found.contains(*key)).cloned().collect();
        let gone: Vec<Active> = gone.iter().filter_map(|key| self.active.remove(key)).collect();
        gone.iter().for_each(|active| active.cancel.cancel());
        for active in gone {
            let live = self.stop(active).await;
            self.end(live).await;
        }
        fresh.into_iter().for_each(|target| self.start(target));
        let shown =
            |active: &Active| (Arc::clone(&active.target), active.discovered.clone(), Arc::clone(&active.outcome));
        seen.active = self.active.values().map(shown).collect();
        *self.view.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        if self.known.len() == self.discovery.providers {
            self.end_inherited().await;
        }
    }

    fn start(&mut self, target: Target) {
        let key = (target.labels.clone(), target.url.to_string());
        let inherited = self.inherited.remove(&key).unwrap_or_default();
        let (identity, discovered) = (target.identity(), target.discovered.clone());
        let Inherited { live, outcome } = inherited;
        let (target, cancel, limit) = (Arc::new(target), CancellationToken::new(), self.limit.subscribe());
        let scraping = TargetLoop::new(&self.job, &target, &self.external, live, &self.shared, &outcome, limit);
        let task = tokio::spawn(scraping.run(cancel.clone()));
        self.active.insert(identity, Active { target, discovered, outcome, cancel, task });
    }

    /// Stops a loop; gives its open series.
    async fn stop(&self, active: Active) -> Vec<Labels> {
        active.cancel.cancel();
        active.task.await.unwrap_or_else(|error| {
            tracing::error!(url = %active.target.url, %error, "a target's loop ended badly; its series stay open");
            Vec::new()
        })
    }

    /// Hands on stale markers.
    async fn end(&self, live: Vec<Labels>) {
        if !live.is_empty() {
            let now = millis(SystemTime::now());
            let samples = live.into_iter().map(|labels| (labels, now, STALE)).collect();
            self.shared.send_last(Scraped { samples, ..Scraped::default() }).await;
        }
    }

    async fn end_inherited(&mut self) {
        self.found_again_by = None;
        let left: Vec<Labels> = std::mem::take(&mut self.inherited).into_values().flat_map(|left| left.live).collect();
        self.end(left).await;
    }
}
