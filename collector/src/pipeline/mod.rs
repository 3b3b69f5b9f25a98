//! The thread that reads: from the sources through parsing and transforming into the disk queue.
//!
//! A batch and the positions behind it go into one queue record, so whatever a crash takes away is read again, and
//! what was queued is not. While the queue is full nothing is read, but files are still watched and held open.

mod canary;
mod notice;
mod reading;
mod stage;
mod streams;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use orszem_queue::{AppendError, Appended, Changes, Entry, QueueError, Writer};
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

pub(crate) use canary::{Canary, POSITION as CANARY_POSITION};
pub(crate) use notice::{DROPS_POSITION, Drops, Notice, text as notice_text};
pub(crate) use reading::{Group, Prepared, Sources, SourcesConfig};
pub(crate) use stage::{Dropped, Facts, LastStamp, Stage};
pub(crate) use streams::{Origin, Streams};

use crate::counters::count;
use crate::encode::Encoded;
use crate::error::chain;
use crate::output::Signal;
use crate::shared::Shared;

/// How long a record waits for others before its batch is closed.
const BATCH_AGE: Duration = Duration::from_millis(200);
/// Queued bytes, and time, after which the queue is synced though there is more to read.
const SYNC_BYTES: usize = 4 << 20;
const SYNC_AGE: Duration = Duration::from_millis(200);
/// How long it sleeps where nothing wakes it up.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The pause after a failed write to the queue, and while it is full.
const FULL_PAUSE: Duration = Duration::from_millis(200);
/// How often status and counters are published.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// How often the status file is written where nothing is wrong that was right before, or the other way round.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// What the thread can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Goes on with another configuration; sources that are the same keep running.
    Reload(Box<Prepared>),
    /// Ends when everything read is in the queue.
    Stop,
}

/// The state of the thread.
pub(crate) struct Pipeline {
    pub(crate) stage: Stage,
    pub(crate) sources: Sources,
    pub(crate) canary: Canary,
    pub(crate) writer: Writer,
    /// The number behind the last durable batch, for the sender.
    pub(crate) durable: watch::Sender<u64>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state_dir: PathBuf,
    pub(crate) commands: Receiver<Command>,
    pub(crate) drops: Drops,
    /// When the status file was written, and what was wrong then.
    pub(crate) reported: Option<(Instant, [bool; 3])>,
    /// The queue has lost what it had taken; it has to be opened again.
    pub(crate) is_lost: bool,
}

/// A batch that is not in the queue yet.
struct Pending {
    encoded: Encoded,
    changes: Changes,
}

/// What one turn did.
struct Turn {
    is_idle: bool,
    is_blocked: bool,
}

impl Pipeline {
    /// Runs until it is told to stop, or until the sources have ended where they can.
    pub(crate) fn run(mut self) {
        let mut pending: Option<Pending> = None;
        let mut opened: Option<Instant> = None;
        let mut unsynced: Option<(Instant, usize)> = None;
        let mut published = None;
        let mut is_stopping = false;
        loop {
            let tick = Instant::now();
            let now = crate::clock::now();
            let turn = self.turn(now, tick, &mut pending, &mut opened, &mut unsynced, is_stopping);
            if published.is_none_or(|at: Instant| tick.saturating_duration_since(at) >= PUBLISH_EVERY) {
                published = Some(tick);
                self.publish(now, tick);
            }
            let is_done = pending.is_none() && self.stage.encoder.is_empty() && unsynced.is_none();
            let is_stuck = turn.is_blocked || pending.is_some();
            let has_ended = is_done && turn.is_idle && self.sources.have_ended();
            if (is_stopping && (is_done || is_stuck)) || has_ended || self.is_lost {
                self.reported = None;
                self.publish(now, tick);
                return;
            }
            match self.pause(&turn, opened, unsynced, tick) {
                Some(Command::Stop) => is_stopping = true,
                Some(Command::Reload(prepared)) => self.reload(*prepared),
                None => {}
            }
        }
    }

    /// Reads what there is, up to one batch, and brings it as far as it gets.
    fn turn(
        &mut self,
        now: Timestamp,
        tick: Instant,
        pending: &mut Option<Pending>,
        opened: &mut Option<Instant>,
        unsynced: &mut Option<(Instant, usize)>,
        is_stopping: bool,
    ) -> Turn {
        self.sources.watch(now, tick);
        // After a batch that had to wait there is most likely more to read.
        let mut is_idle = pending.is_none();
        let mut is_blocked = false;
        if pending.is_none() {
            let is_full = !is_stopping && self.read(now, tick);
            is_idle = !is_full;
            if !self.stage.encoder.is_empty() {
                let since = *opened.get_or_insert(tick);
                if is_full || is_stopping || tick.saturating_duration_since(since) >= BATCH_AGE {
                    *pending = self.close_batch();
                    match pending {
                        Some(_) => *opened = None,
                        None => is_blocked = true,
                    }
                }
            }
        }
        if let Some(batch) = pending.take() {
            match self.append(&batch) {
                Ok(bytes) => {
                    let (since, sum) = unsynced.unwrap_or((tick, 0));
                    *unsynced = Some((since, sum + bytes));
                }
                Err(error) => {
                    is_blocked = true;
                    self.tell_blocked(&error);
                    *pending = Some(batch);
                }
            }
        }
        if let Some((since, bytes)) = *unsynced {
            let is_due = bytes >= SYNC_BYTES || tick.saturating_duration_since(since) >= SYNC_AGE;
            if is_idle || is_due || is_blocked || is_stopping {
                *unsynced = self.sync().then_some(()).map_or(Some((since, bytes)), |()| None);
            }
        }
        Turn { is_idle, is_blocked }
    }

