//! Starts and stops what alerting is made of.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orszem_alerting::{Graph, JOIN_WINDOW, Plan};
use orszem_model::Timestamp;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::curve::Curves;
use super::handle::AlertingHandle;
use super::metrics::AlertingMetrics;
use super::outbox::{self, Deliver, Sender};
use super::owner::Owner;
use super::prometheus::{Evaluator, RuleSources};
use super::store::{Store, directory};
use crate::error::{Error, chain};
use crate::maintenance;
use crate::samples::Samples;
use crate::topology::Topology;

/// What waits for the owner of the engine; whoever comes then waits.
const QUEUE: usize = 1_024;
/// How often the topology is looked at.
const GRAPH_EVERY: Duration = Duration::from_secs(10);
/// How long messages under way may take at a stop; what does not end is sent again, under its key.
const SENDING_ENDS: Duration = Duration::from_secs(3);

/// What it is made of.
pub struct Parts<'a> {
    pub data_dir: &'a Path,
    /// Whose series rules read, and whose topology counts.
    pub tenant: u32,
    pub plan: Plan,
    pub rules: RuleSources,
    pub samples: Samples,
    pub topology: Topology,
    pub channels: Arc<dyn Deliver>,
}

/// Alerting while it runs.
pub struct AlertingService {
    handle: AlertingHandle,
    /// Ends what gives inputs and sends; the owner ends after them.
    feeding: CancellationToken,
    owning: CancellationToken,
    feeders: Vec<(&'static str, JoinHandle<()>)>,
    owner: JoinHandle<()>,
}

impl AlertingService {
    /// Goes on where the last one ended. Blocks on the disk; called within a runtime of several threads.
    ///
    /// # Errors
    /// When the store can't be opened. One that is damaged is set aside, logged, counted, and begun anew.
    pub fn start(parts: Parts<'_>, registry: &mut Registry) -> Result<Self, Error> {
        let Parts { data_dir, tenant, plan, rules, samples, topology, channels } = parts;
        let metrics = Arc::new(AlertingMetrics::default());
        metrics.register(registry);
        let graph = graph_of(&topology, tenant)?;
        let (store, engine, aside) = Store::open(&directory(data_dir), &plan, &graph)?;
        if aside.is_some() {
            metrics.was_damaged();
        }
        let store = Arc::new(store);
        let (asks, queue) = mpsc::channel(QUEUE);
        let (views, groups) = watch::channel(Arc::default());
        let (reloads, reloaded) = mpsc::channel(1);
        let (in_force, known) = watch::channel(Arc::new(rules.clone()));
        let handle = AlertingHandle {
            asks,
            store: Arc::clone(&store),
            intents: Arc::new(Notify::new()),
            groups,
            rules: reloads,
            in_force: Arc::new(in_force),
            own_looked_at: Arc::default(),
        };
        let mut owner = Owner {
            engine,
            store,
            asks: queue,
            intents: Arc::clone(&handle.intents),
            metrics: Arc::clone(&metrics),
            awaited: BTreeSet::new(),
            are_rules_back: false,
            is_held: false,
            is_ahead: false,
            unwritten_start: None,
            configured: plan.clone(),
            forget_at: Timestamp(0),
        };
        // The plan in force may differ from that of the last run.
        owner.start(plan);
        let (feeding, owning) = (CancellationToken::new(), CancellationToken::new());
        let stores = (Arc::clone(&handle.store), samples.clone());
        let curves = Arc::new(Curves::new(stores, known, Arc::clone(&metrics), feeding.clone()));
        let sender = Sender { handle: handle.clone(), channels, curves, metrics: Arc::clone(&metrics) };
        let evaluator =
            Evaluator { handle: handle.clone(), samples, metrics, views, reloads: reloaded, stop: feeding.clone() };
        let feeders = vec![
            ("rules", tokio::spawn(evaluator.run(rules))),
            ("senders", tokio::spawn(outbox::run(sender, feeding.clone()))),
            ("topology", tokio::spawn(follow(handle.clone(), topology, tenant, graph, feeding.clone()))),
        ];
        let owner = tokio::spawn(owner.run(owning.clone()));
        Ok(Self { handle, feeding, owning, feeders, owner })
    }

    /// The way to the engine.
    pub fn handle(&self) -> AlertingHandle {
        self.handle.clone()
    }

    /// Ends it. What was acknowledged is durable; what was to be sent is sent by the next start.
    pub async fn stop(self) {
        let Self { handle, feeding, owning, feeders, owner } = self;
        feeding.cancel();
        for (name, task) in feeders {
            let aborter = task.abort_handle();
            match tokio::time::timeout(SENDING_ENDS, task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, part = name, "a part of alerting ended badly"),
                Err(_) => aborter.abort(),
            }
        }
        owning.cancel();
        drop(handle);
        if let Err(error) = owner.await {
            tracing::error!(%error, "the owner of alerting ended badly; the next start goes on with what it wrote");
        }
    }
}

fn graph_of(topology: &Topology, tenant: u32) -> Result<Graph, Error> {
    let now = maintenance::now();
    let held = topology.at(tenant, now)?;
    let changes = topology.changes(tenant, now.before(JOIN_WINDOW), now)?;
    let over = changes.iter().filter(|change| !change.is_there).map(|change| &change.edge);
    Ok(Graph::of_both(held.iter().map(|held| &held.edge), over))
}

/// Tells the engine of changes of the topology.
async fn follow(handle: AlertingHandle, topology: Topology, tenant: u32, known: Graph, stop: CancellationToken) {
    let mut known = known;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(GRAPH_EVERY) => {}
        }
        let topology = topology.clone();
        match tokio::task::spawn_blocking(move || graph_of(&topology, tenant)).await {
            Ok(Ok(graph)) if graph == known => {}
            Ok(Ok(graph)) => {
                if handle.set_graph(graph.clone()).await.is_err() {
                    return;
                }
                known = graph;
            }
            Ok(Err(error)) => tracing::warn!(error = %chain(&error), "alerting does not see changes of the topology"),
            Err(error) => tracing::error!(%error, "looking at the topology ended badly"),
        }
    }
}
