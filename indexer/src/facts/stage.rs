//! One round after another: read what was applied, conclude, save, submit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_facts::Facts;
use orszem_model::{Fact, Timestamp};

use super::edges::EdgeWatch;
use super::feed::feed;
use super::metrics::FactMetrics;
use super::saved::{self, Pending, State};
use super::{SERVICE, record};
use crate::error::Error;
use crate::indexer::Indexer;
use crate::ingest::http::SubmitError;
use crate::shared::Shared;
use crate::subscribers::Subscriber;
use crate::wake::lock;

/// Clusters of all tenants together; what further ones report is counted as ignored.
pub const CLUSTERS_MAX: usize = 256;
/// Reporters of one cluster whose signs of life are looked at.
const HOSTS_MAX: usize = orszem_facts::NODES_MAX;
/// Groups of the journal that are looked at in one round.
const GROUPS_MAX: usize = 64;
/// Facts of one round after which it ends early.
const FACTS_MAX: usize = 1_024;
/// Facts that are submitted together.
const BATCH_FACTS_MAX: usize = 64;
/// How often the state is saved when there are no facts; the journal is kept from there on.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// Batches that come so shortly after one another do not each tell an engine the time.
const TICK_LEAST: Duration = Duration::from_millis(200);

/// Whose engine it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClusterKey {
    pub(super) tenant: u32,
    /// The streams' label `cluster`; empty for all that have none.
    pub(super) label: String,
    /// The streams have the label [`SIMULATED`]: what is simulated says nothing of what is real.
    pub(super) is_simulated: bool,
}

impl ClusterKey {
    /// Who tells the topology of its edges.
    pub(super) fn reporter(&self) -> String {
        let kind = if self.is_simulated { " (simulated)" } else { "" };
        format!("{SERVICE}{kind}/{}", self.label)
    }
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) engine: Facts,
    /// Hosts that have reported something, so that their other records are signs of life.
    pub(super) hosts: BTreeSet<String>,
    /// The last time that a batch told.
    pub(super) ticked: Timestamp,
    /// The latest moment that anything was reported of.
    pub(super) newest: Timestamp,
    /// Its edges may have changed since they were looked at; not saved.
    pub(super) is_fed: bool,
}

impl Cluster {
    /// Notes that a host has reported something of a moment.
    pub(super) fn saw(&mut self, host: &str, at: Timestamp) {
        self.newest = self.newest.max(at);
        if !self.hosts.contains(host) && self.hosts.len() < HOSTS_MAX {
            self.hosts.insert(host.to_owned());
        }
    }
}

/// The engines, and what they conclude, while a round goes on.
pub(super) struct Clusters<'s> {
    known: &'s mut BTreeMap<ClusterKey, Cluster>,
    told: &'s mut Vec<(ClusterKey, Fact)>,
    overlooked: &'s mut u64,
    edges: &'s mut EdgeWatch,
    listening_since: Timestamp,
}

