//! The deduplication stage: tells from a batch's identity, never from its content, whether it was applied before.
//!
//! Verdicts depend only on the groups admitted since the checkpoint, in order of position, so replay repeats them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use orszem_durable::Format;
use orszem_model::varint;
use sha2::{Digest, Sha256};

use crate::header::{signal_code, signal_from, take_text};
use crate::sequences::{RANGES_MAX, Sequences, Standing};
use crate::{Damage, Error, Identity, Reason, Signal, atomic_file, paths};

/// Flows `(source, epoch, signal)` that are remembered; beyond, the one longest unused is forgotten.
pub const STREAMS_MAX: usize = 100_000;
/// Idempotency keys that are remembered; beyond, the oldest is forgotten.
pub const IDEMPOTENCY_KEYS_MAX: usize = 65_536;
/// Runs of numbers above the horizon over all flows; beyond, the flow that adds one loses its lowest hole.
pub const RANGES_TOTAL_MAX: usize = 1 << 20;

const FORMAT: Format = Format { magic: *b"ORSZDEDU", version: 1 };
const KEY_BYTES: usize = 16;

/// What to do with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Apply it.
    Fresh,
    /// Leave it out: it was applied before.
    Duplicate(DuplicateReason),
    /// It lies before the checkpoint: the verdict was given in an earlier life and is not known any more.
    Past,
}

/// How a duplicate was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateReason {
    /// Its number was seen, or was declared lost because too many later ones came first.
    Sequence,
    /// Its number is more than 4,096 below the first one seen.
    BeforeBase,
    /// Its idempotency key was seen.
    Key,
}

/// What the stage counted since it was created or loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub fresh: u64,
    pub duplicates: u64,
    /// The duplicates with [`DuplicateReason::BeforeBase`].
    pub before_base: u64,
    /// Numbers declared lost.
    pub lost: u64,
    pub forgotten_streams: u64,
    pub forgotten_keys: u64,
}

/// The stage's state. Pure: reads no clock, and the same groups give the same state and the same checkpoint bytes.
#[derive(Debug)]
pub struct Deduplicator {
    limits: Limits,
    streams: BTreeMap<Arc<StreamKey>, Stream>,
    /// The streams by the position of the group that used them last.
    by_use: BTreeMap<u64, Arc<StreamKey>>,
    ranges_total: usize,
    keys: HashSet<[u8; KEY_BYTES]>,
    keys_by_age: VecDeque<[u8; KEY_BYTES]>,
    position: u64,
    tally: Tally,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    streams: usize,
    ranges: usize,
    ranges_total: usize,
    keys: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StreamKey {
    source: String,
    epoch: u64,
    signal: Signal,
}

#[derive(Debug)]
struct Stream {
    sequences: Sequences,
    used: u64,
}

impl Default for Deduplicator {
    fn default() -> Deduplicator {
        Deduplicator::with_limits(Limits {
            streams: STREAMS_MAX,
            ranges: RANGES_MAX,
            ranges_total: RANGES_TOTAL_MAX,
            keys: IDEMPOTENCY_KEYS_MAX,
        })
    }
}

impl Deduplicator {
    fn with_limits(limits: Limits) -> Deduplicator {
        Deduplicator {
            limits,
            streams: BTreeMap::new(),
            by_use: BTreeMap::new(),
            ranges_total: 0,
            keys: HashSet::new(),
            keys_by_age: VecDeque::new(),
            position: 0,
            tally: Tally::default(),
        }
    }

    /// Judges the group from position `first` to `end` and remembers its identity. Groups must come in order of
    /// position. One without identity is always fresh.
    pub fn admit(&mut self, identity: Option<&Identity>, first: u64, end: u64) -> Verdict {
        if first < self.position {
            return Verdict::Past;
        }
        self.position = end;
        let verdict = match identity {
            None => Verdict::Fresh,
            Some(Identity::Idempotent { key }) => self.admit_key(key),
            Some(Identity::Sequenced { source, epoch, signal, seq, skipped }) => {
                let key = StreamKey { source: source.clone(), epoch: *epoch, signal: *signal };
                self.admit_sequence(key, *seq, *skipped, first)
            }
        };
        match verdict {
            Verdict::Fresh => self.tally.fresh += 1,
            Verdict::Duplicate(reason) => {
                self.tally.duplicates += 1;
                self.tally.before_base += u64::from(reason == DuplicateReason::BeforeBase);
            }
            Verdict::Past => {}
        }
        verdict
    }

    /// Whether [`Deduplicator::admit`] would now find a duplicate: a repeat need not be written to the journal.
    pub fn is_duplicate(&self, identity: &Identity) -> bool {
        match identity {
            Identity::Idempotent { key } => self.keys.contains(&hash(key)),
            Identity::Sequenced { source, epoch, signal, seq, skipped: _ } => self
                .stream(source, *epoch, *signal)
                .is_some_and(|stream| stream.sequences.standing(*seq) != Standing::New),
        }
    }

    /// The highest number accepted from a flow; `None` when nothing is known of it.
    pub fn accepted_seq(&self, source: &str, epoch: u64, signal: Signal) -> Option<u64> {
        self.stream(source, epoch, signal).map(|stream| stream.sequences.highest())
    }

    /// The number up to which a flow is complete from its first one on: its sender may forget what is at or below.
    pub fn horizon_seq(&self, source: &str, epoch: u64, signal: Signal) -> Option<u64> {
        self.stream(source, epoch, signal).map(|stream| stream.sequences.horizon())
    }

    /// Where to read on: every group before was admitted.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What was counted since creation or loading.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn stream(&self, source: &str, epoch: u64, signal: Signal) -> Option<&Stream> {
        self.streams.get(&StreamKey { source: source.to_owned(), epoch, signal })
    }

