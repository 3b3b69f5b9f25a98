//! What canaries and requests come to, as tables; and that a restart neither loses nor doubles anything.

use std::path::Path;

use bytes::Bytes;
use orszem_model::record::{Attribute, AttributeValue};
use orszem_model::wire::encode_records;
use orszem_model::{Kind, Labels, Record, Stream, Timestamp};

use super::canary::{Canary, Told, canaries};
use super::saved::FILE_NAME;
use super::status::CollectorStatus;
use super::track::{Latency, Track};
use super::*;

/// 2026-11-22T10:00:00Z.
const NOON: Timestamp = Timestamp(1_795_341_600_000_000_000);
const SECOND: i64 = 1_000_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp(NOON.0 + seconds * SECOND)
}

fn canary(epoch: u64, seq: u64, second: i64) -> Canary {
    let told = Told { version: "0.1.0".into(), files: 3, ..Told::default() };
    Canary { tenant: 0, host: "db1".into(), seq, epoch, sent: at(second), received: at(second), told }
}

/// The record that a collector makes of it.
fn record(service: &str, pairs: &[(&str, &str)]) -> Record {
    let labels = Labels::from([("host", "db1"), ("layer", "host"), ("service", service)]);
    let stream = Stream { tenant: 7, class: "default".into(), labels };
    let attributes = pairs.iter().map(|(key, value)| {
        let value = match value.parse::<i64>() {
            Ok(_) => AttributeValue::Integer((*value).to_owned()),
            Err(_) => AttributeValue::String((*value).to_owned()),
        };
        Attribute { key: (*key).to_owned(), value }
    });
    Record { attributes: attributes.collect(), kind: Kind::Event, ..Record::line(NOON, stream, *b"canary 5") }
}

fn full() -> Vec<(&'static str, &'static str)> {
    vec![
        ("event.name", "collector.canary"),
        ("canary.seq", "5"),
        ("canary.epoch", "18446744073709551615"),
        ("canary.sent", "1795341600000000000"),
        ("collector.version", "0.1.0"),
        ("collector.config_hash", "ab12"),
        ("collector.started", "9"),
        ("collector.files", "10"),
        ("collector.files_unreadable", "1"),
        ("collector.lag_bytes", "11"),
        ("collector.queue_bytes", "12"),
        ("collector.queue_batches", "13"),
        ("collector.dropped", "14"),
        ("collector.gaps", "15"),
        ("collector.rejected", "16"),
        ("collector.os", "linux"),
        ("collector.user", "orszem"),
        ("collector.problem.0", "can't read /a; fix: chmod"),
        ("collector.unheard", "x"),
    ]
}

#[test]
fn a_canary_is_read_among_other_records() {
    let expected = Canary {
        tenant: 7,
        host: "db1".into(),
        seq: 5,
        epoch: u64::MAX,
        sent: NOON,
        received: at(1),
        told: Told {
            version: "0.1.0".into(),
            config_hash: "ab12".into(),
            os: "linux".into(),
            user: "orszem".into(),
            started: Timestamp(9),
            files: 10,
            files_unreadable: 1,
            lag_bytes: 11,
            queue_bytes: 12,
            queue_batches: 13,
            dropped: 14,
            gaps: 15,
            rejected: 16,
            problems: vec!["can't read /a; fix: chmod".into()],
        },
    };
    let records = [record("sshd", &full()), record("orszem-collector", &full()), record("orszem-collector", &[])];
    assert_eq!(canaries(&encode_records(at(1), &records)), [expected]);
    assert_eq!(canaries(&encode_records(at(1), &[record("sshd", &full())])), []);
    assert_eq!(canaries(b"no batch"), []);
}

#[test]
fn what_lacks_its_number_epoch_time_or_name_is_no_canary() {
    for missing in ["event.name", "canary.seq", "canary.epoch", "canary.sent"] {
        let rest: Vec<_> = full().into_iter().filter(|(key, _)| *key != missing).collect();
        assert_eq!(canaries(&encode_records(NOON, &[record("orszem-collector", &rest)])), [], "{missing}");
    }
    let negative: Vec<_> =
        full().into_iter().map(|(key, value)| (key, if key == "canary.seq" { "-1" } else { value })).collect();
    assert_eq!(canaries(&encode_records(NOON, &[record("orszem-collector", &negative)])), []);
}

