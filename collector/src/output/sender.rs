//! Delivers one batch after the other, each until it was taken or set aside.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use orszem_model::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::connection::Dial;
use super::counts::add;
use super::dead_letter::{About, DeadLetter, DeadLetters};
use super::endpoints::{EndpointState, OutputStatus};
use super::http::{Http, chain};
use super::pause::{Backoff, LONGEST, LONGEST_MISCONFIGURED, LONGEST_UNREACHABLE};
use super::reply::Reply;
use super::tls::TlsError;
use super::{Accepted, Delivered, Outbound, OutboundBatch, Output, OutputError, Refused, Undelivered, split};

/// How often in a row an endpoint may fail before another one is tried.
const TRIES: u32 = 2;
/// The directory of dead letters within the state directory.
const DEAD_LETTERS: &str = "dead-letter";
/// More than any request decompresses to.
const RAW_BYTES_MAX: usize = 64 << 20;

/// Why sending can't begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{key} = {value}: {wrong}; {remedy}")]
    Config { key: String, value: String, wrong: String, remedy: String },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Delivers the batches of one source and epoch, one at a time.
#[derive(Debug)]
pub struct Sender {
    transport: Transport,
    source: String,
    epoch: u64,
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
    /// A sender that stops trying when `cancel` is cancelled. Dead letters go to `dead-letter` in `state_dir`.
    ///
    /// Must be called within a tokio runtime. Errors: a configuration that can't be used, files of TLS that can't be
    /// read.
    pub fn new(
        output: Output,
        state_dir: &Path,
        source: String,
        epoch: u64,
        cancel: CancellationToken,
    ) -> Result<Self, StartError> {
        Self::dialling(output, state_dir, source, epoch, cancel, Dial::Tcp)
    }

    pub(super) fn dialling(
        output: Output,
        state_dir: &Path,
        source: String,
        epoch: u64,
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
        let dead_letters = DeadLetters::new(state_dir.join(DEAD_LETTERS));
        let backoff = Backoff::default();
        Ok(Self { transport, source, epoch, dead_letters, status, cancel, backoff, failures: 0, moves: 0 })
    }

    /// A handle on how the endpoints do and what was counted.
    pub fn status(&self) -> OutputStatus {
        self.status.clone()
    }

