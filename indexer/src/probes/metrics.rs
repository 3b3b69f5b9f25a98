//! What is counted of probes.

use std::sync::atomic::AtomicI64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::step::After;

#[derive(Debug, Default)]
pub(super) struct ProbesMetrics {
    votes: Counter,
    passed_over: Counter,
    turns: Counter,
    questions: Counter,
    failures: Counter,
    targets: Gauge<i64, AtomicI64>,
    pub(super) unwritten_samples: Counter,
}

impl ProbesMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("orszem_probe_votes", "Votes of collectors that were taken", self.votes.clone());
        let passed_over = "Votes of collectors that came twice, too late, or beyond a limit";
        registry.register("orszem_probe_votes_passed_over", passed_over, self.passed_over.clone());
        registry.register("orszem_probe_verdict_changes", "Verdicts that became others", self.turns.clone());
        registry.register("orszem_probe_questions", "Probes that collectors were asked for", self.questions.clone());
        let failures = "Batches of votes that were not written; collectors tell them again";
        registry.register("orszem_probe_failures", failures, self.failures.clone());
        registry.register("orszem_probe_targets", "Targets that are known", self.targets.clone());
        let unwritten = "Samples of verdicts that were not stored; newer ones follow";
        registry.register("orszem_probe_unwritten_samples", unwritten, self.unwritten_samples.clone());
    }

    pub(super) fn written(&self, after: &After, targets: usize) {
        self.votes.inc_by(after.taken);
        self.passed_over.inc_by(after.passed_over);
        self.turns.inc_by(after.turns.len() as u64);
        self.questions.inc_by(after.questions.len() as u64);
        self.targets.set(i64::try_from(targets).unwrap_or(i64::MAX));
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}