#[test]
fn gaps_repeats_and_epochs_are_counted() {
    let check = |numbers: &[(u64, u64)], expected: (u64, u64, u64)| {
        let mut track = Track::default();
        for (second, (epoch, seq)) in (0..).zip(numbers) {
            track.canary(canary(*epoch, *seq, second), at(second));
        }
        assert_eq!((track.gaps, track.duplicates, track.epoch_changes), expected, "{numbers:?}");
    };
    check(&[(1, 0), (1, 1), (1, 2)], (0, 0, 0));
    // A server that is new to a collector misses nothing.
    check(&[(1, 40), (1, 41)], (0, 0, 0));
    check(&[(1, 0), (1, 3), (1, 4)], (2, 0, 0));
    check(&[(1, 0), (1, 1), (1, 1), (1, 2)], (0, 1, 0));
    check(&[(1, 7), (2, 0), (2, 1)], (0, 0, 1));
    check(&[(1, 7), (2, 2)], (2, 0, 1));
    // Two collectors under one name.
    check(&[(1, 0), (2, 0), (1, 1), (2, 1)], (0, 0, 3));
    check(&[(1, u64::MAX), (1, 0)], (0, 1, 0));
}

#[test]
fn latency_is_of_the_last_ten_minutes() {
    let mut track = Track::default();
    assert_eq!(track.latency(), None);
    for n in 0..100_i64 {
        track.canary(canary(1, n as u64, 10 * n), Timestamp(at(10 * n).0 + n));
    }
    assert_eq!(track.latency(), Some(Latency { last: 99, median: 69, max: 99 }));
}

#[test]
fn the_clock_is_judged_by_the_quickest_request_of_a_minute() {
    let mut track = Track::default();
    let mut arrive = |received: i64, behind_ms: i64| {
        let sent = Some(Timestamp(at(received).0 - behind_ms * 1_000_000));
        track.arrival(&Arrival { tenant: 0, source: "collector/db1", sent, received: at(received), rejected: &[] });
        track.skew(at(received))
    };
    assert_eq!(arrive(0, 30), Some(30_000_000));
    assert_eq!(arrive(10, 900), Some(30_000_000));
    assert_eq!(arrive(20, -4_000), Some(-4_000_000_000));
    // The clock was set right; two minutes later that shows.
    assert_eq!(arrive(140, 20), Some(20_000_000));
}

#[test]
fn the_worst_that_is_true_is_told() {
    let check = |version: &str, dropped: u64, offset: i64, now: i64, expected: CollectorStatus, part: &str| {
        let mut track = Track::default();
        track.canary(canary(1, 0, -10), at(-10 + offset));
        let told = Told { version: version.into(), dropped, ..Told::default() };
        track.canary(Canary { told, ..canary(1, 1, 0) }, at(offset));
        let report = CollectorReport::new("db1", &track, at(now));
        assert_eq!(report.status, expected, "{}", report.sentence);
        assert!(report.sentence.contains(part), "{part} in {}", report.sentence);
    };
    use CollectorStatus::{Late, Losing, Lost, Ok, Skewed, Unsupported};
    check("0.1.0", 0, 0, 60, Ok, "60 s ago");
    check("0.1.0", 0, 0, 61, Late, "61 s ago; run `orszem doctor` on the host");
    check("0.1.0", 5, 0, 601, Lost, "10 min ago");
    check("0.0.9", 5, 0, 1, Unsupported, "older than 0.1");
    check("1.0.0-rc1", 0, 0, 1, Unsupported, "upgrade the server first");
    check("x", 0, 0, 1, Unsupported, "can't be read");
    check("0.9.0", 5, 5, 1, Losing, "5 records dropped");
    check("0.1.0", 0, 3, 1, Skewed, "3.0 s behind the server's");
    check("0.1.0", 0, -3, 1, Skewed, "3.0 s ahead of the server's");
}

