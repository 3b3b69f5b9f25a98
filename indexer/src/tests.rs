//! The indexer on a real directory, promise by promise.

mod backup;
mod delete;
mod durability;
mod limits;
mod model;
mod subscribe;
mod tail;

use std::time::{Duration, Instant};

use orszem_logs::{Budget, Order, Page, Range};
use orszem_model::wire::encode_records;
use orszem_model::{Labels, Record, Stream, Timestamp};
use orszem_search::Query;
use tempfile::TempDir;

use crate::ingest::http::{Accepted, Identity, Submission};
use crate::{Indexer, IndexerOptions, OpenReport};

/// 2026-11-22T10:00:00Z.
pub(crate) const NOON: i64 = 1_795_341_600_000_000_000;

pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().expect("temporary directory")
}

/// Room for tests on small disks.
fn options() -> IndexerOptions {
    IndexerOptions { min_free: orszem_model::ByteSize(0), ..IndexerOptions::default() }
}

pub(crate) fn open(directory: &TempDir) -> Indexer {
    open_reported(directory).0
}

fn open_reported(directory: &TempDir) -> (Indexer, OpenReport) {
    let (indexer, report) = Indexer::open(directory.path(), options()).expect("opens");
    (indexer, OpenReport { took: Duration::ZERO, ..report })
}

fn record(tenant: u32, nanosecond: i64, body: &str) -> Record {
    let stream = Stream { tenant, class: "default".into(), labels: Labels::from([("host", "db1")]) };
    Record::line(Timestamp(NOON + nanosecond), stream, body)
}

/// A submission without identity: one batch, the records a nanosecond apart.
fn submission(bodies: &[&str]) -> Submission {
    let records: Vec<Record> = (0..).zip(bodies).map(|(at, body)| record(0, at, body)).collect();
    Submission {
        tenant: 0,
        identity: None,
        idempotency_key: None,
        batches: vec![encode_records(Timestamp(NOON), &records)],
    }
}

fn numbered(seq: u64, bodies: &[&str]) -> Submission {
    Submission { identity: Some(Identity { source: "node".into(), epoch: 1, seq, skipped: 0 }), ..submission(bodies) }
}

fn keyed(key: &str, bodies: &[&str]) -> Submission {
    Submission { idempotency_key: Some(key.into()), ..submission(bodies) }
}

async fn submit(indexer: &Indexer, submission: Submission) -> Accepted {
    indexer.submit(submission).await.expect("accepted")
}

/// All bodies that tenant 0 has, sorted.
fn bodies(indexer: &Indexer) -> Vec<String> {
    bodies_of(indexer, 0)
}

fn bodies_of(indexer: &Indexer, tenant: u32) -> Vec<String> {
    let page = Page { range: Range::ALL, order: Order::OldestFirst, limit: 100_000, after: None, stream: None };
    let everything = Query::parse("").expect("parses");
    let found = indexer.snapshot().search(&everything, tenant, &page, &Budget::default()).expect("searches");
    assert_eq!(found.partial, None);
    let mut bodies: Vec<String> =
        found.rows.into_iter().map(|row| String::from_utf8(row.record.body).expect("text")).collect();
    bodies.sort();
    bodies
}

/// Waits until `is_so`, which must come about by itself.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A start that finds nothing to do.
fn nothing() -> OpenReport {
    OpenReport::default()
}

fn replayed(replayed_groups: u64, replayed_records: u64) -> OpenReport {
    OpenReport { replayed_groups, replayed_records, ..OpenReport::default() }
}
