//! Limits: of series, of ages, of bytes; and series that leave the head.

use orszem_model::{Labels, Matcher};

use super::{AFTER_ALL, BEFORE_ALL, Journaled, WINDOW, all, columns, key, read};
use crate::{Options, Rejected, Retention, RetentionRule, SeriesStore, Settle, TENANT_LABEL};

fn series(metric: &str, at: usize) -> Labels {
    Labels::from([("__name__", metric), ("at", at.to_string().as_str())])
}

#[test]
fn new_series_beyond_a_limit_are_rejected_and_others_are_not_harmed() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { series_max: 6, metric_series_max: 3, batch_series_max: 4, ..Options::default() };
    let (store, _) = SeriesStore::open(directory.path(), options).expect("opens");
    let mut builder = store.batch(0);
    let mut add =
        |labels: &Labels| builder.series(key(labels), || Ok::<_, Rejected>(labels.clone())).map(|series| series.get());
    assert_eq!((0..3).map(|at| add(&series("bomb", at))).collect::<Vec<_>>(), [Ok(0), Ok(1), Ok(2)]);
    let too_many = Rejected::MetricSeries { metric: "bomb".into(), limit: 3 };
    assert_eq!(add(&series("bomb", 3)), Err(too_many));
    assert_eq!(add(&series("bomb", 1)), Ok(1));
    assert_eq!(add(&series("other", 0)), Ok(3));
    assert_eq!(add(&series("other", 1)), Err(Rejected::BatchSeries { limit: 4 }));
    assert_eq!(add(&Labels::default()), Err(Rejected::Empty));
    assert_eq!(add(&Labels::from([("a", "")])), Err(Rejected::Empty));
    assert_eq!(add(&Labels::from([(TENANT_LABEL, "1")])), Err(Rejected::Reserved));
    let mut builder = store.batch(0);
    let mut add =
        |labels: &Labels| builder.series(key(labels), || Ok::<_, Rejected>(labels.clone())).map(|series| series.get());
    assert_eq!((1..3).map(|at| add(&series("other", at))).collect::<Vec<_>>(), [Ok(4), Ok(5)]);
    assert_eq!(add(&series("last", 0)), Err(Rejected::TenantSeries { limit: 6 }));
    let of_another = store.batch(1).series(key(&series("last", 0)), || Ok::<_, Rejected>(series("last", 0)));
    assert_eq!(of_another.map(|series| series.get()), Ok(6));
    let report = store.report(0, 1);
    assert_eq!((report.series, report.metrics[0].value.as_str(), report.metrics[0].series), (6, "bomb", 3));
    assert_eq!((report.labels[0].name.as_str(), report.labels[0].values), ("at", 3));
}

#[test]
fn idle_series_leave_the_head_unless_a_batch_holds_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let (idle, held) = (series("idle", 0), series("held", 0));
    journaled.write(&[(&idle, 1, 1.0), (&held, 1, 1.0)]);
    journaled.store.flush().expect("flushes");
    let mut builder = journaled.store.batch(0);
    let reference = builder.series(key(&held), || Ok::<_, Rejected>(held.clone())).expect("a series");
    journaled.settle();
    journaled.settle();
    assert_eq!(journaled.store.sizes().series, 2, "a batch is being built");
    builder.sample(reference, 2, 2.0);
    journaled.journal(builder.finish());
    journaled.settle();
    journaled.settle();
    assert_eq!(journaled.store.sizes().series, 1);
    let expected = [(held.clone(), columns(&[(1, 1.0), (2, 2.0)])), (idle.clone(), columns(&[(1, 1.0)]))];
    assert_eq!(journaled.read(all(), BEFORE_ALL, AFTER_ALL), expected);
    // It comes back under another number.
    journaled.write(&[(&idle, 3, 3.0)]);
    let journaled = journaled.crash(directory.path());
    let expected = [(held, columns(&[(1, 1.0), (2, 2.0)])), (idle, columns(&[(1, 1.0), (3, 3.0)]))];
    assert_eq!(journaled.read(all(), BEFORE_ALL, AFTER_ALL), expected);
}

