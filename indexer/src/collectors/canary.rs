//! The canary: the record that a collector sends every 10 s about itself, found in an encoded batch.

use orszem_model::wire::{AttributeView, AttributesView, Batch};
use orszem_model::{Stream, Timestamp, prefix, varint};

/// The `service` label of all streams of collectors about themselves.
pub(crate) const SERVICE: &str = "orszem-collector";
/// The value of `event.name` that tells canaries from what else a collector says of itself.
pub(crate) const EVENT: &str = "collector.canary";
/// Problems kept of one canary.
const PROBLEMS_MAX: usize = 20;
/// Bytes kept of a problem.
const PROBLEM_BYTES_MAX: usize = 1_000;
/// Bytes kept of any other text.
const TEXT_BYTES_MAX: usize = 200;

/// One canary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Canary {
    pub(crate) tenant: u32,
    pub(crate) host: String,
    /// Counts from 0 in each epoch.
    pub(crate) seq: u64,
    /// The collector's queue directory.
    pub(crate) epoch: u64,
    /// When it was made, by the collector's clock.
    pub(crate) sent: Timestamp,
    /// When the server took it in.
    pub(crate) received: Timestamp,
    pub(crate) told: Told,
}

/// What a collector says of itself; a figure that is missing is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) version: String,
    pub(crate) config_hash: String,
    pub(crate) os: String,
    pub(crate) user: String,
    pub(crate) started: Timestamp,
    pub(crate) files: u64,
    pub(crate) files_unreadable: u64,
    pub(crate) lag_bytes: u64,
    pub(crate) queue_bytes: u64,
    pub(crate) queue_batches: u64,
    pub(crate) dropped: u64,
    pub(crate) gaps: u64,
    pub(crate) rejected: u64,
    pub(crate) problems: Vec<String>,
}

/// The canaries of an encoded batch, in its order. A batch without a stream of a collector costs a look at the labels
/// of its streams.
pub(crate) fn canaries(payload: &[u8]) -> Vec<Canary> {
    if !names_a_collector(payload) {
        return Vec::new();
    }
    let Some(batch) = Batch::decode(payload) else { return Vec::new() };
    let is_collectors = |stream: &Stream| stream.labels.get("service") == Some(SERVICE);
    let chosen: Vec<bool> = batch.streams.iter().map(is_collectors).collect();
    let mut found = Vec::new();
    for raw in batch.records() {
        let at = raw.stream as usize;
        if chosen.get(at) != Some(&true) {
            continue;
        }
        let Some(stream) = batch.streams.get(at) else { continue };
        found.extend(canary(stream, AttributesView(raw.parts.attributes), batch.received));
    }
    found
}

/// Whether a stream of the batch has the collectors' service label; allocates nothing.
fn names_a_collector(payload: &[u8]) -> bool {
    walk(payload).unwrap_or(false)
}

/// [`names_a_collector`]; `None` for what is no batch. The layout is `orszem_model::wire`'s.
fn walk(mut input: &[u8]) -> Option<bool> {
    let input = &mut input;
    varint::take_exact(input, 1)?;
    varint::take_signed(input)?;
    varint::take_signed(input)?;
    for _ in 0..varint::take(input)? {
        varint::take(input)?;
        varint::take_bytes(input)?;
        for _ in 0..varint::take(input)? {
            let name = varint::take_bytes(input)?;
            let value = varint::take_bytes(input)?;
            if name == b"service" && value == SERVICE.as_bytes() {
                return Some(true);
            }
        }
    }
    Some(false)
}

/// The record as a canary; `None` when it is another event, or lacks its host, number, epoch or time.
fn canary(stream: &Stream, attributes: AttributesView<'_>, received: Timestamp) -> Option<Canary> {
    let host = stream.labels.get("host").filter(|host| !host.is_empty())?;
    let mut canary = Canary { tenant: stream.tenant, host: host.to_owned(), received, ..Canary::default() };
    let (mut is_canary, mut has_seq, mut has_epoch, mut has_sent) = (false, false, false, false);
    for attribute in attributes {
        match attribute.key {
            "event.name" => is_canary = attribute.value == EVENT.as_bytes(),
            "canary.seq" => has_seq = set(&mut canary.seq, &attribute),
            "canary.epoch" => has_epoch = set(&mut canary.epoch, &attribute),
            "canary.sent" => has_sent = set(&mut canary.sent.0, &attribute),
            key => {
                if let Some(name) = key.strip_prefix("collector.") {
                    canary.told.take(name, &attribute);
                }
            }
        }
    }
    (is_canary && has_seq && has_epoch && has_sent).then_some(canary)
}

impl Told {
    /// Takes the attribute `collector.{name}`; one that is not known here is left out.
    fn take(&mut self, name: &str, attribute: &AttributeView<'_>) {
        let number = match name {
            "version" => return self.version = text(attribute, TEXT_BYTES_MAX),
            "config_hash" => return self.config_hash = text(attribute, TEXT_BYTES_MAX),
            "os" => return self.os = text(attribute, TEXT_BYTES_MAX),
            "user" => return self.user = text(attribute, TEXT_BYTES_MAX),
            "started" => {
                set(&mut self.started.0, attribute);
                return;
            }
            "files" => &mut self.files,
            "files_unreadable" => &mut self.files_unreadable,
            "lag_bytes" => &mut self.lag_bytes,
            "queue_bytes" => &mut self.queue_bytes,
            "queue_batches" => &mut self.queue_batches,
            "dropped" => &mut self.dropped,
            "gaps" => &mut self.gaps,
            "rejected" => &mut self.rejected,
            _ if name.starts_with("problem.") && self.problems.len() < PROBLEMS_MAX => {
                return self.problems.push(text(attribute, PROBLEM_BYTES_MAX));
            }
            _ => return,
        };
        set(number, attribute);
    }
}

/// Sets `number` to the attribute's value and tells whether it is one.
fn set<N: std::str::FromStr>(number: &mut N, attribute: &AttributeView<'_>) -> bool {
    let parsed = std::str::from_utf8(attribute.value).ok().and_then(|value| value.parse().ok());
    parsed.map(|parsed| *number = parsed).is_some()
}

fn text(attribute: &AttributeView<'_>, bytes_max: usize) -> String {
    let mut text = String::from_utf8_lossy(attribute.value).into_owned();
    text.truncate(prefix(&text, bytes_max).len());
    text
}
