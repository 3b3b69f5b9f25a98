//! What the simulated site gives out, as the records and series that are kept of it.

use std::path::Path;

use orszem_collector::{Layer, Replay, ReplayRecord};
use orszem_demo::{CLUSTER, Item, Probe, Sample};
use orszem_indexer::facts::SIMULATED;
use orszem_model::{Attribute, AttributeValue, Kind, Labels, METRIC_NAME, Severity};
use sha2::{Digest, Sha256};

/// Puts an item into the batch; `false` when that is full. Samples are sent by themselves.
pub(super) fn take(replay: &mut Replay, item: &Item) -> bool {
    match item {
        Item::Line { at, host, file, text } => replay.line(*at, host, Path::new(file), text),
        Item::Seen(seen) => replay.seen(seen, CLUSTER),
        Item::Probe(probe) => take_probe(replay, probe),
        Item::Sample(_) => true,
    }
}

fn take_probe(replay: &mut Replay, probe: &Probe) -> bool {
    let Probe { at, host, target, is_ok, status, duration_ms, error, text } = probe;
    let word = |key: &str, value| Attribute { key: key.to_owned(), value };
    let number = |number: String| AttributeValue::Integer(number);
    let mut attributes = vec![
        word("probe.target", AttributeValue::String((*target).to_owned())),
        word("probe.ok", AttributeValue::Bool(*is_ok)),
        word("probe.duration_ms", number(duration_ms.to_string())),
    ];
    attributes.extend(status.map(|status| word("http.status", number(status.to_string()))));
    if !error.is_empty() {
        attributes.push(word("probe.error", AttributeValue::String((*error).to_owned())));
    }
    replay.record(&ReplayRecord {
        at: *at,
        host,
        service: "probe",
        layer: Layer::Probe,
        kind: Kind::Probe,
        severity: if *is_ok { Severity::INFO } else { Severity::ERROR },
        body: text,
        attributes: &attributes,
        entities: &[],
    })
}

/// The same for the same labels.
pub(super) fn key(sample: &Sample) -> u128 {
    let mut hash = Sha256::new();
    for text in
        std::iter::once(sample.name).chain(sample.labels.iter().flat_map(|(name, value)| [*name, value.as_str()]))
    {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let digest = hash.finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(first)
}

/// The labels of the series.
pub(super) fn labels(sample: &Sample) -> Labels {
    let fixed = [(METRIC_NAME, sample.name), SIMULATED, ("cluster", CLUSTER)];
    Labels::new(fixed.into_iter().chain(sample.labels.iter().map(|(name, value)| (*name, value.as_str()))).collect())
}
