//! Runs unit tests of rules (Prometheus 3, `cmd/promtool/unittest.go`).

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::{Histogram, Labels, is_stale};
use orszem_promql::memory::Memory;
use orszem_promql::{Moments, Never, Options, ParseOptions, Point, Query, Sample, Value, histogram};

use super::own_run::{OwnFailure, OwnRun};
use super::read::{ExpectedSample, ExprTest, TestFile, TestGroup};
use super::report::{Alerted, Failure, Measured, TestReport};
use crate::evaluation::{AlertState, Environment, GroupState, NewSample, evaluate};
use crate::own::OwnRules;

/// The text of a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSource {
    /// For messages.
    pub path: String,
    pub text: String,
}

/// Runs the tests of a file whose `rule_files` are `sources`; a report for each.
pub fn run(file: &TestFile, sources: &[RuleSource], options: ParseOptions) -> Vec<TestReport> {
    let run = |(at, test): (usize, &TestGroup)| {
        let name = if test.name.is_empty() { format!("unnamed#{at}") } else { test.name.clone() };
        TestReport { name, failures: Run::new(file, test, options).failures(sources) }
    };
    file.tests.iter().enumerate().map(run).collect()
}

struct Run<'t> {
    file: &'t TestFile,
    test: &'t TestGroup,
    parse: ParseOptions,
    environment: Environment,
    memory: Memory,
    /// Samples that are there already, of each series.
    loaded: usize,
    own: OwnRun<'t>,
    failures: Vec<Failure>,
}

impl<'t> Run<'t> {
    fn new(file: &'t TestFile, test: &'t TestGroup, parse: ParseOptions) -> Self {
        let environment = Environment {
            external_labels: test.external_labels.clone(),
            external_url: test.external_url.clone(),
            query_offset_ms: 0,
            options: Options { subquery_step_ms: file.evaluation_interval_ms, ..Options::default() },
            is_experimental: parse.is_experimental,
        };
        let own = OwnRun::new(test, OwnRules::default());
        Self { file, test, parse, environment, memory: Memory::default(), loaded: 0, own, failures: Vec::new() }
    }

    fn failures(mut self, sources: &[RuleSource]) -> Vec<Failure> {
        let Some(mut groups) = self.groups(sources) else { return self.failures };
        if let Some(test) = self.test.alert_tests.iter().find(|test| test.alertname.is_empty()) {
            self.failures.push(Failure::NoAlertname { time_ms: test.eval_time_ms });
            return self.failures;
        }
        let mut times: BTreeSet<i64> = self.test.alert_tests.iter().map(|test| test.eval_time_ms).collect();
        let (step, length) = (self.file.evaluation_interval_ms, self.test.length_ms());
        let mut since = 0;
        while since <= length {
            if !self.load(since) || !self.evaluate(&mut groups, since) || !self.advance_own(since) {
                return self.failures;
            }
            let due: Vec<i64> = times.range(since..since + step).copied().collect();
            for time in due {
                times.remove(&time);
                self.check_alerts(&groups, time);
            }
            since += step;
        }
        for test in &self.test.expr_tests {
            if let Some(failure) = self.check_expr(test) {
                self.failures.push(failure);
            }
        }
        self.failures
    }

    /// The groups in their order; `None` when a file is not in order.
    fn groups(&mut self, sources: &[RuleSource]) -> Option<Vec<GroupState>> {
        let (mut groups, mut own) = (Vec::new(), OwnRules::default());
        for source in sources {
            match crate::read(&source.text, self.parse) {
                Ok(file) => {
                    groups.extend(file.groups.into_iter().map(|group| GroupState::new(group, false)));
                    own.extend(file.own);
                }
                Err(problems) => {
                    self.failures.push(Failure::RuleFile { file: source.path.clone(), problems: problems.0 });
                }
            }
        }
        self.own = OwnRun::new(self.test, own);
        let order = &self.file.group_eval_order;
        let place = |group: &GroupState| order.iter().position(|name| *name == group.group().name).unwrap_or(0);
        groups.sort_by_key(place);
        self.failures.is_empty().then_some(groups)
    }

    /// Loads the samples up to `since`.
    fn load(&mut self, since: i64) -> bool {
        let count = usize::try_from(since / self.test.interval_ms + 1).unwrap_or(usize::MAX);
        for series in &self.test.input_series {
            for at in self.loaded..count.min(series.values.len()) {
                let Some(Some(number)) = series.values.get(at) else { continue };
                let time = self.test.start + i64::try_from(at).unwrap_or(i64::MAX) * self.test.interval_ms;
                if let Err(error) = self.memory.push(&series.labels, time, number) {
                    self.failures.push(Failure::Input { error: format!("{:?}: {error}", series.labels) });
                    return false;
                }
            }
        }
        self.loaded = count;
        true
    }

    /// Whether all rules could be evaluated.
    fn evaluate(&mut self, groups: &mut [GroupState], since: i64) -> bool {
        let mut is_fine = true;
        for group in groups {
            let at = self.test.start + since;
            let outcomes = evaluate(&mut [&mut *group], &self.memory, &self.environment, &Never, at);
            for outcome in outcomes {
                let refused: Vec<String> = outcome.samples.iter().filter_map(|sample| self.store(sample)).collect();
                let errors = outcome.rules.iter().zip(&group.group().rules).filter_map(|(outcome, rule)| {
                    outcome.error.as_ref().map(|error| (rule.name().to_owned(), error.to_string()))
                });
                let refused = refused.into_iter().map(|error| (group.group().name.clone(), error));
                for (rule, error) in errors.chain(refused) {
                    is_fine = false;
                    self.failures.push(Failure::Rule { rule, time_ms: since, error });
                }
            }
        }
        is_fine
    }

