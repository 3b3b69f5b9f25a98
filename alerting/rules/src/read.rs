//! Reads rule files (Prometheus 3, `model/rulefmt`): what Prometheus refuses is refused, and all of it is told at once.

use std::collections::BTreeMap;

use orszem_model::METRIC_NAME;
use orszem_promql::{ParseOptions, parse};

use crate::own;
use crate::problem::Problems;
use crate::reader::{Pair, Reader, within};
use crate::rule::{AlertRule, Rule, RuleFile, RuleGroup, RuleKind};
use crate::template::Template;
use orszem_yaml::{Mark, Node};

/// Reads the rules of a file.
///
/// # Errors
/// All that is wrong with it.
pub fn read(text: &str, options: ParseOptions) -> Result<RuleFile, Problems> {
    let mut reader = Reader::default();
    let file = match Node::parse(text) {
        Ok(root) => Rules { reader: &mut reader, options }.file(&root),
        Err(error) => {
            reader.note(error.mark, "", error.reason, "mend the YAML there");
            RuleFile::default()
        }
    };
    if reader.problems.is_empty() {
        return Ok(file);
    }
    reader.problems.sort_by_key(|problem| problem.mark);
    Err(Problems(reader.problems))
}

struct Rules<'r> {
    reader: &'r mut Reader,
    options: ParseOptions,
}

const GROUP_KEYS: [&str; 6] = ["name", "interval", "query_offset", "limit", "labels", "rules"];
const RULE_KEYS: [&str; 7] = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];

