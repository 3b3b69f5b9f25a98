//! Flipped bits in what is queued: what they hit is told to be lost, and all the rest is delivered once.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orszem_collector::output::{Accepted, OutboundBatch, Signal};
use orszem_collector::{Collector, CollectorConfig, CollectorHandle, Destination, Input};
use tokio::sync::mpsc;

/// Before the first record, and of the head of one; see `orszem_queue`'s `segment` and `record`.
const PREAMBLE_BYTES: usize = 56;
const HEAD_BYTES: usize = 40;
const BATCH: u8 = 1;

/// What a collector sent, by number: how many numbers before it are gone for good, and its lines.
type Sent = BTreeMap<u64, (u64, Vec<String>)>;

fn start(state_dir: &Path, lines: Vec<u8>) -> (CollectorHandle, mpsc::Receiver<OutboundBatch>) {
    let config = CollectorConfig { state_dir: state_dir.to_owned(), ..CollectorConfig::default() };
    let (sender, batches) = mpsc::channel(1);
    let input = Input::Reader(Box::new(Cursor::new(lines)));
    let handle = Collector::start(config, "n".to_owned(), input, Destination::InProcess(sender));
    (handle.expect("starts"), batches)
}

/// Starts a collector that has nothing more to read, and takes all that it sends.
async fn sent_from(state_dir: &Path) -> Sent {
    let (collector, mut batches) = start(state_dir, Vec::new());
    let taking = tokio::spawn(async move {
        let mut sent = Sent::new();
        while let Some(OutboundBatch { payload, seq, skipped, done, .. }) = batches.recv().await {
            let raw = zstd::decode_all(payload.as_ref()).expect("zstd");
            let text = String::from_utf8_lossy(&raw);
            let lines = text.split("line ").skip(1).map(|rest| rest.chars().take(6).collect()).collect();
            let before = sent.insert(seq, (skipped, lines));
            assert_eq!(before, None, "batch {seq} came twice");
            let accepted = Accepted { accepted_seq: seq, horizon_seq: seq, ..Accepted::default() };
            done.send(Ok(accepted)).expect("is waited for");
        }
        sent
    });
    collector.has_ended().await;
    collector.stop(Duration::from_secs(60)).await;
    drop(collector);
    taking.await.expect("takes")
}

/// A state directory with some batches in the queue, none of them sent.
async fn filled(state_dir: &Path) -> Vec<u8> {
    let line = |number: u32| format!("line {number:06} {}\n", "x".repeat(1_000));
    let (collector, batches) = start(state_dir, (0..4_000).map(line).collect::<String>().into_bytes());
    collector.has_ended().await;
    collector.stop(Duration::ZERO).await;
    drop(batches);
    fs::read(segment(state_dir)).expect("reads")
}

fn segment(state_dir: &Path) -> PathBuf {
    state_dir.join(Signal::Logs.queue()).join("00000000000000000001.q")
}

fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a directory");
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        fs::create_dir_all(to.path().join(&directory)).expect("creates");
        for entry in fs::read_dir(from.join(&directory)).expect("lists") {
            let entry = entry.expect("an entry");
            let path = directory.join(entry.file_name());
            match entry.file_type().expect("a kind").is_dir() {
                true => directories.push(path),
                false => drop(fs::copy(entry.path(), to.path().join(path)).expect("copies")),
            }
        }
    }
    to
}

/// The parts of a segment: a place in each, and the number of the batch that is lost with it.
fn parts(segment: &[u8]) -> Vec<(String, usize, Option<u64>)> {
    let of_preamble = [("magic", 3), ("version", 8), ("epoch", 15), ("first", 20), ("previous", 40), ("checksum", 55)];
    let mut parts: Vec<(String, usize, Option<u64>)> =
        of_preamble.map(|(name, at)| (format!("the preamble's {name}"), at, None)).to_vec();
    let number = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().expect("four bytes")) as usize;
    let mut at = PREAMBLE_BYTES;
    while at < segment.len() {
        let (meta, payload, seq) = (number(at + 4), number(at + 8), number(at + 12) as u64);
        let lost = (segment[at + HEAD_BYTES] == BATCH).then_some(seq);
        for (name, place) in [
            ("marker", at),
            ("meta length", at + 5),
            ("payload length", at + 9),
            ("number", at + 12),
            ("epoch", at + 20),
            ("meta checksum", at + 28),
            ("payload checksum", at + 32),
            ("own checksum", at + 36),
            ("meta", at + HEAD_BYTES + meta - 1),
            ("payload", at + HEAD_BYTES + meta + payload / 2),
        ] {
            if payload > 0 || name != "payload" {
                parts.push((format!("the {name} of {lost:?} at {at}"), place, lost));
            }
        }
        at += HEAD_BYTES + meta + payload;
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flipped_bit_hits_is_told_and_the_rest_comes_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = filled(directory.path()).await;
    let whole = sent_from(copied(directory.path()).path()).await;
    let lines = |sent: &Sent| sent.values().flat_map(|(_, lines)| lines).cloned().collect::<Vec<_>>();
    assert_eq!(lines(&whole), (0..4_000).map(|number| format!("{number:06}")).collect::<Vec<_>>());
    assert!(whole.values().all(|(skipped, _)| *skipped == 0));
    let parts = parts(&bytes);
    let batches = parts.iter().filter_map(|(.., lost)| *lost).max().expect("batches");
    assert!(batches >= 3, "{parts:?}");
    // Behind the last one stands nothing that could tell of it.
    for (part, at, lost) in parts.into_iter().filter(|(.., lost)| *lost != Some(batches)) {
        let copy = copied(directory.path());
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(segment(copy.path()), damaged).expect("writes");
        let sent = sent_from(copy.path()).await;
        let mut expected = whole.clone();
        if let Some(lost) = lost {
            expected.remove(&lost);
            expected.get_mut(&(lost + 1)).expect("a batch behind it").0 = 1;
        }
        assert_eq!(sent, expected, "{part}");
    }
}
