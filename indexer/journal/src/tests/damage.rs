//! Cut files, flipped bits, foreign versions: the rest is served, and positions go on upwards.

use std::fs;
use std::path::PathBuf;

use super::*;

/// The bytes of a one-segment journal and the groups in it.
fn sample() -> (Vec<u8>, Vec<Group>) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    append(&journal, &[b"first"]);
    append(&journal, &[b"second, part one", b"second, part two"]);
    append(&journal, &[b"third"]);
    append(&journal, &[b"fourth", b"fourth's end"]);
    (fs::read(paths::segment(directory.path(), 0)).expect("read"), groups(&journal, 0))
}

fn journal_of(bytes: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = paths::segment(directory.path(), 0);
    fs::write(&path, bytes).expect("write");
    (directory, path)
}

#[test]
fn a_cut_anywhere_keeps_exactly_the_whole_groups_before_it() {
    let (bytes, all) = sample();
    for cut in 0..=bytes.len() {
        let (directory, path) = journal_of(&bytes[..cut]);
        let (journal, report) = open(&directory);
        let whole: Vec<Group> = all.iter().filter(|group| group.end <= cut as u64).cloned().collect();
        assert_eq!(groups(&journal, 0), whole, "cut at {cut}");
        assert_eq!(report.damaged, [], "cut at {cut}");
        let kept = if cut < 32 { 0 } else { whole.last().map_or(32, |group| group.end) };
        let torn = (cut < 32 || kept < cut as u64).then(|| TornTail { path, offset: kept, bytes: cut as u64 - kept });
        assert_eq!(report.torn, torn, "cut at {cut}");

        let appended = append(&journal, &[b"after"]);
        assert!(appended.first >= cut as u64, "cut at {cut}");
        let (journal, report) = open(&directory);
        assert_eq!((report.damaged, report.torn), (vec![], None), "second start, cut at {cut}");
        let mut served = groups(&journal, 0);
        assert_eq!(served.pop().map(|group| group.first), Some(appended.first));
        assert_eq!(served, whole);
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_at_most_its_own_group() {
    let (bytes, all) = sample();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        let (directory, path) = journal_of(&bad);
        let (journal, report) = open(&directory);
        let holds = |group: &Group| (group.first..group.end).contains(&(at as u64));
        let others: Vec<Group> = all.iter().filter(|group| !holds(group)).cloned().collect();
        assert_eq!(groups(&journal, 0), others, "byte {at}");
        let hit = all.iter().find(|group| holds(group));
        match (&report.torn, report.damaged.as_slice()) {
            // A length that now reaches over the end of the file looks like a write that was cut short.
            (Some(torn), []) => assert_eq!(Some(torn.offset), hit.map(|group| group.first)),
            (None, [damage]) => {
                let (first, end) = hit.map_or((0, 32), |group| (group.first, group.end));
                assert_eq!((&damage.path, damage.offset, damage.bytes), (&path, first, end - first), "byte {at}");
                let kept = fs::read(damage.kept.as_ref().expect("kept")).expect("read");
                assert_eq!(kept, bad[first as usize..end as usize]);
            }
            other => panic!("byte {at}: {other:?}"),
        }
        let appended = append(&journal, &[b"after"]);
        assert!(appended.first >= bytes.len() as u64);
        let (journal, _) = open(&directory);
        let mut served = groups(&journal, 0);
        assert_eq!(served.pop().map(|group| group.first), Some(appended.first));
        assert_eq!(served, others, "second start, byte {at}");
    }
}

#[test]
fn damage_between_segments_is_reported_once_more_but_copied_once() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open_with(&directory, Options { segment_bytes: 150, ..Options::default() });
    for number in 0..9u8 {
        append(&journal, &[&[number; 60]]);
    }
    let all = groups(&journal, 0);
    drop(journal);
    let path = paths::segment(directory.path(), 0);
    let mut bytes = fs::read(&path).expect("read");
    bytes[60] ^= 4;
    fs::write(&path, &bytes).expect("write");
    let (journal, first) = open(&directory);
    assert_eq!(groups(&journal, 0), all[1..]);
    let (_, second) = open(&directory);
    assert_eq!(first, second);
    assert_eq!(first.damaged.iter().map(|damage| damage.reason).collect::<Vec<_>>(), [Reason::Checksum]);
    let kept = fs::read_dir(directory.path().join("quarantine")).expect("quarantine").count();
    assert_eq!(kept, 1);
}

