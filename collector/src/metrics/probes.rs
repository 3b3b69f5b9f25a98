//! The targets that are probed, each by a task of its own.

use std::sync::Arc;
use std::time::Duration;

use orszem_probe::{Plan, Prober, Watcher};
use orszem_scrape::Scraped;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Probes that run at once; further ones wait for a place.
const PLACES: usize = 1_000;
/// How long a stop waits for series to end.
const STOP_MAX: Duration = Duration::from_secs(3);

/// The tasks that run.
#[derive(Debug)]
pub(super) struct Probes {
    /// Held while they are changed.
    running: Mutex<Vec<Watcher>>,
    prober: Prober,
    places: Arc<Semaphore>,
    sink: mpsc::Sender<Scraped>,
    stopping: CancellationToken,
}

impl Probes {
    /// Starts a task for each; they put their samples into `sink` and end when `stopping` is cancelled. Must be called
    /// within a tokio runtime.
    pub(super) fn start(plans: &[Plan], sink: mpsc::Sender<Scraped>, stopping: CancellationToken) -> Self {
        let (prober, places) = (Prober::default(), Arc::new(Semaphore::new(PLACES)));
        let mut probes = Self { running: Mutex::default(), prober, places, sink, stopping };
        let running = plans.iter().map(|plan| probes.watch(plan.clone())).collect();
        probes.running = Mutex::new(running);
        probes
    }

    fn watch(&self, plan: Plan) -> Watcher {
        let cancel = self.stopping.child_token();
        Watcher::start(plan, self.prober.clone(), Arc::clone(&self.places), self.sink.clone(), cancel)
    }

    /// Runs these and no others; those that are the same keep running.
    pub(super) async fn reload(&self, wanted: Vec<Plan>) {
        let mut running = self.running.lock().await;
        if self.stopping.is_cancelled() {
            return;
        }
        let mut wanted: Vec<Option<Plan>> = wanted.into_iter().map(Some).collect();
        let mut kept = Vec::with_capacity(wanted.len());
        let mut gone = Vec::new();
        for watcher in std::mem::take(&mut *running) {
            match wanted.iter_mut().find(|plan| plan.as_ref() == Some(watcher.plan())) {
                Some(plan) => {
                    *plan = None;
                    kept.push(watcher);
                }
                None => gone.push(watcher),
            }
        }
        gone.iter().for_each(Watcher::cancel);
        for watcher in gone {
            watcher.stopped().await;
        }
        kept.extend(wanted.into_iter().flatten().map(|plan| self.watch(plan)));
        *running = kept;
    }

    /// Waits, once they are told to stop, until their series have ended.
    pub(super) async fn stopped(&self) {
        let running = std::mem::take(&mut *self.running.lock().await);
        let ending = async {
            for watcher in &running {
                watcher.stopped().await;
            }
        };
        if tokio::time::timeout(STOP_MAX, ending).await.is_err() {
            warn!("not all probes ended in time; some series stay open");
        }
    }
}
