//! Evaluates thresholds: a series is looked up once, a sample of it costs what its own rules take.

mod restart;
mod series;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use orszem_alerting::{AlertKey, Input, Level, NoDataPolicy, Observation, Outcome, Series, State};
use orszem_model::{Labels, Matcher, Timestamp, is_stale};

use super::is_history;
use super::joined::{Computed, Joined};
use super::rule::ThresholdRule;
use super::value::Leaf;
use series::{Needs, Slot, Slots, Target};

/// Alerts that are watched, quiet ones among them; series beyond are not looked at and counted.
pub const INSTANCES_MAX: usize = 1_000_000;
/// How often it is looked for silence and for what can be forgotten.
const LOOK_EVERY_MS: i64 = 5_000;
const FORGET_EVERY_MS: i64 = 600_000;
/// A series that no rule wants.
const UNWANTED: u32 = u32::MAX;

/// All thresholds with what their series have come to.
#[derive(Debug, Default)]
pub struct Thresholds {
    rules: Vec<ThresholdRule>,
    /// Rule and selector, by what a series must have for it.
    by_label: HashMap<Needs, Vec<(u32, u32)>>,
    /// By number of series: a slot, [`UNWANTED`], or none where it was not looked up.
    slots_of: Slots,
    /// What each series that is wanted goes into, and its number.
    slots: Vec<Slot>,
    free_slots: Vec<u32>,
    /// A series that comes under another number is the same one.
    by_labels: HashMap<Labels, u32>,
    instances: Vec<Instance>,
    free_instances: Vec<u32>,
    index: HashMap<(u32, Labels), u32>,
    /// Those that are told to be other than quiet.
    active: BTreeSet<u32>,
    /// Restored, and not yet met by a series.
    waiting: BTreeMap<(u32, Labels), Series>,
    overlooked: u64,
    looked_at_ms: i64,
    forgot_at_ms: i64,
    started: Timestamp,
    told: Vec<Input>,
    computed: Vec<Computed>,
}

/// One alert of a rule.
#[derive(Debug)]
struct Instance {
    series: Series,
    rule: u32,
    labels: Labels,
    told: State,
    /// What was told is about a time that was long ago.
    is_by_history: bool,
    /// It was told to be quiet, as what made it active is history.
    is_hushed: bool,
    is_in_error: bool,
    /// `None` where one sample makes a value.
    joined: Option<Box<Joined>>,
}

impl Thresholds {
    /// Evaluates `rules` from `now` on.
    pub fn new(rules: Vec<ThresholdRule>, now: Timestamp) -> Self {
        let mut by_label: HashMap<Needs, Vec<(u32, u32)>> = HashMap::new();
        for (rule, place) in rules.iter().zip(0u32..) {
            for (leaf, at) in rule.value.leaves.iter().zip(0u32..) {
                by_label.entry(Needs::of(leaf)).or_default().push((place, at));
            }
        }
        Self { rules, by_label, started: now, ..Self::default() }
    }

    /// The rules in force.
    pub fn rules(&self) -> &[ThresholdRule] {
        &self.rules
    }

    /// What has to be read of a store to know how it stands: matchers, and how far back.
    pub fn reads(&self) -> Vec<(Vec<Matcher>, Duration)> {
        let of_rule = |rule: &ThresholdRule| {
            let bands = [rule.bands.warning, rule.bands.critical];
            let waits = bands.into_iter().flatten().flat_map(|band| [band.hold, band.clear_hold]);
            let wait = waits.max().unwrap_or_default();
            let leaves = rule.value.leaves.iter();
            let read = |leaf: &Leaf| {
                let range_ms = leaf.window.map_or(0, |window| window.range_ms);
                (leaf.matchers.clone(), wait + Duration::from_millis(range_ms.unsigned_abs()))
            };
            leaves.map(read).collect::<Vec<_>>()
        };
        self.rules.iter().flat_map(of_rule).collect()
    }

    /// Whether there is something to tell.
    pub fn has_told(&self) -> bool {
        !self.told.is_empty()
    }

