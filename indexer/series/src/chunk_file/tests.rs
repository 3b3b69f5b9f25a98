//! What goes into a chunk file comes out, whole and in part.

use std::path::Path;
use std::sync::Arc;

use orszem_model::{BucketSpan, Buckets, Columns, Histogram, HistogramPoint, STALE};

use super::{ChunkFile, ChunkFileWriter};
use crate::error::Error;

fn write(path: &Path, series: &[(u32, Columns)]) {
    let mut writer = ChunkFileWriter::create(path).expect("created");
    series.iter().for_each(|(key, columns)| writer.add(*key, columns).expect("added"));
    writer.finish().expect("finished");
}

fn floats(first: i64, count: usize) -> Columns {
    let mut columns = Columns::default();
    (0..count as i64).for_each(|at| columns.push(first + at * 1_000, (at * at % 97) as f64));
    columns
}

fn with_histograms(mut columns: Columns, first: i64, count: usize) -> Columns {
    for at in 0..count {
        let positive = Buckets { spans: vec![BucketSpan { offset: 0, length: 40 }], counts: vec![at as f64; 40] };
        let histogram = Histogram { count: at as f64 * 40.0, positive, ..Histogram::default() };
        columns.histograms.push(HistogramPoint { time: first + at as i64 * 1_000, histogram: Arc::new(histogram) });
    }
    columns
}

/// What is in (start, end].
fn part(columns: &Columns, start: i64, end: i64) -> Columns {
    let is_in = |time: i64| time > start && time <= end;
    let mut part = Columns::default();
    let samples = columns.times.iter().zip(&columns.values).filter(|(time, _)| is_in(**time));
    samples.for_each(|(&time, &value)| part.push(time, value));
    part.histograms = columns.histograms.iter().filter(|point| is_in(point.time)).cloned().collect();
    part
}

#[test]
fn keys_and_ranges_read_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("chunks");
    let mut series: Vec<(u32, Columns)> = (0..300).map(|at| (at * 3 + 1, floats(i64::from(at), 5))).collect();
    series.push((1_000, floats(0, 5_000)));
    series.push((1_001, with_histograms(floats(0, 10), 10_000, 1_000)));
    write(&path, &series);
    let file = ChunkFile::open(&path).expect("open");
    assert_eq!((file.keys(), file.samples(), file.range()), (302, 1_500 + 5_000 + 1_010, Some((0, 4_999_000))));
    assert_eq!(file.key_range(1_001).expect("read"), Some((0, 1_009_000)));
    assert_eq!(file.get(1_000).expect("read").map(|chunks| chunks.len()), Some(3));
    let mut reader = file.reader();
    for (key, columns) in &series {
        for (start, end) in [(-1, i64::MAX), (2_000, 4_000), (2_047_000, 2_048_000), (500, 4_998_999), (9_000, 11_000)]
        {
            let mut out = Columns::default();
            reader.read(*key, start, end, &mut out).expect("read");
            assert_eq!(out, part(columns, start, end), "{key} {start} {end}");
        }
    }
    for key in [0, 2, 899, 1_002, u32::MAX] {
        assert!(file.get(key).expect("read").is_none(), "{key}");
    }
}

#[test]
fn reading_appends() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("chunks");
    let columns = with_histograms(floats(5_000, 3), 9_000, 2);
    write(&path, &[(0, columns.clone())]);
    let mut out = with_histograms(floats(0, 2), 3_000, 1);
    ChunkFile::open(&path).expect("open").read(0, 5_000, 9_000, &mut out).expect("read");
    assert_eq!(out.times, [0, 1_000, 6_000, 7_000]);
    assert_eq!(
        out.histograms,
        [with_histograms(Columns::default(), 3_000, 1).histograms, columns.histograms[..1].to_vec()].concat()
    );
}

#[test]
fn series_with_the_same_times_share_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let size = |name: &str, first: &dyn Fn(u32) -> i64| {
        let path = directory.path().join(name);
        let jittered = |key: u32| {
            let mut columns = floats(0, 400);
            columns.values.fill(f64::from(key));
            let times = columns.times.iter_mut().enumerate();
            times.for_each(|(at, time)| *time += first(key) + (at as i64 * 7_919) % 13);
            columns
        };
        write(&path, &(0..100).map(|key| (key, jittered(key))).collect::<Vec<_>>());
        std::fs::metadata(&path).expect("there").len()
    };
    let (shared, apart) = (size("shared", &|_| 0), size("apart", &|key| i64::from(key) * 17));
    assert!(shared < 2_000 && apart > 5 * shared, "{shared} {apart}");
}

#[test]
fn what_is_out_of_order_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut writer = ChunkFileWriter::create(&directory.path().join("chunks")).expect("created");
    writer.add(5, &floats(0, 2)).expect("added");
    assert!(matches!(writer.add(5, &floats(0, 2)), Err(Error::Order { what: "series" })));
    let mut columns = floats(0, 2);
    columns.times[1] = 0;
    assert!(matches!(writer.add(6, &columns), Err(Error::Order { what: "samples" })));
    columns.times[1] = 1;
    columns.values.push(STALE);
    assert!(matches!(writer.add(6, &columns), Err(Error::Order { what: "samples" })));
}