#[test]
fn rejections_are_kept_by_reason_and_of_collectors_only() {
    let collectors = Collectors::default();
    let arrive = |source: &str, rejected: &[(&'static str, u64)]| {
        collectors.arrived(&Arrival { tenant: 3, source, sent: None, received: NOON, rejected });
    };
    arrive("collector/db1", &[("too_old", 2), ("malformed", 1)]);
    arrive("collector/db1", &[("too_old", 3)]);
    arrive("curl", &[("too_old", 3)]);
    arrive("collector/", &[]);
    let report = collectors.get(3, "db1", at(1)).expect("known");
    let rejected: Vec<_> = report.rejected_by_reason.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    assert_eq!(rejected, [("malformed", 1), ("too_old", 5)]);
    assert_eq!(
        (report.status, report.sentence.as_str()),
        (
            CollectorStatus::Late,
            "no canary of it was ever taken in; its last request came 1 s ago (most often rejected: too_old, 5 times)"
        )
    );
    assert_eq!((collectors.list(3, NOON).len(), collectors.list(0, NOON)), (1, Vec::new()));
}

/// Applies a canary with this number as a group of 10 bytes at `first`.
fn apply(collectors: &Collectors, first: u64, seq: u64) {
    let seq = seq.to_string();
    let pairs: Vec<_> =
        full().into_iter().map(|(key, value)| (key, if key == "canary.seq" { &seq } else { value })).collect();
    let batch = encode_records(NOON, &[record("orszem-collector", &pairs)]);
    collectors.applied(first, first + 10, &[(first, Bytes::from(batch))]);
}

fn counts(collectors: &Collectors) -> Option<(u64, u64)> {
    collectors.get(7, "db1", NOON).map(|report| (report.canary_gaps, report.canary_duplicates))
}

#[test]
fn replay_goes_on_where_the_saved_state_ends() {
    let directory = tempfile::tempdir().expect("a directory");
    let collectors = Collectors::load(directory.path());
    apply(&collectors, 0, 0);
    apply(&collectors, 10, 1);
    collectors.save(directory.path(), NOON).expect("saves");
    apply(&collectors, 20, 2);

    // A restart after a crash: the last group was not saved, the one before is replayed though it was.
    let again = Collectors::load(directory.path());
    apply(&again, 10, 1);
    apply(&again, 20, 2);
    apply(&again, 30, 3);
    assert_eq!(counts(&again), Some((0, 0)));
    apply(&again, 40, 5);
    apply(&again, 50, 5);
    assert_eq!(counts(&again), Some((1, 1)));
    assert_eq!(saved_of(directory.path()), (20, 1), "not saved again");

    again.save(directory.path(), at(31 * 86_400)).expect("saves");
    assert_eq!(saved_of(directory.path()), (60, 0), "forgotten");
}

fn saved_of(directory: &Path) -> (u64, usize) {
    let (position, tracks) = saved::load(directory);
    (position, tracks.len())
}

#[test]
fn every_version_of_the_file_is_read_and_damage_begins_anew() {
    let frozen = include_bytes!("../../../tests/formats/collectors-v1.json");
    let (position, tracks) = saved::decode(frozen).expect("decodes");
    let track = tracks.get(&(7, "db1".to_owned())).expect("there");
    assert_eq!((position, tracks.len()), (60, 1));
    assert_eq!((track.epochs.as_slice(), track.gaps, track.told.problems.len()), ([(9, 6)].as_slice(), 1, 1));
    let newer = String::from_utf8_lossy(frozen).replacen("\"version\":1", "\"version\":2", 1);
    let refused = saved::decode(newer.as_bytes()).expect_err("newer").to_string();
    assert_eq!(refused, "it has version 2, which this build does not know");

    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join(FILE_NAME), &frozen[..99]).expect("writes");
    assert_eq!(saved_of(directory.path()), (0, 0));
}

#[test]
fn metrics_name_the_source() {
    let collectors = std::sync::Arc::new(Collectors::default());
    apply(&collectors, 0, 0);
    apply(&collectors, 10, 2);
    let mut registry = prometheus_client::registry::Registry::default();
    register(&collectors, &mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("encodes");
    for line in [
        "orszem_canary_latency_seconds{source=\"db1\",tenant=\"7\"} 0.0\n",
        "orszem_canary_gaps_total{source=\"db1\",tenant=\"7\"} 1\n",
        "orszem_canary_duplicates_total{source=\"db1\",tenant=\"7\"} 0\n",
        "orszem_collector_last_seen_timestamp_seconds{source=\"db1\",tenant=\"7\"} 1795341600.0\n",
        "orszem_canary_lag_bytes{source=\"db1\",tenant=\"7\"} 11.0\n",
        "orszem_collector_clock_skew_seconds{source=\"db1\",tenant=\"7\"} 0.0\n",
        "orszem_collector_info{source=\"db1\",tenant=\"7\",version=\"0.1.0\",config=\"ab12\"} 1\n",
        "orszem_collectors_overlooked_total 0\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}
