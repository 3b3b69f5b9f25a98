//! Feeds a simulated site to the stores of this process: its past at once, then second by second.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use orszem_collector::{Layer, Replay, ReplayRecord};
use orszem_demo::{CLUSTER, Item, Probe, Sample, Site, Truth};
use orszem_indexer::ingest::IngestError;
use orszem_indexer::ingest::http::{Identity as Place, SamplesState, take_otlp};
use orszem_indexer::samples::SampleSubmission;
use orszem_model::{Attribute, AttributeValue, Kind, Labels, METRIC_NAME, Observation, Severity, Timestamp};
use orszem_series::Rejected;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::access::Identity;
use crate::cli::chain;
use crate::collecting::now;

/// Who sends the batches.
const SOURCE: &str = "orszem-demo";
/// How often the site is let live on.
const STEP: Duration = Duration::from_millis(500);
/// Samples of one submission.
const SAMPLES_MAX: usize = 20_000;
/// How often a batch is tried when the server is full.
const TRIES_MAX: u32 = 60;
const LABEL: (&str, &str) = ("simulated", "true");

/// Where the truth goes.
pub(crate) struct Truths {
    file: File,
    prints: bool,
}

impl Truths {
    /// Begins the file anew.
    pub(crate) fn new(path: &Path, prints: bool) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("can't write {}", path.display()))?;
        Ok(Self { file, prints })
    }

    fn tell(&mut self, truths: &[Truth]) -> anyhow::Result<()> {
        for truth in truths {
            let line = line(truth);
            writeln!(self.file, "{line}").context("can't write the truth")?;
            if self.prints {
                writeln!(std::io::stdout().lock(), "{line}").context("can't print the truth")?;
            }
        }
        Ok(())
    }
}

fn line(truth: &Truth) -> serde_json::Value {
    let Truth { story, from, until, root_cause, outage, service_away_ms, moved, expected, text } = truth;
    let outage = outage.map(|(from, until)| json!({"from": from.to_string(), "until": until.to_string(), "ms": (until.0 - from.0) / 1_000_000}));
    let expected: Vec<_> =
        expected.iter().map(|(kind, entity)| json!({"fact": kind.name(), "entity": entity})).collect();
    json!({
        "story": story.name(),
        "from": from.to_string(),
        "until": until.to_string(),
        "root_cause": root_cause,
        "outage": outage,
        "service_away_ms": service_away_ms,
        "moved": moved.map(|(from, to)| json!({"from": from, "to": to})),
        "expected_facts": expected,
        "text": text,
    })
}

/// A site, and the way into the stores.
pub(crate) struct Simulation {
    seed: u64,
    every: Duration,
    start: Timestamp,
    /// Until here it is the past.
    present: Timestamp,
    state: SamplesState,
    replay: Replay,
    truths: Truths,
    epoch: u64,
    batches: u64,
    submissions: u64,
}

impl Simulation {
    /// A site of which at most `history` is past, at least two stories.
    pub(crate) fn new(
        seed: u64,
        every: Duration,
        history: Duration,
        state: SamplesState,
        truths: Truths,
    ) -> anyhow::Result<Self> {
        let present = now();
        // An even number of turns, as every second one is a failover.
        let pairs = (history.as_secs() / (2 * every.as_secs().max(1))).max(1);
        let start = present.before(every * u32::try_from(2 * pairs).unwrap_or(u32::MAX));
        let labels = [LABEL, ("cluster", CLUSTER)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let replay = Replay::new(BTreeMap::from(labels)).context("can't make batches")?;
        let epoch = u64::try_from(present.0).unwrap_or(0);
        Ok(Self { seed, every, start, present, state, replay, truths, epoch, batches: 0, submissions: 0 })
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
            self.put(&items).await?;
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
            self.put(&items).await?;
            if is_of_cluster {
                self.truths.tell(&site.truths())?;
            }
        }
        Ok(site)
    }

