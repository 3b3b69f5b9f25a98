//! The queue on real files.

mod damage;
mod failing_disk;
mod formats;
mod inspection;
mod model;
mod policies;

use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::storage::{Faults, Storage};
use crate::*;

const EPOCH: u64 = 0x00c0_ffee;

fn options(directory: &Path) -> Options {
    Options { bytes_max: 1 << 20, segment_bytes: 2048, ..Options::new(directory.to_owned(), EPOCH) }
}

fn open(directory: &Path) -> (Writer, Reader, Recovered) {
    Queue::open(options(directory)).expect("opens")
}

fn failing(directory: &Path, full: Full) -> (Writer, Reader, Arc<Mutex<Faults>>) {
    let faults = Arc::new(Mutex::new(Faults::default()));
    let storage = Storage::Failing(Arc::clone(&faults));
    let (writer, reader, _) = Queue::open_on(storage, Options { full, ..options(directory) }).expect("opens");
    (writer, reader, faults)
}

fn key(number: u64) -> Vec<u8> {
    format!("file-{}", number % 3).into_bytes()
}

/// What the batch `number` changes.
fn changes(number: u64) -> Changes {
    Changes::from([(key(number), Some(number.to_be_bytes().to_vec()))])
}

fn append_payload(writer: &mut Writer, number: u64, payload: &[u8]) -> Result<Appended, AppendError> {
    writer.append(&Entry {
        payload,
        hash: number as u32,
        records: 2,
        raw_bytes: 10,
        time_range: Some((number as i64, number as i64 + 1)),
        changes: &changes(number),
    })
}

/// Some bytes that tell which batch they belong to.
fn payload(number: u64) -> Vec<u8> {
    (0..40 + number % 60).map(|index| (number.wrapping_mul(31) + index) as u8 | 1).collect()
}

fn append(writer: &mut Writer, number: u64) -> u64 {
    match append_payload(writer, number, &payload(number)).expect("appends") {
        Appended::Queued { seq } => seq,
        Appended::Dropped => panic!("batch {number} was dropped"),
    }
}

fn fill(writer: &mut Writer, count: u64) {
    for number in 1..=count {
        assert_eq!(append(writer, number), number);
    }
    assert_eq!(writer.sync().expect("syncs"), count + 1);
}

fn drain(reader: &mut Reader) -> Vec<Batch> {
    std::iter::from_fn(|| reader.next().expect("reads")).collect()
}

/// The numbers and skips, having checked that every payload is its own.
fn drain_checked(reader: &mut Reader) -> Vec<(u64, u64)> {
    let batches = drain(reader);
    for batch in &batches {
        assert_eq!(batch.payload, payload(u64::from(batch.hash)), "batch {}", batch.seq);
    }
    batches.iter().map(|batch| (batch.seq, batch.skipped)).collect()
}

fn plain(range: std::ops::RangeInclusive<u64>) -> Vec<(u64, u64)> {
    range.map(|seq| (seq, 0)).collect()
}

fn assert_balance(usage: Usage) {
    let mut given = usage.recovered;
    given += usage.appended;
    let mut accounted = usage.released;
    accounted += usage.dropped_oldest;
    accounted += usage.damaged;
    accounted += usage.queued;
    assert_eq!(given, accounted);
}

fn files(directory: &TempDir) -> Vec<u64> {
    segment::list(directory.path()).expect("lists")
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("temporary directory")
}

#[test]
fn batches_come_back_in_order_across_segments_and_only_when_durable() {
    let directory = directory();
    let (mut writer, mut reader, recovered) = open(directory.path());
    assert_eq!((recovered.epoch, recovered.next_seq, recovered.positions.len()), (EPOCH, 1, 0));
    append(&mut writer, 1);
    assert_eq!(reader.next().expect("reads"), None, "not durable");
    writer.sync().expect("syncs");
    let batch = reader.next().expect("reads").expect("a batch");
    let expected =
        Batch { seq: 1, skipped: 0, records: 2, raw_bytes: 10, hash: 1, time_range: Some((1, 2)), payload: payload(1) };
    assert_eq!(batch, expected);
    for number in 2..=100 {
        append(&mut writer, number);
    }
    writer.sync().expect("syncs");
    assert_eq!(drain_checked(&mut reader), plain(2..=100));
    assert!(files(&directory).len() > 3, "{:?}", files(&directory));
}

