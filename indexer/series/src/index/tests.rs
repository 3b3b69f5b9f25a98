//! An index answers as a list of label sets would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use orszem_model::{Labels, MatchOp, Matcher};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::{Index, IndexWriter, NameCount};
use crate::error::Error;
use crate::hash::labels_hash;

fn build(path: &Path, series: &[Labels]) -> Index {
    let mut writer = IndexWriter::create(path).expect("created");
    for (at, labels) in series.iter().enumerate() {
        assert_eq!(writer.add(labels).expect("added"), at as u32);
    }
    let bytes = writer.finish().expect("finished");
    assert_eq!(bytes, std::fs::metadata(path).expect("there").len());
    Index::open(path).expect("open")
}

/// Sorted, each once.
fn sorted(series: impl IntoIterator<Item = Labels>) -> Vec<Labels> {
    series.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

fn many() -> Vec<Labels> {
    let mut series = vec![Labels::default()];
    for at in 0..9_000u32 {
        let (id, host) = (format!("id{at}"), format!("host{}", at % 700));
        let job = if at % 3 == 0 { "node" } else { "web" };
        let mut pairs = vec![("__name__", "up"), ("id", id.as_str()), ("instance", host.as_str()), ("job", job)];
        if at % 5 == 0 {
            pairs.push(("zone", "ő"));
        }
        series.push(Labels::new(pairs));
    }
    sorted(series)
}

fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
    Matcher::new(name, op, value).expect("a good matcher")
}

fn naive(series: &[Labels], matchers: &[Matcher]) -> RoaringBitmap {
    let is_selected =
        |labels: &Labels| matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")));
    (0..series.len() as u32).filter(|&at| is_selected(&series[at as usize])).collect()
}

#[test]
fn matchers_select_what_they_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let series = many();
    let index = build(&directory.path().join("index"), &series);
    let values = [
        "",
        "up",
        "node|web",
        "host1.*",
        ".*",
        ".+",
        "id7|id70|none",
        "(?i)HOST12",
        "id.*9",
        "[^n].*",
        "none",
        "a?",
        "ő",
    ];
    for name in ["__name__", "id", "instance", "job", "zone", "absent"] {
        for value in values {
            for op in [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex] {
                let one = matcher(name, op, value);
                assert_eq!(
                    index.select(std::slice::from_ref(&one)).expect("read"),
                    naive(&series, std::slice::from_ref(&one)),
                    "{one:?}"
                );
                let with =
                    [one, matcher("instance", MatchOp::Equal, "host30"), matcher("job", MatchOp::NotEqual, "web")];
                assert_eq!(index.select(&with).expect("read"), naive(&series, &with), "{with:?}");
            }
        }
    }
    assert_eq!(index.select(&[]).expect("read").len(), 9_001);
}

#[test]
fn labels_hashes_and_ordinals_go_together() {
    let directory = tempfile::tempdir().expect("a directory");
    let series = many();
    let index = build(&directory.path().join("index"), &series);
    let mut reader = index.labels_reader();
    for (at, labels) in series.iter().enumerate() {
        assert_eq!(&reader.labels(at as u32).expect("read"), labels);
        assert_eq!(index.hash(at as u32).expect("read"), labels_hash(labels));
    }
    for at in [0usize, 1, 255, 256, 4_000, 9_000] {
        assert_eq!(index.find(&series[at]).expect("read"), Some(at as u32));
    }
    assert_eq!(index.find(&series[1].with("zone", "none")).expect("read"), None);
    assert_eq!(index.find(&Labels::from([("job", "web")])).expect("read"), None);
    assert!(matches!(index.labels(9_001), Err(Error::Damaged { section: "series", .. })));
    assert!(matches!(index.hash(9_001), Err(Error::Damaged { section: "hashes", .. })));
}

#[test]
fn names_and_values_are_told_and_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let series = many();
    let index = build(&directory.path().join("index"), &series);
    assert_eq!(index.label_names(None).expect("read"), ["__name__", "id", "instance", "job", "zone"]);
    let some =
        index.select(&[matcher("zone", MatchOp::Equal, ""), matcher("job", MatchOp::Equal, "web")]).expect("read");
    assert_eq!(index.label_names(Some(&some)).expect("read"), ["__name__", "id", "instance", "job"]);
    assert_eq!(index.label_values("job", Some(&some), 9).expect("read"), ["web"]);
    assert_eq!(index.label_values("job", None, 9).expect("read"), ["node", "web"]);
    assert_eq!(index.label_values("job", None, 1).expect("read"), ["node"]);
    assert_eq!(index.label_values("absent", None, 9).expect("read"), [""; 0]);
    for limit in [0, 2, usize::MAX] {
        for among in [some.clone(), RoaringBitmap::from_iter([3u32, 4, 8_000])] {
            let expected: BTreeSet<&str> = among.iter().filter_map(|at| series[at as usize].get("id")).collect();
            let expected: Vec<&str> = expected.into_iter().take(limit).collect();
            assert_eq!(index.label_values("id", Some(&among), limit).expect("read"), expected);
        }
    }
    let zone = NameCount { name: "zone".into(), values: 1, series: 1_800 };
    assert_eq!(index.name_counts().last(), Some(&zone));
    let mut counts = BTreeMap::new();
    let mut count = |value: &str, series: u64| {
        counts.insert(value.to_owned(), series);
    };
    index.value_counts("job", &mut count).expect("read");
    assert_eq!(counts, BTreeMap::from([("node".into(), 3_000), ("web".into(), 6_000)]));
}

#[test]
fn series_out_of_order_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut writer = IndexWriter::create(&directory.path().join("index")).expect("created");
    writer.add(&Labels::from([("a", "2")])).expect("added");
    assert!(matches!(writer.add(&Labels::from([("a", "2")])), Err(Error::Order { what: "series" })));
    assert!(matches!(writer.add(&Labels::from([("a", "1")])), Err(Error::Order { what: "series" })));
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let name = prop::sample::select(vec!["a", "b", "c", "ab"]);
    let value = prop::sample::select(vec!["", "x", "xy", "y", "z1", "z2"]);
    prop::collection::vec((name, value), 0..4).prop_map(Labels::new)
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let name = prop::sample::select(vec!["a", "b", "c", "ab", "d"]);
    let op = prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]);
    let value = prop::sample::select(vec!["", "x", "x|y", "x.*", "z.", ".+", ".*", "x?", "(x|z).*"]);
    (name, op, value).prop_map(|(name, op, value)| matcher(name, op, value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_series_are_selected_by_any_matchers(
        series in prop::collection::vec(any_labels(), 0..40),
        matchers in prop::collection::vec(any_matcher(), 0..4),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let series = sorted(series);
        let index = build(&directory.path().join("index"), &series);
        prop_assert_eq!(index.select(&matchers).expect("read"), naive(&series, &matchers));
        for (at, labels) in series.iter().enumerate() {
            prop_assert_eq!(&index.labels(at as u32).expect("read"), labels);
            prop_assert_eq!(index.find(labels).expect("read"), Some(at as u32));
        }
    }
}
