//! Damaged, cut and missing bytes: only what is damaged is lost, and nothing wrong is ever read.

use std::fs;

use super::*;

const BATCHES: u64 = 12;

/// A queue of one segment, synced once in the middle and once at the end.
fn small(directory: &TempDir) -> Vec<u8> {
    let (mut writer, reader, _) =
        Queue::open(Options { segment_bytes: 1 << 20, bytes_max: 8 << 20, ..options(directory.path()) })
            .expect("opens");
    for number in 1..=BATCHES {
        append(&mut writer, number);
        if number == BATCHES / 2 {
            writer.sync().expect("syncs");
        }
    }
    writer.sync().expect("syncs");
    drop((writer, reader));
    fs::read(paths::segment(directory.path(), 1)).expect("reads")
}

/// Opens a copy that holds only this segment.
fn reopened(bytes: &[u8]) -> (TempDir, Writer, Reader, Recovered) {
    let directory = directory();
    fs::write(paths::segment(directory.path(), 1), bytes).expect("writes");
    let (writer, reader, recovered) = open(directory.path());
    (directory, writer, reader, recovered)
}

#[test]
fn any_flipped_bit_loses_at_most_the_record_it_is_in() {
    let good = small(&directory());
    for index in 0..good.len() {
        let mut bad = good.clone();
        bad[index] ^= 1 << (index % 8);
        let (_directory, mut writer, mut reader, recovered) = reopened(&bad);
        let read = drain_checked(&mut reader);
        let lost: Vec<u64> = (1..=BATCHES).filter(|seq| read.iter().all(|(read, _)| read != seq)).collect();
        assert!(lost.len() <= 1, "byte {index}: lost {lost:?}");
        assert!(!recovered.damage.is_empty(), "byte {index} went unnoticed");
        assert_eq!(recovered.torn_bytes, 0, "byte {index}");
        assert!(recovered.next_seq > BATCHES, "byte {index}");
        assert_eq!(recovered.epoch, EPOCH, "byte {index}");
        for number in BATCHES - 2..=BATCHES {
            if !lost.contains(&number) && lost.iter().all(|&lost| lost < BATCHES - 2) {
                assert_eq!(recovered.positions.get(&key(number)), Some(&number.to_be_bytes().to_vec()), "byte {index}");
            }
        }
        let seq = append(&mut writer, 100);
        writer.sync().expect("syncs");
        let after = drain_checked(&mut reader);
        let skipped: u64 = read.iter().chain(&after).map(|(_, skipped)| skipped).sum();
        assert_eq!((after.len(), after[0].0), (1, seq), "byte {index}");
        assert_eq!(skipped, seq - 1 - read.len() as u64, "byte {index}: every hole is told");
        assert_balance(writer.usage());
    }
}

#[test]
fn damage_is_kept_in_the_quarantine_and_told_once() {
    let mut bytes = small(&directory());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let (directory, writer, reader, recovered) = reopened(&bytes);
    let [damage] = recovered.damage.as_slice() else { panic!("{:?}", recovered.damage) };
    let kept = damage.kept.as_ref().expect("kept");
    let range = damage.offset as usize..(damage.offset + damage.bytes) as usize;
    assert_eq!(fs::read(kept).expect("reads"), bytes[range]);
    let usage = writer.usage();
    assert_eq!((usage.damaged_ranges, usage.quarantined_bytes), (1, damage.bytes));
    drop((writer, reader));
    let (writer, _reader, again) = open(directory.path());
    assert_eq!(again.damage, [Damage { is_new: false, ..damage.clone() }]);
    assert_eq!(writer.usage().damaged_ranges, 0);
}

