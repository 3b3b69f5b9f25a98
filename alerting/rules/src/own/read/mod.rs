//! Reads `thresholds:`, `logs:` and `events:` of rule files.

mod events;
mod logs;
mod thresholds;

use std::collections::BTreeMap;
use std::time::Duration;

use orszem_alerting::Level;
use orszem_model::METRIC_NAME;
use orszem_promql::ParseOptions;

use super::rule::{About, OwnRules};
use crate::reader::{Pair, Reader, within};
use crate::template::Template;
use orszem_yaml::{Content, Key, Mark, Node};

/// The keys of a file that hold own rules.
pub(crate) const SECTIONS: [&str; 3] = ["thresholds", "logs", "events"];

const ABOUT_KEYS: [&str; 6] = ["alert", "labels", "annotations", "runbook", "entity", "outage"];
/// Labels that are set by the engine.
const OWN_LABELS: [&str; 3] = ["alertname", "severity", METRIC_NAME];

type Pairs<'n> = &'n [(Key, Node)];

/// Reads the sections of one file.
pub(crate) struct Own<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) options: ParseOptions,
}

impl Own<'_> {
    /// The rules that stand under `root`; what is wrong is noted.
    pub(crate) fn rules(&mut self, root: Pairs<'_>) -> OwnRules {
        let mut rules = OwnRules::default();
        for (key, node) in root.iter().filter(|(key, _)| SECTIONS.contains(&key.text.as_str())) {
            let section = key.text.as_str();
            for (at, node) in self.reader.sequence(node, section).iter().enumerate() {
                let path = format!("{section}[{at}]");
                match section {
                    "thresholds" => rules.thresholds.extend(self.threshold(node, &path)),
                    "logs" => rules.logs.extend(self.log(node, &path)),
                    _ => rules.events.extend(self.event(node, &path)),
                }
            }
        }
        let mut names: BTreeMap<&str, Mark> = BTreeMap::new();
        for about in rules.abouts() {
            if let Some(first) = names.get(about.name.as_str()) {
                let message = format!("the rule {:?} is there already, at line {}", about.name, first.line);
                self.reader.note(about.mark, "alert", message, "give it another name");
            }
            names.entry(&about.name).or_insert(about.mark);
        }
        rules
    }

    /// A text, or a list of them.
    fn list(&mut self, node: &Node, path: &str) -> Vec<String> {
        match &node.content {
            Content::Scalar { text, .. } => vec![text.clone()],
            Content::Null | Content::Sequence(_) | Content::Mapping(_) => self.reader.texts(node, path),
        }
    }

    fn mapping<'n>(&mut self, node: &'n Node, path: &str, own: &[&str]) -> Pairs<'n> {
        let keys: Vec<&str> = ABOUT_KEYS.iter().chain(own).copied().collect();
        self.reader.mapping(node, path, &keys)
    }

    fn required(&mut self, node: &Node, pairs: Pairs<'_>, path: &str, key: &str, message: &str, remedy: &str) {
        let is_given = pairs.iter().any(|(given, node)| given.text == key && node.content != Content::Null);
        if !is_given {
            self.reader.note(node.mark, &within(path, key), message, remedy);
        }
    }

    /// `None` where the rule has no name; why is noted.
    fn about(&mut self, node: &Node, pairs: Pairs<'_>, path: &str) -> Option<About> {
        let mut name = String::new();
        let (mut labels, mut annotations) = (BTreeMap::new(), BTreeMap::new());
        let (mut entity, mut is_outage) = (None, false);
        for (key, value) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "alert" => name = self.reader.text(value, &path),
                "labels" => {
                    for pair in self.reader.pairs(value, &path) {
                        self.label(&path, &pair);
                        labels.insert(pair.name, pair.text);
                    }
                }
                "annotations" => {
                    for pair in self.reader.pairs(value, &path) {
                        if let Some(template) = self.template(&within(&path, &pair.name), pair.mark, &pair.text) {
                            annotations.insert(pair.name, template);
                        }
                    }
                }
                "runbook" => {
                    let text = self.reader.text(value, &path);
                    if let Some(template) = self.template(&path, value.mark, text.trim_end()) {
                        annotations.insert("runbook".to_owned(), template);
                    }
                }
                "entity" => {
                    let text = self.reader.text(value, &path);
                    entity = self.template(&path, value.mark, &text).filter(|entity| !entity.text().is_empty());
                }
                "outage" => is_outage = self.reader.boolean(value, &path),
                _ => {}
            }
        }
        if name.is_empty() {
            self.reader.note(node.mark, &within(path, "alert"), "the rule has no name", "write `alert: Name`");
            return None;
        }
        let (labels, annotations) = (labels.into_iter().collect(), annotations.into_iter().collect());
        Some(About { name, labels, annotations, entity, is_outage, mark: node.mark })
    }

    fn label(&mut self, path: &str, pair: &Pair) {
        let Pair { name, text, name_mark, mark } = pair;
        if name.is_empty() || OWN_LABELS.contains(&name.as_str()) {
            let message = format!("{name:?} is not to be set");
            let remedy = if name == "severity" { "the levels say it" } else { "give the label another name" };
            self.reader.note(*name_mark, path, message, remedy);
        }
        if text.contains("{{") {
            let message = format!("the label {name:?} is a template");
            self.reader.note(
                *mark,
                path,
                message,
                "labels of own rules are fixed; those of the series are there already",
            );
        }
    }

    fn template(&mut self, path: &str, mark: Mark, text: &str) -> Option<Template> {
        match Template::parse(text) {
            Ok(template) => Some(template),
            Err(error) => {
                self.reader.note(mark, path, format!("template: {error}"), "mend the template there");
                None
            }
        }
    }

    fn severity(&mut self, node: &Node, path: &str) -> Level {
        let name = self.reader.text(node, path);
        Level::named(&name).unwrap_or_else(|| {
            self.reader.note(node.mark, path, format!("{name:?} is no severity"), "write warning or critical");
            Level::Warning
        })
    }

    fn duration(&mut self, node: &Node, path: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.reader.duration(node, path)).unwrap_or(0))
    }
}
