//! Delivers one batch after the other, each until it was taken or set aside.

mod aside;
mod pieces;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use orszem_client::TlsError;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::counts::add;
use super::dead_letter::DeadLetters;
use super::dial::Dial;
use super::endpoints::{EndpointState, OutputStatus};
use super::http::Http;
use super::in_process::hand_over;
use super::pause::{Backoff, LONGEST, LONGEST_MISCONFIGURED, LONGEST_UNREACHABLE};
use super::reply::Reply;
use super::{Accepted, Delivered, Outbound, OutboundBatch, Output, Refused, Signal, Undelivered};

/// How often in a row an endpoint may fail before another one is tried.
const TRIES: u32 = 2;

/// Why sending can't begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{key} = {value}: {wrong}; {remedy}")]
    Config { key: String, value: String, wrong: String, remedy: String },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Delivers batches, one at a time.
#[derive(Debug)]
pub struct Sender {
    signal: Signal,
    transport: Transport,
    dead_letters: DeadLetters,
    status: OutputStatus,
    cancel: CancellationToken,
    backoff: Backoff,
    /// Failures in a row of the endpoint in use, and endpoints tried since the last success.
    failures: u32,
    moves: usize,
}

#[derive(Debug)]
enum Transport {
    InProcess(mpsc::Sender<OutboundBatch>),
    Http(Box<Http>),
}

/// What is sent in one request: a batch, its number without records, or some of its records.
#[derive(Clone, Debug)]
pub(super) struct Piece<'a> {
    pub(super) payload: Bytes,
    pub(super) hash: u32,
    pub(super) source: &'a str,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) skipped: u64,
    pub(super) records: u32,
    /// Stands for source, epoch and number where only a part of the batch is sent.
    pub(super) key: Option<String>,
}

/// What a receiver decided.
enum Verdict {
    Accepted(Accepted),
    TooLarge(String),
    Refused(String),
}

impl Sender {
    /// A sender of one signal that stops trying when `cancel` is cancelled. Dead letters go to a directory of the
    /// signal's own in `state_dir`.
    ///
    /// Must be called within a tokio runtime. Errors: a configuration that can't be used, files of TLS that can't be
    /// read.
    pub fn new(
        output: Output,
        signal: Signal,
        state_dir: &Path,
        cancel: CancellationToken,
    ) -> Result<Self, StartError> {
        Self::dialling(output, signal, state_dir, cancel, Dial::Tcp)
    }

    pub(super) fn dialling(
        output: Output,
        signal: Signal,
        state_dir: &Path,
        cancel: CancellationToken,
        dial: Dial,
    ) -> Result<Self, StartError> {
        let (transport, status) = match output {
            Output::InProcess(sender) => {
                (Transport::InProcess(sender), OutputStatus::new(std::iter::once("in-process".to_owned())))
            }
            Output::Http(output) => {
                let (http, status) = Http::new(&output.config, &output.config_hash, dial, &cancel)?;
                (Transport::Http(Box::new(http)), status)
            }
        };
        let dead_letters = DeadLetters::new(state_dir, signal);
        let backoff = Backoff::default();
        Ok(Self { signal, transport, dead_letters, status, cancel, backoff, failures: 0, moves: 0 })
    }

    /// A handle on how the endpoints do and what was counted.
    pub fn status(&self) -> OutputStatus {
        self.status.clone()
    }

    /// Sends a batch until a server has it, or refused it and it was set aside as a dead letter.
    ///
    /// After an error nothing is known of the batch: deliver it again, with the same number.
    pub async fn deliver(&mut self, batch: &Outbound) -> Result<Delivered, Undelivered> {
        let whole = Piece {
            payload: batch.payload.clone(),
            hash: batch.hash,
            source: &batch.source,
            epoch: batch.epoch,
            seq: batch.seq,
            skipped: batch.skipped,
            records: batch.records,
            key: None,
        };
        loop {
            let mut refused = Refused::default();
            match self.settle(&whole).await? {
                Verdict::Accepted(accepted) => {
                    self.note_rejected(&accepted, &mut refused);
                    return Ok(self.delivered(batch, &accepted, refused));
                }
                Verdict::TooLarge(reason) => self.deliver_in_pieces(&whole, reason, &mut refused).await?,
                Verdict::Refused(reason) => self.set_aside(&whole, "", reason, &mut refused).await?,
            }
            let number_only = Piece { payload: empty_request(), hash: 0, records: 0, ..whole.clone() };
            match self.settle(&number_only).await? {
                Verdict::Accepted(accepted) => return Ok(self.delivered(batch, &accepted, refused)),
                // Not even a batch without records: it was not the batch's fault, so nothing of it is given up.
                Verdict::TooLarge(reason) | Verdict::Refused(reason) => {
                    self.take_back(&refused).await;
                    let remedy = "the server refuses batches without records too: see its own log";
                    self.status.failed(EndpointState::Misconfigured, &reason, remedy);
                    add(&self.status.retrying().misconfigured, 1);
                    self.pause(None, LONGEST_MISCONFIGURED).await?;
                }
            }
        }
    }