#[test]
fn retention_goes_by_age_by_rule_and_by_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let (short, long, other) = (series("short", 0), series("long", 0), series("other", 0));
    for at in 0..4 {
        let time = at * 100 * WINDOW;
        journaled.write(&[(&short, time, 1.0), (&long, time, 2.0), (&other, time, 3.0)]);
    }
    journaled.store.flush().expect("flushes");
    journaled.settle();
    assert_eq!(journaled.store.sizes().blocks, 4);
    let rule = |metric: &str, age_ms| RetentionRule {
        tenant: None,
        matchers: vec![Matcher::equal("__name__", metric)],
        age_ms,
        bytes: None,
    };
    let rules = vec![rule("short", Some(50 * WINDOW)), rule("long", None)];
    let retention = Retention { age_ms: Some(250 * WINDOW), bytes: None, rules };
    let now = 301 * WINDOW;
    let retained = journaled.store.retain(now, &retention).expect("retains");
    assert_eq!((retained.expired_blocks, retained.expired_series), (0, 4));
    assert_eq!(journaled.store.retain(now, &retention).expect("retains"), crate::Retained::default());
    let at = |from: i64| (from..4).map(|at| at * 100 * WINDOW);
    let expected = |from: i64, value: f64| columns(&at(from).map(|time| (time, value)).collect::<Vec<_>>());
    for _ in 0..2 {
        let found = read(&journaled.store, 0, &[all()], BEFORE_ALL, AFTER_ALL);
        let wanted =
            [(long.clone(), expected(0, 2.0)), (other.clone(), expected(1, 3.0)), (short.clone(), expected(3, 1.0))];
        assert_eq!(found, wanted);
        while journaled.store.settle(Settle::Due, now).expect("settles") {}
    }
    let bytes = journaled.store.sizes().block_bytes;
    let retention = Retention { bytes: Some(bytes - 1), ..Retention::default() };
    assert_eq!(journaled.store.retain(now, &retention).expect("retains").evicted_blocks, 1);
    assert_eq!(journaled.read(Matcher::equal("__name__", "long"), BEFORE_ALL, AFTER_ALL), [(long, expected(1, 2.0))]);
}

#[test]
fn a_rule_keeps_as_many_bytes_of_its_series_and_the_newest() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let (noisy, other) = (series("noisy", 0), series("other", 0));
    let value = |at: i64| {
        let mixed = (at as u64 ^ 0x5555).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        f64::from_bits(0x3ff0_0000_0000_0000 | (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 12)
    };
    let samples: Vec<(i64, f64)> = (0..4)
        .flat_map(|window| (0..100).map(move |at| window * 100 * WINDOW + at))
        .map(|time| (time, value(time)))
        .collect();
    for (time, value) in &samples {
        journaled.write(&[(&noisy, *time, *value), (&other, *time, 1.0)]);
    }
    journaled.store.flush().expect("flushes");
    journaled.settle();
    assert_eq!(journaled.store.sizes().blocks, 4);
    let rule = |metric: &str, bytes| RetentionRule {
        tenant: None,
        matchers: vec![Matcher::equal("__name__", metric)],
        age_ms: None,
        bytes,
    };
    // A block has some 650 to 800 bytes of the noisy series. The first rule takes the other one away from the last.
    let rules = vec![rule("other", None), rule("noisy", Some(1_900)), rule("other", Some(0))];
    let retention = Retention { rules, ..Retention::default() };
    let now = 301 * WINDOW;
    let retained = journaled.store.retain(now, &retention).expect("retains");
    assert_eq!((retained.expired_blocks, retained.evicted_blocks, retained.expired_series), (0, 0, 2));
    let ones: Vec<(i64, f64)> = samples.iter().map(|(time, _)| (*time, 1.0)).collect();
    let expected = [(noisy, columns(&samples[200..])), (other, columns(&ones))];
    for _ in 0..3 {
        assert_eq!(read(&journaled.store, 0, &[all()], BEFORE_ALL, AFTER_ALL), expected);
        while journaled.store.settle(Settle::Due, now).expect("settles") {}
        assert_eq!(journaled.store.retain(now, &retention).expect("retains"), crate::Retained::default());
    }
    let journaled = journaled.crash(directory.path());
    assert_eq!(journaled.store.retain(now, &retention).expect("retains"), crate::Retained::default());
    assert_eq!(journaled.read(all(), BEFORE_ALL, AFTER_ALL), expected);
}
