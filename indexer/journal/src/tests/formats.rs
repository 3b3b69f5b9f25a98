//! Frozen samples: what version 1 wrote is read for ever, and version 1 is still what is written.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/journal-v1")
}

fn identity() -> Identity {
    Identity::Sequenced { source: "node-1".into(), epoch: 1_700_000_000, signal: Signal::Logs, seq: 300, skipped: 2 }
}

fn sample() -> [Submission; 3] {
    let mut sequenced = submission(&[b"records, part one", b"records, part two"]);
    sequenced.identity = Some(identity());
    let mut keyed = submission(&[b"samples"]);
    keyed.identity = Some(Identity::Idempotent { key: "tenant-1/batch-7".into() });
    keyed.frames[0].kind = Kind::Samples;
    let mut command = submission(&[b"command"]);
    command.frames[0].kind = Kind::Command;
    [sequenced, keyed, command]
}

/// Writes one of every file into `directory`.
fn write_all(directory: &TempDir) -> Vec<Group> {
    let (journal, _) = open(directory);
    let submissions = sample();
    let mut stage = Deduplicator::default();
    let mut written = Vec::new();
    for (submission, result) in submissions.iter().zip(journal.append_all(&submissions)) {
        let appended = result.expect("append");
        assert_eq!(stage.admit(submission.identity.as_ref(), appended.first, appended.end), Verdict::Fresh);
        written.push(expected(submission, &appended));
    }
    let mut later = identity();
    if let Identity::Sequenced { seq, skipped, .. } = &mut later {
        (*seq, *skipped) = (310, 0);
    }
    stage.admit(Some(&later), journal.end(), journal.end() + 1);
    Deduplicator::save(directory.path(), &stage.encode()).expect("save");
    let (mut cursors, _) = Cursors::open(directory.path()).expect("open cursors");
    cursors.set_all(&[("store", 32), ("tail", 5_000_000_000)]).expect("set");
    written
}

fn names() -> [&'static str; 3] {
    ["00000000000000000000.journal", "cursors", "deduplication"]
}

#[test]
fn what_is_written_is_still_version_1() {
    let directory = tempfile::tempdir().expect("temporary directory");
    write_all(&directory);
    for name in names() {
        let fresh = fs::read(directory.path().join(name)).expect("read fresh");
        let frozen = fs::read(frozen().join(name)).expect("read frozen");
        assert!(fresh == frozen, "{name} changed: a new format needs a new version\n{fresh:02x?}");
    }
}

#[test]
fn frozen_version_1_loads() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let written = write_all(&directory);
    for name in names() {
        fs::copy(frozen().join(name), directory.path().join(name)).expect("copy");
    }
    let (journal, report) = open(&directory);
    assert_eq!((report.groups, report.damaged, report.torn), (3, vec![], None));
    assert_eq!(groups(&journal, 0), written);
    let (cursors, damage) = Cursors::open(directory.path()).expect("open cursors");
    assert_eq!(cursors.iter().collect::<Vec<_>>(), [("store", 32), ("tail", 5_000_000_000)]);
    assert_eq!(damage, None);
    let (stage, damage) = Deduplicator::load(directory.path()).expect("load");
    assert_eq!((stage.position(), damage), (journal.end() + 1, None));
    assert_eq!(stage.horizon_seq("node-1", 1_700_000_000, Signal::Logs), Some(300));
    assert_eq!(stage.accepted_seq("node-1", 1_700_000_000, Signal::Logs), Some(310));
    assert!(stage.is_duplicate(&Identity::Idempotent { key: "tenant-1/batch-7".into() }));
}
