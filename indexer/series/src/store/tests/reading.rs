//! What is read, wherever the samples are.

use std::sync::Arc;

use orszem_model::{Histogram, HistogramPoint, Labels, MatchOp, Matcher};

use super::{AFTER_ALL, BEFORE_ALL, Journaled, WINDOW, all, columns, key, read};
use crate::{Exemplar, Metadata, Rejected, SeriesExemplars, Settle};

#[test]
fn a_sample_is_read_once_from_memory_files_and_blocks() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let up = Labels::from([("__name__", "up"), ("job", "node")]);
    let down = Labels::from([("__name__", "down")]);
    journaled.write(&[(&up, 1_000, 1.0), (&down, 1_000, 5.0)]);
    journaled.store.flush().expect("flushes");
    journaled.settle();
    journaled.write(&[(&up, 2_000, 2.0), (&up, 1_000, 7.0)]);
    journaled.store.flush().expect("flushes");
    journaled.write(&[(&up, 3_000, 3.0), (&up, 500, 0.5)]);
    let sizes = journaled.store.sizes();
    assert_eq!((sizes.blocks, sizes.files, sizes.memory_samples), (1, 1, 2));
    let expected = columns(&[(500, 0.5), (1_000, 7.0), (2_000, 2.0), (3_000, 3.0)]);
    let only_up = Matcher::equal("__name__", "up");
    assert_eq!(journaled.read(only_up.clone(), BEFORE_ALL, AFTER_ALL), [(up.clone(), expected.clone())]);
    assert_eq!(journaled.read(only_up.clone(), 1_000, 2_000), [(up.clone(), columns(&[(1_000, 7.0), (2_000, 2.0)]))]);
    assert_eq!(journaled.read(Matcher::equal("__name__", "u"), BEFORE_ALL, AFTER_ALL), []);
    journaled.settle();
    assert_eq!(journaled.store.sizes().files, 0);
    let journaled = journaled.crash(directory.path());
    assert_eq!(journaled.read(only_up, BEFORE_ALL, AFTER_ALL), [(up, expected)]);
}

#[test]
fn matchers_find_series_in_the_head_and_in_blocks_alike() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let sets: Vec<Labels> = [("a", "1"), ("a", "2"), ("b", "1"), ("a", "22")]
        .iter()
        .enumerate()
        .map(|(at, pair)| Labels::from([*pair, ("at", ["0", "1", "2", "3"][at])]))
        .collect();
    let cases = [
        (MatchOp::Equal, "1", vec![0]),
        (MatchOp::Equal, "", vec![2]),
        (MatchOp::NotEqual, "", vec![0, 1, 3]),
        (MatchOp::NotEqual, "1", vec![1, 2, 3]),
        (MatchOp::Regex, "2+", vec![1, 3]),
        (MatchOp::Regex, ".+", vec![0, 1, 3]),
        (MatchOp::Regex, ".*", vec![0, 1, 2, 3]),
        (MatchOp::Regex, "2|", vec![1, 2]),
        (MatchOp::NotRegex, "2+", vec![0, 2]),
        (MatchOp::NotRegex, ".+", vec![2]),
        (MatchOp::NotRegex, ".*", vec![]),
    ];
    let samples: Vec<(&Labels, i64, f64)> = sets.iter().map(|labels| (labels, 1, 1.0)).collect();
    journaled.write(&samples);
    for is_settled in [false, true] {
        if is_settled {
            journaled.store.flush().expect("flushes");
            journaled.settle();
        }
        for (op, value, expected) in &cases {
            let matcher = Matcher::new("a", *op, *value).expect("a matcher");
            let found = journaled.read(matcher, 0, 10);
            let mut at: Vec<usize> =
                found.iter().map(|(labels, _)| labels.get("at").and_then(|at| at.parse().ok()).expect("at")).collect();
            at.sort_unstable();
            assert_eq!(&at, expected, "{op:?} {value:?}, settled {is_settled}");
        }
    }
}

