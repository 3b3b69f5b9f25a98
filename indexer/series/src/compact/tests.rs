//! Merging does what a map of maps would.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use orszem_model::{Columns, Histogram, HistogramPoint, Labels};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::{MergeInput, MergeOptions, merge};
use crate::block::{Block, BlockMeta, BlockWriter};
use crate::error::{Error, Result};

/// A float, or the count of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sample {
    Float(u64),
    Histogram(u32),
}

type Series = BTreeMap<Labels, BTreeMap<i64, Sample>>;

fn columns(samples: &BTreeMap<i64, Sample>) -> Columns {
    let mut columns = Columns::default();
    for (&time, sample) in samples {
        match *sample {
            Sample::Float(bits) => columns.push(time, f64::from_bits(bits)),
            Sample::Histogram(count) => {
                let histogram = Arc::new(Histogram { count: f64::from(count), ..Histogram::default() });
                columns.histograms.push(HistogramPoint { time, histogram });
            }
        }
    }
    columns
}

fn samples(columns: &Columns) -> BTreeMap<i64, Sample> {
    let floats = columns.times.iter().zip(&columns.values);
    let floats = floats.map(|(&time, value)| (time, Sample::Float(value.to_bits())));
    let points = columns.histograms.iter();
    let points = points.map(|point| (point.time, Sample::Histogram(point.histogram.count as u32)));
    let all: Vec<_> = floats.chain(points).collect();
    let map: BTreeMap<_, _> = all.iter().copied().collect();
    assert_eq!(map.len(), all.len(), "each time once");
    map
}

fn write(blocks: &Path, number: u64, series: &Series) -> Option<Block> {
    let mut writer = BlockWriter::create(blocks, number, 0, Vec::new()).expect("created");
    series.iter().for_each(|(labels, samples)| writer.add(labels, &columns(samples)).expect("added"));
    let meta = writer.finish().expect("finished")?;
    Some(Block::open(&blocks.join(meta.directory())).expect("open"))
}

fn iterate(series: &Series) -> MergeInput<'_> {
    MergeInput::Series(Box::new(series.iter().map(|(labels, samples)| Ok((labels.clone(), columns(samples))))))
}

fn read(blocks: &Path, metas: &[BlockMeta], window: i64) -> Series {
    let mut all = Series::new();
    for meta in metas {
        assert_eq!(meta.min_time.div_euclid(window), meta.max_time.div_euclid(window), "one window each");
        let block = Block::open(&blocks.join(meta.directory())).expect("open");
        for ordinal in 0..block.index().series() {
            let mut columns = Columns::default();
            block.read(ordinal, i64::MIN, i64::MAX, &mut columns).expect("read");
            let into = all.entry(block.index().labels(ordinal).expect("labels")).or_default();
            let before = into.len();
            let more = samples(&columns);
            let count = more.len();
            into.extend(more);
            assert_eq!(into.len(), before + count, "windows don't overlap");
        }
    }
    all
}

fn run(blocks: &Path, inputs: Vec<MergeInput<'_>>, keep_from: &dyn Fn(&Labels) -> i64) -> Result<Vec<BlockMeta>> {
    let numbers = AtomicU64::new(100);
    let options = MergeOptions { blocks, window_ms: 100, numbers: &numbers, level: 2, keep_from };
    merge(inputs, &options, &|| false)
}

fn any_series() -> impl Strategy<Value = Series> {
    let labels = prop::sample::select(vec!["a", "b", "c"]).prop_map(|host| Labels::from([("host", host)]));
    let sample = prop_oneof![
        any::<u64>().prop_map(Sample::Float),
        (0u64..9).prop_map(|value| Sample::Float((value as f64).to_bits())),
        (0u32..1_000).prop_map(Sample::Histogram),
    ];
    let samples = prop::collection::btree_map(-150i64..350, sample, 1..40);
    prop::collection::btree_map(labels, samples, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn merging_equals_the_obvious(
        first in any_series(),
        second in any_series(),
        third in any_series(),
        deleted in (-200i64..300, 0i64..100),
        kept_from in -200i64..200,
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let blocks = directory.path();
        let mut expected = first.clone();
        let opened: Vec<Block> = [(1, &first), (2, &second)].iter().filter_map(|(at, series)| write(blocks, *at, series)).collect();
        if let Some(block) = opened.first().filter(|block| block.meta().number == 1) {
            let end = deleted.0 + deleted.1;
            block.delete(&RoaringBitmap::from_iter([0u32]), deleted.0, end).expect("deleted");
            if let Some(mut samples) = expected.first_entry() {
                samples.get_mut().retain(|&time, _| time < deleted.0 || time > end);
            }
        }
        for (labels, samples) in second.iter().chain(&third) {
            expected.entry(labels.clone()).or_default().extend(samples.iter().map(|(&time, &sample)| (time, sample)));
        }
        let keep_from = |labels: &Labels| if labels.get("host") == Some("b") { kept_from } else { i64::MIN };
        for (labels, samples) in &mut expected {
            samples.retain(|&time, _| time >= keep_from(labels));
        }
        expected.retain(|_, samples| !samples.is_empty());
        let mut inputs: Vec<MergeInput<'_>> = opened.iter().map(MergeInput::Block).collect();
        inputs.push(iterate(&third));
        let metas = run(blocks, inputs, &keep_from).expect("merged");
        prop_assert_eq!(read(blocks, &metas, 100), expected);
        let sources: Vec<u64> = opened.iter().map(|block| block.meta().number).collect();
        let siblings: Vec<u64> = metas.iter().map(|meta| meta.number).collect();
        for meta in &metas {
            prop_assert_eq!((&meta.sources, &meta.siblings, meta.level), (&sources, &siblings, 2));
        }
    }
}

fn one_sample_each(times: impl Iterator<Item = i64>) -> Series {
    Series::from([(Labels::from([("a", "b")]), times.map(|time| (time, Sample::Float(1))).collect())])
}

#[test]
fn a_merge_that_fails_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let blocks = directory.path();
    let keep_all = |_: &Labels| i64::MIN;
    let many = one_sample_each((0..129).map(|at| at * 100));
    assert!(matches!(run(blocks, vec![iterate(&many)], &keep_all), Err(Error::TooMany { max: 128, .. })));
    let few = one_sample_each((0..3).map(|at| at * 100));
    let failing = few.iter().map(|(labels, samples)| Ok((labels.clone(), columns(samples))));
    let failing = failing.chain(std::iter::once_with(|| Err(Error::Cancelled)));
    let inputs = vec![MergeInput::Series(Box::new(failing))];
    assert!(matches!(run(blocks, inputs, &keep_all), Err(Error::Cancelled)));
    let numbers = AtomicU64::new(1);
    let options = MergeOptions { blocks, window_ms: 100, numbers: &numbers, level: 0, keep_from: &keep_all };
    assert!(matches!(merge(vec![iterate(&few)], &options, &|| true), Err(Error::Cancelled)));
    assert_eq!(std::fs::read_dir(blocks).expect("listed").count(), 0);
    assert_eq!(merge(vec![iterate(&few)], &options, &|| false).expect("merged").len(), 3);
    assert_eq!(numbers.load(Ordering::Relaxed), 4);
}
