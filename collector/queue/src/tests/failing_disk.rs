//! Full disks and failed syncs: told, nothing half written, and the next call works.

use super::*;

#[test]
fn a_full_disk_refuses_the_entry_and_leaves_no_trace() {
    for room in 0..150 {
        let directory = directory();
        let (mut writer, mut reader, faults) = failing(directory.path(), Full::Block);
        fill(&mut writer, 3);
        let before = writer.usage();
        faults.lock().expect("faults").room = Some(room);
        let refused = append_payload(&mut writer, 4, &[7; 300]);
        assert!(matches!(refused, Err(AppendError::NoSpace(_))), "{refused:?}");
        assert_eq!(writer.usage(), before);
        faults.lock().expect("faults").room = None;
        assert_eq!(append(&mut writer, 5), 4);
        writer.sync().expect("syncs");
        drop((writer, reader));
        let recovered;
        (_, reader, recovered) = open(directory.path());
        assert_eq!((recovered.damage, recovered.torn_bytes), (vec![], 0));
        assert_eq!(drain_checked(&mut reader), plain(1..=4));
    }
}

#[test]
fn what_a_failed_write_left_is_void_where_it_could_not_be_cut_off() {
    let directory = directory();
    let (mut writer, reader, faults) = failing(directory.path(), Full::Block);
    fill(&mut writer, 3);
    {
        let mut faults = faults.lock().expect("faults");
        (faults.room, faults.truncations) = (Some(100), 1);
    }
    append_payload(&mut writer, 4, &[7; 300]).expect_err("no space");
    faults.lock().expect("faults").room = None;
    assert_eq!(append(&mut writer, 5), 4);
    writer.sync().expect("syncs");
    assert_eq!(files(&directory), [1, 4]);
    drop((writer, reader));
    let (_writer, mut reader, recovered) = open(directory.path());
    assert_eq!((recovered.damage, recovered.torn_bytes), (vec![], 0));
    assert_eq!(drain_checked(&mut reader), plain(1..=4));
}

#[test]
fn a_full_disk_while_a_segment_is_created_passes() {
    let directory = directory();
    let (mut writer, mut reader, faults) = failing(directory.path(), Full::Block);
    faults.lock().expect("faults").room = Some(1500);
    let mut number = 1;
    while append_payload(&mut writer, number, &payload(number)).is_ok() {
        number += 1;
    }
    faults.lock().expect("faults").room = None;
    for number in number..=60 {
        assert_eq!(append(&mut writer, number), number);
    }
    writer.sync().expect("syncs");
    assert_eq!(drain_checked(&mut reader), plain(1..=60));
}

#[test]
fn after_a_failed_sync_the_records_move_to_a_new_segment_and_nothing_is_lost() {
    for durable in [0, 4] {
        let directory = directory();
        let (mut writer, mut reader, faults) = failing(directory.path(), Full::Block);
        for number in 1..=durable {
            append(&mut writer, number);
        }
        writer.sync().expect("syncs");
        for number in durable + 1..=8 {
            append(&mut writer, number);
        }
        writer.checkpoint(&Changes::from([(b"other".to_vec(), Some(b"1".to_vec()))])).expect("checkpoint");
        faults.lock().expect("faults").syncs = 1;
        assert_eq!(writer.sync().expect("moves"), 9);
        let expected = if durable == 0 { vec![1] } else { vec![1, durable + 1] };
        assert_eq!(files(&directory), expected);
        assert_eq!(append(&mut writer, 9), 9);
        writer.sync().expect("syncs");
        assert_eq!(drain_checked(&mut reader), plain(1..=9));
        assert_balance(writer.usage());
        let positions = writer.positions().clone();
        drop((writer, reader));
        let (_writer, mut reader, recovered) = open(directory.path());
        assert_eq!((recovered.positions, recovered.next_seq), (positions, 10));
        assert_eq!((recovered.damage, recovered.torn_bytes), (vec![], 0));
        assert_eq!(drain_checked(&mut reader), plain(1..=9));
    }
}

#[test]
fn a_failed_sync_that_can_not_be_mended_is_told_until_it_can() {
    let directory = directory();
    let (mut writer, mut reader, faults) = failing(directory.path(), Full::Block);
    fill(&mut writer, 2);
    append(&mut writer, 3);
    faults.lock().expect("faults").syncs = 3;
    assert!(matches!(writer.sync(), Err(QueueError::CreateSegment { .. })));
    assert!(matches!(append_payload(&mut writer, 4, b"x"), Err(AppendError::Io(_))));
    assert_eq!(drain_checked(&mut reader), plain(1..=2), "what is not durable is not sent");
    assert_eq!(writer.sync().expect("mended"), 4);
    assert_eq!(drain_checked(&mut reader), [(3, 0)]);
}

#[test]
fn records_that_the_system_does_not_give_back_after_a_failed_sync_are_told_as_lost() {
    let directory = directory();
    let (mut writer, mut reader, faults) = failing(directory.path(), Full::Block);
    fill(&mut writer, 2);
    append(&mut writer, 3);
    writer.tail.file.set_len(writer.tail.bytes - 1).expect("cuts");
    faults.lock().expect("faults").syncs = 1;
    assert!(matches!(writer.sync(), Err(QueueError::Lost { first_seq: 3 })));
    assert!(matches!(append_payload(&mut writer, 4, b"x"), Err(AppendError::Io(QueueError::Lost { first_seq: 3 }))));
    assert_eq!(drain_checked(&mut reader), plain(1..=2));
    drop((writer, reader));
    let (_writer, _reader, recovered) = open(directory.path());
    assert_eq!((recovered.next_seq, recovered.damage), (3, vec![]));
    assert_eq!(recovered.positions.get(&key(3)), None, "to be read again");
}

#[test]
fn drop_policies_go_on_when_the_disk_is_full() {
    let directory = directory();
    let (mut writer, _reader, faults) = failing(directory.path(), Full::DropNewest);
    fill(&mut writer, 2);
    faults.lock().expect("faults").room = Some(10);
    assert_eq!(append_payload(&mut writer, 3, b"x").expect("goes on"), Appended::Dropped);
    assert_eq!(writer.sync().expect("goes on"), 3);
    assert_eq!(writer.usage().dropped_newest.batches, 1);
    faults.lock().expect("faults").room = None;
    writer.sync().expect("syncs");
    let positions = writer.positions().clone();
    assert_eq!(positions.get(&key(3)), Some(&3u64.to_be_bytes().to_vec()));
    drop((writer, _reader));
    let (_, _, recovered) = open(directory.path());
    assert_eq!(recovered.positions, positions);
}
