//! Evaluation of groups.

mod alert;
mod ask;
mod group;
mod outcome;
mod overlay;
mod pass;
mod plan;
mod record;
mod restore;
mod schedule;
mod table;
#[cfg(test)]
mod tests;

use orszem_model::Labels;
use orszem_promql::Options;

pub use alert::{ALERTS, ALERTS_FOR_STATE, Alert, AlertState, RESOLVED_RETENTION_MS};
pub use group::{GroupState, evaluate};
pub use outcome::{GroupOutcome, NewSample, RuleError, RuleObservation, RuleOutcome};
pub use restore::{FOR_GRACE_PERIOD_MS, OUTAGE_TOLERANCE_MS, Restoring};
pub use schedule::{Due, Schedule};

/// What all evaluations have in common.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$externalLabels`
    pub external_labels: Labels,
    /// `$externalURL`
    pub external_url: String,
    /// How far before the time of an evaluation is asked, of groups that do not say.
    pub query_offset_ms: i64,
    /// Of the query engine.
    pub options: Options,
    /// Whether queries of templates may be experimental.
    pub is_experimental: bool,
}
