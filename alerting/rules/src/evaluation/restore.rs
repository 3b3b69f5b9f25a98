//! Finds when alerts became active before a restart (Prometheus, `rules/group.go`, `RestoreForState`).

use std::collections::HashMap;

use orszem_model::{Columns, Labels, METRIC_NAME, Matcher, is_stale};
use orszem_promql::{Select, Source, SourceError};

use super::alert::ALERTS_FOR_STATE;
use super::group::GroupState;
use crate::rule::{AlertRule, Rule};

/// How long the server may have been away for times to be taken up again.
pub const OUTAGE_TOLERANCE_MS: i64 = 60 * 60_000;
/// How long an alert waits at least after a restart; those with a shorter `for` wait that long.
pub const FOR_GRACE_PERIOD_MS: i64 = 10 * 60_000;

/// How far back restoring looks, and how long alerts then wait at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restoring {
    pub outage_tolerance_ms: i64,
    pub for_grace_period_ms: i64,
}

impl Default for Restoring {
    fn default() -> Self {
        Self { outage_tolerance_ms: OUTAGE_TOLERANCE_MS, for_grace_period_ms: FOR_GRACE_PERIOD_MS }
    }
}

impl GroupState {
    /// Takes up the times of `ALERTS_FOR_STATE` for the alerts that are pending now. To be called once, after the group
    /// was evaluated twice, so that what its rules read is there again. From then on alerts write their series.
    ///
    /// # Errors
    /// When series can't be read; the alerts of that rule, by its place, begin to wait anew.
    pub fn restore(&mut self, source: &dyn Source, restoring: Restoring, now: i64) -> Result<(), (usize, SourceError)> {
        let mut failed = None;
        for (place, (rule, state)) in self.group.rules.iter().zip(&mut self.rules).enumerate() {
            state.is_restored = true;
            let Some(alert) = rule.alert().filter(|alert| alert.for_ms >= restoring.for_grace_period_ms) else {
                continue;
            };
            match read(source, rule, alert, restoring, now) {
                Err(error) => failed = failed.or(Some((place, error))),
                Ok(known) => {
                    for kept in &mut state.alerts.kept {
                        if let Some((time, seconds)) = known.get(&kept.alert.labels) {
                            kept.alert.active_at = active_at(*time, *seconds, alert.for_ms, restoring, now);
                        }
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// The last sample of each series of the rule's alerts: its time and the seconds from which the alert was active.
fn read(
    source: &dyn Source,
    rule: &Rule,
    alert: &AlertRule,
    restoring: Restoring,
    now: i64,
) -> Result<HashMap<Labels, (i64, i64)>, SourceError> {
    let constant = rule.labels.iter().filter(|(_, template)| template.is_constant() && !template.text().is_empty());
    let mut matchers: Vec<Matcher> =
        constant.map(|(name, template)| Matcher::equal(name.as_str(), template.text())).collect();
    matchers.push(Matcher::equal(METRIC_NAME, ALERTS_FOR_STATE));
    matchers.push(Matcher::equal("alertname", alert.name.as_str()));
    let start = now.saturating_sub(restoring.outage_tolerance_ms).saturating_sub(1);
    let selection = source.select(&Select { matchers: &matchers, start, end: now })?;
    let mut reader = selection.reader();
    let mut columns = Columns::default();
    let mut known = HashMap::new();
    for at in 0..selection.len() {
        reader.read(at, &mut columns)?;
        let (Some(time), Some(value)) = (columns.times.last(), columns.values.last()) else { continue };
        if !is_stale(*value) {
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            let seconds = *value as i64;
            known.insert(reader.labels(at)?.without(|name| name == METRIC_NAME), (*time, seconds));
        }
    }
    Ok(known)
}

/// Since when an alert counts as active that was active for the last time known at `down_at`.
fn active_at(down_at: i64, seconds: i64, for_ms: i64, restoring: Restoring, now: i64) -> i64 {
    let before = seconds.saturating_mul(1000);
    let remaining = for_ms - (down_at.div_euclid(1000) * 1000 - before);
    if remaining <= 0 {
        // It was firing, and fires at the next evaluation.
        before
    } else if remaining < restoring.for_grace_period_ms {
        now + restoring.for_grace_period_ms - for_ms
    } else {
        // The time away does not count.
        before + (now - down_at)
    }
}
