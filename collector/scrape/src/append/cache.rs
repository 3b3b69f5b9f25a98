//! What is known of a target's series: from the text in the body to the final labels.

use hashbrown::HashMap;
use orszem_exposition::{Exemplar, Series};
use orszem_model::Labels;

/// Beyond twice as many series as the last good scrape had, and these, a failed scrape forgets those it did not see.
const SPARE_SERIES_MAX: usize = 1_000;

/// The series of a target.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: HashMap<Box<[u8]>, Known>,
    slots: Vec<Slot>,
    by_labels: HashMap<Labels, u32>,
    /// Counts scrapes.
    turn: u64,
    /// Of the current scrape: keys seen, samples appended, whether the sample limit cut some.
    seen: usize,
    appended: u64,
    pub(super) is_over: bool,
    /// Slots at the end of the last good scrape.
    good: usize,
}

/// A series as the body writes it.
#[derive(Debug)]
struct Known {
    /// `None` where relabelling drops it.
    slot: Option<u32>,
    /// The text alone does not tell labels that are written canonically because of the family's type.
    number_label: Option<&'static str>,
    seen: u64,
}

#[derive(Debug)]
struct Slot {
    labels: Labels,
    /// The scrape that had it last, and the time of its sample there.
    seen: u64,
    time: i64,
    /// Whether it gets a stale marker when it is gone: since the last scrape, and from the current one on.
    is_open: bool,
    is_open_now: bool,
    exemplar: Option<Box<Exemplar>>,
}

/// A series that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Slot(u32),
    Dropped,
}

impl Cache {
    /// Begins a scrape.
    pub(super) fn begin(&mut self) {
        self.turn += 1;
        self.seen = 0;
        self.appended = 0;
        self.is_over = false;
    }

    pub(super) fn find(&mut self, series: &Series<'_>) -> Option<Found> {
        let known = self.known.get_mut(series.raw())?;
        if known.number_label != series.label_with_number() {
            return None;
        }
        if known.seen != self.turn {
            known.seen = self.turn;
            self.seen += 1;
        }
        Some(known.slot.map_or(Found::Dropped, Found::Slot))
    }

    /// Remembers a series with its final labels, `None` if it is dropped.
    pub(super) fn insert(&mut self, series: &Series<'_>, labels: Option<Labels>) -> Found {
        let slot = labels.map(|labels| match self.by_labels.get(&labels) {
            Some(slot) => *slot,
            None => {
                let slot = self.slots.len() as u32;
                self.by_labels.insert(labels.clone(), slot);
                let (is_open, is_open_now) = (false, false);
                self.slots.push(Slot { labels, seen: 0, time: 0, is_open, is_open_now, exemplar: None });
                slot
            }
        });
        let known = Known { slot, number_label: series.label_with_number(), seen: self.turn };
        let earlier = self.known.insert(series.raw().into(), known);
        if earlier.is_none_or(|earlier| earlier.seen != self.turn) {
            self.seen += 1;
        }
        slot.map_or(Found::Dropped, Found::Slot)
    }

    pub(super) fn labels(&self, slot: u32) -> Labels {
        self.slots.get(slot as usize).map(|slot| slot.labels.clone()).unwrap_or_default()
    }

    /// Whether the current scrape had a sample of this series and time already.
    pub(super) fn is_duplicate(&self, slot: u32, time: i64) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| slot.seen == self.turn && slot.time == time)
    }

    /// Whether no more than `limit` samples were appended and another one would be too many; notes that there is one.
    /// A limit of 0 is none.
    pub(super) fn is_full(&mut self, limit: u64) -> bool {
        let is_full = limit > 0 && self.appended >= limit;
        self.is_over |= is_full;
        is_full
    }

    /// Notes that a sample was appended; `is_open` if the series ends with a stale marker.
    pub(super) fn appended_at(&mut self, slot: u32, time: i64, is_open: bool) {
        self.appended += 1;
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.seen = self.turn;
            slot.time = time;
            slot.is_open_now |= is_open;
        }
    }

    /// Appends the exemplar unless it is the one that the series had last.
    pub(super) fn exemplar(&mut self, slot: u32, exemplar: &Exemplar, out: &mut Vec<(Labels, Exemplar)>) {
        let Some(slot) = self.slots.get_mut(slot as usize) else { return };
        let is_known = |last: &Exemplar| {
            // One without a time of its own has that of the sample.
            let is_same = last.labels == exemplar.labels && last.value.to_bits() == exemplar.value.to_bits();
            is_same && (last.time == exemplar.time || exemplar.time == Some(slot.time))
        };
        if !slot.exemplar.as_deref().is_some_and(is_known) {
            out.push((slot.labels.clone(), exemplar.clone()));
            slot.exemplar = Some(Box::new(exemplar.clone()));
        }
    }

    /// Ends a good scrape: gives the series that are gone, and forgets those that it did not have.
    pub(super) fn end(&mut self, mut gone: impl FnMut(&Labels)) {
        for slot in &mut self.slots {
            if slot.is_open && !slot.is_open_now {
                gone(&slot.labels);
            }
            slot.is_open = std::mem::take(&mut slot.is_open_now);
        }
        if self.seen < self.known.len() {
            self.forget_unseen();
        }
        self.good = self.slots.len();
    }

    /// Ends a failed scrape: gives all series that were open.
    pub(super) fn end_all(&mut self, mut gone: impl FnMut(&Labels)) {
        for slot in &mut self.slots {
            if std::mem::take(&mut slot.is_open) {
                gone(&slot.labels);
            }
            slot.is_open_now = false;
        }
        if self.slots.len() > 2 * self.good + SPARE_SERIES_MAX {
            self.forget_unseen();
        }
    }

    /// Whether a series is open since the last good scrape.
    pub(super) fn is_live(&self, labels: &Labels) -> bool {
        let slot = self.by_labels.get(labels).and_then(|slot| self.slots.get(*slot as usize));
        slot.is_some_and(|slot| slot.is_open)
    }

    pub(super) fn into_live(self) -> Vec<Labels> {
        self.slots.into_iter().filter(|slot| slot.is_open).map(|slot| slot.labels).collect()
    }

    fn forget_unseen(&mut self) {
        let turn = self.turn;
        self.known.retain(|_, known| known.seen == turn);
        let mut is_used = vec![false; self.slots.len()];
        for (_, known) in &self.known {
            if let Some(used) = known.slot.and_then(|slot| is_used.get_mut(slot as usize)) {
                *used = true;
            }
        }
        let mut moved = vec![0_u32; self.slots.len()];
        let mut kept = Vec::with_capacity(self.slots.len());
        self.by_labels.clear();
        for (at, slot) in std::mem::take(&mut self.slots).into_iter().enumerate() {
            if is_used.get(at).copied().unwrap_or(false) {
                let to = kept.len() as u32;
                if let Some(moved) = moved.get_mut(at) {
                    *moved = to;
                }
                self.by_labels.insert(slot.labels.clone(), to);
                kept.push(slot);
            }
        }
        self.slots = kept;
        for (_, known) in &mut self.known {
            known.slot = known.slot.and_then(|slot| moved.get(slot as usize).copied());
        }
    }
}
