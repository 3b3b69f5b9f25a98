//! The journal on a real directory, promise by promise.

mod damage;
mod failing_disk;
mod formats;

use std::sync::mpsc;

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A submission of one frame for each payload.
fn submission(payloads: &[&[u8]]) -> Submission {
    let frame = |payload: &&[u8]| FrameInput { kind: Kind::Records, payload: Bytes::copy_from_slice(payload) };
    Submission { identity: None, frames: payloads.iter().map(frame).collect() }
}

fn open(directory: &TempDir) -> (LocalJournal, RecoveryReport) {
    open_with(directory, Options::default())
}

fn open_with(directory: &TempDir, options: Options) -> (LocalJournal, RecoveryReport) {
    LocalJournal::open(directory.path(), options).expect("open")
}

fn append(journal: &LocalJournal, payloads: &[&[u8]]) -> Appended {
    journal.append(&submission(payloads)).expect("append")
}

fn groups(journal: &LocalJournal, from: u64) -> Vec<Group> {
    journal.read_from(from).collect::<Result<_, _>>().expect("read")
}

fn payloads(groups: &[Group]) -> Vec<Vec<Bytes>> {
    groups.iter().map(|group| group.frames.iter().map(|frame| frame.payload.clone()).collect()).collect()
}

/// The group that `appended` and `submission` must give when read back.
fn expected(submission: &Submission, appended: &Appended) -> Group {
    let frames = submission.frames.iter().zip(&appended.positions).map(|(frame, &position)| Frame {
        position,
        kind: frame.kind,
        payload: frame.payload.clone(),
    });
    let Appended { first, end, .. } = *appended;
    Group { first, end, identity: submission.identity.clone(), frames: frames.collect() }
}

#[test]
fn groups_read_back_as_written_also_after_reopening() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, report) = open(&directory);
    assert_eq!(report, RecoveryReport::default());
    let identity = Identity::Sequenced { source: "n1".into(), epoch: 3, signal: Signal::Logs, seq: 9, skipped: 1 };
    let mut named = submission(&[b"one", b"", b"three"]);
    named.identity = Some(identity);
    named.frames[2].kind = Kind::Command;
    let plain = submission(&[b"solo"]);
    let first = journal.append(&named).expect("append");
    let second = journal.append(&plain).expect("append");
    let written = vec![expected(&named, &first), expected(&plain, &second)];
    assert_eq!(groups(&journal, 0), written);
    assert_eq!(groups(&journal, second.first), written[1..]);
    assert_eq!(groups(&journal, first.positions[1]), written[1..], "from within a group");
    assert_eq!(groups(&journal, second.end), []);
    assert_eq!((first.first, first.end, journal.end()), (32, second.first, second.end));

    let (journal, report) = open(&directory);
    assert_eq!(report, RecoveryReport { segments: 1, groups: 2, bytes: second.end - 32, ..Default::default() });
    assert_eq!(groups(&journal, 0), written);
    assert_eq!(append(&journal, &[b"later"]).first, second.end);
}

#[test]
fn a_reader_that_reached_the_end_goes_on_with_what_comes() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open_with(&directory, Options { segment_bytes: 200, ..Options::default() });
    let mut reader = journal.read_from(0);
    for round in 0..20u8 {
        assert!(reader.next().is_none());
        let appended = append(&journal, &[&[round; 70]]);
        let group = reader.next().expect("a group").expect("intact");
        assert_eq!((group.first, reader.position()), (appended.first, appended.end));
    }
}

#[test]
fn segments_roll_and_trimming_deletes_whole_ones_only() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open_with(&directory, Options { segment_bytes: 300, ..Options::default() });
    let appended: Vec<Appended> = (0..12u8).map(|number| append(&journal, &[&[number; 50]])).collect();
    let all = groups(&journal, 0);
    assert_eq!(all.len(), 12);
    let bytes = journal.disk_bytes();
    assert_eq!(journal.trim(appended[0].end).expect("trim"), 0);
    assert!(journal.trim(appended[7].end).expect("trim") > 0);
    let kept = groups(&journal, 0);
    assert_eq!(kept, all[all.len() - kept.len()..]);
    assert!(kept.len() < 12 && kept[0].first <= appended[8].first);
    assert!(journal.start() > 0 && journal.disk_bytes() < bytes);

    journal.trim(u64::MAX).expect("trim");
    let end = journal.end();
    let (journal, report) = open(&directory);
    assert_eq!((report.segments, journal.end()), (1, end), "the last segment keeps the position");
    assert_eq!(append(&journal, &[b"next"]).first, end);
}

