//! The apply stage: in the order of the journal, each batch is judged, made visible, and acknowledged.
//!
//! Replay runs the same code on the same groups, so it comes to the same store.

use orszem_journal::{Frame, Group, Identity, Kind, Verdict};
use orszem_series::{Applied, Batch};
use tokio::sync::oneshot;

use super::shared::Shared;
use crate::command::Command;
use crate::error::{Error, chain};
use crate::ingest::http::{Accepted, SubmitError};
use crate::wake::lock;

/// A group that is in the journal and whose sender waits.
pub(crate) struct Durable {
    pub(super) first: u64,
    pub(super) end: u64,
    pub(super) identity: Option<Identity>,
    pub(super) content: Content,
    pub(super) answer: oneshot::Sender<Result<Accepted, SubmitError>>,
}

/// What a group does.
pub(super) enum Content {
    Samples(Batch),
    Command(Command),
}

/// What became of a group.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// Samples that became visible.
    pub(super) samples: u64,
    /// Part of the group could not be applied.
    pub(super) failure: Option<Error>,
}

/// Applies a group and tells its sender.
pub(super) fn apply_durable(shared: &Shared, durable: Durable) {
    let Durable { first, end, identity, content, answer } = durable;
    let outcome = shared.apply(first, end, identity.as_ref(), vec![content]);
    if shared.store.wants_flush() {
        shared.wakes.flush.call();
    }
    let Outcome { verdict, samples, failure } = outcome;
    shared.metrics.samples.inc_by(samples);
    let accepted = || shared.accepted(identity.as_ref(), matches!(verdict, Verdict::Duplicate(_)));
    let told = failure.map_or_else(|| Ok(accepted()), |error| Err(SubmitError::Io(chain(&error))));
    if answer.send(told).is_err() {
        tracing::debug!("a sender left before it was acknowledged");
    }
}

impl Shared {
    /// Applies a group that was read back from the journal.
    pub(super) fn replay(&self, group: Group) -> Outcome {
        let Group { first, end, identity, frames } = group;
        let mut contents = Vec::with_capacity(frames.len());
        let mut failure = None;
        for frame in frames {
            match content(&frame) {
                Ok(content) => contents.push(content),
                Err(error) => failure = Some(error),
            }
        }
        let outcome = self.apply(first, end, identity.as_ref(), contents);
        if let Some(error) = &failure {
            self.metrics.counted.failed("apply");
            tracing::error!(position = first, error = %chain(error), "a journaled group was not applied in full");
        }
        Outcome { failure: outcome.failure.or(failure), ..outcome }
    }

    /// Judges a group and makes what is new in it visible.
    fn apply(&self, first: u64, end: u64, identity: Option<&Identity>, contents: Vec<Content>) -> Outcome {
        let is_repeat = lock(&self.judge).is_repeat(identity, first);
        let (mut batches, mut failure) = (Vec::new(), None);
        if !is_repeat {
            for content in contents {
                match content {
                    Content::Samples(batch) => batches.push(batch),
                    Content::Command(command) => failure = self.obey(first, command).err().or(failure),
                }
            }
        }
        if let Some(watch) = lock(&self.watch).as_mut() {
            watch(&self.store, &batches);
        }
        let Applied { samples, duplicates, unknown_series } = self.store.apply(batches, end);
        self.metrics.applied(duplicates, unknown_series);
        // Whoever finds an identity known finds its samples too: it is made known after them.
        let verdict = lock(&self.judge).admit(identity, first, end);
        self.metrics.counted.judged(verdict);
        if let Some(error) = &failure {
            self.metrics.counted.failed("apply");
            tracing::error!(position = first, error = %chain(error), "a journaled group was not applied in full");
        }
        Outcome { verdict, samples: samples + duplicates, failure }
    }

    /// Carries out a command, unless its effect is in files already: then samples that came after it may be there too,
    /// and those it does not concern.
    fn obey(&self, position: u64, command: Command) -> Result<(), Error> {
        match command {
            Command::Mark => Ok(()),
            Command::DeleteSeries(_) if position < self.store.flushed() => Ok(()),
            Command::DeleteSeries(deletion) => {
                for set in deletion.matchers().ok_or(Error::UnknownCommand { position })? {
                    let deleted = self.store.delete(deletion.tenant, &set, deletion.start, deletion.end);
                    deleted.map_err(|source| Error::DeleteSamples { source })?;
                }
                Ok(())
            }
            Command::Delete(_) | Command::Edges(_) => Err(Error::UnknownCommand { position }),
        }
    }

    /// The acknowledgement of a submission with this identity.
    pub(super) fn accepted(&self, identity: Option<&Identity>, duplicate: bool) -> Accepted {
        lock(&self.judge).accepted(identity, duplicate)
    }
}

fn content(frame: &Frame) -> Result<Content, Error> {
    let position = frame.position;
    match frame.kind {
        Kind::Samples => {
            let batch = Batch::decode(&frame.payload);
            Ok(Content::Samples(batch.map_err(|source| Error::DecodeSamples { position, source })?))
        }
        Kind::Command => {
            Command::decode(&frame.payload).map(Content::Command).ok_or(Error::UnknownCommand { position })
        }
        Kind::Records => Err(Error::ForeignFrame { position }),
    }
}
