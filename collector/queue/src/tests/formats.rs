//! Frozen samples: what version 1 wrote is read for ever, and version 1 is still what is written.

use std::fs;
use std::path::PathBuf;

use super::*;

const NAMES: [&str; 3] = ["00000000000000000001.q", "00000000000000000017.q", "horizon"];

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/queue-v1")
}

fn write_all(directory: &TempDir) {
    let (mut writer, mut reader, _) = open(directory.path());
    for number in 1..=20 {
        append(&mut writer, number);
        if number == 5 {
            writer.checkpoint(&Changes::from([(b"gone".to_vec(), Some(vec![0, 255]))])).expect("checkpoint");
        }
    }
    writer
        .append(&Entry {
            payload: b"",
            hash: 0,
            records: 0,
            raw_bytes: 0,
            time_range: None,
            changes: &Changes::from([(b"gone".to_vec(), None)]),
        })
        .expect("appends");
    writer.sync().expect("syncs");
    drain(&mut reader);
    reader.release(3).expect("releases");
}

#[test]
fn what_is_written_is_still_version_1() {
    let directory = directory();
    write_all(&directory);
    for name in NAMES {
        let fresh = fs::read(directory.path().join(name)).expect("read fresh");
        let frozen = fs::read(frozen().join(name)).expect("read frozen");
        assert!(fresh == frozen, "{name} changed: a new format needs a new version\n{fresh:02x?}");
    }
}

#[test]
fn frozen_version_1_loads() {
    let directory = directory();
    for name in NAMES {
        fs::copy(frozen().join(name), directory.path().join(name)).expect("copy");
    }
    let (_writer, mut reader, recovered) = open(directory.path());
    let at = |number: u64| (key(number), number.to_be_bytes().to_vec());
    let expected = Recovered {
        epoch: EPOCH,
        next_seq: 22,
        positions: Positions::from([at(18), at(19), at(20)]),
        damage: vec![],
        torn_bytes: 0,
    };
    assert_eq!(recovered, expected);
    let batches = drain(&mut reader);
    let (last, rest) = batches.split_last().expect("batches");
    let empty = Batch { seq: 21, skipped: 0, records: 0, raw_bytes: 0, hash: 0, time_range: None, payload: vec![] };
    assert_eq!(*last, empty);
    for (batch, seq) in rest.iter().zip(4..) {
        let expected = Batch {
            seq,
            skipped: 0,
            records: 2,
            raw_bytes: 10,
            hash: seq as u32,
            time_range: Some((seq as i64, seq as i64 + 1)),
            payload: payload(seq),
        };
        assert_eq!(*batch, expected);
    }
    assert_eq!(rest.len(), 17);
}
