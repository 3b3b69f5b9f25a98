//! Tasks that take samples, each by a plan of its own.

use std::sync::Arc;
use std::time::Duration;

use orszem_scrape::Running;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long a stop waits for series to end.
pub(super) const STOP_MAX: Duration = Duration::from_secs(3);

/// The tasks that run, by their plans.
#[derive(Debug)]
pub(super) struct Tasks<P> {
    /// Held while they are changed.
    running: Mutex<Vec<(Arc<P>, Running)>>,
    stopping: CancellationToken,
}

impl<P: PartialEq> Tasks<P> {
    /// Has `start` start a task for each plan; they end when `stopping` is cancelled.
    pub(super) fn start(
        plans: impl IntoIterator<Item = P>,
        stopping: CancellationToken,
        start: impl Fn(Arc<P>, CancellationToken) -> Running,
    ) -> Self {
        let running = plans.into_iter().map(|plan| started(plan, &stopping, &start)).collect();
        Self { running: Mutex::new(running), stopping }
    }

    /// Runs these and no others; those that are the same keep running.
    pub(super) async fn reload(&self, wanted: Vec<P>, start: impl Fn(Arc<P>, CancellationToken) -> Running) {
        let mut running = self.running.lock().await;
        if self.stopping.is_cancelled() {
            return;
        }
        let mut wanted: Vec<Option<P>> = wanted.into_iter().map(Some).collect();
        let mut kept = Vec::with_capacity(wanted.len());
        let mut gone = Vec::new();
        // They mostly are in the order of before, so that the next one is looked at first.
        let mut next = 0;
        for (plan, task) in std::mem::take(&mut *running) {
            let mut places = (next..wanted.len()).chain(0..next);
            match places.find(|at| wanted[*at].as_ref() == Some(&*plan)) {
                Some(at) => {
                    wanted[at] = None;
                    next = at + 1;
                    kept.push((plan, task));
                }
                None => gone.push(task),
            }
        }
        gone.iter().for_each(Running::cancel);
        for task in gone {
            task.stopped().await;
        }
        kept.extend(wanted.into_iter().flatten().map(|plan| started(plan, &self.stopping, &start)));
        *running = kept;
    }

    /// Waits, once they are told to stop, until their series have ended; `what` they are is said where that takes too
    /// long.
    pub(super) async fn stopped(&self, what: &'static str) {
        let running = std::mem::take(&mut *self.running.lock().await);
        let ending = async {
            for (_, task) in running {
                task.stopped().await;
            }
        };
        if tokio::time::timeout(STOP_MAX, ending).await.is_err() {
            warn!(what, "not all ended in time; some series stay open");
        }
    }
}

fn started<P>(
    plan: P,
    stopping: &CancellationToken,
    start: impl Fn(Arc<P>, CancellationToken) -> Running,
) -> (Arc<P>, Running) {
    let plan = Arc::new(plan);
    (Arc::clone(&plan), start(plan, stopping.child_token()))
}
