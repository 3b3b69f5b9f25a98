//! What all tasks of a scraper share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orszem_model::Labels;
use tokio::sync::{Semaphore, mpsc};

use crate::counters::{Counters, add};
use crate::output::Scraped;

/// How long a yield is offered when the scraper stops.
const LAST_OFFER: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) sink: mpsc::Sender<Scraped>,
    pub(crate) counters: Counters,
    /// Scrapes that may run at once.
    pub(crate) turns: Semaphore,
    /// Moves the targets' turns.
    pub(crate) seed: u64,
    /// Labels of all series that do not have them.
    pub(crate) base_labels: Labels,
    /// Name servers; those of the system if empty.
    pub(crate) resolvers: Arc<[SocketAddr]>,
}

impl Shared {
    /// Hands on; waits while the receiver has no room.
    pub(crate) async fn send(&self, scraped: Scraped) {
        let count = (scraped.samples.len() + scraped.histograms.len()) as u64;
        match self.sink.send(scraped).await {
            Ok(()) => add(&self.counters.samples, count),
            Err(_) => add(&self.counters.lost_yields, 1),
        }
    }

    /// Hands on what the end of a target yields; waits 5 s at most.
    pub(crate) async fn send_last(&self, scraped: Scraped) {
        let count = (scraped.samples.len() + scraped.histograms.len()) as u64;
        match self.sink.send_timeout(scraped, LAST_OFFER).await {
            Ok(()) => add(&self.counters.samples, count),
            Err(error) => {
                add(&self.counters.lost_yields, 1);
                tracing::warn!(%error, "the end of series was taken by nobody");
            }
        }
    }
}

/// Milliseconds since 1970.
pub fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