    /// Takes a sample. `series` is a small number that is the series' own for as long as this lives; its labels are asked
    /// for when it comes for the first time. `at_ms` is in milliseconds since 1970.
    #[inline]
    pub fn sample(
        &mut self,
        series: u32,
        labels: impl FnOnce() -> Option<Labels>,
        at_ms: i64,
        value: f64,
        now: Timestamp,
    ) {
        let slot = match self.slots_of.get(series) {
            UNWANTED => return,
            0 => match labels().map(|labels| self.look_up(Some(series), &labels)) {
                Some(Some(slot)) => slot,
                _ => return,
            },
            slot => slot - 1,
        };
        self.take(slot, at_ms, value, now);
    }

    /// As [`Self::sample`], of a series that has no number: what a store has of the time before.
    pub fn history(&mut self, labels: &Labels, at_ms: i64, value: f64, now: Timestamp) {
        let slot = self.by_labels.get(labels).copied().or_else(|| self.look_up(None, labels));
        if let Some(slot) = slot {
            self.take(slot, at_ms, value, now);
        }
    }

    fn take(&mut self, slot: u32, at_ms: i64, value: f64, now: Timestamp) {
        let Some(count) = self.slots.get(slot as usize).map(|slot| slot.targets.len()) else { return };
        for place in 0..count {
            let target = self.slots.get(slot as usize).and_then(|slot| slot.targets.get(place)).copied();
            if let Some(target) = target {
                self.take_one(target, at_ms, value, now);
            }
        }
    }

    #[inline]
    fn take_one(&mut self, target: Target, at_ms: i64, value: f64, now: Timestamp) {
        let Some(instance) = self.instances.get_mut(target.instance as usize) else { return };
        let Some(rule) = self.rules.get(instance.rule as usize) else { return };
        let Some(joined) = &mut instance.joined else {
            if is_stale(value) {
                self.end(target.instance, at_ms, now);
                return;
            }
            let value = rule.value.compute(&[value], at_ms);
            let at = time(at_ms);
            let changed = instance.series.sample(&rule.bands, at, value);
            if changed.is_some() || instance.is_hushed || instance.is_in_error {
                self.tell(target.instance, at, value, now);
            }
            return;
        };
        let mut computed = std::mem::take(&mut self.computed);
        if is_stale(value) {
            joined.end(&rule.value, target.place as usize, at_ms, &mut computed);
        } else {
            joined.sample(&rule.value, target.place as usize, at_ms, value, &mut computed);
        }
        for computed in computed.drain(..) {
            self.take_computed(target.instance, computed, now);
        }
        self.computed = computed;
    }

    fn take_computed(&mut self, place: u32, computed: Computed, now: Timestamp) {
        match computed {
            Computed::Value { at, value } => {
                let Some(instance) = self.instances.get_mut(place as usize) else { return };
                let Some(rule) = self.rules.get(instance.rule as usize) else { return };
                let changed = instance.series.sample(&rule.bands, time(at), value);
                if changed.is_some() || instance.is_hushed || instance.is_in_error {
                    self.tell(place, time(at), value, now);
                }
            }
            Computed::Gone { at } => self.end(place, at, now),
            Computed::Twice { at, leaf } => self.tell_twice(place, at, leaf),
        }
    }

    /// A rule whose selector finds two series where there may be one can't be evaluated.
    fn tell_twice(&mut self, place: u32, at_ms: i64, leaf: usize) {
        let Some(instance) = self.instances.get_mut(place as usize).filter(|instance| !instance.is_in_error) else {
            return;
        };
        let Some(rule) = self.rules.get(instance.rule as usize) else { return };
        instance.is_in_error = true;
        let metric = rule.value.leaves.get(leaf).and_then(|leaf| leaf.metric()).unwrap_or("a selector");
        let error =
            format!("{metric} finds several series for {:?}: aggregate them, or match on more labels", instance.labels);
        self.told.push(Input::Observed(Observation {
            rule: rule.about.name.clone(),
            labels: instance.labels.clone(),
            outcome: Outcome::Error(error),
            at: time(at_ms),
            annotations: Labels::default(),
        }));
    }

    /// Its series has ended: what it was about is not there any more. A rule that takes silence for an alert waits for
    /// it all the same.
    fn end(&mut self, place: u32, at_ms: i64, now: Timestamp) {
        let Some(instance) = self.instances.get_mut(place as usize) else { return };
        let Some(rule) = self.rules.get(instance.rule as usize) else { return };
        if rule.no_data.is_some_and(|no_data| matches!(no_data.policy, NoDataPolicy::Alert(_))) {
            return;
        }
        instance.series = Series::default();
        self.tell(place, time(at_ms), f64::NAN, now);
    }

