//! Blocks come back whole, or say what is wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use orszem_model::{BucketSpan, Buckets, Columns, Histogram, HistogramPoint, Labels, STALE};
use roaring::RoaringBitmap;

use super::{Block, BlockMeta, BlockWriter, open_blocks, remove_block};
use crate::error::{Error, Result};

fn series() -> Vec<(Labels, Columns)> {
    let mut counter = Columns::default();
    (0..60).for_each(|at| counter.push(at * 15_000, (at * at) as f64));
    let mut gauge = Columns::default();
    (0..30).for_each(|at| gauge.push(at * 15_000 + 7, 1.0 / (at as f64)));
    gauge.push(500_000, STALE);
    for at in 0..3 {
        let positive = Buckets { spans: vec![BucketSpan { offset: 2, length: 2 }], counts: vec![1.0, at as f64] };
        let histogram = Arc::new(Histogram { count: 4.0, positive, ..Histogram::default() });
        gauge.histograms.push(HistogramPoint { time: 600_000 + at * 1_000, histogram });
    }
    vec![
        (Labels::from([("__name__", "a"), ("host", "ő")]), counter.clone()),
        (Labels::from([("__name__", "a"), ("job", "x")]), gauge),
        (Labels::from([("__name__", "b")]), counter),
    ]
}

fn write(blocks: &Path, number: u64, sources: Vec<u64>, series: &[(Labels, Columns)]) -> BlockMeta {
    let mut writer = BlockWriter::create(blocks, number, 0, sources).expect("created");
    series.iter().for_each(|(labels, columns)| writer.add(labels, columns).expect("added"));
    writer.finish().expect("finished").expect("a block")
}

/// Labels, samples with the bits of their values, and the rest, of all series.
type Content = Vec<(Labels, Vec<(i64, u64)>, Vec<HistogramPoint>)>;

fn content(columns: &Columns) -> (Vec<(i64, u64)>, Vec<HistogramPoint>) {
    let samples = columns.times.iter().copied().zip(columns.values.iter().map(|value| value.to_bits()));
    (samples.collect(), columns.histograms.clone())
}

fn read(path: &Path) -> Result<Content> {
    let block = Block::open(path)?;
    let mut all = Vec::new();
    let mut reader = block.reader();
    for ordinal in block.index().select(&[])? {
        let mut columns = Columns::default();
        reader.read(ordinal, i64::MIN, i64::MAX, &mut columns)?;
        let labels = block.index().labels(ordinal)?;
        assert_eq!(block.index().find(&labels)?, Some(ordinal));
        let (samples, histograms) = content(&columns);
        all.push((labels, samples, histograms));
    }
    Ok(all)
}

fn expected() -> Content {
    let all = series().into_iter().map(|(labels, columns)| (labels, content(&columns)));
    all.map(|(labels, (samples, histograms))| (labels, samples, histograms)).collect()
}

#[test]
fn a_block_comes_back_with_its_description() {
    let directory = tempfile::tempdir().expect("a directory");
    let meta = write(directory.path(), 7, vec![3], &series());
    assert_eq!(meta.directory(), "0-885000-7");
    let path = directory.path().join(meta.directory());
    let block = Block::open(&path).expect("open");
    assert_eq!(block.meta(), &meta);
    assert_eq!((meta.series, meta.samples, meta.level, &meta.sources), (3, 60 + 34 + 60, 0, &vec![3]));
    assert_eq!(read(&path).expect("read"), expected());
    assert!(block.overlaps(-1, 0) && !block.overlaps(885_000, i64::MAX) && !block.overlaps(-9, -1));
    let empty = BlockWriter::create(directory.path(), 8, 0, Vec::new()).expect("created");
    assert_eq!(empty.finish().expect("finished"), None);
    assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 1);
}

