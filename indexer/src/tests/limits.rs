//! What happens at the limits: room, disk, the end, retention, trimming.

use orszem_model::{ByteSize, Span};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;
use crate::RetentionClass;
use crate::ingest::http::SubmitError;
use crate::retention::Pressure;

/// Room that is only given while nothing else is held.
const MORE_THAN_ALL: usize = 1 << 40;

/// The clock is the test's, so the wait for room takes no time.
#[tokio::test(start_paused = true)]
async fn without_room_a_sender_is_told_to_wait_and_nothing_is_written() {
    let directory = directory();
    let indexer = open(&directory);
    let taken = indexer.shared().store.reserve(MORE_THAN_ALL).expect("room");
    let refused = indexer.submit(numbered(1, &["a"])).await;
    assert_eq!(refused, Err(SubmitError::Overloaded { retry_after_s: 1 }));
    assert_eq!(indexer.shared().journal.syncs(), 0);
    drop(taken);
    submit(&indexer, numbered(1, &["a"])).await;
    assert_eq!(bodies(&indexer), ["a"]);
}

#[tokio::test]
async fn more_than_one_submission_may_hold_is_refused_for_good() {
    let directory = directory();
    let indexer = open(&directory);
    let many = |count: usize| Submission { batches: vec![vec![0; 1 << 20]; count], ..submission(&[]) };
    let refused = indexer.submit(many(64)).await.expect_err("too large");
    assert!(matches!(refused, SubmitError::TooLarge { bytes: 67_108_865.., limit: 67_108_864 }), "{refused:?}");
    assert_eq!(indexer.shared().journal.syncs(), 0);
    submit(&indexer, submission(&["the next"])).await;
    assert_eq!(bodies(&indexer), ["the next"]);
}

#[tokio::test]
async fn all_promised_room_is_given_back() {
    let directory = directory();
    let indexer = open(&directory);
    for seq in [1, 2, 2, 3] {
        submit(&indexer, numbered(seq, &["a"])).await;
    }
    indexer.flush().expect("flushes");
    let one = indexer.shared().store.reserve(1).expect("room");
    assert!(indexer.shared().store.reserve(MORE_THAN_ALL).is_err());
    drop(one);
    assert!(indexer.shared().store.reserve(MORE_THAN_ALL).is_ok());
}

#[tokio::test]
async fn a_full_disk_refuses_until_there_is_space() {
    let directory = directory();
    let hungry = IndexerOptions { min_free: ByteSize(u64::MAX / 4), ..options() };
    let (indexer, _) = Indexer::open(directory.path(), hungry).expect("opens");
    eventually("the disk counts as full", || indexer.shared().door.is_disk_full()).await;
    assert_eq!(indexer.submit(submission(&["a"])).await, Err(SubmitError::DiskFull));
    assert_eq!(indexer.shared().retain(Timestamp(NOON)).expect("decides"), Pressure::Full);
    drop(indexer);
    let indexer = open(&directory);
    submit(&indexer, submission(&["b"])).await;
    assert_eq!(bodies(&indexer), ["b"]);
}

#[tokio::test]
async fn a_stop_refuses_what_comes_after_it() {
    let directory = directory();
    let indexer = open(&directory);
    submit(&indexer, submission(&["a"])).await;
    indexer.shutdown().await.expect("stops");
    indexer.shutdown().await.expect("stops again");
    assert_eq!(indexer.submit(submission(&["b"])).await, Err(SubmitError::ShuttingDown));
    let everything = Query::parse("").expect("parses");
    assert!(matches!(indexer.delete(&everything, 0, Range::ALL).await, Err(crate::Error::ShuttingDown)));
    assert_eq!(bodies(&indexer), ["a"], "queries under way are still answered");
}

