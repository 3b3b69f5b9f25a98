//! The store against a plain map of samples, over flushes, cuts, deletions, restarts and damage.

mod concurrent;
mod damage;
mod formats;
mod head_merge;
mod limits;
mod model;
mod reading;

use std::path::Path;

use orszem_model::{Columns, Labels, Matcher};

use crate::{Batch, Options, Rejected, SeriesStore};

/// Two hours.
const WINDOW: i64 = 7_200_000;
const BEFORE_ALL: i64 = i64::MIN + 1;
const AFTER_ALL: i64 = i64::MAX - 1;

fn key(labels: &Labels) -> u128 {
    xxhash_rust::xxh3::xxh3_128(labels.identity())
}

/// A store whose samples go through the journal's form, as a crash would bring them back.
struct Journaled {
    store: SeriesStore,
    /// Groups of frames; a group's position is its place.
    groups: Vec<Vec<bytes::Bytes>>,
}

impl Journaled {
    fn open(root: &Path) -> Self {
        let (store, report) = SeriesStore::open(root, Options::default()).expect("opens");
        assert_eq!(report.set_aside, []);
        Self { store, groups: Vec::new() }
    }

    fn write(&mut self, samples: &[(&Labels, i64, f64)]) {
        let mut builder = self.store.batch(0);
        for (labels, time, value) in samples {
            let series = builder.series(key(labels), || Ok::<_, Rejected>((*labels).clone())).expect("within limits");
            builder.sample(series, *time, *value);
        }
        self.journal(builder.finish());
    }

    fn journal(&mut self, batch: Batch) {
        self.groups.push(batch.encode());
        self.store.apply(vec![batch], self.groups.len() as u64);
    }

    /// Drops the store as a crash does and opens it again.
    fn crash(self, root: &Path) -> Self {
        let Self { store, groups } = self;
        drop(store);
        let opened = Self::open(root);
        opened.replay(&groups);
        Self { groups, ..opened }
    }

    fn replay(&self, groups: &[Vec<bytes::Bytes>]) {
        let flushed = self.store.flushed() as usize;
        for (at, frames) in groups.iter().enumerate().skip(flushed) {
            let batches = frames.iter().map(|frame| Batch::decode(frame).expect("decodes")).collect();
            assert_eq!(self.store.apply(batches, at as u64 + 1).unknown_series, 0);
        }
    }

    fn settle(&self) {
        while self.store.settle(crate::Settle::All, AFTER_ALL).expect("settles") {}
    }

    fn read(&self, matcher: Matcher, start: i64, end: i64) -> Vec<(Labels, Columns)> {
        read(&self.store, 0, &[matcher], start, end)
    }
}

/// The series with samples, by labels.
fn read(store: &SeriesStore, tenant: u32, matchers: &[Matcher], start: i64, end: i64) -> Vec<(Labels, Columns)> {
    let selection = store.select(tenant, matchers, start, end).expect("selects");
    let mut reader = selection.reader();
    let mut found = Vec::new();
    for at in 0..selection.len() {
        let mut columns = Columns::default();
        reader.read(at, &mut columns).expect("reads");
        if !columns.is_empty() {
            found.push((selection.labels(at).expect("labels"), columns));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn all() -> Matcher {
    Matcher::equal("none", "")
}

fn columns(samples: &[(i64, f64)]) -> Columns {
    let mut columns = Columns::default();
    samples.iter().for_each(|&(time, value)| columns.push(time, value));
    columns
}
