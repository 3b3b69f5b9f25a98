//! Starts, reloads and stops a collector: one thread that reads, one task that sends.

use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orszem_queue::{Full, Options as QueueOptions, Queue, Recovered};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::counters::Counters;
use crate::output::{HttpOutput, OutboundBatch, Output, Sender};
use crate::pipeline::{CANARY_POSITION, Canary, Command, DROPS_POSITION, Drops, Notice, Pipeline, Prepared, Sources};
use crate::report::Report;
use crate::send::Sending;
use crate::shared::{Identity, Shared};
use crate::source::stdin;
use crate::{CollectorConfig, CollectorError, CounterValues, FileStatus, WhenFull, clock, prepare};

/// The queue's directory in the state directory, and the size of its segments.
const QUEUE_DIR: &str = "queue";
const SEGMENT_BYTES: u64 = 16 << 20;
/// Commands that wait for the reading thread.
const COMMANDS: usize = 4;

/// Follows logs until it is told to stop.
#[derive(Debug)]
pub struct Collector;

/// What is read.
pub enum Input {
    /// What the configuration names.
    Configured,
    /// Only this, until it ends.
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
    senders: mpsc::Sender<Sender>,
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
        let state_dir = config.state_dir.clone();
        std::fs::create_dir_all(&state_dir)
            .map_err(|source| CollectorError::CreateStateDir { path: state_dir.clone(), source })?;
        let now = clock::now();
        let (writer, reader, recovered) = Queue::open(queue_options(&config, &state_dir))?;
        tell(&recovered);
        let damaged: Vec<Notice> =
            recovered.damage.iter().filter(|damage| damage.is_new).map(Notice::queue_damaged).collect();
        let Recovered { epoch, next_seq, positions, .. } = recovered;
        let counters = Arc::new(Counters::default());
        let Prepared { stage, sources } = prepared;
        let mut sources = match input {
            Input::Configured => {
                let is_first_start = positions.is_empty() && next_seq <= 1;
                Sources::open(sources, &positions, is_first_start, Arc::clone(&counters), now)?
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
        let source = format!("collector/{}", stage.host());
        let sender = Sender::new(output, &state_dir, source.clone(), epoch, shutdown.clone())?;
        let identity = identity(&config, stage.host(), epoch, now);
        let shared =
            Arc::new(Shared::new(counters, sender.status(), writer.monitor(), identity, prepare::throttle(&config)));
        let (durable_sender, durable) = watch::channel(next_seq);
        let (commands, receiver) = sync_channel(COMMANDS);
        let (senders, next_sender) = mpsc::channel(1);
        let (read_ended, has_read) = watch::channel(false);
        let (send_ended, has_sent) = watch::channel(false);
        let canary = Canary::new(epoch, positions.get(CANARY_POSITION).map(Vec::as_slice));
        let pipeline = Pipeline {
            stage,
            sources,
            canary,
            writer,
            durable: durable_sender,
            shared: Arc::clone(&shared),
            state_dir,
            commands: receiver,
            drops: Drops::new(positions.get(DROPS_POSITION).map(Vec::as_slice)),
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
            reader: Some(reader),
            sender,
            durable,
            shared: Arc::clone(&shared),
            shutdown: shutdown.clone(),
            next_sender,
        };
        tokio::spawn(async move {
            sending.run().await;
            send_ended.send_replace(true);
        });
        info!(source, epoch, "collecting");
        let config = Mutex::new(config);
        let inner = Inner { shared, host, is_in_process, config, commands, senders, shutdown, has_read, has_sent };
        Ok(CollectorHandle { inner: Arc::new(inner) })
    }
}

impl CollectorHandle {
    /// What is followed and what can't be read, by path; complete within a second or two of the start.
    pub fn files(&self) -> Vec<FileStatus> {
        self.inner.shared.files()
    }

    /// The counters now.
    pub fn counters(&self) -> CounterValues {
        self.inner.shared.counters.values()
    }

    /// Everything there is to say.
    pub fn report(&self) -> Report {
        self.inner.shared.report(clock::now())
    }

