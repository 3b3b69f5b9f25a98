//! What is known of the readable segments; shared by appender, readers and trimming.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::segment::{PREAMBLE_BYTES, Segment};

/// The segments in order of position, and the end of all that is durable.
pub(crate) struct Index {
    state: Mutex<State>,
}

struct State {
    segments: Vec<Segment>,
    end: u64,
    syncs: u64,
}

impl Index {
    pub(crate) fn new(segments: Vec<Segment>, end: u64) -> Index {
        Index { state: Mutex::new(State { segments, end, syncs: 0 }) }
    }

    /// Adds a new, still empty segment.
    pub(crate) fn add(&self, start: u64) {
        let end = start + PREAMBLE_BYTES;
        self.lock().segments.push(Segment { start, end, known_damage: [].into() });
    }

    /// Tells that the last segment is durable up to `end`.
    pub(crate) fn publish(&self, end: u64) {
        let mut state = self.lock();
        state.end = end;
        state.syncs += 1;
        if let Some(last) = state.segments.last_mut() {
            last.end = end;
        }
    }

    /// Forgets the segment that starts at `start`.
    pub(crate) fn remove(&self, start: u64) {
        self.lock().segments.retain(|segment| segment.start != start);
    }

    /// The first segment with content at or behind `position`.
    pub(crate) fn holding(&self, position: u64) -> Option<Segment> {
        let state = self.lock();
        let at = state.segments.partition_point(|segment| segment.end <= position);
        state.segments.get(at).cloned()
    }

    /// The starts of the segments that lie wholly below `before`; never the last one, which is still written to.
    pub(crate) fn below(&self, before: u64) -> Vec<u64> {
        let state = self.lock();
        let Some((_, closed)) = state.segments.split_last() else { return Vec::new() };
        closed.iter().take_while(|segment| segment.end <= before).map(|segment| segment.start).collect()
    }

    pub(crate) fn start(&self) -> u64 {
        let state = self.lock();
        state.segments.first().map_or(state.end, |segment| segment.start)
    }

    pub(crate) fn end(&self) -> u64 {
        self.lock().end
    }

    /// The segments in order of position.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.lock().segments.clone()
    }

    /// How often content was made durable.
    pub(crate) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.lock().segments.iter().map(|segment| segment.end - segment.start).sum()
    }

    /// No code that holds the lock can panic half-way through a change, so a poisoned state is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