#[tokio::test]
async fn a_payload_over_the_journals_limit_is_refused_and_leaves_nothing() {
    let directory = directory();
    let indexer = open(&directory);
    let huge = Submission { batches: vec![vec![0; orszem_journal::FRAME_PAYLOAD_MAX + 1]], ..numbered(1, &[]) };
    let refused = indexer.submit(huge).await.map_err(|error| error.to_string());
    let bytes = orszem_journal::FRAME_PAYLOAD_MAX;
    let message = format!("a frame's payload of {} bytes is over the limit of {bytes} bytes", bytes + 1);
    assert_eq!(refused, Err(format!("the server could not write: {message}")));
    assert!(!submit(&indexer, numbered(1, &["a"])).await.duplicate);
    assert_eq!(bodies(&indexer), ["a"]);
}

#[tokio::test]
async fn expired_days_are_removed_and_stay_so() {
    let directory = directory();
    let retention = vec![RetentionClass { class: "default".into(), age: Some(Span::days(2)), bytes: None }];
    let (indexer, _) = Indexer::open(directory.path(), IndexerOptions { retention, ..options() }).expect("opens");
    let day = 86_400_000_000_000;
    let records = [record(0, -4 * day, "old"), record(0, 0, "new")];
    submit(&indexer, Submission { batches: vec![encode_records(Timestamp(NOON), &records)], ..submission(&[]) }).await;
    indexer.flush().expect("flushes");
    let retained = indexer.shared().retain(Timestamp(NOON)).expect("decides");
    assert_eq!((retained, bodies(&indexer)), (Pressure::None, vec!["new".to_owned()]));
    drop(indexer);
    assert_eq!(bodies(&open(&directory)), ["new"]);
}

#[tokio::test]
async fn the_journal_is_trimmed_behind_the_write_out() {
    let directory = directory();
    let indexer = open(&directory);
    let long = "x".repeat(10_000);
    for seq in 0..20 {
        submit(&indexer, numbered(seq, &[&long])).await;
    }
    let before = indexer.journal_bytes();
    assert!(before > 200_000, "{before}");
    indexer.flush().expect("flushes");
    let after = indexer.journal_bytes();
    assert!(after < 40_000, "{after}");
    assert!(indexer.shared().journal.start() > 160_000);
    drop(indexer);
    let (indexer, report) = open_reported(&directory);
    assert_eq!(report, nothing());
    assert_eq!(bodies(&indexer).len(), 20);
    assert!(submit(&indexer, numbered(0, &[&long])).await.duplicate, "known from the checkpoint alone");
}

#[tokio::test]
async fn a_full_memtable_is_written_out_by_itself() {
    let directory = directory();
    let small = IndexerOptions { memtable: ByteSize::mib(1), ..options() };
    let (indexer, _) = Indexer::open(directory.path(), small).expect("opens");
    let long = "x y z ".repeat(20_000);
    for _ in 0..30 {
        submit(&indexer, submission(&[&long])).await;
    }
    eventually("a write-out", || indexer.sizes().segment_rows > 0).await;
    assert_eq!(bodies(&indexer).len(), 30);
}

#[tokio::test]
async fn metrics_show_what_happened() {
    let directory = directory();
    let indexer = open(&directory);
    let mut registry = Registry::default();
    indexer.register_metrics(&mut registry);
    submit(&indexer, numbered(1, &["a", "b"])).await;
    submit(&indexer, numbered(1, &["a", "b"])).await;
    let shown = || {
        let mut text = String::new();
        encode(&mut text, &registry).expect("encodes");
        text
    };
    let text = shown();
    for line in [
        "orszem_logs_records_stored_total 2",
        "orszem_logs_groups_applied_total 1",
        "orszem_logs_groups_repeated_total 1",
        "orszem_logs_memtable_records 2",
        "orszem_logs_journal_fsyncs_total 1",
        "orszem_logs_disk_full 0",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }
    drop(indexer);
    assert!(!shown().contains("orszem_logs_memtable_records"), "the registry does not keep the store open");
}
