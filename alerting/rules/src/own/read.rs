//! Reads `thresholds:`, `logs:` and `events:` of rule files.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orszem_alerting::{Band, Bands, Comparison, Level, NoData, NoDataPolicy};
use orszem_model::{FactKind, METRIC_NAME};
use orszem_promql::{ParseOptions, parse};
use orszem_search::{FieldName, Query};

use super::rule::{About, EventRule, Field, LogRule, LogWhen, OwnRules, ThresholdRule};
use super::value::Value;
use crate::reader::{Pair, Reader, within};
use crate::template::Template;
use crate::yaml::{Content, Key, Mark, Node};

/// The keys of a file that hold own rules.
pub(crate) const SECTIONS: [&str; 3] = ["thresholds", "logs", "events"];

const ABOUT_KEYS: [&str; 6] = ["alert", "labels", "annotations", "runbook", "entity", "outage"];
const THRESHOLD_KEYS: [&str; 4] = ["value", "warning", "critical", "no_data"];
const LEVEL_KEYS: [&str; 9] =
    ["above", "at_least", "below", "at_most", "equal", "not_equal", "for", "clear", "clear_for"];
const NO_DATA_KEYS: [&str; 3] = ["after", "policy", "severity"];
const LOG_KEYS: [&str; 10] =
    ["query", "kind", "count", "window", "by", "field", "known_for", "learn", "clear_after", "severity"];