#[test]
fn positions_end_below_the_limit() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let near = Options { end_at_least: POSITION_MAX - 200, ..Options::default() };
    let (journal, _) = open_with(&directory, near);
    let appended = append(&journal, &[b"fits"]);
    assert_eq!(appended.first, POSITION_MAX - 200 + 32);
    let refused = journal.append(&submission(&[&[0; 100]]));
    assert!(matches!(refused, Err(Error::PositionsExhausted { position }) if position == appended.end));
    let (journal, _) = open_with(&directory, Options { end_at_least: POSITION_MAX, ..Options::default() });
    assert!(matches!(journal.append(&submission(&[b"x"])), Err(Error::PositionsExhausted { .. })));
}

#[test]
fn a_consumer_ahead_of_the_journal_moves_it_forward() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    append(&journal, &[b"old"]);
    drop(journal);
    let (journal, _) = open_with(&directory, Options { end_at_least: 5000, ..Options::default() });
    assert_eq!(append(&journal, &[b"new"]).first, 5032);
    let (journal, report) = open(&directory);
    assert_eq!((report.damaged, report.torn), (vec![], None));
    assert_eq!(payloads(&groups(&journal, 0)), [[b"old".as_slice()], [b"new".as_slice()]]);
}

#[test]
fn a_bad_submission_fails_alone() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    let large = vec![0; FRAME_PAYLOAD_MAX + 1];
    let results = journal.append_all(&[submission(&[b"a"]), submission(&[&large]), submission(&[b"b"])]);
    assert!(matches!(results[1], Err(Error::PayloadTooLarge { .. })));
    assert_eq!(payloads(&groups(&journal, 0)), [[b"a".as_slice()], [b"b".as_slice()]]);
    assert_eq!(results[2].as_ref().expect("appended").end, journal.end());
}

#[test]
fn the_largest_payload_round_trips() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    let large: Vec<u8> = (0..FRAME_PAYLOAD_MAX).map(|at| (at % 251) as u8).collect();
    append(&journal, &[&large, b"small", &large]);
    let (journal, report) = open(&directory);
    assert_eq!(report.groups, 1);
    assert_eq!(payloads(&groups(&journal, 0)), [[large.as_slice(), b"small", &large]]);
}

#[test]
fn the_writer_completes_all_in_order_of_position() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open_with(&directory, Options { segment_bytes: 4096, ..Options::default() });
    let writer = Writer::start("journal", journal.clone(), WriterOptions::default()).expect("start");
    let (sender, receiver) = mpsc::sync_channel(1000);
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let (writer, sender) = (&writer, sender.clone());
            scope.spawn(move || {
                for number in 0..100u8 {
                    let sender = sender.clone();
                    let completion = Box::new(move |result| sender.send((thread, number, result)).expect("receiver"));
                    writer.submit(submission(&[&[thread, number]]), completion).expect("room");
                }
            });
        }
    });
    writer.stop().expect("stop");
    drop(sender);
    let done: Vec<(u8, u8, Appended)> =
        receiver.iter().map(|(thread, number, result)| (thread, number, result.expect("appended"))).collect();
    assert_eq!(done.len(), 400);
    let read = groups(&journal, 0);
    let firsts: Vec<u64> = done.iter().map(|(_, _, appended)| appended.first).collect();
    assert_eq!(read.iter().map(|group| group.first).collect::<Vec<_>>(), firsts);
    let contents: Vec<Vec<Bytes>> = done.iter().map(|&(t, n, _)| vec![Bytes::copy_from_slice(&[t, n])]).collect();
    assert_eq!(payloads(&read), contents);
}

