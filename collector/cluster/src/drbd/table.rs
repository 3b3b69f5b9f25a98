//! What one host's DRBD looks like, and what is new in it.

mod observe;

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::observation::{DrbdHelper, Origin};
use orszem_model::{Observation, Seen, Timestamp};

use super::eta::Slope;
use super::events2::{Event, Object, Verb};
use super::row::{Key, Part, PeerDeviceRow, Row};
use super::snapshot::Snapshot;
use super::word::{Pass, pass};
use super::{read, word};

/// Objects and kinds of helper calls that are kept; of what is beyond nothing is known.
pub const OBJECTS_MAX: usize = 10_000;

/// Why an event did not get into the table. The table is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("no `{key}`")]
    Missing { key: &'static str },
    #[error("`{value}` is not a value of `{key}`")]
    Value { key: &'static str, value: String },
    #[error("events of this verb and object are not known")]
    Unknown,
    /// The table is not what DRBD is any more: it has to be flushed, and told anew.
    #[error("events were lost: the kernel told more than could be taken")]
    Skipped,
    #[error("more than {max} objects")]
    Full { max: usize },
}

/// What a snapshot brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    pub seen: Vec<Seen>,
    /// Objects beyond the limit.
    pub refused: usize,
}

/// The state of all objects of one host.
///
/// The first dump is told as initial. After [`flush`](Self::flush) the next one is compared with what was known: what
/// changed meanwhile is told as a change, and what is not there any more as gone.
#[derive(Debug)]
pub struct Table {
    reporter: String,
    objects_max: usize,
    entries: BTreeMap<Key, Entry>,
    /// The calls of helpers, by resource and helper.
    calls: BTreeMap<(String, String), u64>,
    /// Volumes whose split brain was not resolved, each with the peer; an empty one for any.
    split: BTreeSet<(String, u32, String)>,
    dump: Dump,
    round: u64,
    /// The time of the last event, and when that was received.
    heard: Option<(Timestamp, Timestamp)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dump {
    /// Nothing whole was seen yet.
    First,
    /// It was whole before.
    Again,
    Ended,
}

#[derive(Debug)]
struct Entry {
    row: Row,
    /// The dump that it was last seen in or after.
    round: u64,
    /// Events of this round changed it, so that what exists, which may be older, only adds to it.
    is_changed: bool,
    told: Option<(Timestamp, Observation)>,
    slope: Slope,
}

/// How a row takes over another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Exists,
    Create,
    Change,
    /// A source that tells other things than events do.
    Snapshot,
}

impl Table {
    /// An empty table of what `reporter`, a host, says.
    pub fn new(reporter: impl Into<String>) -> Self {
        Self::with_limit(reporter, OBJECTS_MAX)
    }

    /// As [`new`](Self::new), for at most `objects_max` objects.
    pub fn with_limit(reporter: impl Into<String>, objects_max: usize) -> Self {
        Self {
            reporter: reporter.into(),
            objects_max,
            entries: BTreeMap::new(),
            calls: BTreeMap::new(),
            split: BTreeSet::new(),
            dump: Dump::First,
            round: 0,
            heard: None,
        }
    }

    /// Merges an event and tells what is new. An event without a time is of when it was `received`.
    pub fn apply(&mut self, event: &Event, received: Timestamp) -> Result<Vec<Seen>, TableError> {
        let at = event.at.unwrap_or(received);
        self.heard = Some((at, received));
        let how = match (&event.verb, &event.object) {
            (Verb::Exists, Object::End) => return Ok(self.end_dump(at)),
            (Verb::Skipped, _) => return Err(TableError::Skipped),
            (Verb::Call | Verb::Response, Object::Helper) => return Ok(vec![self.helper(event, at)?]),
            (Verb::Rename, Object::Resource) => return self.rename(event, at),
            (Verb::Exists, _) => How::Exists,
            (Verb::Create, _) => How::Create,
            (Verb::Change, _) => How::Change,
            (Verb::Destroy, _) => {
                let key = read::key(event)?.ok_or(TableError::Unknown)?;
                return Ok(self.remove(&key, at));
            }
            _ => return Err(TableError::Unknown),
        };
        let key = read::key(event)?.ok_or(TableError::Unknown)?;
        let row = read::row(event, &key.part)?;
        Ok(self.put(&key, row, how, at)?.into_iter().collect())
    }

