//! Random histories against a plain map.

use std::collections::BTreeMap;

use orszem_model::{Columns, Labels, Matcher, STALE};
use proptest::prelude::*;

use super::{AFTER_ALL, BEFORE_ALL, Journaled, WINDOW, read};
use crate::{Batch, Rejected, Settle};

#[derive(Clone, Debug)]
enum Step {
    /// Series, place of the time, value.
    Write(Vec<(u8, u8, u8)>),
    Flush,
    SettleDue,
    SettleAll,
    Crash,
    Delete {
        series: u8,
        from: u8,
        to: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let samples = proptest::collection::vec((0u8..6, any::<u8>(), 0u8..4), 1..30);
    prop_oneof![
        6 => samples.prop_map(Step::Write),
        3 => Just(Step::Flush),
        2 => Just(Step::SettleDue),
        1 => Just(Step::SettleAll),
        2 => Just(Step::Crash),
        1 => (0u8..7, any::<u8>(), any::<u8>()).prop_map(|(series, from, to)| Step::Delete { series, from, to }),
    ]
}

/// Over two days and, at the ends, far away.
fn time(place: u8) -> i64 {
    match place {
        0..3 => i64::from(place) * 400 * 24 * 3_600_000 - 40 * 365 * 24 * 3_600_000,
        _ => 1_700_000_000_000 + i64::from(place) * WINDOW / 8,
    }
}

fn value(code: u8) -> f64 {
    [1.0, -0.0, STALE, 0.1][usize::from(code)]
}

fn labels(series: u8) -> Labels {
    Labels::from([("__name__", ["a", "b"][usize::from(series % 2)]), ("at", series.to_string().as_str())])
}

/// Which the deletion speaks of: one series, or all.
fn matchers(series: u8) -> Vec<Matcher> {
    if series == 6 { Vec::new() } else { vec![Matcher::equal("at", series.to_string())] }
}

#[derive(Clone)]
enum Entry {
    Batch(Vec<bytes::Bytes>),
    Delete(u8, i64, i64),
}

type Oracle = BTreeMap<(Labels, i64), u64>;

fn check(journaled: &Journaled, oracle: &Oracle, start: i64, end: i64) {
    let mut expected: BTreeMap<Labels, Columns> = BTreeMap::new();
    for ((labels, time), bits) in oracle.iter().filter(|((_, time), _)| (start..=end).contains(time)) {
        expected.entry(labels.clone()).or_default().push(*time, f64::from_bits(*bits));
    }
    let found = read(&journaled.store, 0, &[], start, end);
    let bits = |columns: &Columns| {
        let values: Vec<u64> = columns.values.iter().map(|value| value.to_bits()).collect();
        (columns.times.clone(), values)
    };
    let found: Vec<_> = found.iter().map(|(labels, columns)| (labels.clone(), bits(columns))).collect();
    let expected: Vec<_> = expected.iter().map(|(labels, columns)| (labels.clone(), bits(columns))).collect();
    assert_eq!(found, expected);
}

fn run(steps: Vec<Step>) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut journaled = Journaled::open(directory.path());
    let mut journal: Vec<Entry> = Vec::new();
    let mut oracle = Oracle::new();
    for step in steps {
        match step {
            Step::Write(samples) => {
                let mut builder = journaled.store.batch(0);
                for (series, place, code) in samples {
                    let labels = labels(series);
                    let series = builder
                        .series(super::key(&labels), || Ok::<_, Rejected>(labels.clone()))
                        .expect("within limits");
                    builder.sample(series, time(place), value(code));
                    oracle.insert((labels, time(place)), value(code).to_bits());
                }
                let batch = builder.finish();
                journal.push(Entry::Batch(batch.encode()));
                journaled.store.apply(vec![batch], journal.len() as u64);
            }
            Step::Flush => drop(journaled.store.flush().expect("flushes")),
            Step::SettleDue => while journaled.store.settle(Settle::Due, AFTER_ALL).expect("settles") {},
            Step::SettleAll => journaled.settle(),
            Step::Crash => {
                drop(journaled);
                journaled = Journaled::open(directory.path());
                let flushed = journaled.store.flushed() as usize;
                for (at, entry) in journal.iter().enumerate().skip(flushed) {
                    obey(&journaled, entry, at as u64);
                }
            }
            Step::Delete { series, from, to } => {
                let (start, end) = (time(from.min(to)), time(from.max(to)));
                let entry = Entry::Delete(series, start, end);
                obey(&journaled, &entry, journal.len() as u64);
                journal.push(entry);
                let is_meant = |other: &Labels| series == 6 || *other == labels(series);
                oracle.retain(|(other, time), _| !is_meant(other) || !(start..=end).contains(time));
            }
        }
        check(&journaled, &oracle, BEFORE_ALL, AFTER_ALL);
    }
    check(&journaled, &oracle, time(60), time(190));
    check(&journaled, &oracle, time(100), time(100));
}

fn obey(journaled: &Journaled, entry: &Entry, position: u64) {
    let batches = match entry {
        Entry::Batch(frames) => frames.iter().map(|frame| Batch::decode(frame).expect("decodes")).collect(),
        Entry::Delete(series, start, end) => {
            journaled.store.delete(0, &matchers(*series), *start, *end).expect("deletes");
            Vec::new()
        }
    };
    assert_eq!(journaled.store.apply(batches, position + 1).unknown_series, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_history_reads_like_a_plain_map(steps in proptest::collection::vec(step(), 1..24)) {
        run(steps);
    }
}

#[test]
fn a_sample_written_after_a_deletion_stays_through_flush_cut_and_crash() {
    use Step::{Crash, Delete, Flush, SettleAll, Write};
    let write = || Write(vec![(1, 50, 0), (2, 50, 0)]);
    let delete = || Delete { series: 1, from: 0, to: 255 };
    run(vec![write(), Flush, delete(), write(), Crash, Flush, Crash, SettleAll, delete(), write(), Flush, Crash]);
    run(vec![write(), Flush, SettleAll, delete(), Crash, Flush, SettleAll, write(), Crash]);
}
