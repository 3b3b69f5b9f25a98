//! Prometheus' groups, evaluated at each time that their schedule has.

use std::time::Duration;

use orszem_model::Timestamp;
use orszem_promql::{EvalError, Source};
use orszem_rules::{GroupOutcome, GroupState, RuleError, RuleGroup, Schedule, evaluate};

use super::layered::Recorded;
use super::{LEAD_MAX, ReplayAsk, ReplayError, Run};
use crate::alerting::RuleSources;
use crate::alerting::prometheus::{level, milliseconds, timestamp};

/// A group under way.
struct Walked {
    state: GroupState,
    schedule: Schedule,
    /// The time of the next evaluation, in milliseconds since 1970.
    next: i64,
}

/// How often the groups would be evaluated.
pub(super) fn evaluations(ask: &ReplayAsk) -> u64 {
    let to = milliseconds(ask.to);
    let of_group = |(file, group): (&String, &RuleGroup)| {
        let interval_ms = interval(&ask.rules, group).max(1);
        let first = Schedule::new(file, &group.name, interval_ms).slot(milliseconds(begin(ask, group)));
        u64::try_from((to - first) / interval_ms).unwrap_or(0)
    };
    groups_of(&ask.rules).map(of_group).sum()
}

fn groups_of(rules: &RuleSources) -> impl Iterator<Item = (&String, &RuleGroup)> {
    rules.files.iter().flat_map(|(name, file)| file.groups.iter().map(move |group| (name, group)))
}

fn interval(rules: &RuleSources, group: &RuleGroup) -> i64 {
    group.interval_ms.unwrap_or_else(|| i64::try_from(rules.interval.as_millis()).unwrap_or(60_000))
}

/// From when on it is evaluated: so that what pends or is kept at the beginning of the range is known.
fn begin(ask: &ReplayAsk, group: &RuleGroup) -> Timestamp {
    let waits = group.rules.iter().filter_map(|rule| rule.alert()).map(|alert| alert.for_ms + alert.keep_firing_for_ms);
    let lead_ms = waits.max().unwrap_or(0) + interval(&ask.rules, group);
    ask.from.before(Duration::from_millis(lead_ms.unsigned_abs()).min(LEAD_MAX))
}

impl Run<'_> {
    /// Evaluates all groups; gives what they recorded.
    pub(super) fn groups(&mut self, source: &dyn Source) -> Result<Recorded, ReplayError> {
        let ask = self.ask;
        let mut recorded = Recorded::new(groups_of(&ask.rules).map(|(_, group)| group), ask);
        let mut groups: Vec<Walked> = groups_of(&ask.rules)
            .map(|(file, group)| {
                let schedule = Schedule::new(file, &group.name, interval(&ask.rules, group));
                let next = schedule.slot(milliseconds(begin(ask, group)));
                Walked { state: GroupState::new(group.clone(), false), schedule, next }
            })
            .collect();
        let to = milliseconds(ask.to);
        // Those that are due at one time are evaluated in the order of their files, as live.
        while let Some(group) = groups.iter_mut().min_by_key(|group| group.next).filter(|group| group.next <= to) {
            let at = group.next;
            if !self.goes_on("Prometheus' rules", timestamp(at))? {
                break;
            }
            group.next = group.schedule.next(at);
            let outcome = {
                let over = recorded.over(source);
                evaluate(&mut [&mut group.state], &over, &ask.rules.environment, self.patience, at)
            };
            self.done.evaluations += 1;
            for outcome in outcome {
                self.take_group(group, &outcome, at)?;
                if !recorded.keep(&outcome.samples) {
                    self.cut(format!("what rules record has no more room: it ends at {}", timestamp(at)));
                }
            }
        }
        Ok(recorded)
    }

    fn take_group(&mut self, group: &Walked, outcome: &GroupOutcome, at: i64) -> Result<(), ReplayError> {
        for (rule, of_rule) in group.state.group().rules.iter().zip(&outcome.rules) {
            match &of_rule.error {
                None => {}
                // Said by whoever looks at the time next, or to nobody.
                Some(RuleError::Evaluate(EvalError::Interrupted(_))) => {
                    self.goes_on("Prometheus' rules", timestamp(at))?;
                }
                Some(error) => self.changes.failed(rule.name(), error.to_string(), timestamp(at)),
            }
            if rule.alert().is_some() {
                of_rule.observations.iter().for_each(|seen| self.changes.take(level(rule.name(), seen)));
            }
        }
        Ok(())
    }
}
