//! A fact as the record that is kept of it.

use orszem_model::wire::encode_records;
use orszem_model::{Fact, Kind, Labels, Record, Stream, Timestamp, prefix};

use super::stage::ClusterKey;
use super::{SERVICE, SIMULATED};
use crate::ingest::http::{Identity, Submission};

/// Bytes of a text of a fact; what is longer is cut. Words come from the network, and a fact repeats several.
const TEXT_BYTES_MAX: usize = 4_096;

/// The records of facts of one cluster as a batch that was made at `now`.
pub(super) fn batch(key: &ClusterKey, facts: &[Fact], now: Timestamp) -> Vec<u8> {
    let records: Vec<Record> = facts.iter().map(|fact| record(key, &cut(fact))).collect();
    encode_records(now, &records)
}

/// How it is submitted.
pub(super) fn submission(tenant: u32, epoch: u64, seq: u64, batch: Vec<u8>) -> Submission {
    let identity = Some(Identity { source: SERVICE.to_owned(), epoch, seq, skipped: 0 });
    Submission { tenant, identity, idempotency_key: None, batches: vec![batch] }
}

fn record(key: &ClusterKey, fact: &Fact) -> Record {
    let entities = fact.entities();
    let host = entities.iter().find_map(|entity| entity.strip_prefix("host/"));
    let known = [("cluster", Some(key.label.as_str()).filter(|label| !label.is_empty())), ("host", host)];
    let labels = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let labels = labels.chain([("layer", "cluster"), ("service", SERVICE)]);
    let labels = labels.chain(key.is_simulated.then_some(SIMULATED)).collect();
    let stream = Stream { tenant: key.tenant, class: "default".into(), labels: Labels::new(labels) };
    let mut record = Record::line(fact.at, stream, fact.text.as_bytes());
    record.kind = Kind::Event;
    record.severity = fact.kind.severity();
    record.attributes = fact.attributes();
    record.entities = entities;
    record
}

fn cut(fact: &Fact) -> Fact {
    let mut fact = fact.clone();
    let Fact { at: _, kind: _, entity, others, from, to, cause, duration_ms: _, details, text, records: _ } = &mut fact;
    let details = details.iter_mut().flat_map(|(name, value)| [name, value]);
    for text in [entity, from, to, cause, text].into_iter().chain(others).chain(details) {
        if text.len() > TEXT_BYTES_MAX {
            text.truncate(prefix(text, TEXT_BYTES_MAX).len());
        }
    }
    fact
}

#[cfg(test)]
mod tests {
    use orszem_model::wire::Batch;
    use orszem_model::{FactKind, RecordId};

    use super::*;

    fn fact() -> Fact {
        let word = String::from;
        Fact {
            at: Timestamp(5),
            kind: FactKind::NodeLost,
            entity: word("cluster/lab"),
            others: vec![word("resource/vip"), word("host/n2"), word("host/n3")],
            from: String::new(),
            to: word("lost"),
            cause: "ő".repeat(3_000),
            duration_ms: None,
            details: Vec::new(),
            text: word("n2 was lost"),
            records: vec![RecordId { timestamp: Timestamp(4), seq: 9 }],
        }
    }

    #[test]
    fn a_record_tells_the_fact() {
        let key = ClusterKey { tenant: 3, label: "lab".to_owned(), is_simulated: false };
        let bytes = batch(&key, &[fact()], Timestamp(8));
        let decoded = Batch::decode(&bytes).expect("decodes");
        let raw = decoded.records().next().expect("one");
        let record = raw.view(&decoded.streams[0], 0).to_record();
        let labels = Labels::from([("cluster", "lab"), ("host", "n2"), ("layer", "cluster"), ("service", SERVICE)]);
        assert_eq!(record.stream, Stream { tenant: 3, class: "default".into(), labels });
        assert_eq!((record.kind, record.severity), (Kind::Event, orszem_model::Severity::ERROR));
        assert_eq!(record.body, b"n2 was lost");
        let expected = Fact { cause: "ő".repeat(2_048), ..fact() };
        assert_eq!(Fact::of(record.timestamp, "n2 was lost", &record.entities, &record.attributes), Some(expected));

        let simulated = super::record(&ClusterKey { is_simulated: true, ..key }, &fact());
        assert_eq!(simulated.stream.labels.get("simulated"), Some("true"));
    }
}