    /// The child that printed the events was started anew, or lost some: another dump follows.
    pub fn flush(&mut self) {
        self.dump = if self.dump == Dump::First { Dump::First } else { Dump::Again };
        self.round += 1;
        for entry in self.entries.values_mut() {
            entry.is_changed = false;
        }
    }

    /// Takes all of a status: what it does not have is gone.
    pub fn apply_snapshot(&mut self, snapshot: &Snapshot, at: Timestamp) -> Applied {
        self.flush();
        let mut applied = Applied::default();
        for (key, row) in &snapshot.rows {
            match self.put(key, row.clone(), How::Snapshot, at) {
                Ok(seen) => applied.seen.extend(seen),
                Err(_) => applied.refused += 1,
            }
        }
        self.keep_paths();
        applied.seen.extend(self.end_dump(at));
        applied
    }

    /// Takes the progress of passes alone, of volumes that are known.
    pub fn apply_progress(&mut self, snapshot: &Snapshot, at: Timestamp) -> Vec<Seen> {
        let mut seen = Vec::new();
        for (key, row) in &snapshot.rows {
            if let (Some(entry), Row::PeerDevice(newer)) = (self.entries.get(key), row)
                && let Row::PeerDevice(row) = &entry.row
                && row.replication == newer.replication
                && let Ok(news) = self.put(key, Row::PeerDevice(newer.clone()), How::Snapshot, at)
            {
                seen.extend(news);
            }
        }
        seen
    }

    /// What the time of the events is at `clock`: what was recorded, or is late, does not stand still because of that.
    pub fn time(&self, clock: Timestamp) -> Timestamp {
        let Some((at, received)) = self.heard else { return clock };
        Timestamp(at.0.saturating_add(clock.0.saturating_sub(received.0).max(0)))
    }

    /// Tells of resyncs that have stalled until `clock`. To be called about as often as DRBD is polled.
    pub fn tick(&mut self, clock: Timestamp) -> Vec<Seen> {
        let now = self.time(clock);
        let mut seen = Vec::new();
        for (key, entry) in &mut self.entries {
            if matches!(&entry.row, Row::PeerDevice(row) if entry.slope.is_stalled(now) && is_running(row)) {
                seen.extend(entry.tell(key, now).map(|observation| (now, false, observation)));
            }
        }
        seen.into_iter().map(|(at, is_initial, observation)| self.seen(at, is_initial, observation)).collect()
    }

    /// Whether a dump was read to its end, and none is going on.
    pub fn is_complete(&self) -> bool {
        self.dump == Dump::Ended
    }

    /// Whether a resync or a comparison of a volume is going on.
    pub fn is_syncing(&self) -> bool {
        self.entries.values().any(|entry| running(&entry.row) == Some(true))
    }

