//! The way in: recognise repeats, promise room, journal, and wait until the apply stage has acknowledged.

use std::sync::Arc;

use bytes::Bytes;
use orszem_journal::{Appended, Frame, FrameInput, Group, Kind, Signal, Submission as JournalSubmission};
use orszem_logs::Reservation;
use tokio::sync::oneshot;

use crate::apply::{Answer, Durable};
use crate::command::Command;
use crate::door::RETRY_AFTER_S;
use crate::error::chain;
use crate::identity;
use crate::indexer::Indexer;
use crate::ingest::http::{Accepted, Submission, SubmitError, SubmitFn};
use crate::wake::lock;

impl Indexer {
    /// Makes a submission durable and visible. What it answers with `Ok` survives kill -9 and power loss and is found
    /// by every query from then on; with an error, nothing of it is kept, unless the process dies before it is cut off
    /// or the future was dropped.
    ///
    /// # Errors
    /// [`SubmitError::Overloaded`] when neither room nor a place in the journal's queue is found in 5 s,
    /// [`SubmitError::DiskFull`], [`SubmitError::TooLarge`], [`SubmitError::ShuttingDown`], and [`SubmitError::Io`] for all else.
    pub async fn submit(&self, submission: Submission) -> Result<Accepted, SubmitError> {
        let submitted = self.submit_counted(submission).await;
        if let Err(error) = &submitted {
            self.shared().metrics.counted.refused(error.reason());
        }
        submitted
    }

    /// [`Self::submit`] as the ingest routes take it.
    pub fn submit_fn(&self) -> SubmitFn {
        let indexer = self.clone();
        Arc::new(move |submission| {
            let indexer = indexer.clone();
            Box::pin(async move { indexer.submit(submission).await })
        })
    }

    async fn submit_counted(&self, submission: Submission) -> Result<Accepted, SubmitError> {
        let shared = self.shared();
        if shared.door.is_closed() {
            return Err(SubmitError::ShuttingDown);
        }
        let Submission { tenant, identity, idempotency_key, batches } = submission;
        let identity = identity::of(tenant, Signal::Logs, identity.as_ref(), idempotency_key.as_deref());
        let is_repeat =
            identity.as_ref().is_some_and(|identity| lock(&shared.judge).deduplicator.is_duplicate(identity));
        if is_repeat {
            shared.metrics.counted.repeated();
            return Ok(shared.accepted(identity.as_ref(), true));
        }
        let frames = frames(batches, identity.is_some());
        if frames.is_empty() {
            return Ok(Accepted::default());
        }
        let bytes = frames.iter().map(|frame| frame.payload.len()).sum();
        let reservation = shared.door.room(&shared.wakes.flush, || shared.store.reserve(bytes).ok()).await?;
        let (sender, acknowledged) = oneshot::channel();
        self.journal(JournalSubmission { identity, frames }, Some(reservation), Answer::Submission(sender))
            .map_err(|error| submit_error(&error))?;
        let stopped = |_gone| SubmitError::Io("the apply stage has stopped".to_owned());
        acknowledged.await.unwrap_or_else(|gone| Err(stopped(gone)))
    }

    /// Queues a submission for the journal; the apply stage answers it once it is durable. With an error nobody does.
    pub(crate) fn journal(
        &self,
        submission: JournalSubmission,
        reservation: Option<Reservation>,
        answer: Answer,
    ) -> Result<(), orszem_journal::Error> {
        let JournalSubmission { identity, frames } = submission.clone();
        self.stages().append(submission, move |result| match result {
            Ok(Appended { first, end, positions }) => {
                let place = |(FrameInput { kind, payload }, position)| Frame { position, kind, payload };
                let frames = frames.into_iter().zip(positions).map(place).collect();
                Some(Durable { group: Group { first, end, identity, frames }, reservation, answer })
            }
            Err(error) => {
                refuse(answer, error);
                None
            }
        })
    }
}

/// The frames of a submission's batches. A batch identity without records still has to be remembered.
fn frames(batches: Vec<Vec<u8>>, has_identity: bool) -> Vec<FrameInput> {
    let records = |batch: Vec<u8>| FrameInput { kind: Kind::Records, payload: Bytes::from(batch) };
    let mut frames: Vec<FrameInput> = batches.into_iter().map(records).collect();
    if frames.is_empty() && has_identity {
        frames.push(FrameInput { kind: Kind::Command, payload: Command::Mark.encode().into() });
    }
    frames
}

fn refuse(answer: Answer, error: orszem_journal::Error) {
    tracing::error!(error = %chain(&error), "the journal could not be written");
    let is_heard = match answer {
        Answer::Submission(sender) => sender.send(Err(submit_error(&error))).is_ok(),
        Answer::Deletion(sender) => sender.send(Err(crate::Error::JournalDeletion { source: error })).is_ok(),
        Answer::Edges(sender) => sender.send(Err(crate::Error::JournalEdges { source: error })).is_ok(),
    };
    if !is_heard {
        tracing::debug!("a sender left before it was refused");
    }
}

pub(crate) fn submit_error(error: &orszem_journal::Error) -> SubmitError {
    match error {
        orszem_journal::Error::QueueFull => SubmitError::Overloaded { retry_after_s: RETRY_AFTER_S },
        orszem_journal::Error::GroupTooLarge { bytes, limit } => SubmitError::TooLarge { bytes: *bytes, limit: *limit },
        orszem_journal::Error::WriterStopped => SubmitError::ShuttingDown,
        error if error.is_disk_full() => SubmitError::DiskFull,
        error => SubmitError::Io(chain(error)),
    }
}
