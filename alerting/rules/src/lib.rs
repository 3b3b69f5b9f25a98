//! Rules of alerting: Prometheus' rule files, templates, the evaluation of groups over any source of series; our own
//! thresholds and rules about logs and facts; unit tests of all of them.
//!
//! Pure: no IO, no clock, no async.

mod built_in;
mod evaluation;
pub mod own;
mod problem;
mod read;
#[cfg(test)]
mod read_tests;
mod reader;
mod rule;
pub mod template;
pub mod unit;

pub use built_in::BUILT_IN;
pub use evaluation::{
    ALERTS, ALERTS_FOR_STATE, Alert, AlertState, Due, Environment, FOR_GRACE_PERIOD_MS, GroupOutcome, GroupState,
    NewSample, OUTAGE_TOLERANCE_MS, RESOLVED_RETENTION_MS, Restoring, RuleError, RuleObservation, RuleOutcome,
    Schedule, evaluate,
};
pub use orszem_yaml::Mark;
pub use problem::{Problem, Problems};
pub use read::read;
pub use rule::{AlertRule, Duplicate, Rule, RuleFile, RuleGroup, RuleKind};
