//! What the status tells of metrics.

use std::sync::Arc;

use orszem_queue::Monitor;
use orszem_scrape::Health;

use super::jobs::Scrapers;
use crate::CounterValues;
use crate::output::{OutputStatus, Signal};
use crate::report::{MetricsReport, TargetReport};
use crate::shared::is_failing;

/// Targets that are named in the status when they are down.
const DOWN_MAX: usize = 20;

/// A look at metrics from any thread.
#[derive(Debug)]
pub(crate) struct View {
    output: OutputStatus,
    queue: Monitor,
    queue_bytes_max: u64,
    scrapers: Arc<Scrapers>,
}

impl View {
    pub(super) fn new(output: OutputStatus, queue: Monitor, queue_bytes_max: u64, scrapers: Arc<Scrapers>) -> Self {
        Self { output, queue, queue_bytes_max, scrapers }
    }

    pub(crate) fn output(&self) -> &OutputStatus {
        &self.output
    }

    /// Sending goes another way from now on.
    pub(crate) fn set_output(&mut self, output: OutputStatus) {
        self.output = output;
    }

    /// What keeps metrics from being sent.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        let failing = self.output.endpoints().into_iter().filter(|endpoint| is_failing(endpoint.clone()));
        let noun = Signal::Metrics.noun();
        failing.map(move |endpoint| {
            format!("{} does not take {noun}: {}", endpoint.url, endpoint.last_error.unwrap_or_default())
        })
    }

    pub(crate) fn report(&self, values: &CounterValues) -> MetricsReport {
        let (queue, output, targets) = (self.queue.usage(), self.output.counts(), self.scrapers.targets());
        let count = |health| targets.active.iter().filter(|target| target.health == health).count() as u64;
        let down = targets.active.iter().filter(|target| target.health == Health::Down);
        MetricsReport {
            is_running: true,
            targets_up: count(Health::Up),
            targets_down: count(Health::Down),
            down: down
                .take(DOWN_MAX)
                .map(|target| TargetReport {
                    job: target.pool.to_string(),
                    url: target.url.clone(),
                    error: target.last_error.clone(),
                })
                .collect(),
            samples_read: values.samples_read,
            samples_sent: values.samples_sent,
            samples_rejected: values.samples_refused,
            samples_dropped: queue.dropped_oldest.records + queue.dropped_newest.records,
            queue_bytes: queue.disk_bytes,
            queue_bytes_max: self.queue_bytes_max,
            queue_batches: queue.queued.batches,
            dead_letters: output.dead_lettered,
        }
    }
}
