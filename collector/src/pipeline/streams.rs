//! Which stream a record goes to, found again without building its labels.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use orszem_parse::{Layer, label};
use orszem_transform::{LabelBuilder, StreamRelabel};
use xxhash_rust::xxh3::Xxh3;

/// Streams that are remembered; beyond this all are forgotten and found anew.
const STREAMS_MAX: usize = 10_000;

/// Where records come from, apart from what they say themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// Tells sources apart; never given to another one while the collector runs.
    pub(crate) slot: u64,
    /// The program, where the record names none.
    pub(crate) service: &'a str,
    /// The layer, where it is configured.
    pub(crate) layer: Option<Layer>,
    /// The followed file.
    pub(crate) file: Option<&'a Path>,
    /// The systemd unit.
    pub(crate) unit: Option<&'a str>,
    /// Configured labels of the source.
    pub(crate) labels: &'a BTreeMap<String, String>,
}

/// What the record says of where it belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) host: &'a str,
    pub(crate) service: &'a str,
    pub(crate) layer: Option<Layer>,
}

/// A stream of this collector.
#[derive(Debug)]
pub(crate) struct StreamEntry {
    /// Empty when relabelling drops the stream.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) is_dropped: bool,
    pub(crate) service: String,
    pub(crate) layer: &'static str,
    pub(crate) host_entity: String,
}

/// The streams so far.
#[derive(Debug)]
pub(crate) struct Streams {
    common: BTreeMap<String, String>,
    relabel: StreamRelabel,
    by_key: HashMap<u128, u32>,
    entries: Vec<StreamEntry>,
    /// For each, the batch that it was last used in, and its place there.
    places: Vec<Cell<(u64, u32)>>,
}

impl Streams {
    pub(crate) fn new(common: BTreeMap<String, String>, relabel: StreamRelabel) -> Self {
        Self { common, relabel, by_key: HashMap::new(), entries: Vec::new(), places: Vec::new() }
    }

    /// The number of a record's stream, which is valid until the next call.
    pub(crate) fn find(&mut self, origin: &Origin<'_>, claim: Claim<'_>) -> u32 {
        let key = key_of(origin, claim);
        match self.by_key.get(&key) {
            Some(number) => *number,
            None => self.add(key, origin, claim),
        }
    }

    /// The stream that [`Self::find`] gave the number of.
    pub(crate) fn get(&self, number: u32) -> &StreamEntry {
        &self.entries[number as usize]
    }

    fn add(&mut self, key: u128, origin: &Origin<'_>, claim: Claim<'_>) -> u32 {
        if self.entries.len() >= STREAMS_MAX {
            self.by_key.clear();
            self.entries.clear();
            self.places.clear();
        }
        let number = self.entries.len() as u32;
        self.entries.push(self.entry(origin, claim));
        self.places.push(Cell::new((u64::MAX, 0)));
        self.by_key.insert(key, number);
        number
    }

    /// The place of stream `number` in `batch`, which `add` gives where it has none yet.
    pub(crate) fn place(&self, number: u32, batch: u64, add: impl FnOnce(&[(String, String)]) -> u32) -> u32 {
        let known = &self.places[number as usize];
        match known.get() {
            (used, place) if used == batch => place,
            _ => {
                let place = add(&self.get(number).labels);
                known.set((batch, place));
                place
            }
        }
    }

    fn entry(&self, origin: &Origin<'_>, claim: Claim<'_>) -> StreamEntry {
        let of_path = || origin.file.and_then(|path| label::of_file(path).layer);
        let layer = claim
            .layer
            .or(origin.layer)
            .or_else(|| label::of_program(claim.service))
            .or_else(of_path)
            .unwrap_or(Layer::Host)
            .name();
        let file = origin.file.map(Path::to_string_lossy);
        let found = [("host", claim.host), ("service", claim.service), ("layer", layer)];
        let mut labels: LabelBuilder = pairs(&self.common)
            .chain(found)
            .chain(file.as_deref().map(|file| ("file", file)))
            .chain(origin.unit.map(|unit| ("unit", unit)))
            .chain(pairs(origin.labels))
            .collect();
        let is_dropped = !self.relabel.apply(&mut labels);
        StreamEntry {
            labels: labels.into_pairs(),
            is_dropped,
            service: claim.service.to_owned(),
            layer,
            host_entity: format!("host/{}", claim.host),
        }
    }
}

fn pairs(labels: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// 128 bits of a good hash: two streams are never taken for one.
fn key_of(origin: &Origin<'_>, claim: Claim<'_>) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&origin.slot.to_le_bytes());
    hash.update(&[claim.layer.map_or(255, |layer| layer as u8)]);
    for text in [claim.host, claim.service, origin.unit.unwrap_or("")] {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.digest128()
}