    fn delivered(&mut self, batch: &Outbound, accepted: &Accepted, refused: Refused) -> Delivered {
        let counts = self.status.counting();
        add(&counts.batches_sent, 1);
        add(&counts.records_sent, u64::from(batch.records).saturating_sub(refused.records));
        add(&counts.raw_bytes_sent, batch.raw_len as u64);
        add(&counts.bytes_sent, batch.payload.len() as u64);
        Delivered {
            accepted_seq: accepted.accepted_seq,
            horizon_seq: accepted.horizon_seq,
            refused: (refused.records > 0).then_some(refused),
        }
    }

    /// Notes what a server left out of what it took.
    fn note_rejected(&self, accepted: &Accepted, refused: &mut Refused) {
        if accepted.rejected > 0 {
            warn!(records = accepted.rejected, reason = accepted.message, "the server left out records of a batch");
            add(&self.status.counting().refused_records, accepted.rejected);
            refused.records += accepted.rejected;
            refused.reason.clone_from(&accepted.message);
        }
    }

    /// Sends a piece until a receiver decides on it.
    async fn settle(&mut self, piece: &Piece<'_>) -> Result<Verdict, Undelivered> {
        let mut doubted = false;
        loop {
            self.move_back();
            let cancel = self.cancel.clone();
            let reply = tokio::select! {
                () = cancel.cancelled() => return Err(Undelivered::Cancelled),
                reply = self.attempt(piece) => reply?,
            };
            let retries = self.status.retrying();
            let (state, reason, asked, longest, remedy) = match reply {
                Reply::Accepted(accepted) => {
                    self.succeeded();
                    return Ok(Verdict::Accepted(accepted));
                }
                Reply::TooLarge(reason) => return Ok(Verdict::TooLarge(reason)),
                // Once more, in case it was damaged on its way.
                Reply::Refused(reason) if doubted => return Ok(Verdict::Refused(reason)),
                Reply::Refused(reason) => {
                    doubted = true;
                    add(&retries.doubted, 1);
                    warn!(seq = piece.seq, reason, "a batch was refused; it is sent once more");
                    self.pause(None, LONGEST).await?;
                    continue;
                }
                Reply::Busy(reason, asked) => {
                    add(&retries.busy, 1);
                    let remedy = "give the server more room, or send less, if this lasts";
                    (EndpointState::Busy, reason, asked, LONGEST, remedy)
                }
                Reply::Failed(reason, asked) => {
                    add(&retries.failed, 1);
                    (EndpointState::Failing, reason, asked, LONGEST, "see the server's own log")
                }
                Reply::Unreachable(reason) => {
                    add(&retries.unreachable, 1);
                    let remedy = "check that the server runs, and the way to it";
                    (EndpointState::Unreachable, reason, None, LONGEST_UNREACHABLE, remedy)
                }
                Reply::Misconfigured(status, reason) => {
                    add(&retries.misconfigured, 1);
                    if let (401, Transport::Http(http)) = (status, &mut self.transport) {
                        http.forget_token();
                    }
                    (EndpointState::Misconfigured, reason, None, LONGEST_MISCONFIGURED, self.signal.remedy(status))
                }
            };
            self.status.failed(state, &reason, remedy);
            let moved = matches!(state, EndpointState::Failing | EndpointState::Unreachable) && self.has_moved_on();
            if !moved {
                let has_others = self.moves + 1 < self.endpoints() && state != EndpointState::Busy;
                self.pause(asked.filter(|_| !has_others), longest).await?;
            }
        }
    }

    async fn attempt(&mut self, piece: &Piece<'_>) -> Result<Reply, Undelivered> {
        match &mut self.transport {
            Transport::Http(http) => Ok(http.attempt(self.status.current(), self.signal, piece).await),
            Transport::InProcess(sender) => hand_over(sender, self.signal, piece).await,
        }
    }

    fn endpoints(&self) -> usize {
        match &self.transport {
            Transport::Http(http) => http.endpoints(),
            Transport::InProcess(_) => 1,
        }
    }

    fn succeeded(&mut self) {
        self.status.sent();
        self.backoff.reset();
        self.failures = 0;
        self.moves = 0;
    }

    fn move_back(&mut self) {
        let before = self.status.current();
        self.status.move_back();
        if self.status.current() != before {
            self.failures = 0;
            self.moves = 0;
        }
    }

    /// Counts a failure; moves on to the next endpoint when it was one too many. `false` when a pause is due.
    fn has_moved_on(&mut self) -> bool {
        self.failures += 1;
        if self.failures < TRIES || self.endpoints() < 2 {
            return false;
        }
        self.status.move_on();
        self.failures = 0;
        self.moves += 1;
        // All of them failed: from here on each round waits.
        !self.moves.is_multiple_of(self.endpoints())
    }

    /// Waits as long as was asked for, else longer each time.
    async fn pause(&mut self, asked: Option<Duration>, longest: Duration) -> Result<(), Undelivered> {
        let grown = self.backoff.next(longest);
        tokio::select! {
            () = self.cancel.cancelled() => Err(Undelivered::Cancelled),
            () = sleep(asked.unwrap_or(grown)) => Ok(()),
        }
    }
}

/// A request without records, of either signal, in zstd: a frame of no bytes (RFC 8878 §3.1.1), with a content size of 0.
fn empty_request() -> Bytes {
    Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00])
}
