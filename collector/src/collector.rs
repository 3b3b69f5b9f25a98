//! Starts, reloads and stops a collector: of logs one thread that reads and one task that sends, of metrics the same.

mod edges;
mod handle;
mod votes;

use std::io::Read;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use orszem_queue::Recovered;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cluster::latest::Latest;
use crate::counters::Counters;
use crate::metrics::{Metrics, Plan};
use crate::output::{HttpOutput, OutboundBatch, Output, Sender, Signal};
use crate::pipeline::{CANARY_POSITION, Canary, Command, DROPS_POSITION, Drops, Notice, Pipeline, Prepared, Sources};
use crate::queues::{self, Opened};
use crate::send::{Sending, Way};
use crate::shared::{Identity, Shared};
use crate::source::stdin;
use crate::{CollectorConfig, CollectorError, clock, prepare};

/// Commands that wait for the reading thread.
const COMMANDS: usize = 4;

/// Follows logs until it is told to stop.
#[derive(Debug)]
pub struct Collector;

/// What is read.
pub enum Input {
    /// What the configuration names.
    Configured,
    /// Only this, until it ends; no metrics.
    Reader(Box<dyn Read + Send>),
}

/// Where batches go.
#[derive(Debug)]
pub enum Destination {
    /// A server in the same process.
    InProcess(mpsc::Sender<OutboundBatch>),
    /// The endpoints of the configuration.
    Configured,
}

/// A running collector; cheap to clone. It runs until [`Self::stop`].
#[derive(Clone, Debug)]
pub struct CollectorHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    host: String,
    is_in_process: bool,
    /// The configuration in force.
    config: Mutex<CollectorConfig>,
    commands: SyncSender<Command>,
    ways: mpsc::Sender<Way>,
    /// `None` where only an input is read.
    metrics: Option<Metrics>,
    shutdown: CancellationToken,
    /// Turns `true` when the reading thread, and when the sending task, has ended.
    has_read: watch::Receiver<bool>,
    has_sent: watch::Receiver<bool>,
}

impl Collector {
    /// Starts following; must be called within a tokio runtime. `host` is this host's name, unless one is configured.
    ///
    /// What was queued by an earlier run is sent first. Errors: an unusable configuration, a state directory or queue
    /// that can't be opened (damage in it is set aside and counted instead), or another collector that has it open.
    pub fn start(
        config: CollectorConfig,
        host: String,
        input: Input,
        destination: Destination,
    ) -> Result<CollectorHandle, CollectorError> {
        let prepared = prepare::prepare(&config, &host)?;
        let plan = match input {
            Input::Configured => Some(Plan::new(&config, prepared.stage.host()).map_err(CollectorError::Config)?),
            Input::Reader(_) => None,
        };
        let state_dir = config.state_dir.clone();
        std::fs::create_dir_all(&state_dir)
            .map_err(|source| CollectorError::CreateStateDir { path: state_dir.clone(), source })?;
        let now = clock::now();
        let source = source(prepared.stage.host());
        let Opened { writer, reader, flows, recovered } =
            queues::open(Signal::Logs, &state_dir, config.queue, &source)?;
        let damaged: Vec<Notice> =
            recovered.damage.iter().filter(|damage| damage.is_new).map(Notice::queue_damaged).collect();
        let Recovered { epoch, next_seq, positions, .. } = recovered;
        let (counters, latest) = (Arc::new(Counters::default()), Latest::default());
        let Prepared { stage, sources } = prepared;
        let mut sources = match input {
            Input::Configured => {
                let is_first_start = positions.is_empty() && next_seq <= 1;
                Sources::open(sources, &positions, is_first_start, latest.clone(), Arc::clone(&counters), now)?
            }
            Input::Reader(reader) => {
                let lines = stdin::follow("input", reader).map_err(CollectorError::Thread)?;
                Sources::of_input(lines, Arc::clone(&counters))
            }
        };
        sources.tell(damaged);
        let shutdown = CancellationToken::new();
        let is_in_process = matches!(destination, Destination::InProcess(_));
        let output = match destination {
            Destination::InProcess(batches) => Output::InProcess(batches),
            Destination::Configured => http_output(&config),
        };
        let sender = |signal| Sender::new(output.clone(), signal, &state_dir, shutdown.clone());
        let metrics_sender = plan.as_ref().map(|_| sender(Signal::Metrics)).transpose()?;
        let sender = sender(Signal::Logs)?;
        let own_host = stage.host().to_owned();
        let identity = identity(&config, stage.host(), epoch, now);
        let shared = Arc::new(Shared::new(
            counters,
            sender.status(),
            writer.monitor(),
            identity,
            prepare::throttle(&config),
            latest,
        ));
        let (durable_sender, durable) = watch::channel(next_seq);
        let (commands, receiver) = sync_channel(COMMANDS);
        let (ways, next_way) = mpsc::channel(1);
        let (read_ended, has_read) = watch::channel(false);
        let (send_ended, has_sent) = watch::channel(false);
        // Before anything of logs runs, as it may fail.
        let metrics = match plan.zip(metrics_sender) {
            Some((plan, sender)) => Some(Metrics::start(&plan, &config, &own_host, sender, &shared, &shutdown)?),
            None => None,
        };
        let canary = Canary::new(epoch, positions.get(CANARY_POSITION).map(Vec::as_slice));
        let pipeline = Pipeline {
            stage,
            sources,
            canary,
            writer,
            durable: durable_sender,
            shared: Arc::clone(&shared),
            state_dir: config.state_dir.clone(),
            commands: receiver,
            drops: Drops::new(Signal::Logs, positions.get(DROPS_POSITION).map(Vec::as_slice)),
            reported: None,
            is_lost: false,
        };
        let reading = std::thread::Builder::new().name("collector".to_owned());
        let spawned = reading.spawn(move || {
            pipeline.run();
            read_ended.send_replace(true);
        });
        spawned.map_err(CollectorError::Thread)?;
        let sending = Sending {
            signal: Signal::Logs,
            reader: Some(reader),
            flows,
            first_seq: next_seq,
            sender,
            durable,
            shared: Arc::clone(&shared),
            shutdown: shutdown.clone(),
            next_way,
            set_back: None,
        };
        tokio::spawn(async move {
            sending.run().await;
            send_ended.send_replace(true);
        });
        info!(source, epoch, "collecting");
        let config = Mutex::new(config);
        let inner =
            Inner { shared, host, is_in_process, config, commands, ways, metrics, shutdown, has_read, has_sent };
        let handle = CollectorHandle { inner: Arc::new(inner) };
        if !is_in_process && handle.inner.metrics.is_some() {
            tokio::spawn(edges::keep_telling(handle.clone()));
            tokio::spawn(votes::keep_voting(handle.clone()));
            tokio::spawn(votes::keep_answering(handle.clone()));
        }
        Ok(handle)
    }
}

/// The name under which a host's batches are sent.
fn source(host: &str) -> String {
    format!("collector/{host}")
}

fn http_output(config: &CollectorConfig) -> Output {
    Output::Http(HttpOutput { config: config.output.clone(), config_hash: prepare::hash(config) })
}

fn identity(config: &CollectorConfig, host: &str, epoch: u64, started: orszem_model::Timestamp) -> Identity {
    Identity {
        host: host.to_owned(),
        config_hash: prepare::hash(config),
        started,
        epoch,
        queue_bytes_max: config.queue.bytes_max.bytes(),
    }
}
