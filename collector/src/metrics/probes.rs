//! The targets that are probed, each by a task of its own.

use std::sync::Arc;

use orszem_probe::{Plan, Prober, keep_probing};
use orszem_scrape::{Running, Scraped};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::tasks::Tasks;

/// Probes that run at once; further ones wait for a place.
const PLACES: usize = 1_000;

/// The tasks that run.
#[derive(Debug)]
pub(super) struct Probes {
    tasks: Tasks<Plan>,
    probing: Probing,
}

/// What they have in common.
#[derive(Debug)]
struct Probing {
    prober: Prober,
    places: Arc<Semaphore>,
    sink: mpsc::Sender<Scraped>,
}

impl Probes {
    /// Starts a task for each; they put their samples into `sink` and end when `stopping` is cancelled. Must be called
    /// within a tokio runtime.
    pub(super) fn start(plans: &[Plan], sink: mpsc::Sender<Scraped>, stopping: CancellationToken) -> Self {
        let probing = Probing { prober: Prober::default(), places: Arc::new(Semaphore::new(PLACES)), sink };
        let tasks = Tasks::start(plans.iter().cloned(), stopping, |plan, cancel| probing.probe(plan, cancel));
        Self { tasks, probing }
    }

    /// Runs these and no others; those that are the same keep running.
    pub(super) async fn reload(&self, wanted: Vec<Plan>) {
        self.tasks.reload(wanted, |plan, cancel| self.probing.probe(plan, cancel)).await;
    }

    /// Waits, once they are told to stop, until their series have ended.
    pub(super) async fn stopped(&self) {
        self.tasks.stopped("probes").await;
    }
}

impl Probing {
    fn probe(&self, plan: Arc<Plan>, cancel: CancellationToken) -> Running {
        keep_probing(plan, self.prober.clone(), Arc::clone(&self.places), self.sink.clone(), cancel)
    }
}
