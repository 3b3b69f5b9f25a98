//! Subscribers with durable cursors: each gets every applied group in order, at least once.
//!
//! A subscriber reads the journal, never a queue: being slow costs disk, because the journal is kept for it, not memory.

use std::sync::Arc;

use bytes::Bytes;
use orszem_journal::{Group, Kind, Reader};
use tokio::sync::watch;

use crate::error::Error;
use crate::shared::Shared;
use crate::wake::lock;

/// The records of one submission as they were applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedGroup {
    /// Commit this once the group is done with.
    pub end: u64,
    /// Encoded batches (`orszem_model::wire`) with their journal positions; never empty.
    pub batches: Vec<(u64, Bytes)>,
}

/// One reader of what is applied.
pub struct Subscriber {
    shared: Arc<Shared>,
    name: String,
    /// Where to read on.
    position: u64,
    reader: Option<Reader>,
    applied: watch::Receiver<u64>,
}

impl Subscriber {
    /// Goes on at the cursor `name`; makes it where the applied groups end now if there is none.
    pub(crate) fn open(shared: &Arc<Shared>, name: &str) -> Result<Self, Error> {
        let failed = |source| Error::Cursor { name: name.to_owned(), source };
        // Trimming looks at the cursors too, so a new one is in time to hold it back.
        let mut cursors = lock(&shared.cursors);
        let applied = shared.applied.subscribe();
        let position = match cursors.get(name) {
            Some(position) => position,
            None => {
                let now = *applied.borrow();
                cursors.set(name, now).map_err(failed)?;
                now
            }
        };
        drop(cursors);
        Ok(Self { shared: Arc::clone(shared), name: name.to_owned(), position, reader: None, applied })
    }

    /// Reads on at `position`, which lies behind the cursor or at it, and was remembered elsewhere.
    pub(crate) fn from(mut self, position: Option<u64>) -> Self {
        self.position = position.unwrap_or(self.position);
        self
    }

    /// The next applied group, if there is one. Blocks on the disk.
    pub fn try_next(&mut self) -> Result<Option<AppliedGroup>, Error> {
        let applied = *self.applied.borrow_and_update();
        while self.position < applied {
            let reader = self.reader.get_or_insert_with(|| self.shared.journal.read_from(self.position));
            let group = match reader.next() {
                None => return Ok(None),
                Some(Ok(group)) if group.first >= applied => {
                    // It is durable but not applied yet: it is read again then.
                    self.reader = None;
                    return Ok(None);
                }
                Some(Ok(group)) => group,
                Some(Err(orszem_journal::Error::Damaged(damage))) => {
                    tracing::error!(subscriber = %self.name, %damage, "a subscriber steps over damage in the journal");
                    self.shared.metrics.counted.failed("subscriber_read");
                    self.position = Reader::position(reader);
                    continue;
                }
                Some(Err(source)) => {
                    self.reader = None;
                    return Err(Error::ReadJournal { name: self.name.clone(), source });
                }
            };
            self.position = group.end;
            if let Some(group) = self.applied_part(group) {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    fn applied_part(&self, group: Group) -> Option<AppliedGroup> {
        if lock(&self.shared.judge).left_out(group.first) {
            return None;
        }
        let records = group.frames.into_iter().filter(|frame| frame.kind == Kind::Records);
        let batches: Vec<(u64, Bytes)> = records.map(|frame| (frame.position, frame.payload)).collect();
        (!batches.is_empty()).then_some(AppliedGroup { end: group.end, batches })
    }

    /// Waits until more has been applied than [`Self::try_next`] knew of; at once if that is so already. Once the
    /// indexer stops it fails with [`Error::ShuttingDown`].
    pub async fn changed(&mut self) -> Result<(), Error> {
        let changed = self.applied.changed().await;
        if changed.is_err() || self.shared.door.is_closed() { Err(Error::ShuttingDown) } else { Ok(()) }
    }

    /// Remembers durably that everything before `position` is done with. Blocks on the disk.
    pub fn commit(&self, position: u64) -> Result<(), Error> {
        let committed = lock(&self.shared.cursors).set(&self.name, position);
        committed.map_err(|source| Error::Cursor { name: self.name.clone(), source })
    }

    /// Bytes of the journal that are applied and were not given yet.
    pub(crate) fn behind(&self) -> u64 {
        self.applied.borrow().saturating_sub(self.position)
    }

    /// Where it reads on: behind the last group it was given.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Gives the cursor up, so that the journal is no longer kept for it. Blocks on the disk.
    pub fn unsubscribe(self) -> Result<(), Error> {
        let removed = lock(&self.shared.cursors).remove(&self.name);
        removed.map(|_existed| ()).map_err(|source| Error::Cursor { name: self.name.clone(), source })
    }
}
