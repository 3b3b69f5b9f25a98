//! Looking from outside, while the queue is open.

use std::fs;

use super::*;

#[test]
fn list_and_dump_show_what_an_open_queue_holds() {
    let directory = directory();
    let (mut writer, mut reader, _) = open(directory.path());
    fill(&mut writer, 100);
    drain(&mut reader);
    reader.release(30).expect("releases");
    let listed = inspect::list(directory.path()).expect("lists");
    assert_eq!(listed.iter().map(|segment| segment.first_seq).collect::<Vec<_>>(), files(&directory));
    let (newest, older) = listed.split_last().expect("segments");
    assert_eq!((newest.state, newest.end_seq), (inspect::SegmentState::Newest, 101));
    assert!(older.iter().all(|segment| segment.state == inspect::SegmentState::Closed));
    assert_eq!(listed.iter().map(|segment| segment.totals.batches).sum::<u64>(), 101 - listed[0].first_seq);
    assert_eq!(listed.iter().map(|segment| segment.bytes).sum::<u64>(), writer.usage().disk_bytes);
    let dumped: Vec<inspect::Dumped> = inspect::dump(directory.path(), 50..=52).expect("dumps").collect();
    for (dumped, number) in dumped.iter().zip(50..) {
        assert_eq!((dumped.batch.seq, &dumped.batch.payload), (number, &payload(number)));
        let at = |number: u64| (key(number), number.to_be_bytes().to_vec());
        assert_eq!(dumped.positions, Positions::from([at(number - 2), at(number - 1), at(number)]));
    }
    assert_eq!(dumped.len(), 3);
}

#[test]
fn check_names_damage_holes_and_a_torn_end_and_repair_mends_them() {
    let directory = directory();
    let (mut writer, reader, _) = open(directory.path());
    fill(&mut writer, 100);
    let sound = inspect::check(directory.path()).expect("checks");
    assert_eq!((sound.epoch, sound.intact.batches, sound.holes.len()), (Some(EPOCH), 100, 0));
    assert_eq!((sound.damage, sound.torn_bytes), (vec![], 0));
    drop((writer, reader));
    let segments = files(&directory);
    fs::remove_file(paths::segment(directory.path(), segments[1])).expect("removes");
    let newest = paths::segment(directory.path(), segments[segments.len() - 1]);
    let mut bytes = fs::read(&newest).expect("reads");
    bytes.truncate(bytes.len() - 1);
    fs::write(&newest, &bytes).expect("writes");
    let oldest = paths::segment(directory.path(), 1);
    let mut bytes = fs::read(&oldest).expect("reads");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&oldest, &bytes).expect("writes");
    let report = inspect::check(directory.path()).expect("checks");
    assert_eq!(report.damage.iter().map(|damage| damage.reason).collect::<Vec<_>>(), [Reason::Checksum]);
    assert_eq!(report.damage[0].lost_records, Some(2));
    assert_eq!(report.holes, [segments[1] - 1..=segments[2] - 1]);
    assert!(report.torn_bytes > 0);
    assert!(!directory.path().join("quarantine").is_dir(), "checking changes nothing");
    let recovered = inspect::repair(directory.path(), 1).expect("repairs");
    assert_eq!((recovered.torn_bytes, recovered.epoch), (report.torn_bytes, EPOCH));
    assert_eq!(inspect::check(directory.path()).expect("checks").torn_bytes, 0);
}
