//! The apply stage: in the order of the journal, each group is judged, made visible, and acknowledged.
//!
//! Replay runs the same code on the same groups, so it comes to the same store.

use bytes::Bytes;
use orszem_journal::{Group, Identity, Kind, Verdict};
use orszem_logs::Reservation;
use orszem_search::Query;
use tokio::sync::oneshot;

use crate::command::{Command, Deletion};
use crate::error::{Error, chain};
use crate::ingest::http::{Accepted, SubmitError};
use crate::shared::Shared;
use crate::wake::lock;

/// A group that is in the journal and whose sender waits.
pub(crate) struct Durable {
    pub(crate) group: Group,
    /// The room that was promised to it.
    pub(crate) reservation: Option<Reservation>,
    pub(crate) answer: Answer,
}

/// Who waits for the group to be applied.
pub(crate) enum Answer {
    Submission(oneshot::Sender<Result<Accepted, SubmitError>>),
    Deletion(oneshot::Sender<Result<u64, Error>>),
    Edges(oneshot::Sender<Result<(), Error>>),
}

/// What became of a group.
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// Records that became visible.
    pub(crate) records: u64,
    /// Records that a deletion removed.
    pub(crate) deleted: u64,
    /// Part of the group could not be applied.
    pub(crate) failure: Option<Error>,
}

/// Applies a group and tells its sender.
pub(crate) fn apply_durable(shared: &Shared, durable: Durable) {
    let Durable { group, reservation, answer } = durable;
    let identity = group.identity.clone();
    let outcome = shared.apply(group);
    drop(reservation);
    shared.door.tell_room();
    if shared.store.wants_flush() {
        shared.wakes.flush.call();
    }
    acknowledge(shared, identity.as_ref(), outcome, answer);
}

fn acknowledge(shared: &Shared, identity: Option<&Identity>, outcome: Outcome, answer: Answer) {
    let Outcome { verdict, records, deleted, failure } = outcome;
    shared.metrics.records.inc_by(records);
    let is_heard = match answer {
        Answer::Submission(sender) => {
            let duplicate = matches!(verdict, Verdict::Duplicate(_));
            let accepted = || shared.accepted(identity, duplicate);
            sender.send(failure.map_or_else(|| Ok(accepted()), |error| Err(SubmitError::Io(chain(&error))))).is_ok()
        }
        Answer::Deletion(sender) => sender.send(failure.map_or(Ok(deleted), Err)).is_ok(),
        Answer::Edges(sender) => sender.send(failure.map_or(Ok(()), Err)).is_ok(),
    };
    if !is_heard {
        tracing::debug!("a sender left before it was acknowledged");
    }
}

impl Shared {
    /// Judges a group, makes what is new in it visible, and moves the applied position behind it.
    pub(crate) fn apply(&self, group: Group) -> Outcome {
        let Group { first, end, identity, frames } = group;
        let is_repeat = lock(&self.judge).is_repeat(identity.as_ref(), first);
        let (mut records, mut deleted, mut failure) = (0, 0, None);
        let mut batches: Vec<(u64, Bytes)> = Vec::new();
        for frame in frames {
            match frame.kind {
                Kind::Records if !is_repeat => batches.push((frame.position, frame.payload)),
                Kind::Command if !is_repeat => match self.obey(frame.position, &frame.payload) {
                    Ok(count) => deleted += count,
                    Err(error) => failure = Some(error),
                },
                Kind::Records | Kind::Command => {}
                Kind::Samples => {
                    tracing::error!(position = frame.position, "samples in the journal of logs are left out")
                }
            }
        }
        match self.store.apply(batches.clone(), end) {
            Ok(added) => records += added,
            Err(source) => failure = Some(Error::Apply { source }),
        }
        self.tail.publish(&batches);
        self.collectors.applied(first, end, &batches);
        // Whoever finds an identity known finds its records too: it is made known after them.
        let verdict = lock(&self.judge).admit(identity.as_ref(), first, end);
        self.metrics.counted.judged(verdict);
        if let Some(error) = &failure {
            self.metrics.counted.failed("apply");
            tracing::error!(position = first, error = %chain(error), "a journaled group was not applied in full");
        }
        self.applied.send_replace(end);
        Outcome { verdict, records, deleted, failure }
    }

    /// Carries out a command, unless its effect is in the segments already: then records that came after it may be
    /// there too, and those it does not concern.
    fn obey(&self, position: u64, payload: &[u8]) -> Result<u64, Error> {
        match Command::decode(payload).ok_or(Error::UnknownCommand { position })? {
            Command::Mark => Ok(0),
            Command::Delete(_) if position < self.store.flushed() => Ok(0),
            Command::Delete(deletion) => self.delete(position, &deletion),
            // The topology knows by itself which it has.
            Command::Edges(changes) => self.topology.apply(position, &changes).map(|()| 0),
            Command::DeleteSeries(_) => Err(Error::UnknownCommand { position }),
        }
    }

    fn delete(&self, position: u64, deletion: &Deletion) -> Result<u64, Error> {
        let Deletion { tenant, range, query } = deletion;
        let query = Query::parse(query).map_err(|source| Error::CommandQuery { position, source })?;
        let deleted = self.store.delete(&|record| {
            record.stream.tenant == *tenant
                && (range.from..range.to).contains(&record.timestamp.0)
                && query.matches(record)
        });
        let deleted = deleted.map_err(|source| Error::Delete { source })?;
        self.metrics.deleted.inc_by(deleted);
        tracing::info!(position, tenant, query = %query.source, deleted, "records were deleted");
        // Moves the flushed position behind the command, so that the next start need not look for its records again.
        self.wakes.flush.call();
        Ok(deleted)
    }

    /// The acknowledgement of a submission as the deduplication stage knows its sender now.
    pub(crate) fn accepted(&self, identity: Option<&Identity>, duplicate: bool) -> Accepted {
        lock(&self.judge).accepted(identity, duplicate)
    }
}