    /// Goes on with another configuration. All of it is checked first; on an error everything stays as it is. Sources
    /// that are the same keep running. The state directory and the queue's limits are those of the start.
    ///
    /// # Errors
    /// [`CollectorError::Config`], and [`CollectorError::Output`] for certificates that can't be read.
    pub async fn reload(&self, config: CollectorConfig) -> Result<(), CollectorError> {
        let inner = &self.inner;
        let before = inner.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let host = inner.host.clone();
        let wanted = config.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare::prepare(&wanted, &host));
        let prepared = prepared.await.map_err(CollectorError::Step)??;
        let Identity { epoch, started, .. } = inner.shared.identity();
        let identity = identity(&config, prepared.stage.host(), epoch, started);
        let is_new_output = config.output != before.output || config.host != before.host;
        if !inner.is_in_process && is_new_output {
            let source = format!("collector/{}", prepared.stage.host());
            let sender = Sender::new(http_output(&config), &before.state_dir, source, epoch, inner.shutdown.clone())?;
            inner.shared.set_output(sender.status());
            inner.senders.send(sender).await.map_err(|_| CollectorError::Stopped)?;
        }
        if config.queue != before.queue || config.state_dir != before.state_dir {
            warn!("another state_dir or queue of the collector takes effect at its next start");
        }
        inner.shared.reconfigure(identity, prepare::throttle(&config));
        let commands = inner.commands.clone();
        let told = tokio::task::spawn_blocking(move || commands.send(Command::Reload(Box::new(prepared))));
        told.await.map_err(CollectorError::Step)?.map_err(|_| CollectorError::Stopped)?;
        *inner.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Waits until nothing more is read: the input has ended, or the queue has failed for good.
    pub async fn has_ended(&self) {
        ended(self.inner.has_read.clone()).await;
    }

    /// Waits until all that is queued was sent, at most `within`; only after [`Self::has_ended`].
    pub async fn drained(&self, within: Duration) {
        if tokio::time::timeout(within, ended(self.inner.has_sent.clone())).await.is_err() {
            warn!("not everything was sent in time; the next start sends the rest");
        }
    }

    /// Stops: what was read is queued, and sending goes on for at most `drain`. The rest is sent by the next start.
    pub async fn stop(&self, drain: Duration) {
        let commands = self.inner.commands.clone();
        let told = tokio::task::spawn_blocking(move || commands.send(Command::Stop)).await;
        if let Err(error) = told {
            error!(%error, "the collector can't be told to stop");
        }
        self.has_ended().await;
        if tokio::time::timeout(drain, ended(self.inner.has_sent.clone())).await.is_err() {
            info!("stopping with batches in the queue; the next start sends them");
        }
        self.inner.shutdown.cancel();
        ended(self.inner.has_sent.clone()).await;
    }
}

/// Waits for `true`, or for the end of whoever would say it.
async fn ended(mut flag: watch::Receiver<bool>) {
    // An error means that the thread or task is gone, which is the same.
    if flag.wait_for(|ended| *ended).await.is_err() {
        tracing::debug!("a part of the collector ended without a word");
    }
}

fn queue_options(config: &CollectorConfig, state_dir: &Path) -> QueueOptions {
    QueueOptions {
        bytes_max: config.queue.bytes_max.bytes(),
        segment_bytes: SEGMENT_BYTES,
        full: match config.queue.full {
            WhenFull::Block => Full::Block,
            WhenFull::DropOldest => Full::DropOldest,
            WhenFull::DropNewest => Full::DropNewest,
        },
        ..QueueOptions::new(state_dir.join(QUEUE_DIR), clock::now().0.unsigned_abs())
    }
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

fn tell(recovered: &Recovered) {
    for damage in &recovered.damage {
        error!(damage = ?damage, "the queue is damaged; the rest of it is sent");
    }
    if recovered.torn_bytes > 0 {
        warn!(bytes = recovered.torn_bytes, "a batch that was cut short is read again");
    }
}
