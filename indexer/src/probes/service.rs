//! Starts and stops what the state of probes is made of.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::handle::ProbesHandle;
use super::metrics::ProbesMetrics;
use super::owner::{Between, Owner};
use super::series;
use super::store::Store;
use crate::error::Error;
use crate::samples::Samples;

/// What waits for the owner; whoever comes then waits.
const QUEUE: usize = 256;
/// How long verdicts that wait to be stored as samples may take at a stop; the next start tells them again.
const STORING_ENDS: Duration = Duration::from_secs(2);

/// Probes as the server has them while it runs.
#[derive(Debug)]
pub struct ProbesService {
    handle: ProbesHandle,
    stop: CancellationToken,
    owner: JoinHandle<()>,
    storing: JoinHandle<()>,
}

impl ProbesService {
    /// Goes on where the last one ended. Blocks on the disk; called within a runtime of several threads.
    ///
    /// # Errors
    /// When the store can't be opened. One that is damaged is set aside, logged, and begun anew.
    pub fn start(data_dir: &Path, samples: Samples, registry: &mut Registry) -> Result<Self, Error> {
        let metrics = Arc::new(ProbesMetrics::default());
        metrics.register(registry);
        let (store, known) = Store::open(data_dir)?;
        let store = Arc::new(store);
        let (asks, queue) = mpsc::channel(QUEUE);
        let (sink, waiting) = mpsc::channel(series::WAITING_MAX);
        let handle = ProbesHandle { asks, store: Arc::clone(&store) };
        let state = Between::default();
        let owner = Owner { known, store, asks: queue, samples: sink, metrics: Arc::clone(&metrics), state };
        let stop = CancellationToken::new();
        let owner = tokio::spawn(owner.run(stop.clone()));
        let storing = tokio::spawn(series::store(samples, metrics, waiting));
        Ok(Self { handle, stop, owner, storing })
    }

    /// The way to the state.
    pub fn handle(&self) -> ProbesHandle {
        self.handle.clone()
    }

    /// Ends it. What was acknowledged is durable.
    pub async fn stop(self) {
        let Self { handle, stop, owner, storing } = self;
        drop(handle);
        stop.cancel();
        if let Err(error) = owner.await {
            tracing::error!(%error, "the owner of probes ended badly; the next start goes on with what it wrote");
        }
        let aborter = storing.abort_handle();
        match tokio::time::timeout(STORING_ENDS, storing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "storing verdicts as samples ended badly"),
            Err(_) => aborter.abort(),
        }
    }
}
