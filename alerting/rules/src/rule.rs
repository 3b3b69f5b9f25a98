//! Rules and their groups, as read and checked.

use std::collections::HashMap;

use orszem_model::Labels;
use orszem_promql::ast::Expr;

use crate::own::OwnRules;
use crate::template::Template;
use orszem_yaml::Mark;

/// The rules of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFile {
    pub groups: Vec<RuleGroup>,
    /// Those that are not Prometheus'.
    pub own: OwnRules,
}

/// Rules that are evaluated one after the other, at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGroup {
    /// Once in its file, not empty.
    pub name: String,
    /// How often; `None` for the server's own.
    pub interval_ms: Option<i64>,
    /// How far before the time of the evaluation is asked; `None` for the server's own.
    pub query_offset_ms: Option<i64>,
    /// Alerts of a rule, or series that it records, beyond which it fails; 0 for any number.
    pub limit: usize,
    pub rules: Vec<Rule>,
    pub mark: Mark,
}

/// What is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub kind: RuleKind,
    pub expr: Expr,
    /// The expression as it was written.
    pub text: String,
    /// Those of the group and of the rule, sorted by name; for alerts they are templates.
    pub labels: Vec<(String, Template)>,
    pub mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    Alert(AlertRule),
    /// The name of the series that are recorded.
    Record(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    pub name: String,
    /// How long an element must be there before its alert fires.
    pub for_ms: i64,
    /// How long an alert goes on firing without an element.
    pub keep_firing_for_ms: i64,
    /// Sorted by name.
    pub annotations: Vec<(String, Template)>,
}

impl Rule {
    /// The name of the alert or of the recorded series.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Alert(alert) => &alert.name,
            RuleKind::Record(name) => name,
        }
    }

    pub fn alert(&self) -> Option<&AlertRule> {
        match &self.kind {
            RuleKind::Alert(alert) => Some(alert),
            RuleKind::Record(_) => None,
        }
    }

    /// The labels as they are written, those with no value left out.
    pub fn raw_labels(&self) -> Labels {
        Labels::from_sorted(
            self.labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.text()))
                .filter(|(_, value)| !value.is_empty()),
        )
    }
}

/// A rule that has the name and the labels of another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Duplicate {
    #[serde(flatten)]
    pub mark: Mark,
    pub name: String,
    /// The line of the other.
    pub first: usize,
}

impl RuleFile {
    /// Rules with the name and the labels of one before them: what they record meets in one series.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let mut first: HashMap<(&str, Labels), usize> = HashMap::new();
        let mut duplicates = Vec::new();
        for rule in self.rules() {
            let line = *first.entry((rule.name(), rule.raw_labels())).or_insert(rule.mark.line);
            if line != rule.mark.line {
                duplicates.push(Duplicate { mark: rule.mark, name: rule.name().to_owned(), first: line });
            }
        }
        duplicates
    }

    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }
}
