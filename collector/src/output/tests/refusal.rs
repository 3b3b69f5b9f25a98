//! Batches that a server does not take: in part, as too large, or at all.

use std::collections::BTreeMap;

use super::*;

fn times(body: &[u8]) -> Vec<u64> {
    let request = ExportLogsServiceRequest::decode(body).expect("protobuf");
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).map(|record| record.time_unix_nano).collect()
}

#[tokio::test(start_paused = true)]
async fn records_that_the_server_left_out_are_told() {
    let mut f = fixture(config(&["a"]));
    let partial = ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "2 bad_time".into() };
    let body = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    f.network.script("a", [Answer::Status(200, Vec::new(), body)]);
    let refused = Some(Refused { records: 2, reason: "2 bad_time".into(), dead_letters: Vec::new() });
    let expected = Delivered { accepted_seq: 1, horizon_seq: 1, refused };
    assert_eq!(f.sender.deliver(&batch(1, 5)).await, Ok(expected));
    let counts = f.sender.status().counts();
    assert_eq!((counts.records_sent, counts.refused_records), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_arrives_in_pieces_once() {
    let mut f = fixture(config(&["a"]));
    f.network.script("a", [Answer::AtMost(2)]);
    assert_eq!(f.sender.deliver(&Outbound { skipped: 1, ..batch(7, 7) }).await, delivered(7, 7));
    let seen = f.network.seen("a");
    let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.status == 200) {
        let (key, source) = (seen.header("idempotency-key"), seen.header("x-orszem-source"));
        assert_ne!(key.is_some(), source.is_some());
        if let Some(key) = key {
            assert_eq!(by_key.insert(key.to_owned(), times(&seen.body)), None, "{key} once");
        }
    }
    let expected: BTreeMap<String, Vec<u64>> =
        [("00", vec![1, 2]), ("01", vec![3, 4]), ("10", vec![5, 6]), ("11", vec![7])]
            .map(|(path, times)| (format!("n1-3-7-{path}"), times))
            .into();
    assert_eq!(by_key, expected);
    let last = seen.last().expect("the number");
    let identity = ["x-orszem-source", "x-orszem-epoch", "x-orszem-seq", "x-orszem-gap", "x-orszem-hash"];
    assert_eq!(identity.map(|name| last.header(name)), [Some("n1"), Some("3"), Some("7"), Some("1"), Some("00000000")]);
    assert_eq!((times(&last.body), last.status), (vec![], 200));
    let counts = f.sender.status().counts();
    assert_eq!((counts.batches_sent, counts.batches_split, counts.records_sent), (1, 1, 7));
}

#[tokio::test(start_paused = true)]
async fn a_piece_whose_answer_got_lost_is_repeated_under_its_key() {
    let mut f = fixture(config(&["a"]));
    f.network.script("a", [Answer::Silent(2)]);
    assert_eq!(f.sender.deliver(&batch(7, 3)).await, delivered(7, 7));
    let seen = f.network.seen("a");
    let sent: Vec<_> =
        seen.iter().map(|seen| (seen.header("idempotency-key"), times(&seen.body), seen.status)).collect();
    let (first, second) = (Some("n1-3-7-0"), Some("n1-3-7-1"));
    let expected = [
        (None, vec![1, 2, 3], 413),
        (first, vec![1, 2], 1),
        (first, vec![1, 2], 200),
        (second, vec![3], 1),
        (second, vec![3], 200),
        (None, vec![], 1),
        (None, vec![], 200),
    ];
    assert_eq!(sent, expected);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_large_alone_is_set_aside() {
    let mut f = fixture(config(&["a"]));
    f.network.script("a", [Answer::AtMost(0)]);
    let letter = |name: &str| f.directory.path().join(format!("dead-letter/{name}.otlp.zst"));
    let dead_letters = vec![letter("3-1-1"), letter("3-1-0")];
    let refused =
        Some(Refused { records: 2, reason: "413: Payload Too Large".into(), dead_letters: dead_letters.clone() });
    let delivered = f.sender.deliver(&batch(1, 2)).await;
    assert_eq!(delivered, Ok(Delivered { accepted_seq: 1, horizon_seq: 1, refused }));
    let kept = |path: &Path| zstd::decode_all(std::fs::read(path).expect("reads").as_slice()).expect("zstd");
    assert_eq!(dead_letters.iter().map(|path| times(&kept(path))).collect::<Vec<_>>(), [[2], [1]]);
    assert_eq!(f.sender.status().counts().dead_lettered, 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_refused_twice_becomes_a_dead_letter_and_its_number_goes_on() {
    for refusal in [400, 422] {
        let mut f = fixture(config(&["a"]));
        f.network.script("a", [status(refusal), status(refusal)]);
        let path = f.directory.path().join("dead-letter/3-1.otlp.zst");
        let delivered = f.sender.deliver(&batch(1, 2)).await.expect("delivered");
        let refused = delivered.refused.expect("refused");
        assert_eq!((delivered.horizon_seq, refused.records, &refused.dead_letters), (1, 2, &vec![path.clone()]));
        assert_eq!(std::fs::read(&path).expect("reads"), batch(1, 2).payload);
        let about = std::fs::read(path.with_extension("").with_extension("json")).expect("reads");
        let about: serde_json::Value = serde_json::from_slice(&about).expect("JSON");
        assert_eq!((&about["server"], &about["reason"]), (&"http://a".into(), &refused.reason.into()));
        assert_eq!((&about["seq"], &about["records"]), (&1.into(), &2.into()));
        let seen = f.network.seen("a");
        assert_eq!(seen.iter().map(|seen| times(&seen.body).len()).collect::<Vec<_>>(), [2, 2, 0]);
        assert_eq!(f.sender.status().counts().records_sent, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_refused_once_is_only_doubted() {
    let mut f = fixture(config(&["a"]));
    f.network.script("a", [status(400)]);
    assert_eq!(f.sender.deliver(&batch(1, 2)).await, delivered(1, 1));
    assert_eq!(f.sender.status().retries(), RetryCounts { doubted: 1, ..RetryCounts::default() });
    assert_eq!(f.sender.status().counts().dead_lettered, 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_costs_no_batch() {
    let mut f = fixture(config(&["a"]));
    f.network.script("a", std::iter::repeat_n(status(400), 8));
    assert_eq!(f.sender.deliver(&batch(1, 2)).await, delivered(1, 1));
    let letters = std::fs::read_dir(f.directory.path().join("dead-letter")).expect("lists").count();
    assert_eq!(letters, 0, "what was set aside for nothing is gone");
    let seen = f.network.seen("a");
    assert_eq!(times(&seen.last().expect("one").body).len(), 2, "whole after all");
}
