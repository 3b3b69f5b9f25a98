//! Deleting by query: an order in the journal, carried out at its place among the records.

use orszem_journal::{FrameInput, Kind, Submission};
use orszem_logs::Range;
use orszem_search::Query;
use tokio::sync::oneshot;

use crate::apply::Answer;
use crate::command::{Command, Deletion};
use crate::error::Error;
use crate::indexer::Indexer;

impl Indexer {
    /// Removes the tenant's records that match within the range and were acknowledged before; answers how many. No
    /// records become visible while it runs, which takes a rewrite of every segment that holds one of them. A repeat
    /// after a failure is harmless. If the future is dropped the deletion goes on.
    ///
    /// # Errors
    /// Those of journaling it, after which nothing is deleted, and those of carrying it out.
    pub async fn delete(&self, query: &Query, tenant: u32, range: Range) -> Result<u64, Error> {
        if self.shared().door.is_closed() {
            return Err(Error::ShuttingDown);
        }
        let command = Command::Delete(Deletion { tenant, range, query: query.source.clone() });
        let frame = FrameInput { kind: Kind::Command, payload: command.encode().into() };
        let (sender, done) = oneshot::channel();
        self.journal(Submission { identity: None, frames: vec![frame] }, None, Answer::Deletion(sender))
            .map_err(|source| Error::JournalDeletion { source })?;
        done.await.unwrap_or(Err(Error::ShuttingDown))
    }
}