impl Rules<'_> {
    fn file(&mut self, root: &Node) -> RuleFile {
        let mut groups: Vec<RuleGroup> = Vec::new();
        let mut keys = vec!["groups"];
        keys.extend(own::SECTIONS);
        let pairs = self.reader.mapping(root, "", &keys);
        for (key, value) in pairs {
            if key.text != "groups" {
                continue;
            }
            for (at, node) in self.reader.sequence(value, "groups").iter().enumerate() {
                let group = self.group(node, &format!("groups[{at}]"));
                if let Some(first) = groups.iter().find(|known| known.name == group.name && !known.name.is_empty()) {
                    let message = format!("the group {:?} is there already, at line {}", group.name, first.mark.line);
                    self.reader.note(group.mark, &format!("groups[{at}].name"), message, "give it another name");
                }
                groups.push(group);
            }
        }
        let own = own::Own { reader: &mut *self.reader, options: self.options }.rules(pairs);
        RuleFile { groups, own }
    }

    fn group(&mut self, node: &Node, path: &str) -> RuleGroup {
        let mut group = RuleGroup {
            name: String::new(),
            interval_ms: None,
            query_offset_ms: None,
            limit: 0,
            rules: Vec::new(),
            mark: node.mark,
        };
        let mut labels = Vec::new();
        let pairs = self.reader.mapping(node, path, &GROUP_KEYS);
        for (key, value) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "name" => group.name = self.reader.text(value, &path),
                "interval" => group.interval_ms = Some(self.reader.duration(value, &path)).filter(|length| *length > 0),
                "query_offset" => {
                    let is_given = value.content != orszem_yaml::Content::Null;
                    let offset = self.reader.duration(value, &path);
                    group.query_offset_ms = is_given.then_some(offset);
                }
                "limit" => group.limit = usize::try_from(self.reader.integer(value, &path)).unwrap_or(0),
                "labels" => labels = self.labels(value, &path),
                _ => {}
            }
        }
        if group.name.is_empty() {
            self.reader.note(node.mark, &within(path, "name"), "the group has no name", "write `name: …`");
        }
        for (_, value) in pairs.iter().filter(|(key, _)| key.text == "rules") {
            let path = within(path, "rules");
            for (at, node) in self.reader.sequence(value, &path).iter().enumerate() {
                group.rules.extend(self.rule(node, &format!("{path}[{at}]"), &labels));
            }
        }
        group
    }

    /// Labels whose names are good.
    fn labels(&mut self, node: &Node, path: &str) -> Vec<Pair> {
        let pairs = self.reader.pairs(node, path);
        for pair in &pairs {
            if pair.name.is_empty() || pair.name == METRIC_NAME {
                let message = format!("{:?} is no label's name", pair.name);
                let remedy =
                    if pair.name.is_empty() { "name the label" } else { "leave it out: rules name the metric" };
                self.reader.note(pair.name_mark, path, message, remedy);
            }
        }
        pairs
    }

    /// `None` where the expression is none; why is noted.
    fn rule(&mut self, node: &Node, path: &str, group_labels: &[Pair]) -> Option<Rule> {
        let mut found = Found::default();
        for (key, value) in self.reader.mapping(node, path, &RULE_KEYS) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "record" => found.record = Some((self.reader.text(value, &path), value.mark)),
                "alert" => found.alert = Some((self.reader.text(value, &path), value.mark)),
                "expr" => found.expr = Some((self.reader.text(value, &path), value.mark)),
                "for" => found.for_ms = (self.reader.duration(value, &path), key.mark),
                "keep_firing_for" => found.keep_firing_for_ms = (self.reader.duration(value, &path), key.mark),
                "labels" => found.labels = self.labels(value, &path),
                "annotations" => found.annotations = (self.reader.pairs(value, &path), key.mark),
                _ => {}
            }
        }
        let expr = self.expr(node, path, found.expr.take());
        let kind = self.kind(node, path, &found);
        let labels = self.rule_labels(path, group_labels, &found);
        let (expr, text) = expr?;
        Some(Rule { kind: kind?, expr, text, labels, mark: node.mark })
    }

    fn expr(
        &mut self,
        node: &Node,
        path: &str,
        found: Option<(String, Mark)>,
    ) -> Option<(orszem_promql::ast::Expr, String)> {
        let path = within(path, "expr");
        let (text, mark) = found.unwrap_or((String::new(), node.mark));
        if text.is_empty() {
            self.reader.note(mark, &path, "the rule has no expression", "write `expr: …`");
            return None;
        }
        match parse(&text, &self.options) {
            Ok(expr) => Some((expr, text)),
            Err(error) => {
                let message = format!("could not parse expression: {error}");
                self.reader.note(mark, &path, message, "mend the PromQL there");
                None
            }
        }
    }

    fn kind(&mut self, node: &Node, path: &str, found: &Found) -> Option<RuleKind> {
        let named = |name: &Option<(String, Mark)>| name.clone().filter(|name| !name.0.is_empty());
        match (named(&found.record), named(&found.alert)) {
            (None, None) => {
                let remedy = "write `alert: Name` or `record: name`";
                self.reader.note(node.mark, path, "the rule has no name", remedy);
                None
            }
            (Some((_, mark)), Some(_)) => {
                self.reader.note(mark, path, "only one of `record` and `alert` may be there", "make it two rules");
                None
            }
            (Some((name, mark)), None) => {
                self.record(path, &name, mark, found);
                Some(RuleKind::Record(name))
            }
            (None, Some((name, _))) => {
                let annotations = self.annotations(&within(path, "annotations"), &found.annotations.0);
                Some(RuleKind::Alert(AlertRule {
                    name,
                    for_ms: found.for_ms.0,
                    keep_firing_for_ms: found.keep_firing_for_ms.0,
                    annotations,
                }))
            }
        }
    }

    fn record(&mut self, path: &str, name: &str, mark: Mark, found: &Found) {
        let misplaced = [
            ("for", found.for_ms.0 != 0, found.for_ms.1),
            ("keep_firing_for", found.keep_firing_for_ms.0 != 0, found.keep_firing_for_ms.1),
            ("annotations", !found.annotations.0.is_empty(), found.annotations.1),
        ];
        for (key, _, mark) in misplaced.iter().filter(|(_, is_given, _)| *is_given) {
            let message = "rules that record have no such key";
            self.reader.note(*mark, &within(path, key), message, "leave it out, or make the rule an alert");
        }
        if name.contains(['{', '}']) {
            let message = format!("braces in the name {name:?}");
            self.reader.note(mark, &within(path, "record"), message, "selectors belong in expr, labels in labels");
        }
    }

    fn annotations(&mut self, path: &str, pairs: &[Pair]) -> Vec<(String, Template)> {
        let mut annotations = BTreeMap::new();
        for pair in pairs {
            if pair.name.is_empty() {
                self.reader.note(pair.name_mark, path, "an annotation has no name", "name it");
            }
            if let Some(template) = self.template(&within(path, &pair.name), pair) {
                annotations.insert(pair.name.clone(), template);
            }
        }
        annotations.into_iter().collect()
    }

    /// Labels of the group, and those of the rule, which win.
    fn rule_labels(&mut self, path: &str, group_labels: &[Pair], found: &Found) -> Vec<(String, Template)> {
        let is_alert = found.alert.as_ref().is_some_and(|name| !name.0.is_empty());
        let mut labels = BTreeMap::new();
        for pair in group_labels.iter().chain(&found.labels) {
            let template = if is_alert {
                self.template(&within(&within(path, "labels"), &pair.name), pair)
            } else {
                Some(Template::literal(&pair.text))
            };
            if let Some(template) = template {
                labels.insert(pair.name.clone(), template);
            }
        }
        labels.into_iter().collect()
    }

    fn template(&mut self, path: &str, pair: &Pair) -> Option<Template> {
        match Template::parse(&pair.text) {
            Ok(template) => Some(template),
            Err(error) => {
                self.reader.note(pair.mark, path, format!("template: {error}"), "mend the template there");
                None
            }
        }
    }
}

/// What a rule has.
#[derive(Default)]
struct Found {
    record: Option<(String, Mark)>,
    alert: Option<(String, Mark)>,
    expr: Option<(String, Mark)>,
    for_ms: (i64, Mark),
    keep_firing_for_ms: (i64, Mark),
    labels: Vec<Pair>,
    annotations: (Vec<Pair>, Mark),
}
