//! The way in: recognise repeats, look for room, journal, and wait until the apply stage has acknowledged.

use bytes::Bytes;
use orszem_journal::{Appended, FrameInput, Identity as JournalIdentity, Kind, Signal, Submission};
use orszem_model::Matcher;
use orszem_series::Batch;
use tokio::sync::oneshot;

use super::Samples;
use super::apply::{Content, Durable};
use crate::command::{Command, SeriesDeletion};
use crate::error::chain;
use crate::identity;
use crate::ingest::http::{Accepted, Identity, SubmitError};
use crate::submit::submit_error;
use crate::wake::lock;

/// The samples of one request.
#[derive(Debug)]
pub struct SampleSubmission {
    pub tenant: u32,
    /// Who sends it and as which of its batches; repeats are recognised by it.
    pub identity: Option<Identity>,
    /// A foreign sender's own key, at most 256 bytes; repeats are recognised by it.
    pub idempotency_key: Option<String>,
    /// May be empty when everything was rejected but the identity still counts.
    pub batch: Batch,
    /// [`Batch::encode`] of it, done where that holds nobody up.
    pub frames: Vec<Bytes>,
}

impl Samples {
    /// Makes samples durable and visible. What it answers with `Ok` survives kill -9 and power loss and is found by
    /// every query from then on; with an error, nothing of it is kept, unless the process dies before it is cut off or
    /// the future was dropped.
    ///
    /// # Errors
    /// [`SubmitError::Overloaded`] when neither room nor a place in the journal's queue is found in 5 s,
    /// [`SubmitError::DiskFull`], [`SubmitError::TooLarge`], [`SubmitError::ShuttingDown`], and [`SubmitError::Io`] for
    /// all else.
    pub async fn submit(&self, submission: SampleSubmission) -> Result<Accepted, SubmitError> {
        let submitted = self.submit_counted(submission).await;
        if let Err(error) = &submitted {
            self.shared().metrics.counted.refused(error.reason());
        }
        submitted
    }

    async fn submit_counted(&self, submission: SampleSubmission) -> Result<Accepted, SubmitError> {
        let SampleSubmission { tenant, identity, idempotency_key, batch, frames } = submission;
        let shared = self.shared();
        if shared.door.is_closed() {
            return Err(SubmitError::ShuttingDown);
        }
        let identity = identity::of(tenant, Signal::Metrics, identity.as_ref(), idempotency_key.as_deref());
        let is_repeat =
            identity.as_ref().is_some_and(|identity| lock(&shared.judge).deduplicator.is_duplicate(identity));
        if is_repeat {
            shared.metrics.counted.repeated();
            return Ok(shared.accepted(identity.as_ref(), true));
        }
        if frames.is_empty() {
            if identity.is_none() {
                return Ok(Accepted::default());
            }
            // The identity of a batch without samples still has to be remembered.
            return self.journal(identity, mark(), Content::Command(Command::Mark)).await;
        }
        shared.door.room(&shared.wakes.flush, || shared.store.has_room().then_some(())).await?;
        let frames = frames.into_iter().map(|payload| FrameInput { kind: Kind::Samples, payload }).collect();
        self.journal(identity, frames, Content::Samples(batch)).await
    }

    /// Removes the tenant's samples in `[start, end]` (milliseconds) of the series that match one of the sets and were
    /// acknowledged before. A repeat after a failure is harmless. If the future is dropped the deletion goes on.
    ///
    /// # Errors
    /// As [`Self::submit`]; after [`SubmitError::Io`] part of the samples may be gone.
    pub async fn delete(&self, tenant: u32, sets: &[Vec<Matcher>], start: i64, end: i64) -> Result<(), SubmitError> {
        if self.shared().door.is_closed() {
            return Err(SubmitError::ShuttingDown);
        }
        let command = Command::DeleteSeries(SeriesDeletion::new(tenant, start, end, sets));
        let frames = vec![FrameInput { kind: Kind::Command, payload: command.encode().into() }];
        self.journal(None, frames, Content::Command(command)).await.map(drop)
    }

    /// Queues frames for the journal and waits until the apply stage has done what they say.
    async fn journal(
        &self,
        identity: Option<JournalIdentity>,
        frames: Vec<FrameInput>,
        content: Content,
    ) -> Result<Accepted, SubmitError> {
        let (answer, acknowledged) = oneshot::channel();
        let submission = Submission { identity: identity.clone(), frames };
        let appended = self.stages.append(submission, move |result| match result {
            Ok(Appended { first, end, positions: _ }) => Some(Durable { first, end, identity, content, answer }),
            Err(error) => {
                tracing::error!(error = %chain(&error), "the journal of metrics could not be written");
                if answer.send(Err(submit_error(&error))).is_err() {
                    tracing::debug!("a sender left before it was refused");
                }
                None
            }
        });
        appended.map_err(|error| submit_error(&error))?;
        let stopped = || SubmitError::Io("the apply stage has stopped".to_owned());
        acknowledged.await.unwrap_or_else(|_gone| Err(stopped()))
    }
}

fn mark() -> Vec<FrameInput> {
    vec![FrameInput { kind: Kind::Command, payload: Command::Mark.encode().into() }]
}