    async fn put(&mut self, items: &[Item]) -> anyhow::Result<()> {
        let samples: Vec<&Sample> = items
            .iter()
            .filter_map(|item| match item {
                Item::Sample(sample) => Some(sample),
                Item::Line { .. } | Item::Seen { .. } | Item::Probe(_) => None,
            })
            .collect();
        for item in items {
            if !take(&mut self.replay, item) {
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

/// Puts an item into the batch; `false` when that is full. Samples are sent by themselves.
fn take(replay: &mut Replay, item: &Item) -> bool {
    match item {
        Item::Line { at, host, file, text } => replay.line(*at, host, Path::new(file), text),
        Item::Seen { seen, text } => {
            let (service, layer) = match seen.observation {
                Observation::DrbdResource(_)
                | Observation::DrbdDevice(_)
                | Observation::DrbdConnection(_)
                | Observation::DrbdPeerDevice(_)
                | Observation::DrbdHelper(_) => ("drbd", Layer::Storage),
                Observation::QuorumState(_) | Observation::LinkState(_) | Observation::WitnessState(_) => {
                    ("corosync", Layer::Cluster)
                }
                _ => ("pacemaker", Layer::Cluster),
            };
            let attributes = seen.attributes();
            replay.record(&ReplayRecord {
                at: seen.at,
                host: &seen.reporter,
                service,
                layer,
                kind: Kind::Event,
                severity: severity(&seen.observation),
                body: text,
                attributes: &attributes,
                entities: &entities(&attributes),
            })
        }
        Item::Probe(probe) => {
            let Probe { at, host, target, is_ok, status, duration_ms, error, text } = probe;
            let word = |key: &str, value| Attribute { key: key.to_owned(), value };
            let number = |number: String| AttributeValue::Integer(number);
            let mut attributes = vec![
                word("probe.target", AttributeValue::String((*target).to_owned())),
                word("probe.ok", AttributeValue::Bool(*is_ok)),
                word("probe.duration_ms", number(duration_ms.to_string())),
            ];
            attributes.extend(status.map(|status| word("http.status", number(status.to_string()))));
            if !error.is_empty() {
                attributes.push(word("probe.error", AttributeValue::String((*error).to_owned())));
            }
            replay.record(&ReplayRecord {
                at: *at,
                host,
                service: "probe",
                layer: Layer::Probe,
                kind: Kind::Probe,
                severity: if *is_ok { Severity::INFO } else { Severity::ERROR },
                body: text,
                attributes: &attributes,
                entities: &[],
            })
        }
        Item::Sample(_) => true,
    }
}

/// How bad it is by itself.
fn severity(observation: &Observation) -> Severity {
    match observation {
        Observation::Member(member) if !member.is_member => Severity::ERROR,
        Observation::Operation(operation) if operation.has_failed() => Severity::ERROR,
        Observation::NodeState(state) if state.is_unclean => Severity::ERROR,
        Observation::Fencing(_) => Severity::WARN,
        Observation::DrbdDevice(device) if device.disk == "Failed" => Severity::ERROR,
        Observation::DrbdConnection(it) if it.connection == "NetworkFailure" => Severity::WARN,
        _ => Severity::INFO,
    }
}

/// What an observation is about.
fn entities(attributes: &[Attribute]) -> Vec<String> {
    let of = |attribute: &Attribute| {
        let kind = match attribute.key.as_str() {
            "pacemaker.node" | "pacemaker.target" | "drbd.peer" => "host",
            "pacemaker.resource" | "pacemaker.parent" => "resource",
            "drbd.resource" => "drbd",
            _ => return None,
        };
        match &attribute.value {
            AttributeValue::String(name) => Some(format!("{kind}/{name}")),
            _ => None,
        }
    };
    attributes.iter().filter_map(of).collect()
}

/// The same for the same labels.
fn key(sample: &Sample) -> u128 {
    let mut hash = Sha256::new();
    for text in
        std::iter::once(sample.name).chain(sample.labels.iter().flat_map(|(name, value)| [*name, value.as_str()]))
    {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let digest = hash.finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(first)
}

fn labels(sample: &Sample) -> Labels {
    let fixed = [(METRIC_NAME, sample.name), LABEL, ("cluster", CLUSTER)];
    Labels::new(fixed.into_iter().chain(sample.labels.iter().map(|(name, value)| (*name, value.as_str()))).collect())
}
