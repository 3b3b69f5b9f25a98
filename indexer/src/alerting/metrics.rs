//! What is counted of alerting.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use orszem_alerting::Effects;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::history::AttemptOutcome;

/// The counters of the engine, the senders and the rules.
#[derive(Debug, Default)]
pub(super) struct AlertingMetrics {
    inputs: Counter,
    refused: Counter,
    batches: Counter,
    batch_seconds: Counter<f64, std::sync::atomic::AtomicU64>,
    transitions: Counter,
    unplaced: Counter,
    failures: Counter,
    damaged: Counter,
    outstanding: Gauge<i64, AtomicI64>,
    attempts: Family<Attempted, Counter>,
    pub(super) curve_failures: Counter,
    pub(super) evaluations: Counter,
    pub(super) evaluation_failures: Counter,
    pub(super) missed: Counter,
    pub(super) unwritten_samples: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempted {
    channel: String,
    outcome: &'static str,
}

impl AlertingMetrics {
    pub(super) fn batch(&self, inputs: usize, took: Duration) {
        self.inputs.inc_by(inputs as u64);
        self.batches.inc();
        self.batch_seconds.inc_by(took.as_secs_f64());
    }

    pub(super) fn written(&self, effects: &Effects, outstanding: usize) {
        self.transitions.inc_by(effects.transitions.len() as u64);
        self.refused.inc_by(effects.refused.len() as u64);
        self.unplaced.inc_by(effects.unplaced);
        self.outstanding.set(i64::try_from(outstanding).unwrap_or(i64::MAX));
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }

    pub(super) fn was_damaged(&self) {
        self.damaged.inc();
    }

    pub(super) fn attempt(&self, channel: &str, outcome: AttemptOutcome) {
        let outcome = match outcome {
            AttemptOutcome::Retry { .. } => "retry",
            other => other.state().name(),
        };
        self.attempts.get_or_create(&Attempted { channel: channel.to_owned(), outcome }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("orszem_alerting_inputs", "Inputs that the engine was given", self.inputs.clone());
        registry.register("orszem_alerting_inputs_refused", "Inputs that were not taken", self.refused.clone());
        registry.register("orszem_alerting_batches", "Batches that were written together", self.batches.clone());
        let seconds = "Seconds that batches took, from the engine to the disk";
        registry.register("orszem_alerting_batch_seconds", seconds, self.batch_seconds.clone());
        registry.register("orszem_alerting_transitions", "Changes of the state of alerts", self.transitions.clone());
        let unplaced = "Times that an alert found no room in an incident";
        registry.register("orszem_alerting_unplaced", unplaced, self.unplaced.clone());
        let failures = "Batches that could not be written; their senders were told";
        registry.register("orszem_alerting_failures", failures, self.failures.clone());
        let damaged = "Times that a damaged store was set aside at the start";
        registry.register("orszem_alerting_damaged", damaged, self.damaged.clone());
        let outstanding = "Messages that are not delivered yet";
        registry.register("orszem_alerting_outstanding", outstanding, self.outstanding.clone());
        let attempts = "Attempts to deliver a message, by channel and what they came to";
        registry.register("orszem_alerting_attempts", attempts, self.attempts.clone());
        let curves = "Messages that went without the curve of their alert, as it was not found in time";
        registry.register("orszem_alerting_curve_failures", curves, self.curve_failures.clone());
        registry.register("orszem_rule_group_evaluations", "Evaluations of rule groups", self.evaluations.clone());
        let failed = "Rules that could not be evaluated, each time";
        registry.register("orszem_rule_evaluation_failures", failed, self.evaluation_failures.clone());
        registry.register(
            "orszem_rule_group_missed",
            "Evaluations of rule groups that were missed",
            self.missed.clone(),
        );
        let unwritten = "Samples of rules that could not be stored";
        registry.register("orszem_rule_samples_unwritten", unwritten, self.unwritten_samples.clone());
    }
}
