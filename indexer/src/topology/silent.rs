//! The end of what collectors told that are gone.

use std::time::Duration;

use orszem_model::Timestamp;

use super::{EdgeSet, Topology};
use crate::error::Error;

/// What a collector told holds for so long after the last that was heard of it: a host that is down is still what its
/// cluster's configuration says it is, one that stays away for longer is gone.
const SILENT_MAX: Duration = Duration::from_secs(7 * 86_400);

impl Topology {
    /// Ends the edges of collectors of which nothing was heard for [`SILENT_MAX`], with the time at which that was over.
    /// Edges of reporters that are no collectors stay until they tell others. Answers how many ended.
    pub(crate) async fn end_silent(&self, now: Timestamp) -> Result<usize, Error> {
        let topology = self.clone();
        let reporters = tokio::task::spawn_blocking(move || topology.store().reporters());
        let reporters = reporters.await.map_err(|source| Error::Blocking { source })??;
        let mut ended = 0;
        for (tenant, reporter) in reporters {
            let Some(collector) = self.indexer.collectors().get(tenant, &reporter, now) else { continue };
            let heard = collector.last_seen_ns.max(collector.last_request_ns).map(Timestamp);
            let Some(at) = heard.map(|heard| heard.after(SILENT_MAX)).filter(|at| *at <= now) else { continue };
            ended += self.replace(EdgeSet { tenant, reporter, origin: None, at, edges: Vec::new() }).await?.removed;
        }
        Ok(ended)
    }
}
