//! Letting go of files: quiet after a rotation, nowhere to be found, damaged, or long done.

use std::time::{Duration, Instant};

use orszem_model::Timestamp;
use tracing::warn;

use super::followed::Followed;
use super::position::Position;
use super::settle::TIME_SLACK_NS;
use super::{Cut, DONE_MAX, DONE_WAITING_MAX, FileSource, Gap, GapReason, MISSING_MAX, REST_WAIT};
use crate::counters::count;

/// How long the copy of a cut file is looked for before it is taken to be lost.
const COPY_WAIT: Duration = Duration::from_secs(5);
/// How long a rotated file is left alone before it is closed while others wait for their place.
const PRESSED_WAIT: Duration = Duration::from_secs(5);

impl FileSource {
    /// Closes what is quiet after a rotation, gives up what is not found, and forgets what is long done.
    pub(super) fn let_go(&mut self, now: Timestamp, tick: Instant) {
        self.close_quiet(now, tick);
        let lost: Vec<u64> = self
            .cut
            .iter()
            .filter(|(_, cut)| tick.saturating_duration_since(cut.since) >= COPY_WAIT)
            .filter(|(_, cut)| !self.held.contains_key(&cut.position.path))
            .map(|(slot, _)| *slot)
            .collect();
        for slot in lost {
            if let Some(Cut { mut position, size_seen, .. }) = self.cut.remove(&slot) {
                warn!(path = %position.path.display(), "a file was cut and no copy of it is found");
                self.gaps.push(Gap {
                    path: position.path.clone(),
                    from: Timestamp(position.seen.0 - TIME_SLACK_NS),
                    to: now,
                    bytes: size_seen.saturating_sub(position.offset),
                    reason: GapReason::Truncated,
                });
                position.is_done = true;
                self.changed.insert(slot);
                self.closed.insert(slot, position);
            }
        }
        let ran = self.started.map_or(Duration::ZERO, |started| tick.saturating_duration_since(started));
        if ran >= self.options.rotate_wait {
            self.give_up_missing(now, 0);
        } else if ran >= REST_WAIT {
            // A collector that never runs for longer must not collect them for ever.
            self.give_up_missing(now, MISSING_MAX);
        }
        self.forget();
    }

    /// Closes rotated files that are read and left alone. Where others wait for their place they need not be left alone
    /// for long: what is added to one is seen by the next search.
    pub(super) fn close_quiet(&mut self, now: Timestamp, tick: Instant) {
        let rotate_wait = self.options.rotate_wait;
        let is_pressed = !self.held.is_empty();
        let quiet: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, followed)| {
                let is_quiet = followed.rotated.is_some_and(|since| {
                    followed.content.is_compressed()
                        || tick.saturating_duration_since(since) >= rotate_wait
                        || (is_pressed && followed.age(now) >= rotate_wait.min(PRESSED_WAIT))
                });
                let is_packed = followed.content.is_compressed() && followed.rotated.is_none();
                !followed.is_unread() && (is_quiet || is_packed)
            })
            .map(|(slot, _)| *slot)
            .collect();
        for slot in quiet {
            self.close(slot, true);
        }
    }

    /// Forgets the oldest of too many positions that are done with. What is still there is known for this run; after a
    /// restart it is known by its age, unless younger files wait to be opened.
    fn forget(&mut self) {
        let max = if self.held.is_empty() { DONE_MAX } else { DONE_WAITING_MAX };
        let done = self.closed.iter().filter(|(_, position)| position.is_done).map(|(slot, _)| *slot);
        let excess = done.clone().count().saturating_sub(max);
        let oldest: Vec<u64> = done.take(excess).collect();
        for slot in oldest {
            let Some(position) = self.closed.remove(&slot) else { continue };
            self.families.remove(&position.path, slot);
            self.changed.remove(&slot);
            self.forgotten.insert(slot);
            if self.present.contains(&position.id) {
                self.past.insert(position.id, position.offset);
            }
        }
    }

    /// Files of an earlier run that are nowhere to be found: all but the youngest `keep` are given up.
    fn give_up_missing(&mut self, now: Timestamp, keep: usize) {
        let is_missing = |position: &Position| !position.is_done && !self.held.contains_key(&position.path);
        let count_missing = self.closed.values().filter(|position| is_missing(position)).count();
        let lost = self.closed.iter_mut().filter(|(_, position)| is_missing(position));
        for (slot, position) in lost.take(count_missing.saturating_sub(keep)) {
            position.is_done = true;
            self.changed.insert(*slot);
            if position.is_blank() || self.options.group_of(&position.path).is_none() {
                continue;
            }
            count(&self.counters.files_gone);
            warn!(path = %position.path.display(), offset = position.offset, "a file of the last run is gone");
            self.gaps.push(Gap {
                path: position.path.clone(),
                from: Timestamp(position.seen.0 - TIME_SLACK_NS),
                to: now,
                bytes: 0,
                reason: GapReason::Gone,
            });
        }
    }

    /// A compressed file does not unpack to its end.
    pub(super) fn give_up_damaged(&mut self, slot: u64, now: Timestamp) {
        let Some(followed) = self.open.get(&slot) else { return };
        let (path, from) = (followed.path().clone(), Timestamp(followed.position.seen.0 - TIME_SLACK_NS));
        warn!(path = %path.display(), "a compressed file does not unpack to its end");
        self.gaps.push(Gap { path, from, to: now, bytes: 0, reason: GapReason::Damaged });
        self.aliases.insert(followed.id(), followed.file_len());
        self.close(slot, true);
    }

    /// Closes a file; `is_done` when nothing more is expected of it.
    pub(super) fn close(&mut self, slot: u64, is_done: bool) {
        if let Some(Followed { mut position, .. }) = self.open.remove(&slot) {
            position.is_done = is_done;
            self.changed.insert(slot);
            self.closed.insert(slot, position);
        }
    }
}
