//! The life of metrics: taken in, found, kept over a restart, recognised, deleted.

use std::path::Path;

use orszem_model::{ByteSize, Columns, Labels, Matcher};
use orszem_promql::{Select, Source};
use tempfile::TempDir;

use super::*;
use crate::ingest::http::{Accepted, Identity, SubmitError};

/// 2026-11-22T10:00:00Z in milliseconds.
const START: i64 = 1_795_341_600_000;

fn directory() -> TempDir {
    tempfile::tempdir().expect("temporary directory")
}

fn options() -> SamplesOptions {
    SamplesOptions { min_free: ByteSize::mib(1), ..SamplesOptions::default() }
}

fn open(path: &Path) -> (Samples, SamplesReport) {
    Samples::open(path, options()).expect("opens")
}

/// One sample of `up{job=…}` for each job and value, a second after the other.
fn submission(samples: &Samples, tenant: u32, all: &[(&str, f64)]) -> SampleSubmission {
    let mut builder = samples.store().batch(tenant);
    for ((job, value), second) in all.iter().zip(0..) {
        let labels = Labels::from([("__name__", "up"), ("job", job)]);
        let key = u128::from(orszem_series::labels_hash(&labels));
        let series = builder.series(key, || Ok::<_, orszem_series::Rejected>(labels)).expect("a series");
        builder.sample(series, START + second * 1000, *value);
    }
    let batch = builder.finish();
    let frames = batch.encode();
    SampleSubmission { tenant, identity: None, idempotency_key: None, batch, frames }
}

fn identified(samples: &Samples, seq: u64, all: &[(&str, f64)]) -> SampleSubmission {
    let identity = Identity { source: "node1".into(), epoch: 7, seq, skipped: 0 };
    SampleSubmission { identity: Some(identity), ..submission(samples, 0, all) }
}

/// `job second value` of all series of the tenant.
fn found(samples: &Samples, tenant: u32) -> Vec<String> {
    let source = samples.source(tenant);
    let matchers = [Matcher::equal("__name__", "up")];
    let select = Select { matchers: &matchers, start: START - 1, end: START + 100_000 };
    let selection = source.select(&select).expect("selects");
    let mut lines = Vec::new();
    let mut columns = Columns::default();
    let mut reader = selection.reader();
    for at in 0..selection.len() {
        reader.read(at, &mut columns).expect("reads");
        let labels = reader.labels(at).expect("reads");
        let job = labels.get("job").unwrap_or_default();
        let points = columns.times.iter().zip(&columns.values);
        lines.extend(points.map(|(time, value)| format!("{job} {} {value}", (time - START) / 1000)));
    }
    drop(reader);
    drop(selection);
    assert_eq!(source.damaged(), 0);
    lines.sort();
    lines
}

#[tokio::test]
async fn what_is_acknowledged_is_found_also_after_a_stop_without_warning() {
    let directory = directory();
    let (samples, report) = open(directory.path());
    assert_eq!((report.replayed_groups, report.damaged.len(), report.torn), (0, 0, None));
    let first = submission(&samples, 0, &[("a", 1.0), ("b", 2.0), ("a", 3.0)]);
    assert_eq!(samples.submit(first).await, Ok(Accepted::default()));
    let other = submission(&samples, 1, &[("c", 9.0)]);
    assert_eq!(samples.submit(other).await, Ok(Accepted::default()));
    let expected = ["a 0 1", "a 2 3", "b 1 2"];
    assert_eq!(
        (found(&samples, 0), found(&samples, 1), found(&samples, 2)),
        (expected.map(str::to_owned).to_vec(), vec!["c 0 9".to_owned()], Vec::new())
    );
    assert!(samples.journal_bytes() > 0);
    drop(samples);

    let (samples, report) = open(directory.path());
    assert_eq!((report.replayed_groups, report.replayed_samples, report.repeats), (2, 4, 0));
    assert_eq!(
        (found(&samples, 0), found(&samples, 1)),
        (expected.map(str::to_owned).to_vec(), vec!["c 0 9".to_owned()])
    );
    samples.shutdown().await.expect("stops");
    let late = submission(&samples, 0, &[("a", 5.0)]);
    assert_eq!(samples.submit(late).await, Err(SubmitError::ShuttingDown));
    drop(samples);

    // An orderly stop has written everything out.
    let (samples, report) = open(directory.path());
    assert_eq!(report.replayed_samples, 0);
    assert_eq!(found(&samples, 0), expected);
}