    fn admit_key(&mut self, key: &str) -> Verdict {
        let hash = hash(key);
        if !self.keys.insert(hash) {
            return Verdict::Duplicate(DuplicateReason::Key);
        }
        self.keys_by_age.push_back(hash);
        if self.keys_by_age.len() > self.limits.keys
            && let Some(oldest) = self.keys_by_age.pop_front()
        {
            self.keys.remove(&oldest);
            self.tally.forgotten_keys += 1;
        }
        Verdict::Fresh
    }

    fn admit_sequence(&mut self, key: StreamKey, seq: u64, skipped: u64, position: u64) -> Verdict {
        let Some(stream) = self.streams.get_mut(&key) else {
            self.add_stream(Arc::new(key), Stream { sequences: Sequences::new(seq), used: position });
            self.forget_streams();
            return Verdict::Fresh;
        };
        if let Some(key) = self.by_use.remove(&stream.used) {
            self.by_use.insert(position, key);
        }
        stream.used = position;
        match stream.sequences.standing(seq) {
            Standing::Seen => return Verdict::Duplicate(DuplicateReason::Sequence),
            Standing::BeforeBase => return Verdict::Duplicate(DuplicateReason::BeforeBase),
            Standing::New => {}
        }
        self.ranges_total -= stream.sequences.ranges();
        stream.sequences.insert(seq, skipped);
        let ranges = stream.sequences.ranges();
        if ranges > self.limits.ranges || self.ranges_total + ranges > self.limits.ranges_total {
            self.tally.lost = self.tally.lost.saturating_add(stream.sequences.close_lowest_hole());
        }
        self.ranges_total += stream.sequences.ranges();
        Verdict::Fresh
    }

    fn add_stream(&mut self, key: Arc<StreamKey>, stream: Stream) {
        self.ranges_total += stream.sequences.ranges();
        self.by_use.insert(stream.used, Arc::clone(&key));
        self.streams.insert(key, stream);
    }

    fn forget_streams(&mut self) {
        while self.streams.len() > self.limits.streams
            && let Some((_, key)) = self.by_use.pop_first()
        {
            if let Some(stream) = self.streams.remove(&key) {
                self.ranges_total -= stream.sequences.ranges();
            }
            self.tally.forgotten_streams += 1;
        }
    }
}

/// The checkpoint. It must only be saved when every group before its position is durable in the stores: replay begins
/// at that position, and the verdicts on earlier groups are gone. The journal may then be trimmed up to it.
impl Deduplicator {
    /// Loads the checkpoint of the journal in `directory`, which must exist. Without one, or with a damaged one (which
    /// goes to the quarantine and is returned), the stage is empty at position 0.
    pub fn load(directory: &Path) -> Result<(Deduplicator, Option<Damage>), Error> {
        Ok(match atomic_file::load(directory, &paths::deduplication(directory), Deduplicator::decode)? {
            Ok(loaded) => (loaded.unwrap_or_default(), None),
            Err(damage) => (Deduplicator::default(), Some(damage)),
        })
    }

    /// Replaces the checkpoint of the journal in `directory` durably by what [`Deduplicator::encode`] gave.
    pub fn save(directory: &Path, checkpoint: &[u8]) -> Result<(), Error> {
        let path = paths::deduplication(directory);
        orszem_durable::replace(&path, checkpoint).map_err(|error| Error::write_file(&path, error))
    }

    /// The state as a checkpoint of version 1.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        varint::put(&mut body, self.position);
        varint::put(&mut body, self.streams.len() as u64);
        for (key, stream) in &self.streams {
            varint::put_bytes(&mut body, key.source.as_bytes());
            varint::put(&mut body, key.epoch);
            varint::put(&mut body, signal_code(key.signal));
            varint::put(&mut body, stream.used);
            stream.sequences.encode(&mut body);
        }
        varint::put(&mut body, self.keys_by_age.len() as u64);
        for key in &self.keys_by_age {
            body.extend_from_slice(key);
        }
        FORMAT.seal(&body)
    }

    /// Reads a checkpoint of any version so far, or tells why it can't be used.
    pub fn decode(checkpoint: &[u8]) -> Result<Deduplicator, Reason> {
        let mut body = FORMAT.unseal(checkpoint)?;
        Deduplicator::decode_body(&mut body).filter(|_| body.is_empty()).ok_or(Reason::Content)
    }

    fn decode_body(body: &mut &[u8]) -> Option<Deduplicator> {
        let mut loaded = Deduplicator { position: varint::take(body)?, ..Deduplicator::default() };
        for _ in 0..varint::take(body)? {
            let source = take_text(body)?;
            let epoch = varint::take(body)?;
            let signal = signal_from(varint::take(body)?)?;
            let used = varint::take(body)?;
            let stream = Stream { used, sequences: Sequences::decode(body)? };
            loaded.add_stream(Arc::new(StreamKey { source, epoch, signal }), stream);
        }
        for _ in 0..varint::take(body)? {
            let (key, rest) = body.split_first_chunk()?;
            loaded.keys.insert(*key);
            loaded.keys_by_age.push_back(*key);
            *body = rest;
        }
        Some(loaded)
    }
}

/// The first 128 bits of SHA-256: no sender can make up a key that collides with another's.
fn hash(key: &str) -> [u8; KEY_BYTES] {
    let digest = Sha256::digest(key.as_bytes());
    let mut hash = [0; KEY_BYTES];
    for (to, from) in hash.iter_mut().zip(digest) {
        *to = from;
    }
    hash
}

#[cfg(test)]
mod tests;
