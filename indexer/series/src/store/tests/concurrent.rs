//! Queries beside writes, flushes, cuts, merges and series that leave: no gap, nothing twice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use orszem_model::Labels;

use super::{AFTER_ALL, BEFORE_ALL, all, key, read};
use crate::{Options, Rejected, SeriesStore, Settle};

const ROUNDS: usize = 240;
const STEP_MS: i64 = 600_000;

fn labels(at: usize) -> Labels {
    Labels::from([("__name__", "up"), ("at", at.to_string().as_str())])
}

fn write(store: &SeriesStore, round: usize) {
    let mut builder = store.batch(0);
    for at in 0..3 {
        let series = builder.series(key(&labels(at)), || Ok::<_, Rejected>(labels(at))).expect("within limits");
        builder.sample(series, round as i64 * STEP_MS, round as f64);
    }
    store.apply(vec![builder.finish()], round as u64 + 1);
}

#[test]
fn what_was_applied_is_read_whole_whatever_runs_beside() {
    let directory = tempfile::tempdir().expect("a directory");
    let (store, _) = SeriesStore::open(directory.path(), Options::default()).expect("opens");
    let (applied, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                write(&store, round);
                applied.store(round + 1, Ordering::Release);
                // So that flushes and cuts come in between.
                while store.flushed() + 3 < round as u64 {
                    std::thread::yield_now();
                }
            }
            is_over.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                store.flush().expect("flushes");
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                store.settle(Settle::All, AFTER_ALL).expect("settles");
            }
        });
        let mut checked = 0;
        while checked < ROUNDS {
            let known = applied.load(Ordering::Acquire);
            if known > 0 {
                let found = read(&store, 0, &[all()], BEFORE_ALL, AFTER_ALL);
                let names: Vec<Labels> = found.iter().map(|(labels, _)| labels.clone()).collect();
                assert_eq!(names, [labels(0), labels(1), labels(2)]);
                for (_, columns) in &found {
                    let expected: Vec<i64> = (0..columns.len() as i64).map(|round| round * STEP_MS).collect();
                    assert_eq!(columns.times, expected);
                    assert!(columns.len() >= known, "{} of {known}", columns.len());
                }
            }
            checked = known;
        }
    });
}
