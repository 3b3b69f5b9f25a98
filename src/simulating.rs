//! Lets a simulated site live in this process: its past at once, then second by second.

mod feed;
mod records;
mod truths;

use std::time::Duration;

use futures_util::future::BoxFuture;
use orszem_demo::Site;
use orszem_indexer::ingest::http::SamplesState;
use orszem_model::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cli::chain;
use crate::collecting::now;
use feed::Feed;
pub(crate) use truths::Truths;

/// How often the site is let live on.
const STEP: Duration = Duration::from_millis(500);

/// How often there is a story, and how many are past at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    every: Duration,
    past: u32,
}

impl Turns {
    /// At most `history`, and at least one failover. Every second turn is one and the last of the past is, unless the next
    /// is to be one: of every four the last is for a failed disk.
    pub(crate) fn of(history: Duration, every: Duration, next_is_failover: bool) -> Self {
        let most = u32::try_from(history.as_secs() / every.as_secs().max(1)).unwrap_or(u32::MAX);
        let past = match next_is_failover {
            false => (most / 2).max(1) * 2,
            true => (most.saturating_add(1) / 4).max(1) * 4 - 1,
        };
        Self { every, past }
    }
}

/// A site, and the way into the stores.
pub(crate) struct Simulation {
    seed: u64,
    every: Duration,
    start: Timestamp,
    /// Until here it is the past.
    present: Timestamp,
    feed: Feed,
    truths: Truths,
}

impl Simulation {
    /// A site of which so many turns are past.
    pub(crate) fn new(seed: u64, turns: Turns, state: SamplesState, truths: Truths) -> anyhow::Result<Self> {
        let present = now();
        let Turns { every, past } = turns;
        let start = present.before(every * past);
        let feed = Feed::new(state, u64::try_from(present.0).unwrap_or(0))?;
        Ok(Self { seed, every, start, present, feed, truths })
    }

    /// Lets it live; the answer stops it.
    pub(crate) fn start(self) -> BoxFuture<'static, ()> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let living = tokio::spawn(async move {
            tokio::select! {
                lived = self.live() => {
                    if let Err(error) = lived {
                        warn!(error = %chain(&error), "the simulated site has ended");
                    }
                }
                () = stopped.cancelled() => {}
            }
        });
        Box::pin(async move {
            stop.cancel();
            if let Err(error) = living.await {
                warn!(%error, "the simulated site ended badly");
            }
        })
    }

    async fn live(mut self) -> anyhow::Result<()> {
        // What tells of the cluster comes first, a whole story at a time; it is little.
        let mut site = self.past(true).await?;
        info!("what tells of the cluster is filled in");
        self.past(false).await?;
        info!(from = %self.start, "the simulated past is filled in");
        let mut tick = tokio::time::interval(STEP);
        loop {
            tick.tick().await;
            let items = site.advance(now());
            self.feed.put(&items).await?;
            self.truths.tell(&site.truths())?;
        }
    }

    /// Puts in the past of the cluster itself, or everything else of the past.
    async fn past(&mut self, is_of_cluster: bool) -> anyhow::Result<Site> {
        let mut site = Site::new(self.seed, self.start, self.every.as_secs());
        while site.now().0 + 1_000_000_000 <= self.present.0 {
            let until = site.turn_after(site.now().after(Duration::from_secs(1))).min(self.present);
            let mut items = tokio::task::block_in_place(|| site.advance(until));
            items.retain(|item| item.is_of_cluster() == is_of_cluster);
            self.feed.put(&items).await?;
            if is_of_cluster {
                self.truths.tell(&site.truths())?;
            }
        }
        Ok(site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_ends_with_a_failover_or_before_one() {
        let past = |minutes: u64, next_is_failover| {
            let minute = Duration::from_secs(60);
            Turns::of(minute * u32::try_from(minutes).expect("few"), minute * 5, next_is_failover).past
        };
        assert_eq!([1, 20, 34, 120].map(|minutes| past(minutes, false)), [2, 4, 6, 24]);
        assert_eq!([1, 20, 34, 35, 120].map(|minutes| past(minutes, true)), [3, 3, 3, 7, 23]);
    }
}
