//! Finds the alerts that a series goes into, once; what it was found to be is kept until it is quiet for long.

use std::collections::BTreeSet;

use orszem_alerting::State;
use orszem_model::{Labels, METRIC_NAME, MatchOp, Matcher};

use super::super::value::Leaf;
use super::{INSTANCES_MAX, Instance, Thresholds, UNWANTED};

/// Quiet alerts without a sample for this long are forgotten.
const FORGET_AFTER_MS: i64 = 3_600_000;

/// The metric and one label of a series; empty where a selector does not say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Needs {
    metric: String,
    label: (String, String),
}

impl Needs {
    pub(super) fn of(leaf: &Leaf) -> Self {
        let metric = leaf.metric().unwrap_or("").to_owned();
        let is_equal = |matcher: &&Matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty();
        let mut equal = leaf.matchers.iter().filter(is_equal).filter(|matcher| matcher.name != METRIC_NAME);
        let label = equal.next().map(|matcher| (matcher.name.clone(), matcher.value.clone()));
        Self { metric, label: label.unwrap_or_default() }
    }

    /// All that a series has.
    fn all(labels: &Labels) -> impl Iterator<Item = Self> + '_ {
        let metric = labels.get(METRIC_NAME).unwrap_or("");
        let metrics = [metric, ""].into_iter().take(if metric.is_empty() { 1 } else { 2 });
        metrics.flat_map(|metric| {
            let named = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
            std::iter::once(("", ""))
                .chain(named)
                .map(|(name, value)| Self { metric: metric.to_owned(), label: (name.to_owned(), value.to_owned()) })
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    /// `None` where it is known by its labels alone.
    series: Option<u32>,
    labels: Labels,
    pub(super) targets: Vec<Target>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) instance: u32,
    pub(super) place: u32,
}

/// Where the slot of each series is; numbers are dense.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<u32>);

impl Slots {
    /// 0 where it is unknown, else one more than the slot.
    #[inline]
    pub(super) fn get(&self, series: u32) -> u32 {
        self.0.get(series as usize).copied().unwrap_or(0)
    }

    fn set(&mut self, series: u32, value: u32) {
        let place = series as usize;
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        if let Some(slot) = self.0.get_mut(place) {
            *slot = value;
        }
    }
}

impl Thresholds {
    pub(super) fn look_up(&mut self, series: Option<u32>, labels: &Labels) -> Option<u32> {
        if let Some(place) = self.by_labels.get(labels).copied() {
            if let Some(slot) = self.slots.get_mut(place as usize)
                && let Some(old) = std::mem::replace(&mut slot.series, series)
            {
                self.slots_of.set(old, 0);
            }
            self.name(series, place + 1);
            return Some(place);
        }
        let lists = Needs::all(labels).filter_map(|needs| self.by_label.get(&needs));
        let mut wanted: Vec<(u32, u32)> = lists.flatten().copied().collect();
        wanted.sort_unstable();
        let mut targets = Vec::new();
        for (rule, leaf) in wanted {
            if let Some(target) = self.target(rule, leaf, labels) {
                targets.push(target);
            }
        }
        if targets.is_empty() {
            self.name(series, UNWANTED);
            return None;
        }
        targets.shrink_to_fit();
        let slot = Slot { series, labels: labels.clone(), targets };
        let place = if let Some(place) = self.free_slots.pop() {
            if let Some(free) = self.slots.get_mut(place as usize) {
                *free = slot;
            }
            place
        } else {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).ok()?
        };
        self.by_labels.insert(labels.clone(), place);
        self.name(series, place + 1);
        Some(place)
    }

    fn name(&mut self, series: Option<u32>, value: u32) {
        if let Some(series) = series {
            self.slots_of.set(series, value);
        }
    }

    fn target(&mut self, place: u32, leaf: u32, labels: &Labels) -> Option<Target> {
        let rule = self.rules.get(place as usize)?;
        let labels = rule.value.leaves.get(leaf as usize)?.key(labels)?;
        let key = (place, labels);
        let instance = match self.index.get(&key) {
            Some(instance) => *instance,
            None if self.index.len() >= INSTANCES_MAX => {
                self.overlooked += 1;
                return None;
            }
            None => self.make(key),
        };
        let rule = self.rules.get(place as usize)?;
        let joined = self.instances.get_mut(instance as usize)?.joined.as_mut();
        let place = joined.map_or(0, |joined| joined.add(&rule.value, leaf as usize));
        Some(Target { instance, place: u32::try_from(place).ok()? })
    }

    fn make(&mut self, key: (u32, Labels)) -> u32 {
        let (rule, labels) = key.clone();
        let about = self.rules.get(rule as usize);
        let is_plain = about.is_some_and(|rule| rule.value.is_plain());
        let labels = about.map_or_else(Labels::default, |rule| rule.about.key(labels, 0));
        let instance = Instance {
            series: self.waiting.remove(&key).unwrap_or_default(),
            rule,
            labels,
            told: State::Ok,
            is_by_history: false,
            is_hushed: false,
            is_in_error: false,
            joined: (!is_plain).then(Box::default),
        };
        let state = instance.series.state();
        let place = if let Some(place) = self.free_instances.pop() {
            if let Some(free) = self.instances.get_mut(place as usize) {
                *free = instance;
            }
            place
        } else {
            self.instances.push(instance);
            u32::try_from(self.instances.len() - 1).unwrap_or(u32::MAX)
        };
        if state != State::Ok {
            // It is told with the next sample, unless the engine knows it.
            if let Some(instance) = self.instances.get_mut(place as usize) {
                instance.told = state;
            }
            self.active.insert(place);
        }
        self.index.insert(key, place);
        place
    }

    /// Gives up quiet instances that have had no sample for long, with the series that led to them.
    pub(super) fn forget(&mut self, now_ms: i64) {
        let is_old = |instance: &Instance| {
            let last = match &instance.joined {
                Some(joined) => joined.last(),
                None => instance.series.last().map_or(i64::MIN, |last| last.0.div_euclid(1_000_000)),
            };
            instance.told == State::Ok && instance.series.state() == State::Ok && now_ms - last.max(0) > FORGET_AFTER_MS
        };
        let watches = |rule: u32| self.rules.get(rule as usize).is_some_and(|rule| rule.no_data.is_some());
        let is_gone: Vec<bool> =
            self.instances.iter().map(|instance| is_old(instance) && !watches(instance.rule)).collect();
        let of = |place: u32| is_gone.get(place as usize).copied().unwrap_or(false);
        for (slot, place) in self.slots.iter_mut().zip(0u32..) {
            if !slot.targets.is_empty() && slot.targets.iter().all(|target| of(target.instance)) {
                if let Some(series) = slot.series.take() {
                    self.slots_of.set(series, 0);
                }
                self.by_labels.remove(&slot.labels);
                *slot = Slot::default();
                self.free_slots.push(place);
            }
        }
        let still: BTreeSet<u32> =
            self.slots.iter().flat_map(|slot| slot.targets.iter().map(|target| target.instance)).collect();
        let before = self.index.len();
        self.index.retain(|_, place| still.contains(place) || !of(*place));
        if self.index.len() < before {
            let kept: BTreeSet<u32> = self.index.values().copied().collect();
            let count = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
            self.free_instances = (0..count).filter(|place| !kept.contains(place)).collect();
        }
    }
}
