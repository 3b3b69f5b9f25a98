//! The batch encoding as version 1 has it, frozen: what stands in journals must stay readable.

use std::path::Path;

use orszem_model::wire::{Batch, encode_records};
use orszem_model::{Attribute, AttributeValue, Kind, Labels, Record, Severity, Stream, Timestamp};

const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/formats/batch-v1/batch");
const RECEIVED: Timestamp = Timestamp(1_795_341_600_000_000_000);

fn attribute(key: &str, value: AttributeValue) -> Attribute {
    Attribute { key: key.to_owned(), value }
}

/// Every field and every type of value, beside a plain line.
fn records() -> Vec<Record> {
    let stream = |tenant, host| Stream {
        tenant,
        class: "default".to_owned(),
        labels: Labels::from([("host", host), ("layer", "storage")]),
    };
    let mut full = Record::line(Timestamp(RECEIVED.0 - 5), stream(3, "db1"), *b"caf\xff\0 15 ms");
    full.observed = Some(Timestamp(RECEIVED.0 - 4));
    full.severity = Severity::WARN;
    full.severity_text = Some("WARNING".to_owned());
    full.trace_id = Some([7; 16]);
    full.span_id = Some([8; 8]);
    full.kind = Kind::Event;
    full.entities = vec!["host/db1".to_owned(), "drbd/r0".to_owned()];
    full.attributes = vec![
        attribute("text", AttributeValue::String("ő".to_owned())),
        attribute("status", AttributeValue::Integer("-500".to_owned())),
        attribute("ratio", AttributeValue::Float("1.50".to_owned())),
        attribute("yes", AttributeValue::Bool(true)),
        attribute("no", AttributeValue::Bool(false)),
        attribute("nothing", AttributeValue::Null),
        attribute("list", AttributeValue::Json("[1,2]".to_owned())),
        attribute("raw", AttributeValue::Bytes(vec![0, 255])),
    ];
    let mut plain = Record::line(Timestamp(-1), stream(0, "db2"), *b"plain");
    plain.observed = Some(RECEIVED);
    vec![full, plain]
}

#[test]
fn a_frozen_batch_reads_as_it_was_written() {
    let bytes = std::fs::read(FROZEN).expect("the frozen batch");
    let batch = Batch::decode(&bytes).expect("decodes");
    let read: Vec<Record> =
        batch.records().map(|raw| raw.view(&batch.streams[raw.stream as usize], 0).to_record()).collect();
    assert_eq!(batch.received, RECEIVED);
    assert_eq!(read, records());
}

/// A change of these bytes is a change of the format: it needs a new version, and a sample beside this one.
#[test]
fn the_encoding_is_the_frozen_one() {
    let bytes = encode_records(RECEIVED, &records());
    if std::env::var_os("ORSZEM_FREEZE").is_some() {
        std::fs::create_dir_all(Path::new(FROZEN).parent().expect("a directory")).expect("creates");
        std::fs::write(FROZEN, &bytes).expect("writes");
    }
    assert_eq!(bytes, std::fs::read(FROZEN).expect("the frozen batch"));
}
