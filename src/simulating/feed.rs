//! The way of what is simulated into the stores: batches and submissions as a collector sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use orszem_collector::Replay;
use orszem_demo::{CLUSTER, Item, Sample};
use orszem_indexer::facts::SIMULATED;
use orszem_indexer::ingest::IngestError;
use orszem_indexer::ingest::http::{Identity as Place, SamplesState, take_otlp};
use orszem_indexer::samples::SampleSubmission;
use orszem_series::Rejected;
use tracing::warn;

use super::records::{key, labels, take};
use crate::access::Identity;

/// Who sends the batches.
const SOURCE: &str = "orszem-demo";
/// Samples of one submission.
const SAMPLES_MAX: usize = 20_000;
/// How often a batch is tried when the server is full.
const TRIES_MAX: u32 = 60;

pub(super) struct Feed {
    state: SamplesState,
    replay: Replay,
    epoch: u64,
    batches: u64,
    submissions: u64,
}

impl Feed {
    /// Numbers batches from 1 on, in an epoch of their own.
    pub(super) fn new(state: SamplesState, epoch: u64) -> anyhow::Result<Self> {
        let labels = [SIMULATED, ("cluster", CLUSTER)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let replay = Replay::new(BTreeMap::from(labels)).context("can't make batches")?;
        Ok(Self { state, replay, epoch, batches: 0, submissions: 0 })
    }

    /// Puts items into the stores.
    pub(super) async fn put(&mut self, items: &[Item]) -> anyhow::Result<()> {
        let mut samples = Vec::new();
        for item in items {
            if let Item::Sample(sample) = item {
                samples.push(sample);
            } else if !take(&mut self.replay, item) {
                self.send().await?;
                take(&mut self.replay, item);
            }
        }
        self.send().await?;
        for samples in samples.chunks(SAMPLES_MAX) {
            self.send_samples(samples).await?;
        }
        Ok(())
    }

    /// Sends the batch at hand.
    async fn send(&mut self) -> anyhow::Result<()> {
        let Some(batch) = self.replay.finish().context("can't close a batch")? else { return Ok(()) };
        self.batches += 1;
        let tenant = Identity::local().tenant;
        for _ in 0..TRIES_MAX {
            let place = self.place(self.batches);
            match take_otlp(&self.state.ingest, tenant, place, batch.payload.clone(), batch.hash).await {
                Ok((_, decoded)) if decoded.rejected.is_empty() => return Ok(()),
                Ok((_, decoded)) => {
                    warn!(rejected = ?decoded.rejected.first(), "simulated records were rejected");
                    return Ok(());
                }
                Err(error) => wait(&error).await?,
            }
        }
        anyhow::bail!("the server was full for too long")
    }

    async fn send_samples(&mut self, samples: &[&Sample]) -> anyhow::Result<()> {
        self.submissions += 1;
        let tenant = Identity::local().tenant;
        for _ in 0..TRIES_MAX {
            let mut builder = self.state.samples.store().batch(tenant);
            for sample in samples {
                let series = builder.series::<Rejected>(key(sample), || Ok(labels(sample)));
                let series = series.context("a simulated series is refused")?;
                builder.sample(series, sample.at.0 / 1_000_000, sample.value);
            }
            let batch = builder.finish();
            let frames = batch.encode();
            let identity = Some(self.place(self.submissions));
            let submission = SampleSubmission { tenant, identity, idempotency_key: None, batch, frames };
            match self.state.samples.submit(submission).await {
                Ok(_) => return Ok(()),
                Err(error) => wait(&IngestError::from(error)).await?,
            }
        }
        anyhow::bail!("the server was full for too long")
    }

    fn place(&self, seq: u64) -> Place {
        Place { source: SOURCE.to_owned(), epoch: self.epoch, seq, skipped: 0 }
    }
}

/// Waits before the next try, if that may help.
async fn wait(error: &IngestError) -> anyhow::Result<()> {
    match error.retry_after_s {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.min(5))).await,
        None => anyhow::bail!("{}", error.message),
    }
    Ok(())
}