#[test]
fn damage_that_appears_while_open_is_an_item_and_reading_goes_on() {
    let (bytes, all) = sample();
    let (directory, path) = journal_of(&bytes);
    let (journal, _) = open(&directory);
    let mut bad = bytes;
    let at = all[1].first as usize + 30;
    bad[at] ^= 1;
    fs::write(&path, &bad).expect("write");
    let items: Vec<Result<Group, Error>> = journal.read_from(0).collect();
    assert_eq!(items.len(), 4);
    let good: Vec<&Group> = items.iter().flatten().collect();
    assert_eq!(good, [&all[0], &all[2], &all[3]]);
    let Err(Error::Damaged(damage)) = &items[1] else { panic!("{:?}", items[1]) };
    assert_eq!((damage.offset, damage.bytes), (all[1].first, all[1].end - all[1].first));
}

#[test]
fn a_frame_inside_a_payload_is_not_taken_for_one() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    let mut embedded = Vec::new();
    let input = FrameInput { kind: Kind::Records, payload: Bytes::from_static(b"forged") };
    let payload_offset = 32 + 16 + 1 + 5;
    frame::encode(&mut embedded, &mut Vec::new(), payload_offset, &input, 0, true, None);
    append(&journal, &[&embedded]);
    append(&journal, &[b"next"]);
    drop(journal);
    let path = paths::segment(directory.path(), 0);
    let mut bytes = fs::read(&path).expect("read");
    assert_eq!(bytes[payload_offset as usize..][..embedded.len()], embedded);
    bytes[36] ^= 1;
    fs::write(&path, &bytes).expect("write");
    let (journal, report) = open(&directory);
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(payloads(&groups(&journal, 0)), [[b"next".as_slice()]]);
}

#[test]
fn a_segment_of_a_newer_version_is_set_aside_whole() {
    let (mut bytes, _) = sample();
    bytes[8] = 2;
    let (content, checksum) = bytes[..32].split_at_mut(28);
    checksum.copy_from_slice(&crc32c::crc32c(content).to_le_bytes());
    let (directory, path) = journal_of(&bytes);
    let (journal, report) = open(&directory);
    assert_eq!(groups(&journal, 0), []);
    let [damage] = report.damaged.as_slice() else { panic!("{report:?}") };
    assert_eq!((&damage.path, damage.reason), (&path, Reason::FutureVersion(2)));
    assert_eq!(fs::read(damage.kept.as_ref().expect("kept")).expect("read"), bytes);
    assert!(append(&journal, &[b"after"]).first > bytes.len() as u64);
}

#[test]
fn zeros_at_the_end_are_a_torn_tail() {
    let (mut bytes, all) = sample();
    let end = bytes.len() as u64;
    bytes.extend_from_slice(&[0; 5000]);
    let (directory, path) = journal_of(&bytes);
    let (journal, report) = open(&directory);
    assert_eq!(report.torn, Some(TornTail { path: path.clone(), offset: end, bytes: 5000 }));
    assert_eq!(groups(&journal, 0), all);
    assert_eq!(fs::metadata(&path).expect("metadata").len(), end);
}

#[test]
fn a_segment_cut_in_the_middle_of_the_journal_is_damage() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open_with(&directory, Options { segment_bytes: 150, ..Options::default() });
    for number in 0..4u8 {
        append(&journal, &[&[number; 60]]);
    }
    let all = groups(&journal, 0);
    drop(journal);
    segment::truncate(&paths::segment(directory.path(), 0), 100).expect("truncate");
    let (journal, report) = open(&directory);
    let reasons: Vec<Reason> = report.damaged.iter().map(|damage| damage.reason).collect();
    assert_eq!((reasons, report.torn), (vec![Reason::Cut, Reason::Missing], None));
    assert_eq!(groups(&journal, 0), all[1..]);
}