    /// Sends a batch until a server has it, or refused it and it was set aside as a dead letter.
    ///
    /// After an error nothing is known of the batch: deliver it again, with the same number.
    pub async fn deliver(&mut self, batch: &Outbound) -> Result<Delivered, Undelivered> {
        let source = self.source.clone();
        let whole = Piece {
            payload: batch.payload.clone(),
            hash: batch.hash,
            source: &source,
            epoch: self.epoch,
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

    /// Sends the records of a batch that is too large in halves, quarters and so on, each under a key of its own.
    async fn deliver_in_pieces(
        &mut self,
        whole: &Piece<'_>,
        reason: String,
        refused: &mut Refused,
    ) -> Result<(), Undelivered> {
        let raw = match zstd::bulk::decompress(&whole.payload, RAW_BYTES_MAX) {
            Ok(raw) => raw,
            Err(error) => return self.set_aside(whole, "", format!("{reason}; not to be cut: {error}"), refused).await,
        };
        add(&self.status.counting().batches_split, 1);
        warn!(
            seq = whole.seq,
            records = whole.records,
            reason,
            "a batch is too large for the server; it goes in pieces"
        );
        // The path to a piece: `0` for a first half, `1` for a second one.
        let mut waiting: Vec<(String, Vec<u8>, String)> = vec![(String::new(), raw, reason)];
        while let Some((path, raw, reason)) = waiting.pop() {
            let Some((first, second)) = split::halves(&raw) else {
                let piece = self.piece(whole, &path, &raw).await?;
                self.set_aside(&piece, &path, reason, refused).await?;
                continue;
            };
            let mut halves = Vec::new();
            for (side, half) in [("0", first), ("1", second)] {
                let path = format!("{path}{side}");
                let piece = self.piece(whole, &path, &half).await?;
                match self.settle(&piece).await? {
                    Verdict::Accepted(accepted) => self.note_rejected(&accepted, refused),
                    Verdict::TooLarge(reason) => halves.push((path, half, reason)),
                    Verdict::Refused(reason) => self.set_aside(&piece, &path, reason, refused).await?,
                }
            }
            waiting.extend(halves);
        }
        Ok(())
    }

    /// A part of a batch, under a key that a repeat will have too.
    async fn piece<'a>(&mut self, whole: &Piece<'a>, path: &str, raw: &[u8]) -> Result<Piece<'a>, Undelivered> {
        let payload = loop {
            match zstd::bulk::compress(raw, 1) {
                Ok(payload) => break payload,
                Err(error) => error!(%error, "a piece of a batch can't be compressed; it is tried again"),
            }
            self.pause(None, LONGEST_MISCONFIGURED).await?;
        };
        let records = split::count(raw).and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        Ok(Piece {
            payload: payload.into(),
            hash: crc32c::crc32c(raw),
            records,
            key: Some(format!("{}-{}-{}-{path}", whole.source, whole.epoch, whole.seq)),
            ..whole.clone()
        })
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

    /// Keeps a piece as a dead letter, however long that takes.
    async fn set_aside(
        &mut self,
        piece: &Piece<'_>,
        path: &str,
        reason: String,
        refused: &mut Refused,
    ) -> Result<(), Undelivered> {
        let dash = if path.is_empty() { "" } else { "-" };
        let server = self.status.endpoints().get(self.status.current()).map_or(String::new(), |e| e.url.clone());
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let about = About {
            reason: reason.clone(),
            server,
            time: Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX)).to_string(),
            source: piece.source.to_owned(),
            epoch: piece.epoch,
            seq: piece.seq,
            records: piece.records.into(),
        };
        let name = format!("{}-{}{dash}{path}", piece.epoch, piece.seq);
        let letter = DeadLetter { name, payload: piece.payload.clone(), about };
        let (path, removed) = loop {
            let (letters, letter) = (self.dead_letters.clone(), letter.clone());
            match tokio::task::spawn_blocking(move || letters.keep(&letter)).await {
                Ok(Ok(kept)) => break kept,
                Ok(Err(error)) => {
                    error!(error = chain(&error), "a refused batch can't be set aside; it is tried again")
                }
                Err(error) => error!(%error, "setting a refused batch aside broke off; it is tried again"),
            }
            self.pause(None, LONGEST_MISCONFIGURED).await?;
        };
        error!(seq = piece.seq, records = piece.records, reason, path = %path.display(), "a batch was refused and is set aside");
        let counts = self.status.counting();
        add(&counts.dead_lettered, 1);
        add(&counts.dead_letters_removed, removed);
        refused.records += u64::from(piece.records);
        refused.reason = reason;
        refused.dead_letters.push(path);
        Ok(())
    }

    async fn take_back(&self, refused: &Refused) {
        for path in &refused.dead_letters {
            let (letters, path): (_, PathBuf) = (self.dead_letters.clone(), path.clone());
            match tokio::task::spawn_blocking(move || letters.remove(&path)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(error = chain(&error), "a needless dead letter stays"),
                Err(error) => warn!(%error, "a needless dead letter stays"),
            }
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
                    (EndpointState::Misconfigured, reason, None, LONGEST_MISCONFIGURED, remedy(status))
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
            Transport::Http(http) => Ok(http.attempt(self.status.current(), piece).await),
            Transport::InProcess(sender) => hand_over(sender, piece).await,
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

async fn hand_over(sender: &mpsc::Sender<OutboundBatch>, piece: &Piece<'_>) -> Result<Reply, Undelivered> {
    let (done, answer) = oneshot::channel();
    let batch = OutboundBatch {
        payload: piece.payload.clone(),
        hash: piece.hash,
        source: piece.source.to_owned(),
        epoch: piece.epoch,
        seq: piece.seq,
        skipped: piece.skipped,
        records: piece.records,
        done,
    };
    sender.send(batch).await.map_err(|_gone| Undelivered::Closed)?;
    let dropped = |_| Err(OutputError::Unavailable { reason: "the batch was dropped without an answer".to_owned() });
    Ok(match answer.await.unwrap_or_else(dropped) {
        Ok(accepted) => Reply::Accepted(accepted),
        Err(OutputError::Busy { retry_after }) => Reply::Busy("the receiver is full".to_owned(), Some(retry_after)),
        Err(OutputError::Unavailable { reason }) => Reply::Failed(reason, None),
        Err(OutputError::Refused { reason }) => Reply::Refused(reason),
    })
}

/// What to do about an answer that no repeat will change.
fn remedy(status: u16) -> &'static str {
    match status {
        0 => "mend the file that is named",
        401 => "the server does not know the token: put one that it knows in output.token_file",
        403 => "the token may not send records: give it the role ingest on the server",
        404 | 405 => "there is no /v1/logs: check that output.endpoints leads to the server itself",
        300..=399 => "the server points elsewhere: write that address in output.endpoints",
        _ => "see the server's own log, and check output.endpoints",
    }
}

/// A request without records, in zstd: a frame of no bytes (RFC 8878 §3.1.1), with a content size of 0.
fn empty_request() -> Bytes {
    Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00])
}
