//! The databases that are asked in SQL, each by a task of its own.

use std::time::Duration;

use orszem_scrape::Scraped;
use orszem_sql::{Asker, Plan};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long a stop waits for series to end.
const STOP_MAX: Duration = Duration::from_secs(3);

/// The tasks that run.
#[derive(Debug)]
pub(super) struct Databases {
    /// Held while they are changed.
    running: Mutex<Vec<Asker>>,
    sink: mpsc::Sender<Scraped>,
    stopping: CancellationToken,
}

impl Databases {
    /// Starts a task for each; they put their samples into `sink` and end when `stopping` is cancelled. Must be called
    /// within a tokio runtime.
    pub(super) fn start(plans: &[Plan], sink: mpsc::Sender<Scraped>, stopping: CancellationToken) -> Self {
        let start = |plan: &Plan| Asker::start(plan.clone(), sink.clone(), stopping.child_token());
        let running = Mutex::new(plans.iter().map(start).collect());
        Self { running, sink, stopping }
    }

    /// Runs these and no others; those that are the same keep running.
    pub(super) async fn reload(&self, wanted: Vec<Plan>) {
        let mut running = self.running.lock().await;
        if self.stopping.is_cancelled() {
            return;
        }
        let (mut kept, gone): (Vec<Asker>, Vec<Asker>) =
            std::mem::take(&mut *running).into_iter().partition(|asker| wanted.contains(asker.plan()));
        for asker in gone {
            asker.cancel();
            asker.stopped().await;
        }
        for plan in wanted {
            if !kept.iter().any(|asker| *asker.plan() == plan) {
                kept.push(Asker::start(plan, self.sink.clone(), self.stopping.child_token()));
            }
        }
        *running = kept;
    }

    /// Waits, once they are told to stop, until their series have ended.
    pub(super) async fn stopped(&self) {
        let running = std::mem::take(&mut *self.running.lock().await);
        let ending = async {
            for asker in &running {
                asker.stopped().await;
            }
        };
        if tokio::time::timeout(STOP_MAX, ending).await.is_err() {
            warn!("not all databases were left in time; some series stay open");
        }
    }
}
