//! Hands what this host's collector read, measured and knows to the stores in the same process.

use std::sync::Arc;
use std::time::Duration;

use orszem_availability::{Reply, Told, WAIT_MS_MAX};
use orszem_collector::output::{Accepted, OutboundBatch, OutputError, Signal};
use orszem_collector::{Booth, CollectorHandle};
use orszem_indexer::ingest::IngestError;
use orszem_indexer::ingest::http::{Identity, SamplesState, take_otlp, take_remote_write};
use orszem_indexer::probes::ProbesHandle;
use orszem_indexer::topology::{EdgeSet, Topology};
use orszem_model::chain;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::collecting::now;

/// Batches on their way from the collector. It sends one of each kind at a time, so more room would stay empty.
pub const QUEUE_BATCHES: usize = 1;

/// How often it is looked whether the edges have changed, and how long a failure to keep them is waited after.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Votes of probes are gathered for this long.
const GATHER_VOTES: Duration = Duration::from_millis(200);

/// Keeps how the entities of this host's cluster depend on each other in the topology of `tenant`, whenever it changes,
/// until `stop`. Until anything is known, what was known before stays.
pub async fn keep_edges(collector: CollectorHandle, topology: Topology, tenant: u32, stop: CancellationToken) {
    let mut told = None;
    let mut wait = LOOK_EVERY;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = LOOK_EVERY,
        }
        let edges = collector.edges();
        let is_known = told.as_ref().map_or(edges.is_empty(), |told| Arc::ptr_eq(told, &edges));
        if is_known {
            continue;
        }
        let reporter = collector.report().host;
        let set = EdgeSet { tenant, reporter, origin: None, at: now(), edges: edges.to_vec() };
        match topology.replace(set).await {
            Ok(_) => told = Some(edges),
            Err(error) => {
                warn!(error = chain(&error), "the cluster's edges are not kept; they are tried again");
                wait = AFTER_FAILURE;
            }
        }
    }
}

/// Keeps what this host's probes find in the state of probes of `tenant`, and has them probe what is asked for, until
/// `stop`.
pub async fn keep_votes(booth: Booth, host: String, probes: ProbesHandle, tenant: u32, stop: CancellationToken) {
    let answering = async {
        loop {
            let told = Told { votes: Vec::new(), wait_ms: WAIT_MS_MAX, ..booth.told(&host) };
            match probes.tell(tenant, told).await {
                Ok(Reply { asked }) => booth.ask(&asked),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    let voting = async {
        let mut has_more = false;
        let mut is_failure_told = false;
        loop {
            if !has_more {
                booth.filled().await;
                tokio::time::sleep(GATHER_VOTES).await;
            }
            let told = booth.told(&host);
            match probes.tell(tenant, told.clone()).await {
                Ok(Reply { asked }) => {
                    booth.ask(&asked);
                    has_more = booth.taken(&told);
                    is_failure_told = false;
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failure_told, true) {
                        warn!(error = chain(&error), "the votes of probes are not kept; they are tried again");
                    }
                    has_more = true;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = answering => {}
        () = voting => {}
    }
}

/// Takes in every batch of `batches` for `tenant` as if it had come over HTTP, and answers the collector, until the
/// collector is gone.
pub async fn take_all(mut batches: mpsc::Receiver<OutboundBatch>, state: SamplesState, tenant: u32) {
    while let Some(OutboundBatch { signal, payload, hash, source, epoch, seq, skipped, records: _, done }) =
        batches.recv().await
    {
        let identity = Identity { source, epoch, seq, skipped };
        let taken = match signal {
            Signal::Logs => {
                take_otlp(&state.ingest, tenant, identity, payload, hash).await.map(|(accepted, decoded)| {
                    let message = decoded.rejected.first().map(|rejection| format!("{rejection:?}"));
                    (accepted, decoded.rejected_count() as u64, message)
                })
            }
            Signal::Metrics => take_remote_write(&state, tenant, identity, payload, hash)
                .await
                .map(|(accepted, outcome)| (accepted, outcome.rejected_count(), outcome.message())),
        };
        let answer = taken.map_err(|error| output_error(&error)).map(|(accepted, rejected, message)| Accepted {
            accepted_seq: accepted.accepted_seq,
            horizon_seq: accepted.horizon_seq,
            rejected,
            message: message.unwrap_or_default(),
        });
        if done.send(answer).is_err() {
            debug!("the collector stopped before its batch was acknowledged; it sends it again at its next start");
        }
    }
}

fn output_error(error: &IngestError) -> OutputError {
    let reason = error.message.clone();
    match error.status {
        429 => OutputError::Busy { retry_after: Duration::from_secs(error.retry_after_s.unwrap_or(1)) },
        400 | 413 | 422 => OutputError::Refused { reason },
        _ => OutputError::Unavailable { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_sent_again_is_not_refused() {
        let of = |status| {
            output_error(&IngestError { code: "x", status, message: "why".to_owned(), retry_after_s: Some(3) })
        };
        let reason = || "why".to_owned();
        assert_eq!(of(429), OutputError::Busy { retry_after: Duration::from_secs(3) });
        assert_eq!(of(400), OutputError::Refused { reason: reason() });
        assert_eq!(of(503), OutputError::Unavailable { reason: reason() });
    }
}