    /// Reads from all sources until the batch is full (`true`) or there is no more.
    fn read(&mut self, now: Timestamp, tick: Instant) -> bool {
        let counters = &self.shared.counters;
        for notice in self.sources.notices().into_iter().chain(self.shared.notices()) {
            notice.push_to(&mut self.stage, now, counters);
        }
        for summary in self.stage.transform.take_summaries(now) {
            Notice::throttled(&summary).push_to(&mut self.stage, now, counters);
        }
        if let Some(notice) = self.drops.notice(tick) {
            notice.push_to(&mut self.stage, now, counters);
        }
        if self.canary.is_due(tick) {
            let report = self.shared.report(now);
            let notice = self.canary.notice(now, tick, &report);
            notice.push_to(&mut self.stage, now, counters);
        }
        self.sources.read(now, tick, &mut self.stage)
    }

    fn close_batch(&mut self) -> Option<Pending> {
        let encoded = match self.stage.encoder.finish() {
            Ok(encoded) => encoded,
            Err(error) => {
                // Its records stay in the encoder for the next attempt.
                if self.shared.block(Signal::Logs, &chain(&error)) {
                    error!(error = &error as &dyn std::error::Error, "a batch can't be closed, trying again");
                }
                return None;
            }
        };
        self.stage.next_batch();
        let mut changes = self.sources.changes();
        changes.extend(self.canary.change());
        changes.extend(self.drops.change());
        Some(Pending { encoded, changes })
    }

    /// Puts the batch into the queue; answers its size.
    fn append(&mut self, batch: &Pending) -> Result<usize, AppendError> {
        let Pending { encoded, changes } = batch;
        let appended = self.writer.append(&Entry {
            payload: &encoded.payload,
            hash: encoded.hash,
            records: encoded.records,
            raw_bytes: encoded.raw_len as u64,
            time_range: Some((encoded.first.0, encoded.last.0)),
            changes,
        })?;
        match appended {
            Appended::Queued { .. } => self.shared.unblocked(Signal::Logs),
            Appended::Dropped => {}
        }
        self.sources.appended();
        if self.drops.update(&self.writer.usage()) {
            self.remember_drops();
        }
        Ok(encoded.payload.len())
    }

    /// Keeps in the queue how much it dropped, beside the positions behind it.
    fn remember_drops(&mut self) {
        let changes: Changes = self.drops.change().into_iter().collect();
        if let Err(error) = self.writer.checkpoint(&changes) {
            // The next batch has it, too.
            debug!(error = &error as &dyn std::error::Error, "what was dropped is not noted yet");
        }
    }

    /// Makes what was appended durable; `false` when that has to be tried again.
    fn sync(&mut self) -> bool {
        match self.writer.sync() {
            Ok(durable) => {
                self.durable.send_replace(durable);
                self.sources.synced();
                true
            }
            Err(error) => {
                count(&self.shared.counters.queue_errors);
                self.is_lost = matches!(error, QueueError::Lost { .. });
                if self.shared.block(Signal::Logs, &chain(&error)) {
                    error!(error = &error as &dyn std::error::Error, "the queue can't be synced, trying again");
                }
                false
            }
        }
    }

    fn tell_blocked(&self, error: &AppendError) {
        let is_news = self.shared.block(Signal::Logs, &chain(error));
        match error {
            AppendError::Full if is_news => warn!("the queue is full, reading pauses until something is sent"),
            AppendError::Full => {}
            _ => {
                count(&self.shared.counters.queue_errors);
                if is_news {
                    error!(error = error as &dyn std::error::Error, "the queue can't be written, reading pauses");
                }
            }
        }
    }

    /// Waits until there may be something to do, or a command comes.
    fn pause(
        &mut self,
        turn: &Turn,
        opened: Option<Instant>,
        unsynced: Option<(Instant, usize)>,
        tick: Instant,
    ) -> Option<Command> {
        if let Ok(command) = self.commands.try_recv() {
            return Some(command);
        }
        let wait = if turn.is_blocked {
            FULL_PAUSE
        } else if !turn.is_idle {
            self.shared.pause(tick)
        } else {
            let batch = opened.map(|at| (at + BATCH_AGE).saturating_duration_since(tick));
            let sync = unsynced.map(|_| SYNC_AGE);
            [batch, sync].into_iter().flatten().fold(LOOK_EVERY, Duration::min)
        };
        if turn.is_idle && !turn.is_blocked {
            self.sources.wait(wait);
            return None;
        }
        if wait.is_zero() {
            return None;
        }
        match self.commands.recv_timeout(wait) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Stop),
        }
    }

    fn reload(&mut self, prepared: Prepared) {
        let Prepared { stage, sources } = prepared;
        self.stage.reconfigure(stage);
        self.sources.reconfigure(sources);
        count(&self.shared.counters.reloads);
        info!("the collector goes on with the new configuration");
    }

    fn publish(&mut self, now: Timestamp, tick: Instant) {
        self.shared.publish(self.sources.statuses());
        let troubles = self.shared.troubles();
        let is_due = |(at, before): (Instant, [bool; 3])| {
            troubles != before || tick.saturating_duration_since(at) >= REPORT_EVERY
        };
        if self.reported.is_none_or(is_due) {
            self.reported = Some((tick, troubles));
            if let Err(error) = self.shared.report(now).write_to(&self.state_dir) {
                debug!(error = &error as &dyn std::error::Error, "the status file was not written");
            }
        }
    }
}