    /// Whether all own rules could be evaluated.
    fn advance_own(&mut self, since: i64) -> bool {
        let failures = self.own.advance(since);
        let is_fine = failures.is_empty();
        let failures = failures.into_iter();
        self.failures.extend(failures.map(|OwnFailure { rule, error }| Failure::Rule { rule, time_ms: since, error }));
        is_fine
    }

    /// Why a sample was not stored. Stale markers need not be.
    fn store(&mut self, sample: &NewSample) -> Option<String> {
        let is_mark = matches!(sample.point, Point::Float(value) if is_stale(value));
        let refused = self.memory.push(&sample.labels, sample.time, &sample.point).err()?;
        (!is_mark).then(|| format!("{:?}: {refused}", sample.labels))
    }

    fn check_alerts(&mut self, groups: &[GroupState], time_ms: i64) {
        let mut firing: BTreeMap<&str, Vec<Alerted>> = BTreeMap::new();
        for group in groups {
            for (place, rule) in group.group().rules.iter().enumerate() {
                let alerts = group.alerts(place);
                let alerts = alerts.filter(|alert| alert.state == AlertState::Firing && alert.resolved_at.is_none());
                let alerted = alerts
                    .map(|alert| Alerted { labels: alert.labels.clone(), annotations: alert.annotations.clone() });
                firing.entry(rule.name()).or_default().extend(alerted);
            }
        }
        for test in self.test.alert_tests.iter().filter(|test| test.eval_time_ms == time_ms) {
            let mut got = firing.get(test.alertname.as_str()).cloned().unwrap_or_default();
            let expected = test.expected.iter();
            let mut expected: Vec<Alerted> = expected
                .map(|(labels, annotations)| Alerted { labels: labels.clone(), annotations: annotations.clone() })
                .collect();
            if self.own.has(&test.alertname) {
                got.extend(self.own.firing(&test.alertname).into_iter().map(|alert| named(alert, &expected)));
            }
            got.sort();
            expected.sort();
            if got != expected {
                self.failures.push(Failure::Alerts { alertname: test.alertname.clone(), time_ms, expected, got });
            }
        }
    }

    fn check_expr(&self, test: &ExprTest) -> Option<Failure> {
        let (expr, time_ms) = (test.text.clone(), test.eval_time_ms);
        let query = Query { expr: &test.expr, moments: Moments::Instant(self.test.start + time_ms) };
        let answer = orszem_promql::evaluate(&query, &self.memory, &self.environment.options, &Never);
        let mut got = match answer.map(|answer| answer.value) {
            Ok(Value::Vector(samples)) => samples,
            Ok(Value::Scalar { time, value }) => {
                vec![Sample { labels: Labels::default(), point: Point::Float(value), time }]
            }
            Ok(Value::String { .. } | Value::Matrix(_)) => {
                let error = "rule result is not a vector or scalar".to_owned();
                return Some(Failure::ExprFailed { expr, time_ms, error });
            }
            Err(error) => return Some(Failure::ExprFailed { expr, time_ms, error: error.to_string() }),
        };
        let mut expected = test.expected.clone();
        got.sort_by(|a, b| a.labels.cmp(&b.labels));
        expected.sort_by(|a, b| a.labels.cmp(&b.labels));
        let is_same = |(got, expected): (&Sample, &ExpectedSample)| {
            got.labels == expected.labels && self.is_same(&got.point, &expected.point)
        };
        if got.len() == expected.len() && got.iter().zip(&expected).all(is_same) {
            return None;
        }
        let expected = expected.iter().map(|sample| Measured::of(&sample.labels, &sample.point)).collect();
        let got = got.iter().map(|sample| Measured::of(&sample.labels, &sample.point)).collect();
        Some(Failure::Expr { expr, time_ms, expected, got })
    }

    /// NaN is never the same, as in Prometheus.
    fn is_same(&self, got: &Point, expected: &Point) -> bool {
        match (got, expected) {
            (Point::Float(a), Point::Float(b)) if self.file.fuzzy_compare => {
                a == b || a.next_down() == *b || a.next_up() == *b
            }
            (Point::Float(a), Point::Float(b)) => a == b,
            (Point::Histogram(a), Point::Histogram(b)) => {
                let compacted = |histogram: &Histogram| {
                    let mut histogram = histogram.clone();
                    histogram::compact(&mut histogram, 0);
                    histogram
                };
                histogram::text(&compacted(a)) == histogram::text(&compacted(b))
                    && (a.schema, a.zero_threshold.to_bits()) == (b.schema, b.zero_threshold.to_bits())
            }
            (Point::Float(_), Point::Histogram(_)) | (Point::Histogram(_), Point::Float(_)) => false,
        }
    }
}

/// An alert of an own rule with the annotations that the test names of it: its runbook need not be repeated there.
fn named(alert: Alerted, expected: &[Alerted]) -> Alerted {
    let Some(wanted) = expected.iter().find(|wanted| wanted.labels == alert.labels) else { return alert };
    let annotations = alert.annotations.without(|name| wanted.annotations.get(name).is_none());
    Alerted { annotations, ..alert }
}
