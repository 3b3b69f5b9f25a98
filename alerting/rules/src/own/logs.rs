//! Evaluates rules about records of logs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use orszem_alerting::{AlertKey, Input, State};
use orszem_model::wire::RecordView;
use orszem_model::{Labels, Timestamp, code::Code, coded, prefix};
use orszem_search::FieldName;

use super::counts::Counts;
use super::rule::{Field, LogRule, LogWhen};
use super::{is_history, kept, states};

/// Groups of a rule; records of further ones are not counted for it, and that is.
pub const GROUPS_MAX: usize = 10_000;
/// Values that a rule remembers; beyond them the tenth that was seen longest ago is forgotten.
pub const TERMS_MAX: usize = 100_000;
/// Bytes of a value of a field; what is longer is cut.
const VALUE_BYTES_MAX: usize = 256;
/// Bytes of the record that an alert shows.
const SAMPLE_BYTES_MAX: usize = 512;
/// Groups in which nothing happened for this long are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// All rules about logs with what they have counted.
#[derive(Debug)]
pub struct Logs {
    rules: Vec<Watched>,
    overlooked: u64,
    told: Vec<Input>,
}

#[derive(Debug)]
struct Watched {
    rule: LogRule,
    memory: Memory,
}

/// What a rule has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Memory {
    /// Since when it looks.
    since: Timestamp,
    groups: BTreeMap<Labels, Group>,
    /// By group and value, when it was seen last.
    terms: Terms,
}

/// Values by group, for looking them up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Terms(HashMap<(Labels, String), Timestamp>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    counts: Counts,
    /// When the condition was met last, or began to be.
    met: Timestamp,
    /// When a record came last.
    seen: Timestamp,
    is_firing: bool,
}

coded! {
    Memory { since, groups, terms }
    Group { counts, met, seen, is_firing }
    Term { group, value, seen }
}

/// A value as it is kept.
struct Term {
    group: Labels,
    value: String,
    seen: Timestamp,
}

impl Code for Terms {
    fn put(&self, out: &mut Vec<u8>) {
        let sorted: BTreeMap<&(Labels, String), &Timestamp> = self.0.iter().collect();
        let terms: Vec<Term> = sorted
            .into_iter()
            .map(|((group, value), seen)| Term { group: group.clone(), value: value.clone(), seen: *seen })
            .collect();
        terms.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let terms: Vec<Term> = Vec::take(input)?;
        Some(Self(terms.into_iter().map(|Term { group, value, seen }| ((group, value), seen)).collect()))
    }
}

impl Logs {
    /// Evaluates `rules` from `now` on.
    pub fn new(rules: Vec<LogRule>, now: Timestamp) -> Self {
        let watched = |rule: LogRule| {
            let mut memory = Memory { since: now, ..Memory::default() };
            if rule.by.is_empty() && matches!(rule.when, LogWhen::Flatline { .. }) {
                // Silence from the beginning is silence.
                memory.groups.insert(Labels::default(), Group { seen: now, ..Group::default() });
            }
            Watched { rule, memory }
        };
        Self { rules: rules.into_iter().map(watched).collect(), overlooked: 0, told: Vec::new() }
    }

    /// The rules in force.
    pub fn rules(&self) -> impl Iterator<Item = &LogRule> {
        self.rules.iter().map(|watched| &watched.rule)
    }

    /// Takes a record.
    pub fn record(&mut self, record: &RecordView<'_>, now: Timestamp) {
        for watched in &mut self.rules {
            if watched.rule.query.matches(record) {
                self.overlooked += u64::from(!watched.take(record, now, &mut self.told));
            }
        }
    }

    /// Says that it is `now`, and that all records of before are here: ends what is over, and finds silence.
    pub fn tick(&mut self, now: Timestamp) {
        for watched in &mut self.rules {
            watched.tick(now, &mut self.told);
        }
    }

