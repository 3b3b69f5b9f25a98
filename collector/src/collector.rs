//! Starts, drives and stops the collector.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use orszem_model::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::counters::{Counters, add, count};
use crate::source::journald;
use crate::source::tailer::Tailer;
use crate::{
    CollectorConfig, CollectorError, ConfigError, CounterValues, FileStatus, JournalMode, OutboundBatch, Output,
    OutputError,
};
use orszem_parse::Zone;

/// How often followed files are looked at.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// The first and the longest pause before a batch is sent, or a checkpoint written, again.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);

/// Follows logs until it is told to stop.
#[derive(Debug)]
pub struct Collector;

/// A running collector.
#[derive(Debug)]
pub struct CollectorHandle {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    counters: Arc<Counters>,
    files: Mutex<Vec<FileStatus>>,
}

impl Shared {
    fn publish(&self, files: Vec<FileStatus>) {
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }
}

impl Collector {
    /// Starts following; must be called within a tokio runtime. `host` becomes the label of lines that name none.
    ///
    /// It stops when `shutdown` is cancelled: a batch that is not acknowledged by then is sent again at the next
    /// start. Errors: an unusable configuration, a state directory that can't be made or a checkpoint that can't
    /// be read (a corrupt one is set aside and counted instead).
    pub fn start(
        config: CollectorConfig,
        host: String,
        output: Output,
        shutdown: CancellationToken,
    ) -> Result<CollectorHandle, CollectorError> {
        config.validate()?;
        if config.state_dir.as_os_str().is_empty() {
            return Err(ConfigError::NoStateDir.into());
        }
        let shared = Arc::new(Shared::default());
        let (journal_mode, from) = (config.journal, config.from);
        let source = format!("collector/{host}");
        let epoch = now().0.unsigned_abs();
        let mut tailer = Tailer::open(config, host, local_zone(), epoch, Arc::clone(&shared.counters))?;
        let journal = match journal_mode {
            JournalMode::Auto => journald::look(),
            JournalMode::Off => None,
        };
        if let Some(Ok(())) = &journal {
            let cursor = tailer.cursor().to_owned();
            tailer =
                tailer.with_journal(journald::follow(cursor, from, Arc::clone(&shared.counters), shutdown.clone()));
        }
        let driver = Driver {
            shared: Arc::clone(&shared),
            output,
            source,
            shutdown,
            journal_status: journal.and_then(Result::err),
        };
        let task = tokio::spawn(async move {
            if let Err(e) = driver.run(tailer).await {
                error!(error = &e as &dyn std::error::Error, "collector stopped");
            }
        });
        Ok(CollectorHandle { shared, task })
    }
}

impl CollectorHandle {
    /// What is followed and what can't be read, by path; complete within a second of the start.
    pub fn files(&self) -> Vec<FileStatus> {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counters now.
    pub fn counters(&self) -> CounterValues {
        self.shared.counters.values()
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        if let Err(e) = self.task.await {
            error!(error = %e, "collector panicked");
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// This host's zone; UTC where `/etc/localtime` says nothing.
fn local_zone() -> Zone {
    match std::fs::read(Path::new("/etc/localtime")) {
        Ok(bytes) => Zone::from_tzif(&bytes).unwrap_or_else(Zone::utc),
        Err(_) => Zone::utc(),
    }
}

/// The task: collect, save, send, again.
struct Driver {
    shared: Arc<Shared>,
    output: Output,
    source: String,
    shutdown: CancellationToken,
    /// Why the journal can't be followed.
    journal_status: Option<FileStatus>,
}

impl Driver {
    async fn run(self, mut tailer: Tailer) -> Result<(), CollectorError> {
        let mut retry = RETRY_FIRST;
        while !self.shutdown.is_cancelled() {
            let (back, step) = self.step(tailer).await?;
            tailer = back;
            let pause = match step {
                Ok(true) if self.send(&mut tailer).await? => Duration::ZERO,
                Ok(true) => return Ok(()),
                Ok(false) => POLL_EVERY,
                Err(e) => {
                    warn!(error = &e as &dyn std::error::Error, "collector's checkpoint was not written, trying again");
                    let pause = retry;
                    retry = (retry * 2).min(RETRY_LONGEST);
                    self.pause(pause).await;
                    continue;
                }
            };
            retry = RETRY_FIRST;
            self.pause(pause).await;
        }
        tokio::task::spawn_blocking(move || tailer.rest()).await.map_err(CollectorError::Step)?
    }

    /// One reading and saving step off the async threads; `true` if a batch is ready to be sent.
    async fn step(&self, mut tailer: Tailer) -> Result<(Tailer, Result<bool, CollectorError>), CollectorError> {
        let shared = Arc::clone(&self.shared);
        let journal_status = self.journal_status.clone();
        let step = move || {
            let ready = tailer.collect(now(), Instant::now());
            let mut files = tailer.statuses();
            files.extend(journal_status);
            shared.publish(files);
            let ready = ready.and_then(|ready| {
                if ready { tailer.save() } else { tailer.rest() }?;
                Ok(ready)
            });
            (tailer, ready)
        };
        tokio::task::spawn_blocking(step).await.map_err(CollectorError::Step)
    }

    /// Sends the batch under way until it is taken or refused; `false` when told to stop meanwhile.
    async fn send(&self, tailer: &mut Tailer) -> Result<bool, CollectorError> {
        let counters = &self.shared.counters;
        let mut retry = RETRY_FIRST;
        while let Some((epoch, seq, batch)) = tailer.under_way() {
            let records = orszem_model::wire::Batch::decode(batch).map_or(0, |batch| batch.record_count as u64);
            let (done, answer) = oneshot::channel();
            let outbound = OutboundBatch { batch: batch.to_vec(), source: self.source.clone(), epoch, seq, done };
            let Output::InProcess(sender) = &self.output;
            let sent = tokio::select! {
                () = self.shutdown.cancelled() => return Ok(false),
                sent = sender.send(outbound) => sent,
            };
            if sent.is_err() {
                return Err(CollectorError::OutputClosed);
            }
            let outcome = tokio::select! {
                () = self.shutdown.cancelled() => return Ok(false),
                outcome = answer => outcome,
            };
            let unanswered =
                |_| Err(OutputError::Unavailable { reason: "the batch was dropped without an answer".to_owned() });
            let pause = match outcome.unwrap_or_else(unanswered) {
                Ok(()) => {
                    count(&counters.batches_sent);
                    add(&counters.records_sent, records);
                    tailer.acknowledged();
                    break;
                }
                Err(OutputError::Refused { reason }) => {
                    error!(seq, records, reason, "batch refused, its records are dropped");
                    add(&counters.records_refused, records);
                    tailer.acknowledged();
                    break;
                }
                Err(OutputError::Busy { retry_after }) => retry_after.min(RETRY_LONGEST),
                Err(OutputError::Unavailable { reason }) => {
                    warn!(seq, reason, "batch not acknowledged, sending it again");
                    retry
                }
            };
            count(&counters.batches_retried);
            retry = (retry * 2).min(RETRY_LONGEST);
            self.pause(pause).await;
        }
        Ok(true)
    }

    async fn pause(&self, pause: Duration) {
        if !pause.is_zero() {
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