impl Clusters<'_> {
    /// The engine of `key`, which has been told that it is `received`, for a report of the moment `at`; `None` if there
    /// are too many.
    pub(super) fn find_or_make(
        &mut self,
        key: &ClusterKey,
        received: Timestamp,
        at: Timestamp,
    ) -> Option<&mut Cluster> {
        if !self.known.contains_key(key) {
            if self.known.len() >= CLUSTERS_MAX {
                *self.overlooked += 1;
                return None;
            }
            let engine = Facts::new(saved::settings(&key.label, self.listening_since));
            let made = Cluster {
                engine,
                hosts: BTreeSet::new(),
                ticked: Timestamp(i64::MIN),
                newest: Timestamp(0),
                is_fed: true,
            };
            self.known.insert(key.clone(), made);
        }
        let cluster = self.known.get_mut(key)?;
        self.edges.look_before(key, cluster, at);
        cluster.is_fed = true;
        if received >= cluster.ticked.after(TICK_LEAST) {
            cluster.ticked = received;
            self.told.extend(cluster.engine.tick(received).into_iter().map(|fact| (key.clone(), fact)));
        }
        Some(cluster)
    }

    pub(super) fn tell(&mut self, key: &ClusterKey, facts: Vec<Fact>) {
        self.told.extend(facts.into_iter().map(|fact| (key.clone(), fact)));
    }

    /// A reporter's host has said anything at all.
    pub(super) fn heard(&mut self, tenant: u32, host: &str, at: Timestamp) {
        self.of_host(tenant, host, |engine| engine.heard(host, at));
    }

    /// The collector of a reporter's host has said that it is there.
    pub(super) fn alive(&mut self, tenant: u32, host: &str, at: Timestamp) {
        self.of_host(tenant, host, |engine| engine.alive(host, at));
    }

    fn of_host(&mut self, tenant: u32, host: &str, hear: impl Fn(&mut Facts)) {
        let first = ClusterKey { tenant, label: String::new(), is_simulated: false };
        let own = self.known.range_mut(first..).take_while(|(key, _)| key.tenant == tenant);
        for (_, cluster) in own.filter(|(_, cluster)| cluster.hosts.contains(host)) {
            hear(&mut cluster.engine);
        }
    }

    /// Tells all the time.
    fn tick(&mut self, now: Timestamp) {
        for (key, cluster) in self.known.iter_mut() {
            cluster.is_fed = true;
            self.told.extend(cluster.engine.tick(now).into_iter().map(|fact| (key.clone(), fact)));
        }
    }
}

/// The stage between two rounds.
pub(super) struct Stage {
    indexer: Indexer,
    subscriber: Subscriber,
    metrics: Arc<FactMetrics>,
    pub(super) state: State,
    listening_since: Timestamp,
    /// What is pending is on disk, so it may go out.
    is_saved: bool,
    saved_position: u64,
    saved_at: Instant,
    overlooked: u64,
    pub(super) edges: EdgeWatch,
}

impl Stage {
    /// Goes on with what was saved. Silence counts from `now` on: before it nobody listened.
    pub(super) fn open(indexer: &Indexer, metrics: Arc<FactMetrics>, now: Timestamp) -> Result<Self, Error> {
        let shared = indexer.shared();
        let loaded = saved::load(&shared.data_dir, now)?;
        let subscriber = Subscriber::open(shared, SERVICE)?.from(loaded.as_ref().map(|state| state.position));
        let state = loaded.unwrap_or_else(|| State {
            position: subscriber.position(),
            epoch: now.0.cast_unsigned(),
            next: BTreeMap::new(),
            clusters: BTreeMap::new(),
            pending: Vec::new(),
        });
        Ok(Self {
            indexer: indexer.clone(),
            saved_position: state.position,
            subscriber,
            metrics,
            state,
            listening_since: now,
            is_saved: true,
            saved_at: Instant::now(),
            overlooked: 0,
            edges: EdgeWatch::new(now),
        })
    }

    /// Reads on and concludes, unless something still has to go out; saves when there are facts or it is time. Answers
    /// whether more is to be read at once. Blocks on the disk.
    pub(super) fn advance(&mut self, now: Timestamp) -> Result<bool, Error> {
        if self.state.pending.is_empty() {
            let mut told = Vec::new();
            let read = self.read(now, &mut told);
            self.queue(told, now);
            let has_more = read?;
            if self.state.pending.is_empty() {
                if self.state.position > self.saved_position && self.saved_at.elapsed() >= SAVE_EVERY {
                    self.save()?;
                }
                return Ok(has_more);
            }
        }
        if !self.is_saved {
            self.save()?;
        }
        Ok(true)
    }