    /// All objects in the order of their resources.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, &Row)> {
        self.entries.iter().map(|(key, entry)| (key, &entry.row))
    }

    /// An object.
    pub fn row(&self, resource: &str, part: Part) -> Option<&Row> {
        self.entries.get(&Key { resource: resource.to_owned(), part }).map(|entry| &entry.row)
    }

    /// The resource and the volume of a minor: `/proc/drbd` of 8.4 has nothing else.
    pub fn volume_of(&self, minor: u32) -> Option<(&str, u32)> {
        self.entries.iter().find_map(|(key, entry)| match (&key.part, &entry.row) {
            (Part::Device { volume }, Row::Device(row)) if row.minor == Some(minor) => {
                Some((key.resource.as_str(), *volume))
            }
            _ => None,
        })
    }

    /// How often a helper was called for a resource since the table is kept.
    pub fn helper_calls(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.calls.iter().map(|((resource, helper), count)| (resource.as_str(), helper.as_str(), *count))
    }

    /// Volumes for which the helper `split-brain` was called, and that are not replicated since.
    pub fn split_brains(&self) -> impl Iterator<Item = (&str, u32)> {
        let volumes: BTreeSet<_> =
            self.split.iter().map(|(resource, volume, _)| (resource.as_str(), *volume)).collect();
        volumes.into_iter()
    }

    /// The progress of a running pass, in hundredths of a percent, the seconds that are left, and the bytes a second.
    pub(crate) fn progress(&self, key: &Key, now: Timestamp) -> Option<(Option<u32>, Option<u64>, Option<f64>)> {
        let entry = self.entries.get(key)?;
        let Row::PeerDevice(row) = &entry.row else { return None };
        is_running(row).then(|| {
            let (done, eta_s) = observe::progress(row, &entry.slope, now);
            (done, eta_s, entry.slope.bytes_per_s())
        })
    }

    fn seen(&self, at: Timestamp, is_initial: bool, observation: Observation) -> Seen {
        Seen { at, reporter: self.reporter.clone(), origin: Origin::Drbd, is_initial, observation }
    }

    fn put(&mut self, key: &Key, row: Row, how: How, at: Timestamp) -> Result<Option<Seen>, TableError> {
        self.check_room(self.entries.contains_key(key))?;
        let is_initial = self.dump == Dump::First && matches!(how, How::Exists | How::Snapshot);
        let how = if how == How::Exists && self.dump == Dump::Ended { How::Create } else { how };
        let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry::new(row.clone()));
        entry.round = self.round;
        entry.take(row, how, at);
        let news = entry.tell(key, at);
        if let (Row::PeerDevice(PeerDeviceRow { replication: Some(now), .. }), Part::PeerDevice { volume, peer }) =
            (&entry.row, &key.part)
            && now != "Off"
            && !self.split.is_empty()
        {
            for peer in [peer.as_str(), ""] {
                self.split.remove(&(key.resource.clone(), *volume, peer.to_owned()));
            }
        }
        Ok(news.map(|observation| self.seen(at, is_initial, observation)))
    }

    fn check_room(&self, is_known: bool) -> Result<(), TableError> {
        if !is_known && self.entries.len() + self.calls.len() >= self.objects_max {
            return Err(TableError::Full { max: self.objects_max });
        }
        Ok(())
    }

    fn end_dump(&mut self, at: Timestamp) -> Vec<Seen> {
        if self.dump == Dump::Ended {
            return Vec::new();
        }
        self.dump = Dump::Ended;
        let round = self.round;
        let missing: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.round != round).map(|(key, _)| key.clone()).collect();
        missing.iter().flat_map(|key| self.remove(key, at)).collect()
    }

    /// Paths stay as long as their connection, for a source that tells none.
    fn keep_paths(&mut self) {
        let round = self.round;
        let is_kept = |key: &Key| matches!(key.part, Part::Connection { .. });
        let kept: Vec<_> = self
            .entries
            .iter()
            .filter(|(key, entry)| entry.round == round && is_kept(key))
            .map(|(key, _)| key.clone())
            .collect();
        for connection in kept {
            for (key, entry) in self.entries.range_mut(connection.clone()..) {
                if key.resource != connection.resource {
                    break;
                }
                if matches!(key.part, Part::Path { .. }) && key.part.belongs_to(&connection.part) {
                    entry.round = round;
                }
            }
        }
    }

    /// Removes an object with all that belongs to it, and tells that they are gone.
    fn remove(&mut self, gone: &Key, at: Timestamp) -> Vec<Seen> {
        let first = Key { resource: gone.resource.clone(), part: Part::Resource };
        let of_resource = self.entries.range(first..).take_while(|(key, _)| key.resource == gone.resource);
        let keys: Vec<_> =
            of_resource.filter(|(key, _)| key.part.belongs_to(&gone.part)).map(|(key, _)| key.clone()).collect();
        let mut seen = Vec::new();
        for key in keys {
            let told = self.entries.remove(&key).and_then(|entry| entry.told);
            if let Some(observation) = told.and_then(|(_, told)| observe::gone(told)) {
                seen.push(self.seen(at, false, observation));
            }
            match &key.part {
                Part::Resource => self.split.retain(|(resource, ..)| *resource != key.resource),
                Part::Device { volume } => {
                    self.split.retain(|(resource, of, _)| (resource, of) != (&key.resource, volume));
                }
                Part::Connection { .. } | Part::PeerDevice { .. } | Part::Path { .. } => {}
            }
        }
        seen
    }

    /// The old name is gone; the new one has what there was, from which nothing follows about a change.
    fn rename(&mut self, event: &Event, at: Timestamp) -> Result<Vec<Seen>, TableError> {
        let (old, new) = (read::needed(event, "name")?, read::needed(event, "new_name")?);
        let key = |resource: &str| Key { resource: resource.to_owned(), part: Part::Resource };
        let moved: Vec<_> = self
            .entries
            .range(key(&old)..)
            .take_while(|(key, _)| key.resource == old)
            .map(|(key, entry)| (key.part.clone(), entry.row.clone(), entry.slope.clone()))
            .collect();
        if old == new || moved.is_empty() {
            return Ok(Vec::new());
        }
        let mut seen = self.remove(&key(&old), at);
        for (part, row, slope) in moved {
            let key = Key { resource: new.clone(), part };
            let mut entry = Entry { slope, round: self.round, is_changed: true, ..Entry::new(row) };
            if let Some(observation) = entry.tell(&key, at) {
                seen.push(self.seen(at, true, observation));
            }
            self.entries.insert(key, entry);
        }
        Ok(seen)
    }

    fn helper(&mut self, event: &Event, at: Timestamp) -> Result<Seen, TableError> {
        let resource = read::needed(event, "name")?;
        let helper = read::needed(event, "helper")?;
        let volume = read::number(event, "volume")?;
        let exit = read::number(event, "status")?;
        let mut split = None;
        if event.verb == Verb::Call {
            let call = (resource.clone(), helper.clone());
            self.check_room(self.calls.contains_key(&call))?;
            *self.calls.entry(call).or_default() += 1;
            if helper == "split-brain" {
                split = Some(volume);
            }
        }
        let by_number = || self.peer_of(&resource, read::number(event, "peer-node-id").ok().flatten()?);
        let peer = event.get("conn-name").map(str::to_owned).or_else(by_number).unwrap_or_default();
        if let Some(volume) = split {
            self.split_brain(&resource, volume, &peer);
        }
        let helper = DrbdHelper { resource, peer, volume, helper, exit };
        Ok(self.seen(at, false, Observation::DrbdHelper(helper)))
    }

    /// The peer with this number.
    fn peer_of(&self, resource: &str, id: u32) -> Option<String> {
        self.entries.iter().find_map(|(key, entry)| match (&key.part, &entry.row) {
            (Part::Connection { peer }, Row::Connection(row))
                if key.resource == resource && row.peer_node_id == Some(id) =>
            {
                Some(peer.clone())
            }
            _ => None,
        })
    }

    /// Marks a volume, or all of a resource, that are known.
    fn split_brain(&mut self, resource: &str, volume: Option<u32>, peer: &str) {
        let volumes: Vec<_> = self
            .entries
            .keys()
            .filter(|key| key.resource == resource)
            .filter_map(|key| match key.part {
                Part::Device { volume } => Some(volume),
                _ => None,
            })
            .filter(|known| volume.is_none_or(|volume| volume == *known))
            .collect();
        self.split.extend(volumes.into_iter().map(|volume| (resource.to_owned(), volume, peer.to_owned())));
    }
}

