//! The way in: one reporter's whole set of edges, and what it changes.

use std::collections::BTreeSet;

use orszem_journal::{FrameInput, Kind, Submission};
use orszem_model::Timestamp;
use orszem_model::topology::{Edge, EdgeChange};
use tokio::sync::oneshot;

use super::{EDGES_MAX, EdgeChanges, Topology};
use crate::apply::Answer;
use crate::command::Command;
use crate::error::Error;

/// Changes of one command; its frame stays far below a frame's limit, as texts are bounded at the edge.
const COMMAND_CHANGES_MAX: usize = 256;

/// All edges that a reporter knows at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeSet {
    pub tenant: u32,
    pub reporter: String,
    /// The edges are all of this origin, and the reporter's of other origins stay; `None` for all that it knows.
    pub origin: Option<String>,
    pub at: Timestamp,
    pub edges: Vec<Edge>,
}

/// What a set has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeTally {
    pub added: usize,
    pub removed: usize,
}

impl Topology {
    /// Makes the set the reporter's current one: edges that are not in it end, new ones begin, the others go on. A
    /// repeat changes nothing. What was answered with `Ok` survives kill -9 and power loss. If the future is dropped,
    /// part of it may have been done.
    ///
    /// # Errors
    /// [`Error::TooManyEdges`] beyond [`EDGES_MAX`]; those of the journal and of the catalogue.
    pub async fn replace(&self, set: EdgeSet) -> Result<EdgeTally, Error> {
        let shared = self.indexer.shared();
        // Nobody else may change the reporter's edges between the comparison and its outcome.
        let _turn = shared.topology_turn.lock().await;
        if shared.door.is_closed() {
            return Err(Error::ShuttingDown);
        }
        let EdgeSet { tenant, reporter, origin, at, edges } = set;
        let (topology, told_by) = (self.clone(), reporter.clone());
        let compared =
            tokio::task::spawn_blocking(move || topology.compare(tenant, &told_by, origin.as_deref(), at, edges));
        let changes = compared.await.map_err(|source| Error::Blocking { source })??;
        let added = changes.iter().filter(|change| change.is_there).count();
        let tally = EdgeTally { added, removed: changes.len() - added };
        for changes in changes.chunks(COMMAND_CHANGES_MAX) {
            self.journal(EdgeChanges { tenant, reporter: reporter.clone(), changes: changes.to_vec() }).await?;
        }
        Ok(tally)
    }

    /// What the set changes: ends first, so that the limit holds all the while.
    fn compare(
        &self,
        tenant: u32,
        reporter: &str,
        origin: Option<&str>,
        at: Timestamp,
        edges: Vec<Edge>,
    ) -> Result<Vec<EdgeChange>, Error> {
        let told: BTreeSet<Edge> = edges.into_iter().collect();
        let known = self.store().of_reporter(tenant, reporter, origin)?;
        let gone = known.difference(&told).map(|edge| EdgeChange { at, edge: edge.clone(), is_there: false });
        let new = told.difference(&known).map(|edge| EdgeChange { at, edge: edge.clone(), is_there: true });
        let held = self.store().count(tenant)?;
        if held + told.len() > EDGES_MAX + known.len() {
            return Err(Error::TooManyEdges { limit: EDGES_MAX });
        }
        Ok(gone.chain(new).collect())
    }

    async fn journal(&self, changes: EdgeChanges) -> Result<(), Error> {
        let command = Command::Edges(changes);
        let frame = FrameInput { kind: Kind::Command, payload: command.encode().into() };
        let (sender, done) = oneshot::channel();
        self.indexer
            .journal(Submission { identity: None, frames: vec![frame] }, None, Answer::Edges(sender))
            .map_err(|source| Error::JournalEdges { source })?;
        done.await.unwrap_or(Err(Error::ShuttingDown))
    }
}