#[test]
fn labels_among_names_are_those_of_each_series_from_the_head_and_from_blocks() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let sets: Vec<Labels> = [("a", "1", "x"), ("b", "1", "x"), ("a", "2", "x"), ("a", "1", "y"), ("c", "1", "x")]
        .iter()
        .enumerate()
        .map(|(at, (name, value, z))| Labels::from([(*name, *value), ("z", *z), ("at", ["0", "1", "2", "3", "4"][at])]))
        .collect();
    let mut builder = journaled.store.batch(7);
    for labels in &sets {
        let series = builder.series(key(labels), || Ok::<_, Rejected>(labels.clone())).expect("a series");
        builder.sample(series, 1, 1.0);
    }
    journaled.journal(builder.finish());
    for is_settled in [false, true] {
        if is_settled {
            journaled.store.flush().expect("flushes");
            // Marks the series, which then go.
            journaled.settle();
            journaled.settle();
            assert_eq!(journaled.store.sizes().series, 0, "all left the head");
        }
        let selection = journaled.store.select(7, &[all()], 0, 10).expect("selects");
        let mut reader = selection.reader();
        for names in [vec!["a", "z"], vec!["z"], vec![crate::TENANT_LABEL, "b", "none"], vec![]] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            for at in 0..sets.len() {
                let expected = selection.labels(at).expect("labels").without(|name| !names.iter().any(|n| n == name));
                let found = reader.labels_among(at, &names).expect("labels");
                assert_eq!(found, expected, "{names:?}, settled {is_settled}");
            }
        }
        assert_eq!(selection.len(), sets.len());
    }
}

#[test]
fn tenants_do_not_see_each_other_and_names_values_and_series_hide_the_tenant() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let up = Labels::from([("__name__", "up"), ("job", "a")]);
    for (tenant, value) in [(0, 1.0), (7, 2.0)] {
        let mut builder = journaled.store.batch(tenant);
        let series = builder.series(key(&up), || Ok::<_, Rejected>(up.clone())).expect("a series");
        builder.sample(series, 1, value);
        journaled.journal(builder.finish());
    }
    let only = |value| vec![(up.clone(), columns(&[(1, value)]))];
    for is_settled in [false, true] {
        if is_settled {
            journaled.store.flush().expect("flushes");
            journaled.settle();
        }
        let store = &journaled.store;
        assert_eq!(read(store, 0, &[all()], 0, 10), only(1.0));
        assert_eq!(read(store, 7, &[all()], 0, 10), only(2.0));
        assert_eq!(read(store, 8, &[all()], 0, 10), []);
        assert_eq!(store.series(7, &[], 0, 10, 10).expect("series"), std::slice::from_ref(&up));
        assert_eq!(store.label_names(7, &[], 0, 10).expect("names"), ["__name__", "job"]);
        assert_eq!(store.label_values(7, "job", &[], 0, 10).expect("values"), ["a"]);
        assert_eq!(store.label_values(8, "job", &[], 0, 10).expect("values"), Vec::<String>::new());
    }
}

#[test]
fn metadata_and_exemplars_survive_a_flush_and_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let up = Labels::from([("__name__", "up")]);
    let of = |time| Exemplar { time, value: 0.5, labels: Labels::from([("trace_id", "abc")]) };
    let help = |text: &str| Metadata { kind: "gauge".into(), unit: String::new(), help: text.into() };
    for (round, time) in [30, 10, 10].into_iter().enumerate() {
        let mut builder = journaled.store.batch(3);
        let series = builder.series(key(&up), || Ok::<_, Rejected>(up.clone())).expect("a series");
        builder.sample(series, time, 1.0);
        builder.exemplar(series, of(time));
        builder.metadata("up", help(&format!("round {round}")));
        journaled.journal(builder.finish());
        if round == 0 {
            journaled.store.flush().expect("flushes");
        }
    }
    let journaled = journaled.crash(directory.path());
    let everything = [vec![all()]];
    let expected = SeriesExemplars { labels: up, exemplars: vec![of(10), of(30)] };
    assert_eq!(journaled.store.exemplars(3, &everything, 0, 100), [expected]);
    assert_eq!(journaled.store.exemplars(0, &everything, 0, 100), []);
    assert_eq!(journaled.store.metadata(3, None, 10), [("up".to_owned(), help("round 2"))]);
    assert_eq!(journaled.store.metadata(0, Some("up"), 10), []);
}

