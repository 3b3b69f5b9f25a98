//! A queue that is full: who waits, what is dropped, and that the sums are right.

use super::*;

fn bounded(directory: &TempDir, full: Full) -> (Writer, Reader) {
    let options = Options { bytes_max: 8192, segment_bytes: 2048, full, ..options(directory.path()) };
    let (writer, reader, _) = Queue::open(options).expect("opens");
    (writer, reader)
}

#[test]
fn block_refuses_and_takes_again_after_a_release() {
    let directory = directory();
    let (mut writer, mut reader) = bounded(&directory, Full::Block);
    let mut number = 1;
    while append_payload(&mut writer, number, &payload(number)).is_ok() {
        number += 1;
    }
    assert!(matches!(append_payload(&mut writer, number, &payload(number)), Err(AppendError::Full)));
    assert!(writer.usage().disk_bytes <= 8192);
    writer.checkpoint(&changes(500)).expect("positions are taken");
    writer.sync().expect("syncs");
    let count = drain_checked(&mut reader).len() as u64;
    assert_eq!(count, number - 1);
    reader.release(count / 2).expect("releases");
    assert_eq!(append(&mut writer, number), number);
    assert_balance(writer.usage());
}

#[test]
fn block_takes_a_batch_of_any_size_when_nothing_is_queued() {
    let directory = directory();
    let (mut writer, mut reader) = bounded(&directory, Full::Block);
    for number in 1..10 {
        append_payload(&mut writer, number, &[1; 20_000]).expect("taken");
        assert!(matches!(append_payload(&mut writer, number, b"x"), Err(AppendError::Full)));
        writer.sync().expect("syncs");
        assert_eq!(drain(&mut reader).len(), 1);
        reader.release(number).expect("releases");
    }
}

#[test]
fn drop_oldest_keeps_what_is_being_sent_and_tells_the_hole() {
    let directory = directory();
    let (mut writer, mut reader) = bounded(&directory, Full::DropOldest);
    fill(&mut writer, 5);
    let first = reader.next().expect("reads").expect("a batch");
    for number in 6..=300 {
        append(&mut writer, number);
    }
    writer.sync().expect("syncs");
    let usage = writer.usage();
    assert!(usage.dropped_oldest.batches > 0 && usage.disk_bytes <= 8192, "{usage:?}");
    assert_eq!(usage.dropped_newest, Totals::default());
    assert_eq!(files(&directory)[0], 1, "its segment is kept");
    let rest = drain_checked(&mut reader);
    let skipped: u64 = rest.iter().map(|(_, skipped)| skipped).sum();
    assert_eq!(skipped, usage.dropped_oldest.batches);
    assert_eq!(first.seq + rest.len() as u64 + skipped, 300);
    assert_eq!(rest.last().map(|(seq, _)| *seq), Some(300));
    assert_balance(usage);
    reader.release(300).expect("releases");
    assert_balance(writer.usage());
    assert_eq!(writer.usage().queued, Totals::default());
}

#[test]
fn a_hole_that_was_not_told_before_a_restart_is_told_after() {
    let directory = directory();
    let (mut writer, mut reader) = bounded(&directory, Full::DropOldest);
    fill(&mut writer, 1);
    drain(&mut reader);
    reader.release(1).expect("releases");
    for number in 2..=300 {
        append(&mut writer, number);
    }
    writer.sync().expect("syncs");
    let dropped = writer.usage().dropped_oldest.batches;
    drop((writer, reader));
    let (_writer, mut reader) = bounded(&directory, Full::DropOldest);
    assert_eq!(drain_checked(&mut reader)[0].1, dropped);
}

#[test]
fn drop_newest_drops_payloads_and_keeps_positions() {
    let directory = directory();
    let (mut writer, mut reader) = bounded(&directory, Full::DropNewest);
    let mut queued = 0;
    for number in 1..=300 {
        match append_payload(&mut writer, number, &payload(number)).expect("goes on") {
            Appended::Queued { seq } => queued = seq,
            Appended::Dropped => {}
        }
    }
    writer.sync().expect("syncs");
    let usage = writer.usage();
    assert_eq!(usage.dropped_newest.batches, 300 - queued);
    assert_eq!(usage.dropped_newest.records, 2 * (300 - queued));
    assert_eq!(drain_checked(&mut reader), plain(1..=queued));
    assert_balance(usage);
    drop((writer, reader));
    let (mut writer, mut reader) = bounded(&directory, Full::DropNewest);
    assert_eq!(writer.positions().get(&key(300)), Some(&300u64.to_be_bytes().to_vec()));
    drain(&mut reader);
    reader.release(queued).expect("releases");
    assert_eq!(append(&mut writer, 301), queued + 1);
}