    /// What there is to tell since the last time.
    pub fn drain(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.told)
    }

    /// Records that belong to groups beyond [`GROUPS_MAX`].
    pub fn overlooked(&self) -> u64 {
        self.overlooked
    }

    /// What all rules have counted, to go on elsewhere.
    pub fn encode(&self) -> Vec<u8> {
        kept::encode(self.rules.iter().map(|Watched { rule, memory }| (rule.about.name.as_str(), memory)))
    }

    /// Goes on with what was kept, for rules that are still there. `false` when it is damaged: then nothing changes.
    pub fn restore(&mut self, kept: &[u8]) -> bool {
        let Some(restored) = kept::decode(kept) else { return false };
        for (name, memory) in restored {
            if let Some(watched) = self.rules.iter_mut().find(|watched| watched.rule.about.name == name) {
                watched.memory = memory;
            }
        }
        true
    }

    /// Tells again what fires, for an engine that may not know it, and ends what it knows and is over.
    pub fn reconcile(&mut self, known: &[(AlertKey, State)], now: Timestamp) {
        let states = states(known);
        for Watched { rule, memory } in &self.rules {
            let name = rule.about.name.as_str();
            let firing = memory.groups.iter().filter(|(_, state)| state.is_firing);
            let firing: Vec<(Labels, &Labels, &Group)> =
                firing.map(|(group, state)| (rule.about.key(group.clone(), 0), group, state)).collect();
            let is_firing: BTreeSet<&Labels> = firing.iter().map(|(labels, ..)| labels).collect();
            for (key, _) in known.iter().filter(|(key, _)| key.rule == name && !is_firing.contains(&key.labels)) {
                self.told.push(input(key, State::Ok, now, Labels::default()));
            }
            for (labels, group, state) in &firing {
                if !states.contains_key(&(name, labels)) {
                    self.told.push(rule.firing(group, state.met, f64::NAN, None));
                }
            }
        }
    }
}

impl Watched {
    /// Whether there was room for the record.
    fn take(&mut self, record: &RecordView<'_>, now: Timestamp, told: &mut Vec<Input>) -> bool {
        let Self { rule, memory } = self;
        let mut labels = rule.group(record);
        // Clocks that are ahead don't make things last.
        let at = record.timestamp.min(now);
        if let LogWhen::NewTerm { field, known_for, learn } = &rule.when {
            let Some(term) = value(&field.name, record) else { return true };
            let is_new = memory.terms.see(labels.clone(), &term, at, *known_for);
            if !is_new || at < memory.since.after(*learn) {
                return true;
            }
            labels = labels.with(&field.label, &term);
        }
        if !memory.groups.contains_key(&labels) && memory.groups.len() >= GROUPS_MAX {
            return false;
        }
        let group = memory.groups.entry(labels.clone()).or_default();
        group.seen = group.seen.max(at);
        let value = match &rule.when {
            LogWhen::Any | LogWhen::NewTerm { .. } => Some(1.0),
            LogWhen::Frequency { count, window } => {
                group.counts.add(at, *window);
                let seen = group.counts.within(at, *window);
                #[expect(clippy::cast_precision_loss, reason = "for people")]
                (seen >= *count).then_some(seen as f64)
            }
            LogWhen::Flatline { count, window } => {
                group.counts.add(at, *window);
                let is_back = group.counts.within(at, *window) >= *count;
                if is_back && group.is_firing && !is_history(at, now) {
                    group.is_firing = false;
                    told.push(rule.over(&labels, at));
                }
                None
            }
        };
        let Some(value) = value else { return true };
        if group.is_firing && at >= group.met.after(rule.clear_after) {
            told.push(rule.over(&labels, group.met.after(rule.clear_after)));
            group.is_firing = false;
        }
        group.met = group.met.max(at);
        if !group.is_firing {
            group.is_firing = true;
            told.push(rule.firing(&labels, at, value, Some(record)));
        }
        true
    }

    fn tick(&mut self, now: Timestamp, told: &mut Vec<Input>) {
        let Self { rule, memory } = self;
        for (labels, group) in &mut memory.groups {
            match &rule.when {
                LogWhen::Flatline { count, window } => {
                    let has_looked = now >= memory.since.after(*window) && now >= group.seen.min(now).after(*window);
                    let seen = group.counts.within(now, *window);
                    if !group.is_firing
                        && seen < *count
                        && (has_looked || seen > 0 && now >= memory.since.after(*window))
                    {
                        (group.is_firing, group.met) = (true, now);
                        #[expect(clippy::cast_precision_loss, reason = "for people")]
                        told.push(rule.firing(labels, now, seen as f64, None));
                    }
                }
                LogWhen::Any | LogWhen::Frequency { .. } | LogWhen::NewTerm { .. } => {
                    let end = group.met.after(rule.clear_after);
                    if group.is_firing && now >= end {
                        group.is_firing = false;
                        told.push(rule.over(labels, end));
                    }
                }
            }
        }
        let is_permanent = |labels: &Labels| labels.is_empty() && matches!(rule.when, LogWhen::Flatline { .. });
        let keep_for = rule.window().max(FORGET_AFTER);
        memory.groups.retain(|labels, group| {
            let is_quiet = !group.is_firing && group.counts == Counts::default();
            let is_old = group.seen < now.before(keep_for);
            if is_old && group.is_firing && !is_permanent(labels) {
                // It fell silent so long ago that it is no source any more.
                told.push(rule.over(labels, now));
                group.counts.clear();
                return false;
            }
            is_permanent(labels) || !(is_quiet && rule.is_forgotten(group, now) || is_old)
        });
    }
}

