//! Watches the watcher: how alerting is doing, collectors that fell silent, the heartbeat, and Alertmanagers elsewhere.

mod forwarding;
mod measured;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orszem_indexer::Indexer;
use orszem_indexer::alerting::{AlertingConfig, AlertingHandle, Health, SilentCollectors};
use orszem_indexer::samples::Samples;
use orszem_model::{Labels, Timestamp};
use orszem_notify::{Alertmanager, Heartbeat, NotifyConfig, Outcome};
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::access::Identity;
use crate::collecting::now;
use forwarding::{Forwarding, Queue};
use measured::Measured;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is watched, and by which configuration.
#[derive(Clone)]
pub(crate) struct Watching {
    handle: AlertingHandle,
    measured: Arc<Measured>,
    health: watch::Receiver<Health>,
    silent_after: Arc<watch::Sender<Duration>>,
    outward: Arc<tokio::sync::Mutex<Outward>>,
    looking: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
    stop: CancellationToken,
    started: Timestamp,
}

/// The tasks that tell others, until another configuration.
#[derive(Default)]
struct Outward {
    stop: CancellationToken,
    beating: Option<JoinHandle<()>>,
    /// By the name of each Alertmanager; they give back what it was told.
    forwarding: Vec<(String, JoinHandle<Queue>)>,
}

/// What each Alertmanager was told, by its name.
type Told = BTreeMap<String, Queue>;

impl Watching {
    /// Starts looking, and telling. Called within a runtime.
    pub(crate) fn start(
        (alerting, notify): (&AlertingConfig, &NotifyConfig),
        handle: AlertingHandle,
        (indexer, samples): (&Indexer, &Samples),
        registry: &mut Registry,
    ) -> Self {
        let started = now();
        let measured = Arc::new(Measured::register(registry));
        let (told, health) = watch::channel(Health::default());
        let (silent_after, wanted) = watch::channel(alerting.collector_silent.duration());
        let stop = CancellationToken::new();
        let silent = SilentCollectors::new(handle.clone(), indexer.collectors(), Identity::local().tenant, started);
        let looking = tokio::spawn(look(
            Look { handle: handle.clone(), indexer: indexer.clone(), samples: samples.clone(), silent, wanted, told },
            Arc::clone(&measured),
            started,
            stop.clone(),
        ));
        let outward = Outward::start((alerting, notify), Told::new(), &handle, &health, &measured, started);
        Self {
            handle,
            measured,
            health,
            silent_after: Arc::new(silent_after),
            outward: Arc::new(tokio::sync::Mutex::new(outward)),
            looking: Arc::new(std::sync::Mutex::new(Some(looking))),
            stop,
            started,
        }
    }

    /// Puts another configuration in force.
    pub(crate) async fn reload(&self, alerting: &AlertingConfig, notify: &NotifyConfig) {
        self.silent_after.send_replace(alerting.collector_silent.duration());
        let mut outward = self.outward.lock().await;
        // What ends meanwhile is still told as over.
        let told = outward.end().await;
        *outward = Outward::start((alerting, notify), told, &self.handle, &self.health, &self.measured, self.started);
    }

    /// Ends it.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.outward.lock().await.end().await;
        let looking = self.looking.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(Err(error)) = match looking {
            Some(looking) => Some(looking.await),
            None => None,
        } {
            error!(%error, "watching alerting ended badly");
        }
    }
}

impl Outward {
    fn start(
        (alerting, notify): (&AlertingConfig, &NotifyConfig),
        mut told: Told,
        handle: &AlertingHandle,
        health: &watch::Receiver<Health>,
        measured: &Arc<Measured>,
        started: Timestamp,
    ) -> Self {
        let stop = CancellationToken::new();
        let beating = notify.heartbeat.as_ref().map(|config| {
            tokio::spawn(beat(Heartbeat::new(config), health.clone(), Arc::clone(measured), stop.clone()))
        });
        let mut all = Vec::new();
        for config in &notify.alertmanager {
            let forwarding = Forwarding {
                name: config.name.clone(),
                alertmanager: Alertmanager::new(config),
                has_watchdog: config.watchdog,
                external_labels: Labels::new(alerting.external_labels.iter().collect::<Vec<_>>()),
                external_url: notify.external_url.clone(),
                handle: handle.clone(),
                health: health.clone(),
                measured: Arc::clone(measured),
                started,
            };
            let queue = told.remove(&config.name).unwrap_or_default();
            all.push((config.name.clone(), tokio::spawn(forwarding.run(queue, stop.clone()))));
        }
        Self { stop, beating, forwarding: all }
    }

    async fn end(&mut self) -> Told {
        self.stop.cancel();
        let failed = |error| error!(%error, "telling others how this server is doing ended badly");
        if let Some(Err(error)) = match self.beating.take() {
            Some(beating) => Some(beating.await),
            None => None,
        } {
            failed(error);
        }
        let mut told = Told::new();
        for (name, task) in self.forwarding.drain(..) {
            match task.await {
                Ok(queue) => {
                    told.insert(name, queue);
                }
                Err(error) => failed(error),
            }
        }
        told
    }
}

/// What the task that looks has.
struct Look {
    handle: AlertingHandle,
    indexer: Indexer,
    samples: Samples,
    silent: SilentCollectors,
    wanted: watch::Receiver<Duration>,
    told: watch::Sender<Health>,
}

async fn look(look: Look, measured: Arc<Measured>, started: Timestamp, stop: CancellationToken) {
    let Look { handle, indexer, samples, mut silent, mut wanted, told } = look;
    loop {
        let at = now();
        let health = handle.health(&indexer, &samples, started, at).await;
        measured.see(&health);
        let was_well = told.borrow().problems.is_empty();
        if was_well != health.problems.is_empty() {
            warn!(problems = ?health.problems, "alerting {}", if was_well { "is not well" } else { "is well again" });
        }
        told.send_replace(health);
        let after = *wanted.borrow_and_update();
        if let Err(error) = silent.look(after, at).await {
            warn!(error = &error as &dyn std::error::Error, "which collectors are silent is told later");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn beat(heartbeat: Heartbeat, health: watch::Receiver<Health>, measured: Arc<Measured>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(heartbeat.interval());
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let problems = health.borrow().problems.clone();
        let sent = tokio::select! {
            () = stop.cancelled() => return,
            sent = heartbeat.beat(&problems, SystemTime::now()) => sent,
        };
        let is_delivered = matches!(sent, Outcome::Delivered { .. });
        measured.beat(problems.is_empty(), is_delivered);
        if let Outcome::Retry { reason, .. } | Outcome::Refused { reason, .. } = sent {
            warn!(reason, "a heartbeat did not arrive");
        }
    }
}