#[test]
fn every_flipped_bit_is_an_error_or_makes_no_difference() {
    let directory = tempfile::tempdir().expect("a directory");
    let meta = write(directory.path(), 7, vec![3], &series());
    let path = directory.path().join(meta.directory());
    Block::open(&path).expect("open").delete(&RoaringBitmap::from_iter([2u32]), 0, 30_000).expect("deleted");
    let whole = read(&path).expect("read");
    for name in ["chunks", "index", "meta.json", "tombstones"] {
        let file = path.join(name);
        let bytes = std::fs::read(&file).expect("bytes");
        let mut errors = 0;
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            std::fs::write(&file, flipped).expect("written");
            match read(&path) {
                Ok(content) => assert_eq!(content, whole, "{name} bit {at}"),
                Err(_) => errors += 1,
            }
        }
        assert!(errors > bytes.len() * 4, "{name}: only {errors} of {}", bytes.len() * 8);
        for length in (0..bytes.len()).step_by(7) {
            std::fs::write(&file, &bytes[..length]).expect("cut");
            assert!(read(&path).is_err(), "{name} cut to {length}");
        }
        std::fs::write(&file, bytes).expect("mended");
    }
    assert_eq!(read(&path).expect("read"), whole);
}

#[test]
fn what_is_deleted_stays_deleted() {
    let directory = tempfile::tempdir().expect("a directory");
    let meta = write(directory.path(), 7, Vec::new(), &series());
    let path = directory.path().join(meta.directory());
    let block = Block::open(&path).expect("open");
    assert!(!block.has_tombstones());
    block.delete(&RoaringBitmap::from_iter([0u32, 1]), 15_000, 601_000).expect("deleted");
    block.delete(&RoaringBitmap::from_iter([0u32]), 700_000, i64::MAX).expect("deleted");
    for block in [block, Block::open(&path).expect("open")] {
        assert!(block.has_tombstones());
        let mut out = Columns::default();
        out.push(20_000, 5.0);
        block.read(1, i64::MIN, i64::MAX, &mut out).expect("read");
        assert_eq!((&out.times[..], out.histograms.len()), (&[20_000, 7][..], 1));
        out.clear();
        block.read(0, 0, i64::MAX, &mut out).expect("read");
        assert_eq!(out.times, (41..=46).map(|at| at * 15_000).collect::<Vec<i64>>());
        out.clear();
        block.read(2, 0, i64::MAX, &mut out).expect("read");
        assert_eq!(out.times.len(), 59);
    }
}

fn numbers(blocks: &Path) -> (Vec<u64>, Vec<PathBuf>) {
    let opened = open_blocks(blocks).expect("listed");
    let numbers = opened.blocks.iter().map(|block| block.meta().number).collect();
    (numbers, opened.damaged.into_iter().map(|(path, _)| path).collect())
}

#[test]
fn a_directory_is_tidied_when_it_is_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let blocks = directory.path();
    let series = series();
    let first = write(blocks, 1, Vec::new(), &series);
    write(blocks, 2, Vec::new(), &series);
    let third = write(blocks, 3, Vec::new(), &series);
    std::fs::create_dir(blocks.join(".new-9")).expect("left by a writer");
    std::fs::create_dir(blocks.join(".old-1-2-3")).expect("left by a removal");
    std::fs::create_dir(blocks.join("lost+found")).expect("someone else's");
    assert_eq!(numbers(blocks), (vec![1, 2, 3], Vec::new()));
    write(blocks, 4, vec![1, 2], &series);
    assert_eq!(numbers(blocks), (vec![3, 4], Vec::new()));
    let path = blocks.join(third.directory());
    std::fs::remove_file(path.join("index")).expect("removed");
    assert_eq!(numbers(blocks), (vec![4], vec![path.clone()]));
    remove_block(&path).expect("removed");
    assert_eq!(numbers(blocks), (vec![4], Vec::new()));
    assert!(matches!(remove_block(&blocks.join(first.directory())), Err(Error::Rename { .. })));
    let mut left: Vec<String> = std::fs::read_dir(blocks)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort_unstable();
    assert_eq!(left, ["0-885000-4", "lost+found"]);
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut writer = BlockWriter::create(directory.path(), 1, 0, Vec::new()).expect("created");
    let series = series();
    writer.add(&series[1].0, &series[1].1).expect("added");
    assert!(matches!(writer.add(&series[0].0, &series[0].1), Err(Error::Order { what: "series" })));
    drop(writer);
    assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 0);
}
