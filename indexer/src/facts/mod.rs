//! What happened in the clusters that are watched: a subscriber of the logs that concludes facts from what their
//! reporters see, each once, and puts them among the records.
//!
//! Once and no more holds across kill -9, because the order is: facts are concluded; the state of all engines, the
//! place in the journal and the facts that go out next are saved in one file; only then the facts are submitted, under
//! the numbers that are saved with them. What is submitted again after a crash is a repeat like any other.

mod edges;
mod feed;
mod metrics;
mod record;
mod saved;
mod stage;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, chain};
use crate::indexer::Indexer;
use crate::maintenance;
use crate::topology::{EdgeSet, Topology};
use edges::ChangedEdges;
use metrics::FactMetrics;
use stage::Stage;

pub(crate) use saved::FILE_NAME;
pub use stage::CLUSTERS_MAX;

/// The `service` label of facts, and the source under which they are submitted.
pub const SERVICE: &str = "orszem-facts";
/// The label of streams whose records are made up; the facts that follow from them have it, too.
pub const SIMULATED: (&str, &str) = ("simulated", "true");
/// How often the engines are told the time.
const TICK: Duration = Duration::from_millis(500);
/// How long to wait after a failure, which most often is a full disk.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often it is looked whether collectors that told of edges are gone.
const LOOK_FOR_SILENT_EVERY: Duration = Duration::from_secs(600);

/// The stage while it runs.
#[derive(Debug)]
pub struct FactsStage {
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl FactsStage {
    /// Goes on where the last one ended, in a task of its own. Blocks on the disk.
    ///
    /// # Errors
    /// When the state can't be read or the cursor not be made. A state that is damaged is set aside, logged, and begun
    /// anew with what is applied from now on.
    pub fn start(indexer: &Indexer, registry: &mut Registry) -> Result<Self, Error> {
        let metrics = Arc::new(FactMetrics::default());
        metrics.register(registry);
        let stage = Stage::open(indexer, metrics, maintenance::now())?;
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(stage, indexer.topology(), stop.clone()));
        Ok(Self { stop, running })
    }

    /// Ends it. What is not done yet, the next start does.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the stage of facts ended badly; the next start goes on with what it saved");
        }
    }
}

async fn run(stage: Stage, topology: Topology, stop: CancellationToken) {
    let mut stage = stage;
    // Collectors are not gone because the server was.
    let mut looked = Instant::now();
    loop {
        let round = tokio::task::spawn_blocking(move || {
            let mut stage = stage;
            let advanced = stage.advance(maintenance::now());
            (stage, advanced)
        });
        let advanced = match round.await {
            Ok((back, advanced)) => {
                stage = back;
                advanced
            }
            Err(error) => {
                tracing::error!(%error, "no more facts until the next start: the stage has failed");
                return;
            }
        };
        let done = match advanced {
            Ok(has_more) => stage.submit().await.map(|()| has_more),
            Err(error) => Err(error),
        };
        let done = match done {
            Ok(has_more) => tell_edges(&mut stage, &topology).await.map(|()| has_more),
            Err(error) => Err(error),
        };
        let done = match done {
            Ok(false) => end_silent(&topology, &mut looked).await.map(|()| false),
            done => done,
        };
        let has_more = match done {
            Ok(has_more) => has_more,
            Err(Error::ShuttingDown) => break,
            Err(error) => {
                stage.failed();
                tracing::error!(error = %chain(&error), "facts are late: they are tried again");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(AFTER_FAILURE) => continue,
                }
            }
        };
        if stop.is_cancelled() {
            break;
        }
        if has_more {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(TICK) => {}
            changed = stage.changed() => if changed.is_err() { break },
        }
    }
    let saved = tokio::task::spawn_blocking(move || stage.save());
    match saved.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "the state of facts was not saved; the next start reads on from before")
        }
        Err(error) => tracing::error!(%error, "saving the state of facts ended badly"),
    }
}

/// Looks for collectors that are gone, when it is time.
async fn end_silent(topology: &Topology, looked: &mut Instant) -> Result<(), Error> {
    if looked.elapsed() < LOOK_FOR_SILENT_EVERY {
        return Ok(());
    }
    let ended = topology.end_silent(maintenance::now()).await?;
    if ended > 0 {
        tracing::info!(edges = ended, "edges ended, as nothing is heard of the collectors that told of them");
    }
    *looked = Instant::now();
    Ok(())
}

/// Puts what has changed of the edges that the engines know into the topology.
async fn tell_edges(stage: &mut Stage, topology: &Topology) -> Result<(), Error> {
    while let Some(ChangedEdges { tenant, reporter, at, edges }) = stage.edges.next() {
        match topology.replace(EdgeSet { tenant, reporter, origin: None, at, edges }).await {
            // They are told when they change the next time.
            Err(Error::TooManyEdges { limit }) => {
                stage.failed();
                tracing::warn!(tenant, limit, "the edges of a cluster are left out: there are too many");
            }
            told => {
                told?;
            }
        }
        stage.edges.has_told();
    }
    Ok(())
}