impl LogRule {
    fn window(&self) -> Duration {
        match &self.when {
            LogWhen::Any | LogWhen::NewTerm { .. } => Duration::ZERO,
            LogWhen::Frequency { window, .. } | LogWhen::Flatline { window, .. } => *window,
        }
    }

    /// Whether nothing is lost with a quiet group: one that is watched for silence stays.
    fn is_forgotten(&self, group: &Group, now: Timestamp) -> bool {
        let is_flatline = matches!(self.when, LogWhen::Flatline { .. });
        !is_flatline && group.seen < now.before(self.window().max(self.clear_after))
    }

    /// The labels that tell the record's alert from others; a field that it lacks is no label.
    fn group(&self, record: &RecordView<'_>) -> Labels {
        let pairs = self.by.iter().filter_map(|Field { label, name }| Some((label.as_str(), value(name, record)?)));
        Labels::new(pairs.collect())
    }

    fn firing(&self, group: &Labels, at: Timestamp, value: f64, record: Option<&RecordView<'_>>) -> Input {
        let at_ms = at.0.div_euclid(1_000_000);
        let labels = self.about.key(group.clone(), at_ms);
        let mut annotations = self.about.annotated(&labels, self.level, value, at_ms);
        if let Some(record) = record {
            let body = record.body_text();
            annotations = annotations.with("record", prefix(&body, SAMPLE_BYTES_MAX));
        }
        let key = AlertKey { rule: self.about.name.clone(), labels };
        Input::Level { key, state: State::Firing(self.level), at, value, annotations }
    }

    fn over(&self, group: &Labels, at: Timestamp) -> Input {
        let labels = self.about.key(group.clone(), at.0.div_euclid(1_000_000));
        let key = AlertKey { rule: self.about.name.clone(), labels };
        input(&key, State::Ok, at, Labels::default())
    }
}

fn input(key: &AlertKey, state: State, at: Timestamp, annotations: Labels) -> Input {
    Input::Level { key: key.clone(), state, at, value: f64::NAN, annotations }
}

impl Terms {
    /// Notes that a value was seen; whether it was not for `known_for`.
    fn see(&mut self, group: Labels, term: &str, at: Timestamp, known_for: Duration) -> bool {
        if self.0.len() >= TERMS_MAX {
            let mut seen: Vec<Timestamp> = self.0.values().copied().collect();
            let (_, oldest, _) = seen.select_nth_unstable(TERMS_MAX / 10);
            let oldest = *oldest;
            self.0.retain(|_, seen| *seen > oldest);
        }
        let known = self.0.entry((group, term.to_owned()));
        let mut is_new = true;
        known
            .and_modify(|seen| {
                is_new = at >= seen.after(known_for);
                *seen = at.max(*seen);
            })
            .or_insert(at);
        is_new
    }
}

/// The first value of a field, cut to [`VALUE_BYTES_MAX`]; `None` where the record lacks it.
fn value(field: &FieldName, record: &RecordView<'_>) -> Option<String> {
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        prefix(&text, VALUE_BYTES_MAX).to_owned()
    };
    match field {
        FieldName::Severity => Some(record.severity.name().to_owned()),
        FieldName::TraceId => record.trace_id.map(|id| hex(&id)),
        FieldName::SpanId => record.span_id.map(|id| hex(&id)),
        FieldName::Kind => Some(record.kind.name().to_owned()),
        FieldName::Entity => record.entities.into_iter().next().map(|entity| text(entity.as_bytes())),
        FieldName::Body => Some(text(record.body)),
        FieldName::Named(names) => {
            let label =
                names.iter().find_map(|name| record.stream.labels.get(name)).map(|value| text(value.as_bytes()));
            label.or_else(|| {
                let mut attributes =
                    names.iter().filter_map(|name| record.attributes.into_iter().find(|a| a.key == name));
                attributes.next().map(|attribute| text(attribute.value))
            })
        }
    }
    .filter(|value| !value.is_empty())
}