#[test]
fn a_file_cut_at_any_byte_goes_on_behind_its_last_whole_record() {
    let good = small(&directory());
    let mut ends = vec![];
    let all = inspect_ends(&good);
    for length in 0..good.len() {
        let (_directory, mut writer, mut reader, recovered) = reopened(&good[..length]);
        let whole = all.iter().filter(|end| **end <= length as u64).count() as u64;
        assert_eq!(drain_checked(&mut reader), plain(1..=whole), "cut at {length}");
        assert_eq!(recovered.next_seq, whole + 1, "cut at {length}");
        if length as u64 >= all[0] {
            assert_eq!(recovered.damage, [], "cut at {length}");
            let expected = (whole.saturating_sub(2)..=whole)
                .filter(|number| *number > 0)
                .map(|number| (key(number), number.to_be_bytes().to_vec()));
            assert_eq!(recovered.positions, expected.collect(), "cut at {length}");
        }
        assert_eq!(append(&mut writer, 50), whole + 1, "the number is used again");
        writer.sync().expect("syncs");
        assert_eq!(drain_checked(&mut reader), [(whole + 1, 0)], "cut at {length}");
        ends.push(whole);
    }
    assert_eq!(ends.last(), Some(&(BATCHES - 1)));
}

/// Where the batches end in a whole segment.
fn inspect_ends(bytes: &[u8]) -> Vec<u64> {
    let directory = directory();
    let path = paths::segment(directory.path(), 1);
    fs::write(&path, bytes).expect("writes");
    let file = fs::File::open(&path).expect("opens");
    let mut scanner = scanner::Scanner::new(file, Some(EPOCH), segment::PREAMBLE_BYTES as u64);
    let mut ends = Vec::new();
    while let scanner::Scanned::Record(record) = scanner.next(bytes.len() as u64) {
        if matches!(record.kind, record::Kind::Batch(_)) {
            ends.push(record.end());
        }
    }
    ends
}

#[test]
fn damage_found_while_reading_is_skipped_set_aside_and_counted() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    fill(&mut writer, 60);
    let path = paths::segment(directory.path(), 1);
    let mut bytes = fs::read(&path).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).expect("writes");
    let read = drain_checked(&mut reader);
    assert_eq!((read.len(), read.iter().map(|(_, skipped)| skipped).sum::<u64>()), (59, 1));
    assert_eq!(writer.usage().damaged_ranges, 1);
    reader.rewind(1).expect("rewinds");
    assert_eq!(drain_checked(&mut reader), read);
    assert_eq!(writer.usage().damaged_ranges, 1, "told once");
    assert_balance(writer.usage());
    reader.release(60).expect("releases");
    let usage = writer.usage();
    assert_eq!((usage.damaged.batches, usage.released.batches, usage.queued.batches), (1, 59, 0));
    assert_balance(usage);
}

#[test]
fn a_segment_of_a_newer_version_is_kept_and_its_numbers_are_not_used() {
    let directory = directory();
    let (mut writer, reader, _) = open(directory.path());
    fill(&mut writer, 60);
    drop((writer, reader));
    let newest = *files(&directory).last().expect("a segment");
    let path = paths::segment(directory.path(), newest);
    let mut bytes = fs::read(&path).expect("reads");
    bytes[8] = 2;
    let end = segment::PREAMBLE_BYTES;
    let checksum = crc32c::crc32c(&bytes[..end - 4]).to_le_bytes();
    bytes[end - 4..end].copy_from_slice(&checksum);
    fs::write(&path, &bytes).expect("writes");
    let (_writer, mut reader, recovered) = open(directory.path());
    assert_eq!(recovered.damage.len(), 1);
    assert_eq!(recovered.damage[0].reason, Reason::FutureVersion(2));
    assert_eq!(fs::read(recovered.damage[0].kept.as_ref().expect("kept")).expect("reads"), bytes);
    assert!(recovered.next_seq > 60);
    assert_eq!(drain_checked(&mut reader), plain(1..=newest - 1));
}

#[test]
fn a_queue_of_nothing_but_garbage_opens_with_a_new_epoch() {
    let directory = directory();
    fs::write(paths::segment(directory.path(), 1), [0xa5; 5000]).expect("writes");
    let (mut writer, mut reader, recovered) =
        Queue::open(Options { new_epoch: 77, ..options(directory.path()) }).expect("opens");
    assert_eq!(recovered.epoch, 77);
    assert!(!recovered.damage.is_empty());
    let seq = append(&mut writer, 5);
    writer.sync().expect("syncs");
    assert_eq!(drain_checked(&mut reader), [(seq, seq - 1)]);
}
