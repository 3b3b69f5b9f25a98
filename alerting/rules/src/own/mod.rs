//! Our own rules: thresholds for each sample, conditions on records of logs, and facts that begin and end something.
//!
//! All of them are evaluated as what they look at comes in, and tell the engine of alerts ([`orszem_alerting`]) only what
//! changes. Time is that of what they look at; `now` only ends waits and finds silence.

mod counts;
mod events;
mod joined;
mod kept;
mod logs;
mod read;
mod rule;
#[cfg(test)]
mod tests;
mod thresholds;
mod value;
mod window;

use std::collections::BTreeMap;
use std::time::Duration;

use orszem_alerting::{AlertKey, State};
use orszem_model::{Labels, Timestamp};

pub use events::{EVENT_ALERTS_MAX, Events};
pub use logs::{GROUPS_MAX, Logs, TERMS_MAX};
pub use rule::{About, EventRule, Field, LogRule, LogWhen, OwnRules, ThresholdRule};
pub use thresholds::{INSTANCES_MAX, Thresholds};
pub use value::{LEAVES_MAX, Leaf, Over, RANGE_MAX_MS, Value, Window};
pub use window::WINDOW_SAMPLES_MAX;

pub(crate) use read::{Own, SECTIONS};

/// What is older than this is history: it changes states, and pages nobody unless it still holds.
pub const HISTORY: Duration = Duration::from_secs(300);

pub(crate) fn is_history(at: Timestamp, now: Timestamp) -> bool {
    at < now.before(HISTORY)
}

/// The states that the engine knows, for looking them up.
fn states(known: &[(AlertKey, State)]) -> BTreeMap<(&str, &Labels), State> {
    known.iter().map(|(key, state)| ((key.rule.as_str(), &key.labels), *state)).collect()
}