#[test]
fn exemplars_outlive_the_head_and_are_deleted_by_their_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let [up, down] = ["up", "down"].map(|name| Labels::from([("__name__", name)]));
    let of = |time| Exemplar { time, value: 0.5, labels: Labels::from([("trace_id", "abc")]) };
    let mut builder = journaled.store.batch(0);
    for (labels, time) in [(&up, 10), (&down, 10), (&up, 20), (&down, 30), (&up, 30)] {
        let series = builder.series(key(labels), || Ok::<_, Rejected>(labels.clone())).expect("a series");
        builder.sample(series, time, 1.0);
        builder.exemplar(series, of(time));
    }
    journaled.journal(builder.finish());
    let told = |journaled: &Journaled| {
        let found = journaled.store.exemplars(0, &[vec![all()]], 0, 100);
        let times = |one: SeriesExemplars| one.exemplars.iter().map(|exemplar| exemplar.time).collect::<Vec<_>>();
        let mut times: Vec<Vec<i64>> = found.into_iter().map(times).collect();
        times.sort();
        times
    };
    // All samples go into a block, and their series have nothing in the head any more.
    for _ in 0..4 {
        journaled.store.flush().expect("flushes");
        journaled.settle();
    }
    assert_eq!(told(&journaled), [vec![10, 20, 30], vec![10, 30]]);
    journaled.store.flush().expect("flushes");
    journaled.store.delete(0, &[Matcher::equal("__name__", "up")], 15, 30).expect("deletes");
    assert_eq!(told(&journaled), [vec![10], vec![10, 30]]);
    journaled.write(&[(&down, 40, 1.0)]);
    journaled.store.flush().expect("flushes");
    let journaled = journaled.crash(directory.path());
    assert_eq!(told(&journaled), [vec![10], vec![10, 30]]);
}

#[test]
fn histograms_come_back_and_outweigh_values_of_the_same_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let latency = Labels::from([("__name__", "latency")]);
    let of = |count: f64| Arc::new(Histogram { schema: 3, count, sum: -1.5, ..Histogram::default() });
    let mut builder = journaled.store.batch(0);
    let series = builder.series(key(&latency), || Ok::<_, Rejected>(latency.clone())).expect("a series");
    builder.histogram(series, 20, of(2.0));
    builder.histogram(series, 10, of(1.0));
    builder.histogram(series, 20, of(3.0));
    builder.sample(series, 20, 9.0);
    builder.sample(series, 30, orszem_model::STALE);
    journaled.journal(builder.finish());
    for step in 0..3 {
        match step {
            0 => {}
            1 => drop(journaled.store.flush().expect("flushes")),
            _ => journaled.settle(),
        }
        let found = journaled.read(all(), 0, 100);
        assert_eq!(found.len(), 1);
        let points = [(10, 1.0), (20, 3.0)].map(|(time, count)| HistogramPoint { time, histogram: of(count) });
        assert_eq!(found[0].1.histograms, points, "step {step}");
        assert_eq!(found[0].1.times, [30]);
        assert!(orszem_model::is_stale(found[0].1.values[0]));
    }
}

#[test]
fn windows_that_are_over_become_blocks_and_the_rest_waits() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let up = Labels::from([("__name__", "up")]);
    let samples: Vec<(i64, f64)> = (0..60).map(|at| (at * WINDOW / 10, at as f64)).collect();
    for &(time, value) in &samples {
        journaled.write(&[(&up, time, value)]);
    }
    journaled.store.flush().expect("flushes");
    // The newest is in the sixth window and an hour is not over, so the fifth is the last to be cut.
    while journaled.store.settle(Settle::Due, AFTER_ALL).expect("settles") {}
    let sizes = journaled.store.sizes();
    // Four of them are eight hours, which are over.
    assert_eq!((sizes.blocks, sizes.block_samples, sizes.files), (2, 50, 1));
    assert_eq!(journaled.read(all(), BEFORE_ALL, AFTER_ALL), [(up.clone(), columns(&samples))]);
    journaled.settle();
    let sizes = journaled.store.sizes();
    assert_eq!((sizes.blocks, sizes.block_samples, sizes.files), (1, 60, 0));
    assert_eq!(journaled.read(all(), BEFORE_ALL, AFTER_ALL), [(up, columns(&samples))]);
}