    /// Tells the state of an instance if another one is known of it.
    fn tell(&mut self, place: u32, at: Timestamp, value: f64, now: Timestamp) {
        let Some(instance) = self.instances.get_mut(place as usize) else { return };
        let Some(rule) = self.rules.get(instance.rule as usize) else { return };
        let state = instance.series.state();
        if instance.is_hushed && is_history(at, now) {
            return;
        }
        instance.is_hushed = false;
        if std::mem::take(&mut instance.is_in_error) {
            // One that is in order ends the error.
            let (name, labels) = (rule.about.name.clone(), instance.labels.clone());
            let outcome = Outcome::Value(f64::NAN);
            let annotations = Labels::default();
            self.told.push(Input::Observed(Observation { rule: name, labels, outcome, at, annotations }));
        }
        if instance.told == state {
            return;
        }
        (instance.told, instance.is_by_history) = (state, is_history(at, now));
        if state == State::Ok {
            self.active.remove(&place)
        } else {
            self.active.insert(place)
        };
        self.told.push(input(rule, &instance.labels, state, at, value));
    }

    /// Says that it is `now`: finds silence. To be called every second or so.
    pub fn tick(&mut self, now: Timestamp) {
        let now_ms = now.0.div_euclid(1_000_000);
        self.hush(now);
        if now_ms - self.looked_at_ms >= LOOK_EVERY_MS {
            self.looked_at_ms = now_ms;
            self.find_silence(now);
        }
        if now_ms - self.forgot_at_ms >= FORGET_EVERY_MS {
            self.forgot_at_ms = now_ms;
            self.forget(now_ms);
        }
    }

    /// What is active by samples of long ago, and had none of now since, is not told to go on.
    fn hush(&mut self, now: Timestamp) {
        let active: Vec<u32> = self.active.iter().copied().collect();
        for place in active {
            let Some(instance) = self.instances.get_mut(place as usize) else { continue };
            let Some(rule) = self.rules.get(instance.rule as usize) else { continue };
            let last = instance.series.last().unwrap_or(now);
            instance.is_by_history &= is_history(last, now);
            if !instance.is_by_history {
                continue;
            }
            (instance.told, instance.is_hushed, instance.is_by_history) = (State::Ok, true, false);
            self.active.remove(&place);
            self.told.push(input(rule, &instance.labels, State::Ok, last, f64::NAN));
        }
    }

    fn find_silence(&mut self, now: Timestamp) {
        let is_watching = |rule: &ThresholdRule| rule.no_data.is_some();
        if !self.rules.iter().any(is_watching) {
            return;
        }
        let mut silent = Vec::new();
        for (instance, place) in self.instances.iter_mut().zip(0u32..) {
            let Some(rule) = self.rules.get(instance.rule as usize) else { continue };
            let Some(no_data) = &rule.no_data else { continue };
            if !instance.is_hushed && instance.series.silence(no_data, self.started, now).is_some() {
                silent.push(place);
            }
        }
        for place in silent {
            self.tell(place, now, f64::NAN, now);
        }
    }

    /// What there is to tell since the last time.
    pub fn drain(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.told)
    }

    /// Alerts that are watched, and series that were not looked at as there are too many.
    pub fn counts(&self) -> (usize, u64) {
        (self.index.len(), self.overlooked)
    }
}

fn input(rule: &ThresholdRule, labels: &Labels, state: State, at: Timestamp, value: f64) -> Input {
    let level = match state {
        State::Ok => None,
        State::Pending(level) | State::Firing(level) | State::Recovering(level) | State::NoData(level) => Some(level),
    };
    let at_ms = at.0.div_euclid(1_000_000);
    // The end of an alert keeps the texts that it had.
    let annotations =
        level.map_or_else(Labels::default, |level: Level| rule.about.annotated(labels, level, value, at_ms));
    let key = AlertKey { rule: rule.about.name.clone(), labels: labels.clone() };
    Input::Level { key, state, at, value, annotations }
}

fn time(at_ms: i64) -> Timestamp {
    Timestamp(at_ms.saturating_mul(1_000_000))
}