#[test]
fn a_full_queue_refuses_and_drains() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (journal, _) = open(&directory);
    let options = WriterOptions { queue_length_max: 10, queue_bytes_max: 10, batch_bytes_max: 1 };
    let writer = Writer::start("journal", journal, options).expect("start");
    let (release, held) = mpsc::sync_channel::<()>(0);
    let (entered, in_completion) = mpsc::sync_channel::<()>(1);
    let hold = Box::new(move |_| {
        entered.send(()).expect("receiver");
        held.recv().expect("release");
    });
    writer.submit(submission(&[&[0; 100]]), hold).expect("alone above the limit");
    in_completion.recv().expect("completion");
    writer.submit(submission(&[&[0; 10]]), Box::new(|_| {})).expect("fits");
    assert!(matches!(writer.submit(submission(&[&[0; 1]]), Box::new(|_| {})), Err(Error::QueueFull)));
    assert_eq!(writer.queued_bytes(), 10);
    for _ in 0..9 {
        writer.submit(submission(&[&[]]), Box::new(|_| {})).expect("a place is free");
    }
    assert!(matches!(writer.submit(submission(&[&[]]), Box::new(|_| {})), Err(Error::QueueFull)));
    release.send(()).expect("writer");
    writer.stop().expect("stop");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever is appended, over whatever segment size and restarts, is what is read.
    #[test]
    fn round_trips(
        batches in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..4), 1..4), 1..8),
        segment_bytes in 64u64..1000,
    ) {
        let directory = tempfile::tempdir().expect("temporary directory");
        let options = Options { segment_bytes, ..Options::default() };
        let mut written = Vec::new();
        for batch in &batches {
            let (journal, report) = open_with(&directory, options);
            prop_assert_eq!((report.damaged, report.torn), (vec![], None));
            let submissions: Vec<Submission> = batch
                .iter()
                .map(|frames| submission(&frames.iter().map(Vec::as_slice).collect::<Vec<_>>()))
                .collect();
            for (submission, result) in submissions.iter().zip(journal.append_all(&submissions)) {
                written.push(expected(submission, &result.expect("append")));
            }
            prop_assert_eq!(&groups(&journal, 0), &written);
            for group in &written {
                prop_assert_eq!(journal.read_from(group.first).next().expect("group").expect("read"), group.clone());
            }
        }
    }
}

#[test]
fn a_copy_taken_while_open_has_all_that_is_durable() {
    let (directory, target) = (tempfile::tempdir().expect("directory"), tempfile::tempdir().expect("directory"));
    let (journal, _) = open(&directory);
    let first = append(&journal, &[b"one"]);
    journal.roll().expect("rolls");
    append(&journal, &[b"two"]);
    let (mut cursors, _) = Cursors::open(directory.path()).expect("opens");
    cursors.set("tail", first.end).expect("sets");
    journal.copy_to(target.path()).expect("copies");
    append(&journal, &[b"later"]);
    let (copy, report) = open(&target);
    assert_eq!((report.segments, report.groups, report.torn, report.damaged), (2, 2, None, vec![]));
    assert_eq!(payloads(&groups(&copy, 0)), [[b"one".as_slice()], [b"two".as_slice()]]);
    let (cursors, _) = Cursors::open(target.path()).expect("opens");
    assert_eq!(cursors.get("tail"), Some(first.end));
}

#[test]
fn what_is_done_with_goes_although_no_segment_is_full() {
    let (directory, payload) = (tempfile::tempdir().expect("directory"), [7; 1_000]);
    let (journal, _) = open(&directory);
    assert!(!journal.roll_from(1).expect("nothing to leave"));
    let first = append(&journal, &[&payload]);
    assert!(!journal.roll_from(2_000).expect("too little"));
    assert_eq!(journal.trim(first.end).expect("trims"), 0);
    assert!(journal.roll_from(1_000).expect("rolls"));
    assert!(!journal.roll_from(1_000).expect("the new one is empty"));
    assert_eq!(journal.trim(first.end - 1).expect("trims"), 0);
    assert_eq!(journal.trim(first.end).expect("trims"), 1);
    assert!(journal.disk_bytes() < 100, "{}", journal.disk_bytes());
    drop(journal);
    let (journal, report) = open(&directory);
    assert_eq!((report.segments, report.groups, report.torn, report.damaged), (1, 0, None, vec![]));
    let second = append(&journal, &[b"two"]);
    assert!(second.first >= first.end, "{second:?} {first:?}");
    assert_eq!(payloads(&groups(&journal, 0)), [[b"two".as_slice()]]);
}
