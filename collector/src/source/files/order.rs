//! In which order files are read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use super::followed::Followed;
use super::{FileSource, REST_WAIT};

impl FileSource {
    /// The files that may have something, in the order of reading: rotated ones by age, then the others from the one
    /// whose turn it is. A file waits until what it was rotated to is read, and shortly for one that is not found yet.
    pub(super) fn order(&self, tick: Instant) -> Vec<u64> {
        let record_wait = |followed: &Followed| followed.patience(self.options.record_wait(followed.group));
        let wants = |followed: &Followed| followed.wants_reading(tick, record_wait(followed), self.options.rotate_wait);
        let is_behind = |followed: &Followed| self.held.get(followed.path()).is_some_and(|at| !followed.is_before(*at));
        let (mut rotated, live): (Vec<_>, Vec<_>) =
            self.open.iter().filter(|(_, file)| !is_behind(file)).partition(|(_, file)| file.rotated.is_some());
        rotated.sort_by_key(|(slot, followed)| (followed.modified, **slot));
        let mut order = Vec::new();
        let awaited = self.awaited(tick);
        let mut unfinished: BTreeSet<&PathBuf> = awaited.keys().copied().collect();
        let mut blocked: BTreeSet<&PathBuf> = BTreeSet::new();
        for (slot, followed) in rotated {
            let is_older = || awaited.get(followed.path()).is_some_and(|rest| slot < rest);
            if blocked.contains(followed.path()) || (unfinished.contains(followed.path()) && !is_older()) {
                // Nor is what changed later.
                blocked.insert(followed.path());
                continue;
            }
            if wants(followed) {
                order.push(*slot);
            }
            if followed.holds_back(tick, record_wait(followed)) {
                unfinished.insert(followed.path());
            }
        }
        let is_next = |followed: &Followed| wants(followed) && !unfinished.contains(followed.path());
        let live: Vec<u64> = live.into_iter().filter(|(_, file)| is_next(file)).map(|(slot, _)| *slot).collect();
        let first = live.iter().position(|slot| Some(*slot) >= self.turn).unwrap_or(0);
        order.extend_from_slice(&live[first..]);
        order.extend_from_slice(&live[..first]);
        order
    }

    /// The names under which something newer waits for the rest of a half-read file that is not found yet, with that
    /// one's slot. Empty once [`REST_WAIT`] has passed since the start.
    pub(super) fn awaited(&self, tick: Instant) -> BTreeMap<&PathBuf, u64> {
        let is_over = |started: Instant| tick.saturating_duration_since(started) >= REST_WAIT;
        if self.started.is_none_or(is_over) {
            return BTreeMap::new();
        }
        let closed = self.closed.iter().filter(|(_, position)| !position.is_done && !position.is_blank());
        let cut = self.cut.iter().map(|(slot, cut)| (slot, &cut.position));
        let mut awaited = BTreeMap::new();
        for (slot, position) in closed.chain(cut) {
            if self.options.group_of(&position.path).is_some() {
                let first = awaited.entry(&position.path).or_insert(*slot);
                *first = (*first).min(*slot);
            }
        }
        awaited
    }
}