    fn read(&mut self, now: Timestamp, told: &mut Vec<(ClusterKey, Fact)>) -> Result<bool, Error> {
        self.edges.now = now;
        for _ in 0..GROUPS_MAX {
            let Some(group) = self.subscriber.try_next()? else {
                self.state.position = self.subscriber.position();
                self.with(told, |clusters| clusters.tick(now));
                self.look_at_edges();
                self.measure();
                return Ok(false);
            };
            let before = self.metrics.undecodable.get();
            for (position, payload) in &group.batches {
                if !self.with(told, |clusters| feed(clusters, *position, payload)) {
                    self.metrics.undecodable.inc();
                }
            }
            if self.metrics.undecodable.get() > before {
                tracing::error!(end = group.end, "a group of the journal could not be read for facts");
            }
            self.state.position = group.end;
            self.look_at_edges();
            if told.len() >= FACTS_MAX {
                break;
            }
        }
        self.measure();
        Ok(true)
    }

    fn with<T>(&mut self, told: &mut Vec<(ClusterKey, Fact)>, work: impl FnOnce(&mut Clusters<'_>) -> T) -> T {
        let Self { state, overlooked, edges, listening_since, .. } = self;
        work(&mut Clusters { known: &mut state.clusters, told, overlooked, edges, listening_since: *listening_since })
    }

    /// Makes batches of what was told, under their numbers.
    fn queue(&mut self, told: Vec<(ClusterKey, Fact)>, now: Timestamp) {
        let mut by_cluster: BTreeMap<ClusterKey, Vec<Fact>> = BTreeMap::new();
        for (key, fact) in told {
            by_cluster.entry(key).or_default().push(fact);
        }
        for (key, facts) in by_cluster {
            for facts in facts.chunks(BATCH_FACTS_MAX) {
                let next = self.state.next.entry(key.tenant).or_default();
                let batch = record::batch(&key, facts, now);
                self.state.pending.push(Pending { tenant: key.tenant, seq: *next, batch });
                *next += 1;
                self.is_saved = false;
                facts.iter().for_each(|fact| self.metrics.told(fact.kind));
            }
        }
    }

    /// Saves the state and lets the journal go up to it. Blocks on the disk.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        let shared = self.shared();
        let copied = lock(&shared.facts_saved);
        saved::save(&shared.data_dir, &self.state)?;
        drop(copied);
        self.is_saved = true;
        self.saved_at = Instant::now();
        self.saved_position = self.state.position;
        self.subscriber.commit(self.state.position)
    }

    /// Submits what is pending; what was before is recognised.
    pub(super) async fn submit(&mut self) -> Result<(), Error> {
        if !self.is_saved {
            return Ok(());
        }
        let epoch = self.state.epoch;
        while let Some(Pending { tenant, seq, batch }) = self.state.pending.first() {
            let submission = record::submission(*tenant, epoch, *seq, batch.clone());
            match self.indexer.submit(submission).await {
                Ok(_) => {
                    self.state.pending.remove(0);
                }
                Err(SubmitError::ShuttingDown) => return Err(Error::ShuttingDown),
                Err(source) => return Err(Error::SubmitFacts { source }),
            }
        }
        Ok(())
    }

    fn look_at_edges(&mut self) {
        let Self { state, edges, .. } = self;
        for (key, cluster) in &mut state.clusters {
            edges.look(key, cluster);
        }
    }

    /// Counts a failure.
    pub(super) fn failed(&self) {
        self.metrics.failures.inc();
    }

    /// Waits until more has been applied.
    pub(super) async fn changed(&mut self) -> Result<(), Error> {
        self.subscriber.changed().await
    }

    fn measure(&self) {
        let behind = self.shared().applied.borrow().saturating_sub(self.state.position);
        self.metrics.lag_bytes.set(i64::try_from(behind).unwrap_or(i64::MAX));
        self.metrics.clusters.set(i64::try_from(self.state.clusters.len()).unwrap_or(i64::MAX));
        let ignored: u64 = self.state.clusters.values().map(|cluster| cluster.engine.ignored()).sum();
        self.metrics.ignored.set(ignored.saturating_add(self.overlooked).saturating_add(self.edges.left_out));
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(self.indexer.shared())
    }
}
