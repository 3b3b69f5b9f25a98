//! Prometheus' rules: rule files, templates, the evaluation of groups over any source of series, and unit tests of rules.
//!
//! Pure: no IO, no clock, no async.

mod problem;
mod read;
mod reader;
mod rule;
pub mod template;
mod yaml;

pub use problem::{Problem, Problems};
pub use read::read;
pub use rule::{AlertRule, Rule, RuleFile, RuleGroup, RuleKind};
pub use yaml::Mark;