#[tokio::test]
async fn repeats_are_recognised_also_by_the_next_start() {
    let directory = directory();
    let (samples, _) = open(directory.path());
    let accepted = samples.submit(identified(&samples, 1, &[("a", 1.0)])).await.expect("accepted");
    assert_eq!((accepted.accepted_seq, accepted.duplicate), (1, false));
    let again = samples.submit(identified(&samples, 1, &[("a", 2.0)])).await.expect("accepted");
    assert_eq!((again.accepted_seq, again.duplicate), (1, true));
    // A batch of which nothing was good counts as seen.
    let empty = samples.submit(identified(&samples, 2, &[])).await.expect("accepted");
    assert_eq!((empty.accepted_seq, empty.duplicate), (2, false));
    drop(samples);

    let (samples, report) = open(directory.path());
    assert_eq!((report.replayed_groups, report.replayed_samples, report.repeats), (2, 1, 0));
    for seq in [2, 1] {
        let again = samples.submit(identified(&samples, seq, &[("a", 3.0)])).await.expect("accepted");
        assert_eq!((again.accepted_seq, again.duplicate), (2, true), "{seq}");
    }
    assert_eq!(found(&samples, 0), ["a 0 1"]);
    let next = samples.submit(identified(&samples, 3, &[("a", 4.0)])).await.expect("accepted");
    assert_eq!((next.accepted_seq, next.duplicate), (3, false));
    assert_eq!(found(&samples, 0), ["a 0 4"]);
}

#[tokio::test]
async fn a_foreign_key_is_recognised_too() {
    let directory = directory();
    let (samples, _) = open(directory.path());
    for (key, value, duplicate) in [("x", 1.0, false), ("x", 2.0, true), ("y", 3.0, false)] {
        let one = submission(&samples, 0, &[("a", value)]);
        let one = SampleSubmission { idempotency_key: Some(key.to_owned()), ..one };
        assert_eq!(samples.submit(one).await.map(|accepted| accepted.duplicate), Ok(duplicate), "{key} {value}");
    }
    assert_eq!(found(&samples, 0), ["a 0 3"]);
}

#[tokio::test]
async fn what_is_deleted_stays_deleted() {
    let directory = directory();
    let (samples, _) = open(directory.path());
    for tenant in [0, 1] {
        let all = submission(&samples, tenant, &[("a", 1.0), ("b", 2.0), ("a", 3.0), ("a", 4.0)]);
        samples.submit(all).await.expect("accepted");
    }
    let sets = [vec![Matcher::equal("job", "a")], vec![Matcher::equal("job", "nothing")]];
    samples.delete(0, &sets, START + 1, START + 2000).await.expect("deletes");
    let left = ["a 0 1", "a 3 4", "b 1 2"];
    assert_eq!((found(&samples, 0), found(&samples, 1).len()), (left.map(str::to_owned).to_vec(), 4));
    drop(samples);

    let (samples, _) = open(directory.path());
    assert_eq!((found(&samples, 0), found(&samples, 1).len()), (left.map(str::to_owned).to_vec(), 4));
    samples.flush().expect("flushes");
    assert_eq!(found(&samples, 0), left);
}

#[tokio::test]
async fn options_are_checked_and_kept() {
    let directory = directory();
    let bad = SamplesOptions { memory: ByteSize::kib(1), ..options() };
    let refused = Samples::open(directory.path(), bad).map(|_| ()).map_err(|error| crate::error::chain(&error));
    assert!(
        refused.as_ref().is_err_and(|text| text.contains("metrics.memory = 1KiB must be 4MiB to 16GiB")),
        "{refused:?}"
    );

    let (samples, _) = Samples::open(directory.path(), SamplesOptions { series_max: 1, ..options() }).expect("opens");
    let mut builder = samples.store().batch(0);
    let series =
        |job: &'static str| move || Ok::<_, orszem_series::Rejected>(Labels::from([("__name__", "up"), ("job", job)]));
    assert!(builder.series(1, series("a")).is_ok());
    let second = builder.series(2, series("b"));
    assert!(matches!(second, Err(orszem_series::Rejected::TenantSeries { .. })), "{second:?}");
    assert!(builder.series(1, series("a")).is_ok());
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let directory = directory();
    let (samples, _) = open(directory.path());
    assert!(Samples::open(directory.path(), options()).is_err());
    drop(samples);
    assert!(Samples::open(directory.path(), options()).is_ok());
}

#[tokio::test]
async fn the_journal_is_cut_behind_a_write_out_though_no_segment_is_full() {
    let directory = directory();
    let (samples, _) = open(directory.path());
    let many: Vec<(String, f64)> = (0..6_000).map(|at| (format!("job-{at}"), f64::from(at))).collect();
    let many: Vec<(&str, f64)> = many.iter().map(|(job, value)| (job.as_str(), *value)).collect();
    samples.submit(submission(&samples, 0, &many)).await.expect("accepted");
    assert!(samples.journal_bytes() > 64 << 10, "{}", samples.journal_bytes());
    samples.flush().expect("flushes");
    assert!(samples.journal_bytes() < 100, "{}", samples.journal_bytes());
    samples.submit(submission(&samples, 0, &[("a", 1.0)])).await.expect("accepted");
    drop(samples);
    let (samples, report) = open(directory.path());
    assert_eq!((report.replayed_samples, report.damaged, report.torn), (1, vec![], None));
    let last = Matcher::equal("job", "job-5999");
    let source = samples.source(0);
    let select = Select { matchers: &[last], start: START, end: START + 6_000_000 };
    assert_eq!(source.select(&select).expect("selects").len(), 1);
    assert_eq!(found(&samples, 0).first().map(String::as_str), Some("a 0 1"));
}
