//! Own rules within unit tests: what comes in between two evaluations, in its order.

use std::collections::{BTreeMap, HashMap};

use orszem_alerting::{AlertKey, Input, Level, Outcome, State};
use orszem_model::wire::{Batch, encode_records};
use orszem_model::{Fact, Labels, Record, Timestamp};
use orszem_promql::Point;

use super::read::{TestFact, TestGroup, TestLine};
use super::report::Alerted;
use crate::own::{Events, Logs, OwnRules, Thresholds};

/// The own rules of a test while it runs.
pub(super) struct OwnRun<'t> {
    test: &'t TestGroup,
    thresholds: Thresholds,
    logs: Logs,
    events: Events,
    /// The labels that rules add, by name.
    labels: HashMap<String, Vec<(String, String)>>,
    alerts: BTreeMap<AlertKey, (State, Labels)>,
    /// Up to where it was told, in milliseconds from the start; that time included.
    told_to_ms: i64,
}

/// Something that is looked at.
enum Happening<'t> {
    Sample { series: usize, value: f64 },
    Line(&'t TestLine),
    Fact(&'t TestFact),
}

/// A rule that can't be evaluated, and why.
pub(super) struct OwnFailure {
    pub(super) rule: String,
    pub(super) error: String,
}

impl<'t> OwnRun<'t> {
    pub(super) fn new(test: &'t TestGroup, rules: OwnRules) -> Self {
        let start = at(test.start);
        let labels = rules.abouts().map(|about| (about.name.clone(), about.labels.clone())).collect();
        let OwnRules { thresholds, logs, events } = rules;
        Self {
            test,
            thresholds: Thresholds::new(thresholds, start),
            logs: Logs::new(logs, start),
            events: Events::new(events),
            labels,
            alerts: BTreeMap::new(),
            told_to_ms: -1,
        }
    }

    /// Tells what comes up to `since` milliseconds from the start, and that it is then.
    pub(super) fn advance(&mut self, since: i64) -> Vec<OwnFailure> {
        for (time_ms, happening) in self.happenings(since) {
            let now = at(self.test.start + time_ms);
            match happening {
                Happening::Sample { series, value } => {
                    let labels = self.test.input_series.get(series).map(|series| series.labels.clone());
                    let number = u32::try_from(series).unwrap_or(u32::MAX - 1);
                    self.thresholds.sample(number, || labels, self.test.start + time_ms, value, now);
                }
                Happening::Line(line) => self.line(line, now),
                Happening::Fact(TestFact { fact, place, .. }) => {
                    self.events.fact(&Fact { at: now, ..fact.clone() }, place, now);
                }
            }
        }
        self.told_to_ms = since;
        let now = at(self.test.start + since);
        self.thresholds.tick(now);
        self.logs.tick(now);
        self.events.tick(now);
        let told = [self.thresholds.drain(), self.logs.drain(), self.events.drain()];
        told.into_iter().flatten().filter_map(|input| self.take(input)).collect()
    }

    fn happenings(&self, since: i64) -> Vec<(i64, Happening<'t>)> {
        let test = self.test;
        let is_new = |time_ms: i64| time_ms > self.told_to_ms && time_ms <= since;
        let mut found = Vec::new();
        for (series, input) in test.input_series.iter().enumerate() {
            let values = (0i64..).map(|place| place * test.interval_ms).zip(&input.values);
            let new = values.skip_while(|(time_ms, _)| *time_ms <= self.told_to_ms);
            for (time_ms, point) in new.take_while(|(time_ms, _)| *time_ms <= since) {
                if let Some(Point::Float(value)) = point {
                    found.push((time_ms, Happening::Sample { series, value: *value }));
                }
            }
        }
        for line in &test.log_lines {
            let times = (0..i64::from(line.times)).map(|turn| line.at_ms + turn * line.every_ms);
            found.extend(times.filter(|time_ms| is_new(*time_ms)).map(|time_ms| (time_ms, Happening::Line(line))));
        }
        let facts = test.facts.iter().filter(|fact| is_new(fact.at_ms));
        found.extend(facts.map(|fact| (fact.at_ms, Happening::Fact(fact))));
        found.sort_by_key(|(time_ms, _)| *time_ms);
        found
    }

    fn line(&mut self, line: &TestLine, now: Timestamp) {
        let record = Record { timestamp: now, ..line.record.clone() };
        let encoded = encode_records(now, &[record]);
        let Some(batch) = Batch::decode(&encoded) else { return };
        for (raw, stream) in batch.records().zip(&batch.streams) {
            self.logs.record(&raw.view(stream, 0), now);
        }
    }

    fn take(&mut self, input: Input) -> Option<OwnFailure> {
        match input {
            Input::Level { key, state: State::Ok, .. } => {
                self.alerts.remove(&key);
                None
            }
            Input::Level { key, state, annotations, .. } => {
                self.alerts.insert(key, (state, annotations));
                None
            }
            Input::Observed(observation) => match observation.outcome {
                Outcome::Error(error) => Some(OwnFailure { rule: observation.rule, error }),
                _ => None,
            },
            _ => None,
        }
    }

    /// The alerts of a rule that fire.
    pub(super) fn firing(&self, rule: &str) -> Vec<Alerted> {
        let of_rule = self.alerts.iter().filter(|(key, _)| key.rule == rule);
        let firing = of_rule.filter_map(|(key, (state, annotations))| Some((key, state.level()?, annotations)));
        firing
            .map(|(key, level, annotations)| Alerted {
                labels: self.labels_of(key, level),
                annotations: annotations.clone(),
            })
            .collect()
    }

    fn labels_of(&self, key: &AlertKey, level: Level) -> Labels {
        let mut pairs = vec![("alertname", key.rule.as_str()), ("severity", level.name())];
        pairs.extend(key.labels.iter());
        let of_rule = self.labels.get(&key.rule).into_iter().flatten();
        pairs.extend(of_rule.map(|(name, value)| (name.as_str(), value.as_str())));
        Labels::new(pairs)
    }

    /// Whether a rule of this name is an own one.
    pub(super) fn has(&self, rule: &str) -> bool {
        self.labels.contains_key(rule)
    }
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp(milliseconds.saturating_mul(1_000_000))
}
