//! Our own rules, as read and checked.

use std::time::Duration;

use orszem_alerting::{Bands, Level, NoData, Rule, RuleKind};
use orszem_model::{FactKind, Labels};
use orszem_search::{FieldName, Query};

use super::value::Value;
use crate::template::{Ask, Data, QueriedSample, Template};
use orszem_yaml::Mark;

/// The rules of a file that are not Prometheus'.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnRules {
    /// Evaluated for each sample.
    pub thresholds: Vec<ThresholdRule>,
    /// Evaluated for each record.
    pub logs: Vec<LogRule>,
    /// Evaluated for each fact.
    pub events: Vec<EventRule>,
}

/// What rules of all kinds have.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Once among all own rules.
    pub name: String,
    /// Sorted by name.
    pub labels: Vec<(String, String)>,
    /// Sorted by name; `runbook` among them, where there is one.
    pub annotations: Vec<(String, Template)>,
    /// What the alert is about: becomes its label `entity`.
    pub entity: Option<Template>,
    /// While it fires at critical its entity is down.
    pub is_outage: bool,
    pub mark: Mark,
}

/// A value of series, against levels.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdRule {
    pub about: About,
    pub value: Value,
    /// As it was written.
    pub text: String,
    pub bands: Bands,
    pub no_data: Option<NoData>,
}

/// Records that a query matches.
#[derive(Clone, Debug)]
pub struct LogRule {
    pub about: About,
    pub query: Query,
    pub when: LogWhen,
    /// Each combination of their values is an alert of its own.
    pub by: Vec<Field>,
    pub level: Level,
    /// How long after the condition was met last the alert ends.
    pub clear_after: Duration,
}

/// A field of records, and the label that has its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub label: String,
    pub name: FieldName,
}

/// When records are alarming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogWhen {
    Any,
    /// At least so many within the window.
    Frequency {
        count: u64,
        window: Duration,
    },
    /// Fewer than so many within the window.
    Flatline {
        count: u64,
        window: Duration,
    },
    /// A value of the field that was not seen for so long; nothing is alarming before the rule has looked for `learn`.
    NewTerm {
        field: Field,
        known_for: Duration,
        learn: Duration,
    },
}

/// A fact that begins a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRule {
    pub about: About,
    pub facts: Vec<FactKind>,
    /// Facts about the same entity that end it; those that name an end for [`Self::facts`] where none are given.
    pub until: Vec<FactKind>,
    /// Only facts about entities that begin so.
    pub entity_prefix: String,
    pub hold: Duration,
    pub level: Level,
    /// How long it fires on after a fact that ends it, unless one begins it again.
    pub clear_for: Duration,
    /// How long after the last fact it ends without one that ends it.
    pub clear_after: Option<Duration>,
}

impl PartialEq for LogRule {
    fn eq(&self, other: &Self) -> bool {
        let Self { about, query, when, by, level, clear_after } = self;
        (about, &query.source, when, by, level, clear_after)
            == (&other.about, &other.query.source, &other.when, &other.by, &other.level, &other.clear_after)
    }
}

impl OwnRules {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.thresholds.len() + self.logs.len() + self.events.len()
    }

    /// What is said of each rule, in the order of their kinds.
    pub fn abouts(&self) -> impl Iterator<Item = &About> {
        let thresholds = self.thresholds.iter().map(|rule| &rule.about);
        let logs = self.logs.iter().map(|rule| &rule.about);
        thresholds.chain(logs).chain(self.events.iter().map(|rule| &rule.about))
    }

    /// Adds the rules of another file.
    pub fn extend(&mut self, other: Self) {
        let Self { thresholds, logs, events } = other;
        self.thresholds.extend(thresholds);
        self.logs.extend(logs);
        self.events.extend(events);
    }

    /// Leaves out those whose name `keeps` does not want.
    pub fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        let Self { thresholds, logs, events } = self;
        thresholds.retain(|rule| keeps(&rule.about.name));
        logs.retain(|rule| keeps(&rule.about.name));
        events.retain(|rule| keeps(&rule.about.name));
    }

    /// As the engine of alerts knows them.
    pub fn alarms(&self) -> Vec<Rule> {
        let condition = |level, hold| RuleKind::Condition { level, hold, keep: Duration::ZERO };
        let thresholds =
            self.thresholds.iter().map(|rule| rule.about.alarm(RuleKind::Threshold(rule.bands), rule.no_data));
        let logs = self.logs.iter().map(|rule| rule.about.alarm(condition(rule.level, Duration::ZERO), None));
        let events = self.events.iter().map(|rule| rule.about.alarm(condition(rule.level, rule.hold), None));
        thresholds.chain(logs).chain(events).collect()
    }
}

impl About {
    fn alarm(&self, kind: RuleKind, no_data: Option<NoData>) -> Rule {
        let annotations = self.annotations.iter().map(|(name, text)| (name.clone(), text.text().to_owned())).collect();
        Rule {
            name: self.name.clone(),
            kind,
            no_data,
            labels: self.labels.clone(),
            annotations,
            is_outage: self.is_outage,
        }
    }

    /// The labels of an alert that is told apart by `labels`.
    pub(super) fn key(&self, labels: Labels, at_ms: i64) -> Labels {
        match &self.entity {
            Some(entity) => labels.with("entity", &self.expand(entity, &labels, f64::NAN, at_ms)),
            None => labels,
        }
    }

    /// The texts for people. `$labels` has the alert's own labels, those of the rule, `alertname` and `severity`.
    pub(super) fn annotated(&self, labels: &Labels, level: Level, value: f64, at_ms: i64) -> Labels {
        let mut pairs: Vec<(&str, &str)> = vec![("alertname", &self.name), ("severity", level.name())];
        pairs.extend(labels.iter());
        pairs.extend(self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let labels = Labels::new(pairs);
        let texts = self.annotations.iter();
        Labels::new(texts.map(|(name, text)| (name, self.expand(text, &labels, value, at_ms))).collect())
    }

    fn expand(&self, template: &Template, labels: &Labels, value: f64, at_ms: i64) -> String {
        let point = orszem_promql::Point::Float(value);
        let external_labels = Labels::default();
        let data = Data { labels, value: &point, external_labels: &external_labels, external_url: "", at: at_ms };
        template.expand(&data, &NoQueries).unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }
}

/// Own rules are evaluated beside the store, not with it.
struct NoQueries;

impl Ask for NoQueries {
    fn ask(&self, _query: &str, _at: i64) -> Result<Vec<QueriedSample>, String> {
        Err("templates of thresholds, logs and events can't query".to_owned())
    }
}

impl LogWhen {
    /// As it is written in files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Frequency { .. } => "frequency",
            Self::Flatline { .. } => "flatline",
            Self::NewTerm { .. } => "new_term",
        }
    }
}
