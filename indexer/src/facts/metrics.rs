//! What is counted of facts.

use std::sync::atomic::{AtomicI64, AtomicU64};

use orszem_model::FactKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters of the stage.
#[derive(Debug, Default)]
pub(super) struct FactMetrics {
    told: Family<Named, Counter>,
    pub(super) failures: Counter,
    pub(super) undecodable: Counter,
    pub(super) ignored: Gauge<u64, AtomicU64>,
    pub(super) lag_bytes: Gauge<i64, AtomicI64>,
    pub(super) clusters: Gauge<i64, AtomicI64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    name: &'static str,
}

impl FactMetrics {
    pub(super) fn told(&self, kind: FactKind) {
        self.told.get_or_create(&Named { name: kind.name() }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("orszem_facts", "Facts that were concluded, by name", self.told.clone());
        let failures = "Times that facts could not be read, saved or submitted; each is tried again";
        registry.register("orszem_facts_failures", failures, self.failures.clone());
        let undecodable = "Batches of the journal that the stage of facts could not read";
        registry.register("orszem_facts_undecodable", undecodable, self.undecodable.clone());
        let ignored = "Observations and sets of edges that a limit kept out";
        registry.register("orszem_facts_ignored", ignored, self.ignored.clone());
        let lag = "Bytes of the journal of logs that are applied and were not looked at for facts yet";
        registry.register("orszem_facts_lag_bytes", lag, self.lag_bytes.clone());
        registry.register("orszem_facts_clusters", "Clusters that facts are told of", self.clusters.clone());
    }
}
