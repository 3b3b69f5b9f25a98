//! The databases that are asked in SQL, each by a task of its own.

use std::sync::Arc;

use orszem_scrape::{Running, Scraped};
use orszem_sql::{Plan, keep_asking};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::tasks::Tasks;

/// The tasks that run.
#[derive(Debug)]
pub(super) struct Databases {
    tasks: Tasks<Plan>,
    sink: mpsc::Sender<Scraped>,
}

impl Databases {
    /// Starts a task for each; they put their samples into `sink` and end when `stopping` is cancelled. Must be called
    /// within a tokio runtime.
    pub(super) fn start(plans: &[Plan], sink: mpsc::Sender<Scraped>, stopping: CancellationToken) -> Self {
        let tasks = Tasks::start(plans.iter().cloned(), stopping, asking(&sink));
        Self { tasks, sink }
    }

    /// Runs these and no others; those that are the same keep running.
    pub(super) async fn reload(&self, wanted: Vec<Plan>) {
        self.tasks.reload(wanted, asking(&self.sink)).await;
    }

    /// Waits, once they are told to stop, until their series have ended.
    pub(super) async fn stopped(&self) {
        self.tasks.stopped("databases").await;
    }
}

fn asking(sink: &mpsc::Sender<Scraped>) -> impl Fn(Arc<Plan>, CancellationToken) -> Running {
    |plan, cancel| keep_asking(plan, sink.clone(), cancel)
}
