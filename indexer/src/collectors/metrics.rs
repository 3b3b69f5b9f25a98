//! The collectors on `/metrics`, read when they are asked for.

use std::fmt;
use std::sync::{Arc, Weak};

use orszem_model::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::registry::Collectors;
use super::status::seconds;
use super::track::Track;
use crate::maintenance;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
    tenant: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InfoLabels {
    source: String,
    tenant: u32,
    version: String,
    config: String,
}

/// Makes `registry` show the collectors as long as they live.
pub(crate) fn register(collectors: &Arc<Collectors>, registry: &mut Registry) {
    registry.register_collector(Box::new(States(Arc::downgrade(collectors))));
}

struct States(Weak<Collectors>);

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CollectorStates")
    }
}

/// A figure of one collector; `None` leaves it out.
type Figure = fn(&Track, Timestamp) -> Option<f64>;

const GAUGES: [(&str, &str, Figure); 4] = [
    ("orszem_canary_latency_seconds", "From making the last canary to its being searchable", |track, _| {
        track.latency().map(|latency| seconds(latency.last))
    }),
    ("orszem_collector_last_seen_timestamp_seconds", "When the last canary was taken in", |track, _| {
        track.last_canary.map(|at| seconds(at.0))
    }),
    // Not the name that a collector in this process has for it: that is a family of its own.
    ("orszem_canary_lag_bytes", "Bytes of its sources that the collector has not read yet", |track, _| {
        track.last_canary.map(|_| track.told.lag_bytes as f64)
    }),
    ("orszem_collector_clock_skew_seconds", "The server's clock less the collector's", |track, now| {
        track.skew(now).map(seconds)
    }),
];

/// A count of one collector.
type Count = fn(&Track) -> u64;

const COUNTERS: [(&str, &str, Count); 2] = [
    ("orszem_canary_gaps", "Canaries that never came", |track| track.gaps),
    ("orszem_canary_duplicates", "Canaries that were stored twice", |track| track.duplicates),
];

impl Collector for States {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(collectors) = self.0.upgrade() else { return Ok(()) };
        let now = maintenance::now();
        let mut known: Vec<(SourceLabels, Track)> = Vec::new();
        collectors.each(|tenant, host, track| {
            known.push((SourceLabels { source: host.to_owned(), tenant }, track.clone()));
        });
        for (name, help, figure) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, track) in &known {
                if let Some(value) = figure(track, now) {
                    ConstGauge::new(value).encode(family.encode_family(labels)?)?;
                }
            }
        }
        for (name, help, count) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, track) in &known {
                ConstCounter::new(count(track)).encode(family.encode_family(labels)?)?;
            }
        }
        let help = "What a collector runs";
        let mut family = encoder.encode_descriptor("orszem_collector_info", help, None, MetricType::Gauge)?;
        for (SourceLabels { source, tenant }, track) in &known {
            let (version, config) = (track.told.version.clone(), track.told.config_hash.clone());
            let labels = InfoLabels { source: source.clone(), tenant: *tenant, version, config };
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
        }
        let overlooked = ConstCounter::new(collectors.overlooked());
        let help = "Canaries and requests of collectors beyond the 10,000 that are followed";
        overlooked.encode(encoder.encode_descriptor("orszem_collectors_overlooked", help, None, MetricType::Counter)?)
    }
}
