//! Reads `logs:`.

use std::collections::BTreeSet;
use std::time::Duration;

use orszem_alerting::Level;
use orszem_search::{FieldName, Query};

use super::super::rule::{Field, LogRule, LogWhen};
use super::{Own, Pairs};
use crate::reader::within;
use orszem_yaml::Node;

const LOG_KEYS: [&str; 10] =
    ["query", "kind", "count", "window", "by", "field", "known_for", "learn", "clear_after", "severity"];
/// Longest window over logs.
const WINDOW_MAX: Duration = Duration::from_secs(7 * 86_400);
/// How long an alert of a log rule lasts where nothing else is said.
const CLEAR_AFTER: Duration = Duration::from_secs(300);
/// How long values are watched before a new one is alarming.
const LEARN: Duration = Duration::from_secs(86_400);

impl Own<'_> {
    pub(super) fn log(&mut self, node: &Node, path: &str) -> Option<LogRule> {
        let pairs = self.mapping(node, path, &LOG_KEYS);
        let about = self.about(node, pairs, path);
        let mut found = FoundLog::default();
        for (key, value) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "query" => found.query = self.query(value, &path),
                "kind" => found.kind = self.reader.text(value, &path),
                "count" => found.count = self.count(value, &path),
                "window" => found.window = Some(self.duration(value, &path)),
                "by" => found.by = self.fields(value, &path),
                "field" => found.field = Some(field(&self.reader.text(value, &path))),
                "known_for" => found.known_for = Some(self.duration(value, &path)),
                "learn" => found.learn = Some(self.duration(value, &path)),
                "clear_after" => found.clear_after = Some(self.duration(value, &path)),
                "severity" => found.level = self.severity(value, &path),
                _ => {}
            }
        }
        self.required(node, pairs, path, "query", "the rule has no query", "write `query: …`, `'*'` for all records");
        let when = self.when(node, pairs, path, &mut found)?;
        let window = match &when {
            LogWhen::Frequency { window, .. } => *window,
            LogWhen::Any | LogWhen::NewTerm { .. } | LogWhen::Flatline { .. } => CLEAR_AFTER,
        };
        let clear_after = found.clear_after.unwrap_or(window);
        Some(LogRule { about: about?, query: found.query?, when, by: found.by, level: found.level, clear_after })
    }

    fn when(&mut self, node: &Node, pairs: Pairs<'_>, path: &str, found: &mut FoundLog) -> Option<LogWhen> {
        let (kind, wanted): (&str, &[&str]) = match found.kind.as_str() {
            "" if pairs.iter().all(|(key, _)| key.text != "kind") => ("any", &[]),
            "any" => ("any", &[]),
            "frequency" => ("frequency", &["count", "window"]),
            "flatline" => ("flatline", &["count", "window"]),
            "new_term" => ("new_term", &["field", "known_for", "learn"]),
            other => {
                let message = format!("{other:?} is no kind of log rule");
                let remedy = "write any, frequency, flatline or new_term";
                self.reader.note(node.mark, &within(path, "kind"), message, remedy);
                return None;
            }
        };
        let of_kinds = ["count", "window", "field", "known_for", "learn"];
        for (key, _) in pairs.iter().filter(|(key, _)| of_kinds.contains(&key.text.as_str())) {
            if !wanted.contains(&key.text.as_str()) {
                let message = format!("rules of kind {kind} have no such key");
                self.reader.note(key.mark, &within(path, &key.text), message, "leave it out, or change the kind");
            }
        }
        match kind {
            "any" => Some(LogWhen::Any),
            "new_term" => {
                let known_for = found.known_for.unwrap_or(WINDOW_MAX);
                let Some(field) = found.field.take() else {
                    self.reader.note(node.mark, &within(path, "field"), "the rule has no field", "write `field: user`");
                    return None;
                };
                let learn = found.learn.unwrap_or(LEARN.min(known_for));
                Some(LogWhen::NewTerm { field, known_for, learn })
            }
            _ => {
                let Some(window) = found.window.filter(|window| *window >= Duration::from_secs(1)) else {
                    self.reader.note(
                        node.mark,
                        &within(path, "window"),
                        "the rule has no window",
                        "write `window: 5m`",
                    );
                    return None;
                };
                if window > WINDOW_MAX {
                    self.reader.note(node.mark, &within(path, "window"), "the window is longer than 7d", "shorten it");
                }
                let count = found.count.unwrap_or(1);
                Some(match kind {
                    "frequency" => LogWhen::Frequency { count, window },
                    _ => LogWhen::Flatline { count, window },
                })
            }
        }
    }

    fn query(&mut self, node: &Node, path: &str) -> Option<Query> {
        let text = self.reader.text(node, path);
        match Query::parse(&text) {
            Ok(query) => Some(query),
            Err(error) => {
                self.reader.note(node.mark, path, format!("not a query: {error}"), "see docs/search.md");
                None
            }
        }
    }

    fn count(&mut self, node: &Node, path: &str) -> Option<u64> {
        let count = u64::try_from(self.reader.integer(node, path)).ok().filter(|count| *count > 0);
        if count.is_none() {
            self.reader.note(node.mark, path, "it is less than one", "write 1 or more");
        }
        count
    }

    fn fields(&mut self, node: &Node, path: &str) -> Vec<Field> {
        let names = self.list(node, path);
        let fields: Vec<Field> = names.iter().map(|name| field(name)).collect();
        let mut seen = BTreeSet::new();
        for name in &names {
            if name.is_empty() || !seen.insert(name) {
                let message = format!("the field {name:?} is empty or there twice");
                self.reader.note(node.mark, path, message, "leave it out");
            }
        }
        fields
    }
}

/// What a log rule has.
struct FoundLog {
    query: Option<Query>,
    kind: String,
    count: Option<u64>,
    window: Option<Duration>,
    by: Vec<Field>,
    field: Option<Field>,
    known_for: Option<Duration>,
    learn: Option<Duration>,
    clear_after: Option<Duration>,
    level: Level,
}

impl Default for FoundLog {
    fn default() -> Self {
        Self {
            query: None,
            kind: String::new(),
            count: None,
            window: None,
            by: Vec::new(),
            field: None,
            known_for: None,
            learn: None,
            clear_after: None,
            level: Level::Warning,
        }
    }
}

fn field(name: &str) -> Field {
    Field { label: name.to_owned(), name: FieldName::resolve(name) }
}
