//! Reads `events:`.

use std::time::Duration;

use orszem_alerting::Level;
use orszem_model::FactKind;

use super::super::rule::EventRule;
use super::Own;
use crate::reader::within;
use orszem_yaml::Node;

const EVENT_KEYS: [&str; 7] = ["fact", "until", "entity_prefix", "for", "clear_for", "clear_after", "severity"];

impl Own<'_> {
    pub(super) fn event(&mut self, node: &Node, path: &str) -> Option<EventRule> {
        let pairs = self.mapping(node, path, &EVENT_KEYS);
        let about = self.about(node, pairs, path);
        let (mut facts, mut until, mut entity_prefix) = (Vec::new(), Vec::new(), String::new());
        let (mut hold, mut clear_for, mut clear_after) = (Duration::ZERO, Duration::ZERO, None);
        let mut level = Level::Warning;
        for (key, value) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "fact" => facts = self.facts(value, &path),
                "until" => until = self.facts(value, &path),
                "entity_prefix" => entity_prefix = self.reader.text(value, &path),
                "for" => hold = self.duration(value, &path),
                "clear_for" => clear_for = self.duration(value, &path),
                "clear_after" => clear_after = Some(self.duration(value, &path)),
                "severity" => level = self.severity(value, &path),
                _ => {}
            }
        }
        self.required(node, pairs, path, "fact", "the rule has no fact", "write `fact: node.lost`");
        if until.is_empty() {
            until = EventRule::opposites(&facts);
        }
        let both = facts.iter().find(|fact| until.contains(fact));
        if let Some(fact) = both {
            let message = format!("{} both begins and ends it", fact.name());
            self.reader.note(node.mark, &within(path, "until"), message, "leave it out of one of the two");
        }
        if !facts.is_empty() && until.is_empty() && clear_after.is_none() {
            let names: Vec<&str> = facts.iter().map(|fact| fact.name()).collect();
            let message = format!("no fact ends {}", names.join(", "));
            self.reader.note(node.mark, path, message, "write `clear_after: 1h`, or name one in `until`");
        }
        if clear_after.is_some_and(|clear_after| clear_after <= hold) {
            let path = within(path, "clear_after");
            self.reader.note(node.mark, &path, "it ends before it fires", "write more than `for`");
        }
        Some(EventRule { about: about?, facts, until, entity_prefix, hold, level, clear_for, clear_after })
    }

    fn facts(&mut self, node: &Node, path: &str) -> Vec<FactKind> {
        let mut facts = Vec::new();
        for name in self.list(node, path) {
            match FactKind::from_name(&name) {
                Some(fact) => facts.push(fact),
                None => {
                    let near = FactKind::ALL.iter().map(|fact| fact.name());
                    let family = name.split('.').next().unwrap_or("");
                    let near: Vec<&str> = near.filter(|known| known.split('.').next() == Some(family)).collect();
                    let remedy = if near.is_empty() {
                        "see docs/facts.md for all of them".to_owned()
                    } else {
                        format!("of this family are {}", near.join(", "))
                    };
                    self.reader.note(node.mark, path, format!("there is no fact {name:?}"), remedy);
                }
            }
        }
        facts
    }
}
