//! What is counted of watching.

use std::sync::atomic::AtomicU64;

use orszem_indexer::alerting::Health;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Default)]
pub(super) struct Measured {
    is_well: Gauge,
    evaluation_lag: Gauge<f64, AtomicU64>,
    outbox_age: Gauge<f64, AtomicU64>,
    beats: Family<Beat, Counter>,
    forwarded: Family<Place, Counter>,
    failed: Family<Place, Counter>,
    dropped: Family<Place, Counter>,
    waiting: Family<Place, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Beat {
    status: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    alertmanager: String,
}

impl Measured {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let measured = Self::default();
        let Self { is_well, evaluation_lag, outbox_age, beats, forwarded, failed, dropped, waiting } = &measured;
        let help = "Whether evaluation, messages and intake are well: what heartbeats tell";
        registry.register("orszem_alerting_well", help, is_well.clone());
        let help = "How late the rule group is that is latest";
        registry.register("orszem_rule_group_lag_seconds", help, evaluation_lag.clone());
        let help = "How long the message waits that waits longest";
        registry.register("orszem_alerting_outbox_age_seconds", help, outbox_age.clone());
        registry.register("orszem_heartbeats", "Heartbeats, by what they told and whether they arrived", beats.clone());
        let help = "Alerts that an Alertmanager has taken, repeats among them";
        registry.register("orszem_alertmanager_alerts", help, forwarded.clone());
        let help = "Requests that an Alertmanager did not take; they are repeated";
        registry.register("orszem_alertmanager_failures", help, failed.clone());
        let help = "Alerts for which the queue of an Alertmanager had no room";
        registry.register("orszem_alertmanager_dropped", help, dropped.clone());
        let help = "Alerts that wait for an Alertmanager";
        registry.register("orszem_alertmanager_waiting", help, waiting.clone());
        measured
    }

    pub(super) fn see(&self, health: &Health) {
        self.is_well.set(i64::from(health.problems.is_empty()));
        self.evaluation_lag.set(health.evaluation_lag.as_secs_f64());
        self.outbox_age.set(health.outbox_age.as_secs_f64());
    }

    pub(super) fn beat(&self, is_well: bool, is_delivered: bool) {
        let status = if is_well { "up" } else { "down" };
        let outcome = if is_delivered { "delivered" } else { "failed" };
        self.beats.get_or_create(&Beat { status, outcome }).inc();
    }

    pub(super) fn forwarded(&self, name: &str, alerts: usize) {
        self.forwarded.get_or_create(&place(name)).inc_by(alerts as u64);
    }

    pub(super) fn failed(&self, name: &str) {
        self.failed.get_or_create(&place(name)).inc();
    }

    pub(super) fn dropped(&self, name: &str, alerts: usize) {
        self.dropped.get_or_create(&place(name)).inc_by(alerts as u64);
    }

    pub(super) fn waiting(&self, name: &str, alerts: usize) {
        self.waiting.get_or_create(&place(name)).set(i64::try_from(alerts).unwrap_or(i64::MAX));
    }
}

fn place(name: &str) -> Place {
    Place { alertmanager: name.to_owned() }
}
