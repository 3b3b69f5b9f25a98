//! Tells an Alertmanager elsewhere of all own alerts, as Prometheus does: again every minute while they fire, and for a
//! quarter of an hour that they are over. Over a restart the end of what ended meanwhile is not told: what Alertmanager
//! was told ends four minutes after it was said to fire, as that of Prometheus does.

mod queue;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orszem_alerting::{Alert, Alerting, EXTERNAL_RULE};
use orszem_indexer::alerting::{AlertingHandle, Health};
use orszem_model::{Labels, Timestamp};
use orszem_notify::{Alertmanager, ForwardedAlert, Outcome};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::measured::Measured;
use crate::collecting::now;
use queue::FIRES_FOR;
pub(super) use queue::Queue;

/// How often the engine is asked.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Alerts of a request, as Prometheus sends them.
const BATCH_MAX: usize = 256;
/// The pause after a request that failed; it doubles up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// One Alertmanager, and what it is told.
pub(super) struct Forwarding {
    pub(super) name: String,
    pub(super) alertmanager: Alertmanager,
    pub(super) has_watchdog: bool,
    pub(super) external_labels: Labels,
    pub(super) external_url: String,
    pub(super) handle: AlertingHandle,
    pub(super) health: watch::Receiver<Health>,
    pub(super) measured: Arc<Measured>,
    pub(super) started: Timestamp,
}

impl Forwarding {
    /// Goes on from what it was told before; gives back what it was told in the end.
    pub(super) async fn run(self, mut queue: Queue, stop: CancellationToken) -> Queue {
        let mut pause = PAUSES.0;
        loop {
            let wait = match self.round(&mut queue).await {
                Ok(()) => {
                    pause = PAUSES.0;
                    LOOK_EVERY
                }
                Err(reason) => {
                    self.measured.failed(&self.name);
                    warn!(alertmanager = self.name, reason, "an Alertmanager was not told");
                    let wait = pause;
                    pause = (pause * 2).min(PAUSES.1);
                    wait
                }
            };
            tokio::select! {
                () = stop.cancelled() => return queue,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Looks what there is, and sends what is due.
    async fn round(&self, queue: &mut Queue) -> Result<(), String> {
        let external = self.external_labels.clone();
        let generator = self.external_url.clone();
        let firing = self.handle.read(move |engine, _| {
            let own = engine.alerts().filter(|alert| alert.state.is_active() && alert.key.rule != EXTERNAL_RULE);
            own.map(|alert| forwarded(engine, alert, &external, &generator)).collect::<Vec<_>>()
        });
        let mut firing = firing.await.map_err(|error| error.to_string())?;
        if self.has_watchdog && self.health.borrow().problems.is_empty() {
            firing.push(self.watchdog());
        }
        let dropped = queue.see(firing, now());
        if dropped > 0 {
            self.measured.dropped(&self.name, dropped);
        }
        loop {
            let at = now();
            let due = queue.due(at, BATCH_MAX);
            self.measured.waiting(&self.name, queue.waiting(at));
            if due.is_empty() {
                return Ok(());
            }
            match self.alertmanager.send(&due, SystemTime::now()).await {
                Outcome::Delivered { .. } => self.measured.forwarded(&self.name, due.len()),
                Outcome::Retry { reason, .. } => return Err(reason),
                // Repeated with the next turn of each alert: what it says may be true of one of them only.
                Outcome::Refused { reason, .. } => {
                    queue.sent(&due, at);
                    return Err(reason);
                }
            }
            queue.sent(&due, at);
        }
    }

    /// Fires as long as this server is well.
    fn watchdog(&self) -> ForwardedAlert {
        let mut pairs = vec![("alertname", "Watchdog"), ("severity", "none")];
        pairs.extend(self.external_labels.iter());
        let summary = "Fires as long as the server evaluates, delivers and takes in; when it ends, look at the server";
        ForwardedAlert {
            labels: Labels::new(pairs),
            annotations: Labels::from([("summary", summary)]),
            starts_at: self.started,
            ends_at: now().after(FIRES_FOR),
            generator: self.external_url.clone(),
        }
    }
}

fn forwarded(engine: &Alerting, alert: &Alert, external: &Labels, generator: &str) -> ForwardedAlert {
    let own = engine.labels_of(alert);
    // An alert's own labels count before those of the server, as for Prometheus.
    let labels = Labels::new(external.iter().chain(own.iter()).collect::<Vec<_>>());
    ForwardedAlert {
        labels,
        annotations: alert.annotations.clone(),
        starts_at: alert.fired_at.unwrap_or(alert.since),
        ends_at: Timestamp(0),
        generator: if alert.generator.is_empty() { generator.to_owned() } else { alert.generator.clone() },
    }
}