const EVENT_KEYS: [&str; 6] = ["fact", "until", "entity_prefix", "for", "clear_after", "severity"];
/// Labels that are set by the engine.
const OWN_LABELS: [&str; 3] = ["alertname", "severity", METRIC_NAME];
/// Longest window over logs.
const WINDOW_MAX: Duration = Duration::from_secs(7 * 86_400);
/// How long an alert of a log rule lasts where nothing else is said.
const CLEAR_AFTER: Duration = Duration::from_secs(300);
/// How long values are watched before a new one is alarming.
const LEARN: Duration = Duration::from_secs(86_400);

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

    fn threshold(&mut self, node: &Node, path: &str) -> Option<ThresholdRule> {
        let pairs = self.mapping(node, path, &THRESHOLD_KEYS);
        let about = self.about(node, pairs, path);
        let mut bands = Bands::default();
        let (mut value, mut no_data) = (None, None);
        for (key, node) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "value" => value = self.value(node, &path),
                "warning" => bands.warning = self.band(node, &path),
                "critical" => bands.critical = self.band(node, &path),
                "no_data" => no_data = self.no_data(node, &path),
                _ => {}
            }
        }
        self.required(node, pairs, path, "value", "the rule has no value", "write `value: metric{…}`");
        let is_given = |level: &str| pairs.iter().any(|(key, _)| key.text == level);
        if !is_given("warning") && !is_given("critical") {
            self.reader.note(node.mark, path, "the rule has no level", "write `warning: {above: …}` or `critical: …`");
        }
        if let (Some(warning), Some(critical)) = (&bands.warning, &bands.critical) {
            let is_worse = match critical.op {
                Comparison::Above | Comparison::AtLeast => critical.enter >= warning.enter,
                Comparison::Below | Comparison::AtMost => critical.enter <= warning.enter,
                Comparison::Equal | Comparison::NotEqual => true,
            };
            if critical.op == warning.op && !is_worse {
                let message = format!("critical begins at {} and warning at {}", critical.enter, warning.enter);
                self.reader.note(node.mark, &within(path, "critical"), message, "exchange the two bounds");
            }
        }
        let (value, text) = value?;
        Some(ThresholdRule { about: about?, value, text, bands, no_data })
    }

    fn value(&mut self, node: &Node, path: &str) -> Option<(Value, String)> {
        let text = self.reader.text(node, path);
        if text.is_empty() {
            return None;
        }
        let expr = match parse(&text, &self.options) {
            Ok(expr) => expr,
            Err(error) => {
                let message = format!("could not parse expression: {error}");
                self.reader.note(node.mark, path, message, "mend the PromQL there");
                return None;
            }
        };
        match Value::compile(&expr, &text) {
            Ok(value) => Some((value, text)),
            Err(refused) => {
                self.reader.note(node.mark, path, refused.message, refused.remedy);
                None
            }
        }
    }

    fn band(&mut self, node: &Node, path: &str) -> Option<Band> {
        let pairs = self.reader.mapping(node, path, &LEVEL_KEYS);
        let mut bound: Option<(Comparison, f64)> = None;
        let (mut hold, mut clear, mut clear_hold) = (Duration::ZERO, None, Duration::ZERO);
        for (key, value) in pairs {
            let path = within(path, &key.text);
            let op = match key.text.as_str() {
                "for" => {
                    hold = self.duration(value, &path);
                    continue;
                }
                "clear_for" => {
                    clear_hold = self.duration(value, &path);
                    continue;
                }
                "clear" => {
                    clear = Some((self.reader.number(value, &path), value.mark));
                    continue;
                }
                "above" => Comparison::Above,
                "at_least" => Comparison::AtLeast,
                "below" => Comparison::Below,
                "at_most" => Comparison::AtMost,
                "equal" => Comparison::Equal,
                "not_equal" => Comparison::NotEqual,
                _ => continue,
            };
            let number = self.reader.number(value, &path);
            if number.is_nan() {
                self.reader.note(value.mark, &path, "NaN compares with nothing", "write a number");
            }
            if bound.is_some() {
                self.reader.note(key.mark, &path, "the level has two bounds", "leave one of them out");
            }
            bound = Some((op, number));
        }
        let Some((op, enter)) = bound else {
            self.reader.note(node.mark, path, "the level has no bound", "write `above: 90` or `below: 10`");
            return None;
        };
        let band = Band { op, enter, hold, clear: clear.map_or(enter, |clear| clear.0), clear_hold };
        let is_ordered = match op {
            Comparison::Above | Comparison::AtLeast => band.clear <= enter,
            Comparison::Below | Comparison::AtMost => band.clear >= enter,
            Comparison::Equal | Comparison::NotEqual => band.clear.to_bits() == enter.to_bits(),
        };
        if let (false, Some((bound, mark))) = (is_ordered, clear) {
            let message = format!("it clears at {bound}, which is not on the calm side of {enter}");
            let remedy = match op {
                Comparison::Above | Comparison::AtLeast => format!("write {enter} or less"),
                Comparison::Below | Comparison::AtMost => format!("write {enter} or more"),
                Comparison::Equal | Comparison::NotEqual => "leave it out".to_owned(),
            };
            self.reader.note(mark, &within(path, "clear"), message, remedy);
        }
        Some(band)
    }

    fn no_data(&mut self, node: &Node, path: &str) -> Option<NoData> {
        let (mut after, mut policy, mut level) = (Duration::ZERO, String::new(), Level::Warning);
        let pairs = self.reader.mapping(node, path, &NO_DATA_KEYS);
        for (key, value) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "after" => after = self.duration(value, &path),
                "policy" => policy = self.reader.text(value, &path),
                "severity" => level = self.severity(value, &path),
                _ => {}
            }
        }
        let policy = match policy.as_str() {
            "keep" => NoDataPolicy::Keep,
            "ok" => NoDataPolicy::Ok,
            "alert" => NoDataPolicy::Alert(level),
            other => {
                let message = format!("{other:?} is no policy");
                self.reader.note(node.mark, &within(path, "policy"), message, "write ok, keep or alert");
                return None;
            }
        };
        if after < Duration::from_secs(1) {
            let message = "there is no time after which nothing is no data";
            self.reader.note(node.mark, &within(path, "after"), message, "write `after: 5m`");
            return None;
        }
        Some(NoData { after, policy })
    }

    fn log(&mut self, node: &Node, path: &str) -> Option<LogRule> {
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

    fn event(&mut self, node: &Node, path: &str) -> Option<EventRule> {
        let pairs = self.mapping(node, path, &EVENT_KEYS);
        let about = self.about(node, pairs, path);
        let (mut facts, mut until, mut entity_prefix) = (Vec::new(), Vec::new(), String::new());
        let (mut hold, mut clear_after, mut level) = (Duration::ZERO, None, Level::Warning);
        for (key, value) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "fact" => facts = self.facts(value, &path),
                "until" => until = self.facts(value, &path),
                "entity_prefix" => entity_prefix = self.reader.text(value, &path),
                "for" => hold = self.duration(value, &path),
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
        Some(EventRule { about: about?, facts, until, entity_prefix, hold, level, clear_after })
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
        match self.reader.text(node, path).as_str() {
            "warning" => Level::Warning,
            "critical" => Level::Critical,
            other => {
                let message = format!("{other:?} is no severity");
                self.reader.note(node.mark, path, message, "write warning or critical");
                Level::Warning
            }
        }
    }

    fn duration(&mut self, node: &Node, path: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.reader.duration(node, path)).unwrap_or(0))
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
