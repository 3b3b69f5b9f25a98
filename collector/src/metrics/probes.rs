//! The targets that are probed, each by a task of its own.

use std::sync::Arc;

use orszem_probe::{Booth, Canaries, Canary, Plan, Prober, Watching, keep_probing};
use orszem_scrape::Scraped;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::tasks::Tasks;

/// Probes that run at once; further ones wait for a place.
const PLACES: usize = 1_000;

/// The tasks that run.
#[derive(Debug)]
pub(super) struct Probes {
    tasks: Tasks<Plan>,
    /// What they have in common.
    watching: Watching,
}

/// What is probed, checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProbePlan {
    pub(crate) targets: Vec<Plan>,
    pub(crate) canaries: Vec<Canary>,
}

impl Probes {
    /// Starts a task for each; they put their samples into `sink` and end when `stopping` is cancelled. Must be called
    /// within a tokio runtime.
    pub(super) fn start(plan: &ProbePlan, sink: mpsc::Sender<Scraped>, stopping: CancellationToken) -> Self {
        let watching = Watching {
            prober: Prober::default(),
            places: Arc::new(Semaphore::new(PLACES)),
            sink,
            booth: Booth::default(),
            canaries: Canaries::new(plan.canaries.clone()),
        };
        let start = |plan, cancel| keep_probing(plan, watching.clone(), cancel);
        let tasks = Tasks::start(plan.targets.iter().cloned(), stopping, start);
        Self { tasks, watching }
    }

    /// Runs these and no others; those that are the same keep running.
    pub(super) async fn reload(&self, wanted: ProbePlan) {
        let ProbePlan { targets, canaries } = wanted;
        self.watching.canaries.replace(canaries).await;
        self.tasks.reload(targets, |plan, cancel| keep_probing(plan, self.watching.clone(), cancel)).await;
    }

    /// The votes of these probes.
    pub(super) fn booth(&self) -> Booth {
        self.watching.booth.clone()
    }

    /// Waits, once they are told to stop, until their series have ended.
    pub(super) async fn stopped(&self) {
        self.tasks.stopped("probes").await;
    }
}