impl Entry {
    fn new(row: Row) -> Self {
        Self { row, round: 0, is_changed: false, told: None, slope: Slope::default() }
    }

    fn take(&mut self, mut newer: Row, how: How, at: Timestamp) {
        let before = running(&self.row).filter(|_| self.told.is_some());
        match how {
            How::Exists if self.is_changed => {
                std::mem::swap(&mut self.row, &mut newer);
                self.row.merge_newer(newer);
            }
            How::Exists | How::Create => self.row = newer,
            How::Change | How::Snapshot => self.row.merge_newer(newer),
        }
        self.is_changed |= matches!(how, How::Create | How::Change);
        let Row::PeerDevice(row) = &mut self.row else { return };
        if !is_running(row) {
            (row.done, row.eta_s) = (None, None);
            self.slope = Slope::default();
            return;
        }
        match (before, row.out_of_sync_bytes) {
            (Some(true), Some(left)) => self.slope.sample(at, left),
            (Some(true), None) => {}
            (before, left) => self.slope = Slope::start(at, left, before.is_some()),
        }
    }

    /// What is new, and remembers that it was told.
    fn tell(&mut self, key: &Key, at: Timestamp) -> Option<Observation> {
        let observation = observe::observation(key, &self.row, &self.slope, at)?;
        if let Some((told_at, told)) = &self.told
            && !observe::is_news(told, &observation, *told_at, at)
        {
            return None;
        }
        self.told = Some((at, observation.clone()));
        Some(observation)
    }
}

/// Whether a pass is going on or waits; `None` for a row that has none.
fn running(row: &Row) -> Option<bool> {
    match row {
        Row::PeerDevice(row) => Some(is_running(row)),
        Row::Resource(_) | Row::Device(_) | Row::Connection(_) | Row::Path(_) => None,
    }
}

fn is_running(row: &PeerDeviceRow) -> bool {
    row.replication.as_deref().is_some_and(|replication| word::pass(replication) != Pass::None)
}

/// Whether a pass that has a rest is going on.
fn has_rest(row: &PeerDeviceRow) -> bool {
    matches!(row.replication.as_deref().map(pass), Some(Pass::Resync | Pass::Verify))
}

#[cfg(test)]
mod tests;