#[test]
fn reopening_finds_numbers_and_positions_and_sends_again_from_the_horizon() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    fill(&mut writer, 100);
    writer.checkpoint(&Changes::from([(key(0), None)])).expect("checkpoint");
    writer.sync().expect("syncs");
    drain(&mut reader);
    reader.release(40).expect("releases");
    drop((writer, reader));
    let (writer, mut reader, recovered) = open(directory.path());
    assert_eq!((recovered.epoch, recovered.next_seq, recovered.torn_bytes), (EPOCH, 101, 0));
    assert_eq!(recovered.damage, []);
    let at = |number: u64| (key(number), number.to_be_bytes().to_vec());
    assert_eq!(recovered.positions, Positions::from([at(100), at(98)]));
    assert_eq!(writer.usage().recovered.batches, 60);
    assert_eq!(writer.usage().oldest_ns, Some(41));
    assert_eq!(drain_checked(&mut reader), plain(41..=100));
}

#[test]
fn release_deletes_whole_segments_but_never_the_newest() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    fill(&mut writer, 100);
    drain(&mut reader);
    let before = files(&directory);
    reader.release(before[1] - 2).expect("releases");
    assert_eq!(files(&directory), before);
    reader.release(before[1] - 1).expect("releases");
    assert_eq!(files(&directory), before[1..]);
    reader.release(100).expect("releases");
    assert_eq!(files(&directory), before[before.len() - 1..]);
    let usage = writer.usage();
    assert_eq!((usage.queued, usage.released), (Totals::default(), usage.appended));
    assert_eq!(usage.oldest_ns, None);
    assert!(matches!(reader.release(101), Err(QueueError::HorizonAhead { horizon: 101, last: 100 })));
    drop((writer, reader));
    let (_writer, mut reader, recovered) = open(directory.path());
    assert_eq!((recovered.next_seq, recovered.positions.len()), (101, 3));
    assert_eq!(drain(&mut reader), []);
}

#[test]
fn rewinding_sends_again_from_there() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    fill(&mut writer, 60);
    drain(&mut reader);
    reader.release(10).expect("releases");
    reader.rewind(33).expect("rewinds");
    assert_eq!(drain_checked(&mut reader), plain(33..=60));
    reader.rewind(1).expect("rewinds");
    assert_eq!(drain_checked(&mut reader), plain(11..=60));
    assert_balance(reader.usage());
}

#[test]
fn a_second_opening_is_refused_until_all_handles_are_gone() {
    let directory = directory();
    let (writer, reader, _) = open(directory.path());
    drop(writer);
    assert!(matches!(Queue::open(options(directory.path())), Err(QueueError::InUse { .. })));
    assert!(matches!(inspect::repair(directory.path(), 1), Err(QueueError::InUse { .. })));
    drop(reader);
    open(directory.path());
}

#[test]
fn checkpoints_take_no_number_and_do_not_pile_up() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    for number in 0..2000 {
        writer.checkpoint(&changes(number)).expect("checkpoint");
    }
    append(&mut writer, 2000);
    assert_eq!(writer.sync().expect("syncs"), 2);
    assert_eq!(drain_checked(&mut reader), [(1, 0)]);
    assert_eq!(files(&directory), [1]);
    drop((writer, reader));
    let (_, _, recovered) = open(directory.path());
    let at = |number: u64| (key(number), number.to_be_bytes().to_vec());
    assert_eq!(recovered.positions, Positions::from([at(1998), at(1999), at(2000)]));
}

#[test]
fn a_lost_horizon_sends_again_and_reports_no_loss() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    fill(&mut writer, 100);
    drain(&mut reader);
    reader.release(50).expect("releases");
    let first = files(&directory)[0];
    drop((writer, reader));
    std::fs::remove_file(paths::horizon(directory.path())).expect("removes");
    let (_writer, mut reader, _) = open(directory.path());
    assert!(first > 1);
    assert_eq!(drain_checked(&mut reader), plain(first..=100));
}

#[test]
fn writer_and_reader_work_on_two_threads() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    let sending = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while seen.len() < 3000 {
            if let Some(batch) = reader.next().expect("reads") {
                assert_eq!(batch.payload, payload(u64::from(batch.hash)));
                seen.push((batch.seq, batch.skipped));
                if batch.seq.is_multiple_of(7) {
                    reader.release(batch.seq).expect("releases");
                }
            }
        }
        (seen, reader)
    });
    for number in 1..=3000 {
        append(&mut writer, number);
        if number % 13 == 0 {
            writer.sync().expect("syncs");
        }
    }
    writer.sync().expect("syncs");
    let (seen, reader) = sending.join().expect("no panic");
    assert_eq!(seen, plain(1..=3000));
    assert_balance(reader.usage());
}
