//! What ingest counts: requests, records and bytes by protocol.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Decoded;
use super::remote_write::Outcome;

/// The counters of ingest; clones share them. Received records = accepted + rejected, per answered request.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    accepted: Family<ProtocolLabels, Counter>,
    rejected: Family<RejectedLabels, Counter>,
    overflowed: Family<ProtocolLabels, Counter>,
    repaired: Family<ProtocolLabels, Counter>,
    bytes: Family<ProtocolLabels, Counter>,
    samples: Family<ProtocolLabels, Counter>,
    samples_rejected: Family<RejectedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProtocolLabels {
    protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    protocol: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    protocol: &'static str,
    code: &'static str,
}

impl Metrics {
    /// Counters that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "orszem_ingest_requests",
            "Ingest requests by what became of them: ok, or the code of the refusal",
            metrics.requests.clone(),
        );
        registry.register(
            "orszem_ingest_records_accepted",
            "Records that were acknowledged as durable",
            metrics.accepted.clone(),
        );
        registry.register(
            "orszem_ingest_records_rejected",
            "Records that were left out of a request, by reason",
            metrics.rejected.clone(),
        );
        registry.register(
            "orszem_ingest_records_overflowed",
            "Accepted records that went to the overflow stream because their tenant has too many streams",
            metrics.overflowed.clone(),
        );
        registry.register(
            "orszem_ingest_records_repaired",
            "Accepted records whose invalid UTF-8 was replaced",
            metrics.repaired.clone(),
        );
        registry.register(
            "orszem_ingest_samples_accepted",
            "Samples, histograms and exemplars that were acknowledged as durable",
            metrics.samples.clone(),
        );
        registry.register(
            "orszem_ingest_samples_rejected",
            "Samples, histograms and exemplars that were left out of a request, by reason",
            metrics.samples_rejected.clone(),
        );
        registry.register("orszem_ingest_bytes", "Bytes of decoded bodies, decompressed", metrics.bytes.clone());
        metrics
    }

    /// Counts a request that was decoded, its answer (`ok` or a code), and what was taken in of it.
    pub(super) fn taken(&self, protocol: &'static str, code: &'static str, decoded: &Decoded) {
        let by_protocol = ProtocolLabels { protocol };
        self.requests.get_or_create(&RequestLabels { protocol, code }).inc();
        self.accepted.get_or_create(&by_protocol).inc_by(decoded.accepted as u64);
        self.overflowed.get_or_create(&by_protocol).inc_by(decoded.overflowed as u64);
        self.repaired.get_or_create(&by_protocol).inc_by(decoded.repaired as u64);
        self.bytes.get_or_create(&by_protocol).inc_by(decoded.body_bytes as u64);
        for rejection in &decoded.rejected {
            let labels = RejectedLabels { protocol, reason: rejection.reason.name() };
            self.rejected.get_or_create(&labels).inc_by(rejection.count as u64);
        }
    }

    /// Counts a request of samples, its answer, and what was taken in of it.
    pub(super) fn taken_samples(&self, protocol: &'static str, code: &'static str, outcome: &Outcome) {
        let by_protocol = ProtocolLabels { protocol };
        self.requests.get_or_create(&RequestLabels { protocol, code }).inc();
        self.samples.get_or_create(&by_protocol).inc_by(outcome.samples + outcome.histograms + outcome.exemplars);
        self.bytes.get_or_create(&by_protocol).inc_by(outcome.body_bytes as u64);
        for rejection in &outcome.rejected {
            let labels = RejectedLabels { protocol, reason: rejection.reason.name() };
            self.samples_rejected.get_or_create(&labels).inc_by(rejection.count);
        }
    }

    /// Counts a request that was refused as a whole.
    pub(super) fn refused(&self, protocol: &'static str, code: &'static str) {
        self.requests.get_or_create(&RequestLabels { protocol, code }).inc();
    }
}
