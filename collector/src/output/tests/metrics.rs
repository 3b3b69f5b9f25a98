//! Metrics on their way to a server.

use super::*;

/// A request with this many series of a sample each.
fn write_request(series: u8) -> Vec<u8> {
    let mut raw = b"\x22\x00\x22\x08__name__\x22\x01a".to_vec();
    for value in 0..series {
        let sample = [b"\x09".as_slice(), &f64::from(value).to_le_bytes(), b"\x10\x07"].concat();
        let message = [b"\x0a\x02\x01\x02\x12".as_slice(), &[sample.len() as u8], &sample].concat();
        raw.extend([0x2a, message.len() as u8]);
        raw.extend(message);
    }
    raw
}

fn write_batch(seq: u64, series: u8) -> Outbound {
    let raw = write_request(series);
    let payload = zstd::bulk::compress(&raw, 1).expect("compresses").into();
    let hash = crc32c::crc32c(&raw);
    Outbound { payload, hash, raw_len: raw.len(), records: series.into(), source: "metrics/n1".into(), ..batch(seq, 0) }
}

fn metrics_fixture() -> Fixture {
    let (network, cancel) = (Network::default(), CancellationToken::new());
    let directory = tempfile::tempdir().expect("a directory");
    let dial = Dial::Memory(network.clone());
    let sender = Sender::dialling(output(config(&["a"])), Signal::Metrics, directory.path(), cancel.clone(), dial);
    Fixture { network, sender: sender.expect("a sender"), directory, cancel }
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_remote_write_with_its_identity() {
    let mut f = metrics_fixture();
    f.network.script("a", [Answer::Status(204, vec![("x-orszem-horizon-seq", "6")], Vec::new())]);
    assert_eq!(f.sender.deliver(&write_batch(7, 2)).await, delivered(7, 6));
    let seen = f.network.seen("a");
    assert_eq!((seen[0].path.as_str(), &seen[0].body), ("/api/v1/write", &write_request(2)));
    for (name, expected) in [
        ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        ("content-encoding", "zstd"),
        ("x-prometheus-remote-write-version", "2.0.0"),
        ("x-orszem-source", "metrics/n1"),
        ("x-orszem-epoch", "3"),
        ("x-orszem-seq", "7"),
    ] {
        assert_eq!(seen[0].header(name), Some(expected), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn samples_that_were_not_written_are_counted_and_not_sent_again() {
    let mut f = metrics_fixture();
    let written = vec![("x-prometheus-remote-write-samples-written", "3")];
    f.network.script("a", [Answer::Status(400, written, b"out of order".to_vec())]);
    let refused = Refused { records: 2, reason: "400: out of order".into(), dead_letters: Vec::new() };
    let expected = Delivered { accepted_seq: 1, horizon_seq: 1, refused: Some(refused) };
    assert_eq!(f.sender.deliver(&write_batch(1, 5)).await, Ok(expected));
    assert_eq!(f.network.seen("a").len(), 1);
    let counts = f.sender.status().counts();
    assert_eq!((counts.records_sent, counts.refused_records), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_large_goes_in_pieces_and_a_refused_one_is_set_aside() {
    let mut f = metrics_fixture();
    f.network.script("a", [Answer::AtMost(2)]);
    assert_eq!(f.sender.deliver(&write_batch(7, 3)).await, delivered(7, 7));
    let taken: Vec<Vec<u8>> = f.network.seen("a").into_iter().filter(|s| s.status == 200).map(|s| s.body).collect();
    assert_eq!(taken.len(), 3, "two halves and the number");
    assert_eq!((&taken[0], &taken[2]), (&write_request(2), &Vec::new()));

    let mut f = metrics_fixture();
    f.network.script("a", [status(400), status(400)]);
    let path = f.directory.path().join("dead-letter-metrics/3-1.write.zst");
    let refused = f.sender.deliver(&write_batch(1, 2)).await.expect("delivered").refused.expect("refused");
    assert_eq!((refused.records, refused.dead_letters), (2, vec![path.clone()]));
    assert_eq!(std::fs::read(&path).expect("reads"), write_batch(1, 2).payload);
}
